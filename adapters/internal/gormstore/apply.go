package gormstore

import (
	"context"
	"errors"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/query"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/ports/repository"
)

// Apply does the batch in one transaction.
func (s *Store) Apply(ctx context.Context, batch []repository.Mutation) ([]repository.Outcome, error) {
	if err := s.ready(ctx, "Apply"); err != nil {
		return nil, err
	}
	if err := repository.CheckBatch(s.op("Apply"), batch); err != nil {
		return nil, err
	}
	tables, err := s.tablesOf(ctx, batch)
	if err != nil {
		return nil, err
	}
	for i := range batch {
		if batch[i].Op != repository.Put {
			continue
		}
		if err := tables[i].kept(s.op("Apply"), batch[i].Fields); err != nil {
			return nil, &repository.BatchError{Index: i, Err: err}
		}
	}
	var outcomes []repository.Outcome
	err = s.engine.Write(ctx, func(session Session) error {
		var err error
		outcomes, err = s.apply(ctx, session, tables, batch)
		return err
	})
	if err != nil {
		return nil, s.fail(ctx, "Apply", err)
	}
	return outcomes, nil
}

// tablesOf returns the table of each mutation. It must be called before a
// transaction begins, because looking at a table takes one of its own.
func (s *Store) tablesOf(ctx context.Context, batch []repository.Mutation) ([]*table, error) {
	tables := make([]*table, len(batch))
	for i := range batch {
		if i > 0 && batch[i].Collection == batch[i-1].Collection {
			tables[i] = tables[i-1]
			continue
		}
		var err error
		if tables[i], err = s.table(ctx, batch[i].Collection); err != nil {
			return nil, err
		}
	}
	return tables, nil
}

// apply does the batch within a transaction. What the mutations meet is read
// first, and all of it at once, so that an engine far away is asked few times.
func (s *Store) apply(ctx context.Context, session Session, tables []*table, batch []repository.Mutation) ([]repository.Outcome, error) {
	outcomes, read := make([]repository.Outcome, len(batch)), make([]bool, len(batch))
	changed := make(map[target]bool, len(batch))
	for i := range batch {
		m := &batch[i]
		at := target{tables[i], m.ID}
		if m.Op == repository.Check && m.NoneOf != nil || changed[at] {
			continue // the one is read in its turn, and so is what the batch itself changes before
		}
		changed[at] = m.Op != repository.Check
		read[i] = true
	}
	for _, i := range lockingOrder(tables, batch) {
		if !read[i] {
			continue
		}
		w := writer{store: s, session: session, table: tables[i]}
		if err := w.look(ctx, &batch[i], &outcomes[i]); err != nil {
			return nil, s.failed(ctx, i, err)
		}
	}
	if err := session.Flush(ctx); err != nil {
		return nil, s.fail(ctx, "Apply", err)
	}
	for _, i := range sendingOrder(tables, batch) {
		w := writer{store: s, session: session, table: tables[i], failed: func(err error) error { return s.failed(ctx, i, err) }}
		if err := w.mutate(ctx, &batch[i], read[i], &outcomes[i]); err != nil {
			return nil, s.failed(ctx, i, err)
		}
	}
	return outcomes, nil
}

// failed returns the error of the mutation at the position, unless it is not the
// mutation that is wrong, or another one is.
func (s *Store) failed(ctx context.Context, index int, err error) error {
	var known *repository.BatchError
	if errors.As(err, &known) || errors.Is(err, ErrAgain) {
		return err
	}
	err = s.fail(ctx, "Apply", err)
	if kind := fault.KindOf(err); kind == fault.Unavailable || kind == fault.Internal {
		return err
	}
	return &repository.BatchError{Index: index, Err: err}
}

// A writer changes one table within a transaction.
type writer struct {
	store   *Store
	session Session
	table   *table
	failed  func(error) error // makes the error of a mutation what Apply returns
}

// look queues the reading of what the mutation meets, if it must be known before
// anything is done about it.
func (w *writer) look(ctx context.Context, m *repository.Mutation, outcome *repository.Outcome) error {
	id, possible := w.table.idValue(m.ID)
	if !possible || w.blind(m) {
		return nil
	}
	return w.session.Queue(ctx, w.prior(m, id, m.Needs, outcome))
}

