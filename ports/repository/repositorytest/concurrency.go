package repositorytest

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/query"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/ports/repository"
)

const (
	exactlyOne = "Of several concurrent writes that ask for the same revision, exactly one succeeds."
	neverAPart = "and never a part of an Apply."
)

var concurrencyCases = []Case{
	{Name: "Concurrency/Conditional", Clause: exactlyOne, Run: concurrentConditional},
	{Name: "Concurrency/Counter", Clause: quotes("A Store is safe for concurrent use.", exactlyOne), Run: concurrentCounter},
	{Name: "Concurrency/HalfABatch", Clause: neverAPart, Run: concurrentHalf},
	{Name: "Concurrency/Priors", Clause: "of Needs, as they were before; nil if the record did not exist", Run: concurrentPriors},
	{Name: "Concurrency/References", Clause: "change nothing, but require If, or that no record matches NoneOf", Run: concurrentReferences},
	{Name: "Concurrency/Loads", Clause: "A Store is safe for concurrent use.", Run: concurrentLoads},
}

// gather calls f with 0 to n-1 at the same time, and returns a sequence of what
// the calls return, once all have.
func gather(n int, f func(i int) error) func(yield func(error) bool) {
	results, start := make([]error, n), make(chan struct{})
	var group sync.WaitGroup
	for i := range n {
		group.Go(func() {
			<-start
			results[i] = f(i)
		})
	}
	close(start)
	group.Wait()
	return func(yield func(error) bool) {
		for _, err := range results {
			if !yield(err) {
				return
			}
		}
	}
}

// concurrentConditional has four writers at a time with the same precondition,
// which holds for one of them alone.
func concurrentConditional(t T, s repository.Store) {
	ensure(t, s, things())
	ctx := t.Context()
	for round := range 30 {
		apply(t, s, remove(things(), "a", repository.Always))
		for _, tt := range []struct {
			name   string
			change func(i int) repository.Mutation
			lose   fault.Kind
		}{
			{"Put if Absent", func(i int) repository.Mutation { return putIf(things(), at("a", i), repository.Absent) }, fault.Exists},
			{"Put at a revision", func(i int) repository.Mutation { return putIf(things(), at("a", 10+i), repository.At("now")) }, fault.Stale},
			{"Delete at a revision", func(int) repository.Mutation { return remove(things(), "a", repository.At("now")) }, fault.Stale},
		} {
			if tt.lose == fault.Stale {
				apply(t, s, put(things(), revised(thing("a", nil), "now", nil)))
			}
			won := 0
			for err := range gather(4, func(i int) error {
				_, err := s.Apply(ctx, []repository.Mutation{tt.change(i)})
				return err
			}) {
				switch {
				case err == nil:
					won++
				case !errors.Is(err, tt.lose) && !errors.Is(err, fault.Unavailable):
					t.Errorf("round %d, %s: %v, want nil or %s", round, tt.name, err, tt.lose)
				}
			}
			if won != 1 {
				t.Fatalf("round %d: of 4 concurrent writes, %s, %d succeeded, want 1", round, tt.name, won)
			}
		}
	}
}

// at returns the thing at revision n, with n as its whole number.
func at(id string, n int) record.Record {
	return revised(thing(id, set{fieldInt: record.Int(int64(n))}), record.Revision(fmt.Sprint("r", n)), nil)
}

// concurrentCounter has 50 writers that each add one to a record, reading and
// writing at the revision read until that succeeds.
func concurrentCounter(t T, s repository.Store) {
	const writers = 50
	store(t, s, things(), at("a", 0))
	ctx := t.Context()
	for err := range gather(writers, func(int) error { return count(ctx, s, 1) }) {
		if err != nil {
			t.Errorf("one of %d writers: %v", writers, err)
		}
	}
	wantStored(t, fmt.Sprintf("after %d writers", writers), s, things(), at("a", writers))
}

// count adds one to the record a, times times.
func count(ctx context.Context, s repository.Store, times int) error {
	view := everything(things(), query.Expr{})
	for times > 0 {
		rows, err := s.Get(ctx, view, []record.ID{"a"})
		if err != nil || len(rows) != 1 {
			return fmt.Errorf("got %d rows and the error %w", len(rows), err)
		}
		next := at("a", int(rows[0].Values[fieldInt].AsInt())+1)
		_, err = s.Apply(ctx, []repository.Mutation{putIf(things(), next, repository.At(rows[0].Revision))})
		switch {
		case err == nil:
			times--
		case !errors.Is(err, fault.Stale) && !errors.Is(err, fault.Unavailable):
			return err
		}
	}
	return nil
}

