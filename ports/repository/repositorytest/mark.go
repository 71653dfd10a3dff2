package repositorytest

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/ports/repository"
)

const markWithRows = "Each of them also applies the mutations that Mark returns for the number of rows it completes, so the mark and the rows are never one without the other."

var markCases = []Case{
	{Name: "Mark/Applied", Clause: quotes("Load may commit in several transactions.", markWithRows, "Mark, if not nil, returns what to apply with the first n rows of this Load, in the same transaction: a checkpoint, checks."), Run: markApplied},
	{Name: "Mark/Repeated", Clause: "Repeated are the positions among those n of the rows not stored, as Loaded has them, so that a checkpoint counts them exactly.", Run: markRepeated},
	{Name: "Mark/Cancelled", Clause: quotes(markWithRows, "If ctx is done, what was committed stays and the rest is not stored.", "With an error too, Loaded says what was committed."), Run: markCancelled},
	{Name: "Mark/Fails", Clause: quotes("If a mutation of Mark's fails, its transaction is not stored and Load returns the error of the mutation.", "With an error too, Loaded says what was committed."), Run: markFails},
	{Name: "Mark/Behind", Clause: "They are applied after those rows, so that a check sees them: rows may refer to one another.", Run: markBehind},
	{Name: "Mark/Many", Clause: "Mark returns at most 400 mutations", Run: markMany},
	{Name: "Mark/Resume", Clause: markWithRows, Run: markResume},
}

// checkpoint returns the record of numbers that says that n rows are done.
func checkpoint(n int) record.Record { return number(1, fmt.Sprint(n)) }

// done returns what the stored checkpoint says.
func done(t T, s repository.Store) (n int) {
	t.Helper()
	rows := get(t, s, numbers(), "1")
	if len(rows) == 1 {
		if _, err := fmt.Sscan(rows[0].Values[1].AsString(), &n); err != nil {
			t.Fatalf("the checkpoint is %s", rows[0].JSON)
		}
	}
	return n
}

func markApplied(t T, s repository.Store) {
	ensure(t, s, things(), numbers())
	rows := inRun("run1", numbered(3000)...)
	last := 0
	load(t, s, repository.Load{Collection: things(), Rows: rows, Run: "run1", Mark: func(n int, _ []int) []repository.Mutation {
		if n < last || n > len(rows) {
			t.Errorf("Mark was asked for %d rows of %d, after %d", n, len(rows), last)
		}
		last = n
		return []repository.Mutation{put(numbers(), checkpoint(n))}
	}})
	if n := done(t, s); n != len(rows) || last != len(rows) {
		t.Errorf("after a Load of %d rows the checkpoint is %d, and Mark was asked for %d", len(rows), n, last)
	}
	wantStored(t, "after a Load with a Mark", s, things(), rows...)
}

// markBehind checks rows that come with the mark, as the import of rows that
// refer to one another does.
func markBehind(t T, s repository.Store) {
	ensure(t, s, things(), numbers())
	rows := inRun("run1", numbered(3000)...)
	load(t, s, repository.Load{Collection: things(), Rows: rows, Run: "run1", Mark: func(n int, _ []int) []repository.Mutation {
		last := rows[n-1]
		return []repository.Mutation{
			check(things(), rows[0].ID, repository.Present), check(things(), last.ID, repository.At(last.Revision)),
			put(numbers(), checkpoint(n)),
		}
	}})
	if n := done(t, s); n != len(rows) {
		t.Errorf("after a Load of %d rows the checkpoint is %d", len(rows), n)
	}
}

func markRepeated(t T, s repository.Store) {
	ensure(t, s, things(), numbers())
	rows := inRun("run1", slices.Concat(numbered(10), numbered(5), numbered(12))...)
	var marked []int
	loaded := load(t, s, repository.Load{Collection: things(), Rows: rows, Run: "run1", Mark: func(n int, repeated []int) []repository.Mutation {
		if n == len(rows) {
			marked = slices.Clone(repeated)
		}
		for _, at := range repeated {
			if at >= n {
				t.Errorf("Mark of %d rows was told that row %d is repeated", n, at)
			}
		}
		return []repository.Mutation{put(numbers(), checkpoint(len(repeated)))}
	}})
	want := []int{10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24}
	wantRepeated(t, "Load", loaded.Repeated, want)
	wantRepeated(t, "Mark", marked, want)
	if n := done(t, s); n != len(want) {
		t.Errorf("the checkpoint counts %d repeated rows, want %d", n, len(want))
	}
}

