package coherence_test

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/portolan-io/portolan/adapters/layer"
	"github.com/portolan-io/portolan/adapters/redis"
	"github.com/portolan-io/portolan/core"
	"github.com/portolan-io/portolan/core/ingest"
	"github.com/portolan-io/portolan/ports/cache"
	"github.com/portolan-io/portolan/ports/repository"
	"github.com/portolan-io/portolan/ports/secrets"
	"github.com/portolan-io/portolan/test/servers"
)

// overRedis returns a client of each of two instances over a Redis, the second with
// something near.
func overRedis(t *testing.T, schemas func(t *testing.T) []core.Collection) (one, two *client) {
	t.Helper()
	store := inMemory(t)
	tags := map[string]string{core.KeysCollection: core.KeysTagScheme}
	for _, c := range schemas(t) {
		tags[c.Schema.Name] = c.TagScheme()
	}
	prefix := strings.ReplaceAll(t.Name(), "/", "-")
	var instances []*layer.Distributed
	p := parts{schemas: schemas, store: func(*testing.T) repository.Store { return store }}
	for _, near := range []cache.Cache{nil, cachedInBigcache(t)} {
		server, err := redis.Open(t.Context(), redis.Config{URL: secrets.Fixed("redis://" + servers.Redis(t)), Prefix: prefix})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = server.Close() })
		d := layer.NewDistributed(layer.DistributedConfig{
			Server: server, Modes: core.NewMembers(store, nil), Near: near, Timing: layer.UsualTiming, Collections: tags, Everything: core.EveryTag,
		})
		instances, p.apart = append(instances, d), append(p.apart, d)
	}
	running := newInstances(t, p)
	for _, d := range instances {
		if err := d.Enter(t.Context()); err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(context.Background())
		var all sync.WaitGroup
		all.Go(func() { d.Run(ctx) })
		t.Cleanup(func() {
			stop()
			all.Wait()
			_ = d.Close(context.Background())
		})
	}
	s := &session{servers: running}
	return s.client(1, 0), s.client(1, 1)
}

// Writes through one instance leave the pages of other categories hits at the
// other.
func TestOtherCategoriesStayHitsElsewhere(t *testing.T) {
	one, two := overRedis(t, catalogue)
	for _, name := range []string{"categories", "products"} {
		source, err := ingest.File("../../configs/sample/" + name + ".csv.gz")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := one.api.Import(t.Context(), operator, core.ImportRequest{Collection: name, Source: source, MaxRejects: 0}); err != nil {
			t.Fatal(err)
		}
	}
	one.hits(t)
	for _, tt := range []struct {
		name, method, target, body string
		status                     int
		lost                       []int
	}{
		{"insert", http.MethodPost, "/v1/products", `{"asin":"B17","title":"A lamp","category_id":17}`, http.StatusCreated, []int{17}},
		{"move", http.MethodPatch, "/v1/products/B17", `{"category_id":230}`, http.StatusOK, []int{17, 230}},
		{"delete", http.MethodDelete, "/v1/products/B17", "", http.StatusNoContent, []int{230}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if hits, others := two.hits(t); hits != categories {
				t.Fatalf("before the write %d of %d pages are hits at the other instance, not %v", hits, categories, others)
			}
			one.want(t, tt.status, tt.method, tt.target, tt.body)
			if hits, others := two.hits(t); hits != categories-len(tt.lost) || !slices.Equal(others, tt.lost) {
				t.Errorf("after the write %d of %d pages are hits, and those of %v are not, want %v", hits, categories, others, tt.lost)
			}
		})
	}
}

// Callers under row policies get hits of what each may see, and nothing else.
func TestOwnersGetHitsOfTheirOwn(t *testing.T) {
	one, two := overRedis(t, items)
	for key := range 6 {
		owner := int64(key % owners)
		one.want(t, http.StatusCreated, http.MethodPost, "/v1/items", whole(key, one.number(0, owner)))
	}
	for round := range 3 {
		for owner := range int64(owners) {
			for i, c := range []*client{one, two} {
				w := c.send(ownerName(owner), http.MethodGet, "/v1/items?$first=100", "")
				if w.Code != http.StatusOK || strings.Count(w.Body.String(), ownerName(owner)) != 6/owners || strings.Contains(w.Body.String(), ownerName(1-owner)) {
					t.Fatalf("owner %d got %d %s", owner, w.Code, w.Body)
				}
				hit := strings.Contains(w.Header().Get("Cache-Status"), "; hit")
				if first := round == 0 && i == 0; hit == first {
					t.Errorf("round %d, owner %d, instance %d: %s", round, owner, i, w.Header().Get("Cache-Status"))
				}
			}
		}
	}
}
