package layer_test

import (
	"context"
	"fmt"
	"reflect"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/portolan-io/portolan/adapters/layer"
	"github.com/portolan-io/portolan/adapters/memory"
	"github.com/portolan-io/portolan/ports/cache"
	"github.com/portolan-io/portolan/ports/cache/cachetest"
)

func openCache(t testing.TB) cache.Cache {
	t.Helper()
	c, err := memory.OpenCache(t.Context(), memory.CacheConfig{MaxMB: 4})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// TestTraceCacheSuite: a traced cache is a cache.
func TestTraceCacheSuite(t *testing.T) {
	cachetest.Run(t, func(t *testing.T) cache.Cache { return layer.TraceCache(openCache(t), newNotebook("n", nil)) })
}

// staleCache is a cache all of whose calls fail in the same way.
type staleCache struct{ cache.Cache }

func (staleCache) Get(context.Context, string) ([]byte, bool, error)        { return nil, false, errStale }
func (staleCache) Set(context.Context, string, []byte, time.Duration) error { return errStale }
func (staleCache) Delete(context.Context, ...string) error                  { return errStale }
func (staleCache) Ping(context.Context) error                               { return errStale }
func (staleCache) Close() error                                             { return errStale }

// TestTraceCacheTellsEveryMethod calls the methods by reflection, so that one that
// is added to the port is not forgotten here.
func TestTraceCacheTellsEveryMethod(t *testing.T) {
	arguments := map[string][]any{"Get": {"key"}, "Set": {"key", []byte(nil), time.Hour}, "Delete": {"key"}, "Ping": {}}
	var lines []string
	c := layer.TraceCache(staleCache{}, newNotebook("n", &lines))
	methods := reflect.TypeFor[cache.Cache]()
	for i := range methods.NumMethod() {
		name := methods.Method(i).Name
		if name == "Close" {
			continue
		}
		in := []reflect.Value{reflect.ValueOf(t.Context())}
		given, known := arguments[name]
		if !known {
			t.Errorf("this test has no arguments for %s", name)
			continue
		}
		for _, argument := range given {
			in = append(in, reflect.ValueOf(argument))
		}
		lines = nil
		out := reflect.ValueOf(c).MethodByName(name).Call(in)
		if err, _ := out[len(out)-1].Interface().(error); err != errStale { //nolint:errorlint // the cache's own, not wrapped
			t.Errorf("%s = %v, want the cache's error", name, err)
		}
		op := "cache/" + name + "/"
		if diff := cmp.Diff([]string{"n start " + op + " ", "n end " + op + " stale"}, lines); diff != "" {
			t.Errorf("%s tells (-want +got):\n%s", name, diff)
		}
	}
	if c.Close() != errStale { //nolint:errorlint // the cache's own, not wrapped
		t.Errorf("Close is not the cache's own")
	}
}

// TestTraceCacheIsQuietOfHits shows that a Get that does not fail is not told.
func TestTraceCacheIsQuietOfHits(t *testing.T) {
	var lines []string
	c := layer.TraceCache(openCache(t), newNotebook("n", &lines))
	for range 2 {
		if _, _, err := c.Get(t.Context(), "key"); err != nil {
			t.Fatal(err)
		}
		if err := c.Set(t.Context(), "key", nil, time.Hour); err != nil {
			t.Fatal(err)
		}
	}
	want := []string{"n start cache/Set/ ", "n end cache/Set/ ", "n start cache/Set/ ", "n end cache/Set/ "}
	if diff := cmp.Diff(want, lines); diff != "" {
		t.Errorf("what was told (-want +got):\n%s", diff)
	}
}

// answers is a Coherent whose Looks find what the key's text says.
type answers struct{ cache.Coherent }

func (answers) Look(_ context.Context, key cache.Key) cache.Found {
	return cache.Found{State: map[string]cache.State{"off": cache.Off, "hit": cache.Hit, "miss": cache.Miss, "fenced": cache.Fenced}[key.Text]}
}

// TestCountLooks counts from many goroutines, some of the first Looks of a
// collection at once.
func TestCountLooks(t *testing.T) {
	looks := layer.CountLooks(answers{})
	const each = 50
	var group sync.WaitGroup
	for i, state := range []string{"off", "hit", "miss", "fenced"} {
		group.Go(func() {
			for n := range each * (i + 1) {
				key := cache.Key{Collection: fmt.Sprint("c", n%5), Text: state}
				if got := looks.Look(t.Context(), key).State.String(); got != state {
					t.Errorf("Look found %s, want %s", got, state)
				}
			}
		})
	}
	group.Wait()
	got := map[string]uint64{}
	looks.All(func(collection, state string, n uint64) bool {
		got[collection+" "+state] = n
		return true
	})
	want := map[string]uint64{}
	for c := range 5 {
		for i, state := range []string{"off", "hit", "miss", "fenced"} {
			want[fmt.Sprint("c", c, " ", state)] = uint64(each / 5 * (i + 1))
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("counts (-want +got):\n%s", diff)
	}
	stopped := 0
	looks.All(func(string, string, uint64) bool { stopped++; return false })
	if stopped != 1 {
		t.Errorf("All went on %d times after it was told to stop", stopped-1)
	}
}

// TestCountedSuite: a Coherent whose Looks are counted is a Coherent.
func TestCountedSuite(t *testing.T) {
	cachetest.RunCoherent(t, func(_ *testing.T, c cache.Cache) cache.Coherent { return layer.CountLooks(layer.Coherent(c)) })
}

func BenchmarkCountLooks(b *testing.B) {
	looks := layer.CountLooks(answers{})
	key := cache.Key{Collection: "products", Text: "hit"}
	b.ReportAllocs()
	for b.Loop() {
		looks.Look(b.Context(), key)
	}
}
