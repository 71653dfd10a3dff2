package core_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/portolan-io/portolan/adapters/layer"
	"github.com/portolan-io/portolan/adapters/memory"
	"github.com/portolan-io/portolan/core"
	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/ingest"
	"github.com/portolan-io/portolan/core/policy"
	"github.com/portolan-io/portolan/ports/cache"
	"github.com/portolan-io/portolan/ports/repository"
	"github.com/portolan-io/portolan/ports/secrets"
)

// newCache returns an empty cache for one process.
func newCache(t testing.TB) cache.Coherent {
	t.Helper()
	below, err := memory.OpenCache(t.Context(), memory.CacheConfig{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { below.Close() })
	return layer.Coherent(below)
}

// readingThrough returns an API over what the store holds, with the cache, whose
// products are cached by their category.
func readingThrough(t testing.TB, store repository.Store, c cache.Coherent, caching core.Caching, now func() time.Time, change ...func(*core.Config)) *core.API {
	t.Helper()
	collections := catalogue(t)
	caching.Scopes = []int{4}
	for i := range collections {
		collections[i].Cache = core.Caching{Class: caching.Class, TTL: caching.TTL, Directives: caching.Directives}
	}
	collections[1].Cache = caching
	config := core.Config{
		Store: store, Collections: collections, Cache: c, CursorKey: []byte("of all"), Pepper: secrets.Fixed("pepper"), Now: now,
	}
	for _, c := range change {
		c(&config)
	}
	api, err := core.New(config)
	if err != nil {
		t.Fatal(err)
	}
	return api
}

// withCache returns an API with a cache over a new store, and one without over
// the same one.
func withCache(t *testing.T) (cached, plain *core.API) {
	t.Helper()
	store := newStore(t)
	newAPI(t, store)
	return readingThrough(t, store, newCache(t), core.Caching{}, nil), readingThrough(t, store, nil, core.Caching{}, nil)
}

// A reading is a request, as one of many callers makes it. It returns all that
// the caller learns, and what the cache had to do with it.
type reading struct {
	name string
	do   func(context.Context, *core.API) (any, core.Cached, error)
}

func getting(who policy.Principal, collection, id, selected string) reading {
	return reading{fmt.Sprintf("%s gets %s of %s/%s", who.Subject, selected, collection, id),
		func(ctx context.Context, api *core.API) (any, core.Cached, error) {
			result, err := api.Get(ctx, who, collection, id, core.GetRequest{Select: selected})
			cached := result.Cache
			result.Cache = 0
			return result, cached, err
		}}
}

func listing(who policy.Principal, collection string, req core.ListRequest) reading {
	return reading{fmt.Sprintf("%s lists %s by %+v", who.Subject, collection, req),
		func(ctx context.Context, api *core.API) (any, core.Cached, error) {
			page, err := api.List(ctx, who, collection, req)
			cached := page.Cache
			page.Cache = 0
			return page, cached, err
		}}
}

func grouping(who policy.Principal, apply string) reading {
	return reading{fmt.Sprintf("%s groups %s", who.Subject, apply),
		func(ctx context.Context, api *core.API) (any, core.Cached, error) {
			page, err := api.Aggregate(ctx, who, "products", core.AggregateRequest{Apply: apply})
			cached := page.Cache
			page.Cache = 0
			return page, cached, err
		}}
}

// Requests, by what a write of a product can change of them.
var (
	getA1   = getting(admin, "products", "A1", "")
	getA3   = getting(admin, "products", "A3", "")
	getNone = getting(admin, "products", "A9", "")
	page12  = listing(nobody, "products", core.ListRequest{Filter: "category_id eq 12"})
	page91  = listing(nobody, "products", core.ListRequest{Filter: "stars ge 1 and category_id eq 91", OrderBy: "stars desc"})
	page    = listing(nobody, "products", core.ListRequest{First: 2})
	count12 = listing(nobody, "products", core.ListRequest{Filter: "category_id eq 12", Count: true, First: 1})
	group12 = grouping(nobody, "filter(category_id eq 12)/aggregate(price with sum as total)")
	groups  = grouping(nobody, "groupby((category_id),aggregate($count as n))")
	other   = listing(admin, "categories", core.ListRequest{})

	readings = []reading{getA1, getA3, getNone, page12, page91, page, count12, group12, groups, other}
)

// ask returns what the cache had to do with the reading, whose answer must be
// what the API without a cache gives.
func ask(t *testing.T, cached, plain *core.API, r reading) core.Cached {
	t.Helper()
	want, _, wantErr := r.do(t.Context(), plain)
	got, state, err := r.do(t.Context(), cached)
	if diff := cmp.Diff(want, got); diff != "" || fault.KindOf(err) != fault.KindOf(wantErr) {
		t.Errorf("%s: got %v, want %v; what the cache says (-want +got):\n%s", r.name, err, wantErr, diff)
	}
	return state
}

// hits returns the names of the readings that are answered from the cache.
func hits(t *testing.T, cached, plain *core.API, readings []reading) (names []string) {
	t.Helper()
	for _, r := range readings {
		if state := ask(t, cached, plain, r); state == core.CacheHit {
			names = append(names, r.name)
		}
	}
	return names
}

func TestAnswersAreKept(t *testing.T) {
	cached, plain := withCache(t)
	for _, r := range []reading{
		getA1, getting(nobody, "products", "A1", ""), getting(nobody, "products", "A1", "title"), page12, page91, page, count12, groups, group12,
		listing(nobody, "products", core.ListRequest{Filter: "category_id eq 12", Format: ingest.NDJSON}),
		listing(nobody, "products", core.ListRequest{Filter: "category_id eq 12", Format: ingest.CSV}),
		listing(nobody, "products", core.ListRequest{Filter: "category_id eq 12", First: 1}),
		listing(nobody, "products", core.ListRequest{Filter: "category_id eq 12", OrderBy: "price desc"}),
		listing(nobody, "products", core.ListRequest{IDs: []string{"A1", "A3"}}),
		listing(acme, "notes", core.ListRequest{}), listing(bolt, "notes", core.ListRequest{}),
	} {
		if first := ask(t, cached, plain, r); first != core.CacheMiss {
			t.Errorf("%s, first: got state %d, want a miss", r.name, first)
		}
		if second := ask(t, cached, plain, r); second != core.CacheHit {
			t.Errorf("%s, again: got state %d, want a hit", r.name, second)
		}
	}
	for after := ""; ; {
		pages := listing(nobody, "products", core.ListRequest{First: 1, After: after})
		if got := []core.Cached{ask(t, cached, plain, pages), ask(t, cached, plain, pages)}; !slices.Equal(got, []core.Cached{core.CacheMiss, core.CacheHit}) {
			t.Errorf("the page after %q: got states %d, want a miss and a hit", after, got)
		}
		found, err := cached.List(t.Context(), nobody, "products", core.ListRequest{First: 1, After: after})
		if err != nil {
			t.Fatal(err)
		}
		if after = found.Next; after == "" {
			return
		}
	}
}

// Callers share an answer if and only if they may see the same.
func TestCallersDoNotShareWhatTheyMayNotSee(t *testing.T) {
	cached, plain := withCache(t)
	mine := create(t, cached, "notes", `{"owner":"acme","text":"of acme"}`, `{"owner":"bolt","text":"of bolt"}`)
	own := policy.Principal{Issuer: "elsewhere", Subject: "acme"}
	for _, tt := range []struct {
		who  policy.Principal
		want core.Cached
	}{
		{acme, core.CacheMiss}, {bolt, core.CacheMiss}, {admin, core.CacheMiss},
		{own, core.CacheHit}, // whose rows are the same
		{bolt, core.CacheHit}, {acme, core.CacheHit},
	} {
		for _, r := range []reading{
			listing(tt.who, "notes", core.ListRequest{}), listing(tt.who, "notes", core.ListRequest{Count: true, OrderBy: "text"}),
			getting(tt.who, "notes", string(mine[0].ID), ""),
		} {
			if got := ask(t, cached, plain, r); got != tt.want && got != core.CacheOff { // what bolt does not see has no state
				t.Errorf("%s: got state %d, want %d", r.name, got, tt.want)
			}
		}
	}
	for _, who := range []policy.Principal{nobody, acme, clerk, admin} { // who see more and more, or other fields
		for _, r := range []reading{getting(who, "products", "A1", ""), listing(who, "products", core.ListRequest{Filter: "category_id eq 12"})} {
			first, again := ask(t, cached, plain, r), ask(t, cached, plain, r)
			if shares := who.Subject == admin.Subject; (first == core.CacheHit) != shares || again != core.CacheHit { // admin sees what a seller sees
				t.Errorf("%s: got states %d and %d", r.name, first, again)
			}
		}
	}
}

// Absence is kept like a record, until there is one.
func TestAbsenceIsKept(t *testing.T) {
	store := &tallying{Store: newStore(t)}
	newAPI(t, store)
	api := readingThrough(t, store, newCache(t), core.Caching{}, nil)
	for range 3 {
		_, err := api.Get(t.Context(), nobody, "products", "A9", core.GetRequest{})
		wantFault(t, err, fault.NotFound, "unknown-record")
	}
	if got := store.gets.Load(); got != 1 {
		t.Errorf("the store was asked %d times, want once", got)
	}
	create(t, api, "products", `{"asin":"A9","title":"Boat","category_id":91}`)
	if _, err := api.Get(t.Context(), nobody, "products", "A9", core.GetRequest{}); err != nil {
		t.Errorf("once it was created: %v", err)
	}
}

// A write drops what it changes, and leaves the pages of other scopes alone.
func TestWritesDropWhatTheyChange(t *testing.T) {
	patch := func(id, body string) func(context.Context, *core.API) error {
		return func(ctx context.Context, api *core.API) error {
			_, err := api.Patch(ctx, admin, "products", id, []byte(body), core.How{})
			return err
		}
	}
	unscoped := []reading{page, groups}
	of12, of91 := []reading{page12, count12, group12}, []reading{page91}
	for _, tt := range []struct {
		name  string
		write func(context.Context, *core.API) error
		drops [][]reading
	}{
		{"create in 12", func(ctx context.Context, api *core.API) error {
			_, err := api.Create(ctx, admin, "products", [][]byte{[]byte(`{"asin":"A9","title":"Oven","category_id":12}`)}, core.How{})
			return err
		}, [][]reading{{getNone}, of12, unscoped}},
		{"create in both", func(ctx context.Context, api *core.API) error {
			_, err := api.Create(ctx, admin, "products", [][]byte{
				[]byte(`{"asin":"B1","title":"Oven","category_id":12}`), []byte(`{"asin":"B2","title":"Ball","category_id":91}`),
			}, core.How{})
			return err
		}, [][]reading{of12, of91, unscoped}},
		{"create by replacing", func(ctx context.Context, api *core.API) error {
			_, err := api.Replace(ctx, admin, "products", "A9", []byte(`{"title":"Oven","category_id":12}`), core.How{})
			return err
		}, [][]reading{{getNone}, of12, unscoped}},
		{"patch", patch("A1", `{"price":1}`), [][]reading{{getA1}, of12, unscoped}},
		{"move", patch("A1", `{"category_id":91}`), [][]reading{{getA1}, of12, of91, unscoped}},
		{"delete", func(ctx context.Context, api *core.API) error {
			return api.Delete(ctx, admin, "products", "A3", core.How{})
		}, [][]reading{{getA3}, of91, unscoped}},
		{"delete many", func(ctx context.Context, api *core.API) error {
			_, err := api.DeleteMany(ctx, admin, "products", core.ListRequest{Filter: "price ge 20"}, 10, core.How{})
			return err
		}, [][]reading{{getA1}, of12, unscoped}},
		{"create each", func(ctx context.Context, api *core.API) error {
			_, err := api.Create(ctx, admin, "products", [][]byte{
				[]byte(`{"asin":"A9","title":"Oven","category_id":12}`), []byte(`{"asin":"A1","title":"there already","category_id":91}`),
			}, core.How{Each: true})
			return err
		}, [][]reading{{getNone}, of12, unscoped, {getA1}, of91}},
		{"import", func(ctx context.Context, api *core.API) error {
			_, err := api.Import(ctx, admin, core.ImportRequest{
				Collection: "products", Source: source("p.csv", "asin,title,category_id\nA1,Can,91\nA9,Boat,91\n"),
			})
			return err
		}, [][]reading{{getA1, getA3, getNone}, of12, of91, unscoped}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cached, plain := withCache(t)
			hits(t, cached, plain, readings)
			before := hits(t, cached, plain, readings)
			if err := tt.write(t.Context(), cached); err != nil {
				t.Fatal(err)
			}
			var want []string
			dropped := slices.Concat(tt.drops...)
			for _, name := range before {
				if !slices.ContainsFunc(dropped, func(r reading) bool { return r.name == name }) {
					want = append(want, name)
				}
			}
			got := hits(t, cached, plain, readings)
			if tt.name == "create each" { // what is refused may be dropped, or not
				got, want = nil, nil
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("what the cache still answers (-want +got):\n%s", diff)
			}
		})
	}
}

