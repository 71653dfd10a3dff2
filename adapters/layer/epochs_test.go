package layer_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/portolan-io/portolan/adapters/layer"
	"github.com/portolan-io/portolan/adapters/memory"
	"github.com/portolan-io/portolan/core"
	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/ports/cache"
	"github.com/portolan-io/portolan/ports/cache/cachetest"
	"github.com/portolan-io/portolan/ports/repository"
)

// A service is what the instances of a test share.
type service struct {
	t      *testing.T
	store  repository.Store
	modes  cache.Modes
	shared *cachetest.Shared

	mu   sync.Mutex
	told []string
}

func newService(t *testing.T) *service {
	store := modesStore(t)
	return &service{t: t, store: store, modes: core.NewMembers(store, nil), shared: cachetest.NewShared()}
}

// An instance is one of a service, and its way to the server.
type instance struct {
	*layer.Distributed
	line *cachetest.Line
}

func (s *service) instance(change ...func(*layer.DistributedConfig)) instance {
	s.t.Helper()
	line := s.shared.Line(nil)
	config := layer.DistributedConfig{Server: line, Modes: s.modes, Collections: map[string]string{"products": "1:"}, Everything: "b", Told: s.tell}
	for _, c := range change {
		c(&config)
	}
	return instance{distributed(s.t, config), line}
}

func (s *service) tell(from, to cache.Mode, why string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.told = append(s.told, from.State.String()+" "+to.State.String()+" "+why)
}

func (s *service) mode() cache.Mode {
	s.t.Helper()
	mode, err := s.modes.Read(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	return mode
}

var kettle = cache.Key{Collection: "products", Text: "A1", Tags: []string{"r/A1", "b"}}

// keep has the instance keep the value of the kettle.
func (i instance) keep(t *testing.T, value string) {
	t.Helper()
	found := i.Look(t.Context(), kettle)
	if found.State != cache.Miss {
		t.Fatalf("got %s, want a miss", found.State)
	}
	i.Fill(t.Context(), kettle, found.Lease, []byte(value), time.Hour)
}

func (i instance) wants(t *testing.T, when string, state cache.State, value string) {
	t.Helper()
	if found := i.Look(t.Context(), kettle); found.State != state || string(found.Value) != value {
		t.Errorf("%s: got %s %q, want %s %q", when, found.State, found.Value, state, value)
	}
}

// write does a write of the kettle and returns how long it took.
func (i instance) write(t *testing.T, store repository.Store) time.Duration {
	t.Helper()
	began := time.Now()
	for {
		fence, err := i.Fence(t.Context(), "products", []string{"r/A1"})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := store.Apply(t.Context(), fence.Witness); err != nil {
			fence.Abandon()
			continue
		}
		if err := fence.Publish(t.Context(), true); err != nil {
			t.Fatal(err)
		}
		return time.Since(began)
	}
}

// What one instance keeps another finds, until any of them writes it.
func TestInstancesShare(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(t)
		one, two := s.instance(), s.instance()
		one.keep(t, "kettle")
		two.wants(t, "at the other", cache.Hit, "kettle")
		two.write(t, s.store)
		one.wants(t, "after the write", cache.Miss, "")
	})
}

// While the server is away nothing waits but one write, for as long as anybody
// relies on the mode; when it is back, it is used again, and knows nothing old.
func TestServerGoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(t)
		one, two := s.instance(), s.instance()
		one.keep(t, "kettle")
		s.shared.Down(true)
		two.wants(t, "while it is down", cache.Off, "")
		if took := two.write(t, s.store); took < cache.Drain || took > cache.Drain+2*time.Second {
			t.Errorf("the first write took %s", took)
		}
		if took := one.write(t, s.store); took > time.Second {
			t.Errorf("the next write took %s", took)
		}
		s.shared.Down(false)
		time.Sleep(10 * time.Second)
		one.wants(t, "when it is back", cache.Miss, "")
		one.keep(t, "urn")
		two.wants(t, "when it is back", cache.Hit, "urn")
		if len(s.told) == 0 || !slices.ContainsFunc(s.told, func(line string) bool {
			return strings.HasPrefix(line, "on down a write could not be fenced: ")
		}) {
			t.Errorf("told %q, but not why the mode ended", s.told)
		}
	})
}

