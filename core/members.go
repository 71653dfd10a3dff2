package core

import (
	"context"
	"crypto/rand"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/portolan-io/portolan/core/query"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/ports/cache"
	"github.com/portolan-io/portolan/ports/repository"
)

// Members is the cache.Modes of the instances of one service: the row that is the
// mode, and one for each instance that writes. A write checks the latter, which
// only its own instance ever locks; who sets the mode on deletes them all, and so
// waits for every write that is being stored and refuses every later one.
type Members struct {
	store repository.Store
	now   func() time.Time
}

var _ cache.Modes = (*Members)(nil)

// NewMembers returns the Modes over the store, by the clock; nil is time.Now.
func NewMembers(store repository.Store, now func() time.Time) *Members {
	if now == nil {
		now = time.Now
	}
	return &Members{store: store, now: now}
}

// The states of the row, as instances and as the one server with a cache call them.
var modeStates = [...]string{cache.Idle: modeIdle, cache.On: modeOn, cache.Down: modeOff}

// Read is of cache.Modes. On without a Server is what a server set that shares
// none, and caches by itself.
func (m *Members) Read(ctx context.Context) (cache.Mode, error) {
	row, err := readMode(ctx, m.store)
	if err != nil || !row.exists {
		return cache.Mode{}, err
	}
	now := cache.Mode{State: cache.ModeState(max(0, slices.Index(modeStates[:], row.state))), Epoch: string(row.epoch)}
	if !row.server.IsNull() {
		now.Server = row.server.AsString()
	}
	if !row.collections.IsNull() {
		for _, name := range row.collections.AsList() {
			now.Collections = append(now.Collections, name.AsString())
		}
	}
	return now, nil
}

// Switch is of cache.Modes.
func (m *Members) Switch(ctx context.Context, was, next cache.Mode) (bool, error) {
	row := mode{exists: was.Epoch != "", epoch: record.Revision(was.Epoch)}
	fields := modeFields(theMode, modeStates[next.State])
	fields[modeCollections] = namesValue(next.Collections)
	if next.State == cache.On {
		fields[modeServer] = record.String(next.Server)
	}
	for range attempts {
		batch := []repository.Mutation{row.putFields(record.Revision(next.Epoch), fields)}
		var members []repository.Mutation
		if next.State == cache.On {
			w := newWriter(m.store, m.now)
			dead, err := w.dead(ctx)
			if err != nil {
				return false, err
			}
			alive := w.others(m.now(), false)
			batch = append(batch, repository.Mutation{Op: repository.Check, Collection: modeSchema, NoneOf: &alive})
			batch = append(batch, dead...)
			if members, err = endMembers(ctx, m.store); err != nil {
				return false, err
			}
		}
		first := len(batch) // of what may fail though the mode is still the same
		_, err := m.store.Apply(ctx, append(batch, members...))
		var failed *repository.BatchError
		switch {
		case err == nil:
			return true, nil
		case !errors.As(err, &failed):
			return false, err
		case failed.Index < first:
			return false, nil
		}
	}
	return false, busy()
}

func namesValue(names []string) record.Value {
	values := make([]record.Value, len(names))
	for i, name := range names {
		values[i] = record.String(name)
	}
	return record.List(values)
}

// maxMembers is how many members end in one batch.
const maxMembers = 300

// areMembers is the filter of the rows of members.
var areMembers = query.Expr{Op: query.Eq, Field: modeState, Values: []record.Value{record.String(modeMember)}}

// endMembers returns the mutations that end all memberships. They fail if there is
// another one by then, as many as there may be.
func endMembers(ctx context.Context, store repository.Store) ([]repository.Mutation, error) {
	for {
		found, err := store.Find(ctx, query.Query{
			View:  query.View{Collection: modeSchema, Filter: areMembers},
			Order: []query.Key{{Field: modeID}}, Limit: maxMembers,
		})
		if err != nil {
			return nil, err
		}
		batch := make([]repository.Mutation, len(found.Rows), len(found.Rows)+1)
		for i, row := range found.Rows {
			batch[i] = repository.Mutation{Op: repository.Delete, Collection: modeSchema, ID: row.ID}
		}
		if found.Next == "" {
			return append(batch, repository.Mutation{Op: repository.Check, Collection: modeSchema, NoneOf: &areMembers}), nil
		}
		if _, err := store.Apply(ctx, batch); err != nil { // who is still there joins again
			return nil, err
		}
	}
}

// Join is of cache.Modes. There is no mode to join before the first Switch.
func (m *Members) Join(ctx context.Context, to cache.Mode) (cache.Member, bool, error) {
	if to.Epoch == "" {
		return cache.Member{}, false, nil
	}
	id, revision := record.ID(modeMember+"-"+strings.ToLower(rand.Text())), record.NewRevision(m.now())
	_, err := m.store.Apply(ctx, []repository.Mutation{
		at(record.Revision(to.Epoch)),
		{Op: repository.Put, Collection: modeSchema, ID: id, If: repository.Absent, Revision: revision, Fields: modeFields(id, modeMember)},
	})
	switch {
	case overtaken(err):
		return cache.Member{}, false, nil
	case err != nil:
		return cache.Member{}, false, err
	}
	witness := repository.Mutation{Op: repository.Check, Collection: modeSchema, ID: id, If: repository.At(revision)}
	return cache.Member{ID: string(id), Witness: []repository.Mutation{witness}}, true, nil
}

// Expel is of cache.Modes.
func (m *Members) Expel(ctx context.Context, member string) error {
	_, err := m.store.Apply(ctx, []repository.Mutation{{Op: repository.Delete, Collection: modeSchema, ID: record.ID(member)}})
	return err
}
