package bolt

import (
	"encoding/binary"
	"maps"
	"slices"
	"strconv"
	"strings"

	"go.etcd.io/bbolt"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/core/schema"
)

// A table is where a collection's records are, in one transaction.
//
// A record is stored as its revision, a space, and a JSON object by the names of those
// of its fields that are not null. So a field that is added is null in the records from
// before, and one that this form of the collection does not know stays as it is.
type table struct {
	of      *schema.Collection
	records *bbolt.Bucket
}

// tableOf returns the table of the collection, which Ensure made.
func tableOf(tx *bbolt.Tx, op string, c *schema.Collection) (table, error) {
	records := tx.Bucket(recordsBucket).Bucket([]byte(c.TableName()))
	if records == nil {
		return table{}, fault.New(fault.Internal, op, "there is no storage for %s", c.Name).Hinting("Ensure makes it")
	}
	return table{c, records}, nil
}

// A stored is a record as it was read.
type stored struct {
	id       record.ID
	revision record.Revision
	values   []record.Value    // by field
	others   map[string]string // JSON by the names of fields that the collection does not know
}

// key returns where the record with the id is, nil if no record can have it. Keys are
// in the order of the ids.
func (t table) key(id record.ID) []byte {
	if t.of.IDField().Type != record.IntType {
		return []byte(id)
	}
	n, err := strconv.ParseUint(string(id), 10, 63)
	if err != nil || strconv.FormatUint(n, 10) != string(id) {
		return nil
	}
	return binary.BigEndian.AppendUint64(nil, n)
}

// idOf is the opposite of key.
func (t table) idOf(key []byte) record.ID {
	if t.of.IDField().Type != record.IntType {
		return record.ID(key)
	}
	return record.ID(strconv.FormatUint(binary.BigEndian.Uint64(key), 10))
}

// get returns the record with the id, nil if there is none.
func (t table) get(op string, id record.ID) (*stored, error) {
	key := t.key(id)
	if len(key) == 0 {
		return nil, nil
	}
	text := t.records.Get(key)
	if text == nil {
		return nil, nil
	}
	return t.decode(op, key, text)
}

func (t table) decode(op string, key, text []byte) (*stored, error) {
	damaged := fault.New(fault.Internal, op, "a record of %s cannot be read", t.of.Name).Coded("damaged")
	revision, object, _ := strings.Cut(string(text), " ")
	s := &stored{id: t.idOf(key), revision: record.Revision(revision), values: make([]record.Value, len(t.of.Fields))}
	r := record.NewReader([]byte(object))
	r.EnterObject()
	for name, ok := r.NextMember(); ok; name, ok = r.NextMember() {
		value := r.AppendCanonical(nil)
		position, known := t.of.Position(name)
		if !known {
			if s.others == nil {
				s.others = map[string]string{}
			}
			s.others[name] = string(value)
			continue
		}
		if t.of.Fields[position].Type == record.JSONType { // of which a null is a value, too
			s.values[position] = record.JSON(string(value))
			continue
		}
		v, err := t.of.Fields[position].FromJSON(value)
		if err != nil {
			return nil, damaged.Because(err)
		}
		s.values[position] = v
	}
	if err := r.End(); err != nil {
		return nil, damaged.Because(err)
	}
	return s, nil
}

// put stores a record in the place of old, which is nil if there is none.
func (t table) put(op string, id record.ID, revision record.Revision, fields []record.Value, old *stored) error {
	key := t.key(id)
	if len(key) == 0 {
		return fault.New(fault.Invalid, op, "the id is not one of %s", t.of.Name)
	}
	var names []string
	var values []record.Value
	for i, v := range fields {
		if !v.IsNull() {
			names, values = append(names, t.of.Fields[i].Name), append(values, v)
		}
	}
	if old != nil {
		for _, name := range slices.Sorted(maps.Keys(old.others)) {
			names, values = append(names, name), append(values, record.JSON(old.others[name]))
		}
	}
	return t.records.Put(key, record.NewEncoder(names).Append([]byte(string(revision)+" "), values))
}

// pick returns the values at the given positions.
func pick(values []record.Value, positions []int) []record.Value {
	picked := make([]record.Value, len(positions))
	for i, p := range positions {
		picked[i] = values[p]
	}
	return picked
}