// A server that is lost again and again is used again after longer and longer.
func TestServerFlaps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(t)
		one := s.instance()
		var waits []time.Duration
		for range 10 {
			s.shared.Restart()
			began := time.Now()
			for s.mode().State == cache.On {
				time.Sleep(100 * time.Millisecond)
			}
			for s.mode().State != cache.On {
				time.Sleep(100 * time.Millisecond)
			}
			waits = append(waits, time.Since(began).Truncate(5*time.Second))
		}
		if !slices.IsSorted(waits) || waits[0] > 12*time.Second || waits[5] < 100*time.Second || waits[9] > 310*time.Second {
			t.Errorf("it was used again after %v", waits)
		}
		one.wants(t, "in the end", cache.Miss, "")
	})
}

// A write whose process is gone hides what it was about, until somebody asks for
// that after a minute; then that process writes nothing any more.
func TestWriterDies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(t)
		one, two := s.instance(), s.instance()
		one.keep(t, "kettle")
		fence, err := two.Fence(t.Context(), "products", []string{"r/A1"})
		if err != nil {
			t.Fatal(err)
		}
		one.wants(t, "while it may be written", cache.Fenced, "")
		time.Sleep(59 * time.Second)
		one.wants(t, "before the minute is over", cache.Fenced, "")
		time.Sleep(2 * time.Second)
		one.wants(t, "when somebody asks", cache.Fenced, "")
		time.Sleep(time.Second)
		one.wants(t, "after that", cache.Miss, "")
		if _, err := s.store.Apply(t.Context(), fence.Witness); !errors.Is(err, fault.Stale) {
			t.Errorf("the writer came back and stored what it had: %v", err)
		}
		fence.Abandon()
		if took := two.write(t, s.store); took > time.Second {
			t.Errorf("its next write took %s", took)
		}
	})
}

// Of a write of which nobody knows what became, nothing is found until the store
// can tell.
func TestWriteUnsettled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(t)
		one, two := s.instance(), s.instance()
		fence, err := two.Fence(t.Context(), "products", []string{"r/A1"})
		if err != nil {
			t.Fatal(err)
		}
		if err := fence.Publish(t.Context(), false); err != nil {
			t.Fatal(err)
		}
		one.wants(t, "at once", cache.Fenced, "")
		time.Sleep(time.Second)
		one.wants(t, "soon", cache.Miss, "")
		if _, err := s.store.Apply(t.Context(), fence.Witness); !errors.Is(err, fault.Stale) {
			t.Errorf("it was stored after all: %v", err)
		}
	})
}

// An instance with a collection that the others do not have, as while a new version
// replaces an old one, has all instances begin anew, once.
func TestNewCollection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(t)
		s.instance()
		s.instance(func(c *layer.DistributedConfig) { c.Collections["orders"] = "1:" })
		time.Sleep(30 * time.Second)
		mode := s.mode()
		if mode.State != cache.On || !slices.Equal(mode.Collections, []string{"orders 1:", "products 1:"}) {
			t.Errorf("got %+v", mode)
		}
		time.Sleep(time.Minute)
		if now := s.mode(); now.Epoch != mode.Epoch {
			t.Errorf("they began anew once more: %+v", now)
		}
	})
}

// An instance that cannot ask for the mode answers from the store, and does not
// keep writes waiting for ever.
func TestStoreGoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(t)
		failing := &failingModes{Modes: s.modes}
		one := s.instance(func(c *layer.DistributedConfig) { c.Modes = failing })
		one.keep(t, "kettle")
		failing.fail(true)
		time.Sleep(2 * time.Second)
		one.wants(t, "when the mode is not known", cache.Off, "")
		s.shared.Down(true)
		if _, err := one.Fence(t.Context(), "products", []string{"r/A1"}); !errors.Is(err, fault.Unavailable) {
			t.Errorf("a write with neither server nor store: %v", err)
		}
		failing.fail(false)
		if took := one.write(t, s.store); took > cache.Drain+2*time.Second {
			t.Errorf("the next write took %s", took)
		}
	})
}

