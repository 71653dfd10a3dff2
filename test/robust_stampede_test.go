package test

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"testing"
)

// TestStampede sends 500 requests for the same cold record, page and groups at
// once: the store is read once for all of them.
func TestStampede(t *testing.T) {
	h := host(t, ", request_timeout: 20s", "")
	h.must(http.MethodPost, "/v1/things", []byte(`[{"id":"a","batch":1},{"id":"b","batch":1}]`), http.StatusCreated)
	for call, path := range map[string]string{
		"Get":       "/v1/things/a",
		"Find":      "/v1/things?$filter=batch%20eq%201&$first=2",
		"Aggregate": "/v1/things/$aggregate?$apply=groupby((batch),aggregate($count%20as%20n))",
	} {
		before := h.store.counted(call)
		whatCacheDid := stampede(h, path)
		if reads := h.store.counted(call) - before; reads != 1 {
			t.Errorf("%s: %d reads of the store for 500 requests, want 1", path, reads)
		}
		if whatCacheDid["stored"] != 1 || whatCacheDid["stored"]+whatCacheDid["collapsed"]+whatCacheDid["hit"] != 500 || whatCacheDid["collapsed"] == 0 {
			t.Errorf("%s: Cache-Status tells of %v", path, whatCacheDid)
		}
	}
	h.settled()
}

// stampede sends 500 requests, lets the store answer when all have arrived, and
// returns how many answers the cache had what to do with.
func stampede(h *hosted, path string) map[string]int {
	h.t.Helper()
	release := make(chan struct{})
	h.store.holding(func(ctx context.Context, _ string) error {
		select {
		case <-release:
		case <-ctx.Done():
		}
		return ctx.Err()
	})
	defer h.store.holding(nil)
	var mu sync.Mutex
	did, bodies := make(map[string]int), make(map[string]int)
	var group sync.WaitGroup
	for range 500 {
		group.Go(func() {
			got, err := h.do(h.t.Context(), http.MethodGet, path, nil)
			if err != nil || got.status != http.StatusOK {
				h.t.Errorf("%s: got %d, %v", path, got.status, err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			bodies[string(got.body)]++
			for _, word := range []string{"stored", "collapsed", "hit", "bypass"} {
				if strings.Contains(got.header.Get("Cache-Status"), word) {
					did[word]++
				}
			}
		})
	}
	h.eventually("all requests arrive", func() bool {
		return h.metric("portolan_operations_in_flight", `port="http"`, `collection="things"`) == 500
	})
	close(release)
	group.Wait()
	if len(bodies) != 1 {
		h.t.Errorf("%s: there are %d different answers", path, len(bodies))
	}
	return did
}
