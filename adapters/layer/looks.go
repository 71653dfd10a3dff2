package layer

import (
	"context"
	"maps"
	"sync"
	"sync/atomic"

	"github.com/portolan-io/portolan/ports/cache"
)

// Looks is a cache.Coherent that counts what its Looks find, by collection. A
// count costs one addition.
type Looks struct {
	cache.Coherent

	counts atomic.Pointer[map[string]*foundCounts] // never changed, but replaced
	mu     sync.Mutex                              // held while it is
}

// foundCounts are how many Looks found each state.
type foundCounts [len(states)]atomic.Uint64

var states = [...]cache.State{cache.Off, cache.Hit, cache.Miss, cache.Fenced}

// CountLooks returns coherent with its Looks counted.
func CountLooks(coherent cache.Coherent) *Looks {
	l := &Looks{Coherent: coherent}
	l.counts.Store(&map[string]*foundCounts{})
	return l
}

// Look is that of the cache, and counted.
func (l *Looks) Look(ctx context.Context, key cache.Key) cache.Found {
	found := l.Coherent.Look(ctx, key)
	l.of(key.Collection)[found.State].Add(1)
	return found
}

// of returns the counts of the collection.
func (l *Looks) of(collection string) *foundCounts {
	if counts := (*l.counts.Load())[collection]; counts != nil {
		return counts
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	known := *l.counts.Load()
	if counts := known[collection]; counts != nil {
		return counts
	}
	more, counts := maps.Clone(known), new(foundCounts)
	more[collection] = counts
	l.counts.Store(&more)
	return counts
}

// All yields how many Looks of each collection found each state, as far as they
// have been counted.
func (l *Looks) All(yield func(collection, state string, n uint64) bool) {
	for collection, counts := range *l.counts.Load() {
		for _, state := range states {
			if !yield(collection, state.String(), counts[state].Load()) {
				return
			}
		}
	}
}
