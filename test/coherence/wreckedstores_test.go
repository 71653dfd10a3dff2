package coherence_test

import (
	"context"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/query"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/ports/repository"
)

// lag is how old what a replica shows may be.
const lag = time.Millisecond

// A lagging store reads a part of what it reads from a replica.
type lagging struct {
	repository.Store
	records, pages bool
	seen           *sync.Map // by what was asked: an aged answer
}

type aged[T any] struct {
	at     time.Time
	answer T
}

func laggingGet(s repository.Store) repository.Store {
	return lagging{Store: s, records: true, seen: &sync.Map{}}
}

func laggingFind(s repository.Store) repository.Store {
	return lagging{Store: s, pages: true, seen: &sync.Map{}}
}

// recently returns what was read under the name, if that is not long ago.
func recently[T any](l lagging, name string, read func() (T, error)) (T, error) {
	if found, ok := l.seen.Load(name); ok && time.Since(found.(aged[T]).at) < lag {
		return found.(aged[T]).answer, nil
	}
	got, err := read()
	if err == nil {
		l.seen.Store(name, aged[T]{time.Now(), got})
	}
	return got, err
}

// Get of what a write reads is from the primary: the view of a write needs values.
func (l lagging) Get(ctx context.Context, view query.View, ids []record.ID) ([]record.Row, error) {
	if !l.records || view.Needs != nil || len(ids) != 1 {
		return l.Store.Get(ctx, view, ids)
	}
	return recently(l, "get"+view.Canonical()+string(ids[0]), func() ([]record.Row, error) { return l.Store.Get(ctx, view, ids) })
}

func (l lagging) Find(ctx context.Context, q query.Query) (repository.Page, error) {
	if !l.pages {
		return l.Store.Find(ctx, q)
	}
	return recently(l, "find"+q.Canonical(), func() (repository.Page, error) { return l.Store.Find(ctx, q) })
}

// A hastily acknowledging store commits some time after it said that it had.
type hastily struct{ repository.Store }

func hasty(s repository.Store) repository.Store { return hastily{s} }

func (h hastily) Apply(ctx context.Context, batch []repository.Mutation) ([]repository.Outcome, error) {
	for i := range batch {
		if batch[i].Op != repository.Put {
			return h.Store.Apply(ctx, batch)
		}
	}
	time.AfterFunc(lag, func() { _, _ = h.Store.Apply(context.WithoutCancel(ctx), batch) })
	outcomes := make([]repository.Outcome, len(batch))
	for i, m := range batch {
		outcomes[i].Revision = m.Revision
	}
	return outcomes, nil
}

// A leaving store does not answer to writes while it is away, and does them when
// it is told to: at once, or when those who asked have long been told that nobody
// knows.
type leaving struct {
	repository.Store
	mu   *sync.Mutex
	away *bool
	owed *[]func()
}

func newLeaving(s repository.Store) leaving {
	return leaving{Store: s, mu: &sync.Mutex{}, away: new(bool), owed: &[]func(){}}
}

func (l leaving) leave() {
	l.mu.Lock()
	defer l.mu.Unlock()
	*l.away = true
}

// comeBack commits what was asked for in the meantime.
func (l leaving) comeBack() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, commit := range *l.owed {
		commit()
	}
	*l.owed, *l.away = nil, false
}

func (l leaving) Apply(ctx context.Context, batch []repository.Mutation) ([]repository.Outcome, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !*l.away {
		return l.Store.Apply(ctx, batch)
	}
	ctx = context.WithoutCancel(ctx)
	*l.owed = append(*l.owed, func() { _, _ = l.Store.Apply(ctx, batch) })
	return nil, fault.New(fault.Unavailable, "test.Apply", "the store does not answer")
}

// A losing store loses some of its answers to writes of the record k0, a few times
// in all: the write was done, is done a little later, or never.
type losing struct {
	repository.Store
	left *atomic.Int64
}

func newLosing(s repository.Store) repository.Store {
	l := losing{s, &atomic.Int64{}}
	l.left.Store(8) // each makes the checker's work much longer
	return l
}

func (l losing) Apply(ctx context.Context, batch []repository.Mutation) ([]repository.Outcome, error) {
	if len(batch) == 0 || batch[0].ID != record.ID(keyName(0)) || rand.IntN(4) > 0 || l.left.Add(-1) < 0 {
		return l.Store.Apply(ctx, batch)
	}
	switch rand.IntN(4) {
	case 0:
		_, _ = l.Store.Apply(ctx, batch)
	case 1, 2:
		time.AfterFunc(rand.N(5*lag), func() { _, _ = l.Store.Apply(context.WithoutCancel(ctx), batch) })
	}
	return nil, fault.New(fault.Unavailable, "test.Apply", "the answer of the store was lost")
}
