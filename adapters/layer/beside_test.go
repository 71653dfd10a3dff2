package layer_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/portolan-io/portolan/adapters/layer"
	"github.com/portolan-io/portolan/adapters/memory"
	"github.com/portolan-io/portolan/core"
	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/policy"
	"github.com/portolan-io/portolan/ports/cache"
	"github.com/portolan-io/portolan/ports/repository"
)

// A server that was to be the only one, and caches by itself, and instances that
// share end each other's mode; neither relies on anything then.
func TestBesideOneServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(t)
		below, err := memory.OpenCache(t.Context(), memory.CacheConfig{})
		if err != nil {
			t.Fatal(err)
		}
		modal := core.NewModal(s.store, layer.Coherent(below), nil)
		if err := modal.Enter(t.Context()); err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { modal.Run(ctx) })
		if found := modal.Look(t.Context(), kettle); found.State != cache.Miss {
			t.Fatalf("the server got %s, want a miss", found.State)
		}
		one := s.instance()
		// The server answers by what it kept under the last lease; whoever writes must
		// end that before he is told that he has written.
		var longest time.Duration
		for range 30 {
			if found := modal.Look(t.Context(), kettle); found.State == cache.Miss {
				modal.Fill(t.Context(), kettle, found.Lease, []byte("old"), time.Hour)
			}
			if a, b := modal.Look(t.Context(), kettle).State, one.Look(t.Context(), kettle).State; a != cache.Off && b != cache.Off {
				t.Fatalf("the server got %s and an instance %s", a, b)
			}
			time.Sleep(700 * time.Millisecond)
			longest = max(longest, one.write(t, s.store))
			if found := modal.Look(t.Context(), kettle); found.State == cache.Hit {
				t.Fatalf("after a write of the instance the server answers with what was there before")
			}
		}
		if longest > 15*time.Second {
			t.Errorf("a write took %s", longest)
		}
		stop()
		running.Wait()
		if err := modal.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(6 * time.Minute)
		one.wants(t, "when the server is gone", cache.Miss, "")
	})
}

// While another process holds the cache, instances write on without it, and ask no
// more often than usual whether it may be used.
func TestBesideHold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(t)
		release := holds(t, s.store)
		tried := &countingModes{Modes: s.modes}
		one := s.instance(func(c *layer.DistributedConfig) { c.Modes = tried })
		time.Sleep(10 * time.Second)
		one.wants(t, "while it is held", cache.Off, "")
		if took := one.write(t, s.store); took > time.Second {
			t.Errorf("a write took %s", took)
		}
		if switches := tried.switches.Load(); switches > 45 {
			t.Errorf("the mode was to be switched %d times in 10 seconds", switches)
		}
		release()
		time.Sleep(time.Second)
		one.wants(t, "after that", cache.Miss, "")
	})
}

// A lasting store says that it outlives the process.
type lasting struct{ repository.Store }

func (l lasting) Capabilities() repository.Capabilities {
	can := l.Store.Capabilities()
	can.Durable = true
	return can
}

// A write of an instance that began before a server relies on its own cache is not
// stored after that.
func TestServerEndsMembers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(t)
		s.shared.Down(true)
		one := layer.NewDistributed(layer.DistributedConfig{ // which stands still, and ends no mode of others
			Server: s.shared.Line(nil), Modes: s.modes, Timing: layer.UsualTiming, Collections: map[string]string{"products": "1:"}, Everything: "b",
		})
		if err := one.Enter(t.Context()); err != nil {
			t.Fatal(err)
		}
		fence, err := one.Fence(t.Context(), "products", []string{"r/A1"})
		if err != nil {
			t.Fatal(err)
		}
		modal := modalServer(t, s.store)
		time.Sleep(2 * time.Second)
		if found := modal.Look(t.Context(), kettle); found.State != cache.Miss {
			t.Fatalf("the server got %s, want a miss", found.State)
		}
		if _, err := s.store.Apply(t.Context(), fence.Witness); !errors.Is(err, fault.Stale) {
			t.Errorf("an instance wrote what the server does not know of: %v", err)
		}
		fence.Abandon()
	})
}

// A process that holds the cache writes once no instance relies on what was kept.
func TestHoldBesideInstances(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(t)
		one := s.instance()
		one.keep(t, "kettle")
		began := time.Now()
		release := holds(t, s.store)
		if took := time.Since(began); took < cache.Drain {
			t.Errorf("it was held after %s, while instances may rely on the cache for %s", took, cache.Drain)
		}
		one.wants(t, "while it is held", cache.Off, "")
		release()
		time.Sleep(10 * time.Second)
		one.wants(t, "after that", cache.Miss, "")
	})
}

// holds holds the cache as a command does, until the function is called.
func holds(t *testing.T, store repository.Store) (release func()) {
	t.Helper()
	api, err := core.New(core.Config{Store: lasting{store}})
	if err != nil {
		t.Fatal(err)
	}
	end, err := api.Hold(t.Context(), policy.Principal{Local: true})
	if err != nil {
		t.Fatal(err)
	}
	return func() {
		t.Helper()
		if err := end(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

// modalServer returns the cache of a server that shares none, which ends with the test.
func modalServer(t *testing.T, store repository.Store) *core.Modal {
	t.Helper()
	below, err := memory.OpenCache(t.Context(), memory.CacheConfig{})
	if err != nil {
		t.Fatal(err)
	}
	modal := core.NewModal(store, layer.Coherent(below), nil)
	if err := modal.Enter(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { modal.Run(ctx) })
	t.Cleanup(func() {
		stop()
		running.Wait()
		if err := modal.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return modal
}

type countingModes struct {
	cache.Modes
	switches atomic.Int64
}

func (c *countingModes) Switch(ctx context.Context, was, next cache.Mode) (bool, error) {
	c.switches.Add(1)
	return c.Modes.Switch(ctx, was, next)
}

// What some instances keep apart is fenced with the writes of all collections, and its
// fences end with them.
func TestApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(t)
		near, err := memory.OpenCache(t.Context(), memory.CacheConfig{})
		if err != nil {
			t.Fatal(err)
		}
		apart := layer.Apart{Collections: []string{"products"}, Near: layer.Coherent(near), Else: s.instance().Distributed}
		keep := func(when string) {
			t.Helper()
			found := apart.Look(t.Context(), kettle)
			if found.State != cache.Miss {
				t.Fatalf("%s: got %s, want a miss", when, found.State)
			}
			apart.Fill(t.Context(), kettle, found.Lease, []byte("kettle"), time.Hour)
			if found = apart.Look(t.Context(), kettle); found.State != cache.Hit {
				t.Fatalf("%s: got %s, want a hit", when, found.State)
			}
		}
		keep("first")
		fence, err := apart.Fence(t.Context(), "products", []string{"r/A1"})
		if err != nil {
			t.Fatal(err)
		}
		if found := apart.Look(t.Context(), kettle); found.State != cache.Fenced {
			t.Errorf("during the write: %s", found.State)
		}
		if err := fence.Publish(t.Context(), true); err != nil {
			t.Fatal(err)
		}
		keep("after the write")
		if fence, err = apart.Fence(t.Context(), "products", []string{"r/A1"}); err != nil {
			t.Fatal(err)
		}
		fence.Abandon()
		keep("after a write that was not done")
	})
}
