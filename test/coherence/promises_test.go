package coherence_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/portolan-io/portolan/core"
	"github.com/portolan-io/portolan/core/ingest"
	"github.com/portolan-io/portolan/core/policy"
	"github.com/portolan-io/portolan/core/query"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/core/schema"
	"github.com/portolan-io/portolan/ports/repository"
)

// catalogue are the collections of the sample, with the caching of the shipped
// configurations.
func catalogue(t *testing.T) []core.Collection {
	all := &policy.RuleSpec{}
	admin := policy.GrantSpec{Role: "admin", Read: all, Create: all, Update: all, Delete: all}
	products := collection(t, schema.Spec{Name: "products", ID: "asin", Fields: []schema.FieldSpec{
		{Name: "asin", Type: "string", Max: "16"},
		{Name: "title", Type: "string", Required: true, Max: "500"},
		{Name: "imgUrl", Type: "string", Max: "500"},
		{Name: "productURL", Type: "string", Max: "500"},
		{Name: "stars", Type: "float"},
		{Name: "reviews", Type: "int"},
		{Name: "price", Type: "decimal", Precision: 12, Scale: 2},
		{Name: "listPrice", Type: "decimal", Precision: 12, Scale: 2},
		{Name: "category_id", Type: "int", Required: true, References: "categories", Enforce: true},
		{Name: "isBestSeller", Type: "bool"},
		{Name: "boughtInLastMonth", Type: "int"},
	}}, admin)
	category, _ := products.Schema.Position("category_id")
	products.Cache = core.Caching{TTL: 30 * time.Minute, Scopes: []int{category}}
	return []core.Collection{products, collection(t, schema.Spec{Name: "categories", ID: "id", Fields: []schema.FieldSpec{
		{Name: "id", Type: "int"},
		{Name: "name", Type: "string", Required: true, Max: "200"},
	}}, admin)}
}

const categories = 248

// shop returns a client of a server that has the sample.
func shop(t *testing.T) *client {
	t.Helper()
	s := newServer(t, parts{store: inMemory, cache: cachedInBigcache, schemas: catalogue})
	for _, name := range []string{"categories", "products"} {
		source, err := ingest.File("../../configs/sample/" + name + ".csv.gz")
		if err != nil {
			t.Fatal(err)
		}
		summary, err := s.api.Import(t.Context(), operator, core.ImportRequest{Collection: name, Source: source, MaxRejects: 0})
		if err != nil || summary.Loaded < categories {
			t.Fatalf("%s: %+v, %v", name, summary, err)
		}
	}
	return (&session{servers: []*server{s}}).client(1, 0)
}

// hits asks for the first page of every category, and returns how many came from
// the cache, and the categories of the others.
func (c *client) hits(t *testing.T) (hits int, others []int) {
	t.Helper()
	for category := 1; category <= categories; category++ {
		w := c.send("admin", http.MethodGet, fmt.Sprintf("/v1/products?$filter=category_id%%20eq%%20%d&$count=true", category), "")
		if w.Code != http.StatusOK {
			t.Fatalf("category %d: %d %s", category, w.Code, w.Body)
		}
		if strings.Contains(w.Header().Get("Cache-Status"), "; hit") {
			hits++
		} else {
			others = append(others, category)
		}
	}
	return hits, others
}

// want sends what must be answered with the status.
func (c *client) want(t *testing.T, status int, method, target, body string) {
	t.Helper()
	if w := c.send("admin", method, target, body); w.Code != status {
		t.Fatalf("%s %s: %d %s, want %d", method, target, w.Code, w.Body, status)
	}
}

// TestOtherCategoriesStayHits writes in one category, or from one to another, and
// counts which of the cached pages of all 248 are hits still. Tags share words of
// a fixed number, so that one write in a few hundred costs a page more: then
// another server, whose tags meet differently, must do it exactly.
func TestOtherCategoriesStayHits(t *testing.T) {
	for _, tt := range []struct {
		name, method, target, body string
		status                     int
		lost                       []int // categories
	}{
		{"insert", http.MethodPost, "/v1/products", `{"asin":"NEW","title":"A lamp","category_id":17}`, http.StatusCreated, []int{17}},
		{"replace", http.MethodPut, "/v1/products/B17", `{"asin":"B17","title":"A lamp","category_id":17}`, http.StatusOK, []int{17}},
		{"move", http.MethodPatch, "/v1/products/B17", `{"category_id":230}`, http.StatusOK, []int{17, 230}},
		{"delete", http.MethodDelete, "/v1/products/B17", "", http.StatusNoContent, []int{17}},
		{"change of no scope", http.MethodPatch, "/v1/products/B17", `{"title":"Lamp"}`, http.StatusOK, []int{17}},
		{"another collection", http.MethodPatch, "/v1/categories/17", `{"name":"Lamps"}`, http.StatusOK, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var others []int
			for range 2 {
				c := shop(t)
				c.want(t, http.StatusCreated, http.MethodPost, "/v1/products", `{"asin":"B17","title":"Lamp","category_id":17}`)
				if hits, _ := c.hits(t); hits != 0 {
					t.Fatalf("%d pages come from the cache before they are in it", hits)
				}
				if hits, lost := c.hits(t); hits != categories {
					t.Fatalf("of %d pages %d are hits the second time, not %v", categories, hits, lost)
				}
				c.want(t, tt.status, tt.method, tt.target, tt.body)
				var hits int
				if hits, others = c.hits(t); hits == categories-len(tt.lost) && fmt.Sprint(others) == fmt.Sprint(tt.lost) {
					return
				}
			}
			t.Errorf("the pages of %v are no hits after the write, want those of %v", others, tt.lost)
		})
	}
}

