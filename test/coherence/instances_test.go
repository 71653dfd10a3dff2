package coherence_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/portolan-io/portolan/adapters/layer"
	"github.com/portolan-io/portolan/core"
	"github.com/portolan-io/portolan/ports/cache"
	"github.com/portolan-io/portolan/ports/cache/cachetest"
	"github.com/portolan-io/portolan/ports/repository"
)

// A service is what instances share, and how each gets there. What ships runs on
// it with times that are a tenth and less of the usual ones.
type service struct {
	shared  *cachetest.Shared
	lines   []*cachetest.Line
	ends    atomic.Int64 // how often On has ended
	times   atomic.Int64 // how often the misfortune happened
	members []*layer.Distributed

	store    repository.Store                        // as it is for all
	replaced func(cache.Server) cache.Server         // what mutants change; nil changes nothing
	modes    func(cache.Modes) cache.Modes           //
	stops    func(ctx context.Context)               // what the system does to a process at any step
	near     func(t *testing.T, i int) cache.Cache   // nil keeps nothing near
	layer    func(repository.Store) repository.Store // what disturbs the store; nil makes it slow
}

// quick is how long things last here.
var quick = layer.Timing{
	Poll: 15 * time.Millisecond, Rely: 100 * time.Millisecond, Known: 100 * time.Millisecond, Healthy: 40 * time.Millisecond,
	Fence: 200 * time.Millisecond, Look: 30 * time.Millisecond, Write: 60 * time.Millisecond, Rest: 2 * time.Millisecond, Wait: 5 * time.Millisecond,
}

// stopping stops what calls it for a moment, rarely for a long one.
func stopping(ctx context.Context) {
	switch rand.IntN(3000) {
	case 0:
		time.Sleep(rand.N(150 * time.Millisecond))
	case 1, 2, 3, 4:
		time.Sleep(rand.N(10 * time.Millisecond))
	default:
		if rand.IntN(4) == 0 {
			time.Sleep(rand.N(150 * time.Microsecond))
		}
	}
	_ = ctx
}

// start returns the caches of n instances, which run until the test ends.
func (s *service) start(t *testing.T, n int) []cache.Coherent {
	t.Helper()
	s.shared = cachetest.NewShared()
	var caches []cache.Coherent
	for i := range n {
		line := s.shared.Line(s.stops)
		var server cache.Server = line
		if s.replaced != nil {
			server = s.replaced(server)
		}
		var modes cache.Modes = core.NewMembers(s.store, nil)
		if s.modes != nil {
			modes = s.modes(modes)
		}
		var near cache.Cache
		if s.near != nil {
			near = s.near(t, i)
		}
		d := layer.NewDistributed(layer.DistributedConfig{
			Server: server, Modes: modes, Near: near, Collections: map[string]string{"items": "1:shelf"}, Everything: core.EveryTag, Timing: quick,
			Told: func(from, to cache.Mode, why string) {
				if from.State == cache.On {
					s.ends.Add(1)
					if testing.Verbose() && i == 0 {
						t.Logf("%s ends: %s", from.State, why)
					}
				}
			},
		})
		if err := d.Enter(t.Context()); err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(context.Background())
		var running sync.WaitGroup
		running.Go(func() { d.Run(ctx) })
		t.Cleanup(func() {
			stop()
			running.Wait()
			_ = d.Close(context.Background())
		})
		s.lines, s.members, caches = append(s.lines, line), append(s.members, d), append(caches, d)
	}
	return caches
}

// dying loses the end of some writes, as a process does that is killed: the fence
// stays, and nobody tells the caller what became of the write.
func dying(c cache.Coherent, _ repository.Store) cache.Coherent {
	return hooked{Coherent: c, fence: func(ctx context.Context, collection string, tags []string) (cache.Fence, error) {
		fence, err := c.Fence(ctx, collection, tags)
		publish := fence.Publish
		fence.Publish = func(ctx context.Context, settled bool) error {
			if rand.IntN(500) == 0 {
				return errors.New("the process is gone")
			}
			return publish(ctx, settled)
		}
		return fence, err
	}}
}

// A misfortune is what becomes of the server while instances use it.
type misfortune struct {
	name   string
	happen func(s *service) // once
	pause  time.Duration    // until the next time, about
}

func between(least, most time.Duration) { time.Sleep(least + rand.N(most-least)) }

