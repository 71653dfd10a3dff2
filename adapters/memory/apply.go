package memory

import (
	"context"
	"errors"
	"slices"

	"github.com/portolan-io/portolan/ports/repository"
)

// loadRows is how many rows one state of a Load adds: enough that copying the
// lists of chunks costs little, few enough that other writers wait little.
const loadRows = 1000

// Apply implements repository.Store.
func (s *Store) Apply(ctx context.Context, batch []repository.Mutation) ([]repository.Outcome, error) {
	const op = "memory.Apply"
	if _, err := s.current(ctx, op); err != nil {
		return nil, err
	}
	if err := repository.CheckBatch(op, batch); err != nil {
		return nil, err
	}
	var outcomes []repository.Outcome
	err := s.write(ctx, op, func(e *edit) (err error) {
		outcomes, err = e.applyAll(ctx, op, batch)
		return err
	})
	if err != nil {
		return nil, err
	}
	return outcomes, nil
}

// Load implements repository.Store.
func (s *Store) Load(ctx context.Context, load repository.Load) (repository.Loaded, error) {
	const op = "memory.Load"
	var done repository.Loaded
	if _, err := s.current(ctx, op); err != nil {
		return done, err
	}
	for done.Done < len(load.Rows) {
		to := min(done.Done+loadRows, len(load.Rows))
		var repeated []int
		err := s.write(ctx, op, func(e *edit) error {
			more, err := e.load(op, load, done.Done, to)
			repeated = slices.Concat(done.Repeated, more)
			if err != nil || load.Mark == nil {
				return err
			}
			_, err = e.applyAll(ctx, op, load.Mark(to, slices.Clone(repeated)))
			if failed := (*repository.BatchError)(nil); errors.As(err, &failed) {
				return failed.Err
			}
			return err
		})
		if err != nil {
			return done, err
		}
		done.Done, done.Repeated = to, repeated
	}
	return done, nil
}
