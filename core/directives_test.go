package core_test

import (
	"context"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/portolan-io/portolan/core"
	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/policy"
	"github.com/portolan-io/portolan/ports/cache"
)

var (
	noCache   = core.Directives{NoCache: true}
	noStore   = core.Directives{NoStore: true}
	onlyKept  = core.Directives{OnlyIfCached: true}
	keptOrNot = core.Directives{OnlyIfCached: true, NoCache: true}
)

// asking returns the readings of every kind that can be kept, with the directives.
func asking(who policy.Principal, d core.Directives) []reading {
	return []reading{
		{"get", func(ctx context.Context, api *core.API) (any, core.Cached, error) {
			result, err := api.Get(ctx, who, "products", "A1", core.GetRequest{Select: "title", Directives: d})
			return string(result.JSON), result.Cache, err
		}},
		listing(who, "products", core.ListRequest{Filter: "category_id eq 12", Select: "title", Directives: d}),
		{"group", func(ctx context.Context, api *core.API) (any, core.Cached, error) {
			page, err := api.Aggregate(ctx, who, "products", core.AggregateRequest{Apply: "groupby((title),aggregate($count as n))", Directives: d})
			return string(page.Body), page.Cache, err
		}},
	}
}

// TestDirectives asks for what is kept, and has been changed past the cache since,
// so that it shows what was read and when it is kept.
func TestDirectives(t *testing.T) {
	const fresh, old = "Can", "Kettle"
	tests := []struct {
		name   string
		givers core.Givers
		who    policy.Principal
		asked  core.Directives
		state  core.Cached
		after  core.Cached // of who asks nothing, after
		sees   string      // who asks nothing, after
	}{
		{"nothing", core.GivenByAnybody, nobody, core.Directives{}, core.CacheHit, core.CacheHit, old},
		{"no-cache", core.GivenByAnybody, nobody, noCache, core.CacheAnew, core.CacheHit, fresh},
		{"no-cache by somebody", core.GivenByAuthenticated, admin, noCache, core.CacheAnew, core.CacheHit, fresh},
		{"no-cache by nobody", core.GivenByAuthenticated, nobody, noCache, core.CacheHit, core.CacheHit, old},
		{"no-cache where nobody may", core.GivenByNobody, admin, noCache, core.CacheHit, core.CacheHit, old},
		{"no-store", core.GivenByAnybody, nobody, noStore, core.CacheUnkept, core.CacheHit, old},
		{"both", core.GivenByAnybody, nobody, core.Directives{NoCache: true, NoStore: true}, core.CacheUnkept, core.CacheHit, old},
		{"only-if-cached", core.GivenByAnybody, nobody, onlyKept, core.CacheHit, core.CacheHit, old},
		{"only-if-cached, no-store", core.GivenByAnybody, nobody, core.Directives{OnlyIfCached: true, NoStore: true}, core.CacheHit, core.CacheHit, old},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			store := newStore(t)
			newAPI(t, store)
			plain := readingThrough(t, store, nil, core.Caching{}, nil)
			api := readingThrough(t, store, newCache(t), core.Caching{Directives: tt.givers}, nil)
			usual := asking(tt.who, core.Directives{})
			for _, r := range usual {
				ask(t, api, plain, r)
			}
			if _, err := plain.Patch(t.Context(), admin, "products", "A1", []byte(`{"title":"Can"}`), core.How{}); err != nil {
				t.Fatal(err)
			}
			for i, r := range asking(tt.who, tt.asked) {
				sees := old
				if tt.state != core.CacheHit {
					sees = fresh
				}
				wantSeen(t, api, r, tt.state, sees)
				wantSeen(t, api, usual[i], tt.after, tt.sees)
			}
		})
	}
}

