package httpapi

import (
	"context"
	"log/slog"
	"maps"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/portolan-io/portolan/adapters/layer"
	"github.com/portolan-io/portolan/adapters/memory"
	"github.com/portolan-io/portolan/core"
	"github.com/portolan-io/portolan/ports/cache"
)

// A scripted cache finds what it is told to find, and keeps nothing.
type scripted struct{ found cache.Found }

func (s *scripted) Look(context.Context, cache.Key) cache.Found { return s.found }
func (*scripted) Fill(context.Context, cache.Key, cache.Lease, []byte, time.Duration) {
}
func (*scripted) Fence(context.Context, string, []string) (cache.Fence, error) {
	return cache.Fence{Publish: func(context.Context, bool) error { return nil }}, nil
}

// mannered returns a handler of the collections as change leaves them.
func mannered(t *testing.T, c cache.Coherent, change func(served map[string]*core.Collection), configure ...func(*Config)) fixture {
	t.Helper()
	served := collections(t)
	byName := make(map[string]*core.Collection)
	for i := range served {
		byName[served[i].Schema.Name] = &served[i]
	}
	change(byName)
	store, err := memory.Open(t.Context(), memory.Config{})
	if err != nil {
		t.Fatal(err)
	}
	api, err := core.New(core.Config{Store: store, Collections: served, Cache: c})
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Ensure(t.Context(), api.Schemas()); err != nil {
		t.Fatal(err)
	}
	cfg := Config{API: api, Identify: identify, Base: "/v1", Docs: DocsPublic, Log: slog.New(slog.DiscardHandler)}
	for _, set := range configure {
		set(&cfg)
	}
	handler, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	seed(t, api)
	return fixture{Handler: handler}
}

// TestCacheStatuses states what is said of each thing that the cache may have to do
// with an answer.
func TestCacheStatuses(t *testing.T) {
	tests := []struct {
		class  core.Class
		cached core.Cached
		want   string
	}{
		{core.Strict, core.CacheOff, "Portolan; fwd=bypass; detail=off"},
		{core.Strict, core.CacheNone, "Portolan; fwd=bypass; detail=uncached"},
		{core.Strict, core.CacheHit, "Portolan; hit; detail=strict"},
		{core.Strict, core.CacheMiss, "Portolan; fwd=uri-miss; stored; detail=strict"},
		{core.Strict, core.CacheShared, "Portolan; fwd=uri-miss; collapsed; detail=strict"},
		{core.Strict, core.CacheFenced, "Portolan; fwd=bypass; detail=fenced"},
		{core.Bounded, core.CacheHit, "Portolan; hit; detail=bounded"},
		{core.Bounded, core.CacheMiss, "Portolan; fwd=uri-miss; stored; detail=bounded"},
		{core.Uncached, core.CacheNone, "Portolan; fwd=bypass; detail=none"},
	}
	for _, tt := range tests {
		if diff := cmp.Diff([]string{tt.want}, cacheStatuses(tt.class)[tt.cached]); diff != "" {
			t.Errorf("%s %d (-want +got):\n%s", tt.class, tt.cached, diff)
		}
	}
	x := &exchange{w: discard{make(http.Header)}, r: &http.Request{}, manners: &manners{status: cacheStatuses(core.Strict)}}
	if allocs := testing.AllocsPerRun(100, func() { x.cached(core.CacheHit) }); allocs > 0 {
		t.Errorf("saying it costs %v allocations", allocs)
	}
}

