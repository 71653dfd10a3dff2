package httpapi

import (
	"net/http"

	"github.com/portolan-io/portolan/core"
	"github.com/portolan-io/portolan/core/policy"
	"github.com/portolan-io/portolan/core/query"
)

// idParameter returns the parameter of the record's id in the path.
func (c *documented) idParameter() object {
	id := c.typed(c.IDField(), c.IDField().Type, false)
	parameter := object{
		{"name", "id"}, {"in", "path"}, {"required", true},
		{"description", "The id of the record: its " + c.IDField().Name + "."},
		{"schema", id},
	}
	if value, ok := example(c.IDField()); ok {
		parameter = parameter.with("example", value)
	}
	return parameter
}

// listParameters returns the options of a list in its URL. Optional parameters
// have no examples of their own: Swagger UI would send these unasked.
func (c *documented) listParameters() array {
	return array{
		object{
			{"name", "$filter"}, {"in", "query"},
			{"description", "Which records, for instance: " + c.filterExample() + ". There are eq ne gt ge lt le in, and or not, contains startswith endswith, has."},
			{"schema", object{{"type", "string"}, {"minLength", 1}, {"maxLength", query.MaxURLBytes}}},
		},
		c.orderParameter(),
		c.selectParameter(),
		c.parameter("First", object{
			{"name", "$first"}, {"in", "query"},
			{"description", "How many records the page has at most."},
			{"schema", firstSchema()},
		}),
		c.parameter("After", object{
			{"name", "$after"}, {"in", "query"},
			{"description", "Where the page begins: the cursor that the nextLink of the page before has. It goes with the same other options only."},
			{"schema", object{{"type", "string"}, {"minLength", 1}}},
		}),
		c.parameter("Count", object{
			{"name", "$count"}, {"in", "query"},
			{"description", "Whether to say how many records match in all."},
			{"schema", object{{"type", "boolean"}, {"default", false}}},
		}),
		c.ifNoneMatch(),
	}
}

func firstSchema() object {
	return object{{"type", "integer"}, {"minimum", 1}, {"maximum", core.MaxFirst}, {"default", core.DefaultFirst}}
}

// orderParameter lists every key that the caller may order by.
func (c *documented) orderParameter() object {
	var keys array
	for _, f := range c.fields() {
		if f.Sortable() {
			keys = append(keys, f.Name, f.Name+" asc", f.Name+" desc")
		}
	}
	return object{
		{"name", "$orderby"}, {"in", "query"}, {"style", "form"}, {"explode", false},
		{"description", "The order: fields, each perhaps with asc or desc. The id breaks ties."},
		{"schema", object{{"type", "array"}, {"minItems", 1}, {"items", object{{"type", "string"}, {"enum", keys}}}}},
	}
}

// selectParameter lists every field that the caller may see.
func (c *documented) selectParameter() object {
	var names array
	for _, f := range c.fields() {
		names = append(names, f.Name)
	}
	return object{
		{"name", "$select"}, {"in", "query"}, {"style", "form"}, {"explode", false},
		{"description", "Which fields; all of them if it is left out."},
		{"schema", object{
			{"type", "array"}, {"minItems", 1}, {"uniqueItems", true}, {"items", object{{"type", "string"}, {"enum", names}}},
		}},
	}
}

// parameter returns the reference to a parameter that operations share.
func (d *documenter) parameter(name string, parameter object) object {
	return shared(&d.parameters, "parameters", name, func() object { return parameter })
}

// ifMatch returns the precondition of a write.
func (d *documenter) ifMatch() object {
	return d.parameter("IfMatch", object{
		{"name", "If-Match"}, {"in", "header"},
		{"description", "Only if the record is at the revision of one of these entity tags, like " + exampleTag + ", or, for *, if it exists. Else the answer is 412."},
		{"schema", object{{"type", "string"}, {"minLength", 1}}},
	})
}

// ifNoneMatch returns the precondition of a read.
func (d *documenter) ifNoneMatch() object {
	return d.parameter("IfNoneMatch", object{
		{"name", "If-None-Match"}, {"in", "header"},
		{"description", "The entity tags of what is known already. If it is one of these, the answer is 304 without a body."},
		{"schema", object{{"type", "string"}, {"minLength", 1}}},
	})
}

// withDirectives adds what may be asked of the cache to the parameters of a read,
// where that counts.
func (c *documented) withDirectives(parameters array) array {
	if !c.directives {
		return parameters
	}
	return append(parameters, c.parameter("CacheControl", object{
		{"name", "Cache-Control"}, {"in", "header"},
		{"description", "What is asked of the cache of the server (RFC 9111): no-cache has the answer read now, and kept; no-store has it read now, and not kept; with only-if-cached nothing is read, and what is not kept is 504. Anything else is ignored."},
		{"schema", object{{"type", "string"}, {"minLength", 1}}},
	}))
}

// readStatuses are what may go wrong with a read, by the given statuses and what
// may be asked of the cache.
func (c *documented) readStatuses(statuses ...int) []int {
	if c.directives {
		statuses = append(statuses, http.StatusGatewayTimeout)
	}
	return append(statuses, http.StatusNotAcceptable)
}

// ifAbsent returns the precondition of a PUT that may only create. It must be
// given if the caller may do nothing else.
func (c *documented) ifAbsent() object {
	name, description := "IfAbsent", "The value * creates the record, and answers 412 if there is one."
	required := !c.may(policy.Update)
	if required {
		name, description = "MustBeAbsent", "The record may be created only, and not replaced."
	}
	return c.parameter(name, object{
		{"name", "If-None-Match"}, {"in", "header"}, {"required", required},
		{"description", description},
		{"schema", object{{"type", "string"}, {"enum", array{"*"}}}},
	})
}

// exampleTag is the entity tag of a record.
const exampleTag = `"01j9zq3v.1k3f9x2"`