// wantSeen wants the reading to show the text, and to have that to do with the
// cache.
func wantSeen(t *testing.T, api *core.API, r reading, state core.Cached, text string) {
	t.Helper()
	got, cached, err := r.do(t.Context(), api)
	if page, ok := got.(core.Page); ok {
		got = string(page.Body)
	}
	shown, _ := got.(string)
	if err != nil || cached != state || !strings.Contains(shown, text) {
		t.Errorf("%s: got state %d and %v, %v; want state %d and %s", r.name, cached, got, err, state, text)
	}
}

// TestOnlyIfCached shows that nothing is read, whatever is asked for and whatever
// the cache is.
func TestOnlyIfCached(t *testing.T) {
	store := &tallying{Store: newStore(t)}
	newAPI(t, store)
	anybody := core.Caching{Directives: core.GivenByAnybody}
	for name, c := range map[string]cache.Coherent{"a cache": newCache(t), "no cache": nil} {
		api := readingThrough(t, store, c, anybody, nil)
		if c != nil {
			for _, r := range asking(nobody, core.Directives{}) {
				if _, _, err := r.do(t.Context(), api); err != nil {
					t.Fatal(err)
				}
			}
		}
		store.gets.Store(0)
		store.finds.Store(0)
		unkept := []reading{
			getting(nobody, "products", "A3", ""),
			{"a record with its relation", func(ctx context.Context, api *core.API) (any, core.Cached, error) {
				result, err := api.Get(ctx, nobody, "products", "A1", core.GetRequest{Expand: "category", Directives: onlyKept})
				return result, result.Cache, err
			}},
			listing(nobody, "products", core.ListRequest{Expand: "category", Directives: onlyKept}),
			listing(nobody, "products", core.ListRequest{Filter: "price gt 1", Directives: onlyKept}),
		}
		unkept[0].do = func(ctx context.Context, api *core.API) (any, core.Cached, error) {
			result, err := api.Get(ctx, nobody, "products", "A3", core.GetRequest{Directives: onlyKept})
			return result, result.Cache, err
		}
		for _, r := range slices.Concat(unkept, asking(nobody, keptOrNot)) {
			_, _, err := r.do(t.Context(), api)
			if fault.KindOf(err) != fault.Refused || fault.Of(err).Code != core.CodeNotCached {
				t.Errorf("%s: %s = %v, want %s", name, r.name, err, core.CodeNotCached)
			}
		}
		if got := store.gets.Load() + store.finds.Load(); got != 0 {
			t.Errorf("%s: the store was asked %d times, want never", name, got)
		}
	}
	uncached := readingThrough(t, store, newCache(t), core.Caching{Class: core.Uncached, Directives: core.GivenByAnybody}, nil)
	_, err := uncached.Get(t.Context(), nobody, "products", "A1", core.GetRequest{Directives: onlyKept})
	wantFault(t, err, fault.Refused, core.CodeNotCached)
	_, err = uncached.Get(t.Context(), acme, "nothing", "A1", core.GetRequest{Directives: onlyKept})
	wantFault(t, err, fault.NotFound, "unknown-collection")
}

// TestDirectivesGoToThePrimary shows that what is read now is not read from a
// replica, of a record that is related either.
func TestDirectivesGoToThePrimary(t *testing.T) {
	for _, tt := range []struct {
		asked core.Directives
		want  time.Duration
	}{{core.Directives{}, time.Minute}, {noCache, 0}, {noStore, 0}} {
		below := newStore(t)
		newAPI(t, below)
		store := &staleStore{Store: below}
		api := readingThrough(t, store, newCache(t), core.Caching{Class: core.Bounded, TTL: 2 * time.Minute, Directives: core.GivenByAnybody}, nil)
		related := listing(nobody, "products", core.ListRequest{Expand: "category", Directives: tt.asked})
		one := reading{"a record with its relation", func(ctx context.Context, api *core.API) (any, core.Cached, error) {
			result, err := api.Get(ctx, nobody, "products", "A1", core.GetRequest{Expand: "category", Directives: tt.asked})
			return result, result.Cache, err
		}}
		for _, r := range slices.Concat(asking(nobody, tt.asked), []reading{related, one}) {
			store.asked = nil
			if _, _, err := r.do(t.Context(), api); err != nil {
				t.Fatal(err)
			}
			if len(store.asked) == 0 || slices.ContainsFunc(store.asked, func(d time.Duration) bool { return d != tt.want }) {
				t.Errorf("%+v: %s may be stale by %v, want %v", tt.asked, r.name, store.asked, tt.want)
			}
		}
	}
}