// TestCacheStatusOfAnswers reads through a cache that finds nothing, one that keeps,
// and ones that cannot be used, and is told so.
func TestCacheStatusOfAnswers(t *testing.T) {
	kept, err := memory.OpenCache(t.Context(), memory.CacheConfig{})
	if err != nil {
		t.Fatal(err)
	}
	const (
		miss, hit  = "Portolan; fwd=uri-miss; stored; detail=strict", "Portolan; hit; detail=strict"
		off, none  = "Portolan; fwd=bypass; detail=off", "Portolan; fwd=bypass; detail=none"
		fenced, no = "Portolan; fwd=bypass; detail=fenced", ""
	)
	strict := mannered(t, layer.Coherent(kept), func(served map[string]*core.Collection) { served["categories"].Cache.Class = core.Uncached })
	fencing := mannered(t, &scripted{cache.Found{State: cache.Fenced}}, func(map[string]*core.Collection) {})
	unusable := mannered(t, &scripted{cache.Found{State: cache.Off}}, func(map[string]*core.Collection) {})
	without := mannered(t, nil, func(map[string]*core.Collection) {})
	for _, tt := range []struct {
		f                  fixture
		method, path, body string
		want               []string // of one request after the other
	}{
		{strict, "GET", "/v1/products/B001", "", []string{miss, hit, hit}},
		{strict, "GET", "/v1/products?$first=2", "", []string{miss, hit}},
		{strict, "HEAD", "/v1/products?$first=2", "", []string{hit}},
		{strict, "GET", "/v1/products/$aggregate?$apply=aggregate($count%20as%20n)", "", []string{miss, hit}},
		{strict, "GET", "/v1/products/B999", "", []string{miss, hit, hit}}, // that there is none is kept, too
		{strict, "HEAD", "/v1/products/B999", "", []string{hit}},
		{strict, "GET", "/v1/products/B999?$expand=category", "", []string{"Portolan; fwd=bypass; detail=uncached"}},
		{strict, "GET", "/v1/products/..", "", []string{no}},
		{strict, "GET", "/v1/categories/1", "", []string{none, none}},
		{strict, "GET", "/v1/categories/999", "", []string{none}},
		{strict, "GET", "/v1/categories", "", []string{none}},
		{strict, "GET", "/v1/nothing", "", []string{no}},
		{strict, "PATCH", "/v1/products/B001", `{"title":"Echo, once more"}`, []string{no}},
		{strict, "GET", "/v1/products/B001", "", []string{miss, hit}},
		{fencing, "GET", "/v1/products/B001", "", []string{fenced, fenced}},
		{fencing, "GET", "/v1/products", "", []string{fenced}},
		{fencing, "GET", "/v1/products/B999", "", []string{fenced}},
		{unusable, "GET", "/v1/products/B001", "", []string{off}},
		{without, "GET", "/v1/products", "", []string{off}},
	} {
		for i, want := range tt.want {
			header := []string{"Content-Type", "application/json"}
			if tt.method == http.MethodPatch {
				header = append(header, "Authorization", "Bearer ada")
			}
			w := tt.f.do(t, tt.method, tt.path, tt.body, header...)
			if got := w.Header().Get("Cache-Status"); got != want || w.Code >= 500 {
				t.Errorf("%s %s, time %d: %d with Cache-Status %q, want %q", tt.method, tt.path, i+1, w.Code, got, want)
			}
		}
	}
	tag := strict.do(t, "GET", "/v1/products/B001", "").Header().Get("ETag")
	if w := strict.do(t, "GET", "/v1/products/B001", "", "If-None-Match", tag); w.Code != http.StatusNotModified || w.Header().Get("Cache-Status") != hit {
		t.Errorf("unchanged: %d with Cache-Status %q", w.Code, w.Header().Get("Cache-Status"))
	}
}

