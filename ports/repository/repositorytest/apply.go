package repositorytest

import (
	"errors"
	"fmt"
	"slices"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/query"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/ports/repository"
)

const allOrNone = "Apply does all mutations of the batch in their order, or none of them."

var applyCases = []Case{
	{Name: "Apply/All", Clause: quotes(allOrNone, "create or replace the record", "Put: a value for each field of the collection"), Run: applyAll},
	{Name: "Apply/None", Clause: quotes(allOrNone, "position of the mutation that failed"), Run: applyNone},
	{Name: "Apply/InOrder", Clause: allOrNone, Run: applyInOrder},
	{Name: "Apply/Collections", Clause: allOrNone, Run: applyCollections},
	{Name: "Apply/Seen", Clause: "Get, Find and Aggregate see every Apply and Load that returned before they were called", Run: applySeen},
	{Name: "Apply/MaxBatch", Clause: quotes("A batch has at most MaxBatch mutations, else it is fault.TooLarge.", "MaxBatch is the most mutations in one Apply"), Run: applyMaxBatch},
	{Name: "Apply/Twice", Clause: quotes("No two of its Puts and Deletes are of the same record, else it is fault.Invalid.", "CheckBatch returns both errors."), Run: applyTwice},
	{Name: "Apply/Empty", Clause: "Apply returns one outcome for each mutation.", Run: applyEmpty},
	{Name: "Apply/Delete", Clause: "remove the record; one that does not exist is no error unless If says so", Run: applyDelete},
	{Name: "Apply/Largest", Clause: "Put: a value for each field of the collection", Run: applyLargest},
}

func applyAll(t T, s repository.Store) {
	ensure(t, s, things())
	first, second := full("a"), thing("b", nil)
	apply(t, s, put(things(), first), put(things(), second))
	wantStored(t, "what was created", s, things(), first, second)
	first = revised(thing("a", set{fieldText: record.String("other")}), "r2", nil)
	apply(t, s, put(things(), first))
	wantStored(t, "what was replaced, by nulls too", s, things(), first, second)
}

// applyNone has a mutation that fails at each position of a batch.
func applyNone(t T, s repository.Store) {
	const size = 6
	kept := wholes("kept", "gone")
	store(t, s, things(), kept...)
	failing := map[string]repository.Mutation{
		"a Put of what exists":       putIf(things(), revised(kept[0], "r9", nil), repository.Absent),
		"a Put at another revision":  putIf(things(), revised(kept[0], "r9", nil), repository.At("r8")),
		"a Delete of what is absent": remove(things(), "absent", repository.Present),
		"a Check of what is absent":  check(things(), "absent", repository.Present),
		"a Check that none matches":  {Op: repository.Check, Collection: things(), NoneOf: ptr(eq(fieldInt, record.Int(1)))},
	}
	for name, m := range failing {
		for at := range size {
			batch := make([]repository.Mutation, 0, size)
			for i := range size - 2 {
				batch = append(batch, put(things(), thing(fmt.Sprint("new", i), nil)))
			}
			batch = append(batch, remove(things(), "gone", repository.Present))
			batch = slices.Insert(batch, min(at, len(batch)), m)
			outcomes, err := s.Apply(t.Context(), batch)
			var failed *repository.BatchError
			if !errors.As(err, &failed) || failed.Index != at || failed.Err == nil {
				t.Errorf("Apply with %s at %d = %v, want a BatchError of %d", name, at, err, at)
			}
			if outcomes != nil {
				t.Errorf("Apply with %s at %d returned %d outcomes and an error", name, at, len(outcomes))
			}
			wantStored(t, fmt.Sprintf("after a batch with %s at %d", name, at), s, things(), kept...)
		}
	}
}

// applyInOrder has mutations that hold only because of those before them.
func applyInOrder(t T, s repository.Store) {
	store(t, s, things(), wholes("a", "b")...)
	c := thing("c", set{fieldInt: record.Int(3)})
	apply(t, s,
		check(things(), "c", repository.Absent),
		put(things(), c),
		check(things(), "c", repository.At(c.Revision)),
		remove(things(), "a", repository.Present),
		check(things(), "a", repository.Absent),
		repository.Mutation{Op: repository.Check, Collection: things(), NoneOf: ptr(eq(fieldInt, record.Int(1)))},
	)
	wantStored(t, "what was done in order", s, things(), wholes("a", "b")[1], c)
	_, err := s.Apply(t.Context(), []repository.Mutation{
		put(things(), thing("d", set{fieldInt: record.Int(4)})),
		{Op: repository.Check, Collection: things(), NoneOf: ptr(eq(fieldInt, record.Int(4)))},
	})
	wantKind(t, "Apply of a Check against the Put before it", err, fault.Conflict)
}

