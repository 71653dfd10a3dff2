package core_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/portolan-io/portolan/core"
	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/ports/cache"
	"github.com/portolan-io/portolan/ports/repository"
)

// rereading returns an API whose hits are all read again, as far as somebody runs
// the Rereads.
func rereading(t *testing.T, store repository.Store, c cache.Coherent, class core.Class, oneIn int, stale func(string)) (*core.API, *core.Rereads) {
	t.Helper()
	collections := catalogue(t)
	for i := range collections {
		collections[i].Cache = core.Caching{Class: class, TTL: time.Minute}
	}
	collections[1].Cache.Scopes = []int{4}
	rereads := core.NewRereads(oneIn, stale)
	api, err := core.New(core.Config{Store: store, Collections: collections, Cache: c, CursorKey: []byte("of all"), Rereads: rereads})
	if err != nil {
		t.Fatal(err)
	}
	return api, rereads
}

// running runs the Rereads until the returned function is called.
func running(ctx context.Context, r *core.Rereads) (end func()) {
	ctx, cancel := context.WithCancel(ctx)
	var all sync.WaitGroup
	all.Go(func() { r.Run(ctx) })
	return func() {
		cancel()
		all.Wait()
	}
}

// counted returns what was read again of the collection.
func counted(r *core.Rereads, collection string) (observed, stale uint64) {
	for name, o := range both(r) {
		if name == collection {
			return o[0], o[1]
		}
	}
	return 0, 0
}

func both(r *core.Rereads) func(yield func(string, [2]uint64) bool) {
	return func(yield func(string, [2]uint64) bool) {
		r.All(func(name string, observed, stale uint64) bool { return yield(name, [2]uint64{observed, stale}) })
	}
}

// A mutant cache is wrong in one way.
type mutant struct {
	cache.Coherent
	unfenced bool // writes fence nothing
	sticky   bool // what is kept is found for ever

	mu   sync.Mutex
	kept map[string][]byte
}

func (m *mutant) Fence(ctx context.Context, collection string, tags []string) (cache.Fence, error) {
	if m.unfenced {
		return cache.Fence{Publish: func(context.Context, bool) error { return nil }}, nil
	}
	return m.Coherent.Fence(ctx, collection, tags)
}

func (m *mutant) Look(ctx context.Context, key cache.Key) cache.Found {
	found := m.Coherent.Look(ctx, key)
	m.mu.Lock()
	defer m.mu.Unlock()
	if old := m.kept[key.Collection+key.Text]; m.sticky && old != nil && !key.Anew {
		return cache.Found{State: cache.Hit, Value: old}
	}
	if m.kept == nil {
		m.kept = make(map[string][]byte)
	}
	if found.State == cache.Hit {
		m.kept[key.Collection+key.Text] = found.Value
	}
	return found
}

// TestStaleReadsAreCounted shows that what a cache should not have answered is
// found, and told of once, with the collection alone.
func TestStaleReadsAreCounted(t *testing.T) {
	for name, wrong := range map[string]*mutant{
		"writes fence nothing": {unfenced: true}, "what is kept stays": {sticky: true}, "nothing": {},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := newStore(t)
				newAPI(t, store)
				wrong.Coherent = newCache(t)
				told := make(map[string]int)
				api, rereads := rereading(t, store, wrong, core.Strict, 1, func(collection string) { told[collection]++ })
				end := running(t.Context(), rereads)
				readings := []reading{getA1, page12, groups}
				read := func() (hits int) {
					for _, r := range readings {
						if _, state, err := r.do(t.Context(), api); err != nil {
							t.Error(err)
						} else if state == core.CacheHit {
							hits++
						}
						synctest.Wait() // it is read again
					}
					return hits
				}
				read()
				if hits := read(); hits != len(readings) {
					t.Fatalf("%d hits, want %d", hits, len(readings))
				}
				if observed, stale := counted(rereads, "products"); observed != 3 || stale != 0 {
					t.Errorf("before a write %d were read again and %d stale, want 3 and 0", observed, stale)
				}
				if _, err := api.Patch(t.Context(), admin, "products", "A1", []byte(`{"title":"Can","category_id":91}`), core.How{}); err != nil {
					t.Fatal(err)
				}
				hits := read()
				end()
				observed, stale := counted(rereads, "products")
				want := map[string]int{}
				if wrong.unfenced || wrong.sticky {
					want["products"] = 3
				}
				if diff := cmp.Diff(want, told); diff != "" || int(stale) != want["products"] || int(observed) != 3+hits {
					t.Errorf("after a write and %d hits %d were read again and %d stale (-want +told):\n%s", hits, observed, stale, diff)
				}
			})
		})
	}
}

