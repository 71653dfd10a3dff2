package repositorytest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/query"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/core/schema"
	"github.com/portolan-io/portolan/ports/repository"
)

var contextCases = []Case{
	{Name: "Context/Done", Clause: quotes(
		"except that a done context's error is returned as it is.",
		"A method that is called with a done context returns its error and does nothing.",
		beforeOthers), Run: contextDone},
	{Name: "Context/During", Clause: "If ctx is done before the batch is committed, nothing of it is stored.", Run: contextDuring},
	{Name: "Context/Kinds", Clause: "Every error it returns has a fault.Kind", Run: contextKinds},
}

const beforeOthers = "Both come before any other error, whatever the arguments are."

// wrongCalls returns calls that a store refuses for their arguments, by name.
func wrongCalls(s repository.Store) map[string]func(ctx context.Context) error {
	apply := func(batch []repository.Mutation) func(context.Context) error {
		return func(ctx context.Context) error {
			_, err := s.Apply(ctx, batch)
			return err
		}
	}
	twice := put(things(), thing("new", nil))
	return map[string]func(ctx context.Context) error{
		"Apply of too many":       apply(make([]repository.Mutation, repository.MaxBatch+1)),
		"Apply of a record twice": apply([]repository.Mutation{twice, twice}),
		"Find with a bad cursor": func(ctx context.Context) error {
			q := query.Query{View: everything(things(), query.Expr{}), Order: byID(things()), Limit: 10, After: "x"}
			_, err := s.Find(ctx, q)
			return err
		},
		"Ensure of a table that is not there": func(ctx context.Context) error {
			return s.Ensure(ctx, []*schema.Collection{growing("none", schema.Table{Unmanaged: true}, nil)})
		},
		"Get from a table that is not there": func(ctx context.Context) error {
			c := growing("none", schema.Table{Unmanaged: true}, nil)
			_, err := s.Get(ctx, everything(c, query.Expr{}), []record.ID{"a"})
			return err
		},
	}
}

// allCalls returns the right calls and the wrong ones.
func allCalls(s repository.Store) map[string]func(ctx context.Context) error {
	all := calls(s)
	maps.Copy(all, wrongCalls(s))
	return all
}

// calls returns each method of the store, by name, to be called with what is
// right but for the context. Those that write would store a record "new".
func calls(s repository.Store) map[string]func(ctx context.Context) error {
	fresh := inRun("run1", thing("new", nil))
	return map[string]func(ctx context.Context) error{
		"Get": func(ctx context.Context) error {
			_, err := s.Get(ctx, everything(things(), query.Expr{}), []record.ID{"a"})
			return err
		},
		"Find": func(ctx context.Context) error {
			_, err := s.Find(ctx, query.Query{View: everything(things(), query.Expr{}), Order: byID(things()), Limit: 10})
			return err
		},
		"Aggregate": func(ctx context.Context) error {
			_, err := s.Aggregate(ctx, query.Aggregation{Collection: things(), Limit: 1, Measures: []query.Measure{{Func: query.Count, As: "n"}}})
			return err
		},
		"Apply": func(ctx context.Context) error {
			_, err := s.Apply(ctx, []repository.Mutation{put(things(), fresh[0])})
			return err
		},
		"Load": func(ctx context.Context) error {
			_, err := s.Load(ctx, repository.Load{Collection: things(), Rows: fresh, Run: "run1"})
			return err
		},
		"Ensure": func(ctx context.Context) error { return s.Ensure(ctx, []*schema.Collection{things()}) },
		"Ping":   s.Ping,
	}
}

func contextDone(t T, s repository.Store) {
	records := wholes("a", "b")
	store(t, s, things(), records...)
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	late, cancel := context.WithDeadline(t.Context(), time.Unix(0, 0))
	defer cancel()
	for name, call := range allCalls(s) {
		for _, ctx := range []context.Context{cancelled, late} {
			if err := call(ctx); err != ctx.Err() { //nolint:errorlint // as it is, not wrapped
				t.Errorf("%s with a done context = %v, want %v", name, err, ctx.Err())
			}
		}
	}
	wantStored(t, "after calls with a done context", s, things(), records...)
}

// contextDuring cancels while a batch is applied. All of it is stored or
// nothing, and nothing if Apply says so.
func contextDuring(t T, s repository.Store) {
	ensure(t, s, things())
	for round := range 40 {
		var batch []repository.Mutation
		for i := range 100 {
			batch = append(batch, put(things(), thing(fmt.Sprintf("%02d-%03d", round, i), nil)))
		}
		before := len(all(t, s, things()))
		ctx, cancel := context.WithCancel(t.Context())
		var applied error
		for range gather(2, func(i int) error {
			if i == 0 {
				for range round * 20 { // later in each round
					_ = ctx.Err()
				}
				cancel()
				return nil
			}
			_, applied = s.Apply(ctx, batch)
			return nil
		}) {
		}
		want := before
		switch {
		case applied == nil:
			want += len(batch)
		case !errors.Is(applied, context.Canceled):
			t.Errorf("Apply with a context that is cancelled meanwhile = %v, want nil or %v", applied, context.Canceled)
		}
		if n := len(all(t, s, things())); n != want {
			t.Fatalf("after Apply returned %v there are %d records, want %d", applied, n, want)
		}
	}
}

// contextKinds provokes errors of all methods.
func contextKinds(t T, s repository.Store) {
	store(t, s, things(), thing("a", nil))
	errs := map[string]error{}
	_, errs["a bad cursor"] = s.Find(t.Context(), query.Query{
		View: everything(things(), query.Expr{}), Order: byID(things()), Limit: 1, After: "x",
	})
	_, errs["a batch that fails"] = s.Apply(t.Context(), []repository.Mutation{check(things(), "a", repository.Absent)})
	_, errs["a batch that is too large"] = s.Apply(t.Context(), make([]repository.Mutation, repository.MaxBatch+1))
	_, errs["too many groups"] = s.Aggregate(t.Context(), query.Aggregation{Collection: things(), GroupBy: []int{fieldID}})
	_, errs["a Load with a Check that fails"] = s.Load(t.Context(), repository.Load{
		Collection: things(), Rows: inRun("run1", thing("b", nil)), Run: "run1",
		Mark: func(int, []int) []repository.Mutation {
			return []repository.Mutation{check(things(), "a", repository.Absent)}
		},
	})
	if err := s.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
	for name, call := range calls(s) {
		errs[name+" after Close"] = call(t.Context())
	}
	for name, err := range errs {
		var classified *fault.Error
		if !errors.As(err, &classified) || classified.Kind == "" || classified.Code == "" || classified.Detail == "" {
			t.Errorf("%s: %v, want an error with a kind, a code and a detail", name, err)
		}
	}
}