// Whatever is written in whatever order, every caller is told what a caller of
// the API without a cache is told.
func TestTheCacheIsNeverWrong(t *testing.T) {
	cached, plain := withCache(t)
	dice := rand.New(rand.NewPCG(3, 4))
	callers := []policy.Principal{nobody, admin, acme, bolt, clerk}
	filters := []string{"", "category_id eq 12", "category_id eq 91", "category_id in (12, 91)", "category_id eq 12 or price lt 20",
		"not category_id eq 12", "category_id eq 91 and price lt 20", "seller eq 'acme'"}
	id := func() string { return "A" + fmt.Sprint(1+dice.IntN(6)) }
	body := func() []byte {
		return fmt.Appendf(nil, `{"title":"T%d","category_id":%d,"seller":%q,"price":%d}`,
			dice.IntN(9), []int{12, 91}[dice.IntN(2)], []string{"acme", "bolt"}[dice.IntN(2)], dice.IntN(40))
	}
	states := map[core.Cached]int{}
	for range 3000 {
		who, ctx := callers[dice.IntN(len(callers))], t.Context()
		switch dice.IntN(24) { // what is refused is a write too, of nothing
		case 0:
			_, _ = cached.Replace(ctx, who, "products", id(), body(), core.How{DryRun: dice.IntN(4) == 0})
		case 1:
			_, _ = cached.Patch(ctx, who, "products", id(), body(), core.How{})
		case 2:
			_ = cached.Delete(ctx, who, "products", id(), core.How{})
		case 3:
			_, _ = cached.DeleteMany(ctx, who, "products", core.ListRequest{Filter: filters[dice.IntN(len(filters))]}, 2, core.How{})
		case 4, 5, 6:
			states[ask(t, cached, plain, grouping(who, "groupby((category_id),aggregate(price with max as most))"))]++
		case 7, 8, 9, 10, 11, 12, 13:
			states[ask(t, cached, plain, getting(who, "products", id(), []string{"", "title", "seller"}[dice.IntN(3)]))]++
		default:
			req := core.ListRequest{Filter: filters[dice.IntN(len(filters))], Count: dice.IntN(2) == 0, First: 1 + 3*dice.IntN(2)}
			states[ask(t, cached, plain, listing(who, "products", req))]++
		}
	}
	if states[core.CacheHit] < 500 || states[core.CacheMiss] < 500 {
		t.Errorf("got states %v, which prove little", states)
	}
}