// A counted store counts reads, and holds them back until it is told.
type counted struct {
	repository.Store
	reads *atomic.Int64
	hold  func()
}

func (c counted) Get(ctx context.Context, view query.View, ids []record.ID) ([]record.Row, error) {
	c.reads.Add(1)
	c.hold()
	return c.Store.Get(ctx, view, ids)
}

func (c counted) Find(ctx context.Context, q query.Query) (repository.Page, error) {
	c.reads.Add(1)
	c.hold()
	return c.Store.Find(ctx, q)
}

// TestOneReadForAll has 500 readers of one key that is not cached yet, or not any
// more: the store is read once.
func TestOneReadForAll(t *testing.T) {
	const readers = 500
	var reads atomic.Int64
	var s *server
	var until atomic.Int64 // Looks, before the store answers
	hold := func() {
		for i := 0; i < 5000 && s.looks.all() < until.Load(); i++ {
			time.Sleep(time.Millisecond)
		}
		time.Sleep(50 * time.Millisecond) // from the last Look to where the others wait
	}
	expiring := func(t *testing.T) []core.Collection {
		all := items(t)
		all[0].Cache.TTL = 20 * time.Millisecond
		return all
	}
	s = newServer(t, parts{store: inMemory, cache: cachedInMemory, schemas: expiring, layer: func(right repository.Store) repository.Store {
		return counted{right, &reads, hold}
	}})
	c := (&session{servers: []*server{s}}).client(1, 0)
	c.want(t, http.StatusCreated, http.MethodPost, "/v1/items", whole(0, 1))
	for _, tt := range []struct {
		name, target string
		status       int
	}{
		{"a cold record", "/v1/items/k0", http.StatusOK},
		{"an expired record", "/v1/items/k0", http.StatusOK},
		{"no record", "/v1/items/k1", http.StatusNotFound},
		{"a cold page", "/v1/items?$filter=shelf%20eq%201", http.StatusOK},
		{"an expired page", "/v1/items?$filter=shelf%20eq%201", http.StatusOK},
	} {
		t.Run(tt.name, func(t *testing.T) {
			reads.Store(0)
			until.Store(s.looks.all() + readers)
			var all sync.WaitGroup
			for range readers {
				all.Go(func() {
					if w := c.send("admin", http.MethodGet, tt.target, ""); w.Code != tt.status {
						t.Errorf("%d %s", w.Code, w.Body)
					}
				})
			}
			all.Wait()
			if got := reads.Load(); got != 1 {
				t.Errorf("%d readers cost %d reads of the store, want 1", readers, got)
			}
			time.Sleep(100 * time.Millisecond) // until it expired
		})
	}
}

// TestAbsence goes through the ways in which a record comes and goes. That it is
// not there is cached as what is there is, and no longer.
func TestAbsence(t *testing.T) {
	s := newServer(t, parts{store: inMemory, cache: cachedInBigcache})
	c := (&session{servers: []*server{s}, keys: 1}).client(1, 0)
	reads := func(status int) {
		t.Helper()
		for range 2 {
			c.want(t, status, http.MethodGet, "/v1/items/k0", "")
		}
		before := s.looks.hits()
		c.want(t, status, http.MethodGet, "/v1/items/k0", "")
		if s.looks.hits() == before {
			t.Errorf("a record with the status %d is not a hit", status)
		}
	}
	for _, come := range []func(){
		func() { c.want(t, http.StatusCreated, http.MethodPost, "/v1/items", whole(0, 1)) },
		func() { c.want(t, http.StatusCreated, http.MethodPut, "/v1/items/k0", whole(0, 2)) },
		func() { c.load() },
	} {
		for _, leave := range []func(){
			func() { c.want(t, http.StatusNoContent, http.MethodDelete, "/v1/items/k0", "") },
			func() { c.want(t, http.StatusOK, http.MethodPost, "/v1/items/$delete", `{"ids":["k0"]}`) },
		} {
			reads(http.StatusNotFound)
			come()
			reads(http.StatusOK)
			leave()
			reads(http.StatusNotFound)
		}
	}
}
