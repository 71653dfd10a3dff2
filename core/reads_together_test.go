package core_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/portolan-io/portolan/core"
	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/ports/cache"
)

// An unusable cache is one that cannot be used now.
type unusable struct{ cache.Coherent }

func (unusable) Look(context.Context, cache.Key) cache.Found { return cache.Found{} }

// While the cache cannot be used many who ask for the same at once cost two reads:
// that of the first, and one for all who came while that went on.
func TestTwoReadsForManyWithoutCache(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &tallying{Store: newStore(t)}
		newAPI(t, store)
		api := readingThrough(t, store, unusable{newCache(t)}, core.Caching{}, nil)
		store.within = func(context.Context) error { time.Sleep(time.Second); return nil }
		for range 2 {
			before := store.gets.Load()
			states, failed := crowd(api, 500, func(int) context.Context { return t.Context() })
			if got := store.gets.Load() - before; got != 2 || failed > 0 || states[core.CacheOff] != 2 || states[core.CacheShared] != 498 {
				t.Errorf("500 at once read %d times, with states %v and %d failures; want two reads", got, states, failed)
			}
		}
	})
}

// Who asks after a write was acknowledged does not get what somebody began to read
// before it.
func TestNobodySharesWhatBeganEarlier(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &tallying{Store: newStore(t)}
		newAPI(t, store)
		api := readingThrough(t, store, unusable{newCache(t)}, core.Caching{}, nil)
		slow := true
		store.within = func(context.Context) error {
			if slow {
				slow = false
				time.Sleep(time.Minute) // with what it has read
			}
			return nil
		}
		var reading sync.WaitGroup
		reading.Go(func() {
			if got, _ := getKettle(t, api); got != `{"title":"Kettle"}` {
				t.Errorf("who began before the write got %s", got)
			}
		})
		synctest.Wait()
		rename(t, readingThrough(t, store.Store, nil, core.Caching{}, nil), "Samovar")
		for range 3 {
			reading.Go(func() {
				if got, _ := getKettle(t, api); got != `{"title":"Samovar"}` {
					t.Errorf("who began after the write got %s", got)
				}
			})
		}
		reading.Wait()
	})
}

// Who is to read for others and leaves is replaced by one of them, and nothing is
// left of it.
func TestWhoQueuesMayLeave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &tallying{Store: newStore(t)}
		newAPI(t, store)
		api := readingThrough(t, store, unusable{newCache(t)}, core.Caching{}, nil)
		store.within = func(context.Context) error { time.Sleep(time.Second); return nil }
		for _, after := range []time.Duration{time.Second / 2, time.Second, 3 * time.Second / 2} {
			hurried, cancel := context.WithTimeout(t.Context(), after)
			var all sync.WaitGroup
			all.Go(func() { getKettle(t, api) })
			synctest.Wait()
			all.Go(func() {
				_, err := api.Get(hurried, nobody, "products", "A1", core.GetRequest{})
				if err != nil && fault.KindOf(err) != fault.Unavailable {
					t.Error(err)
				}
			})
			synctest.Wait()
			for range 5 {
				all.Go(func() { getKettle(t, api) })
			}
			all.Wait()
			cancel()
		}
		store.within = nil
		before := store.gets.Load()
		getKettle(t, api)
		if got := store.gets.Load() - before; got != 1 {
			t.Errorf("in the end it was read %d times, want once", got)
		}
	})
}
