package memory

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/portolan-io/portolan/core/fault"
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
		l.table = e.own(m.Collection.TableName())
		l.table.put(e, l.entry(m.ID, m.Revision, m.Fields, old))
		outcome.Revision = m.Revision
	case repository.Delete:
		if old != nil {
			e.own(m.Collection.TableName()).remove(e, old)
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
	l.table = e.own(load.Collection.TableName())
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
