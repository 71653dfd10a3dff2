package httpapi

import (
	"net/http"

	"github.com/portolan-io/portolan/core"
	"github.com/portolan-io/portolan/core/policy"
	"github.com/portolan-io/portolan/core/query"
)

// describe adds the paths of the collection that the caller may do anything at.
func (c *documented) describe() {
	at := c.base + "/" + c.Name
	c.path(at, object{}, c.listOperation(), c.createOperation())
	c.path(at+"/$query", object{}, c.queryOperation())
	c.path(at+"/$aggregate", object{}, c.aggregateOperation())
	c.path(at+"/$delete", object{}, c.deleteManyOperation())
	c.path(at+"/$import", object{}, c.importOperation())
	c.path(at+"/{id}", object{{"parameters", array{c.idParameter()}}},
		c.getOperation(), c.replaceOperation(), c.patchOperation(), c.deleteOperation())
}

// path adds a path with those of the operations that are any.
func (c *documented) path(template string, item object, operations ...object) {
	found := false
	for _, operation := range operations {
		if operation != nil {
			item, found = append(item, operation...), true
		}
	}
	if found {
		c.paths = c.paths.with(template, item)
	}
}

// operation returns one operation under its method, which takes the right to do
// all of the given actions.
func (c *documented) operation(method, verb, summary string, actions []policy.Action, more object) object {
	operation := object{
		{"operationId", c.Name + "." + verb},
		{"tags", array{c.Name}},
		{"summary", summary},
	}
	operation = append(operation, more...)
	if c.deprecated != nil {
		operation = operation.with("deprecated", true)
	}
	return object{{method, operation.with("security", c.security(actions...))}}
}

func (c *documented) listOperation() object {
	if !c.may(policy.Read) {
		return nil
	}
	return c.operation("get", "list", "List records of "+c.Name, []policy.Action{policy.Read}, object{
		{"description", "Answers one page of the records that match and that you may read."},
		{"parameters", c.withDirectives(c.withExpand(c.listParameters()))},
		{"responses", c.answers(object{
			{"200", c.pageAnswer(object{{"ETag", c.header("WeakETag")}})},
			{"304", c.unchangedAnswer("WeakETag")},
		}, c.readStatuses(http.StatusUnprocessableEntity)...)},
	})
}

// queryOperation documents the list whose options are in the body.
func (c *documented) queryOperation() object {
	if !c.may(policy.Read) {
		return nil
	}
	options := object{
		{"filter", object{{"type", "string"}, {"minLength", 1}, {"maxLength", query.MaxBodyBytes}, {"examples", array{c.filterExample()}}}},
		{"orderby", object{{"type", "string"}, {"minLength", 1}, {"examples", array{c.IDField().Name + " desc"}}}},
		{"select", object{{"type", "string"}, {"minLength", 1}, {"examples", array{c.IDField().Name}}}},
		{"first", firstSchema()},
		{"after", object{{"type", "string"}, {"minLength", 1}}},
		{"count", object{{"type", "boolean"}, {"default", false}}},
		{"ids", c.idsSchema()},
	}
	options = c.withExpandMember(options)
	return c.operation("post", "query", "List records of "+c.Name+", with the options in the body", []policy.Action{policy.Read}, object{
		{"description", "The options of a list, for long filters and for lists of ids. The same body is sent to the nextLink."},
		{"parameters", c.withDirectives(array{object{
			{"name", "$after"}, {"in", "query"},
			{"description", "Where the page begins, as in the body."},
			{"schema", object{{"type", "string"}, {"minLength", 1}}},
		}})},
		{"requestBody", jsonBody(object{{"type", "object"}, {"properties", options}, {"additionalProperties", false}},
			object{{"filter", c.filterExample()}, {"first", 10}})},
		{"responses", c.answers(object{{"200", c.pageAnswer(nil)}},
			c.readStatuses(http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType, http.StatusUnprocessableEntity)...)},
	})
}

func (c *documented) idsSchema() object {
	return object{
		{"type", "array"}, {"maxItems", core.MaxIDs}, {"items", c.typed(c.IDField(), c.IDField().Type, false)},
		{"description", "Only records with one of these ids."},
	}
}

// deleteManyOperation documents $delete, which is of use only to who may also
// read what it finds.
func (c *documented) deleteManyOperation() object {
	if !c.may(policy.Delete) || !c.may(policy.Read) {
		return nil
	}
	body := object{
		{"type", "object"},
		{"properties", object{
			{"filter", object{{"type", "string"}, {"minLength", 1}, {"maxLength", query.MaxBodyBytes}}},
			{"ids", c.idsSchema()},
		}},
		{"anyOf", array{object{{"required", array{"filter"}}}, object{{"required", array{"ids"}}}}},
		{"additionalProperties", false},
	}
	deleted := object{
		{"type", "object"},
		{"properties", object{{"deleted", object{{"type", "integer"}, {"minimum", 0}, {"maximum", core.MaxDelete}}}}},
		{"required", array{"deleted"}},
		{"additionalProperties", false},
	}
	return c.operation("post", "deleteMany", "Delete records of "+c.Name, []policy.Action{policy.Delete, policy.Read}, object{
		{"description", "Deletes all records that match and that you may delete, or none of them."},
		{"parameters", array{c.idempotencyParameter(), c.preferMostParameter()}},
		{"requestBody", jsonBody(body, object{{"filter", c.filterExample()}})},
		{"responses", c.answers(c.repeatable(object{
			{"200", object{
				{"description", "How many records were deleted."},
				{"headers", c.headersOf("Preference-Applied")},
				{"content", object{{typeJSON, object{{"schema", deleted}, {"example", object{{"deleted", 3}}}}}}},
			}},
		}), append(bodyStatuses, http.StatusConflict, http.StatusUnprocessableEntity)...)},
	})
}

