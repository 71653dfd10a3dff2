package layer_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/portolan-io/portolan/adapters/layer"
	"github.com/portolan-io/portolan/adapters/memory"
	"github.com/portolan-io/portolan/ports/cache"
)

// A late part of a service takes its time.
type late struct {
	mu sync.Mutex
	by time.Duration
}

func (l *late) is(by time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.by = by
}

func (l *late) wait() {
	l.mu.Lock()
	by := l.by
	l.mu.Unlock()
	time.Sleep(by)
}

// lateModes tell the mode late: as it was when they were asked.
type lateModes struct {
	cache.Modes
	late
}

func (m *lateModes) Read(ctx context.Context) (cache.Mode, error) {
	mode, err := m.Modes.Read(ctx)
	m.wait()
	return mode, err
}

// A lateServer answers reads late, as it would have before, and counts.
type lateServer struct {
	cache.Server
	late
	mu             sync.Mutex
	reads, renewed int
}

func (l *lateServer) Bind(identity, epoch string) cache.Session {
	return lateSession{l.Server.Bind(identity, epoch), l}
}

func (l *lateServer) counted() (reads, renewed int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.reads, l.renewed
}

func (l *lateServer) count(what *int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	*what++
}

type lateSession struct {
	cache.Session
	server *lateServer
}

func (l lateSession) Read(ctx context.Context, collection string, tags []string, name string) (cache.Marks, error) {
	l.server.count(&l.server.reads)
	marks, err := l.Session.Read(ctx, collection, tags, name)
	l.server.wait()
	return marks, err
}

func (l lateSession) Renew(ctx context.Context, collections []string, ttl time.Duration) error {
	l.server.count(&l.server.renewed)
	return l.Session.Renew(ctx, collections, ttl)
}

// lateInstance returns an instance of which the store and the server answer late, if
// they are told to.
func lateInstance(s *service) (instance, *lateModes, *lateServer) {
	modes, server := &lateModes{Modes: s.modes}, &lateServer{}
	return s.instance(func(c *layer.DistributedConfig) {
		server.Server = c.Server
		c.Modes, c.Server = modes, server
	}), modes, server
}

// A reading of the mode is relied on from before it was asked for, for however long
// the answer was under way.
func TestReadingsCountFromTheirQuestion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(t)
		one, modes, _ := lateInstance(s)
		one.keep(t, "kettle")
		modes.is(800 * time.Millisecond)
		time.Sleep(2 * time.Second)
		var states [2]int // off, or not
		for range 100 {
			time.Sleep(50 * time.Millisecond)
			if one.Look(t.Context(), kettle).State == cache.Off {
				states[0]++
			} else {
				states[1]++
			}
		}
		// Of each reading, 200 of 800 milliseconds are left.
		if off, on := states[0], states[1]; on == 0 || off < 2*on {
			t.Errorf("it was off at %d looks, and not at %d, want about three times as many", off, on)
		}
	})
}

// An answer of the server that comes when nobody may rely on the mode any more is no
// answer.
func TestAnswersAfterTheReading(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(t)
		one, modes, server := lateInstance(s)
		one.keep(t, "kettle")
		modes.is(time.Hour) // no other reading comes
		server.is(40 * time.Millisecond)
		answered := 0
		for {
			began := time.Now()
			state := one.Look(t.Context(), kettle).State
			if state == cache.Off {
				if took := time.Since(began); took == 0 {
					t.Errorf("no look was under way when the reading became too old")
				}
				break
			}
			answered++
		}
		if answered < 10 {
			t.Errorf("%d looks were answered before", answered)
		}
		before, _ := server.counted()
		one.wants(t, "after that", cache.Off, "")
		if after, _ := server.counted(); after != before {
			t.Errorf("the server was asked though nobody could rely on its answer")
		}
		modes.is(0)
	})
}

// Who learns late that the mode was on does not have the server know the epoch for
// longer: that others may have ended it meanwhile, and count on the server to forget.
func TestNoRenewalAfterTheReading(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(t)
		one, modes, server := lateInstance(s)
		one.keep(t, "kettle")
		modes.is(1500 * time.Millisecond)
		time.Sleep(2 * time.Second) // the readings that were under way are done
		_, before := server.counted()
		time.Sleep(10 * time.Second)
		if _, after := server.counted(); after != before {
			t.Errorf("it renewed the epoch %d times, by readings that were too old", after-before)
		}
		modes.is(0)
	})
}

