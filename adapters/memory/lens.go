package memory

import (
	"slices"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/query"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/core/schema"
)

// A lens is a table seen as a collection. The table may have columns in another
// order, or ones that this collection does not know, because another form of it
// made them, or the managed collection whose table it sees as an unmanaged one.
type lens struct {
	table   *table
	columns []int // by field: the position of its column; nil if they are the same
}

// lens returns the table of the collection seen as it.
func (s *state) lens(op string, c *schema.Collection) (lens, error) {
	t := s.tables[c.TableName()]
	if t == nil {
		return lens{}, unknown(op, c)
	}
	return newLens(op, t, c)
}

func newLens(op string, t *table, c *schema.Collection) (lens, error) {
	same := len(c.Fields) <= len(t.columns)
	for i := 0; same && i < len(c.Fields); i++ {
		same = c.Fields[i].Name == t.columns[i].Name
	}
	if same {
		return lens{table: t}, nil
	}
	columns := make([]int, len(c.Fields))
	for i := range c.Fields {
		columns[i] = t.column(c.Fields[i].Name)
		if columns[i] < 0 {
			return lens{}, unknown(op, c)
		}
	}
	return lens{t, columns}, nil
}

func unknown(op string, c *schema.Collection) error {
	return fault.New(fault.Internal, op, "there is no storage for %s", c.Name).
		Hinting("Ensure makes it")
}

// column returns the position of the column of the field.
func (l lens) column(field int) int {
	if l.columns == nil {
		return field
	}
	return l.columns[field]
}

// fields returns the values of e by the collection's fields, perhaps with more
// behind them. They are not to be changed.
func (l lens) fields(e *entry) []record.Value {
	if l.columns == nil {
		return e.fields
	}
	return pick(e.fields, l.columns)
}

// entry returns the record to store for a Put of the given fields. Columns that
// the collection does not know keep what they held.
func (l lens) entry(id record.ID, revision record.Revision, fields []record.Value, old *entry) *entry {
	values := make([]record.Value, len(l.table.columns))
	if old != nil {
		copy(values, old.fields)
	}
	for i, v := range fields {
		values[l.column(i)] = v
	}
	return &entry{id, revision, values}
}

// order returns the keys as keys of columns.
func (l lens) order(keys []query.Key) []query.Key {
	if l.columns == nil {
		return keys
	}
	keys = slices.Clone(keys)
	for i := range keys {
		keys[i].Field = l.columns[keys[i].Field]
	}
	return keys
}

// A shown is what of a record a view shows.
type shown struct {
	encoder *record.Encoder
	fields  []int // columns to encode
	needs   []int // columns whose values are wanted
	size    int   // of the longest row so far
}

func newShown(l lens, view query.View) *shown {
	s := &shown{
		encoder: record.NewEncoder(view.Names()),
		fields:  make([]int, len(view.Fields)),
		needs:   make([]int, len(view.Needs)),
	}
	for i, f := range view.Fields {
		s.fields[i] = l.column(f)
	}
	for i, f := range view.Needs {
		s.needs[i] = l.column(f)
	}
	return s
}

// row returns the row of e.
func (s *shown) row(e *entry) record.Row {
	text := make([]byte, 0, s.size)
	for i, f := range s.fields {
		text = record.AppendValue(s.encoder.Key(text, i), e.fields[f])
	}
	text = s.encoder.End(text)
	s.size = max(s.size, len(text))
	return record.Row{ID: e.id, Revision: e.revision, JSON: text, Values: pick(e.fields, s.needs)}
}

// pick returns the values at the given positions.
func pick(values []record.Value, positions []int) []record.Value {
	picked := make([]record.Value, len(positions))
	for i, p := range positions {
		picked[i] = values[p]
	}
	return picked
}
