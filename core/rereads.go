package core

import (
	"context"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/portolan-io/portolan/ports/cache"
)

// Rereads look for answers of strict collections that the cache should not have
// given: of the hits they have some read again from the store, after the caller
// was answered, and compared. They are for one API, and safe for concurrent use.
//
// What they count as stale is stale: a write that came between is no reason. If
// more is to be read again than can be, it is left out, and counted nowhere.
type Rereads struct {
	oneIn  uint32
	stale  func(collection string)
	queue  chan reread
	counts map[string]*rereadCounts // not changed after New
	names  []string                 // of counts, in the order of the configuration
}

// rereadCounts are those of a collection.
type rereadCounts struct{ observed, stale atomic.Uint64 }

// A reread is a hit that is to be read again.
type reread struct {
	collection string
	again      func(context.Context) (verdict, error)
}

// A verdict is what came of reading a hit again.
type verdict uint8

const (
	wasRight verdict = iota // or a write made the difference
	wasStale
)

const (
	rereadQueue = 64              // hits that wait to be read again, without their bodies
	rereadIn    = 5 * time.Second // what reading one again may take
)

// NewRereads returns what has one hit in oneIn read again; 0 and less is none.
// Stale, if it is not nil, is called for each stale read, from Run.
func NewRereads(oneIn int, stale func(collection string)) *Rereads {
	if stale == nil {
		stale = func(string) {}
	}
	return &Rereads{
		oneIn: uint32(min(max(oneIn, 0), 1<<30)), stale: stale, //nolint:gosec // it is bounded
		queue: make(chan reread, rereadQueue), counts: make(map[string]*rereadCounts),
	}
}

// watch has the hits of the collection counted.
func (r *Rereads) watch(collection string) {
	r.counts[collection] = &rereadCounts{}
	r.names = append(r.names, collection)
}

// Run reads again what is to be, one at a time, until ctx is done.
func (r *Rereads) Run(ctx context.Context) {
	for {
		select {
		case next := <-r.queue:
			r.do(ctx, next)
		case <-ctx.Done():
			return
		}
	}
}

func (r *Rereads) do(ctx context.Context, next reread) {
	defer func() { _ = recover() }() // a request with this answer is told; nobody asked for this one
	ctx, cancel := context.WithTimeout(ctx, rereadIn)
	defer cancel()
	found, err := next.again(ctx)
	if err != nil {
		return // the store did not answer, and nothing is known
	}
	counts := r.counts[next.collection]
	counts.observed.Add(1)
	if found == wasStale {
		counts.stale.Add(1)
		r.stale(next.collection)
	}
}

// All yields of each strict collection how many hits have been read again, and
// how many of these were stale.
func (r *Rereads) All(yield func(collection string, observed, stale uint64) bool) {
	for _, name := range r.names {
		counts := r.counts[name]
		if !yield(name, counts.observed.Load(), counts.stale.Load()) {
			return
		}
	}
}

// observe perhaps has the hit read again that answers the question.
func (a *API) observe(c *collection, q *question, key cache.Key, answered answer) {
	r := a.rereads
	if r == nil || r.oneIn == 0 || c.caching.Class != Strict || q.again == nil || rand.Uint32N(r.oneIn) != 0 {
		return
	}
	answered.body = nil // the tag names it
	again := rereader{a, c, key, q.again()}
	next := reread{c.Name, func(ctx context.Context) (verdict, error) { return again.judge(ctx, answered) }}
	select {
	case r.queue <- next:
	default: // there is more than can be read
	}
}

// A rereader reads one answer again that was a hit.
type rereader struct {
	*API
	c    *collection
	key  cache.Key
	read func(context.Context) (answer, error)
}

// judge says what is to be thought of the answer that was given.
func (a rereader) judge(ctx context.Context, answered answer) (verdict, error) {
	now, err := a.read(ctx)
	if err != nil || now.same(answered) {
		return wasRight, err
	}
	return a.contradicted(ctx)
}

// contradicted is what decides when a hit differs from what was read later: a
// write may have come between, and another one may even have undone it. So it
// reads once more while nothing of the answer is written. Leases of one key are
// equal only if none of its tags was fenced between them; then what the cache
// still answers, and what the store answers, are of one state, and must be the
// same.
func (a rereader) contradicted(ctx context.Context) (verdict, error) {
	unwritten := a.key
	unwritten.Anew = true
	before := a.cache.Look(ctx, unwritten)
	if before.State != cache.Miss {
		return wasRight, nil
	}
	now, err := a.read(ctx)
	if err != nil {
		return wasRight, err
	}
	found := a.cache.Look(ctx, a.key)
	if found.State != cache.Hit {
		return wasRight, nil
	}
	kept, ok := a.decode(a.c, found.Value)
	after := a.cache.Look(ctx, unwritten)
	if !ok || kept.same(now) || after.State != cache.Miss || after.Lease != before.Lease {
		return wasRight, nil
	}
	return wasStale, nil
}

// same reports whether the answers are, by what names them.
func (w answer) same(other answer) bool {
	return w.absent == other.absent && w.tag == other.tag && w.more == other.more
}