// What is near is kept for as long as it was to be, by whoever filled it.
func TestNearEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(t)
		below, err := memory.OpenCache(t.Context(), memory.CacheConfig{})
		if err != nil {
			t.Fatal(err)
		}
		near := s.instance(func(c *layer.DistributedConfig) { c.Near = below })
		other := s.instance()
		found := other.Look(t.Context(), kettle)
		other.Fill(t.Context(), kettle, found.Lease, []byte("kettle"), 10*time.Second)
		time.Sleep(6 * time.Second)
		near.wants(t, "after 6 of 10 seconds", cache.Hit, "kettle")
		time.Sleep(3 * time.Second)
		near.wants(t, "after 9", cache.Hit, "kettle")
		time.Sleep(1500 * time.Millisecond)
		near.wants(t, "after 10.5", cache.Miss, "")
	})
}

// An answer of the server to a question of an epoch that has ended meanwhile is none,
// though the mode is known and on again.
func TestAnswersOfAnotherEpoch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(t)
		one, _, server := lateInstance(s)
		one.keep(t, "kettle")
		was := s.mode()
		server.is(time.Hour)
		states := make(chan cache.State)
		go func() { states <- one.Look(t.Context(), kettle).State }()
		synctest.Wait() // the server has answered, and nobody heard it
		server.is(0)
		s.shared.Restart()
		for s.mode().Epoch == was.Epoch || s.mode().State != cache.On {
			time.Sleep(100 * time.Millisecond)
		}
		time.Sleep(500 * time.Millisecond)
		one.wants(t, "in the next epoch", cache.Miss, "")
		if state := <-states; state != cache.Off {
			t.Errorf("the look of the epoch before is a %s, want off", state)
		}
	})
}

// A server that answers later than anybody waits is not used, and so ends nothing.
func TestSlowServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(t)
		modes, server := &lateModes{Modes: s.modes}, &lateServer{}
		server.is(300 * time.Millisecond)
		one := s.instance(func(c *layer.DistributedConfig) {
			server.Server = c.Server
			c.Modes, c.Server = modes, server
		})
		for range 30 {
			one.wants(t, "while it is slow", cache.Off, "")
			if took := one.write(t, s.store); took > time.Second {
				t.Fatalf("a write took %s", took)
			}
			time.Sleep(time.Second)
		}
		server.is(0)
		time.Sleep(time.Second)
		one.wants(t, "when it is fast", cache.Miss, "")
	})
}

// Of many writers that learn at once that the mode has ended one asks what it is now:
// if each did, one after the other, the last would wait for long.
func TestWritersDoNotQueue(t *testing.T) {
	s := newService(t)
	timing := layer.UsualTiming
	timing.Poll, timing.Rely, timing.Known, timing.Healthy = 50*time.Millisecond, 200*time.Millisecond, 300*time.Millisecond, 50*time.Millisecond
	counts := &askedModes{Modes: s.modes}
	one := s.instance(func(c *layer.DistributedConfig) { c.Modes, c.Timing = counts, timing })
	s.instance(func(c *layer.DistributedConfig) { c.Timing = timing })
	stop := make(chan struct{})
	var all sync.WaitGroup
	for range 100 {
		all.Go(func() {
			for {
				select {
				case <-stop:
					return
				case <-time.After(5 * time.Millisecond):
					one.write(t, s.store)
				}
			}
		})
	}
	for range 3 {
		s.shared.Restart()
		time.Sleep(time.Second)
	}
	close(stop)
	all.Wait()
	s.mu.Lock()
	changes := len(s.told)
	s.mu.Unlock()
	if joins := counts.joined(); changes < 6 || joins > 3*changes {
		t.Errorf("100 writers asked %d times to join, while the mode changed %d times for two instances", joins, changes)
	}
}

// askedModes count who wants to join. Whatever they are asked takes a while.
type askedModes struct {
	cache.Modes
	mu    sync.Mutex
	joins int
}

func (m *askedModes) Join(ctx context.Context, at cache.Mode) (cache.Member, bool, error) {
	m.mu.Lock()
	m.joins++
	m.mu.Unlock()
	time.Sleep(20 * time.Millisecond)
	return m.Modes.Join(ctx, at)
}

func (m *askedModes) Read(ctx context.Context) (cache.Mode, error) {
	time.Sleep(50 * time.Millisecond)
	return m.Modes.Read(ctx)
}

func (m *askedModes) joined() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.joins
}

// A service that starts again finds the mode on as it was left, and a server that has
// forgotten it: that is no fault of the server, which is used as soon as nobody relies
// on the old mode.
func TestStartsAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(t)
		line := s.shared.Line(nil)
		config := layer.DistributedConfig{Server: line, Modes: s.modes, Timing: layer.UsualTiming, Collections: map[string]string{"products": "1:"}, Everything: "b"}
		first := layer.NewDistributed(config)
		if err := first.Enter(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := first.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		again := s.instance()
		time.Sleep(cache.Drain + time.Second)
		again.wants(t, "when it is used again", cache.Miss, "")
	})
}