// TestDirectivesOfRelated shows that what is related is read anew, and kept or not,
// as it is with a request of its own.
func TestDirectivesOfRelated(t *testing.T) {
	for _, tt := range []struct {
		asked core.Directives
		keeps bool
	}{{noCache, true}, {noStore, false}} {
		store := &tallying{Store: newStore(t)}
		newAPI(t, store)
		api := readingThrough(t, store, newCache(t), core.Caching{Directives: core.GivenByAnybody}, nil)
		gets := func(d core.Directives) int64 {
			t.Helper()
			store.gets.Store(0)
			if _, err := api.List(t.Context(), nobody, "products", core.ListRequest{Expand: "category", Directives: d}); err != nil {
				t.Fatal(err)
			}
			return store.gets.Load()
		}
		got := []bool{gets(tt.asked) > 0, gets(tt.asked) > 0, gets(core.Directives{}) > 0}
		if diff := cmp.Diff([]bool{true, true, !tt.keeps}, got); diff != "" {
			t.Errorf("%+v: whether related records were read (-want +got):\n%s", tt.asked, diff)
		}
	}
}

// TestNoCacheJoinsNobody shows that who wants the answer read now does not get what
// somebody began to read before.
func TestNoCacheJoinsNobody(t *testing.T) {
	store := &tallying{Store: newStore(t)}
	newAPI(t, store)
	api := readingThrough(t, store, newCache(t), core.Caching{Directives: core.GivenByAnybody}, nil)
	var within core.Cached
	store.within = func(ctx context.Context) error {
		store.within = nil
		result, err := api.Get(ctx, nobody, "products", "A1", core.GetRequest{Directives: noCache})
		within = result.Cache
		return err
	}
	if _, err := api.Get(t.Context(), nobody, "products", "A1", core.GetRequest{}); err != nil {
		t.Fatal(err)
	}
	if got := store.gets.Load(); got != 2 || within != core.CacheAnew {
		t.Errorf("the store was asked %d times, and the second was told %d; want 2 and %d", got, within, core.CacheAnew)
	}
}

// TestTwoReadsForManyWhoWantItNow shows that a crowd that wants an answer read now
// costs the store two reads: that of the first, and one for all who came while it
// went on.
func TestTwoReadsForManyWhoWantItNow(t *testing.T) {
	for name, tt := range map[string]struct {
		asked core.Directives
		first core.Cached
	}{"no-cache": {noCache, core.CacheAnew}, "no-store": {noStore, core.CacheUnkept}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := &tallying{Store: newStore(t)}
				newAPI(t, store)
				api := readingThrough(t, store, newCache(t), core.Caching{Directives: core.GivenByAnybody}, nil)
				store.within = func(context.Context) error { time.Sleep(time.Second); return nil }
				var crowd sync.WaitGroup
				var firsts, failed atomic.Int64
				for range 300 {
					crowd.Go(func() {
						result, err := api.Get(t.Context(), nobody, "products", "A1", core.GetRequest{Directives: tt.asked})
						if err != nil || result.Cache != tt.first && result.Cache != core.CacheUnkept {
							failed.Add(1)
						}
						if result.Cache == tt.first {
							firsts.Add(1)
						}
					})
				}
				crowd.Wait()
				if got := store.gets.Load(); got != 2 || failed.Load() != 0 || firsts.Load() < 2 {
					t.Errorf("300 at once read %d times, %d failed, and %d were told %d; want 2 reads", got, failed.Load(), firsts.Load(), tt.first)
				}
			})
		})
	}
}
