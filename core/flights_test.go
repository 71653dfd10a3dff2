package core_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/portolan-io/portolan/core"
)

// crowd has n callers get the same record at once, each with the context that
// with returns, and returns how often each state of the cache was told and how
// many calls failed. A panic is a failure.
func crowd(api *core.API, n int, with func(i int) context.Context) (states map[core.Cached]int, failed int) {
	var mu sync.Mutex
	var all sync.WaitGroup
	states = make(map[core.Cached]int)
	for i := range n {
		all.Go(func() {
			result, err := func() (result core.Result, err error) {
				defer func() {
					if recover() != nil {
						err = errors.New("panicked")
					}
				}()
				return api.Get(with(i), nobody, "products", "A1", core.GetRequest{})
			}()
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				failed++
			} else {
				states[result.Cache]++
			}
		})
	}
	all.Wait()
	return states, failed
}

// Many who ask for the same at once cost one read of the store.
func TestOneReadForMany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &tallying{Store: newStore(t)}
		newAPI(t, store)
		api := readingThrough(t, store, newCache(t), core.Caching{}, nil)
		store.within = func(context.Context) error { time.Sleep(time.Second); return nil } // until all wait for it
		before := store.gets.Load()
		states, failed := crowd(api, 500, func(int) context.Context { return t.Context() })
		if got := store.gets.Load() - before; got != 1 || states[core.CacheMiss] != 1 || states[core.CacheShared] != 499 {
			t.Errorf("500 at once read %d times, with states %v and %d failures; want one read", got, states, failed)
		}
	})
}

// Who reads for others and leaves, or breaks down, is replaced by one of them; an
// error of the store is told to all.
func TestOneReadThatFails(t *testing.T) {
	for _, tt := range []struct {
		name          string
		first         func(context.Context) error
		reads, failed int
	}{
		{"the first leaves", func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }, 2, 1},
		{"the first leaves, which the store calls something else", func(ctx context.Context) error { <-ctx.Done(); return errDown }, 2, 1},
		{"the first panics", func(context.Context) error { time.Sleep(time.Second); panic("defect") }, 2, 1},
		{"the store fails", func(context.Context) error { time.Sleep(time.Second); return errDown }, 1, 100},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := &tallying{Store: newStore(t)}
				newAPI(t, store)
				api := readingThrough(t, store, newCache(t), core.Caching{}, nil)
				var reads atomic.Int64
				store.within = func(ctx context.Context) error {
					if reads.Add(1) == 1 {
						return tt.first(ctx)
					}
					time.Sleep(time.Second)
					return nil
				}
				leaving, leave := context.WithTimeout(t.Context(), 2*time.Second)
				defer leave()
				states, failed := crowd(api, 100, func(i int) context.Context {
					if i == 0 {
						return leaving
					}
					time.Sleep(time.Millisecond) // so that the first is the first
					return t.Context()
				})
				if int(reads.Load()) != tt.reads || failed != tt.failed {
					t.Errorf("got %d reads and %d failures, want %d and %d; states %v", reads.Load(), failed, tt.reads, tt.failed, states)
				}
			})
		})
	}
}

// Who waits for another's read leaves when it likes.
func TestWaitingForOneReadEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &tallying{Store: newStore(t)}
		newAPI(t, store)
		api := readingThrough(t, store, newCache(t), core.Caching{}, nil)
		store.within = func(context.Context) error { time.Sleep(time.Hour); return nil }
		began := time.Now()
		go func() { _, _ = api.Get(t.Context(), nobody, "products", "A1", core.GetRequest{}) }()
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := api.Get(ctx, nobody, "products", "A1", core.GetRequest{}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want the error of the context", err)
		}
		if waited := time.Since(began); waited != time.Second {
			t.Errorf("waited %v, want one second", waited)
		}
		time.Sleep(time.Hour)
	})
}

// A reader that comes after an acknowledged write does not join a read that began
// before it.
func TestNobodyJoinsAnOlderRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &tallying{Store: newStore(t)}
		newAPI(t, store)
		api := readingThrough(t, store, newCache(t), core.Caching{}, nil)
		var reads atomic.Int64
		store.within = func(context.Context) error {
			if reads.Add(1) == 1 {
				time.Sleep(time.Minute)
			}
			return nil
		}
		go func() { _, _ = api.Get(t.Context(), nobody, "products", "A1", core.GetRequest{Select: "title"}) }()
		synctest.Wait()
		rename(t, api, "Samovar")
		if got, state := getKettle(t, api); got != `{"title":"Samovar"}` || state != core.CacheMiss {
			t.Errorf("got %s with state %d, want what was written, read anew", got, state)
		}
		time.Sleep(2 * time.Minute)
		if got, state := getKettle(t, api); got != `{"title":"Samovar"}` || state != core.CacheHit {
			t.Errorf("when the older read is over got %s with state %d, want what was written", got, state)
		}
	})
}

// Of a bounded collection nobody joins a reading that began longer ago than answers
// may be old.
func TestNobodyJoinsWhatIsTooOld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &tallying{Store: newStore(t)}
		newAPI(t, store)
		api := readingThrough(t, store, newCache(t), core.Caching{Class: core.Bounded, TTL: 10 * time.Second}, time.Now)
		slow := true
		store.within = func(context.Context) error {
			if slow {
				slow = false
				time.Sleep(time.Minute) // with what it has read
			}
			return nil
		}
		var reading sync.WaitGroup
		reading.Go(func() { getKettle(t, api) })
		synctest.Wait()
		rename(t, readingThrough(t, store.Store, nil, core.Caching{}, nil), "Samovar") // past this instance
		time.Sleep(11 * time.Second)
		if got, _ := getKettle(t, api); got != `{"title":"Samovar"}` {
			t.Errorf("11 seconds after a write, of which answers may know nothing for 10, got %s", got)
		}
		reading.Wait()
	})
}
