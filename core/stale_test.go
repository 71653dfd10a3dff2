package core_test

import (
	"context"
	"io"
	"slices"
	"testing"
	"time"

	"github.com/portolan-io/portolan/core"
	"github.com/portolan-io/portolan/core/ingest"
	"github.com/portolan-io/portolan/core/query"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/ports/cache"
	"github.com/portolan-io/portolan/ports/repository"
)

// A staleStore notes how stale what is read of products and categories may be.
type staleStore struct {
	repository.Store
	none  bool // it has no replica
	asked []time.Duration
}

func (s *staleStore) Capabilities() repository.Capabilities {
	can := s.Store.Capabilities()
	can.Replica = !s.none
	return can
}

func (s *staleStore) Get(ctx context.Context, view query.View, ids []record.ID) ([]record.Row, error) {
	s.asked = append(s.asked, view.Stale)
	return s.Store.Get(ctx, view, ids)
}

func (s *staleStore) Find(ctx context.Context, q query.Query) (repository.Page, error) {
	s.asked = append(s.asked, q.Stale)
	return s.Store.Find(ctx, q)
}

func (s *staleStore) Aggregate(ctx context.Context, a query.Aggregation) ([]query.Group, error) {
	s.asked = append(s.asked, a.Stale)
	return s.Store.Aggregate(ctx, a)
}

// TestHowStale: what is read for an answer may be as old as the class of the collection
// says, and what a write or a job reads is never old.
func TestHowStale(t *testing.T) {
	const ttl = time.Minute
	for _, tt := range []struct {
		name    string
		caching core.Caching
		cached  bool
		none    bool
		want    time.Duration
		shared  bool
	}{
		{name: "bounded, with a cache that instances share", caching: core.Caching{Class: core.Bounded, TTL: ttl}, cached: true, shared: true},
		{"bounded", core.Caching{Class: core.Bounded, TTL: ttl}, false, false, ttl, false},
		{"bounded, with a cache", core.Caching{Class: core.Bounded, TTL: ttl}, true, false, ttl / 2, false},
		{"bounded, without a replica", core.Caching{Class: core.Bounded, TTL: ttl}, true, true, 0, false},
		{"strict", core.Caching{Class: core.Strict, TTL: ttl}, false, false, 0, false},
		{"strict, with a cache", core.Caching{Class: core.Strict, TTL: ttl}, true, false, 0, false},
		{"none", core.Caching{Class: core.Uncached, TTL: ttl}, true, false, 0, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			onEveryStore(t, func(t *testing.T, below repository.Store) {
				newAPI(t, below)
				store := &staleStore{Store: below, none: tt.none}
				var kept cache.Coherent
				if tt.cached {
					kept = newCache(t)
				}
				api := readingThrough(t, store, kept, tt.caching, nil, func(c *core.Config) { c.CacheShared = tt.shared })
				asks := func(name string, want time.Duration, do func() error) {
					t.Helper()
					store.asked = nil
					if err := do(); err != nil {
						t.Errorf("%s: %v", name, err)
					}
					if len(store.asked) == 0 || slices.ContainsFunc(store.asked, func(d time.Duration) bool { return d != want }) {
						t.Errorf("%s may be stale by %v, want %v", name, store.asked, want)
					}
				}
				related := listing(admin, "products", core.ListRequest{Expand: "category", Count: true})
				one := reading{"a get with its relation", func(ctx context.Context, api *core.API) (any, core.Cached, error) {
					result, err := api.Get(ctx, admin, "products", "A2", core.GetRequest{Expand: "category"})
					return result, result.Cache, err
				}}
				price := listing(admin, "products", core.ListRequest{Filter: "price gt 1", Count: true})
				dear := grouping(admin, "filter(price gt 1)/aggregate($count as n)")
				for _, r := range []reading{getA1, page12, page91, page, count12, price, dear, group12, groups, other, one, related} {
					asks(r.name, tt.want, func() error {
						_, _, err := r.do(t.Context(), api)
						return err
					})
				}
				for _, write := range []struct {
					name string
					do   func() error
				}{
					{"replace", func() error {
						_, err := api.Replace(t.Context(), admin, "products", "A1", []byte(`{"title":"Can","category_id":12}`), core.How{})
						return err
					}},
					{"patch", func() error {
						_, err := api.Patch(t.Context(), admin, "products", "A3", []byte(`{"price":1}`), core.How{})
						return err
					}},
					{"delete", func() error { return api.Delete(t.Context(), admin, "products", "A4", core.How{}) }},
					{"delete many", func() error {
						_, err := api.DeleteMany(t.Context(), admin, "products", core.ListRequest{Filter: "category_id eq 91"}, 10, core.How{})
						return err
					}},
					{"import", func() error {
						_, err := api.Import(t.Context(), admin, core.ImportRequest{
							Collection: "products", Source: source("p.csv", "asin,title,category_id\nB1,Can,91\n"),
						})
						return err
					}},
					{"export", func() error {
						_, err := api.Export(t.Context(), admin, core.ExportRequest{Collection: "products", Format: ingest.CSV, To: io.Discard})
						return err
					}},
				} {
					asks(write.name, 0, write.do)
				}
			})
		})
	}
}

// TestStaleAnswersAreKeptForLess: what may have been old when it was read is kept for
// the rest of the time.
func TestStaleAnswersAreKeptForLess(t *testing.T) {
	store, clock := newStore(t), newDay()
	newAPI(t, store)
	api := readingThrough(t, &staleStore{Store: store}, newCache(t), core.Caching{Class: core.Bounded, TTL: 10 * time.Minute}, clock.time)
	related := listing(nobody, "products", core.ListRequest{Expand: "category"})
	if _, _, err := related.do(t.Context(), api); err != nil {
		t.Fatal(err)
	}
	category := func() core.Cached {
		_, state, err := getting(nobody, "categories", "12", "").do(t.Context(), api)
		if err != nil {
			t.Fatal(err)
		}
		return state
	}
	getKettle(t, api)
	for _, tt := range []struct {
		passed time.Duration // since the one before
		hit    bool
	}{{4*time.Minute - time.Second, true}, {time.Minute + time.Second, false}} {
		clock.pass(tt.passed)
		if _, state := getKettle(t, api); (state == core.CacheHit) != tt.hit {
			t.Errorf("%v later got state %d of a record, want a hit: %t", tt.passed, state, tt.hit)
		}
		if state := category(); (state == core.CacheHit) != tt.hit {
			t.Errorf("%v later got state %d of a related record, want a hit: %t", tt.passed, state, tt.hit)
		}
	}
}
