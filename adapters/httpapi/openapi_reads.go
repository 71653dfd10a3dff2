package httpapi

import (
	"net/http"
	"strings"

	"github.com/portolan-io/portolan/core/policy"
	"github.com/portolan-io/portolan/core/query"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/core/schema"
)

// aggregateOperation documents what is computed over records.
func (c *documented) aggregateOperation() object {
	if !c.may(policy.Read) {
		return nil
	}
	group := object{
		{"type", "object"},
		{"description", "A group: the fields that it is grouped by, then the measures under their names."},
		{"additionalProperties", object{{"type", array{"string", "number", "boolean", "null"}}}},
	}
	whole := object{
		{"type", "object"},
		{"properties", object{{"value", object{{"type", "array"}, {"items", group}, {"maxItems", query.MaxGroups}}}}},
		{"required", array{"value"}},
		{"additionalProperties", false},
	}
	content := withLines(object{{typeJSON, object{{"schema", whole}, {"example", object{{"value", array{object{{"total", 248}}}}}}}}},
		"One group a line.", "total\r\n248\r\n", `{"total":248}`+"\n")
	return c.operation("get", "aggregate", "Compute over records of "+c.Name, []policy.Action{policy.Read}, object{
		{"description", "Answers counts, sums, averages, least and greatest values of the records that match and that you may read, in groups or over all, in the order of the groups' fields."},
		{"parameters", c.withDirectives(array{c.applyParameter(), c.ifNoneMatch()})},
		{"responses", c.answers(object{
			{"200", object{
				{"description", "The groups."},
				{"headers", c.headersOf("Cache-Status").with("ETag", c.header("WeakETag"))},
				{"content", content},
			}},
			{"304", c.unchangedAnswer("WeakETag")},
		}, c.readStatuses(http.StatusUnprocessableEntity)...)},
	})
}

// applyParameter returns the parameter of what is to be computed.
func (c *documented) applyParameter() object {
	return object{
		{"name", "$apply"}, {"in", "query"}, {"required", true},
		{"description", "What to compute: filter(…)/groupby((field),aggregate($count as total,field with average as mean)). There are sum, average, min and max; the filter may be left out, and so may groupby around aggregate."},
		{"schema", object{{"type", "string"}, {"minLength", 1}, {"maxLength", query.MaxURLBytes}}},
		{"example", "aggregate($count as total)"},
	}
}

// related returns the fields that the caller may expand, each with the collection
// that it leads to.
func (c *documented) related() (fields []*schema.Field, to []*documented) {
	for _, f := range c.fields() {
		for i := range c.allowed {
			other := &c.allowed[i]
			if f.Relation != "" && other.Collection.Name == f.References && other.Rights[policy.Read] != nil {
				fields, to = append(fields, f), append(to, c.collection(other))
			}
		}
	}
	return fields, to
}

// withRelated adds to the properties of a record those that $expand gives it.
func (c *documented) withRelated(properties object) object {
	fields, to := c.related()
	for i, f := range fields {
		properties = properties.with(f.Relation, object{
			{"description", "The record of " + to[i].Name + " that " + f.Name + " refers to, if $expand asks for it. It is null if there is none, or none that you may read."},
			{"readOnly", true},
			{"anyOf", array{to[i].recordSchema(), object{{"type", "null"}}}},
		})
	}
	return properties
}

// relations returns the schema of what $expand may name, and false if there is
// nothing.
func (c *documented) relations() (object, bool) {
	fields, _ := c.related()
	var names array
	for _, f := range fields {
		names = append(names, f.Relation)
	}
	return object{
		{"type", "array"}, {"minItems", 1}, {"uniqueItems", true}, {"items", object{{"type", "string"}, {"enum", names}}},
	}, names != nil
}

// withExpand adds the option of related records to the parameters, if there are any.
func (c *documented) withExpand(parameters array) array {
	names, ok := c.relations()
	if !ok {
		return parameters
	}
	return append(parameters, object{
		{"name", "$expand"}, {"in", "query"}, {"style", "form"}, {"explode", false},
		{"description", "Which related records to show within each record, behind its fields. CSV has no place for them."},
		{"schema", names},
	})
}

// withExpandMember adds the same option to the members of a body.
func (c *documented) withExpandMember(members object) object {
	fields, _ := c.related()
	if fields == nil {
		return members
	}
	return members.with("expand", object{
		{"type", "string"}, {"minLength", 1},
		{"description", "Which related records to show within each record, separated by commas."},
		{"examples", array{fields[0].Relation}},
	})
}

// withLines adds the representations of records that have no envelope.
func withLines(content object, line, csv, ndjson string) object {
	for _, mediaType := range typesNDJSON {
		content = content.with(mediaType, object{
			{"schema", object{{"type", "string"}, {"description", line + " The next page is in the header Link alone."}}},
			{"example", ndjson},
		})
	}
	return content.with(typeCSV, object{
		{"schema", object{{"type", "string"}, {"description", "CSV (RFC 4180) with a header. Null is an empty cell, and the empty string a quoted one; text that a spreadsheet would compute has a ' before it."}}},
		{"example", csv},
	})
}

// inLinesToo adds to the JSON that creates records what else does.
func inLinesToo(content object, csv, ndjson string) object {
	for _, mediaType := range typesNDJSON {
		content = content.with(mediaType, object{
			{"schema", object{{"type", "string"}, {"minLength", 2}, {"description", "One record a line, each as in application/json."}}},
			{"example", ndjson},
		})
	}
	return content.with(typeCSV, object{
		{"schema", object{{"type", "string"}, {"minLength", 3}, {"description", "CSV (RFC 4180), whose header names fields, with one record a row. An empty cell without quotes is null, and lists and JSON are written as JSON."}}},
		{"example", csv},
	})
}

// recordLines are examples of a record with the fields wanted, as CSV and as NDJSON.
func (c *documented) recordLines(wanted func(i int) bool) (csv, ndjson string) {
	line, err := plainJSON(c.example(wanted))
	if err != nil {
		line = []byte("{}")
	}
	var names, cells []string
	for i := range c.Fields {
		f := &c.Fields[i]
		value, ok := example(f)
		if !ok || !wanted(i) || f.Type == record.ListType || f.Type == record.JSONType {
			continue
		}
		names, cells = append(names, f.Name), append(cells, strings.Trim(string(value), `"`))
	}
	return strings.Join(names, ",") + "\r\n" + strings.Join(cells, ",") + "\r\n", string(line) + "\n"
}