// blind reports whether the mutation's own statement tells whether its precondition
// holds: an INSERT whether the record is absent, and one that is sent ahead whether
// it is at the revision.
func (w *writer) blind(m *repository.Mutation) bool {
	return m.Op == repository.Put && m.If == repository.Absent || w.ahead(m)
}

// ahead reports whether the mutation is a statement that fails if its precondition
// does not hold. What is needed of the record is read before anything is committed, as
// it may be what cannot be read.
func (w *writer) ahead(m *repository.Mutation) bool {
	if w.store.dialect.Ahead == nil || w.table.own() {
		return false
	}
	_, revised := m.If.Revision()
	return len(m.Needs) == 0 && (revised || m.Op == repository.Check && m.If == repository.Present)
}

// mutate does the mutation, or queues it. What it meets is in the outcome if it
// was read.
func (w *writer) mutate(ctx context.Context, m *repository.Mutation, read bool, outcome *repository.Outcome) error {
	if m.Op == repository.Check && m.NoneOf != nil {
		return w.none(ctx, m)
	}
	id, possible := w.table.idValue(m.ID)
	if possible && w.ahead(m) {
		return w.send(ctx, m, id, outcome)
	}
	if possible && !read && !w.blind(m) {
		if err := w.now(ctx, m, id, m.Needs, outcome); err != nil {
			return err
		}
	}
	if err := m.If.Check(w.store.op("Apply"), outcome.Existed, outcome.Was); err != nil {
		return err
	}
	switch {
	case m.Op == repository.Put && !possible:
		return fault.New(fault.Invalid, w.store.op("Apply"), "the id is not one of %s", w.table.Name)
	case m.Op == repository.Put:
		return w.put(ctx, m, id, outcome)
	case m.Op == repository.Delete && outcome.Existed:
		return w.remove(ctx, id)
	case m.Op == repository.Check:
		outcome.Revision = outcome.Was
	}
	return nil
}

// prior returns the call that reads the record as it is, as far as it is needed,
// and keeps others from changing it; a Check lets others check it, too.
func (w *writer) prior(m *repository.Mutation, id record.Value, needs []int, outcome *repository.Outcome) Call {
	d := w.store.dialect
	lock, hint, kind := d.Lock, d.Hints.Lock, byte('p')
	if m.Op == repository.Check {
		lock, hint, kind = d.Share, d.Hints.Share, 'c'
	}
	r := begin(kind)
	r.numbers(needs)
	p := w.table.plans.find(r.shape, func() *plan {
		p, out := w.table.reading(query.View{Collection: w.table.Collection, Needs: needs}, nil), w.store.dialect.print(w.table)
		out.selection(p, 0)
		out.write(hint, " WHERE ")
		out.lookup(0)
		out.write(lock)
		p.Statement = out.statement()
		return p
	})
	return Call{Statement: &p.Statement, Args: p.args([]record.Value{id}), Row: func(cells Cells) error {
		outcome.Existed = true
		revision, err := p.revision(nil, cells)
		if err != nil {
			return err
		}
		outcome.Was = record.Revision(revision)
		outcome.Values, err = p.values(cells, p.needs)
		return err
	}}
}

// now reads what prior does, at once.
func (w *writer) now(ctx context.Context, m *repository.Mutation, id record.Value, needs []int, outcome *repository.Outcome) error {
	call := w.prior(m, id, needs, outcome)
	return w.session.Query(ctx, call.Statement, call.Args, func(cells Cells) (bool, error) { return true, call.Row(cells) })
}

