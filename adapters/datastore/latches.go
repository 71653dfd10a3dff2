package datastore

import (
	"context"
	"hash/maphash"
	"maps"
	"slices"
	"strconv"
	"sync"

	"cloud.google.com/go/datastore"
	"golang.org/x/sync/semaphore"
)

// Latches keep the writers of one process from meeting in Datastore, where of two that
// read and then write the same entity both may wait for each other, until both fail.
// They are an economy: what is right does not depend on them, as other processes have
// their own. They are taken in one order.
type latches struct {
	seed  maphash.Seed
	keys  [4096]*semaphore.Weighted // each for many keys
	mu    sync.Mutex
	kinds map[string]*semaphore.Weighted
}

// alone is all that there is of a latch.
const alone = 1 << 30

func newLatches() *latches {
	l := &latches{seed: maphash.MakeSeed(), kinds: map[string]*semaphore.Weighted{}}
	for i := range l.keys {
		l.keys[i] = semaphore.NewWeighted(alone)
	}
	return l
}

// hold waits for the latches of what is written, and of the kinds in which nothing may
// be written meanwhile. It returns what lets go of them.
func (l *latches) hold(ctx context.Context, written []*datastore.Key, still map[string]bool) (release func(), err error) {
	wanted := l.wanted(written, still)
	held := 0
	release = func() {
		for _, w := range wanted[:held] {
			w.latch.Release(w.weight)
		}
	}
	for _, w := range wanted {
		if err := w.latch.Acquire(ctx, w.weight); err != nil {
			release()
			return nil, err
		}
		held++
	}
	return release, nil
}

// A claim is how much of a latch is wanted.
type claim struct {
	latch  *semaphore.Weighted
	weight int64
}

func (l *latches) wanted(written []*datastore.Key, still map[string]bool) []claim {
	kinds := map[string]int64{}
	var stripes []int
	for _, k := range written {
		kinds[k.Kind] = 1
		name := k.Kind + "/" + k.Name + "/" + strconv.FormatInt(k.ID, 36)
		stripes = append(stripes, int(maphash.String(l.seed, name)%uint64(len(l.keys))))
	}
	for kind := range still {
		kinds[kind] = alone
	}
	var claims []claim
	for _, kind := range slices.Sorted(maps.Keys(kinds)) {
		claims = append(claims, claim{l.kind(kind), kinds[kind]})
	}
	slices.Sort(stripes)
	for _, i := range slices.Compact(stripes) {
		claims = append(claims, claim{l.keys[i], alone})
	}
	return claims
}

func (l *latches) kind(name string) *semaphore.Weighted {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.kinds[name] == nil {
		l.kinds[name] = semaphore.NewWeighted(alone)
	}
	return l.kinds[name]
}