// A failingModes fails when it is told to.
type failingModes struct {
	cache.Modes
	mu      sync.Mutex
	failing bool
}

func (f *failingModes) fail(failing bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.failing = failing
}

func (f *failingModes) failed() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.failing {
		return fault.New(fault.Unavailable, "test", "the store does not answer")
	}
	return nil
}

func (f *failingModes) Read(ctx context.Context) (cache.Mode, error) {
	if err := f.failed(); err != nil {
		return cache.Mode{}, err
	}
	return f.Modes.Read(ctx)
}

func (f *failingModes) Switch(ctx context.Context, was, next cache.Mode) (bool, error) {
	if err := f.failed(); err != nil {
		return false, err
	}
	return f.Modes.Switch(ctx, was, next)
}

func (f *failingModes) Join(ctx context.Context, at cache.Mode) (cache.Member, bool, error) {
	if err := f.failed(); err != nil {
		return cache.Member{}, false, err
	}
	return f.Modes.Join(ctx, at)
}

// What is near is not sent again while it is right.
func TestNear(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(t)
		below, err := memory.OpenCache(t.Context(), memory.CacheConfig{})
		if err != nil {
			t.Fatal(err)
		}
		counts := &countingServer{}
		near := s.instance(func(c *layer.DistributedConfig) {
			counts.Server = c.Server
			c.Server, c.Near = counts, below
		})
		s.instance().keep(t, "kettle")
		counts.reads = 0 // the server was tried out
		near.wants(t, "first", cache.Hit, "kettle")
		if counts.values != 1 {
			t.Fatalf("%d values were asked for, want 1", counts.values)
		}
		near.wants(t, "again", cache.Hit, "kettle")
		if counts.values != 1 || counts.reads != 2 {
			t.Errorf("%d values were asked for in %d reads, want 1 in 2", counts.values, counts.reads)
		}
		other := s.instance()
		other.write(t, s.store)
		other.keep(t, "urn")
		near.wants(t, "after a write", cache.Hit, "urn")
		if counts.values != 2 {
			t.Errorf("%d values were asked for, want 2", counts.values)
		}
	})
}

// A countingServer counts what is read.
type countingServer struct {
	cache.Server
	reads, values int
}

func (c *countingServer) Bind(identity, epoch string) cache.Session {
	return countingSession{c.Server.Bind(identity, epoch), c}
}

type countingSession struct {
	cache.Session
	counts *countingServer
}

func (c countingSession) Read(ctx context.Context, collection string, tags []string, name string) (cache.Marks, error) {
	c.counts.reads++
	if name != "" {
		c.counts.values++
	}
	return c.Session.Read(ctx, collection, tags, name)
}

// An instance fences everything of a collection whose answers another version of
// the service keeps under other tags, until that is forgotten.
func TestOtherTags(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(t)
		old := s.instance()
		ctx, stop := context.WithCancel(t.Context())
		line := s.shared.Line(nil)
		next := layer.NewDistributed(layer.DistributedConfig{
			Server: line, Modes: s.modes, Timing: layer.UsualTiming,
			Collections: map[string]string{"products": "1:category"}, Everything: "b",
		})
		if err := next.Enter(t.Context()); err != nil {
			t.Fatal(err)
		}
		var running sync.WaitGroup
		running.Go(func() { next.Run(ctx) })
		time.Sleep(30 * time.Second)
		shelf := cache.Key{Collection: "products", Text: "shelf", Tags: []string{"s/category/12", "b"}}
		keep := func() {
			t.Helper()
			found := next.Look(t.Context(), shelf)
			if found.State != cache.Miss {
				t.Fatalf("got %s, want a miss", found.State)
			}
			next.Fill(t.Context(), shelf, found.Lease, []byte("shelf"), time.Hour)
			if found = next.Look(t.Context(), shelf); found.State != cache.Hit {
				t.Fatalf("got %s, want a hit", found.State)
			}
		}
		keep()
		old.write(t, s.store) // which knows nothing of shelves
		if found := next.Look(t.Context(), shelf); found.State != cache.Miss {
			t.Errorf("after a write of the old version got %s, want a miss", found.State)
		}
		keep()
		instance{next, line}.write(t, s.store) // of the record alone, but the old one is there
		if found := next.Look(t.Context(), shelf); found.State != cache.Miss {
			t.Errorf("after a write of the new version got %s, want a miss", found.State)
		}
		stop()
		running.Wait()
		_ = next.Close(t.Context())
		time.Sleep(11 * time.Minute)
		if mode := s.mode(); mode.State != cache.On || !slices.Equal(mode.Collections, []string{"products 1:"}) {
			t.Errorf("when the new version is gone: %+v", mode)
		}
	})
}

