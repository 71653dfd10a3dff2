package redis

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/ports/cache"
	"github.com/portolan-io/portolan/test/servers"
)

// faulty returns a cache that reaches its server by a way on which things go wrong.
func faulty(t *testing.T, cfg Config) (*Cache, *servers.Faults) {
	t.Helper()
	faults := servers.FaultsTo(t, servers.Redis(t))
	cfg.Addrs = []string{faults.Address}
	cfg.Prefix = patient(cfg).Prefix
	return openTest(t, cfg), faults
}

// calls are all that a session and its server do, by their names.
func calls(c *Cache, s cache.Session) map[string]func(context.Context) error {
	return map[string]func(context.Context) error{
		"Ping":     c.Ping,
		"Identity": func(ctx context.Context) error { _, err := c.Identity(ctx); return err },
		"Set":      func(ctx context.Context) error { return c.Set(ctx, "key", []byte("value"), time.Hour) },
		"Get":      func(ctx context.Context) error { _, _, err := c.Get(ctx, "key"); return err },
		"Delete":   func(ctx context.Context) error { return c.Delete(ctx, "key") },
		"Announce": func(ctx context.Context) error { return s.Announce(ctx, []string{"goods"}, time.Hour) },
		"Renew":    func(ctx context.Context) error { return s.Renew(ctx, []string{"goods"}, time.Hour) },
		"Read":     func(ctx context.Context) error { _, err := s.Read(ctx, "goods", []string{"tag"}, "name"); return err },
		"Lease": func(ctx context.Context) error {
			_, _, err := s.Lease(ctx, "goods", []string{"free"}, "name", "token", time.Hour)
			return err
		},
		"Fill":  func(ctx context.Context) error { return s.Fill(ctx, "goods", "name", []byte("value"), time.Hour) },
		"Fence": func(ctx context.Context) error { return s.Fence(ctx, "goods", []string{"tag"}, "g") },
		"Lift":  func(ctx context.Context) error { return s.Lift(ctx, "goods", []string{"tag"}, []string{"g"}) },
	}
}

// TestOutages loses the server in every way there is. What is asked meanwhile is
// fault.Unavailable, or ends with its context; what is asked afterwards succeeds
// without a restart, and a fence that was acknowledged is there.
func TestOutages(t *testing.T) {
	for name, begin := range map[string]func(*servers.Faults){
		"cut":               (*servers.Faults).Cut,
		"reset":             (*servers.Faults).Reset,
		"hang":              (*servers.Faults).Hang,
		"answers cut short": func(f *servers.Faults) { f.Lose(3) },
	} {
		t.Run(name, func(t *testing.T) {
			c, faults := faulty(t, Config{Timeout: 5 * time.Second, MaxConns: 4})
			session, _ := bound(t, c)
			for round := range 2 {
				begin(faults)
				for what, call := range calls(c, session) {
					ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
					begun := time.Now()
					err := call(ctx)
					cancel()
					if fault.KindOf(err) != fault.Unavailable {
						t.Errorf("round %d: %s = %v, want it unavailable, or late", round, what, err)
					}
					if time.Since(begun) > 4*time.Second { // not whatever the server would have been waited for
						t.Errorf("round %d: %s outlived its context by %v", round, what, time.Since(begun))
					}
				}
				faults.Restore()
				for what, call := range calls(c, session) {
					await(t, what+" afterwards", func() bool { return call(t.Context()) == nil })
				}
				marks, err := session.Read(t.Context(), "goods", []string{"tag"}, "")
				if err != nil || len(cache.Fences(marks.Tags[0])) == 0 {
					t.Errorf("round %d: afterwards the fence is gone: %q, %v", round, marks.Tags, err)
				}
			}
		})
	}
}

