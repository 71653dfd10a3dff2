package gormstore

import (
	"context"
	"slices"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/ports/repository"
)

// Load stores all rows, and what Mark returns for them, in one transaction.
func (s *Store) Load(ctx context.Context, load repository.Load) (repository.Loaded, error) {
	if err := s.ready(ctx, "Load"); err != nil {
		return repository.Loaded{}, err
	}
	t, err := s.table(ctx, load.Collection)
	if err != nil || len(load.Rows) == 0 {
		return repository.Loaded{}, err
	}
	loaded := repository.Loaded{Done: len(load.Rows)}
	err = s.engine.Write(ctx, func(session Session) error {
		var err error
		w := writer{store: s, session: session, table: t}
		loaded.Repeated, err = w.load(ctx, load)
		if err != nil || load.Mark == nil {
			return err
		}
		return s.mark(ctx, session, load.Mark(loaded.Done, slices.Clone(loaded.Repeated)))
	})
	if err != nil {
		return repository.Loaded{}, s.fail(ctx, "Load", err)
	}
	return loaded, nil
}

// mark applies what goes with the rows. It must not look at a table, because
// that takes a transaction of its own.
func (s *Store) mark(ctx context.Context, session Session, batch []repository.Mutation) error {
	tables := make([]*table, len(batch))
	for i := range batch {
		known, ok := s.tables.Load(batch[i].Collection)
		switch {
		case ok:
			tables[i] = known.(*table)
		case batch[i].Collection.Table.Unmanaged:
			return fault.New(fault.Internal, s.op("Load"), "the unmanaged table of %s must be ensured before a mark writes to it",
				batch[i].Collection.Name)
		default:
			made, _ := s.tables.LoadOrStore(batch[i].Collection, s.dialect.managed(batch[i].Collection))
			tables[i] = made.(*table)
		}
	}
	_, err := s.apply(ctx, session, tables, batch)
	return err
}

// load stores the rows and returns the positions of those that repeat.
func (w *writer) load(ctx context.Context, load repository.Load) ([]int, error) {
	if loader, ok := w.session.(Loader); ok && !w.table.own() {
		bulk, err := w.bulk(load)
		if err != nil {
			return nil, err
		}
		return loader.Load(ctx, bulk)
	}
	var repeated []int
	var seen map[record.ID]bool
	if w.table.own() { // the stored revisions say nothing of the run
		seen = make(map[record.ID]bool, len(load.Rows))
	}
	operands := make([]Arg, len(w.table.columns)+2)
	operands[len(operands)-1] = ArgOf(record.String(load.Run))
	for i := range load.Rows {
		row := &load.Rows[i]
		if seen[row.ID] {
			repeated = append(repeated, i)
			continue
		}
		if seen != nil {
			seen[row.ID] = true
		}
		id, possible := w.table.idValue(row.ID)
		if !possible {
			return nil, w.impossible(i)
		}
		if err := w.table.kept(w.store.op("Load"), row.Fields); err != nil {
			return nil, err
		}
		for j, v := range row.Fields {
			operands[j] = ArgOf(v)
		}
		operands[w.table.ID] = ArgOf(id)
		operands[len(w.table.columns)] = Arg{Kind: TextKind, text: string(row.Revision)}
		changed, err := w.loadRow(ctx, id, operands)
		if err != nil {
			return nil, err
		}
		if changed == 0 && !w.table.own() {
			repeated = append(repeated, i)
		}
	}
	return repeated, nil
}

