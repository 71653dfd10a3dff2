package httpapi

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/portolan-io/portolan/core"
	"github.com/portolan-io/portolan/core/policy"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/core/schema"
)

// idPattern is what every string id matches. Some of what matches it is refused
// all the same: ids that end in a space, ".", ".." and "__…__".
const idPattern = `^[^$/\\\x00-\x1f\x7f-\x9f][^/\\\x00-\x1f\x7f-\x9f]*$`

// maxExactDigits is how many decimal digits a float64, which is what most
// clients have, keeps exactly.
const maxExactDigits = 15

// A documented is a collection on its way into the document.
type documented struct {
	*documenter
	*schema.Collection
	rights     [len(policy.Actions)]*policy.Right
	imports    bool
	deprecated *core.Deprecation // nil: it is there to stay
	directives bool              // whether what the caller asks of the cache counts
}

func (d *documenter) collection(description *core.Description) *documented {
	return &documented{
		documenter: d, Collection: description.Collection, rights: description.Rights, imports: description.Imports,
		deprecated: description.Deprecated, directives: description.Directives,
	}
}

// may reports whether the caller may do the action at all. To create it must
// also be able to give everything that a record needs.
func (c *documented) may(action policy.Action) bool {
	right := c.rights[action]
	if right == nil || action != policy.Create {
		return right != nil
	}
	for i, field := range c.Fields {
		if !field.Required || field.Derive != "" || c.Generated && i == c.ID {
			continue
		}
		readOnly := field.ReadOnly || right.ReadOnly != nil && right.ReadOnly[i]
		if readOnly || !c.sees(action, i) {
			return false
		}
	}
	return true
}

// sees reports whether the i-th field exists for the caller in the action.
func (c *documented) sees(action policy.Action, i int) bool {
	hidden := c.rights[action].Hidden
	return hidden == nil || !hidden[i]
}

// writes reports whether the caller may give the i-th field a value.
func (c *documented) writes(action policy.Action, i int) bool {
	right := c.rights[action]
	return right != nil && c.sees(action, i) && !c.Fields[i].ReadOnly && (right.ReadOnly == nil || !right.ReadOnly[i])
}

// fields returns the fields that the caller sees when reading.
func (c *documented) fields() []*schema.Field {
	var fields []*schema.Field
	for i := range c.Fields {
		if c.sees(policy.Read, i) {
			fields = append(fields, &c.Fields[i])
		}
	}
	return fields
}

// recordSchema returns the reference to the schema of a record as it is read.
// No property is required, because $select may leave out any.
func (c *documented) recordSchema() object {
	return shared(&c.schemas, "schemas", c.Name, func() object {
		var properties object
		for i := range c.Fields {
			if !c.sees(policy.Read, i) {
				continue
			}
			f := &c.Fields[i]
			property := c.property(f, !f.Required)
			if !c.writes(policy.Create, i) && !c.writes(policy.Update, i) {
				property = property.with("readOnly", true)
			}
			properties = properties.with(f.Name, property)
		}
		properties = c.withRelated(properties)
		return object{
			{"type", "object"},
			{"description", "A record of " + c.Name + ". Every property is there, unless $select asks for some."},
			{"properties", properties},
			{"additionalProperties", false},
			{"examples", array{c.example(func(i int) bool { return c.sees(policy.Read, i) })}},
		}
	})
}

// pageSchema returns the reference to the schema of one page of records.
func (c *documented) pageSchema() object {
	return shared(&c.schemas, "schemas", c.Name+".page", func() object {
		return object{
			{"type", "object"},
			{"description", "A page of " + c.Name + "."},
			{"properties", object{
				{"value", object{{"type", "array"}, {"items", c.recordSchema()}, {"maxItems", core.MaxFirst}}},
				{"nextLink", object{
					{"type", "string"}, {"format", "uri-reference"},
					{"description", "The address of the next page. There is none if and only if this is the last page; a page may be short, or empty, and not be the last."},
				}},
				{"count", object{
					{"type", "integer"}, {"format", "int64"}, {"minimum", 0},
					{"description", "How many records match in all, if $count asked for it."},
				}},
			}},
			{"required", array{"value"}},
			{"additionalProperties", false},
		}
	})
}

// inputSchema returns the reference to the schema of a body that writes, whose
// name ends in the given word: create, replace or patch.
func (c *documented) inputSchema(word string, action policy.Action, what string) object {
	return shared(&c.schemas, "schemas", c.Name+"."+word, func() object {
		var properties object
		required := array{}
		taken := func(i int) bool {
			if i == c.ID && word != "create" {
				return word == "replace" // as the path has it
			}
			return c.writes(action, i)
		}
		for i := range c.Fields {
			f := &c.Fields[i]
			if !taken(i) {
				continue
			}
			property := c.property(f, !f.Required)
			if i == c.ID && word == "replace" {
				property = property.with("description", "The id, as it is in the path. It may be left out.")
			} else if f.Required && word != "patch" {
				required = append(required, f.Name)
			}
			properties = properties.with(f.Name, property)
		}
		if properties == nil {
			properties = object{}
		}
		input := object{{"type", "object"}, {"description", what}, {"properties", properties}}
		if len(required) > 0 {
			input = input.with("required", required)
		}
		input = input.with("additionalProperties", false)
		return input.with("examples", array{c.example(func(i int) bool { return taken(i) && (i != c.ID || word == "create") })})
	})
}

