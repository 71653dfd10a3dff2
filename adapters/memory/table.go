package memory

import (
	"cmp"
	"slices"

	"github.com/portolan-io/portolan/core/query"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/core/schema"
)

// An entry is one stored record. It never changes.
type entry struct {
	id       record.ID
	revision record.Revision
	fields   []record.Value // one for each column of the table
}

// A table holds the records of a collection. Only the edit that made it changes
// it.
type table struct {
	columns []schema.Field
	id      int     // position of the id among columns
	indexes []index // the first one is by id
}

// An index is the entries of a table in some order, which is complete.
type index struct {
	sorted
	order []query.Key // of columns
}

// seek returns the first place whose entry is not before the given fields in
// the first n keys of the order; with after, it is behind them.
func (x *index) seek(n int, fields []record.Value, after bool) place {
	return x.sorted.seek(func(e *entry) bool {
		c := query.Compare(x.order[:n], e.fields, fields)
		return c < 0 || after && c == 0
	})
}

// size returns how many records there are.
func (t *table) size() int {
	byID := t.indexes[0]
	return byID.count(place{}, byID.end())
}

// find returns the place by id of the record, and the record if there is one.
func (t *table) find(id record.ID) (place, *entry) {
	number := t.columns[t.id].Type == record.IntType
	p := t.indexes[0].sorted.seek(func(e *entry) bool { return compareIDs(e.id, id, number) < 0 })
	e := t.indexes[0].at(p)
	if e != nil && e.id != id {
		e = nil
	}
	return p, e
}

// get returns the record with the id, nil if there is none.
func (t *table) get(id record.ID) *entry {
	_, e := t.find(id)
	return e
}

// put stores e in place of what has its id.
func (t *table) put(owner *edit, e *entry) {
	p, old := t.find(e.id)
	byID := &t.indexes[0]
	if old == nil {
		byID.insert(owner, p, e)
	} else {
		byID.replace(owner, p, e)
	}
	for i := 1; i < len(t.indexes); i++ {
		x := &t.indexes[i]
		if old != nil {
			was := x.seek(len(x.order), old.fields, false)
			if query.Compare(x.order, old.fields, e.fields) == 0 {
				x.replace(owner, was, e)
				continue
			}
			x.remove(owner, was)
		}
		x.insert(owner, x.seek(len(x.order), e.fields, false), e)
	}
}

// remove takes out the record e.
func (t *table) remove(owner *edit, e *entry) {
	for i := range t.indexes {
		x := &t.indexes[i]
		x.remove(owner, x.seek(len(x.order), e.fields, false))
	}
}

// column returns the position of the column with the given name, or -1.
func (t *table) column(name string) int {
	return slices.IndexFunc(t.columns, func(f schema.Field) bool { return f.Name == name })
}

// addIndex makes the index with the given order, unless it is there.
func (t *table) addIndex(owner *edit, order []query.Key) {
	if slices.ContainsFunc(t.indexes, func(x index) bool { return slices.Equal(x.order, order) }) {
		return
	}
	var entries []*entry
	if len(t.indexes) > 0 {
		entries = make([]*entry, 0, t.size())
		byID := t.indexes[0]
		entries = slices.AppendSeq(entries, byID.between(place{}, byID.end()))
		slices.SortFunc(entries, func(a, b *entry) int { return query.Compare(order, a.fields, b.fields) })
	}
	t.indexes = append(t.indexes, index{newSorted(owner, entries), order})
}

// compareIDs orders ids as the values of the id field are ordered: the digits
// of numbers by how many they are, then as text.
func compareIDs(a, b record.ID, number bool) int {
	if number && len(a) != len(b) {
		return cmp.Compare(len(a), len(b))
	}
	return cmp.Compare(a, b)
}
