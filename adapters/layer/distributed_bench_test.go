package layer_test

import (
	"context"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/portolan-io/portolan/adapters/bigcache"
	"github.com/portolan-io/portolan/adapters/layer"
	"github.com/portolan-io/portolan/core"
	"github.com/portolan-io/portolan/ports/cache"
	"github.com/portolan-io/portolan/ports/cache/cachetest"
	"github.com/portolan-io/portolan/test/servers"
)

func TestMain(m *testing.M) { os.Exit(servers.Main(m)) }

// BenchmarkDistributedHit finds a record of 400 octets and a page of 8 kB: over a
// server in this process, which is what the protocol costs by itself, and over Redis.
func BenchmarkDistributedHit(b *testing.B) {
	inProcess := func(testing.TB) cache.Server { return cachetest.NewShared().Line(nil) }
	for _, server := range []struct {
		name string
		open func(testing.TB) cache.Server
	}{{"shared", inProcess}, {"redis", redisServer}} {
		b.Run(server.name, func(b *testing.B) {
			for _, near := range []bool{false, true} {
				for _, size := range []int{400, 8 << 10} {
					b.Run("near="+strconv.FormatBool(near)+"/"+strconv.Itoa(size), func(b *testing.B) {
						benchmarkHit(b, server.open(b), near, size)
					})
				}
			}
		})
	}
}

// A request is a context as one has that is served: not of package context, so that
// one derived from it takes a goroutine.
type request struct {
	context.Context //nolint:containedctx // it is one
	done            chan struct{}
}

func (r request) Done() <-chan struct{} { return r.done }

func benchmarkHit(b *testing.B, server cache.Server, near bool, size int) {
	timing := layer.UsualTiming
	timing.Look, timing.Rest = 10*time.Second, 0 // however busy the machine is
	config := layer.DistributedConfig{
		Server: server, Modes: core.NewMembers(modesStore(b), nil), Collections: map[string]string{"products": ""}, Timing: timing,
	}
	if near {
		c, err := bigcache.Open(b.Context(), bigcache.Config{})
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { _ = c.Close() })
		config.Near = c
	}
	d := distributed(b, config)
	key := cache.Key{Collection: "products", Text: "g1x2y3z4\x00*\x00B00EXAMPLE", Tags: []string{"r:B00EXAMPLE", "bulk"}}
	d.Fill(b.Context(), key, d.Look(b.Context(), key).Lease, make([]byte, size), time.Hour)
	var ctx context.Context = request{b.Context(), make(chan struct{})}
	b.ReportAllocs()
	for b.Loop() {
		if found := d.Look(ctx, key); found.State != cache.Hit || len(found.Value) != size {
			b.Fatalf("Look found %v", found.State)
		}
	}
}