var misfortunes = []misfortune{
	{"none", func(*service) {}, 100 * time.Millisecond},
	{"evicting", func(s *service) { s.shared.Evict(func(string) bool { return rand.IntN(3) == 0 }) }, 5 * time.Millisecond},
	{"restarted", func(s *service) { s.shared.Restart() }, 700 * time.Millisecond},
	{"flushed", func(s *service) { s.shared.Flush() }, 700 * time.Millisecond},
	{"failed over", func(s *service) {
		failover := s.shared.Snapshot()
		between(10*time.Millisecond, 60*time.Millisecond)
		failover()
	}, 700 * time.Millisecond},
	{"down", func(s *service) {
		s.shared.Down(true)
		between(100*time.Millisecond, 400*time.Millisecond)
		s.shared.Down(false)
	}, 700 * time.Millisecond},
	{"cut off", func(s *service) {
		line := s.lines[rand.IntN(len(s.lines))]
		line.Cut(true)
		between(20*time.Millisecond, 300*time.Millisecond)
		line.Cut(false)
	}, 400 * time.Millisecond},
	{"full", func(s *service) {
		s.shared.Full(true)
		between(20*time.Millisecond, 200*time.Millisecond)
		s.shared.Full(false)
	}, 500 * time.Millisecond},
}

// sharing is what clients do to a service of instances.
var sharing = workload{clients: 24, each: 100, lasts: 3 * time.Second, keys: 12, check: 30 * time.Second, weights: map[kind]int{
	create: 2, put: 2, patch: 1, move: 2, remove: 1, load: 1, get: 400, getOwn: 20, listShelf: 100, listAll: 10, countShelf: 10, aggregate: 10,
}}

// leastSharedHits is which part of the Looks must be hits where the cache is away
// for a part of the time.
const leastSharedHits = 0.04

// TestInstances has three instances over one server, to which everything happens
// that does.
func TestInstances(t *testing.T) {
	crowded(t)
	var atLeast time.Duration
	if text := os.Getenv(longForm); text != "" {
		var err error
		if atLeast, err = time.ParseDuration(text); err != nil {
			t.Fatalf("%s: %v", longForm, err)
		}
	}
	for _, m := range misfortunes {
		var all *verdict
		times := 0
		round := func(t *testing.T) {
			s := &service{stops: stopping, near: nearSome}
			v := s.run(t, m, sharing, dying)
			t.Log(v)
			if by := v.killed(); by != "" || v.wrong > 0 {
				t.Fatalf("%s; %d wrong answers: %q", by, v.wrong, v.samples)
			}
			if v.histories != "Ok" || v.hits < leastSharedHits || v.writes < 50 {
				t.Errorf("the run proves nothing")
			}
			t.Logf("the mode ended %d times", s.ends.Load())
			all = all.and(v)
			times += int(s.times.Load())
		}
		t.Run(m.name, func(t *testing.T) {
			for begun := time.Now(); t.Run("round", round) && time.Since(begun) < atLeast; {
			}
			if all != nil {
				t.Log(all.detail(m.name, times, 0))
			}
		})
	}
}

// nearSome gives all instances but the first something near.
func nearSome(t *testing.T, i int) cache.Cache {
	if i == 0 {
		return nil
	}
	return cachedInMemory(t)
}

// run has the clients ask the instances of the service, while the misfortune
// happens now and then.
func (s *service) run(t *testing.T, m misfortune, w workload, broken func(cache.Coherent, repository.Store) cache.Coherent) *verdict {
	t.Helper()
	store := inMemory(t)
	s.store = slow{store, 200 * time.Microsecond}
	api, err := core.New(core.Config{Store: store})
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Ensure(t.Context(), api.Schemas()); err != nil {
		t.Fatal(err)
	}
	p := parts{store: func(*testing.T) repository.Store { return store }, apart: s.start(t, 3), coherent: broken, layer: s.layer}
	if p.layer == nil {
		p.layer = slowly(300 * time.Microsecond)
	}
	ended := make(chan struct{})
	var happening sync.WaitGroup
	happening.Go(func() {
		for {
			select {
			case <-ended:
				return
			case <-time.After(m.pause/2 + rand.N(m.pause)):
				m.happen(s)
				s.times.Add(1)
			}
		}
	})
	defer happening.Wait()
	defer close(ended)
	return run(t, p, w, rand.Uint64())
}