// put stores the record, in place of the one that prior found.
func (w *writer) put(ctx context.Context, m *repository.Mutation, id record.Value, outcome *repository.Outcome) error {
	kind := byte('i')
	if outcome.Existed {
		kind = 'u'
	}
	p := w.table.plans.find([]byte{kind}, func() *plan {
		return &plan{table: w.table, Statement: w.table.printPut(outcome.Existed)}
	})
	operands := make([]record.Value, 0, len(m.Fields)+2)
	operands = append(operands, m.Fields...)
	operands[w.table.ID] = id
	operands = append(operands, record.String(string(m.Revision)), id)
	existed := outcome.Existed
	err := w.session.Queue(ctx, Call{Statement: &p.Statement, Args: p.args(operands), Done: func(changed int64, err error) error {
		switch {
		case err != nil && !existed && w.duplicate(err):
			return errors.Join(ErrAgain, err)
		case err != nil && (existed || !w.store.dialect.failed(err)):
			return w.failed(err)
		case err == nil && (existed || changed > 0):
			return nil
		}
		if err := m.If.Check(w.store.op("Apply"), true, ""); err != nil { // it was to be absent
			return w.failed(err)
		}
		return ErrAgain
	}})
	if err != nil {
		return err
	}
	outcome.Revision = m.Revision
	if !w.table.own() {
		return nil
	}
	var now repository.Outcome
	if err := w.now(ctx, m, id, nil, &now); err != nil {
		return err
	}
	outcome.Revision = now.Was
	return w.moved(*outcome, now)
}

// duplicate reports whether an INSERT failed because another transaction stored the id.
func (w *writer) duplicate(err error) bool {
	duplicate := w.store.dialect.Duplicate
	return duplicate != nil && !w.table.own() && duplicate(err)
}

// moved returns an error if a write has left the revision of a record as it
// was, so that another writer would not know of it. The hash of a record may
// stay, because then the record has.
func (w *writer) moved(before, now repository.Outcome) error {
	if w.table.Table.Revision == "" || !before.Existed || before.Was != now.Was {
		return nil
	}
	return fault.New(fault.Conflict, w.store.op("Apply"), "the column %s of %s, which is to change with every write, did not change",
		w.table.Table.Revision, w.table.path).Coded("revision-stands-still").
		Hinting("let a trigger of the table change it, or configure no revision, so that the hash of a record is its revision")
}

func (w *writer) remove(ctx context.Context, id record.Value) error {
	p := w.table.plans.find([]byte{'d'}, func() *plan {
		out := w.store.dialect.print(w.table)
		out.write("DELETE FROM ", w.table.name, " WHERE ")
		out.lookup(0)
		return &plan{table: w.table, Statement: out.statement()}
	})
	return w.session.Queue(ctx, Call{Statement: &p.Statement, Args: p.args([]record.Value{id}), Done: func(_ int64, err error) error { return w.failing(err) }})
}

// none returns fault.Conflict if a record matches the mutation's NoneOf, or has the
// transaction fail with it.
func (w *writer) none(ctx context.Context, m *repository.Mutation) error {
	ahead := w.store.dialect.Ahead
	r := begin('n')
	r.filter(*m.NoneOf)
	p := w.table.plans.find(r.shape, func() *plan {
		out := w.store.dialect.print(w.table)
		if ahead != nil {
			out.write(ahead.None[0])
		}
		out.top(1)
		out.write("1 FROM ", w.table.name)
		if m.NoneOf.Op != query.All {
			out.write(" WHERE ")
			out.filter(*m.NoneOf, false)
		}
		out.limit(1)
		if ahead != nil {
			out.write(ahead.None[1])
		}
		return &plan{table: w.table, Statement: out.statement()}
	})
	referenced := func() error {
		return fault.New(fault.Conflict, w.store.op("Apply"), "a record of %s refers to it", w.table.Name).Coded("referenced")
	}
	if ahead == nil {
		return w.session.Query(ctx, &p.Statement, p.args(r.operands), func(Cells) (bool, error) { return false, referenced() })
	}
	return w.session.Queue(ctx, Call{Statement: &p.Statement, Args: p.args(r.operands), Done: func(_ int64, err error) error {
		if ahead.Failed(err) {
			err = referenced()
		}
		return w.failing(err)
	}})
}

// failing returns the error of the mutation that err is, if it is one.
func (w *writer) failing(err error) error {
	if err == nil {
		return nil
	}
	return w.failed(err)
}
