package bootstrap

import (
	"context"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

const (
	// spareEvery is how often it is asked how much the cache holds.
	spareEvery = time.Second

	// leastRoom is how many octets the heap may grow by at least before Go collects.
	// Without it a small heap is collected each time it grew by 4 MiB, which is each
	// thousand requests.
	leastRoom = 12 << 20

	// usualGrowth is what Go lets a heap grow by before it collects, in percent of
	// what is in use; leastGrowth keeps it from collecting all the time.
	usualGrowth = 100
	leastGrowth = 5

	// sameGrowth is a difference that is not worth a change.
	sameGrowth = 5
)

// sparing keeps the process from collecting garbage more often than is worth it,
// and from growing by as much as its cache holds. It ends with ctx, or when the
// returned function is called, which waits until it has and leaves all as it was.
// It does nothing if GOGC or GOMEMLIMIT say what is wanted.
//
// Before Go collects garbage it lets the heap grow by a part of all that is in
// use. So leastRoom is taken and never touched: it counts as in use, and takes no
// memory, as the system gives that out page by page when it is written to. What a
// cache holds, if it says so, is in use too, but it is octets, which cost the
// collector nothing: so only the rest gets its usual growth. Once a cache holds as
// much as that room it takes its place.
func sparing(ctx context.Context, held func() (items, octets int), every time.Duration, env environment) (end func()) {
	for _, name := range []string{"GOGC", "GOMEMLIMIT"} {
		if value, _ := env(name); value != "" {
			return func() {}
		}
	}
	untouched := make([]byte, leastRoom)
	debug.FreeOSMemory() // what the start took and nothing needs any more
	if held == nil {
		return func() { runtime.KeepAlive(untouched) }
	}
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		defer func() { runtime.KeepAlive(untouched) }()
		tick := time.NewTicker(every)
		defer tick.Stop()
		now := usualGrowth
		for {
			select {
			case <-tick.C:
			case <-ctx.Done():
				debug.SetGCPercent(usualGrowth)
				return
			}
			_, octets := held()
			switch {
			case octets >= leastRoom:
				untouched = nil
			case untouched == nil:
				untouched = make([]byte, leastRoom)
			}
			if want := growth(inUse(), octets); want > now+sameGrowth || want < now-sameGrowth {
				debug.SetGCPercent(want)
				now = want
			}
		}
	}()
	return func() {
		cancel()
		<-ended
	}
}

// growth returns by how many percent of all that is in use the heap may grow, for
// what is not held by the cache to grow as usual, or by leastRoom if that is more.
func growth(inUse uint64, held int) int {
	if inUse == 0 {
		return usualGrowth
	}
	rest := max(int64(inUse)-int64(held), leastRoom)
	return min(max(int(usualGrowth*rest/int64(inUse)), leastGrowth), usualGrowth)
}

// inUse returns the octets that the last collection left in use.
func inUse() uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(sample)
	if sample[0].Value.Kind() != metrics.KindUint64 {
		return 0
	}
	return sample[0].Value.Uint64()
}