// An instance starts while the server is away, and says why that is not used.
func TestStartsWithoutServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(t)
		s.shared.Down(true)
		one := s.instance()
		one.wants(t, "without a server", cache.Off, "")
		if took := one.write(t, s.store); took > time.Second {
			t.Errorf("a write took %s", took)
		}
		time.Sleep(5 * time.Second)
		why := slices.DeleteFunc(s.told, func(line string) bool { return !strings.Contains(line, "does not answer") })
		if len(why) != 1 {
			t.Errorf("told %q, want once why the server is not used", why)
		}
		s.shared.Down(false)
		time.Sleep(time.Second)
		one.wants(t, "with one", cache.Miss, "")
	})
}

// A server that takes no fences is not used, though it answers.
func TestServerWithoutFences(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(t)
		s.shared.Full(true)
		one := s.instance()
		for range 20 {
			if took := one.write(t, s.store); took > time.Second {
				t.Fatalf("a write took %s", took)
			}
			time.Sleep(500 * time.Millisecond)
		}
		one.wants(t, "while it takes no fences", cache.Off, "")
	})
}

// A transaction that does not end keeps the cache from being used again, and nobody
// from writing.
func TestWriterStandsStill(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(t)
		stuck := &stuckModes{Modes: s.modes}
		one := s.instance(func(c *layer.DistributedConfig) { c.Modes = stuck })
		one.write(t, s.store)
		stuck.members.Store(true) // are locked
		s.shared.Restart()
		if took := one.write(t, s.store); took > cache.Drain+2*time.Second {
			t.Errorf("a write took %s", took)
		}
		for range 20 {
			if took := one.write(t, s.store); took > time.Second {
				t.Errorf("a write took %s", took)
			}
			time.Sleep(time.Second)
		}
		one.wants(t, "while it stands still", cache.Off, "")
		stuck.members.Store(false)
		time.Sleep(10 * time.Second)
		one.wants(t, "after that", cache.Miss, "")
	})
}

// A stuckModes cannot end memberships while somebody holds one.
type stuckModes struct {
	cache.Modes
	members atomic.Bool
}

func (s *stuckModes) Switch(ctx context.Context, was, next cache.Mode) (bool, error) {
	if s.members.Load() && next.State == cache.On {
		<-ctx.Done()
		return false, ctx.Err()
	}
	return s.Modes.Switch(ctx, was, next)
}

// The fence of a writer that is gone is taken away when he is expelled, and not
// before.
func TestExpelledBeforeLifted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(t)
		one := s.instance()
		unwilling := &unwillingModes{Modes: s.modes}
		two := s.instance(func(c *layer.DistributedConfig) { c.Modes = unwilling })
		if _, err := one.Fence(t.Context(), "products", []string{"r/A1"}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(61 * time.Second)
		for range 10 {
			two.wants(t, "while the writer cannot be expelled", cache.Fenced, "")
			time.Sleep(time.Second)
		}
		if asked := unwilling.asked.Load(); asked == 0 || asked > 60 {
			t.Errorf("it was asked %d times in 10 seconds", asked)
		}
		unwilling.willing.Store(true)
		time.Sleep(time.Second)
		two.wants(t, "when he is", cache.Miss, "")
	})
}

type unwillingModes struct {
	cache.Modes
	asked   atomic.Int64
	willing atomic.Bool
}

func (u *unwillingModes) Expel(ctx context.Context, member string) error {
	if u.asked.Add(1); !u.willing.Load() {
		return fault.New(fault.Unavailable, "test", "somebody holds the row")
	}
	return u.Modes.Expel(ctx, member)
}
