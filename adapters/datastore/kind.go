package datastore

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"cloud.google.com/go/datastore"
	pb "cloud.google.com/go/datastore/apiv1/datastorepb"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/core/schema"
)

// maxIndexed is how many octets a text has at most that Datastore indexes
// (https://cloud.google.com/datastore/docs/concepts/limits).
const maxIndexed = 1500

// revisionProperty is where an entity has its revision. No field is called so.
const revisionProperty = "$revision"

// indexed reports whether Datastore indexes the field: those that can be compared,
// but for texts that may be too long. In a kind that others write, a property may be
// missing, unindexed or of another type, and an index of it would lack entities.
func indexed(c *schema.Collection, position int) bool {
	f := &c.Fields[position]
	if position == c.ID || c.Table.Unmanaged || !f.Sortable() {
		return false
	}
	return f.Type != record.StringType || f.MaxLength > 0 && f.MaxLength*utf8.UTFMax <= maxIndexed
}

// idKey returns the key of the record with the id, and false if no record of the
// collection can have it.
func (s *Store) idKey(c *schema.Collection, id record.ID) (*datastore.Key, bool) {
	if c.IDField().Type == record.IntType {
		n, err := strconv.ParseInt(string(id), 10, 64)
		if err != nil || n < 1 || strconv.FormatInt(n, 10) != string(id) {
			return nil, false
		}
		k := datastore.IDKey(c.TableName(), n, nil)
		k.Namespace = s.cfg.Namespace
		return k, true
	}
	name := string(id)
	if name == "" || len(name) > maxIndexed || !utf8.ValidString(name) || reserved(name) {
		return nil, false
	}
	return s.key(c.TableName(), name), true
}

// valueKey returns the key of the id whose value it is, of which keyed says that there
// is one.
func (s *Store) valueKey(c *schema.Collection, v record.Value) *datastore.Key {
	k := datastore.NameKey(c.TableName(), v.AsString(), nil)
	if v.Type() == record.IntType {
		k = datastore.IDKey(c.TableName(), v.AsInt(), nil)
	}
	k.Namespace = s.cfg.Namespace
	return k
}

// reserved reports whether Datastore keeps the name for itself.
func reserved(name string) bool {
	return len(name) >= 4 && strings.HasPrefix(name, "__") && strings.HasSuffix(name, "__")
}

// idOf returns the id of the record with the key, and its value.
func idOf(k *datastore.Key) (record.ID, record.Value) {
	if k.Name != "" {
		return record.ID(k.Name), record.String(k.Name)
	}
	return record.ID(strconv.FormatInt(k.ID, 10)), record.Int(k.ID)
}

// An entity is a record as Datastore has it. It loads and saves itself.
type entity struct {
	of       *schema.Collection
	values   []record.Value // by field
	revision record.Revision
	others   []datastore.Property // what the collection does not know
	columns  columns              // of the kind: what is saved, and how

	stored []datastore.Property // of a kind that another program made, by their names: all it has
	wired  map[string]*pb.Value // these as they go over the wire, of one that is written or was there before
}

var (
	_ datastore.PropertyLoadSaver = (*entity)(nil)
	_ datastore.KeyLoader         = (*entity)(nil)
)

// LoadKey takes the id. The key of another entity behind a key is no part of an id.
func (e *entity) LoadKey(k *datastore.Key) error {
	if e.values == nil {
		e.values = make([]record.Value, len(e.of.Fields))
	}
	var v record.Value
	_, v = idOf(k)
	if v.Type() != e.of.IDField().Type || k.Parent != nil {
		return fault.New(fault.Internal, "datastore", "a key of %s is of another type than its id, or has an ancestor", e.of.TableName()).Coded("stored-value")
	}
	e.values[e.of.ID] = v
	return nil
}