func applyCollections(t T, s repository.Store) {
	ensure(t, s, things(), numbers())
	apply(t, s, put(things(), thing("1", nil)), put(numbers(), number(1, "one")), put(numbers(), number(2, "two")))
	wantStored(t, "things", s, things(), thing("1", nil))
	wantStored(t, "numbers", s, numbers(), number(1, "one"), number(2, "two"))
	_, err := s.Apply(t.Context(), []repository.Mutation{
		remove(things(), "1", repository.Always), put(numbers(), number(3, "three")), check(things(), "2", repository.Present),
	})
	wantKind(t, "Apply with a Check that fails", err, fault.NotFound)
	wantStored(t, "things after it", s, things(), thing("1", nil))
	wantStored(t, "numbers after it", s, numbers(), number(1, "one"), number(2, "two"))
	apply(t, s, remove(things(), "1", repository.Always), remove(numbers(), "1", repository.Always))
	wantStored(t, "things in the end", s, things())
	wantStored(t, "numbers in the end", s, numbers(), number(2, "two"))
}

// applySeen reads in every way after every write.
func applySeen(t T, s repository.Store) {
	ensure(t, s, things())
	count := query.Aggregation{Collection: things(), Limit: 1, Measures: []query.Measure{{Func: query.Sum, Field: fieldInt, As: "sum"}}}
	for i := range 100 {
		r := revised(thing("a", set{fieldInt: record.Int(int64(i))}), record.Revision(fmt.Sprint("r", i)), nil)
		apply(t, s, put(things(), r))
		wantRows(t, fmt.Sprint("Get after write ", i), everything(things(), query.Expr{}), get(t, s, things(), "a"), r)
		wantStored(t, fmt.Sprint("Find after write ", i), s, things(), r)
		wantGroups(t, s, fmt.Sprint("things after write ", i), count, []record.Record{r})
	}
	apply(t, s, remove(things(), "a", repository.Present))
	wantRows(t, "Get after the delete", everything(things(), query.Expr{}), get(t, s, things(), "a"))
	wantStored(t, "Find after the delete", s, things())
}

func applyMaxBatch(t T, s repository.Store) {
	ensure(t, s, things())
	records := numbered(repository.MaxBatch + 1)
	batch := make([]repository.Mutation, len(records))
	for i, r := range records {
		batch[i] = put(things(), r)
	}
	_, err := s.Apply(t.Context(), batch)
	wantKind(t, fmt.Sprintf("Apply of %d mutations", len(batch)), err, fault.TooLarge)
	wantStored(t, "after a batch that is too large", s, things())
	apply(t, s, batch[:repository.MaxBatch]...)
	wantStored(t, "after the largest batch", s, things(), records[:repository.MaxBatch]...)
}

func applyTwice(t T, s repository.Store) {
	kept := thing("kept", nil)
	store(t, s, things(), kept)
	ensure(t, s, numbers())
	a := thing("a", nil)
	for name, batch := range map[string][]repository.Mutation{
		"two Puts":         {put(things(), thing("b", nil)), put(things(), a), put(things(), a)},
		"Put and Delete":   {put(things(), a), check(things(), "kept", repository.Present), remove(things(), "a", repository.Always)},
		"Delete and Put":   {check(things(), "kept", repository.Present), remove(things(), "kept", repository.Always), put(things(), kept)},
		"a Delete, thrice": {remove(things(), "x", repository.Always), put(things(), a), remove(things(), "x", repository.Always), remove(things(), "x", repository.Always)},
	} {
		_, err := s.Apply(t.Context(), batch)
		wantKind(t, "Apply with "+name+" of one record", err, fault.Invalid)
		var failed *repository.BatchError
		if errors.As(err, &failed) && failed.Index != 2 {
			t.Errorf("Apply with %s of one record says that mutation %d is wrong, want 2", name, failed.Index)
		}
		wantStored(t, "after "+name+" of one record", s, things(), kept)
	}
	one := thing("1", nil)
	apply(t, s, put(things(), one), put(numbers(), number(1, "one")), check(things(), "1", repository.Present), check(things(), "1", repository.Present))
	wantStored(t, "after the same id in two collections, and two Checks", s, things(), one, kept)
}

func applyEmpty(t T, s repository.Store) {
	ensure(t, s, things())
	apply(t, s)
	apply(t, s, check(things(), "a", repository.Absent))
	wantStored(t, "after batches that change nothing", s, things())
}

func applyDelete(t T, s repository.Store) {
	records := wholes("a", "A", "b")
	store(t, s, things(), records...)
	apply(t, s, remove(things(), "a", repository.Always), remove(things(), "absent", repository.Always))
	wantStored(t, "after the Delete of a", s, things(), records[1:]...)
	apply(t, s, remove(things(), "a", repository.Always))
	wantStored(t, "after it was deleted again", s, things(), records[1:]...)
	_, err := s.Apply(t.Context(), []repository.Mutation{remove(things(), "a", repository.Present)})
	wantKind(t, "Delete of what does not exist, if it exists", err, fault.NotFound)
	apply(t, s, put(things(), records[0]))
	wantStored(t, "after a was created again", s, things(), records...)
}

// applyLargest stores the largest record under the largest id, and next to it
// one that differs in the last octet.
func applyLargest(t T, s repository.Store) {
	ensure(t, s, things())
	for _, c := range []rune{'x', '😀'} {
		r := largest(c)
		apply(t, s, put(things(), r))
		wantRows(t, "the largest record", everything(things(), query.Expr{}), get(t, s, things(), r.ID), r)
		wantStored(t, "the largest record", s, things(), r)
	}
}

func ptr(e query.Expr) *query.Expr { return &e }
