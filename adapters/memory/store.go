// Package memory keeps everything in this process: the plainest right example
// of each port. What it holds ends with the process. Start at [Store].
package memory

import (
	"context"
	"sync/atomic"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/query"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/ports/repository"
)

// Config has nothing to choose.
type Config struct{}

// A Store is a repository.Store in memory.
//
// What it holds is one immutable state. A reader takes the state as it is and
// needs no lock; a writer makes the next state, which shares whatever did not
// change, and puts it in place at once. So a reader sees all of a batch or
// nothing of it, and a batch that fails has nothing to take back.
type Store struct {
	state   atomic.Pointer[state] // nil once closed
	writing chan struct{}         // holds a token while somebody writes
}

var _ repository.Store = (*Store)(nil)

// A state is all that a store holds at one time. It never changes.
type state struct {
	tables map[string]*table
}

// Open returns an empty store.
func Open(ctx context.Context, _ Config) (*Store, error) {
	s := &Store{writing: make(chan struct{}, 1)}
	s.state.Store(&state{})
	return s, ctx.Err()
}

// Capabilities returns those of a store that serves every query and forgets
// everything when the process ends.
func (s *Store) Capabilities() repository.Capabilities { return repository.Capabilities{} }

// Ping returns nil until the store is closed.
func (s *Store) Ping(ctx context.Context) error {
	_, err := s.current(ctx, "memory.Ping")
	return err
}

// Close drops all records, after the write that is under way.
func (s *Store) Close() error {
	s.writing <- struct{}{}
	defer func() { <-s.writing }()
	s.state.Store(nil)
	return nil
}

// Get implements repository.Store.
func (s *Store) Get(ctx context.Context, view query.View, ids []record.ID) ([]record.Row, error) {
	const op = "memory.Get"
	now, err := s.current(ctx, op)
	if err != nil {
		return nil, err
	}
	l, err := now.lens(op, view.Collection)
	if err != nil {
		return nil, err
	}
	shown := newShown(l, view)
	rows := make([]record.Row, 0, len(ids))
	seen := make(map[record.ID]bool, len(ids))
	for _, id := range ids {
		e := l.table.get(id)
		if e == nil || seen[id] || !query.Match(view.Filter, l.fields(e)) {
			continue
		}
		seen[id] = true
		rows = append(rows, shown.row(e))
	}
	return rows, nil
}

// Aggregate implements repository.Store.
func (s *Store) Aggregate(ctx context.Context, a query.Aggregation) ([]query.Group, error) {
	const op = "memory.Aggregate"
	now, err := s.current(ctx, op)
	if err != nil {
		return nil, err
	}
	l, err := now.lens(op, a.Collection)
	if err != nil {
		return nil, err
	}
	fold := query.NewFold(a)
	for e := range l.matching(ctx, a.Filter) {
		if err := fold.Add(l.fields(e)); err != nil {
			return nil, err
		}
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	groups, err := fold.Groups()
	if err != nil {
		return nil, err
	}
	return groups, repository.CheckGroups(op, groups)
}

// current returns the state as it is now.
func (s *Store) current(ctx context.Context, op string) (*state, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	now := s.state.Load()
	if now == nil {
		return nil, fault.New(fault.Unavailable, op, "the store is closed").Coded("closed")
	}
	return now, nil
}

// write makes the next state by change, unless that fails or ctx is done.
func (s *Store) write(ctx context.Context, op string, change func(*edit) error) error {
	select {
	case s.writing <- struct{}{}:
		defer func() { <-s.writing }()
	case <-ctx.Done():
		return ctx.Err()
	}
	now, err := s.current(ctx, op)
	if err != nil {
		return err
	}
	e := newEdit(now)
	if err := change(e); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	s.state.Store(&state{tables: e.tables})
	return nil
}
