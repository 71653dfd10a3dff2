package repositorytest_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/query"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/ports/repository"
)

// applying returns a store that changes the batch, and the outcomes.
func applying(before func([]repository.Mutation) []repository.Mutation, after func([]repository.Mutation, []repository.Outcome)) func(repository.Store) repository.Store {
	return func(s repository.Store) repository.Store {
		return hooked{Store: s, apply: func(ctx context.Context, batch []repository.Mutation) ([]repository.Outcome, error) {
			batch = slices.Clone(batch)
			if before != nil {
				batch = before(batch)
			}
			outcomes, err := s.Apply(ctx, batch)
			if after != nil && err == nil {
				after(batch, outcomes)
			}
			return outcomes, err
		}}
	}
}

// each returns what changes every mutation of a batch.
func each(change func(*repository.Mutation)) func([]repository.Mutation) []repository.Mutation {
	return func(batch []repository.Mutation) []repository.Mutation {
		for i := range batch {
			change(&batch[i])
		}
		return batch
	}
}

// failing returns a store that changes the errors of Apply.
func failing(change func(err error) error) func(repository.Store) repository.Store {
	return func(s repository.Store) repository.Store {
		return hooked{Store: s, apply: func(ctx context.Context, batch []repository.Mutation) ([]repository.Outcome, error) {
			outcomes, err := s.Apply(ctx, batch)
			if err != nil {
				err = change(err)
			}
			return outcomes, err
		}}
	}
}

// oneByOne returns a store without batches.
func oneByOne(s repository.Store) repository.Store {
	return hooked{Store: s, apply: func(ctx context.Context, batch []repository.Mutation) ([]repository.Outcome, error) {
		var outcomes []repository.Outcome
		for i := range batch {
			one, err := s.Apply(ctx, batch[i:i+1])
			if err != nil {
				return nil, &repository.BatchError{Index: i, Err: errors.Unwrap(err)}
			}
			outcomes = append(outcomes, one...)
		}
		return outcomes, nil
	}}
}

// checksFirst returns a store that looks whether preconditions hold before it
// writes, but not in the same transaction.
func checksFirst(s repository.Store) repository.Store {
	return hooked{Store: s, apply: func(ctx context.Context, batch []repository.Mutation) ([]repository.Outcome, error) {
		checks := slices.Clone(batch)
		for i := range checks {
			checks[i].Op = repository.Check
		}
		if _, err := s.Apply(ctx, checks); err != nil {
			return nil, err
		}
		for range 20 {
			runtime.Gosched()
		}
		writes := slices.Clone(batch)
		for i := range writes {
			writes[i].If = repository.Always
		}
		return s.Apply(ctx, writes)
	}}
}

// readsFirst returns a store whose outcomes are read before the write, but not
// in the same transaction.
func readsFirst(s repository.Store) repository.Store {
	return hooked{Store: s, apply: func(ctx context.Context, batch []repository.Mutation) ([]repository.Outcome, error) {
		checks := slices.Clone(batch)
		for i := range checks {
			checks[i].Op, checks[i].If = repository.Check, repository.Always
		}
		before, err := s.Apply(ctx, checks)
		if err != nil {
			return nil, err
		}
		for range 20 {
			runtime.Gosched()
		}
		_, err = s.Apply(ctx, batch)
		return before, err
	}}
}

// A keeper applies what it was given once more before it is read, as the
// caller's slices are by then.
type keeper struct {
	repository.Store
	mutex sync.Mutex
	held  []repository.Mutation
}

func (k *keeper) Apply(ctx context.Context, batch []repository.Mutation) ([]repository.Outcome, error) {
	k.mutex.Lock()
	defer k.mutex.Unlock()
	for _, m := range batch {
		if m.Op == repository.Put {
			m.If = repository.Always
			k.held = append(k.held, m)
		}
	}
	return k.Store.Apply(ctx, batch)
}

func (k *keeper) Find(ctx context.Context, q query.Query) (repository.Page, error) {
	k.mutex.Lock()
	defer k.mutex.Unlock()
	for _, m := range k.held {
		if _, err := k.Store.Apply(ctx, []repository.Mutation{m}); err != nil {
			return repository.Page{}, err
		}
	}
	return k.Store.Find(ctx, q)
}

