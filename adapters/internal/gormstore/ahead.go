package gormstore

import (
	"context"

	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/ports/repository"
)

// failed reports whether a statement failed because it did not find what it
// requires.
func (d *Dialect) failed(err error) bool { return d.Ahead != nil && d.Ahead.Failed(err) }

// required appends a statement that must change a row, if the engine needs that to
// be said.
func (p *printer) required(statement func()) {
	if p.dialect.Ahead == nil {
		statement()
		return
	}
	p.write(p.dialect.Ahead.Before)
	statement()
	p.write(p.dialect.Ahead.Changed)
}

// send queues the mutation as a statement that fails if its precondition does not
// hold.
func (w *writer) send(ctx context.Context, m *repository.Mutation, id record.Value, outcome *repository.Outcome) error {
	revision, revised := m.If.Revision()
	outcome.Existed, outcome.Was = true, revision
	call := Call{Done: func(_ int64, err error) error {
		if w.store.dialect.failed(err) {
			err = m.If.Check(w.store.op("Apply"), false, "")
		}
		return w.failing(err)
	}}
	operands := []record.Value{id, record.String(string(revision))}
	switch m.Op {
	case repository.Put:
		outcome.Revision = m.Revision
		fields := append(make([]record.Value, 0, len(m.Fields)+3), m.Fields...)
		fields[w.table.ID] = id
		operands = append(fields, record.String(string(m.Revision)), id, record.String(string(revision)))
	case repository.Check:
		if outcome.Revision = revision; !revised {
			call.Row = func(cells Cells) error {
				outcome.Was = record.Revision(appendName(nil, cells, 1))
				outcome.Revision = outcome.Was
				return nil
			}
		}
	}
	kind := byte('0') + byte(m.Op)<<1
	if revised {
		kind++
	}
	p := w.table.plans.find([]byte{'s', kind}, func() *plan {
		return &plan{table: w.table, Statement: w.table.printAhead(m.Op, revised)}
	})
	call.Statement, call.Args = &p.Statement, p.args(operands)
	return w.session.Queue(ctx, call)
}

// printAhead prints a statement that fails unless there is a record of the id, at
// the revision if there is one. Its operands are these two, behind all that is
// stored if it is a Put.
func (t *table) printAhead(op repository.Op, revised bool) Statement {
	out, first := t.dialect.print(t), 0
	at := func() {
		if revised {
			out.write(" AND ", t.stored, " = ")
			out.bind(first+1, plain)
		}
	}
	switch op {
	case repository.Put:
		first = len(t.columns) + 1
		out.required(func() {
			out.update(len(t.columns) + 1)
			at()
		})
	case repository.Delete:
		out.required(func() {
			out.write("DELETE FROM ", t.name, " WHERE ", t.key, " = ")
			out.bind(first, plain)
			at()
		})
	default:
		out.write(t.dialect.Ahead.Before, "SELECT ", t.stored, " AS revision FROM ", t.name, " WHERE ", t.key, " = ")
		out.bind(first, plain)
		at()
		out.write(t.dialect.Share, t.dialect.Ahead.Found)
	}
	return out.statement()
}
