package repositorytest_test

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/query"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/core/schema"
	"github.com/portolan-io/portolan/ports/repository"
)

// A picky store looks at its arguments before anything else.
type picky struct{ repository.Store }

func (s picky) Apply(ctx context.Context, batch []repository.Mutation) ([]repository.Outcome, error) {
	if err := repository.CheckBatch("picky.Apply", batch); err != nil {
		return nil, err
	}
	return s.Store.Apply(ctx, batch)
}

// ensuresEach ensures one collection after another.
func ensuresEach(ctx context.Context, s repository.Store, cs []*schema.Collection) error {
	for i := range cs {
		if err := s.Ensure(ctx, cs[i:i+1]); err != nil {
			return err
		}
	}
	return nil
}

// An endless store ignores the end of contexts, and its own.
type endless struct{ repository.Store }

func (s endless) Close() error { return nil }

func (s endless) Get(ctx context.Context, view query.View, ids []record.ID) ([]record.Row, error) {
	return s.Store.Get(context.WithoutCancel(ctx), view, ids)
}

// A wrapping store classifies the error of a done context.
type wrapping struct{ repository.Store }

func (s wrapping) Ping(ctx context.Context) error {
	if err := s.Store.Ping(ctx); err != nil {
		return fault.New(fault.Unavailable, "wrapping.Ping", "no answer").Because(err)
	}
	return nil
}

// A fickle store has other capabilities each time.
type fickle struct {
	repository.Store
	asked bool
}

func (s *fickle) Capabilities() repository.Capabilities {
	s.asked = !s.asked
	return repository.Capabilities{Durable: s.asked}
}

// An ensurer is a store with another Ensure.
type ensurer struct {
	repository.Store
	ensure func(ctx context.Context, collections []*schema.Collection) error
}

func (s ensurer) Ensure(ctx context.Context, collections []*schema.Collection) error {
	return s.ensure(ctx, collections)
}

// ensuring returns a store with another Ensure.
func ensuring(ensure func(ctx context.Context, s repository.Store, collections []*schema.Collection) error) func(repository.Store) repository.Store {
	return func(s repository.Store) repository.Store {
		return ensurer{s, func(ctx context.Context, collections []*schema.Collection) error { return ensure(ctx, s, collections) }}
	}
}

// aggregating returns a store that changes an aggregation and its groups.
func aggregating(before func(*query.Aggregation), after func([]query.Group) []query.Group) func(repository.Store) repository.Store {
	return func(s repository.Store) repository.Store {
		return hooked{Store: s, aggregate: func(ctx context.Context, a query.Aggregation) ([]query.Group, error) {
			if before != nil {
				before(&a)
			}
			groups, err := s.Aggregate(ctx, a)
			if after != nil {
				groups = after(groups)
			}
			return groups, err
		}}
	}
}

