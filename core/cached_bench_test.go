package core_test

import (
	"testing"

	"github.com/portolan-io/portolan/adapters/memory"
	"github.com/portolan-io/portolan/core"
)

// benchHit measures what is answered from the cache, without HTTP.
func benchHit(b *testing.B, ask func(*core.API) (core.Cached, error)) {
	store, err := memory.Open(b.Context(), memory.Config{})
	if err != nil {
		b.Fatal(err)
	}
	defer store.Close()
	newAPI(b, store)
	api := readingThrough(b, store, newCache(b), core.Caching{}, nil)
	if _, err := ask(api); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if cached, err := ask(api); err != nil || cached != core.CacheHit {
			b.Fatalf("got state %d and %v", cached, err)
		}
	}
}

func BenchmarkHitGet(b *testing.B) {
	benchHit(b, func(api *core.API) (core.Cached, error) {
		result, err := api.Get(b.Context(), nobody, "products", "A1", core.GetRequest{})
		return result.Cache, err
	})
}

func BenchmarkHitListByRowPolicy(b *testing.B) {
	benchHit(b, func(api *core.API) (core.Cached, error) {
		page, err := api.List(b.Context(), acme, "notes", core.ListRequest{First: 1})
		return page.Cache, err
	})
}

func BenchmarkHitList(b *testing.B) {
	benchHit(b, func(api *core.API) (core.Cached, error) {
		page, err := api.List(b.Context(), nobody, "products", core.ListRequest{Filter: "category_id eq 12 and stars ge 4", OrderBy: "stars desc"})
		return page.Cache, err
	})
}
