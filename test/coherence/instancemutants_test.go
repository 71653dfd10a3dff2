package coherence_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/ports/cache"
	"github.com/portolan-io/portolan/ports/repository"
)

// A sharedMutant is a service of instances that leave out one step of what keeps
// them right.
type sharedMutant struct {
	name   string
	server func(cache.Server) cache.Server
	modes  func(cache.Modes) cache.Modes
	cache  func(cache.Coherent, repository.Store) cache.Coherent
	store  func(repository.Store) repository.Store
	does   workload // meeting, if it has no clients
	under  string   // the misfortune in which it shows
	dies   string
}

// A few clients on two records, most of whom read.
var meeting = workload{clients: 15, each: 100, lasts: 1500 * time.Millisecond, keys: 2, check: 3 * time.Second, weights: map[kind]int{put: 3, get: 60}}

// The same, of whom few write: a write that takes long is not overtaken.
var seldom = workload{clients: 15, each: 100, lasts: 3 * time.Second, keys: 8, check: 3 * time.Second, weights: map[kind]int{put: 1, get: 1000}}

var sharedMutants = []sharedMutant{
	{name: "no fence is put", server: fenceless, under: "none", dies: byStale},
	{name: "a fence does not last", server: fleeting, under: "none", dies: byHistory},
	{name: "a fence is taken for a token", server: markless, under: "none", dies: byStale},
	{name: "a value is filled with the tokens of its end", cache: leasedLate, under: "none", dies: byStale},
	{name: "what is near is not asked about", cache: forgetful, under: "none", dies: byStale},
	{name: "a write has no witness", cache: unwitnessed, store: sleepy, does: seldom, under: "restarted", dies: byStale},
	{name: "nobody waits for who relies on an epoch", modes: hurried, under: "cut off", dies: byStale},
	{name: "another server is taken for the same", server: trusting(cache.OtherServer), under: "failed over", dies: byStale},
	{name: "a lost epoch is announced again", server: trusting(cache.EpochLost), store: sleepy, does: seldom, under: "flushed", dies: byStale},
	{name: "a writer that is gone is not expelled", modes: lenient, store: sleepy, does: seldom, under: "none", dies: byStale},
	{name: "unsettled is treated as settled", cache: settledAlways, store: newLosing, under: "none", dies: byHistory},
}

func TestSharedMutantsDie(t *testing.T) {
	crowded(t)
	for _, m := range sharedMutants {
		t.Run(m.name, func(t *testing.T) {
			for try := range tries {
				v := m.run(t)
				if v.wrong > 0 {
					t.Fatalf("%d answers that no server may give: %q", v.wrong, v.samples)
				}
				if by := v.killed(); strings.Contains(by, m.dies) {
					t.Logf("detail: %s | %d | %s", m.name, try+1, by)
					return
				}
			}
			t.Errorf("survives %d runs", tries)
		})
	}
}

// TestTheRightInstancesLive runs what is right in all that mutants die of.
func TestTheRightInstancesLive(t *testing.T) {
	crowded(t)
	for _, m := range []sharedMutant{{}, {store: sleepy, does: seldom}, {store: newLosing}} {
		for _, m.under = range []string{"none", "restarted", "cut off", "failed over", "flushed"} {
			v := m.run(t)
			t.Log(m.under, v)
			if by := v.killed(); by != "" || v.wrong > 0 {
				t.Errorf("%s; %d wrong answers: %q", by, v.wrong, v.samples)
			}
		}
	}
}

func (m sharedMutant) run(t *testing.T) *verdict {
	t.Helper()
	s := &service{stops: stopping, near: nearSome, replaced: m.server, modes: m.modes}
	s.layer = func(right repository.Store) repository.Store {
		if m.store != nil {
			right = m.store(right)
		}
		return slow{right, 300 * time.Microsecond}
	}
	w := m.does
	if w.clients == 0 {
		w = meeting
	}
	for _, happens := range misfortunes {
		if happens.name == m.under {
			return s.run(t, happens, w, m.cache)
		}
	}
	panic("there is no misfortune called " + m.under)
}

// A wrapped server has its sessions changed.
type wrapped struct {
	cache.Server
	change func(cache.Session) cache.Session
}

func (w wrapped) Bind(identity, epoch string) cache.Session {
	return w.change(w.Server.Bind(identity, epoch))
}

func wrap(change func(cache.Session) cache.Session) func(cache.Server) cache.Server {
	return func(s cache.Server) cache.Server { return wrapped{s, change} }
}

type fencelessSession struct{ cache.Session }

func (fencelessSession) Fence(context.Context, string, []string, string) error { return nil }

var fenceless = wrap(func(s cache.Session) cache.Session { return fencelessSession{s} })

// A fleeting session loses what it is told to keep, as a server does that may
// evict fences.
type fleetingSession struct{ cache.Session }

func (s fleetingSession) Fence(ctx context.Context, collection string, tags []string, fence string) error {
	if err := s.Session.Fence(ctx, collection, tags, fence); err != nil {
		return err
	}
	return s.Lift(ctx, collection, tags, []string{fence})
}

var fleeting = wrap(func(s cache.Session) cache.Session { return fleetingSession{s} })

type marklessSession struct{ cache.Session }

func unmarked(marks []string) []string {
	for i, mark := range marks {
		if mark != "" {
			marks[i] = "x"
		}
	}
	return marks
}