// TestWithoutDeadline has a server that hangs, and callers without a deadline: they
// wait for Timeout.
func TestWithoutDeadline(t *testing.T) {
	c, faults := faulty(t, Config{Timeout: 50 * time.Millisecond, AcquireTimeout: 50 * time.Millisecond, DialTimeout: 50 * time.Millisecond})
	var session cache.Session
	await(t, "a session", func() bool {
		id, err := c.Identity(t.Context())
		session = c.Bind(id, "epoch")
		return err == nil && session.Announce(t.Context(), []string{"goods"}, time.Hour) == nil
	})
	faults.Hang()
	for what, call := range calls(c, session) {
		if err := call(t.Context()); !errors.Is(err, fault.Unavailable) {
			t.Errorf("%s = %v, want a %s", what, err, fault.Unavailable)
		}
	}
}

// TestSlow has a server that answers late: what waits longer than it may is told so,
// and the others are served.
func TestSlow(t *testing.T) {
	c, faults := faulty(t, Config{Timeout: 10 * time.Second, DialTimeout: 10 * time.Second})
	session, _ := bound(t, c)
	faults.Delay(300 * time.Millisecond)
	for what, call := range calls(c, session) {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		if err := call(ctx); fault.KindOf(err) != fault.Unavailable {
			t.Errorf("%s = %v, want it late", what, err)
		}
		cancel()
	}
	for what, call := range calls(c, session) {
		if err := call(t.Context()); err != nil {
			t.Errorf("without a deadline: %s = %v", what, err)
		}
	}
}

// TestExhausted has three callers and one connection: one is served, and others are
// told so after a while.
func TestExhausted(t *testing.T) {
	c, faults := faulty(t, Config{MaxConns: 1, AcquireTimeout: 50 * time.Millisecond, Timeout: 10 * time.Second})
	session, _ := bound(t, c)
	faults.Delay(500 * time.Millisecond)
	answers := make(chan error, 3)
	for range cap(answers) {
		go func() { answers <- read(t, session) }()
	}
	served := 0
	for range cap(answers) {
		if err := <-answers; err == nil {
			served++
		} else {
			wantCode(t, "Read", err, fault.Unavailable, "connections-exhausted")
		}
	}
	if served != 1 {
		t.Errorf("%d of %d were served, want 1 by one connection", served, cap(answers))
	}
	if err := read(t, session); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

// TestStartsWithout opens a cache whose server is not there yet.
func TestStartsWithout(t *testing.T) {
	faults := servers.FaultsTo(t, servers.Redis(t))
	faults.Cut()
	c := openTest(t, patient(Config{Addrs: []string{faults.Address}}))
	wantCode(t, "Ping", c.Ping(t.Context()), fault.Unavailable, unreachable)
	faults.Restore()
	await(t, "Ping", func() bool { return c.Ping(t.Context()) == nil })
}

// TestNothingIsLeft shows that what a cache and its sessions started has ended after
// Close, whatever became of the server.
func TestNothingIsLeft(t *testing.T) {
	faults := servers.FaultsTo(t, servers.Redis(t))
	addrs, _, _ := startCluster(t)
	sentinel, _, _ := watched(t)
	http.DefaultClient.CloseIdleConnections()
	for name, cfg := range map[string]Config{
		"single":   {Addrs: []string{faults.Address}},
		"cluster":  {Addrs: addrs, Cluster: true},
		"sentinel": {Sentinel: &Sentinel{Master: master, Addrs: []string{sentinel}}},
	} {
		t.Run(name, func(t *testing.T) {
			ignored := goleak.IgnoreCurrent()
			c, err := Open(t.Context(), patient(cfg))
			if err != nil {
				t.Fatal(err)
			}
			for range 3 {
				session, _ := bound(t, c)
				if err := read(t, session); err != nil {
					t.Error(err)
				}
			}
			faults.Cut()
			_ = c.Ping(t.Context()) // whether it is cut or not
			if err := c.Close(); err != nil {
				t.Error(err)
			}
			faults.Restore()
			goleak.VerifyNone(t, ignored, goleak.IgnoreAnyFunction("github.com/Shopify/toxiproxy/v2.(*Proxy).server"),
				goleak.IgnoreAnyFunction("github.com/Shopify/toxiproxy/v2.(*Proxy).freeBlocker"))
		})
	}
}
