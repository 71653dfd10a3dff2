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
		loaded.Repeated, err = t.load(ctx, session, load)
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
func (t *table) load(ctx context.Context, session Session, load repository.Load) ([]int, error) {
	p := t.plans.find([]byte{'l'}, func() *plan {
		return &plan{table: t, Statement: t.printLoad()}
	})
	var repeated []int
	var seen map[record.ID]bool
	if t.own() { // the stored revisions say nothing of the run
		seen = make(map[record.ID]bool, len(load.Rows))
	}
	run := ArgOf(record.String(load.Run))
	operands := make([]Arg, len(t.columns)+2)
	args := make([]Arg, len(p.slots))
	for i := range load.Rows {
		row := &load.Rows[i]
		if seen[row.ID] {
			repeated = append(repeated, i)
			continue
		}
		if seen != nil {
			seen[row.ID] = true
		}
		for j, v := range row.Fields {
			operands[j] = ArgOf(v)
		}
		id, possible := idValue(t.Collection, row.ID)
		if !possible {
			return nil, fault.New(fault.Invalid, t.dialect.Name+".Load", "the id of row %d is not one of %s", i, t.Name)
		}
		operands[t.ID] = ArgOf(id)
		operands[len(t.columns)] = Arg{Kind: TextKind, text: string(row.Revision)}
		operands[len(t.columns)+1] = run
		for j, slot := range p.slots {
			args[j] = operands[slot.operand]
		}
		changed, err := session.Exec(ctx, &p.Statement, args)
		if err != nil {
			return nil, err
		}
		if changed == 0 && !t.own() {
			repeated = append(repeated, i)
		}
	}
	return repeated, nil
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
	for i, column := range t.columns {
		if i != t.ID {
			set = append(set, column.name)
		}
	}
	if !t.own() {
		set = append(set, t.stored)
	}
	if len(set) == 0 {
		set = append(set, id)
	}
	out.list(len(set), func(i int) { out.write(set[i], " = excluded.", set[i]) })
	if !t.own() {
		out.write(" WHERE substr(", t.name, ".", t.stored, ", 1, length(")
		out.bind(len(t.columns)+1, plain)
		out.write(")) <> ")
		out.bind(len(t.columns)+1, plain)
	}
	return out.statement()
}