// bulk returns the rows for a Loader.
func (w *writer) bulk(load repository.Load) (*Bulk, error) {
	b := &Bulk{Table: w.table.name, ID: w.table.ID, Run: load.Run, Rows: len(load.Rows), Fields: w.table.Fields, Key: w.table.key}
	for i := range w.table.columns {
		b.Columns = append(b.Columns, w.table.columns[i].name)
		b.Besides = append(b.Besides, w.table.columns[i].beside)
	}
	b.Columns = append(b.Columns, w.table.stored)
	ids := make([]record.Value, len(load.Rows))
	for i := range load.Rows {
		var possible bool
		if ids[i], possible = w.table.idValue(load.Rows[i].ID); !possible {
			return nil, w.impossible(i)
		}
	}
	b.Row = func(i int, args []Arg) []Arg {
		row := &load.Rows[i]
		for j, v := range row.Fields {
			if j == w.table.ID {
				v = ids[i]
			}
			args = append(args, ArgOf(v))
		}
		return append(args, Arg{Kind: TextKind, text: string(row.Revision)})
	}
	return b, nil
}

func (w *writer) impossible(row int) error {
	return fault.New(fault.Invalid, w.store.op("Load"), "the id of row %d is not one of %s", row, w.table.Name)
}

// loadRow stores one row, and sees to it that its revision moves where only the
// table can do that.
func (w *writer) loadRow(ctx context.Context, id record.Value, operands []Arg) (changed int64, err error) {
	if w.table.Table.Revision == "" || w.table.counted != "" {
		return w.upsert(ctx, operands)
	}
	var before, now repository.Outcome
	if err := w.now(ctx, &repository.Mutation{}, id, nil, &before); err != nil {
		return 0, err
	}
	if changed, err = w.upsert(ctx, operands); err != nil {
		return 0, err
	}
	if err := w.now(ctx, &repository.Mutation{}, id, nil, &now); err != nil {
		return 0, err
	}
	return changed, w.moved(before, now)
}

// upsert stores one row, by one statement or by two.
func (w *writer) upsert(ctx context.Context, operands []Arg) (changed int64, err error) {
	run := func(kind byte, print func() Statement) {
		p := w.table.plans.find([]byte{kind}, func() *plan { return &plan{table: w.table, Statement: print()} })
		args := make([]Arg, len(p.slots))
		for i, slot := range p.slots {
			args[i] = slot.as.of(operands[slot.operand])
		}
		changed, err = w.session.Exec(ctx, &p.Statement, args)
	}
	if w.store.dialect.Unless != "" {
		run('l', w.table.printLoad)
		return changed, err
	}
	if run('r', w.table.printReload); err == nil && changed == 0 {
		run('i', func() Statement { return w.table.printPut(false) })
	}
	return changed, err
}

// printReload prints the statement that replaces a record unless the run stored it. Its
// operands are the fields, the revision and the run.
func (t *table) printReload() Statement {
	out := t.dialect.print(t)
	out.update(t.ID)
	if !t.own() {
		out.write(" AND ")
		out.ofAnother()
	}
	return out.statement()
}

// ofAnother appends that the record is not of the run.
func (p *printer) ofAnother() {
	run := len(p.table.columns) + 1
	p.template(p.dialect.Prefix, p.table.name+"."+p.table.stored, run)
	p.write(" <> ")
	p.bind(run, plain)
}

// printLoad prints the statement that stores a record unless the run stored
// one under its id before. Its operands are the fields, the revision and the
// run.
func (t *table) printLoad() Statement {
	out := t.dialect.print(t)
	out.insert()
	id := t.columns[t.ID].name
	out.write(" ON CONFLICT (", id, ") DO UPDATE SET ")
	set := make([]string, 0, len(t.columns))
	for _, position := range t.changed() {
		set = append(set, t.columns[position].name)
		if beside := t.columns[position].beside; beside.Write != "" {
			set = append(set, beside.Name)
		}
	}
	if !t.own() {
		set = append(set, t.stored)
	}
	if len(set) == 0 && t.counted == "" {
		set = append(set, id)
	}
	out.list(len(set), func(i int) { out.write(set[i], " = excluded.", set[i]) })
	if t.counted != "" {
		if len(set) > 0 {
			out.write(", ")
		}
		out.count()
	}
	if !t.own() {
		out.write(" WHERE ")
		out.ofAnother()
	}
	return out.statement()
}