func (s marklessSession) Read(ctx context.Context, collection string, tags []string, name string) (cache.Marks, error) {
	marks, err := s.Session.Read(ctx, collection, tags, name)
	marks.Tags = unmarked(marks.Tags)
	return marks, err
}

func (s marklessSession) Lease(ctx context.Context, collection string, tags []string, name, token string, within time.Duration) ([]string, bool, error) {
	marks, first, err := s.Session.Lease(ctx, collection, tags, name, token, within)
	return unmarked(marks), first, err
}

var markless = wrap(func(s cache.Session) cache.Session { return marklessSession{s} })

// forgetful asks the server again only after some time.
func forgetful(c cache.Coherent, _ repository.Store) cache.Coherent {
	type heard struct {
		found cache.Found
		at    time.Time
	}
	var near sync.Map
	return hooked{Coherent: c, look: func(ctx context.Context, key cache.Key) cache.Found {
		if kept, ok := near.Load(key.Text); ok && time.Since(kept.(heard).at) < 2*time.Millisecond {
			return kept.(heard).found
		}
		found := c.Look(ctx, key)
		if found.State == cache.Hit {
			near.Store(key.Text, heard{found, time.Now()})
		}
		return found
	}}
}

func unwitnessed(c cache.Coherent, _ repository.Store) cache.Coherent {
	return hooked{Coherent: c, fence: func(ctx context.Context, collection string, tags []string) (cache.Fence, error) {
		fence, err := c.Fence(ctx, collection, tags)
		fence.Witness = nil
		return fence, err
	}}
}

// A hurriedModes lets everybody write as soon as a mode has ended.
type hurriedModes struct{ cache.Modes }

func (m hurriedModes) Switch(ctx context.Context, was, next cache.Mode) (bool, error) {
	if next.State == cache.Down {
		next.State = cache.Idle
	}
	return m.Modes.Switch(ctx, was, next)
}

func hurried(m cache.Modes) cache.Modes { return hurriedModes{m} }

// A lenientModes lets members stay that were expelled.
type lenientModes struct{ cache.Modes }

func (lenientModes) Expel(context.Context, string) error { return nil }

func lenient(m cache.Modes) cache.Modes { return lenientModes{m} }

// A trusting server goes on where a session should end with the code.
func trusting(code string) func(cache.Server) cache.Server {
	return func(s cache.Server) cache.Server { return &trustingServer{s, code} }
}

type trustingServer struct {
	cache.Server
	code string
}

func (s *trustingServer) Bind(identity, epoch string) cache.Session {
	return &trustingSession{Session: s.Server.Bind(identity, epoch), server: s, epoch: epoch}
}

type trustingSession struct {
	cache.Session
	server *trustingServer
	epoch  string
}

// again calls do, and once more with what is there now if it ended with the code.
func (s *trustingSession) again(ctx context.Context, do func(cache.Session) error) error {
	err := do(s.Session)
	if !errors.Is(err, fault.Conflict) || fault.Of(err).Code != s.server.code {
		return err
	}
	identity, failed := s.server.Identity(ctx)
	if failed != nil {
		return err
	}
	now := s.server.Server.Bind(identity, s.epoch)
	if s.server.code == cache.EpochLost {
		if err := now.Announce(ctx, []string{"items"}, time.Second); err != nil {
			return err
		}
	}
	return do(now)
}

func (s *trustingSession) Renew(ctx context.Context, collections []string, ttl time.Duration) error {
	return s.again(ctx, func(now cache.Session) error { return now.Renew(ctx, collections, ttl) })
}

func (s *trustingSession) Read(ctx context.Context, collection string, tags []string, name string) (marks cache.Marks, err error) {
	err = s.again(ctx, func(now cache.Session) (err error) {
		marks, err = now.Read(ctx, collection, tags, name)
		return err
	})
	return marks, err
}

func (s *trustingSession) Lease(ctx context.Context, collection string, tags []string, name, token string, within time.Duration) (marks []string, first bool, err error) {
	err = s.again(ctx, func(now cache.Session) (err error) {
		marks, first, err = now.Lease(ctx, collection, tags, name, token, within)
		return err
	})
	return marks, first, err
}

func (s *trustingSession) Fill(ctx context.Context, collection, name string, value []byte, ttl time.Duration) error {
	return s.again(ctx, func(now cache.Session) error { return now.Fill(ctx, collection, name, value, ttl) })
}

func (s *trustingSession) Fence(ctx context.Context, collection string, tags []string, fence string) error {
	return s.again(ctx, func(now cache.Session) error { return now.Fence(ctx, collection, tags, fence) })
}

func (s *trustingSession) Lift(ctx context.Context, collection string, tags, fences []string) error {
	return s.again(ctx, func(now cache.Session) error { return now.Lift(ctx, collection, tags, fences) })
}

// A sleepy store takes very long for some writes, before it does them.
type sleepyStore struct{ repository.Store }

func sleepy(s repository.Store) repository.Store { return sleepyStore{s} }

func (s sleepyStore) Apply(ctx context.Context, batch []repository.Mutation) ([]repository.Outcome, error) {
	if rand.IntN(4) == 0 {
		time.Sleep(300*time.Millisecond + rand.N(300*time.Millisecond))
	}
	return s.Store.Apply(ctx, batch)
}
