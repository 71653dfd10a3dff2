package bigcache

import (
	"errors"
	"fmt"
	"hash/fnv"
	"testing"
	"time"

	allegro "github.com/allegro/bigcache/v3"
	"go.uber.org/goleak"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/ports/cache"
	"github.com/portolan-io/portolan/ports/cache/cachetest"
)

// openTest opens a cache of so many mebibytes, which the test closes.
func openTest(t testing.TB, megabytes int, h allegro.Hasher) *Cache {
	t.Helper()
	c, err := open(t.Context(), Config{MaxMB: megabytes}, h)
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

// A poorHasher returns the same for many keys.
type poorHasher struct{ different uint64 }

func (h poorHasher) Sum64(key string) uint64 {
	sum := fnv.New64a()
	_, _ = sum.Write([]byte(key))
	return sum.Sum64() % h.different
}

// TestContract runs the suite over a cache that holds what it writes, over ones
// that forget most of it, and over ones whose keys share their hash.
func TestContract(t *testing.T) {
	for _, tt := range []struct {
		name      string
		megabytes int
		hasher    allegro.Hasher
	}{
		{"default", 0, newHasher()},
		{"3 MB", 3, newHasher()},
		{"1 MB", 1, newHasher()},
		{"all keys share the hash 0", 0, poorHasher{1}},
		{"many keys share a hash", 3, poorHasher{1000}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			cachetest.Run(t, func(t *testing.T) cache.Cache { return openTest(t, tt.megabytes, tt.hasher) })
		})
	}
}

func TestConfig(t *testing.T) {
	for _, megabytes := range []int{-1, 65_537} {
		if _, err := Open(t.Context(), Config{MaxMB: megabytes}); !errors.Is(err, fault.Invalid) {
			t.Errorf("Open with max_mb %d = %v, want a %s", megabytes, err, fault.Invalid)
		}
	}
	for _, tt := range []struct{ megabytes, shards int }{{1, 1}, {2, 2}, {3, 2}, {63, 32}, {64, 64}, {1000, 64}} {
		if got := shardsOf(tt.megabytes); got != tt.shards {
			t.Errorf("%d MB have %d shards, want %d", tt.megabytes, got, tt.shards)
		}
	}
}

// TestHolds counts what a cache holds after a churn of ten times its size: never
// more than it may, and not much less.
func TestHolds(t *testing.T) {
	const megabytes, size = 2, 1000
	c := openTest(t, megabytes, newHasher())
	if _, octets := c.Held(); octets > 64<<10 {
		t.Errorf("an empty cache holds %d octets", octets)
	}
	for i := range 10 * megabytes << 20 / size {
		if err := c.Set(t.Context(), fmt.Sprint("key", i%30_000), make([]byte, size+i%100), time.Hour); err != nil {
			t.Fatal(err)
		}
		if _, octets := c.Held(); octets > megabytes<<20 {
			t.Fatalf("after %d values the rings have %d octets, more than %d", i+1, octets, megabytes<<20)
		}
	}
	if items, octets := c.Held(); items < 1500 || octets < megabytes<<20/2 {
		t.Errorf("the cache holds %d items in %d octets, and forgot more than it had to", items, octets)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if items, octets := c.Held(); items != 0 || octets != 0 {
		t.Errorf("once closed the cache holds %d items in %d octets", items, octets)
	}
}

// TestLargeValue shows that a value that is too large costs the others nothing,
// and that the largest that is not is kept.
func TestLargeValue(t *testing.T) {
	c := openTest(t, 1, newHasher())
	set := func(key string, size int) {
		t.Helper()
		if err := c.Set(t.Context(), key, make([]byte, size), time.Hour); err != nil {
			t.Fatal(err)
		}
	}
	most := c.largest - len("b") - entryOverhead
	set("a", 10)
	for _, size := range []int{most + 1, 1 << 20, 10 << 20} {
		set("b", 10)
		set("b", size)
		if _, found, err := c.Get(t.Context(), "a"); !found || err != nil {
			t.Errorf("a value of %d octets made the cache forget another: %v", size, err)
		}
		if items, _ := c.Held(); items != 1 {
			t.Errorf("after a value of %d octets the cache holds %d items, want the other one", size, items)
		}
	}
	for i := range 5 { // wherever the ring stands
		set(fmt.Sprint("c", i), 100_000*i)
		set("b", most)
		if value, found, _ := c.Get(t.Context(), "b"); !found || len(value) != most {
			t.Errorf("a value of %d octets is not kept", most)
		}
	}
}

// TestNothingRuns shows that a cache has no goroutine, whether it is closed or
// left lying.
func TestNothingRuns(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	for range 3 {
		if _, err := Open(t.Context(), Config{}); err != nil {
			t.Fatal(err)
		}
	}
}

func BenchmarkGet(b *testing.B) {
	for _, size := range []int{400, 8000} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			c := openTest(b, 0, newHasher())
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
