package httpapi

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/portolan-io/portolan/adapters/layer"
	"github.com/portolan-io/portolan/adapters/memory"
	"github.com/portolan-io/portolan/core"
	"github.com/portolan-io/portolan/core/query"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/ports/repository"
)

// TestDirectivesOf reads what requests ask of caches, well written and not.
func TestDirectivesOf(t *testing.T) {
	tests := []struct {
		name   string
		header http.Header
		want   core.Directives
	}{
		{"nothing", http.Header{}, core.Directives{}},
		{"no-cache", http.Header{"Cache-Control": {"no-cache"}}, core.Directives{NoCache: true}},
		{"in any case", http.Header{"Cache-Control": {"No-Cache"}}, core.Directives{NoCache: true}},
		{"several", http.Header{"Cache-Control": {"max-age=0 ,\tno-store, only-if-cached"}}, core.Directives{NoStore: true, OnlyIfCached: true}},
		{"in several lines", http.Header{"Cache-Control": {"no-store", "no-cache"}}, core.Directives{NoStore: true, NoCache: true}},
		{"empty items", http.Header{"Cache-Control": {",, no-cache,,"}}, core.Directives{NoCache: true}},
		{"not known here", http.Header{"Cache-Control": {"max-age=0, min-fresh=5, max-stale, no-transform, stale-if-error=3, brew"}}, core.Directives{}},
		{"an argument that there is none of", http.Header{"Cache-Control": {"no-cache=1, no-store=\"x\""}}, core.Directives{}},
		{"within quotes", http.Header{"Cache-Control": {`ext="a, no-cache, b"`}}, core.Directives{}},
		{"behind quotes", http.Header{"Cache-Control": {`ext="a\", no-store, b", no-cache`}}, core.Directives{NoCache: true}},
		{"quotes that do not end", http.Header{"Cache-Control": {`ext="a, no-cache`}}, core.Directives{}},
		{"two words", http.Header{"Cache-Control": {"no-cache no-store"}}, core.Directives{}},
		{"empty", http.Header{"Cache-Control": {""}}, core.Directives{}},
		{"Pragma", http.Header{"Pragma": {"no-cache"}}, core.Directives{NoCache: true}},
		{"Pragma among others", http.Header{"Pragma": {"x, No-Cache"}}, core.Directives{NoCache: true}},
		{"Pragma says nothing else", http.Header{"Pragma": {"no-store, only-if-cached"}}, core.Directives{}},
		{"Pragma beside Cache-Control", http.Header{"Pragma": {"no-cache"}, "Cache-Control": {"max-age=3"}}, core.Directives{}},
	}
	for _, tt := range tests {
		if diff := cmp.Diff(tt.want, directivesOf(tt.header)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
	if allocs := testing.AllocsPerRun(100, func() { directivesOf(http.Header(nil)) }); allocs > 0 {
		t.Errorf("to ask for nothing costs %v allocations", allocs)
	}
}

// directed returns a handler whose products are cached, and heed what givers ask.
func directed(t *testing.T, givers core.Givers) fixture {
	t.Helper()
	kept, err := memory.OpenCache(t.Context(), memory.CacheConfig{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { kept.Close() })
	return mannered(t, layer.Coherent(kept), func(served map[string]*core.Collection) {
		served["products"].Cache.Directives = givers
		served["wares"].Cache.Directives = givers
	})
}

// TestCacheStatusOfDirectives shows what requests are told that ask something of
// the cache.
func TestCacheStatusOfDirectives(t *testing.T) {
	const (
		miss, hit     = "Portolan; fwd=uri-miss; stored; detail=strict", "Portolan; hit; detail=strict"
		anew, unkept  = "Portolan; fwd=request; stored; detail=strict", "Portolan; fwd=request; detail=strict"
		uncached, not = "Portolan; fwd=bypass; detail=uncached", "Portolan; detail=not-cached"
		one, list     = "/v1/products/B001", "/v1/products?$first=2"
		ware          = "/v1/wares/B002"
	)
	anybody, known := directed(t, core.GivenByAnybody), directed(t, core.GivenByAuthenticated)
	for i, tt := range []struct {
		f             fixture
		path, control string
		status        int
		want          string
	}{
		{anybody, one, "only-if-cached", 504, not},
		{anybody, one, "no-store", 200, unkept},
		{anybody, one, "only-if-cached", 504, not},
		{anybody, one, "no-cache", 200, anew},
		{anybody, one, "only-if-cached", 200, hit},
		{anybody, one, "no-cache", 200, anew},
		{anybody, one, "no-cache, only-if-cached", 504, not},
		{anybody, one, "max-age=0", 200, hit},
		{anybody, list, "only-if-cached", 504, not},
		{anybody, list, "", 200, miss},
		{anybody, list, "only-if-cached", 200, hit},
		{anybody, list, "no-store", 200, unkept},
		{anybody, list + "&$expand=category", "no-cache", 200, uncached},
		{anybody, "/v1/wares?$expand=category", "no-cache", 200, uncached},
		{anybody, "/v1/wares?$expand=category", "only-if-cached", 504, not},
		{anybody, "/v1/products/B999", "only-if-cached", 504, not},
		{anybody, "/v1/products/B999", "no-cache", 404, anew},
		{anybody, "/v1/products/B999", "only-if-cached", 404, hit},
		{anybody, ware, "no-cache", 200, anew},
		{anybody, "/v1/products/$aggregate?$apply=aggregate($count%20as%20n)", "no-store", 200, unkept},
		{anybody, "/v1/categories/1", "no-cache", 200, miss}, // which lets nobody ask
		{anybody, "/v1/categories/1", "no-cache", 200, hit},
		{anybody, "/v1/categories/9", "only-if-cached", 404, miss},
		{known, one, "", 200, miss},
		{known, one, "no-cache", 200, hit},
		{known, "/v1/products/B002", "only-if-cached", 200, miss},
	} {
		var header []string
		if tt.control != "" {
			header = []string{"Cache-Control", tt.control}
		}
		w := tt.f.do(t, "GET", tt.path, "", header...)
		if got := w.Header().Get("Cache-Status"); w.Code != tt.status || got != tt.want {
			t.Errorf("%d: %s with %s: %d with Cache-Status %q, want %d with %q", i, tt.path, tt.control, w.Code, got, tt.status, tt.want)
		}
		if tt.status == http.StatusGatewayTimeout {
			var p problem
			if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil || p.Code != core.CodeNotCached || p.Status != tt.status || w.Header().Get("Content-Type") != problemType {
				t.Errorf("%s with %s: %v, %s", tt.path, tt.control, err, w.Body)
			}
		}
	}
	w := known.do(t, "GET", "/v1/products/B001", "", "Authorization", "Bearer sid", "Pragma", "no-cache")
	if got := w.Header().Get("Cache-Status"); got != anew {
		t.Errorf("Pragma of somebody: %d with Cache-Status %q, want %q", w.Code, got, anew)
	}
	w = anybody.do(t, "POST", "/v1/products/$query", "{}", "Content-Type", "application/json", "Cache-Control", "only-if-cached")
	if w.Code != http.StatusGatewayTimeout {
		t.Errorf("$query: %d, want 504", w.Code)
	}
	if w := anybody.do(t, "GET", "/v1/vault/x", "", "Cache-Control", "only-if-cached"); w.Code != http.StatusUnauthorized {
		t.Errorf("of what nobody may read: %d, want 401", w.Code)
	}
}

// TestDirectivesAreDocumented shows that the document names Cache-Control and 504
// where what the caller asks counts, and nowhere else.
func TestDirectivesAreDocumented(t *testing.T) {
	const reference = "#/components/parameters/CacheControl"
	f := directed(t, core.GivenByAuthenticated)
	for who, want := range map[string][]string{
		"":    nil,
		"sid": {"get /v1/products", "get /v1/products/$aggregate", "get /v1/products/{id}", "get /v1/wares", "get /v1/wares/$aggregate", "get /v1/wares/{id}", "post /v1/products/$query", "post /v1/wares/$query"},
	} {
		var document struct {
			Paths map[string]map[string]json.RawMessage
		}
		if err := json.Unmarshal(f.document(t, who), &document); err != nil {
			t.Fatal(err)
		}
		var got []string
		for path, operations := range document.Paths {
			for method, raw := range operations {
				names, fails := strings.Contains(string(raw), reference), strings.Contains(string(raw), `"504"`)
				if names != fails {
					t.Errorf("%s %s as %q: names Cache-Control %t, and 504 %t", method, path, who, names, fails)
				}
				if names {
					got = append(got, method+" "+path)
				}
			}
		}
		slices.Sort(got)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("as %q (-want +got):\n%s", who, diff)
		}
	}
}

// A readCounter counts what a store is asked.
type readCounter struct {
	repository.Store
	reads atomic.Int64
}

func (s *readCounter) Get(ctx context.Context, view query.View, ids []record.ID) ([]record.Row, error) {
	s.reads.Add(1)
	return s.Store.Get(ctx, view, ids)
}

func (s *readCounter) Find(ctx context.Context, q query.Query) (repository.Page, error) {
	s.reads.Add(1)
	return s.Store.Find(ctx, q)
}

func (s *readCounter) Aggregate(ctx context.Context, a query.Aggregation) ([]query.Group, error) {
	s.reads.Add(1)
	return s.Store.Aggregate(ctx, a)
}

// TestUnchangedFromTheCache shows that who has the current state is told so by the
// cache alone, with all that a cache of the client's own needs to go on with it.
func TestUnchangedFromTheCache(t *testing.T) {
	opened, err := memory.Open(t.Context(), memory.Config{})
	if err != nil {
		t.Fatal(err)
	}
	kept, err := memory.OpenCache(t.Context(), memory.CacheConfig{})
	if err != nil {
		t.Fatal(err)
	}
	counter := &readCounter{Store: opened}
	api, err := core.New(core.Config{Store: counter, Collections: collections(t), Cache: layer.Coherent(kept)})
	if err != nil {
		t.Fatal(err)
	}
	if err := opened.Ensure(t.Context(), api.Schemas()); err != nil {
		t.Fatal(err)
	}
	seed(t, api)
	handler, err := New(Config{API: api, Identify: identify, Base: "/v1", Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	f := fixture{Handler: handler}
	for _, tt := range []struct {
		path   string
		header []string
	}{
		{"/v1/products/B001", nil},
		{"/v1/products/B001?$select=title", nil},
		{"/v1/products/B001", []string{"Authorization", "Bearer ada"}},
		{"/v1/products?$first=2&$count=true", nil},
		{"/v1/products?$filter=category_id%20eq%202", []string{"Accept", typeCSV}},
		{"/v1/products", []string{"Accept-Encoding", "gzip"}},
		{"/v1/products/$aggregate?$apply=groupby((category_id),aggregate($count%20as%20n))", nil},
		{"/v1/wares/B002", nil},
	} {
		first := f.do(t, "GET", tt.path, "", tt.header...)
		tag := first.Header().Get("ETag")
		if first.Code != http.StatusOK || tag == "" {
			t.Fatalf("%s: %d with the ETag %q", tt.path, first.Code, tag)
		}
		for _, method := range []string{"GET", "HEAD"} {
			counter.reads.Store(0)
			w := f.do(t, method, tt.path, "", append(slices.Clone(tt.header), "If-None-Match", tag)...)
			if w.Code != http.StatusNotModified || w.Body.Len() != 0 || !strings.Contains(w.Header().Get("Cache-Status"), "hit") {
				t.Errorf("%s %s again: %d with Cache-Status %q", method, tt.path, w.Code, w.Header().Get("Cache-Status"))
			}
			if n := counter.reads.Load(); n != 0 {
				t.Errorf("%s %s again: the store was asked %d times, want never", method, tt.path, n)
			}
			for _, name := range []string{"Etag", "Cache-Control", "Vary"} { // RFC 9110, section 15.4.5
				if diff := cmp.Diff(first.Header()[name], w.Header()[name]); diff != "" {
					t.Errorf("%s %s again: %s (-first +again):\n%s", method, tt.path, name, diff)
				}
			}
			if got := w.Header().Get("Vary"); !strings.HasPrefix(got, vary) {
				t.Errorf("%s %s varies by %q, want %q", method, tt.path, got, vary)
			}
		}
	}
	store(t, api, "products", []string{`{"asin":"B004","title":"Lamp","category_id":2}`})
	counter.reads.Store(0)
	page := f.do(t, "GET", "/v1/products?$first=2&$count=true", "", "If-None-Match", `W/"before"`)
	if page.Code != http.StatusOK || counter.reads.Load() == 0 {
		t.Errorf("after a write: %d, and the store was asked %d times", page.Code, counter.reads.Load())
	}
}
