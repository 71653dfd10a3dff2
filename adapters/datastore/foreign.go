package datastore

import (
	"math"
	"slices"
	"strings"

	"cloud.google.com/go/datastore"
	pb "cloud.google.com/go/datastore/apiv1/datastorepb"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/core/schema"
)

// This file is how a record is an entity of a kind that another program made, which
// unmanaged collections see. Its properties stay as they are, but for those that a
// write changes: what is not known here, what is embedded, what is meant by it, whether
// there is an index, and whether a number is whole.

// loadForeign takes the properties.
func (e *entity) loadForeign(properties []datastore.Property) error {
	e.stored = sorted(properties)
	e.revision = digest(&e.of.Table, e.stored)
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
func (e *entity) putForeign(op string, was *entity) error {
	if was == nil {
		was = &entity{}
	} else if was.stored == nil { // it was read as one of ours
		return fault.New(fault.Conflict, op, "a record of %s has the property %s, by which Portolan knows its own", e.of.TableName(), revisionProperty).
			Coded("stored-value").Hinting("remove the property")
	}
	if err := e.overlay(op, was); err != nil {
		return err
	}
	e.revision = digest(&e.of.Table, e.stored)
	return nil
}

// overlay gives the entity the properties of the one that was there, with the values of
// its own fields. A field that is null and that it lacked stays away.
func (e *entity) overlay(op string, was *entity) error {
	e.stored = make([]datastore.Property, 0, len(e.values)+len(was.stored))
	e.wired = make(map[string]*pb.Value, len(e.values)+len(was.stored))
	has := make([]bool, len(e.values))
	for _, p := range was.stored {
		wired := was.wired[p.Name]
		if wired == nil {
			return fault.New(fault.Refused, op, "how %s has %s is not known", e.of.TableName(), p.Name).Coded("not-kept")
		}
		if position, known := e.of.Position(p.Name); known && position != e.of.ID {
			has[position] = true
			var err error
			if wired, err = replace(op, &e.of.Fields[position], &p, wired, e.values[position]); err != nil {
				return err
			}
		}
		e.stored, e.wired[p.Name] = append(e.stored, p), wired
	}
	for i, v := range e.values {
		if i == e.of.ID || has[i] || v.IsNull() {
			continue
		}
		p := datastore.Property{Name: e.of.Fields[i].Name}
		e.wired[p.Name] = exchange(&e.of.Fields[i], &p, &pb.Value{ExcludeFromIndexes: unindexable(v)}, v)
		e.stored = append(e.stored, p)
	}
	e.stored = sorted(e.stored)
	return nil
}

// replace has the property, which is wired so, hold the value. What is embedded is only
// ever removed: JSON does not tell a time from a text, nor what of it has an index.
func replace(op string, f *schema.Field, p *datastore.Property, wired *pb.Value, v record.Value) (*pb.Value, error) {
	if was, ok := adopt(f, p.Value); ok && record.Equal(was, v) {
		return wired, nil
	}
	_, text := p.Value.(string)
	if f.Type == record.JSONType && !text && p.Value != nil && !v.IsNull() {
		return nil, fault.New(fault.Invalid, op, "another program has embedded what is in %s", f.Name).Coded("not-kept").
			At(fault.Place{Pointer: "/" + f.Name, Code: "not-kept", Detail: f.Name + " must stay as it is, or be null"})
	}
	return exchange(f, p, wired, v), nil
}

// exchange has the property hold the value in the place of another one, which is wired
// so, and returns how it is wired then. Of an array, the items that stay do so as they
// are, and others are as the first one was.
func exchange(f *schema.Field, p *datastore.Property, wired *pb.Value, v record.Value) *pb.Value {
	if v.Type() != record.ListType {
		p.Value = alike(v, p.Value)
		return valueOf(p.Value, wired, unindexed(wired) || long(v))
	}
	was, _ := p.Value.([]any)
	old := wired.GetArrayValue().GetValues()
	var first any
	firstWired := wired
	if len(old) > 0 {
		first, firstWired = was[0], old[0]
	}
	stay := staying(f, was)
	items := make([]any, len(v.AsList()))
	made := make([]*pb.Value, len(items))
	for i, item := range v.AsList() {
		if at, ok := stay(i, item); ok {
			items[i], made[i] = was[at], old[at]
			continue
		}
		items[i] = alike(item, first)
		made[i] = valueOf(items[i], firstWired, unindexed(firstWired) || long(item))
	}
	p.Value = items
	array := &pb.Value{ValueType: &pb.Value_ArrayValue{ArrayValue: &pb.ArrayValue{Values: made}}}
	if wired.GetArrayValue() != nil {
		array.Meaning = wired.GetMeaning()
	}
	return array
}

// staying returns what tells where an item is in the array that was there: at the same
// place, or else at the first one.
func staying(f *schema.Field, was []any) func(i int, item record.Value) (at int, ok bool) {
	values := make([]record.Value, len(was))
	firsts := make(map[string]int, len(was))
	for i := range was {
		values[i], _ = adopt(&schema.Field{Type: f.Items}, was[i])
		if text := string(record.AppendValue(nil, values[i])); !values[i].IsNull() {
			if _, seen := firsts[text]; !seen {
				firsts[text] = i
			}
		}
	}
	return func(i int, item record.Value) (at int, ok bool) {
		if i < len(values) && record.Equal(values[i], item) {
			return i, true
		}
		at, ok = firsts[string(record.AppendValue(nil, item))]
		return at, ok
	}
}

// alike returns the scalar as other programs keep it: a number in the type of the one
// that was there, if it is exact in that.
func alike(v record.Value, was any) any {
	switch n := encode(v).(type) {
	case int64:
		if _, float := was.(float64); float && -maxWhole <= n && n <= maxWhole {
			return float64(n)
		}
	case float64:
		if _, whole := was.(int64); whole && n == math.Trunc(n) && math.Abs(n) <= maxWhole {
			return int64(n)
		}
	}
	return encode(v)
}

// unindexable reports whether Datastore cannot index the value, or nobody compares it.
func unindexable(v record.Value) bool {
	return v.Type() == record.JSONType || v.Type() == record.BytesType || long(v) || slices.ContainsFunc(v.AsList(), long)
}
