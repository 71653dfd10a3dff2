package kept_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/portolan-io/portolan/adapters/internal/kept"
	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/ports/secrets"
)

var ref = secrets.Ref{Name: "db"}

// A store answers what it is set to, and counts.
type store struct {
	mu    sync.Mutex
	value string
	err   error
	takes time.Duration
	asked atomic.Int64
}

func (s *store) read(ctx context.Context, _ secrets.Ref) (string, error) {
	s.asked.Add(1)
	s.mu.Lock()
	value, err, takes := s.value, s.err, s.takes
	s.mu.Unlock()
	select {
	case <-ctx.Done():
		return "", ctx.Err()
	case <-time.After(takes):
		return value, err
	}
}

func (s *store) set(value string, err error, takes time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.value, s.err, s.takes = value, err, takes
}

var down = fault.New(fault.Unavailable, "test", "the store is down")

// bubble runs the test over a source of the store, by a clock of its own.
func bubble(t *testing.T, test func(t *testing.T, source *kept.Source, s *store, told *atomic.Int64)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := &store{value: "one"}
		var told atomic.Int64
		source := kept.New(kept.Config{Op: "test.Secret", Read: s.read, Failed: func(error) { told.Add(1) }})
		defer source.Close()
		test(t, source, s, &told)
	})
}

func expect(t *testing.T, source *kept.Source, want string) {
	t.Helper()
	if got, err := source.Secret(t.Context(), ref); err != nil || got != want {
		t.Errorf("Secret = %q, %v; want %q", got, err, want)
	}
	synctest.Wait() // for what is read meanwhile
}

func TestFreshness(t *testing.T) {
	bubble(t, func(t *testing.T, source *kept.Source, s *store, _ *atomic.Int64) {
		expect(t, source, "one")
		s.set("two", nil, 0)
		time.Sleep(secrets.Fresh/2 - time.Second)
		expect(t, source, "one")
		if n := s.asked.Load(); n != 1 {
			t.Errorf("the store was asked %d times within half a minute, want once", n)
		}
		time.Sleep(time.Second)
		expect(t, source, "one") // and reads again meanwhile
		expect(t, source, "two")
		s.set("three", nil, 0)
		time.Sleep(secrets.Fresh) // nobody asks
		expect(t, source, "three")
		if n := s.asked.Load(); n != 3 {
			t.Errorf("the store was asked %d times, want 3", n)
		}
	})
}

// TestSlow has an early reading take long: what is kept is given until a minute is over.
func TestSlow(t *testing.T) {
	bubble(t, func(t *testing.T, source *kept.Source, s *store, _ *atomic.Int64) {
		expect(t, source, "one")
		s.set("two", nil, 3*time.Second)
		time.Sleep(secrets.Fresh - time.Second)
		began := time.Now()
		if got, err := source.Secret(t.Context(), ref); got != "one" || err != nil || time.Since(began) != 0 {
			t.Errorf("Secret = %q, %v after %v; want one at once", got, err, time.Since(began))
		}
		time.Sleep(time.Second)
		if got, err := source.Secret(t.Context(), ref); got != "two" || err != nil || time.Since(began) != 3*time.Second {
			t.Errorf("Secret = %q, %v after %v; want two when it was read", got, err, time.Since(began))
		}
	})
}

func TestOutage(t *testing.T) {
	bubble(t, func(t *testing.T, source *kept.Source, s *store, told *atomic.Int64) {
		expect(t, source, "one")
		s.set("", down, 0)
		time.Sleep(secrets.Fresh)
		expect(t, source, "one")
		asked := s.asked.Load()
		for range 100 {
			expect(t, source, "one")
		}
		if n := s.asked.Load(); n != asked {
			t.Errorf("a store that just failed was asked %d times more, want 0", n-asked)
		}
		for range 58 {
			time.Sleep(time.Minute)
			began := time.Now()
			if got, err := source.Secret(t.Context(), ref); got != "one" || err != nil || time.Since(began) != 0 {
				t.Fatalf("Secret = %q, %v after %v; want one at once", got, err, time.Since(began))
			}
		}
		if n := told.Load(); n < 30 || n > 60 {
			t.Errorf("%d failures were told in an hour, want one a minute at most", n)
		}
		time.Sleep(time.Minute)
		if got, err := source.Secret(t.Context(), ref); got != "" || !errors.Is(err, fault.Unavailable) {
			t.Errorf("after an hour Secret = %q, %v; want a %s", got, err, fault.Unavailable)
		}
		s.set("two", nil, 0)
		time.Sleep(5 * time.Second)
		expect(t, source, "two")
	})
}

