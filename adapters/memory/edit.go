package memory

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/query"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/core/schema"
	"github.com/portolan-io/portolan/ports/repository"
)

// An edit is the next state in the making. Its writer alone uses it.
type edit struct {
	state
	owned map[*table]bool // tables that the edit made, and may change
}

func newEdit(now *state) *edit {
	e := &edit{owned: make(map[*table]bool, 1)}
	if e.tables = maps.Clone(now.tables); e.tables == nil {
		e.tables = make(map[string]*table)
	}
	return e
}

// own returns the table of the given name, which the edit may change.
func (e *edit) own(name string) *table {
	t := e.tables[name]
	if e.owned[t] {
		return t
	}
	t = &table{columns: t.columns, id: t.id, indexes: slices.Clone(t.indexes)}
	for i := range t.indexes {
		t.indexes[i].chunks = slices.Clone(t.indexes[i].chunks)
	}
	e.tables[name], e.owned[t] = t, true
	return t
}

// applyAll does the mutations in their order.
func (e *edit) applyAll(ctx context.Context, op string, batch []repository.Mutation) ([]repository.Outcome, error) {
	outcomes := make([]repository.Outcome, len(batch))
	for i := range batch {
		var err error
		if outcomes[i], err = e.apply(ctx, op, &batch[i]); err != nil {
			return nil, &repository.BatchError{Index: i, Err: err}
		}
	}
	return outcomes, nil
}

// apply does one mutation.
func (e *edit) apply(ctx context.Context, op string, m *repository.Mutation) (repository.Outcome, error) {
	var outcome repository.Outcome
	l, err := e.lens(op, m.Collection)
	if err != nil {
		return outcome, err
	}
	if m.Op == repository.Check && m.NoneOf != nil {
		for range l.matching(ctx, *m.NoneOf) {
			return outcome, fault.New(fault.Conflict, op, "a record of %s refers to it", m.Collection.Name).
				Coded("referenced")
		}
		return outcome, nil
	}
	old := l.table.get(m.ID)
	if old != nil {
		fields := l.fields(old)
		outcome = repository.Outcome{Existed: true, Was: old.revision, Revision: old.revision, Values: pick(fields, m.Needs)}
	}
	if err := m.If.Check(op, outcome.Existed, outcome.Was); err != nil {
		return outcome, err
	}
	switch m.Op {
	case repository.Put:
		l.table = e.own(tableName(m.Collection))
		l.table.put(e, l.entry(m.ID, m.Revision, m.Fields, old))
		outcome.Revision = m.Revision
	case repository.Delete:
		if old != nil {
			e.own(tableName(m.Collection)).remove(e, old)
		}
		outcome.Revision = ""
	}
	return outcome, nil
}

// load puts the rows, and returns the positions of those that the run stored
// before.
func (e *edit) load(op string, load repository.Load, from, to int) ([]int, error) {
	l, err := e.lens(op, load.Collection)
	if err != nil {
		return nil, err
	}
	l.table = e.own(tableName(load.Collection))
	var repeated []int
	for i, row := range load.Rows[from:to] {
		old := l.table.get(row.ID)
		if old != nil && strings.HasPrefix(string(old.revision), load.Run) {
			repeated = append(repeated, from+i)
			continue
		}
		l.table.put(e, l.entry(row.ID, row.Revision, row.Fields, old))
	}
	return repeated, nil
}

// ensure makes the table of the collection fit it, or returns why it cannot.
func (e *edit) ensure(c *schema.Collection) []fault.Place {
	name := tableName(c)
	if e.tables[name] == nil {
		if c.Table.Unmanaged {
			return []fault.Place{{Pointer: c.Name, Code: "missing-table", Detail: "there is no table " + name}}
		}
		t := &table{columns: slices.Clone(c.Fields), id: c.ID}
		e.tables[name], e.owned[t] = t, true
		t.addIndex(e, []query.Key{{Field: c.ID}})
	}
	missing, differences := compareColumns(e.tables[name], c)
	if len(differences) > 0 || c.Table.Unmanaged {
		return differences
	}
	t := e.own(name)
	if len(missing) > 0 {
		t.addColumns(e, missing)
	}
	l, _ := newLens("memory.Ensure", t, c) // every column is there now
	for _, keys := range c.Indexes {
		t.addIndex(e, l.order(complete(keys, c.ID)))
	}
	return nil
}

// compareColumns returns the fields that t lacks, and where it cannot hold the
// collection's.
func compareColumns(t *table, c *schema.Collection) (missing []schema.Field, differences []fault.Place) {
	differ := func(f *schema.Field, code, format string, args ...any) {
		differences = append(differences, fault.Place{
			Pointer: c.Name + "/" + f.Name, Code: code, Detail: fmt.Sprintf(format, args...),
		})
	}
	if id, stored := c.IDField(), t.columns[t.id].Name; id.Name != stored {
		differ(id, "other-id", "what is stored has the id %s", stored)
	}
	for i := range c.Fields {
		f := &c.Fields[i]
		at := t.column(f.Name)
		switch {
		case at < 0 && c.Table.Unmanaged:
			differ(f, "missing-field", "the table has no such field, and is not altered")
		case at < 0:
			missing = append(missing, *f)
		case f.Type != t.columns[at].Type:
			differ(f, "other-type", "it is stored as %s, not as %s", t.columns[at].Type, f.Type)
		case f.Items != t.columns[at].Items:
			differ(f, "other-type", "it is stored as a list of %s, not of %s", t.columns[at].Items, f.Items)
		case f.Scale != t.columns[at].Scale:
			differ(f, "other-scale", "it is stored with a scale of %d, not of %d", t.columns[at].Scale, f.Scale)
		}
	}
	return missing, differences
}

// addColumns adds columns that are null in every record.
func (t *table) addColumns(owner *edit, fields []schema.Field) {
	t.columns = slices.Concat(t.columns, fields)
	wider := make([]*entry, 0, t.size())
	byID := t.indexes[0]
	for e := range byID.between(place{}, byID.end()) {
		values := make([]record.Value, len(t.columns))
		copy(values, e.fields)
		wider = append(wider, &entry{e.id, e.revision, values})
	}
	indexes := t.indexes
	t.indexes = []index{{newSorted(owner, wider), byID.order}}
	for _, x := range indexes[1:] {
		t.addIndex(owner, x.order)
	}
}

// complete returns the order of an index, with the id in the direction of its
// last key unless it has it.
func complete(keys schema.Index, id int) []query.Key {
	order := make([]query.Key, 0, len(keys)+1)
	for _, key := range keys {
		order = append(order, query.Key{Field: key.Field, Desc: key.Desc})
		if key.Field == id {
			return order
		}
	}
	return append(order, query.Key{Field: id, Desc: order[len(order)-1].Desc})
}
