package layer_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/portolan-io/portolan/adapters/layer"
	"github.com/portolan-io/portolan/adapters/memory"
	"github.com/portolan-io/portolan/ports/cache"
	"github.com/portolan-io/portolan/ports/cache/cachetest"
)

func TestCoherentSuite(t *testing.T) {
	cachetest.RunCoherent(t, func(_ *testing.T, c cache.Cache) cache.Coherent { return layer.Coherent(c) })
}

func coherent(t testing.TB) *layer.InProcess {
	t.Helper()
	below, err := memory.OpenCache(t.Context(), memory.CacheConfig{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { below.Close() })
	return layer.Coherent(below)
}

func page(tags ...string) cache.Key {
	return cache.Key{Collection: "products", Text: "$orderby=asin&$filter=category_id eq 12", Tags: tags}
}

// What a write of unknown end changed stays fenced until the store must have made
// up its mind, however many writes end well meanwhile.
func TestCoherentUnsettled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, ctx := coherent(t), t.Context()
		key := page("s/category_id/12", "b")
		lease := c.Look(ctx, key).Lease
		fence, err := c.Fence(ctx, "products", []string{"s/category_id/12", "c"})
		if err != nil {
			t.Fatal(err)
		}
		if err := fence.Publish(ctx, false); err != nil {
			t.Fatal(err)
		}
		time.Sleep(layer.Unsettled - time.Second)
		fence, err = c.Fence(ctx, "products", []string{"s/category_id/12"})
		if err != nil {
			t.Fatal(err)
		}
		if err := fence.Publish(ctx, true); err != nil {
			t.Fatal(err)
		}
		if got := c.Look(ctx, key).State; got != cache.Fenced {
			t.Errorf("a second before the time is over: got state %d, want fenced", got)
		}
		time.Sleep(2 * time.Second)
		c.Fill(ctx, key, lease, []byte("read before the write"), time.Hour)
		found := c.Look(ctx, key)
		if found.State != cache.Miss {
			t.Errorf("after it: got state %d, want a miss", found.State)
		}
		c.Fill(ctx, key, found.Lease, []byte("read after it"), time.Hour)
		if found = c.Look(ctx, key); found.State != cache.Hit || string(found.Value) != "read after it" {
			t.Errorf("filled: got state %d and %q, want a hit", found.State, found.Value)
		}
	})
}

// Publishing twice ends one fence: that of another write on the same tag stands.
func TestCoherentPublishesOnce(t *testing.T) {
	c, ctx := coherent(t), t.Context()
	key := page("s/category_id/12")
	var fences [2]cache.Fence
	for i := range fences {
		var err error
		if fences[i], err = c.Fence(ctx, "products", key.Tags); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		if err := fences[0].Publish(ctx, true); err != nil {
			t.Fatal(err)
		}
		if got := c.Look(ctx, key).State; got != cache.Fenced {
			t.Errorf("with the other write under way: got state %d, want fenced", got)
		}
	}
	if err := fences[1].Publish(ctx, true); err != nil {
		t.Fatal(err)
	}
	if got := c.Look(ctx, key).State; got != cache.Miss {
		t.Errorf("with no write under way: got state %d, want a miss", got)
	}
}

// A write costs little, and an answer from the cache no more than its key.
func TestCoherentAllocates(t *testing.T) {
	c, ctx := coherent(t), t.Context()
	key := page("s/category_id/12", "b")
	c.Fill(ctx, key, c.Look(ctx, key).Lease, []byte("value"), time.Hour)
	if got := testing.AllocsPerRun(100, func() {
		if c.Look(ctx, key).State != cache.Hit {
			t.Error("not a hit")
		}
	}); got > 1 {
		t.Errorf("a hit allocates %.0f times, want once", got)
	}
}

func BenchmarkCoherentHit(b *testing.B) {
	for _, tags := range [][]string{{"r/B0001"}, {"s/category_id/12", "b"}} {
		b.Run(fmt.Sprintf("tags=%d", len(tags)), func(b *testing.B) {
			c, ctx := coherent(b), b.Context()
			key := page(tags...)
			c.Fill(ctx, key, c.Look(ctx, key).Lease, make([]byte, 400), time.Hour)
			b.ReportAllocs()
			for b.Loop() {
				if c.Look(ctx, key).State != cache.Hit {
					b.Fatal("not a hit")
				}
			}
		})
	}
}

func BenchmarkCoherentFence(b *testing.B) {
	c, ctx := coherent(b), b.Context()
	tags := []string{"b", "r/B0001", "s/category_id/12", "s/category_id/91"}
	b.ReportAllocs()
	for b.Loop() {
		fence, err := c.Fence(ctx, "products", tags)
		if err != nil {
			b.Fatal(err)
		}
		if err := fence.Publish(ctx, true); err != nil {
			b.Fatal(err)
		}
	}
}