// concurrentHalf replaces ten records at a time, and reads them in every way
// meanwhile: all ten are of one batch.
func concurrentHalf(t T, s repository.Store) {
	const size, batches = 10, 150
	var ids []record.ID
	for i := range size {
		ids = append(ids, record.ID(fmt.Sprint("id", i)))
	}
	ensure(t, s, things())
	apply(t, s, evenFirst(size, 0)...)
	ctx, written := t.Context(), make(chan struct{})
	readers := []func() error{
		func() error {
			rows, err := s.Get(ctx, everything(things(), query.Expr{}), ids)
			return sameBatch("Get", rows, size, err)
		},
		func() error {
			page, err := find(ctx, s, query.Query{View: everything(things(), query.Expr{}), Order: byID(things()), Limit: 100})
			return sameBatch("Find", page.Rows, size, err)
		},
		func() error { return oneRevision(ctx, s, size) },
	}
	for err := range gather(1+len(readers), func(i int) error {
		if i == 0 {
			defer close(written)
			for n := 1; n <= batches; n++ {
				if _, err := s.Apply(ctx, evenFirst(size, n)); err != nil {
					return err
				}
			}
			return nil
		}
		for {
			select {
			case <-written:
				return nil
			default:
			}
			if err := readers[i-1](); err != nil {
				return err
			}
		}
	}) {
		if err != nil {
			t.Errorf("while batches were applied: %v", err)
		}
	}
}

// evenFirst returns the mutations that put size things at revision n, the even
// ones first.
func evenFirst(size, n int) []repository.Mutation {
	var mutations []repository.Mutation
	for odd := range 2 {
		for i := odd; i < size; i += 2 {
			mutations = append(mutations, put(things(), at(fmt.Sprint("id", i), n)))
		}
	}
	return mutations
}

// sameBatch returns an error unless the rows are all, and of one revision.
func sameBatch(what string, rows []record.Row, size int, err error) error {
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	if len(rows) != size {
		return fmt.Errorf("%s returned %d rows, want %d", what, len(rows), size)
	}
	for _, row := range rows {
		if row.Revision != rows[0].Revision {
			return fmt.Errorf("%s returned a row at %s beside one at %s", what, row.Revision, rows[0].Revision)
		}
	}
	return nil
}

// oneRevision aggregates: there is one group, of all.
func oneRevision(ctx context.Context, s repository.Store, size int64) error {
	groups, err := s.Aggregate(ctx, query.Aggregation{
		Collection: things(), GroupBy: []int{fieldInt}, Limit: 100, Measures: []query.Measure{{Func: query.Count, As: "n"}},
	})
	if err != nil {
		return fmt.Errorf("aggregating: %w", err)
	}
	if len(groups) != 1 || groups[0].Measures[0].AsInt() != size {
		return fmt.Errorf("got %d groups, want one of %d", len(groups), size)
	}
	return nil
}

// concurrentPriors replaces one record from several writers. Each value that
// was written is met as it was by exactly one other write, or is the last.
func concurrentPriors(t T, s repository.Store) {
	const writers, writes = 4, 25
	ensure(t, s, things())
	ctx, met := t.Context(), make(chan int64, writers*writes)
	for err := range gather(writers, func(i int) error {
		for j := range writes {
			m := put(things(), at("a", i*writes+j+1))
			m.Needs = []int{fieldInt}
			outcomes, err := s.Apply(ctx, []repository.Mutation{m})
			for errors.Is(err, fault.Unavailable) {
				outcomes, err = s.Apply(ctx, []repository.Mutation{m})
			}
			if err != nil {
				return err
			}
			if outcomes[0].Existed {
				met <- outcomes[0].Values[0].AsInt()
			} else {
				met <- 0
			}
		}
		return nil
	}) {
		if err != nil {
			t.Fatalf("one of %d writers: %v", writers, err)
		}
	}
	close(met)
	times := make(map[int64]int)
	for n := range met {
		times[n]++
	}
	rows := get(t, s, things(), "a")
	if len(rows) != 1 {
		t.Fatalf("after %d writes there are %d records", writers*writes, len(rows))
	}
	times[rows[0].Values[fieldInt].AsInt()]++
	for n := range int64(writers*writes + 1) {
		if times[n] != 1 {
			t.Errorf("the write %d (0 is the absence) was met %d times, want once", n, times[n])
		}
	}
}

// concurrentLoads loads different records from several runs, beside writes.
func concurrentLoads(t T, s repository.Store) {
	ensure(t, s, things())
	ctx, rows := t.Context(), make([][]record.Record, 4)
	var want []record.Record
	for i := range rows {
		rows[i] = inRun(fmt.Sprintf("run%d-", i), numbered(500)...)
		for j := range rows[i] {
			id := fmt.Sprintf("%d-%s", i, rows[i][j].ID)
			rows[i][j].ID, rows[i][j].Fields[fieldID] = record.ID(id), record.String(id)
		}
		want = append(want, rows[i]...)
	}
	for err := range gather(2*len(rows), func(i int) error {
		if i < len(rows) {
			_, err := s.Load(ctx, repository.Load{Collection: things(), Rows: rows[i], Run: fmt.Sprintf("run%d-", i)})
			return err
		}
		for j := range 20 {
			if _, err := s.Apply(ctx, []repository.Mutation{put(things(), at("z", j)), remove(things(), "none", repository.Always)}); err != nil {
				return err
			}
		}
		return nil
	}) {
		if err != nil {
			t.Errorf("one of several Loads and writers: %v", err)
		}
	}
	wantStored(t, "after several Loads at once", s, things(), append(want, at("z", 19))...)
}