// TestWhoMayKeep shows Cache-Control of answers to anybody and to somebody, and
// of what is not there.
func TestWhoMayKeep(t *testing.T) {
	f := mannered(t, nil, func(served map[string]*core.Collection) {
		served["categories"].Cache.MaxAge = 90 * time.Second
		served["products"].Cache.MaxAge = time.Minute
		served["wares"].Cache.MaxAge = time.Minute
		served["products"].Access = slices.Clone(served["products"].Access)
		served["products"].Access[0].AllowFrom = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}
	})
	const private = "private, no-cache"
	tests := []struct {
		method, path, who, body string
		want                    string
	}{
		{"GET", "/v1/categories", "", "", "public, max-age=90"},
		{"HEAD", "/v1/categories/1", "", "", "public, max-age=90"},
		{"GET", "/v1/categories/1", "", "", "public, max-age=90"},
		{"GET", "/v1/categories/1", "ada", "", private},
		{"GET", "/v1/categories/99", "", "", private},
		{"GET", "/v1/categories?$first=x", "", "", private},
		{"POST", "/v1/categories/$query", "", "{}", private},
		{"PUT", "/v1/categories/1", "ada", `{"name":"Other"}`, private},
		{"GET", "/v1/products", "", "", private},           // who may see them depends on the address
		{"GET", "/v1/wares", "", "", "public, max-age=60"}, // a view has an access of its own
		{"GET", "/v1/wares/$aggregate?$apply=aggregate($count+as+n)", "", "", "public, max-age=60"},
		{"GET", "/v1/wares?$expand=category", "", "", private}, // by the rights to another collection
		{"GET", "/v1/wares/B002?$expand=category", "", "", private},
		{"GET", "/v1/notes", "sid", "", private},
		{"GET", "/openapi.json", "", "", private},
		{"GET", "/livez", "", "", "no-store"},
	}
	for _, tt := range tests {
		header := []string{"Content-Type", "application/json"}
		if tt.who != "" {
			header = append(header, "Authorization", "Bearer "+tt.who)
		}
		w := f.do(t, tt.method, tt.path, tt.body, header...)
		if diff := cmp.Diff([]string{tt.want}, w.Header()["Cache-Control"]); diff != "" {
			t.Errorf("%s %s as %q: %d (-want +got):\n%s", tt.method, tt.path, tt.who, w.Code, diff)
		}
	}
	tag := f.do(t, "GET", "/v1/categories/1", "").Header().Get("ETag")
	for _, known := range []struct{ tag, want string }{{tag, "public, max-age=90"}, {"nonsense", private}} {
		w := f.do(t, "GET", "/v1/categories/1", "", "If-None-Match", known.tag)
		if got := w.Header().Get("Cache-Control"); got != known.want {
			t.Errorf("%d for who knows %s: Cache-Control is %q, want %q", w.Code, known.tag, got, known.want)
		}
	}
}

// TestDeprecated shows that every answer about a collection that is to go says so,
// and no other.
func TestDeprecated(t *testing.T) {
	f := mannered(t, nil, func(served map[string]*core.Collection) {
		served["products"].Deprecated = &core.Deprecation{
			Since: time.Date(2026, 1, 31, 0, 0, 0, 0, time.UTC), Sunset: time.Date(2026, 6, 30, 12, 0, 0, 0, time.FixedZone("", 7200)),
			Link: "https://example.com/changes",
		}
		served["notes"].Deprecated = &core.Deprecation{Since: time.Date(2026, 1, 31, 0, 0, 0, 0, time.UTC)}
	})
	whole := http.Header{
		"Deprecation": {"@1769817600"}, "Sunset": {"Tue, 30 Jun 2026 10:00:00 GMT"}, "Link": {`<https://example.com/changes>; rel="deprecation"`},
	}
	paged := maps.Clone(whole)
	paged["Link"] = []string{whole["Link"][0], ""}
	tests := []struct {
		method, path string
		status       int
		want         http.Header
	}{
		{"GET", "/v1/products/B001", 200, whole},
		{"GET", "/v1/products?$first=1", 200, paged},
		{"GET", "/v1/products/none", 404, whole},
		{"GET", "/v1/products?x=1", 400, whole},
		{"BREW", "/v1/products", 405, whole},
		{"OPTIONS", "/v1/products", 204, whole},
		{"GET", "/v1/notes", 401, http.Header{"Deprecation": {"@1769817600"}}},
		{"GET", "/v1/categories", 200, http.Header{}},
		{"GET", "/openapi.json", 200, http.Header{}},
	}
	for _, tt := range tests {
		w := f.do(t, tt.method, tt.path, "")
		got := w.Header().Clone()
		maps.DeleteFunc(got, func(name string, _ []string) bool { return whole[name] == nil })
		for i, link := range got["Link"] {
			if strings.HasSuffix(link, `rel="next"`) {
				got["Link"][i] = ""
			}
		}
		if w.Code != tt.status {
			t.Errorf("%s %s: got %d, want %d", tt.method, tt.path, w.Code, tt.status)
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s %s (-want +got):\n%s", tt.method, tt.path, diff)
		}
	}
}
