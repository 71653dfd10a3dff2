package core

import (
	"context"
	"crypto/rand"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/query"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/core/schema"
	"github.com/portolan-io/portolan/ports/cache"
	"github.com/portolan-io/portolan/ports/repository"
)

// The mode says whether a process may answer from a cache: only while it alone
// writes the store. It is one row, whose revision is the epoch; beside it each
// process that writes has a row of its own, which it renews.
//
// A writer enters before it writes: it sets the mode off, and if it was not idle
// waits until nobody can rely on an older reading of it. The one server with a
// cache sets it on again, in a new epoch, when no other writer is left or alive.
// So what a writer checks with each of its writes is that the epoch is still the
// one that it entered: a server that gave it up for dead changed that.
//
// Instances that share a server for their cache keep the mode too, and each has a
// row as a member; see [Members].
var modeSchema = system(schema.Spec{
	Name: "_mode",
	ID:   "id",
	Fields: []schema.FieldSpec{
		{Name: "id", Type: "string", Max: "64"},
		{Name: "state", Type: "string", Required: true, Enum: []string{modeOn, modeOff, modeIdle, modeWriter, modeMember}},
		{Name: "until", Type: "time"},                        // of a writer: when it is taken for dead
		{Name: "server", Type: "string", Max: "4000"},        // of a mode that is on: which server instances share
		{Name: "collections", Type: "list", Items: "string"}, // and of which collections they keep answers
	},
})

// Positions of modeSchema's fields.
const (
	modeID = iota
	modeState
	modeUntil
	modeServer
	modeCollections
)

// The states of the mode, and that of a writer's row.
const (
	modeOn     = "on"   // the server that set it may rely on it
	modeOff    = "off"  // a writer has ended it, and an older reading may still be relied on
	modeIdle   = "idle" // nobody relies on anything
	modeWriter = "writer"
	modeMember = "member"
)

// theMode is the id of the row that is the mode.
const theMode record.ID = "cache"

const (
	pollEvery  = time.Second
	reliedFor  = 2 * time.Second             // on a reading, counted from before it
	drainFor   = cache.Drain + time.Second/2 // until nobody relies on what a writer ended
	writerFor  = time.Minute                 // a writer that renews nothing for so long is dead
	renewEvery = 15 * time.Second
	leaveIn    = 2 * time.Second // what leaving may take
)

// mode is the row as it was read.
type mode struct {
	exists      bool
	state       string
	epoch       record.Revision
	server      record.Value
	collections record.Value
}

func readMode(ctx context.Context, store repository.Store) (mode, error) {
	rows, err := store.Get(ctx, query.View{Collection: modeSchema, Needs: []int{modeState, modeServer, modeCollections}}, []record.ID{theMode})
	if err != nil || len(rows) == 0 {
		return mode{}, err
	}
	values := rows[0].Values
	return mode{true, values[0].AsString(), rows[0].Revision, values[1], values[2]}, nil
}

// put returns the mutation that replaces the mode as it was read.
func (m mode) put(state string, epoch record.Revision) repository.Mutation {
	return m.putFields(epoch, modeFields(theMode, state))
}

func (m mode) putFields(epoch record.Revision, fields []record.Value) repository.Mutation {
	precondition := repository.Absent
	if m.exists {
		precondition = repository.At(m.epoch)
	}
	return repository.Mutation{
		Op: repository.Put, Collection: modeSchema, ID: theMode, If: precondition, Revision: epoch, Fields: fields,
	}
}

// modeFields returns the fields of a row, of which no others are set.
func modeFields(id record.ID, state string) []record.Value {
	fields := make([]record.Value, len(modeSchema.Fields))
	fields[modeID], fields[modeState] = record.String(string(id)), record.String(state)
	return fields
}

// at returns the mutation that requires the epoch.
func at(epoch record.Revision) repository.Mutation {
	return repository.Mutation{Op: repository.Check, Collection: modeSchema, ID: theMode, If: repository.At(epoch)}
}

// A writer is a process that writes, as the others see it.
type writer struct {
	store repository.Store
	now   func() time.Time
	id    record.ID       // of its row
	epoch record.Revision // that it entered
}

func newWriter(store repository.Store, now func() time.Time) *writer {
	return &writer{store: store, now: now, id: record.ID("writer-" + strings.ToLower(rand.Text()))}
}

// alive returns the mutation that says that the writer is alive.
func (w *writer) alive() repository.Mutation {
	now := w.now()
	fields := modeFields(w.id, modeWriter)
	fields[modeUntil] = record.Time(now.Add(writerFor))
	return repository.Mutation{Op: repository.Put, Collection: modeSchema, ID: w.id, Revision: record.NewRevision(now), Fields: fields}
}

