package gormstore

import (
	"context"

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

func (s *Store) apply(ctx context.Context, session Session, tables []*table, batch []repository.Mutation) ([]repository.Outcome, error) {
	outcomes := make([]repository.Outcome, len(batch))
	for i := range batch {
		w := writer{store: s, session: session, table: tables[i]}
		var err error
		outcomes[i], err = w.mutate(ctx, &batch[i])
		if err == nil {
			continue
		}
		err = s.fail(ctx, "Apply", err)
		if kind := fault.KindOf(err); kind == fault.Unavailable || kind == fault.Internal {
			return nil, err // it is not the mutation that is wrong
		}
		return nil, &repository.BatchError{Index: i, Err: err}
	}
	return outcomes, nil
}

// A writer changes one table within a transaction.
type writer struct {
	store   *Store
	session Session
	table   *table
}

func (w *writer) mutate(ctx context.Context, m *repository.Mutation) (repository.Outcome, error) {
	if m.Op == repository.Check && m.NoneOf != nil {
		return repository.Outcome{}, w.none(ctx, m)
	}
	id, possible := idValue(w.table.Collection, m.ID)
	var outcome repository.Outcome
	if possible {
		var err error
		if outcome, err = w.prior(ctx, id, m.Needs); err != nil {
			return outcome, err
		}
	}
	if err := m.If.Check(w.store.op("Apply"), outcome.Existed, outcome.Was); err != nil {
		return outcome, err
	}
	switch {
	case m.Op == repository.Put && !possible:
		return outcome, fault.New(fault.Invalid, w.store.op("Apply"), "the id is not one of %s", w.table.Name)
	case m.Op == repository.Put:
		return outcome, w.put(ctx, m, id, &outcome)
	case m.Op == repository.Delete && outcome.Existed:
		return outcome, w.remove(ctx, id)
	case m.Op == repository.Check:
		outcome.Revision = outcome.Was
	}
	return outcome, nil
}

// prior returns the record as it is, as far as it is needed.
func (w *writer) prior(ctx context.Context, id record.Value, needs []int) (repository.Outcome, error) {
	r := begin('p')
	r.numbers(needs)
	p := w.table.plans.find(r.shape, func() *plan {
		p, out := w.table.reading(query.View{Collection: w.table.Collection, Needs: needs}, nil), w.store.dialect.print(w.table)
		out.selection(p)
		out.write(" WHERE ", w.table.columns[w.table.ID].read, " = ")
		out.bind(0, plain)
		p.Statement = out.statement()
		return p
	})
	var outcome repository.Outcome
	err := w.session.Query(ctx, &p.Statement, []Arg{ArgOf(id)}, func(cells Cells) (bool, error) {
		outcome.Existed = true
		revision, err := p.revision(nil, cells)
		if err != nil {
			return false, err
		}
		outcome.Was = record.Revision(revision)
		outcome.Values, err = p.values(cells, p.needs)
		return true, err
	})
	return outcome, err
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
	if _, err := w.session.Exec(ctx, &p.Statement, p.args(operands)); err != nil {
		return err
	}
	outcome.Revision = m.Revision
	if !w.table.own() {
		return nil
	}
	now, err := w.prior(ctx, id, nil)
	if err != nil {
		return err
	}
	outcome.Revision = now.Was
	return w.moved(*outcome, now)
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

// printPut prints the statement that inserts a record, or replaces one. Its
// operands are the fields, the revision and the id again.
func (t *table) printPut(replace bool) Statement {
	out := t.dialect.print(t)
	if !replace {
		out.insert()
		return out.statement()
	}
	out.write("UPDATE ", t.name, " SET ")
	changed := t.changed()
	out.list(len(changed), func(i int) {
		out.write(t.columns[changed[i]].name, " = ")
		out.template(t.columns[changed[i]].write, "", changed[i])
	})
	if len(changed) > 0 && (t.stored != "" || t.counted != "") {
		out.write(", ")
	}
	switch {
	case t.stored != "":
		out.write(t.stored, " = ")
		out.bind(len(t.columns), plain)
	case t.counted != "":
		out.count()
	case len(changed) == 0: // the id is all there is
		out.write(t.columns[t.ID].name, " = ", t.columns[t.ID].name)
	}
	out.write(" WHERE ", t.columns[t.ID].read, " = ")
	out.bind(len(t.columns)+1, plain)
	return out.statement()
}

// changed returns the positions of the fields that replacing a record writes:
// all but the id and a column that is counted up.
func (t *table) changed() []int {
	positions := make([]int, 0, len(t.columns))
	for i, column := range t.columns {
		if i != t.ID && column.name != t.counted {
			positions = append(positions, i)
		}
	}
	return positions
}

// count appends the counting up of the table's revision.
func (p *printer) count() {
	p.write(p.table.counted, " = coalesce(", p.table.name, ".", p.table.counted, ", 0) + 1")
}

// insert appends an INSERT of one record.
func (p *printer) insert() {
	t := p.table
	p.write("INSERT INTO ", t.name, " (")
	p.list(len(t.columns), func(i int) { p.write(t.columns[i].name) })
	if !t.own() {
		p.write(", ", t.stored)
	}
	if t.begun {
		p.write(", ", t.counted)
	}
	p.write(") VALUES (")
	p.list(len(t.columns), func(i int) { p.template(t.columns[i].write, "", i) })
	if !t.own() {
		p.write(", ")
		p.bind(len(t.columns), plain)
	}
	if t.begun {
		p.write(", 1")
	}
	p.write(")")
}

func (w *writer) remove(ctx context.Context, id record.Value) error {
	p := w.table.plans.find([]byte{'d'}, func() *plan {
		out := w.store.dialect.print(w.table)
		out.write("DELETE FROM ", w.table.name, " WHERE ", w.table.columns[w.table.ID].read, " = ")
		out.bind(0, plain)
		return &plan{table: w.table, Statement: out.statement()}
	})
	_, err := w.session.Exec(ctx, &p.Statement, []Arg{ArgOf(id)})
	return err
}

// none returns fault.Conflict if a record matches the mutation's NoneOf.
func (w *writer) none(ctx context.Context, m *repository.Mutation) error {
	r := begin('n')
	r.filter(*m.NoneOf)
	p := w.table.plans.find(r.shape, func() *plan {
		out := w.store.dialect.print(w.table)
		out.write("SELECT 1 FROM ", w.table.name)
		if m.NoneOf.Op != query.All {
			out.write(" WHERE ")
			out.filter(*m.NoneOf, false)
		}
		out.limit(1)
		return &plan{table: w.table, Statement: out.statement()}
	})
	return w.session.Query(ctx, &p.Statement, p.args(r.operands), func(Cells) (bool, error) {
		return false, fault.New(fault.Conflict, w.store.op("Apply"), "a record of %s refers to it", w.table.Name).
			Coded("referenced")
	})
}
