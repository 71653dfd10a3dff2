package repositorytest_test

import (
	"context"
	"slices"
	"sync/atomic"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/query"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/ports/repository"
)

// loading returns a store that changes what is loaded, and what is reported.
func loading(before func(*repository.Load), after func(*repository.Loaded)) func(repository.Store) repository.Store {
	return func(s repository.Store) repository.Store {
		return hooked{Store: s, load: func(ctx context.Context, load repository.Load) (repository.Loaded, error) {
			if before != nil {
				before(&load)
			}
			loaded, err := s.Load(ctx, load)
			if after != nil {
				after(&loaded)
			}
			return loaded, err
		}}
	}
}

// markedApart returns a store that stores a mark before the rows it speaks of.
func markedApart(s repository.Store) repository.Store {
	return hooked{Store: s, load: func(ctx context.Context, load repository.Load) (done repository.Loaded, _ error) {
		for part := range slices.Chunk(load.Rows, 1000) {
			if load.Mark != nil {
				if _, err := s.Apply(context.WithoutCancel(ctx), load.Mark(done.Done+len(part), nil)); err != nil {
					return done, err
				}
			}
			loaded, err := s.Load(ctx, repository.Load{Collection: load.Collection, Rows: part, Run: load.Run})
			done.Done += loaded.Done
			if err != nil {
				return done, err
			}
		}
		return done, nil
	}}
}

// keepsExisting returns a store whose Load does not replace.
func keepsExisting(s repository.Store) repository.Store {
	return hooked{Store: s, load: func(ctx context.Context, load repository.Load) (repository.Loaded, error) {
		all := len(load.Rows)
		load.Rows = slices.DeleteFunc(slices.Clone(load.Rows), func(r record.Record) bool {
			rows, err := s.Get(ctx, query.View{Collection: load.Collection}, []record.ID{r.ID})
			return err == nil && len(rows) > 0
		})
		loaded, err := s.Load(ctx, load)
		loaded.Done = all
		return loaded, err
	}}
}

// inParts returns a store that does a Load in parts of a thousand rows, in
// which part adds what one of them makes to what is done.
func inParts(part func(done *repository.Loaded, more repository.Loaded)) func(repository.Store) repository.Store {
	return func(s repository.Store) repository.Store {
		return hooked{Store: s, load: func(ctx context.Context, load repository.Load) (done repository.Loaded, _ error) {
			for rows := range slices.Chunk(load.Rows, 1000) {
				more, err := s.Load(ctx, repository.Load{Collection: load.Collection, Rows: rows, Run: load.Run})
				if err != nil {
					return done, err
				}
				for i := range more.Repeated {
					more.Repeated[i] += done.Done
				}
				part(&done, more)
			}
			return done, nil
		}}
	}
}

// marksFirst returns a store that applies a mark before the rows it speaks of.
func marksFirst(s repository.Store) repository.Store {
	return hooked{Store: s, load: func(ctx context.Context, load repository.Load) (repository.Loaded, error) {
		if _, err := s.Apply(ctx, load.Mark(len(load.Rows), nil)); err != nil {
			return repository.Loaded{}, err
		}
		load.Mark = nil
		return s.Load(ctx, load)
	}}
}

var brokenLoads = []broken{
	{"repeated rows of earlier parts are forgotten", inParts(func(done *repository.Loaded, more repository.Loaded) {
		done.Done, done.Repeated = done.Done+more.Done, more.Repeated
	}), "Load/Repeated"},
	{"a Load of nothing asks for a mark", loading(func(l *repository.Load) {
		if l.Mark != nil && len(l.Rows) == 0 {
			l.Mark(0, nil)
		}
	}, nil), "Load/Empty"},
	{"a mark comes before its rows", marksFirst, "Mark/Behind"},
	{"a Load does not replace", keepsExisting, "Load/Replaces"},
	{"a Load loses its last row", loading(func(l *repository.Load) {
		l.Rows = l.Rows[:max(len(l.Rows)-1, 0)]
	}, func(l *repository.Loaded) { l.Done++ }), "Load/Seen"},
	{"repeated rows are not reported", loading(nil, func(l *repository.Loaded) { l.Repeated = nil }), "Load/Repeated"},
	{"repeated rows are stored", loading(func(l *repository.Load) { l.Run = "\x00" }, nil), "Load/Repeated"},
	{"runs are not told apart", loading(func(l *repository.Load) { l.Run = l.Run[:1] }, nil), "Load/Runs"},
	{"Load counts what it stores", loading(nil, func(l *repository.Loaded) { l.Done -= len(l.Repeated) }), "Load/Repeated"},
	{"loaded decimals are floats", loading(func(l *repository.Load) {
		l.Rows = slices.Clone(l.Rows)
		for i := range l.Rows {
			l.Rows[i].Fields = slices.Clone(l.Rows[i].Fields)
			for j, v := range l.Rows[i].Fields {
				if n, scale := v.AsDecimal(); v.Type() == record.DecimalType {
					l.Rows[i].Fields[j] = record.Decimal(int64(float64(n)), scale)
				}
			}
		}
	}, nil), "Load/Types"},
	{"an empty Load does something", loading(nil, func(l *repository.Loaded) { l.Done = max(l.Done, 1) }), "Load/Empty"},
	{"Mark is not asked", loading(func(l *repository.Load) { l.Mark = nil }, nil), "Mark/Applied"},
	{"a mark is stored apart", markedApart, "Mark/Cancelled"},
	{"a mark that fails leaves its rows", func(s repository.Store) repository.Store {
		return hooked{Store: s, load: func(ctx context.Context, load repository.Load) (repository.Loaded, error) {
			loaded, err := s.Load(ctx, load)
			if err != nil {
				load.Mark = nil
				if _, again := s.Load(ctx, load); again != nil {
					return loaded, again
				}
			}
			return loaded, err
		}}
	}, "Mark/Fails"},
	{"Mark is not told what repeats", loading(func(l *repository.Load) {
		if mark := l.Mark; mark != nil {
			l.Mark = func(n int, _ []int) []repository.Mutation { return mark(n, nil) }
		}
	}, nil), "Mark/Repeated"},
	{"a mark has 100 mutations at most", loading(func(l *repository.Load) {
		mark := l.Mark
		l.Mark = func(n int, repeated []int) []repository.Mutation {
			batch := mark(n, repeated)
			return batch[:min(len(batch), 100)]
		}
	}, nil), "Mark/Many"},
	{"an import cannot go on", loading(func(l *repository.Load) {
		l.Rows = l.Rows[:min(len(l.Rows), 1000)]
	}, func(l *repository.Loaded) { l.Repeated = append(l.Repeated, l.Done-1) }), "Mark/Resume"},
	{"two Loads at a time fail", func(s repository.Store) repository.Store {
		var loads atomic.Int32
		return hooked{Store: s, load: func(ctx context.Context, load repository.Load) (repository.Loaded, error) {
			if loads.Add(1) > 1 {
				return repository.Loaded{}, fault.New(fault.Unavailable, "hooked.Load", "the table is locked")
			}
			return s.Load(ctx, load)
		}}
	}, "Concurrency/Loads"},
	{"loaded rows are kept", func(s repository.Store) repository.Store {
		k := &keeper{Store: s}
		return hooked{Store: k, load: func(ctx context.Context, load repository.Load) (repository.Loaded, error) {
			for _, r := range load.Rows {
				k.held = append(k.held, repository.Mutation{Op: repository.Put, Collection: load.Collection, ID: r.ID, Revision: r.Revision, Fields: r.Fields})
			}
			return s.Load(ctx, load)
		}}
	}, "Ownership/Loaded"},
}
