// Package coherence_test proves that the cache is right as a caller sees it:
// through the HTTP handler, with many clients at once. What they are told must be
// linearizable for each record, and no page may lack, or contradict, a write that
// was acknowledged before it was asked for. That the proof can fail is shown by
// mutants of the cache, which must die in every run.
//
// Start at [TestReadAfterWrite]. PORTOLAN_TEST_COHERENCE=5m makes each of its
// runs go on, in rounds with new seeds, for so long.
package coherence_test

import (
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"github.com/portolan-io/portolan/ports/cache"
	"github.com/portolan-io/portolan/ports/repository"
	"github.com/portolan-io/portolan/test/servers"
)

// longForm names the environment variable that says how long each combination runs.
const longForm = "PORTOLAN_TEST_COHERENCE"

func TestMain(m *testing.M) { os.Exit(servers.Main(m)) }

func TestReadAfterWrite(t *testing.T) {
	crowded(t)
	var atLeast time.Duration
	if text := os.Getenv(longForm); text != "" {
		var err error
		if atLeast, err = time.ParseDuration(text); err != nil {
			t.Fatalf("%s: %v", longForm, err)
		}
	}
	for _, tt := range []struct {
		name  string
		store func(*testing.T) repository.Store
		cache func(*testing.T) cache.Cache
	}{
		{"memory store, memory cache", inMemory, cachedInMemory},
		{"memory store, bigcache", inMemory, cachedInBigcache},
		{"SQLite, bigcache", inSQLite, cachedInBigcache},
		{"PostgreSQL, bigcache", inPostgreSQL, cachedInBigcache},
		{"memory store, Redis", inMemory, cachedInRedis},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := ordinary
			w.each /= slower
			round := func(t *testing.T) { // whose store and cache end with it
				v := run(t, parts{store: tt.store, cache: tt.cache, layer: slowly(300 * time.Microsecond)}, w, rand.Uint64())
				t.Log(v)
				if by := v.killed(); by != "" || v.wrong > 0 {
					t.Fatalf("%s; %d wrong answers: %q", by, v.wrong, v.samples)
				}
				if reason := v.void(w); reason != "" {
					t.Fatalf("the run proves nothing: %s", reason)
				}
			}
			for begun := time.Now(); t.Run("round", round) && time.Since(begun) < atLeast; {
			}
		})
	}
}