// A sharer answers the same Get with the same rows.
func sharer(s repository.Store) repository.Store {
	shared := make(map[string][]record.Row)
	return hooked{Store: s, get: func(ctx context.Context, view query.View, ids []record.ID) ([]record.Row, error) {
		key := fmt.Sprint(view.Collection.Name, view.Filter, ids)
		rows, ok := shared[key]
		if !ok {
			var err error
			if rows, err = s.Get(ctx, view, ids); err != nil {
				return nil, err
			}
			shared[key] = rows
		}
		return rows, nil
	}}
}

var brokenApplies = []broken{
	{"preconditions are ignored", applying(each(func(m *repository.Mutation) { m.If = repository.Always }), nil), "Precondition/Table"},
	{"any revision will do", applying(each(func(m *repository.Mutation) {
		if _, ok := m.If.Revision(); ok {
			m.If = repository.Present
		}
	}), nil), "Precondition/Revisions"},
	{"deletes have no preconditions", applying(each(func(m *repository.Mutation) {
		if m.Op == repository.Delete {
			m.If = repository.Always
		}
	}), nil), "Precondition/Table"},
	{"Checks write", applying(each(func(m *repository.Mutation) {
		if m.Op == repository.Check && m.Fields != nil {
			m.Op = repository.Put
		}
	}), nil), "Precondition/Table"},
	{"Checks delete", applying(each(func(m *repository.Mutation) {
		if m.Op == repository.Check && m.NoneOf == nil {
			m.Op = repository.Delete
		}
	}), nil), "Precondition/Check"},
	{"NoneOf is ignored", applying(each(func(m *repository.Mutation) {
		if m.NoneOf != nil {
			m.NoneOf = &query.Expr{Op: query.None}
		}
	}), nil), "Precondition/NoneOf"},
	{"what begins like a comment is lost", applying(each(func(m *repository.Mutation) {
		m.Fields = slices.Clone(m.Fields)
		for i, v := range m.Fields {
			if text, _, found := strings.Cut(v.AsString(), "--"); found && v.Type() == record.StringType {
				m.Fields[i] = record.String(text)
			}
		}
	}), nil), "Types/Hostile"},
	{"half a batch stays", oneByOne, "Apply/None"},
	{"half a batch is seen", oneByOne, "Concurrency/HalfABatch"},
	{"deletes are done first", applying(func(batch []repository.Mutation) []repository.Mutation {
		slices.SortStableFunc(batch, func(a, b repository.Mutation) int {
			return -cmp.Compare(btoi(a.Op == repository.Delete), btoi(b.Op == repository.Delete))
		})
		return batch
	}, nil), "Outcome/InBatch"},
	{"checks are done first", applying(func(batch []repository.Mutation) []repository.Mutation {
		slices.SortStableFunc(batch, func(a, b repository.Mutation) int {
			return -cmp.Compare(btoi(a.Op == repository.Check), btoi(b.Op == repository.Check))
		})
		return batch
	}, nil), "Apply/InOrder"},
	{"a batch writes its first collection alone", applying(func(batch []repository.Mutation) []repository.Mutation {
		return slices.DeleteFunc(batch, func(m repository.Mutation) bool { return m.Collection != batch[0].Collection })
	}, nil), "Apply/Collections"},
	{"nulls do not replace", func(s repository.Store) repository.Store {
		return hooked{Store: s, apply: func(ctx context.Context, batch []repository.Mutation) ([]repository.Outcome, error) {
			batch = slices.Clone(batch)
			for i, m := range batch {
				view := query.View{Collection: m.Collection, Needs: m.Collection.All()}
				rows, err := s.Get(ctx, view, []record.ID{m.ID})
				if err != nil || len(rows) == 0 || m.Op != repository.Put {
					continue
				}
				batch[i].Fields = slices.Clone(m.Fields)
				for j, v := range m.Fields {
					if v.IsNull() {
						batch[i].Fields[j] = rows[0].Values[j]
					}
				}
			}
			return s.Apply(ctx, batch)
		}}
	}, "Apply/All"},
	{"the index is always 0", failing(func(err error) error {
		return &repository.BatchError{Err: fault.Of(err)}
	}), "Apply/None"},
	{"no BatchError", failing(func(err error) error { return fault.Of(err) }), "Precondition/Table"},
	{"an error with outcomes", func(s repository.Store) repository.Store {
		return hooked{Store: s, apply: func(ctx context.Context, batch []repository.Mutation) ([]repository.Outcome, error) {
			outcomes, err := s.Apply(ctx, batch)
			if err != nil {
				outcomes = make([]repository.Outcome, len(batch))
			}
			return outcomes, err
		}}
	}, "Apply/None"},
	{"large batches are split", func(s repository.Store) repository.Store {
		return hooked{Store: s, apply: func(ctx context.Context, batch []repository.Mutation) (all []repository.Outcome, _ error) {
			for part := range slices.Chunk(batch, repository.MaxBatch) {
				outcomes, err := s.Apply(ctx, part)
				if err != nil {
					return nil, err
				}
				all = append(all, outcomes...)
			}
			return all, nil
		}}
	}, "Apply/MaxBatch"},
	{"of two Puts the last one wins", func(s repository.Store) repository.Store {
		return hooked{Store: s, apply: func(ctx context.Context, batch []repository.Mutation) ([]repository.Outcome, error) {
			outcomes, err := s.Apply(ctx, batch)
			if errors.Is(err, fault.Invalid) {
				return oneByOne(s).Apply(ctx, batch)
			}
			return outcomes, err
		}}
	}, "Apply/Twice"},
	{"an empty batch has an outcome", func(s repository.Store) repository.Store {
		return hooked{Store: s, apply: func(ctx context.Context, batch []repository.Mutation) ([]repository.Outcome, error) {
			outcomes, err := s.Apply(ctx, batch)
			return append(outcomes, make([]repository.Outcome, max(0, 1-len(batch)))...), err
		}}
	}, "Apply/Empty"},
	{"a Delete needs a record", applying(each(func(m *repository.Mutation) {
		if m.Op == repository.Delete && m.If == repository.Always {
			m.If = repository.Present
		}
	}), nil), "Apply/Delete"},
	{"large records are cut", applying(each(func(m *repository.Mutation) {
		m.Fields = slices.Clone(m.Fields)
		for i, v := range m.Fields {
			if n := 1 << 19; v.Type() == record.StringType && len(v.AsString()) > n {
				m.Fields[i] = record.String(v.AsString()[:n])
			}
		}
	}), nil), "Apply/Largest"},
	{"outcomes are as they are now", applying(nil, func(batch []repository.Mutation, outcomes []repository.Outcome) {
		for i, m := range batch {
			if m.Op == repository.Put && outcomes[i].Existed {
				outcomes[i].Values = pick(m.Fields, m.Needs)
			}
		}
	}), "Outcome/Table"},
	{"outcomes in declared order", applying(each(func(m *repository.Mutation) {
		m.Needs = slices.Clone(m.Needs)
		slices.Sort(m.Needs)
	}), nil), "Outcome/Needs"},
	{"everything existed", applying(nil, func(_ []repository.Mutation, outcomes []repository.Outcome) {
		for i := range outcomes {
			outcomes[i].Existed = true
		}
	}), "Outcome/Table"},
	{"a deleted record keeps its revision", applying(nil, func(_ []repository.Mutation, outcomes []repository.Outcome) {
		for i, o := range outcomes {
			outcomes[i].Revision = cmp.Or(o.Revision, o.Was)
		}
	}), "Outcome/Table"},
	{"preconditions are checked beforehand", checksFirst, "Concurrency/Conditional"},
	{"updates are lost", checksFirst, "Concurrency/Counter"},
	{"references are checked beforehand", checksFirst, "Concurrency/References"},
	{"outcomes are read beforehand", readsFirst, "Concurrency/Priors"},
	{"arguments are kept", func(s repository.Store) repository.Store { return &keeper{Store: s} }, "Ownership/Arguments"},
	{"rows are shared", sharer, "Ownership/Results"},
	{"reads are stale", sharer, "Apply/Seen"},
	{"outcomes are shared", func(s repository.Store) repository.Store {
		var shared []repository.Outcome
		return hooked{Store: s, apply: func(ctx context.Context, batch []repository.Mutation) ([]repository.Outcome, error) {
			outcomes, err := s.Apply(ctx, batch)
			if len(batch) == 1 && batch[0].Op == repository.Check {
				if shared == nil {
					shared = outcomes
				}
				return shared, err
			}
			return outcomes, err
		}}
	}, "Ownership/Outcomes"},
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}
