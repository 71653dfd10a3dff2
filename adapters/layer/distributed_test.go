package layer_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/portolan-io/portolan/adapters/layer"
	"github.com/portolan-io/portolan/adapters/memory"
	"github.com/portolan-io/portolan/core"
	"github.com/portolan-io/portolan/ports/cache"
	"github.com/portolan-io/portolan/ports/cache/cachetest"
	"github.com/portolan-io/portolan/ports/repository"
)

// modesStore returns a store that has what the mode needs.
func modesStore(t testing.TB) repository.Store {
	t.Helper()
	store, err := memory.Open(t.Context(), memory.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	api, err := core.New(core.Config{Store: store})
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Ensure(t.Context(), api.Schemas()); err != nil {
		t.Fatal(err)
	}
	return store
}

// distributed returns a running instance that keeps answers of these collections.
func distributed(t testing.TB, config layer.DistributedConfig) *layer.Distributed {
	t.Helper()
	if config.Timing == (layer.Timing{}) {
		config.Timing = layer.UsualTiming
	}
	d := layer.NewDistributed(config)
	if err := d.Enter(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { d.Run(ctx) })
	t.Cleanup(func() {
		stop()
		running.Wait()
		if err := d.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return d
}

// A keeping server keeps values, but no marks, in a cache of the suite's, which
// fails, forgets and is slow.
type keeping struct {
	cache.Server
	values cache.Cache
}

func (k keeping) Bind(identity, epoch string) cache.Session {
	return keepingSession{k.Server.Bind(identity, epoch), k.values}
}

type keepingSession struct {
	cache.Session
	values cache.Cache
}

func (k keepingSession) Read(ctx context.Context, collection string, tags []string, name string) (cache.Marks, error) {
	marks, err := k.Session.Read(ctx, collection, tags, "")
	if err == nil && name != "" {
		marks.Value, _, err = k.values.Get(ctx, collection+"/"+name)
	}
	return marks, err
}

func (k keepingSession) Fill(ctx context.Context, collection, name string, value []byte, ttl time.Duration) error {
	return k.values.Set(ctx, collection+"/"+name, value, ttl)
}

func TestDistributedSuite(t *testing.T) {
	timing := layer.UsualTiming
	timing.Wait = 0 // the suite looks, and does not always fill
	timing.Look = 10 * time.Second
	timing.Rest = 0
	kept := map[string]string{"things": "", "others": "", "a": ""}
	for _, separator := range []string{"", ":", "/", "|", " ", "\x00", "\n", "\x1f", ","} {
		kept["a"+separator+"b"], kept["t"+separator] = "", ""
	}
	cachetest.RunCoherent(t, func(t *testing.T, c cache.Cache) cache.Coherent {
		return distributed(t, layer.DistributedConfig{
			Server: keeping{cachetest.NewShared().Line(nil), c}, Modes: core.NewMembers(modesStore(t), nil), Timing: timing,
			Collections: kept,
		})
	})
}
