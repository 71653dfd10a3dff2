package datastore

import (
	"math"
	"slices"
	"strings"

	"cloud.google.com/go/datastore"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/core/schema"
)

// This file is how a record is an entity of a kind that another program made, which
// unmanaged collections see. Its properties stay as they are, but for those that a
// write changes: what is not known here, what is embedded, whether there is an index,
// and whether a number is whole.

// loadForeign takes the properties.
func (e *entity) loadForeign(properties []datastore.Property) error {
	e.stored = sorted(properties)
	e.revision = digest(e.stored)
	for i := range e.stored {
		p := &e.stored[i]
		position, known := e.of.Position(p.Name)
		if !known || position == e.of.ID {
			continue
		}
		v, ok := adopt(&e.of.Fields[position], p.Value)
		if !ok {
			return fault.New(fault.Internal, "datastore", "a record of %s has something else in %s than %s",
				e.of.TableName(), p.Name, e.of.Fields[position].Type).Coded("stored-value").
				Hinting("declare the field as what is stored, or leave it out")
		}
		e.values[position] = v
	}
	return nil
}

// sorted returns the properties in the order of their names, which Datastore does not
// keep. It is not nil.
func sorted(properties []datastore.Property) []datastore.Property {
	made := append([]datastore.Property{}, properties...)
	slices.SortFunc(made, func(a, b datastore.Property) int { return strings.Compare(a.Name, b.Name) })
	return made
}

// maxWhole is up to which number all whole ones are floats.
const maxWhole = 1 << 53

// adopt returns the value of the field that another program keeps as stored. Some
// languages have one type of numbers, and store whole ones as integers or all as floats.
func adopt(f *schema.Field, stored any) (record.Value, bool) {
	switch v := stored.(type) {
	case int64:
		if f.Type == record.FloatType {
			return record.Float(float64(v)), -maxWhole <= v && v <= maxWhole
		}
	case float64:
		if f.Type == record.IntType {
			return record.Int(int64(v)), v == math.Trunc(v) && math.Abs(v) <= maxWhole
		}
	case string:
		if f.Type == record.JSONType {
			text, err := record.Canonical([]byte(v))
			return record.JSON(text), err == nil
		}
	case *datastore.Entity:
		return embedded(f, v)
	case []any:
		if f.Type != record.ListType {
			return embedded(f, v)
		}
		items := make([]record.Value, len(v))
		for i := range v {
			var ok bool
			if items[i], ok = adopt(&schema.Field{Type: f.Items}, v[i]); !ok || items[i].IsNull() {
				return record.Null, false
			}
		}
		return record.List(items), true
	}
	return decode(f, stored)
}

// embedded returns what is embedded as JSON.
func embedded(f *schema.Field, stored any) (record.Value, bool) {
	text, ok := appendEmbedded(nil, stored)
	if !ok || f.Type != record.JSONType {
		return record.Null, false
	}
	canonical, err := record.Canonical(text)
	return record.JSON(canonical), err == nil
}

// appendEmbedded appends a stored value as JSON, a time and octets as a record has them;
// it is false of what JSON has nothing for: keys, places and numbers that are none.
func appendEmbedded(dst []byte, stored any) ([]byte, bool) {
	var opening, ending byte
	var names []string
	var inner []any
	switch v := stored.(type) {
	case nil:
		return append(dst, "null"...), true
	case bool:
		return record.AppendValue(dst, record.Bool(v)), true
	case *datastore.Entity:
		opening, ending = '{', '}'
		for _, p := range v.Properties {
			names, inner = append(names, p.Name), append(inner, p.Value)
		}
	case []any:
		opening, ending, inner = '[', ']', v
	default:
		for _, t := range []record.Type{record.IntType, record.FloatType, record.StringType, record.TimeType, record.BytesType} {
			if scalar, ok := decode(&schema.Field{Type: t}, stored); ok {
				return record.AppendValue(dst, scalar), true
			}
		}
		return dst, false
	}
	dst = append(dst, opening)
	for i := range inner {
		if i > 0 {
			dst = append(dst, ',')
		}
		if names != nil {
			dst = append(record.AppendString(dst, names[i]), ':')
		}
		var ok bool
		if dst, ok = appendEmbedded(dst, inner[i]); !ok {
			return dst, false
		}
	}
	return append(dst, ending), true
}

// putForeign has the entity be what is saved in the place of the one that was there, or
// nil.
func (e *entity) putForeign(op string, was *entity) (err error) {
	var stored []datastore.Property
	if was != nil {
		if stored = was.stored; stored == nil { // it was read as one of ours
			return fault.New(fault.Conflict, op, "a record of %s has the property %s, by which Portolan knows its own", e.of.TableName(), revisionProperty).
				Coded("stored-value").Hinting("remove the property")
		}
	}
	if e.stored, err = overlay(op, e.of, stored, e.values); err != nil {
		return err
	}
	e.foreign, e.revision = true, digest(e.stored)
	return nil
}

// overlay returns the properties of an entity that was as stored, which is nothing of a
// new one, with the values of the fields. A field that is null and that it lacks stays
// away.
func overlay(op string, c *schema.Collection, stored []datastore.Property, fields []record.Value) ([]datastore.Property, error) {
	made := make([]datastore.Property, 0, len(fields)+len(stored))
	has := make([]bool, len(fields))
	for _, p := range stored {
		position, known := c.Position(p.Name)
		if known && position != c.ID {
			has[position] = true
			if err := replace(op, &c.Fields[position], &p, fields[position]); err != nil {
				return nil, err
			}
		}
		made = append(made, p)
	}
	for i, v := range fields {
		if i != c.ID && !has[i] && !v.IsNull() {
			made = append(made, datastore.Property{Name: c.Fields[i].Name, Value: foreign(v), NoIndex: unindexable(v)})
		}
	}
	return sorted(made), nil
}

// replace has the property hold the value. What is embedded is only ever removed: JSON
// does not tell a time from a text, nor what of it has an index.
func replace(op string, f *schema.Field, p *datastore.Property, v record.Value) error {
	if was, ok := adopt(f, p.Value); ok && record.Equal(was, v) {
		return nil
	}
	_, text := p.Value.(string)
	if f.Type == record.JSONType && !text && p.Value != nil && !v.IsNull() {
		return fault.New(fault.Invalid, op, "another program has embedded what is in %s", f.Name).Coded("not-kept").
			At(fault.Place{Pointer: "/" + f.Name, Code: "not-kept", Detail: f.Name + " must stay as it is, or be null"})
	}
	p.Value, p.NoIndex = foreign(v), p.NoIndex || unindexable(v)
	return nil
}

// foreign returns the value as other programs keep it: lists as arrays.
func foreign(v record.Value) any {
	if v.Type() != record.ListType {
		return encode(v)
	}
	items := make([]any, len(v.AsList()))
	for i, item := range v.AsList() {
		items[i] = encode(item)
	}
	return items
}

// unindexable reports whether Datastore cannot index the value, or nobody compares it.
func unindexable(v record.Value) bool {
	return v.Type() == record.JSONType || v.Type() == record.BytesType || long(v) || slices.ContainsFunc(v.AsList(), long)
}
