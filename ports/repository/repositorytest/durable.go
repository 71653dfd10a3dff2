package repositorytest

import (
	"context"
	"errors"
	"testing"

	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/core/schema"
	"github.com/portolan-io/portolan/ports/contract"
	"github.com/portolan-io/portolan/ports/repository"
)

// A Place is where a durable store keeps its records. Calling it opens the
// store there once more, also while it is open already.
type Place func(t T) repository.Store

// RunDurable runs the cases of what outlives a store, and the process. Open
// opens the store that is kept in the directory, which is empty and the case's
// own; a store that lives elsewhere may take the directory's path for a name.
// What open opens it also closes, with t.Cleanup.
func RunDurable(t *testing.T, open func(t T, directory string) repository.Store) {
	t.Helper()
	contract.Run(t, DurableCases(), func(t *testing.T) Place {
		directory := t.TempDir()
		return func(t T) repository.Store { return open(t, directory) }
	})
}

const (
	outlivesCrash   = "When Apply returns without an error the batch outlives a crash of the process."
	outlivesProcess = "Durable says that what is stored outlives the process."
)

// DurableCases returns the cases of [RunDurable].
func DurableCases() []contract.Case[Place] {
	return []contract.Case[Place]{
		{Name: "Durable/Reopened", Clause: outlivesProcess, Run: durableReopened},
		{Name: "Durable/NotClosed", Clause: outlivesCrash, Run: durableNotClosed},
		{Name: "Durable/Capability", Clause: outlivesProcess, Run: durableCapability},
		{Name: "Durable/Load", Clause: markWithRows, Run: durableLoad},
		{Name: "Durable/Ensure", Clause: cannotFit, Run: durableEnsure},
		{Name: "Durable/Processes", Clause: "and by several processes at once.", Run: durableProcesses},
	}
}

// reopened closes the store and opens it again.
func reopened(t T, s repository.Store, place Place) repository.Store {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Fatalf("Close: %v", err)
	}
	return place(t)
}

func durableCapability(t T, place Place) {
	if !place(t).Capabilities().Durable {
		t.Errorf("the capabilities of a durable store do not say so")
	}
}

func durableReopened(t T, place Place) {
	s := place(t)
	records := extremes()
	store(t, s, things(), records...)
	store(t, s, numbers(), number(1, "one"))
	apply(t, s, put(numbers(), number(2, "two")), remove(numbers(), "1", repository.Present))
	for range 2 {
		s = reopened(t, s, place)
		ensure(t, s, things(), numbers())
		wantStored(t, "after the store was opened again", s, things(), records...)
		wantStored(t, "after a delete and opening again", s, numbers(), number(2, "two"))
		apply(t, s, putIf(numbers(), number(2, "two"), repository.At("r1")))
	}
}

// durableNotClosed opens the store a second time without having closed it, as
// after a crash. What Apply acknowledged is there.
func durableNotClosed(t T, place Place) {
	s := place(t)
	ensure(t, s, things())
	var want []record.Record
	for _, r := range numbered(20) {
		apply(t, s, put(things(), r))
		want = append(want, r)
		other := place(t)
		ensure(t, other, things())
		wantStored(t, "what another sees after each Apply", other, things(), want...)
		if err := other.Close(); err != nil {
			t.Fatalf("Close: %v", err)
		}
	}
}

func durableLoad(t T, place Place) {
	s := place(t)
	ensure(t, s, things(), numbers())
	rows := inRun("run1", numbered(3000)...)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	calls := 0
	_, err := s.Load(ctx, repository.Load{Collection: things(), Rows: rows, Run: "run1", Mark: func(n int, _ []int) []repository.Mutation {
		if calls++; calls == 2 {
			cancel()
		}
		return []repository.Mutation{put(numbers(), checkpoint(n))}
	}})
	if err != nil && !errors.Is(err, context.Canceled) {
		t.Fatalf("Load: %v", err)
	}
	s = reopened(t, s, place)
	ensure(t, s, things(), numbers())
	from := done(t, s)
	wantStored(t, "the rows of the checkpoint", s, things(), rows[:from]...)
	loaded := load(t, s, repository.Load{Collection: things(), Rows: rows[from:], Run: "run1"})
	wantRepeated(t, "the rest of the rows", loaded.Repeated, nil)
	s = reopened(t, s, place)
	wantStored(t, "all rows", s, things(), rows...)
}

func durableEnsure(t T, place Place) {
	s := place(t)
	r := plain("x", record.Int(1), record.String("one"))
	store(t, s, first(), r)
	s = reopened(t, s, place)
	ensure(t, s, second())
	want := plain("x", record.Null, record.String("one"), record.Null, record.Int(1), record.Null)
	wantStored(t, "old rows with new fields", s, second(), want)
	s = reopened(t, s, place)
	ensureConflict(t, s)
}

// durableProcesses writes from several stores at once, as several processes
// would: the counter loses nothing.
func durableProcesses(t T, place Place) {
	const stores, each = 3, 10
	ctx, opened := t.Context(), make([]repository.Store, stores)
	for i := range opened {
		opened[i] = place(t)
	}
	for err := range gather(stores, func(i int) error { return opened[i].Ensure(ctx, []*schema.Collection{things()}) }) {
		if err != nil {
			t.Fatalf("one of %d Ensures: %v", stores, err)
		}
	}
	apply(t, opened[0], put(things(), at("a", 0)))
	for err := range gather(stores, func(i int) error { return count(ctx, opened[i], each) }) {
		if err != nil {
			t.Errorf("one of %d processes: %v", stores, err)
		}
	}
	for _, s := range opened {
		wantStored(t, "after all have counted", s, things(), at("a", stores*each))
	}
}