// Load takes the properties.
func (e *entity) Load(properties []datastore.Property) error {
	if e.values == nil {
		e.values = make([]record.Value, len(e.of.Fields))
	}
	if e.of.Table.Unmanaged && !slices.ContainsFunc(properties, func(p datastore.Property) bool { return p.Name == revisionProperty }) {
		return e.loadForeign(properties)
	}
	for i := range properties {
		p := &properties[i]
		position, known := e.of.Position(p.Name)
		switch {
		case p.Name == revisionProperty:
			text, _ := p.Value.(string)
			e.revision = record.Revision(text)
		case !known:
			e.others = append(e.others, *p)
		case position != e.of.ID:
			v, ok := decode(&e.of.Fields[position], p.Value)
			if !ok {
				return fault.New(fault.Internal, "datastore", "a record of %s has something else in %s than %s",
					e.of.TableName(), p.Name, e.of.Fields[position].Type).Coded("stored-value")
			}
			e.values[position] = v
		}
	}
	return nil
}

// Save gives a property for each column of the kind, also where it is null: what
// lacks a property is in no index of it. Other processes may know more columns than
// the collection has.
func (e *entity) Save() ([]datastore.Property, error) {
	if e.wired != nil {
		return nil, nil // the wire has them
	}
	properties := make([]datastore.Property, 0, len(e.columns)+len(e.others)+1)
	properties = append(properties, datastore.Property{Name: revisionProperty, Value: string(e.revision), NoIndex: true})
	has := make(map[string]bool, len(e.others))
	for _, p := range e.others {
		if _, known := e.of.Position(p.Name); !known { // by a collection that sees the kind otherwise
			has[p.Name] = true
			properties = append(properties, p)
		}
	}
	for name, column := range e.columns {
		position, known := e.of.Position(name)
		switch {
		case known:
			v := e.values[position]
			properties = append(properties, datastore.Property{Name: name, Value: encode(v), NoIndex: !column.Indexed || long(v)})
		case !has[name]:
			properties = append(properties, datastore.Property{Name: name, NoIndex: !column.Indexed})
		}
	}
	return properties, nil
}

// long reports whether a text is too long for an index.
func long(v record.Value) bool { return len(v.AsString()) > maxIndexed }

// encode returns the value as Datastore keeps it. Floats are always floats, because
// ints are sorted apart from them; a decimal is its number without the point.
func encode(v record.Value) any {
	switch v.Type() {
	case record.BoolType:
		return v.AsBool()
	case record.IntType:
		return v.AsInt()
	case record.FloatType:
		return v.AsFloat()
	case record.DecimalType:
		unscaled, _ := v.AsDecimal()
		return unscaled
	case record.StringType, record.JSONType:
		return v.AsString()
	case record.TimeType:
		return v.AsTime()
	case record.BytesType:
		return []byte(v.AsString())
	case record.ListType:
		return string(record.AppendValue(nil, v))
	}
	return nil
}

// decode returns the value of the field that Datastore keeps as stored.
func decode(f *schema.Field, stored any) (record.Value, bool) {
	if stored == nil {
		return record.Null, true
	}
	switch f.Type {
	case record.BoolType:
		b, ok := stored.(bool)
		return record.Bool(b), ok
	case record.IntType:
		n, ok := stored.(int64)
		return record.Int(n), ok
	case record.FloatType:
		n, ok := stored.(float64)
		return record.Float(n), ok && !math.IsInf(n, 0) && !math.IsNaN(n)
	case record.DecimalType:
		n, ok := stored.(int64)
		return record.Decimal(n, f.Scale), ok
	case record.StringType:
		text, ok := stored.(string)
		return record.String(text), ok
	case record.TimeType:
		t, ok := stored.(time.Time)
		return record.Time(t), ok
	case record.BytesType:
		octets, ok := stored.([]byte)
		return record.Bytes(octets), ok
	}
	text, ok := stored.(string)
	if !ok || f.Type == record.JSONType {
		return record.JSON(text), ok
	}
	v, err := f.FromJSON([]byte(text))
	return v, err == nil
}