var brokenLives = []broken{
	{"a done context is ignored", func(s repository.Store) repository.Store { return endless{s} }, "Context/Done"},
	{"arguments come before a done context", func(s repository.Store) repository.Store { return picky{s} }, "Context/Done"},
	{"arguments come before the end of the store", func(s repository.Store) repository.Store { return picky{s} }, "Lifecycle/Closed"},
	{"a done context's error is wrapped", func(s repository.Store) repository.Store { return wrapping{s} }, "Context/Done"},
	{"a cancelled batch stays", func(s repository.Store) repository.Store {
		return hooked{Store: s, apply: func(ctx context.Context, batch []repository.Mutation) ([]repository.Outcome, error) {
			outcomes, err := s.Apply(context.WithoutCancel(ctx), batch)
			return outcomes, errors.Join(err, ctx.Err())
		}}
	}, "Context/During"},
	{"errors have no kind", func(s repository.Store) repository.Store {
		return hooked{Store: s, find: func(ctx context.Context, q query.Query) (repository.Page, error) {
			page, err := s.Find(ctx, q)
			if err != nil {
				err = errors.New(err.Error())
			}
			return page, err
		}}
	}, "Context/Kinds"},
	{"Close does not close", func(s repository.Store) repository.Store { return endless{s} }, "Lifecycle/Closed"},
	{"Close fails the second time", func(s repository.Store) repository.Store {
		closed := false
		return hooked{Store: s, close: func() error {
			if closed {
				return fault.New(fault.Internal, "hooked.Close", "it is closed already")
			}
			closed = true
			return s.Close()
		}}
	}, "Lifecycle/CloseTwice"},
	{"Ping fails", func(s repository.Store) repository.Store {
		_ = s.Close()
		return s
	}, "Lifecycle/Ping"},
	{"Split drops the filter", func(s repository.Store) repository.Store {
		return hooked{Store: s, split: func(query.Query) (native, rest query.Expr, err error) { return native, rest, nil }}
	}, "Split"},
	{"Split refuses with another code", func(s repository.Store) repository.Store {
		return hooked{Store: s, split: func(q query.Query) (native, rest query.Expr, err error) {
			if len(q.Order) > 1 {
				err = fault.New(fault.Refused, "hooked.Split", "the order needs an index")
			}
			return q.Filter, rest, err
		}}
	}, "Split"},
	{"the store can do less once it has records", func(s repository.Store) repository.Store { return &fickle{Store: s} }, "Lifecycle/Capabilities"},
	{"a second Ensure at the same time fails", func(s repository.Store) repository.Store {
		var calls atomic.Int32
		return ensurer{s, func(ctx context.Context, cs []*schema.Collection) error {
			if calls.Add(1) == 2 {
				return fault.New(fault.Conflict, "ensurer.Ensure", "the table exists")
			}
			return s.Ensure(ctx, cs)
		}}
	}, "Ensure/Concurrent"},
	{"an older form removes what it does not know", ensuring(func(ctx context.Context, s repository.Store, cs []*schema.Collection) error {
		for _, c := range cs {
			if len(c.Fields) != 3 {
				continue
			}
			if rows, err := s.Get(ctx, query.View{Collection: c, Needs: c.All()}, []record.ID{"z"}); err == nil && len(rows) == 1 {
				_, _ = s.Apply(ctx, []repository.Mutation{{Op: repository.Delete, Collection: c, ID: "z"}})
			}
		}
		return s.Ensure(ctx, cs)
	}), "Ensure/Older"},
	{"a field may not be called key", ensuring(func(ctx context.Context, s repository.Store, cs []*schema.Collection) error {
		for _, c := range cs {
			if _, reserved := c.Position("key"); reserved {
				return fault.New(fault.Internal, "ensurer.Ensure", "a syntax error near key")
			}
		}
		return s.Ensure(ctx, cs)
	}), "Types/Names"},
	{"Split serves nothing", func(s repository.Store) repository.Store {
		return hooked{Store: s, split: func(q query.Query) (native, rest query.Expr, err error) {
			return native, rest, fault.New(fault.Refused, "hooked.Split", "the order needs an index")
		}}
	}, "Split"},
	{"Ensure forgets", ensuring(func(ctx context.Context, s repository.Store, cs []*schema.Collection) error {
		for _, c := range cs {
			page, err := s.Find(ctx, query.Query{View: query.View{Collection: c}, Order: []query.Key{{Field: c.ID}}, Limit: 1 << 30})
			for _, row := range page.Rows {
				if err == nil {
					_, err = s.Apply(ctx, []repository.Mutation{{Op: repository.Delete, Collection: c, ID: row.ID}})
				}
			}
		}
		return s.Ensure(ctx, cs)
	}), "Ensure/Again"},
	{"Ensure takes one change for all", ensuring(func(ctx context.Context, s repository.Store, cs []*schema.Collection) error {
		err := s.Ensure(ctx, cs)
		if errors.Is(err, fault.Conflict) {
			classified := *fault.Of(err)
			classified.Places = classified.Places[:1]
			return &classified
		}
		return err
	}), "Ensure/Conflict"},
	{"Ensure goes half the way", ensuring(ensuresEach), "Ensure/Conflict"},
	{"collections share a table", ensuring(ensuresEach), "Ensure/Shared"},
	{"Ensure ignores what does not fit", ensuring(func(ctx context.Context, s repository.Store, cs []*schema.Collection) error {
		if err := s.Ensure(ctx, cs); !errors.Is(err, fault.Conflict) {
			return err
		}
		return nil
	}), "Ensure/OtherID"},
	{"Ensure makes unmanaged tables", ensuring(func(ctx context.Context, s repository.Store, cs []*schema.Collection) error {
		var managed []*schema.Collection
		for _, c := range cs {
			other := *c
			other.Table.Unmanaged = false
			managed = append(managed, &other)
		}
		return s.Ensure(ctx, managed)
	}), "Ensure/Unmanaged"},
	{"Ensure adds nothing", func(s repository.Store) repository.Store {
		known := make(map[string]bool)
		return ensurer{s, func(ctx context.Context, cs []*schema.Collection) error {
			for _, c := range cs {
				if !known[c.Name] {
					known[c.Name] = true
					if err := s.Ensure(ctx, []*schema.Collection{c}); err != nil {
						return err
					}
				}
			}
			return nil
		}}
	}, "Ensure/Adds"},
	{"nothing makes no group", aggregating(nil, func(groups []query.Group) []query.Group {
		return slices.DeleteFunc(groups, func(g query.Group) bool {
			return len(g.Keys) == 0 && len(g.Measures) > 0 && g.Measures[0].AsInt() == 0
		})
	}), "Aggregate/OneGroup"},
	{"groups have no limit", aggregating(func(a *query.Aggregation) { a.Limit = 1 << 30 }, nil), "Aggregate/Limit"},
	{"groups come backwards", aggregating(nil, func(groups []query.Group) []query.Group {
		slices.Reverse(groups)
		return groups
	}), "Aggregate/Keys"},
	{"nulls make no group", aggregating(nil, func(groups []query.Group) []query.Group {
		return slices.DeleteFunc(groups, func(g query.Group) bool { return slices.ContainsFunc(g.Keys, record.Value.IsNull) })
	}), "Aggregate/Random"},
	{"groups of any size", func(s repository.Store) repository.Store {
		return hooked{Store: s, aggregate: func(ctx context.Context, a query.Aggregation) ([]query.Group, error) {
			groups, err := s.Aggregate(ctx, a)
			if f := fault.Of(err); f != nil && f.Code == "groups-too-large" {
				err = nil
			}
			return groups, err
		}}
	}, "Aggregate/Large"},
	{"sums of floats are infinite", func(s repository.Store) repository.Store {
		return hooked{Store: s, aggregate: func(ctx context.Context, a query.Aggregation) ([]query.Group, error) {
			groups, err := s.Aggregate(ctx, a)
			if err != nil && a.Collection.Fields[a.Measures[0].Field].Type == record.FloatType {
				return []query.Group{{Measures: make([]record.Value, len(a.Measures))}}, nil
			}
			return groups, err
		}}
	}, "Aggregate/Overflow"},
	{"sums are floats", aggregating(nil, func(groups []query.Group) []query.Group {
		for _, g := range groups {
			for i, v := range g.Measures {
				if v.Type() == record.IntType {
					g.Measures[i] = record.Int(int64(float64(v.AsInt())))
				}
			}
		}
		return groups
	}), "Aggregate/Overflow"},
}
