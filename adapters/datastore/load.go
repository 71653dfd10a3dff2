package datastore

import (
	"context"
	"errors"
	"slices"
	"strings"

	"cloud.google.com/go/datastore"

	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/ports/repository"
)

// What one transaction of a Load stores at most: Datastore takes 500 writes and 10 MiB
// at once.
const (
	maxWrites    = 500
	maxLoadBytes = 3 << 20 // with room for names: the emulator takes 4 MiB
)

// Load stores as many rows in each transaction as their mark leaves room for, which is
// 499 with a checkpoint.
func (s *Store) Load(ctx context.Context, load repository.Load) (repository.Loaded, error) {
	const op = "datastore.Load"
	var done repository.Loaded
	if err := s.ready(ctx, op); err != nil {
		return done, err
	}
	first := firsts(&load)
	room := maxWrites
	if load.Mark != nil {
		room--
	}
	for done.Done < len(load.Rows) {
		to := done.Done + fitting(load.Rows[done.Done:], room)
		more, err := s.loadPart(ctx, op, load, done, to, first)
		var crowded *crowdedError
		switch {
		case errors.As(err, &crowded):
			room = max(maxWrites-crowded.marks, 1)
			continue
		case err != nil:
			return done, err
		}
		done = repository.Loaded{Done: to, Repeated: more}
	}
	return done, nil
}

// fitting returns how many of the rows fit into a transaction with room for so many.
func fitting(rows []record.Record, room int) int {
	size := 0
	for i := range rows {
		for _, v := range rows[i].Fields {
			size += octets(v)
		}
		if i > 0 && (i == room || size > maxLoadBytes) {
			return i
		}
	}
	return len(rows)
}

// A crowdedError says that a mark writes so much that fewer rows fit.
type crowdedError struct{ marks int }

func (e *crowdedError) Error() string { return "the mark of a load leaves no room for its rows" }

// loadPart stores the rows up to the given one, with the mark, and returns what was
// repeated from the first row on.
func (s *Store) loadPart(ctx context.Context, op string, load repository.Load, done repository.Loaded, to int, first map[record.ID]int) (repeated []int, err error) {
	part := load
	part.Rows = load.Rows[done.Done:to]
	keys := make([]*datastore.Key, 0, len(part.Rows))
	for i := range part.Rows {
		if k, possible := s.idKey(load.Collection, part.Rows[i].ID); possible {
			keys = append(keys, k)
		}
	}
	release, err := s.latch(ctx, nil, keys)
	if err != nil {
		return nil, err
	}
	defer release()
	err = s.write(ctx, op, func(v snapshot) error {
		c := s.begin(op, v)
		if err := c.meet(nil, &part); err != nil {
			return err
		}
		repeated = slices.Clone(done.Repeated)
		for i := range part.Rows {
			row := &part.Rows[i]
			if c.repeats(&load, done.Done+i, first) {
				repeated = append(repeated, done.Done+i)
				continue
			}
			if _, err := c.put(load.Collection, row.ID, row.Revision, row.Fields); err != nil {
				return err
			}
		}
		if err := c.mark(load, to, repeated); err != nil {
			return err
		}
		return c.save()
	})
	return repeated, err
}

// repeats reports whether the load has stored the id of the row already. In a kind that
// another program made no revision says so: there it is one that came earlier in this
// call.
func (c *change) repeats(load *repository.Load, at int, first map[record.ID]int) bool {
	id := load.Rows[at].ID
	if c.foreign[load.Collection.TableName()] {
		return first[id] < at
	}
	was := c.met[targetOf(load.Collection, id)]
	return was != nil && strings.HasPrefix(string(was.revision), load.Run)
}

// firsts returns where each id comes first, if the collection may be of a kind that
// another program made.
func firsts(load *repository.Load) map[record.ID]int {
	if !load.Collection.Table.Unmanaged {
		return nil
	}
	first := make(map[record.ID]int, len(load.Rows))
	for i := range load.Rows {
		if _, known := first[load.Rows[i].ID]; !known {
			first[load.Rows[i].ID] = i
		}
	}
	return first
}

// mark applies the mutations of the load's mark behind its rows.
func (c *change) mark(load repository.Load, to int, repeated []int) error {
	if load.Mark == nil {
		return nil
	}
	batch := load.Mark(to, slices.Clone(repeated))
	marks := 0
	for i := range batch {
		if batch[i].Op != repository.Check {
			marks++
		}
	}
	if marks > 0 && len(c.order)+marks > maxWrites {
		return &crowdedError{marks}
	}
	if err := c.meet(batch, nil); err != nil {
		return err
	}
	_, err := c.all(batch)
	var failed *repository.BatchError
	if errors.As(err, &failed) {
		return failed.Err
	}
	return err
}