// enter returns once no process answers from what it cached before: at once if
// none could, and after drainFor else.
func (w *writer) enter(ctx context.Context) error {
	for range attempts {
		now, err := readMode(ctx, w.store)
		if err != nil {
			return err
		}
		dead, err := w.dead(ctx)
		if err != nil {
			return err
		}
		first := at(now.epoch)
		w.epoch = now.epoch
		switch {
		case !now.exists:
			w.epoch = record.NewRevision(w.now())
			first = now.put(modeIdle, w.epoch)
		case now.state == modeOn:
			w.epoch = record.NewRevision(w.now())
			first = now.put(modeOff, w.epoch)
		}
		_, err = w.store.Apply(ctx, append([]repository.Mutation{first, w.alive()}, dead...))
		if err == nil && now.exists && now.state != modeIdle {
			err = w.drain(ctx)
		}
		if !overtaken(err) {
			return err
		}
	}
	return busy()
}

// drain waits until nobody relies on what was before, and says so.
func (w *writer) drain(ctx context.Context) error {
	select {
	case <-time.After(drainFor):
	case <-ctx.Done():
		return ctx.Err()
	}
	now := mode{exists: true, epoch: w.epoch}
	_, err := w.store.Apply(ctx, []repository.Mutation{now.put(modeIdle, w.epoch)})
	return err
}

// leave ends the writer's row.
func (w *writer) leave(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, leaveIn)
	defer cancel()
	_, err := w.store.Apply(ctx, []repository.Mutation{{Op: repository.Delete, Collection: modeSchema, ID: w.id}})
	return err
}

// overtaken reports whether a change of the mode failed because it had changed.
func overtaken(err error) bool {
	var failed *repository.BatchError
	return errors.As(err, &failed)
}

// others is the filter for the rows of other writers that live on after now, or
// if dead for those that do not.
func (w *writer) others(now time.Time, dead bool) query.Expr {
	op := query.Gt
	if dead {
		op = query.Le
	}
	return query.AllOf(
		query.Expr{Op: query.Ne, Field: modeID, Values: []record.Value{record.String(string(w.id))}},
		query.Expr{Op: query.Eq, Field: modeState, Values: []record.Value{record.String(modeWriter)}},
		query.Expr{Op: op, Field: modeUntil, Values: []record.Value{record.Time(now)}},
	)
}

// dead returns the mutations that remove the rows of writers that are dead. They
// fail if one of these renews its row after all.
func (w *writer) dead(ctx context.Context) ([]repository.Mutation, error) {
	found, err := w.store.Find(ctx, query.Query{
		View:  query.View{Collection: modeSchema, Filter: w.others(w.now(), true)},
		Order: []query.Key{{Field: modeID}}, Limit: 100,
	})
	if err != nil {
		return nil, err
	}
	batch := make([]repository.Mutation, len(found.Rows))
	for i, row := range found.Rows {
		batch[i] = repository.Mutation{Op: repository.Delete, Collection: modeSchema, ID: row.ID, If: repository.At(row.Revision)}
	}
	return batch, nil
}

// arm sets the mode on, in a new epoch that it returns, if there is no other
// writer alive. The dead are removed.
func (w *writer) arm(ctx context.Context, was mode) (epoch record.Revision, err error) {
	dead, err := w.dead(ctx)
	if err != nil {
		return "", err
	}
	now := w.now()
	alive := w.others(now, false)
	epoch = record.NewRevision(now)
	members, err := endMembers(ctx, w.store)
	if err != nil {
		return "", err
	}
	if len(members) > 1 { // who is still there joins again, and then that is to be seen
		if _, err := w.store.Apply(ctx, members); err != nil {
			return "", err
		}
		return "", &repository.BatchError{Err: fault.New(fault.Conflict, "core.Modal", "instances write the store that share a cache")}
	}
	batch := []repository.Mutation{was.put(modeOn, epoch), w.alive(), {Op: repository.Check, Collection: modeSchema, NoneOf: &alive}}
	_, err = w.store.Apply(ctx, slices.Concat(batch, dead, members))
	return epoch, err
}

// superseded is the error of a writer that was given up for dead. It has no
// cause, whose kind would have it tried again.
func superseded() error {
	return fault.New(fault.Conflict, "core.Hold", "a server took this process for dead and uses its cache again, so this write was not done").
		Coded("writer-superseded").Hinting("run it again; an import goes on with --resume")
}
