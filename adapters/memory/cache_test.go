package memory_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/portolan-io/portolan/adapters/memory"
	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/ports/cache"
	"github.com/portolan-io/portolan/ports/cache/cachetest"
)

// openCache opens a cache of so many mebibytes, which the test closes.
func openCache(t testing.TB, megabytes int) *memory.Cache {
	t.Helper()
	c, err := memory.OpenCache(t.Context(), memory.CacheConfig{MaxMB: megabytes})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return c
}

// TestCacheContract runs the suite over a cache that holds what it writes, and
// over one that forgets most of it.
func TestCacheContract(t *testing.T) {
	for _, megabytes := range []int{0, 3} {
		t.Run(fmt.Sprint("max_mb ", megabytes), func(t *testing.T) {
			t.Parallel()
			cachetest.Run(t, func(t *testing.T) cache.Cache { return openCache(t, megabytes) })
		})
	}
}

func TestCacheConfig(t *testing.T) {
	for _, megabytes := range []int{-1, 65_537} {
		if _, err := memory.OpenCache(t.Context(), memory.CacheConfig{MaxMB: megabytes}); !errors.Is(err, fault.Invalid) {
			t.Errorf("OpenCache with max_mb %d = %v, want a %s", megabytes, err, fault.Invalid)
		}
	}
}

// TestCacheHolds counts what a cache holds after a churn of ten times its size:
// never more than it may, and not much less.
func TestCacheHolds(t *testing.T) {
	const megabytes, size = 2, 1000
	c := openCache(t, megabytes)
	for i := range 10 * megabytes << 20 / size {
		if err := c.Set(t.Context(), fmt.Sprint("key", i%30_000), make([]byte, size+i%100), time.Hour); err != nil {
			t.Fatal(err)
		}
		if _, octets := c.Held(); octets > megabytes<<20 {
			t.Fatalf("after %d values the cache holds %d octets, more than %d", i+1, octets, megabytes<<20)
		}
	}
	items, octets := c.Held()
	if items < 1500 || octets < megabytes<<20-2*size {
		t.Errorf("the cache holds %d items and %d octets, and forgot more than it had to", items, octets)
	}
	for i := range 30_000 {
		if err := c.Delete(t.Context(), fmt.Sprint("key", i)); err != nil {
			t.Fatal(err)
		}
	}
	if items, octets := c.Held(); items != 0 || octets != 0 {
		t.Errorf("with everything deleted the cache holds %d items and %d octets", items, octets)
	}
}

// TestCacheLargeValue shows that a value that is too large costs the others
// nothing.
func TestCacheLargeValue(t *testing.T) {
	c := openCache(t, 1)
	for _, key := range []string{"a", "b"} {
		if err := c.Set(t.Context(), key, []byte("small"), time.Hour); err != nil {
			t.Fatal(err)
		}
	}
	for _, size := range []int{1<<20/8 + 1, 1 << 20, 10 << 20} {
		if err := c.Set(t.Context(), "b", make([]byte, size), time.Hour); err != nil {
			t.Fatal(err)
		}
		if _, found, err := c.Get(t.Context(), "a"); !found || err != nil {
			t.Errorf("a value of %d octets made the cache forget another: %v", size, err)
		}
		if items, _ := c.Held(); items != 1 {
			t.Errorf("after a value of %d octets the cache holds %d items, want the other one", size, items)
		}
	}
}

func BenchmarkCacheGet(b *testing.B) {
	for _, size := range []int{400, 8000} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			c := openCache(b, 0)
			keys := make([]string, 1000)
			for i := range keys {
				keys[i] = fmt.Sprintf("products?$filter=category_id eq %d&$first=20", i)
				if err := c.Set(b.Context(), keys[i], make([]byte, size), time.Hour); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				for i := 0; pb.Next(); i++ {
					if _, found, err := c.Get(b.Context(), keys[i%len(keys)]); !found || err != nil {
						b.Errorf("Get = %t, %v", found, err)
						return
					}
				}
			})
		})
	}
}
