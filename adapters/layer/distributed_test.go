package layer_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/portolan-io/portolan/adapters/layer"
	"github.com/portolan-io/portolan/adapters/memory"
	"github.com/portolan-io/portolan/adapters/redis"
	"github.com/portolan-io/portolan/core"
	"github.com/portolan-io/portolan/ports/cache"
	"github.com/portolan-io/portolan/ports/cache/cachetest"
	"github.com/portolan-io/portolan/ports/contract"
	"github.com/portolan-io/portolan/ports/repository"
	"github.com/portolan-io/portolan/test/servers"
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

// TestDistributedSuite runs the suite over what instances share: in this process, and
// in Redis. The cache of the suite, which fails, forgets and is slow, is where the
// server keeps its values, or what is near.
func TestDistributedSuite(t *testing.T) {
	timing := layer.UsualTiming
	timing.Wait = 0 // the suite looks, and does not always fill
	timing.Look = 10 * time.Second
	timing.Rest = 0
	kept := map[string]string{"things": "", "others": "", "a": ""}
	for _, separator := range []string{"", ":", "/", "|", " ", "\x00", "\n", "\x1f", ","} {
		kept["a"+separator+"b"], kept["t"+separator] = "", ""
	}
	for name, server := range map[string]func(testing.TB) cache.Server{
		"in process": func(testing.TB) cache.Server { return cachetest.NewShared().Line(nil) },
		"Redis":      redisServer,
	} {
		run := func(name string, cases []cachetest.CoherentCase, config func(server cache.Server, c cache.Cache) layer.DistributedConfig) {
			t.Run(name, func(t *testing.T) {
				contract.Run(t, cases, func(t *testing.T) cachetest.Over {
					return func(c cache.Cache) cache.Coherent {
						all := config(server(t), c)
						all.Modes, all.Timing, all.Collections = core.NewMembers(modesStore(t), nil), timing, kept
						return distributed(t, all)
					}
				})
			})
		}
		run(name, cachetest.CoherentCases(), func(server cache.Server, c cache.Cache) layer.DistributedConfig {
			return layer.DistributedConfig{Server: keeping{server, c}}
		})
		run(name+" and near", besideServer(), func(server cache.Server, c cache.Cache) layer.DistributedConfig {
			return layer.DistributedConfig{Server: server, Near: c}
		})
	}
}

// besideServer returns the cases for a cache that is not the only one: those without
// which nothing is found when the cache loses what it keeps, though the server has it.
func besideServer() []cachetest.CoherentCase {
	alone := []string{"Fault/Get", "Fault/Full", "Fault/Forgets", "Fault/Closed", "Fault/Foreign"}
	return slices.DeleteFunc(cachetest.CoherentCases(), func(c cachetest.CoherentCase) bool { return slices.Contains(alone, c.Name) })
}

// What near loses, or has instead of what was kept, the server gives.
func TestNearFails(t *testing.T) {
	shared := cachetest.NewShared()
	near := &unreliable{}
	d := distributed(t, layer.DistributedConfig{
		Server: shared.Line(nil), Near: near, Modes: core.NewMembers(modesStore(t), nil), Collections: map[string]string{"products": "1:"}, Everything: "b",
	})
	one := instance{d, nil}
	one.keep(t, "kettle")
	for _, kept := range []struct {
		value []byte
		found bool
		err   error
	}{
		{nil, false, errors.New("it does not answer")}, {nil, false, nil}, {nil, true, nil}, {[]byte("x"), true, nil}, {[]byte("\n\n\n\n\n\n\n\n\n\n\n\n\n\n"), true, nil},
	} {
		near.value, near.found, near.err = kept.value, kept.found, kept.err
		one.wants(t, fmt.Sprintf("with %q near", kept.value), cache.Hit, "kettle")
	}
}

// An unreliable cache keeps what it is told to.
type unreliable struct {
	cache.Cache
	value []byte
	found bool
	err   error
}

func (u *unreliable) Get(context.Context, string) ([]byte, bool, error) {
	return u.value, u.found, u.err
}

func (u *unreliable) Set(context.Context, string, []byte, time.Duration) error { return u.err }

// redisServer returns a server with keys of its own.
func redisServer(t testing.TB) cache.Server {
	t.Helper()
	c, err := redis.Open(t.Context(), redis.Config{Addrs: []string{servers.Redis(t)}, Prefix: strings.ToLower(rand.Text()), Timeout: 10 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}