// TestGone has a secret end while it is kept, and come back.
func TestGone(t *testing.T) {
	for _, kind := range []fault.Kind{fault.NotFound, fault.Forbidden} {
		bubble(t, func(t *testing.T, source *kept.Source, s *store, told *atomic.Int64) {
			expect(t, source, "one")
			s.set("", fault.New(kind, "test", "it is gone"), 0)
			time.Sleep(secrets.Fresh)
			if got, err := source.Secret(t.Context(), ref); got != "" || !errors.Is(err, kind) {
				t.Errorf("Secret = %q, %v; want a %s", got, err, kind)
			}
			s.set("two", nil, 0)
			expect(t, source, "two")
			if n := told.Load(); n != 0 {
				t.Errorf("%d failures were told, want none", n)
			}
		})
	}
}

// TestWait has stores fail a few times, and say when to ask again.
func TestWait(t *testing.T) {
	later := func(d time.Duration) error {
		return fault.New(fault.Unavailable, "test", "too many").Because(kept.Later{Wait: d})
	}
	for _, tt := range []struct {
		name      string
		err       error
		takes     time.Duration
		attempts  int64
		lasts     time.Duration
		restsThen time.Duration
	}{
		{"down", down, 0, 3, 750 * time.Millisecond, 5 * time.Second},
		{"says soon", later(2 * time.Second), 0, 3, 4 * time.Second, 5 * time.Second},
		{"says too late", later(20 * time.Second), 0, 1, 0, 20 * time.Second},
		{"says never", later(time.Hour), 0, 1, 0, time.Minute},
		{"hangs", nil, time.Hour, 3, 10 * time.Second, 5 * time.Second},
		{"forbids", fault.New(fault.Forbidden, "test", "no"), 0, 1, 0, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, source *kept.Source, s *store, _ *atomic.Int64) {
				s.set("", tt.err, tt.takes)
				began := time.Now()
				_, err := source.Secret(t.Context(), ref)
				if err == nil || s.asked.Load() != tt.attempts || time.Since(began) != tt.lasts {
					t.Errorf("it failed with %v after %d attempts and %v; want %d and %v", err, s.asked.Load(), time.Since(began), tt.attempts, tt.lasts)
				}
				s.set("two", nil, 0)
				if tt.restsThen > 0 {
					time.Sleep(tt.restsThen - time.Millisecond)
					if got, err := source.Secret(t.Context(), ref); !errors.Is(err, fault.Unavailable) || s.asked.Load() != tt.attempts {
						t.Errorf("while the store rests Secret = %q, %v; want a %s without a question", got, err, fault.Unavailable)
					}
					time.Sleep(time.Millisecond)
				}
				expect(t, source, "two")
			})
		})
	}
}

// TestTogether has many ask at once, of whom one leaves.
func TestTogether(t *testing.T) {
	bubble(t, func(t *testing.T, source *kept.Source, s *store, _ *atomic.Int64) {
		s.set(`{"user":"anna","password":"hidden"}`, nil, time.Second)
		var group sync.WaitGroup
		for i := range 100 {
			field, want := "user", "anna"
			if i%2 == 0 {
				field, want = "password", "hidden"
			}
			group.Go(func() {
				if got, err := source.Secret(t.Context(), secrets.Ref{Name: "db", Field: field}); err != nil || got != want {
					t.Errorf("the field %s = %q, %v; want %q", field, got, err, want)
				}
			})
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if got, err := source.Secret(ctx, ref); err != context.DeadlineExceeded || got != "" { //nolint:errorlint // as it is, not wrapped
			t.Errorf("who leaves got %q, %v; want %v as it is", got, err, context.DeadlineExceeded)
		}
		group.Wait()
		if n := s.asked.Load(); n != 1 {
			t.Errorf("the store was asked %d times, want once", n)
		}
	})
}

func TestClose(t *testing.T) {
	bubble(t, func(t *testing.T, source *kept.Source, s *store, _ *atomic.Int64) {
		s.set("one", nil, time.Hour)
		waits := make(chan error, 1)
		go func() {
			_, err := source.Secret(t.Context(), ref)
			waits <- err
		}()
		synctest.Wait()
		if err := source.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
		if err := <-waits; !errors.Is(err, fault.Unavailable) {
			t.Errorf("who waits gets %v, want a %s", err, fault.Unavailable)
		}
		if _, err := source.Secret(t.Context(), ref); !errors.Is(err, fault.Unavailable) || !strings.Contains(err.Error(), "closed") {
			t.Errorf("a source that is closed says %v", err)
		}
	})
}
