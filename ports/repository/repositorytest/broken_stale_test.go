package repositorytest_test

import (
	"context"
	"fmt"

	"github.com/portolan-io/portolan/core/query"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/ports/repository"
)

// remembering returns a store that answers what may be stale as it did before, until
// something is written in a way that it knows of.
func remembering(gets, finds, aggregates, applies, loads bool) func(repository.Store) repository.Store {
	return func(s repository.Store) repository.Store {
		known := map[string]any{}
		return hooked{
			Store: s,
			get: func(ctx context.Context, view query.View, ids []record.ID) ([]record.Row, error) {
				return remembered(known, gets && view.Stale > 0, fmt.Sprint("g", view.Collection.Name, ids), func() ([]record.Row, error) { return s.Get(ctx, view, ids) })
			},
			find: func(ctx context.Context, q query.Query) (repository.Page, error) {
				return remembered(known, finds && q.Stale > 0, "f"+q.After, func() (repository.Page, error) { return s.Find(ctx, q) })
			},
			aggregate: func(ctx context.Context, a query.Aggregation) ([]query.Group, error) {
				return remembered(known, aggregates && a.Stale > 0, "a", func() ([]query.Group, error) { return s.Aggregate(ctx, a) })
			},
			apply: func(ctx context.Context, batch []repository.Mutation) ([]repository.Outcome, error) {
				if applies {
					clear(known)
				}
				return s.Apply(ctx, batch)
			},
			load: func(ctx context.Context, load repository.Load) (repository.Loaded, error) {
				for key := range known {
					if loads && key[1:] != "numbers[1]" { // of the rows, and not of the mark
						delete(known, key)
					}
				}
				return s.Load(ctx, load)
			},
		}
	}
}

func remembered[A any](known map[string]any, may bool, key string, ask func() (A, error)) (A, error) {
	if before, ok := known[key].(A); ok && may {
		return before, nil
	}
	answer, err := ask()
	if err == nil && may {
		known[key] = answer
	}
	return answer, err
}

var brokenStales = []broken{
	{"a stale Get misses own writes", remembering(true, false, false, false, true), "Stale/OwnWrites"},
	{"a stale Find misses own writes", remembering(false, true, false, false, true), "Stale/OwnWrites"},
	{"a stale Aggregate misses own writes", remembering(false, false, true, false, true), "Stale/OwnWrites"},
	{"a stale Get misses what was loaded", remembering(true, false, false, true, false), "Stale/OwnWrites"},
	{"a stale Get misses what went with a Load", remembering(true, false, false, true, true), "Stale/Marks"},
	{"a stale Get returns half", func(s repository.Store) repository.Store {
		return hooked{Store: s, get: func(ctx context.Context, view query.View, ids []record.ID) ([]record.Row, error) {
			rows, err := s.Get(ctx, view, ids)
			if view.Stale > 0 {
				rows = rows[:len(rows)/2]
			}
			return rows, err
		}}
	}, "Stale/Same"},
	{"a stale page behind the first one lacks what was on its way", func(s repository.Store) repository.Store {
		return hooked{Store: s, find: func(ctx context.Context, q query.Query) (repository.Page, error) {
			page, err := s.Find(ctx, q)
			if q.Stale > 0 && q.After != "" && len(page.Rows) > 1 {
				page.Rows = page.Rows[1:]
			}
			return page, err
		}}
	}, "Stale/Pages"},
}
