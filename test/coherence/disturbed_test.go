package coherence_test

import (
	"context"
	"math/rand/v2"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/portolan-io/portolan/core/query"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/ports/cache"
	"github.com/portolan-io/portolan/ports/repository"
)

// looks counts what became of the Looks of a cache.
type looks struct {
	cache.Coherent
	states [cache.Fenced + 1]atomic.Int64
}

func (l *looks) Look(ctx context.Context, key cache.Key) cache.Found {
	found := l.Coherent.Look(ctx, key)
	l.states[found.State].Add(1)
	return found
}

// all returns how many Looks there were.
func (l *looks) all() (n int64) {
	for i := range l.states {
		n += l.states[i].Load()
	}
	return n
}

// hits returns how many of them were hits.
func (l *looks) hits() int64 { return l.states[cache.Hit].Load() }

// A slow store takes its time before and after it reads and writes, a different
// one each time, so that whatever may happen in between does.
type slow struct {
	repository.Store
	most time.Duration
}

func slowly(most time.Duration) func(repository.Store) repository.Store {
	return func(s repository.Store) repository.Store { return slow{s, most} }
}

func (s slow) pause() {
	switch rand.IntN(4) {
	case 0:
		time.Sleep(rand.N(s.most))
	case 1, 2:
		runtime.Gosched()
	}
}

func (s slow) Get(ctx context.Context, view query.View, ids []record.ID) ([]record.Row, error) {
	s.pause()
	defer s.pause()
	return s.Store.Get(ctx, view, ids)
}

func (s slow) Find(ctx context.Context, q query.Query) (repository.Page, error) {
	s.pause()
	defer s.pause()
	return s.Store.Find(ctx, q)
}

func (s slow) Aggregate(ctx context.Context, a query.Aggregation) ([]query.Group, error) {
	s.pause()
	defer s.pause()
	return s.Store.Aggregate(ctx, a)
}

func (s slow) Apply(ctx context.Context, batch []repository.Mutation) ([]repository.Outcome, error) {
	s.pause()
	defer s.pause()
	return s.Store.Apply(ctx, batch)
}

func (s slow) Load(ctx context.Context, load repository.Load) (repository.Loaded, error) {
	s.pause()
	defer s.pause()
	return s.Store.Load(ctx, load)
}