// markCancelled ends the context while rows are being stored, as a crash would:
// in the first, the second and the third call of Mark.
func markCancelled(t T, s repository.Store) {
	ensure(t, s, things(), numbers())
	for call := 1; call <= 3; call++ {
		run := fmt.Sprint("run", call, "-")
		for _, row := range all(t, s, things()) {
			apply(t, s, remove(things(), row.ID, repository.Always))
		}
		apply(t, s, remove(numbers(), "1", repository.Always))
		rows := inRun(run, numbered(5000)...)
		ctx, cancel := context.WithCancel(t.Context())
		calls := 0
		loaded, err := s.Load(ctx, repository.Load{Collection: things(), Rows: rows, Run: run, Mark: func(n int, _ []int) []repository.Mutation {
			if calls++; calls == call {
				cancel()
			}
			return []repository.Mutation{put(numbers(), checkpoint(n))}
		}})
		cancel()
		if calls >= call && !errors.Is(err, context.Canceled) {
			t.Errorf("Load with a context done in call %d of Mark = %v, want %v", call, err, context.Canceled)
		}
		marked := done(t, s)
		if loaded.Done != marked {
			t.Errorf("Load says that %d rows are done, and the checkpoint says %d", loaded.Done, marked)
		}
		wantStored(t, fmt.Sprintf("the first %d rows", marked), s, things(), rows[:marked]...)
	}
}

// markFails has a check that fails, at once or after some rows.
func markFails(t T, s repository.Store) {
	ensure(t, s, things(), numbers())
	rows := inRun("run1", numbered(5000)...)
	for _, from := range []int{1, 2000} {
		loaded, err := s.Load(t.Context(), repository.Load{Collection: things(), Rows: rows, Run: "run1", Mark: func(n int, _ []int) []repository.Mutation {
			batch := []repository.Mutation{put(numbers(), checkpoint(n))}
			if n >= from {
				batch = append(batch, check(numbers(), "2", repository.At("r7")))
			}
			return batch
		}})
		wantKind(t, "Load with a Check that fails", err, fault.Stale)
		if n := done(t, s); loaded.Done != n || n >= from {
			t.Errorf("Load says that %d rows are done, and the checkpoint says %d, of which %d could be", loaded.Done, n, from-1)
		}
		wantStored(t, "the rows of the checkpoint", s, things(), rows[:loaded.Done]...)
	}
}

func markMany(t T, s repository.Store) {
	ensure(t, s, things(), numbers())
	var want []record.Record
	for i := range 400 {
		want = append(want, number(int64(i+1), "mark"))
	}
	rows := inRun("run1", numbered(600)...)
	load(t, s, repository.Load{Collection: things(), Rows: rows, Run: "run1", Mark: func(int, []int) []repository.Mutation {
		var batch []repository.Mutation
		for _, r := range want {
			batch = append(batch, put(numbers(), r))
		}
		return batch
	}})
	wantStored(t, "400 marks", s, numbers(), want...)
	wantStored(t, "the rows with 400 marks", s, things(), rows...)
}

// markResume goes on from the checkpoint after an interruption, and ends with
// everything once.
func markResume(t T, s repository.Store) {
	ensure(t, s, things(), numbers())
	rows := inRun("run1", numbered(4000)...)
	for attempt := 0; ; attempt++ {
		from := done(t, s)
		if from == len(rows) {
			break
		}
		if attempt > len(rows) {
			t.Fatalf("after %d attempts %d rows are done", attempt, from)
		}
		ctx, cancel := context.WithCancel(t.Context())
		calls := 0
		loaded, err := s.Load(ctx, repository.Load{Collection: things(), Rows: rows[from:], Run: "run1", Mark: func(n int, _ []int) []repository.Mutation {
			if calls++; calls == 2 && attempt < 3 {
				cancel()
			}
			return []repository.Mutation{put(numbers(), checkpoint(from+n))}
		}})
		cancel()
		if err != nil && !errors.Is(err, context.Canceled) {
			t.Fatalf("Load from row %d: %v", from, err)
		}
		wantRepeated(t, "a Load that goes on", loaded.Repeated, nil)
	}
	wantStored(t, "after an import with interruptions", s, things(), rows...)
}
