package bolt

import (
	"context"
	"errors"
	"slices"
	"strings"

	"go.etcd.io/bbolt"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/query"
	"github.com/portolan-io/portolan/ports/repository"
)

// loadRows is how many rows one transaction of a Load stores.
const loadRows = 1000

// Apply implements repository.Store.
func (s *Store) Apply(ctx context.Context, batch []repository.Mutation) ([]repository.Outcome, error) {
	const op = "bolt.Apply"
	var outcomes []repository.Outcome
	err := s.write(ctx, op, func(tx *bbolt.Tx) (err error) {
		if err := repository.CheckBatch(op, batch); err != nil {
			return err
		}
		outcomes, err = applyAll(ctx, tx, op, batch)
		return err
	})
	if err != nil {
		return nil, err
	}
	return outcomes, nil
}

// applyAll does the mutations in their order.
func applyAll(ctx context.Context, tx *bbolt.Tx, op string, batch []repository.Mutation) ([]repository.Outcome, error) {
	outcomes := make([]repository.Outcome, len(batch))
	for i := range batch {
		if err := apply(ctx, tx, op, &batch[i], &outcomes[i]); err != nil {
			if known := (*fault.Error)(nil); errors.As(err, &known) {
				err = &repository.BatchError{Index: i, Err: err}
			}
			return nil, err // of ctx or of bbolt, it is about no mutation
		}
	}
	return outcomes, nil
}

// apply does one mutation.
func apply(ctx context.Context, tx *bbolt.Tx, op string, m *repository.Mutation, outcome *repository.Outcome) error {
	t, err := tableOf(tx, op, m.Collection)
	if err != nil {
		return err
	}
	if m.Op == repository.Check && m.NoneOf != nil {
		return t.none(ctx, op, *m.NoneOf)
	}
	old, err := t.get(op, m.ID)
	if err != nil {
		return err
	}
	if old != nil {
		*outcome = repository.Outcome{Existed: true, Was: old.revision, Revision: old.revision, Values: pick(old.values, m.Needs)}
	}
	if err := m.If.Check(op, outcome.Existed, outcome.Was); err != nil {
		return err
	}
	switch m.Op {
	case repository.Put:
		outcome.Revision = m.Revision
		return t.put(op, m.ID, m.Revision, m.Fields, old)
	case repository.Delete:
		outcome.Revision = ""
		if old != nil {
			return t.records.Delete(t.key(m.ID))
		}
	}
	return nil
}

// none requires that no record matches.
func (t table) none(ctx context.Context, op string, filter query.Expr) error {
	return t.scan(ctx, op, "", false, func(r *stored) (bool, error) {
		if query.Match(filter, r.values) {
			return false, fault.New(fault.Conflict, op, "a record of %s refers to it", t.of.Name).Coded("referenced")
		}
		return true, nil
	})
}

// Load implements repository.Store.
func (s *Store) Load(ctx context.Context, load repository.Load) (repository.Loaded, error) {
	const op = "bolt.Load"
	var done repository.Loaded
	if len(load.Rows) == 0 {
		return done, s.read(ctx, op, func(*bbolt.Tx) error { return nil })
	}
	for done.Done < len(load.Rows) {
		to := min(done.Done+loadRows, len(load.Rows))
		var repeated []int
		err := s.write(ctx, op, func(tx *bbolt.Tx) error {
			more, err := loadPart(tx, op, load, done.Done, to)
			repeated = slices.Concat(done.Repeated, more)
			if err != nil || load.Mark == nil {
				return err
			}
			_, err = applyAll(ctx, tx, op, load.Mark(to, slices.Clone(repeated)))
			if failed := (*repository.BatchError)(nil); errors.As(err, &failed) {
				return failed.Err
			}
			return err
		})
		if err != nil {
			return done, err
		}
		done = repository.Loaded{Done: to, Repeated: repeated}
	}
	return done, nil
}

// loadPart puts the rows, and returns the positions of those that the run stored before.
func loadPart(tx *bbolt.Tx, op string, load repository.Load, from, to int) (repeated []int, err error) {
	t, err := tableOf(tx, op, load.Collection)
	if err != nil {
		return nil, err
	}
	for i, row := range load.Rows[from:to] {
		old, err := t.get(op, row.ID)
		if err != nil {
			return nil, err
		}
		if old != nil && strings.HasPrefix(string(old.revision), load.Run) {
			repeated = append(repeated, from+i)
			continue
		}
		if err := t.put(op, row.ID, row.Revision, row.Fields, old); err != nil {
			return nil, err
		}
	}
	return repeated, nil
}