func (c *documented) getOperation() object {
	if !c.may(policy.Read) {
		return nil
	}
	return c.operation("get", "get", "Read one record of "+c.Name, []policy.Action{policy.Read}, object{
		{"description", "Answers the record. One that you may not read does not exist."},
		{"parameters", c.withDirectives(c.withExpand(array{c.selectParameter(), c.ifNoneMatch(), c.ifMatch()}))},
		{"responses", c.answers(object{
			{"200", c.recordAnswer("The record.", "ETag", "Cache-Status")},
			{"304", c.unchangedAnswer("ETag")},
		}, c.readStatuses(http.StatusPreconditionFailed)...)},
	})
}

func (c *documented) createOperation() object {
	if !c.may(policy.Create) {
		return nil
	}
	input := c.inputSchema("create", policy.Create, "A new record of "+c.Name+".")
	list := object{{"type", "array"}, {"items", input}, {"minItems", 1}, {"maxItems", core.MaxCreate}}
	one := c.example(func(i int) bool { return c.writes(policy.Create, i) })
	csv, line := c.recordLines(func(i int) bool { return c.writes(policy.Create, i) })
	return c.operation("post", "create", "Create records of "+c.Name, []policy.Action{policy.Create}, object{
		{"description", "Stores one record, or all of an array, of lines of NDJSON or of rows of CSV, or none of them."},
		{"parameters", array{c.idempotencyParameter(), c.preferCreateParameter()}},
		{"requestBody", object{{"required", true}, {"content", inLinesToo(object{
			{typeJSON, object{
				{"schema", object{{"oneOf", array{input, list}}}},
				{"examples", object{{"one", object{{"value", one}}}, {"several", object{{"value", array{one}}}}}},
			}},
		}, csv, line)}}},
		{"responses", c.answers(c.repeatable(c.createdAnswers().with("207", c.reportAnswer())),
			append(bodyStatuses, http.StatusConflict, http.StatusUnprocessableEntity)...)},
	})
}

func (c *documented) replaceOperation() object {
	creates, updates := c.may(policy.Create), c.may(policy.Update)
	if !creates && !updates {
		return nil
	}
	action, preconditions, what := policy.Update, array{c.ifMatch()}, "Replaces the record with this id; there must be one."
	switch {
	case creates && updates:
		preconditions = append(preconditions, c.ifAbsent())
		what = "Replaces the record with this id, or creates it."
	case creates:
		action, preconditions = policy.Create, array{c.ifAbsent()}
		what = "Creates the record with this id; there must be none."
	}
	input := c.inputSchema("replace", action, "All that a record of "+c.Name+" is to have: what is left out becomes null.")
	return c.operation("put", "replace", "Replace or create one record of "+c.Name, []policy.Action{action}, object{
		{"description", what},
		{"parameters", append(preconditions, c.preferReturnParameter())},
		{"requestBody", jsonBody(input, nil)},
		{"responses", c.answers(c.replacedAnswers(creates, updates), append(bodyStatuses, http.StatusConflict, http.StatusPreconditionFailed)...)},
	})
}

func (c *documented) patchOperation() object {
	if !c.may(policy.Update) {
		return nil
	}
	input := object{{"schema", c.inputSchema("patch", policy.Update,
		"What is to change of a record of "+c.Name+" (RFC 7396): null removes a value, what is left out stays.")}}
	return c.operation("patch", "patch", "Change one record of "+c.Name, []policy.Action{policy.Update}, object{
		{"description", "Merges the patch into the record."},
		{"parameters", array{c.ifMatch(), c.idempotencyParameter(), c.preferReturnParameter()}},
		{"requestBody", object{{"required", true}, {"content", object{{typePatch, input}, {typeJSON, input}}}}},
		{"responses", c.answers(c.repeatable(c.changedAnswers()),
			append(bodyStatuses, http.StatusConflict, http.StatusPreconditionFailed, http.StatusUnprocessableEntity)...)},
	})
}

func (c *documented) deleteOperation() object {
	if !c.may(policy.Delete) {
		return nil
	}
	return c.operation("delete", "delete", "Delete one record of "+c.Name, []policy.Action{policy.Delete}, object{
		{"description", "Deletes the record. One that other records refer to stays, where the collection says so."},
		{"parameters", array{c.ifMatch(), c.preferTxParameter()}},
		{"responses", c.answers(object{
			{"204", object{{"description", "The record is gone."}, {"headers", c.headersOf("Preference-Applied")}}},
		}, http.StatusConflict, http.StatusPreconditionFailed)},
	})
}

// jsonBody returns a body of JSON that must be there.
func jsonBody(schema, example object) object {
	content := object{{"schema", schema}}
	if example != nil {
		content = content.with("example", example)
	}
	return object{{"required", true}, {"content", object{{typeJSON, content}}}}
}