// TestWritesAreNoStaleReads has writers change records there and back while all
// hits are read again, so that a difference is nearly always the work of a write,
// and often undone by the next.
func TestWritesAreNoStaleReads(t *testing.T) {
	store := newStore(t)
	newAPI(t, store)
	api, rereads := rereading(t, store, newCache(t), core.Strict, 1, func(collection string) { t.Errorf("a read of %s is told of as stale", collection) })
	end := running(t.Context(), rereads)
	var writing, reading sync.WaitGroup
	var done atomic.Bool
	for w := range 2 {
		writing.Go(func() {
			for i := range 2000 {
				body := fmt.Appendf(nil, `{"price":%d,"category_id":%d}`, i%2, 12+79*(i/2%2))
				if _, err := api.Patch(t.Context(), admin, "products", []string{"A1", "A2"}[w], body, core.How{}); err != nil {
					t.Error(err)
				}
				if i%50 == 0 {
					_ = api.Delete(t.Context(), admin, "products", "A4", core.How{})
				}
				if i%50 == 25 {
					_, _ = api.Replace(t.Context(), admin, "products", "A4", []byte(`{"title":"Ball","category_id":91}`), core.How{})
				}
			}
		})
	}
	for range 3 {
		reading.Go(func() {
			for !done.Load() {
				for _, r := range []func(context.Context, *core.API) (any, core.Cached, error){
					getA1.do, getting(admin, "products", "A4", "").do, page12.do, page91.do, page.do, count12.do, groups.do,
				} {
					if _, _, err := r(t.Context(), api); err != nil && fault.KindOf(err) != fault.NotFound {
						t.Error(err)
					}
				}
			}
		})
	}
	writing.Wait()
	done.Store(true)
	reading.Wait()
	end()
	if observed, stale := counted(rereads, "products"); stale != 0 || observed < 100 {
		t.Errorf("%d were read again and %d stale, want 100 or more and 0", observed, stale)
	}
}

// TestWhatIsReadAgain shows what is left out.
func TestWhatIsReadAgain(t *testing.T) {
	floats := grouping(admin, "aggregate(stars with average as stars)")
	for _, tt := range []struct {
		name  string
		class core.Class
		oneIn int
		r     reading
		want  uint64
	}{
		{"a record", core.Strict, 1, getA1, 1},
		{"that there is none", core.Strict, 1, getNone, 1},
		{"none of them", core.Strict, 0, getA1, 0},
		{"of a bounded collection", core.Bounded, 1, getA1, 0},
		{"what two readings round otherwise", core.Strict, 1, floats, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := newStore(t)
				newAPI(t, store)
				api, rereads := rereading(t, store, newCache(t), tt.class, tt.oneIn, nil)
				end := running(t.Context(), rereads)
				defer end()
				for range 2 {
					if _, _, err := tt.r.do(t.Context(), api); err != nil && fault.KindOf(err) != fault.NotFound {
						t.Fatal(err)
					}
				}
				synctest.Wait()
				if observed, stale := counted(rereads, "products"); observed != tt.want || stale != 0 {
					t.Errorf("%d were read again and %d stale, want %d and 0", observed, stale, tt.want)
				}
			})
		})
	}
}

// TestRereadsHinderNobody shows that callers wait for none, however many there
// are, and that one which fails or panics, or whose caller has gone, ends itself
// alone.
func TestRereadsHinderNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &tallying{Store: newStore(t)}
		newAPI(t, store)
		api, rereads := rereading(t, store, newCache(t), core.Strict, 1, nil)
		gone, leave := context.WithCancel(t.Context())
		for range 1000 { // nobody runs them
			if _, err := api.Get(gone, nobody, "products", "A1", core.GetRequest{}); err != nil {
				t.Fatal(err)
			}
		}
		leave()
		var n atomic.Int64
		store.within = func(ctx context.Context) error {
			switch n.Add(1) {
			case 1:
				return fault.New(fault.Unavailable, "test", "the store is down")
			case 2:
				panic("a store that panics")
			case 3:
				<-ctx.Done() // it has a time of its own
				return ctx.Err()
			}
			return ctx.Err()
		}
		store.gets.Store(0)
		end := running(t.Context(), rereads)
		synctest.Wait()
		time.Sleep(time.Minute)
		end()
		const queued, wrong = 64, 3
		if observed, stale := counted(rereads, "products"); observed != queued-wrong || stale != 0 || store.gets.Load() != queued {
			t.Errorf("%d were read again and %d stale, by %d Gets; want %d, 0 and %d", observed, stale, store.gets.Load(), queued-wrong, queued)
		}
	})
}