// property returns the schema of a field's value.
func (c *documented) property(f *schema.Field, nullable bool) object {
	property := c.typed(f, f.Type, nullable)
	if notes := c.notes(f); notes != "" {
		property = property.with("description", notes)
	}
	if value, ok := example(f); ok && f.Type != record.JSONType {
		property = property.with("examples", array{value})
	}
	return property
}

// typed returns the schema of the values of a type, with the rules of the field.
func (c *documented) typed(f *schema.Field, t record.Type, nullable bool) object {
	typeOf := func(name string) object {
		if nullable {
			return object{{"type", array{name, "null"}}}
		}
		return object{{"type", name}}
	}
	switch t {
	case record.BoolType:
		return typeOf("boolean")
	case record.IntType:
		return c.bounded(f, typeOf("integer").with("format", "int64"))
	case record.FloatType:
		return c.bounded(f, typeOf("number").with("format", "double"))
	case record.DecimalType:
		return c.bounded(f, typeOf("number").with("format", "decimal"))
	case record.TimeType:
		return typeOf("string").with("format", "date-time")
	case record.BytesType:
		s := typeOf("string").with("contentEncoding", "base64")
		if f.MaxLength > 0 && t == f.Type {
			s = s.with("maxLength", (f.MaxLength+2)/3*4)
		}
		return s
	case record.ListType:
		s := typeOf("array").with("items", c.typed(f, f.Items, false))
		if f.MaxLength > 0 {
			s = s.with("maxItems", f.MaxLength)
		}
		return s
	case record.JSONType:
		if nullable {
			return object{}
		}
		return object{{"type", array{"object", "array", "string", "number", "boolean"}}}
	}
	return c.text(f, typeOf("string"), t == f.Type, nullable)
}

// text adds to s the rules of a string field, which do not hold of items.
func (c *documented) text(f *schema.Field, s object, whole, nullable bool) object {
	if !whole {
		return s
	}
	if f.Name == c.IDField().Name {
		s = s.with("minLength", 1).with("pattern", idPattern)
	}
	switch limit := f.MaxLength; {
	case f.Name == c.IDField().Name && (limit == 0 || limit > record.MaxIDBytes):
		s = s.with("maxLength", record.MaxIDBytes)
	case limit > 0:
		s = s.with("maxLength", limit)
	}
	if f.Format != "" {
		s = s.with("format", f.Format)
	}
	if len(f.Enum) > 0 {
		var values array
		for _, each := range f.Enum {
			values = append(values, each)
		}
		if nullable {
			values = append(values, nil)
		}
		s = s.with("enum", values)
	}
	return s
}

// bounded adds to s the least and the greatest number of the field.
func (c *documented) bounded(f *schema.Field, s object) object {
	if f.Type == record.ListType {
		return s
	}
	least, most := f.Min, f.Max
	if least.IsNull() && f.Name == c.IDField().Name {
		least = record.Int(1)
	}
	if f.Type == record.DecimalType && f.Precision <= maxExactDigits {
		limit := int64(1)
		for range f.Precision {
			limit *= 10
		}
		if least.IsNull() {
			least = record.Decimal(1-limit, f.Scale)
		}
		if most.IsNull() {
			most = record.Decimal(limit-1, f.Scale)
		}
	}
	if !least.IsNull() {
		s = s.with("minimum", raw(least))
	}
	if !most.IsNull() {
		s = s.with("maximum", raw(most))
	}
	return s
}

// raw returns a value as JSON.
func raw(v record.Value) json.RawMessage { return record.AppendValue(nil, v) }

// notes says of a field what its schema cannot. Nothing is said of collections
// that the caller does not know, nor of how a field is derived.
func (c *documented) notes(f *schema.Field) string {
	var notes []string
	if f.Derive != "" {
		notes = append(notes, "Computed by the server from other fields.")
	}
	if f.Type == record.DecimalType {
		notes = append(notes, fmt.Sprintf("An exact number with %d digits behind the point and at most %d in all.", f.Scale, f.Precision))
	}
	if f.Type == record.TimeType {
		notes = append(notes, "To the microsecond, answered in UTC.")
		if !f.Min.IsNull() {
			notes = append(notes, "Not before "+f.Min.AsTime().Format("2006-01-02T15:04:05.999999Z")+".")
		}
		if !f.Max.IsNull() {
			notes = append(notes, "Not after "+f.Max.AsTime().Format("2006-01-02T15:04:05.999999Z")+".")
		}
	}
	for _, each := range c.allowed {
		if each.Collection.Name == f.References {
			notes = append(notes, "The id of a record of "+f.References+".")
		}
	}
	return strings.Join(notes, " ")
}
