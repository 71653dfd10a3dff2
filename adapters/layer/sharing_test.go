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
	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/ports/limit"
	"github.com/portolan-io/portolan/ports/limit/limittest"
)

// A moody limiter answers, does not, or hangs.
type moody struct {
	limit.Limiter
	down, hangs atomic.Bool
	asked       atomic.Int64
}

func (m *moody) Take(ctx context.Context, takes ...limit.Take) ([]limit.Verdict, error) {
	m.asked.Add(1)
	if m.hangs.Load() {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	if m.down.Load() {
		return nil, fault.New(fault.Unavailable, "test.Take", "down")
	}
	return m.Limiter.Take(ctx, takes...)
}

func counting(t testing.TB) limit.Limiter {
	t.Helper()
	l, err := memory.OpenLimiter(t.Context(), memory.LimiterConfig{})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// sharing returns a limiter of one of so many instances, and that which they share.
func sharing(t testing.TB, instances int, told func(bool, error)) (*layer.Sharing, *moody) {
	t.Helper()
	shared := &moody{Limiter: counting(t)}
	s := layer.Share(shared, counting(t), instances, told)
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return s, shared
}

// TestSharingSuite: an instance is a limiter, with what it shares and, if it is the only
// one, without.
func TestSharingSuite(t *testing.T) {
	for name, down := range map[string]bool{"shared": false, "alone": true} {
		t.Run(name, func(t *testing.T) {
			limittest.Run(t, func(t *testing.T) limit.Limiter {
				s, shared := sharing(t, 1, nil)
				shared.down.Store(down)
				return s
			})
		})
	}
}

// allowedOf takes from a key so often, and returns how often that was allowed.
func allowedOf(t *testing.T, l limit.Limiter, rate limit.Rate, times, amount int) (allowed int) {
	t.Helper()
	for range times {
		verdicts, err := l.Take(t.Context(), limit.Take{Key: "key", Rate: rate, Amount: amount})
		if err != nil {
			t.Fatalf("Take = %v", err)
		}
		if verdicts[0].Allowed {
			allowed++
		}
	}
	return allowed
}

// TestSharingShares takes from each of some instances while what they share is down:
// together they allow what the rate says, and no more.
func TestSharingShares(t *testing.T) {
	for _, tt := range []struct {
		name                    string
		rate                    limit.Rate
		instances, amount, want int // of one instance in a minute, the burst included
	}{
		{"half", limit.Rate{Amount: 100, Period: time.Second}, 2, 1, 50 + 3000},
		{"a third", limit.Rate{Amount: 60, Period: time.Minute, Burst: 9}, 3, 1, 3 + 20},
		{"less than one each", limit.Rate{Amount: 3, Period: time.Minute}, 10, 1, 1},
		{"dearer than the share", limit.Rate{Amount: 60, Period: time.Minute}, 4, 20, 1 + 1},
		{"dearer than all", limit.Rate{Amount: 60, Period: time.Minute}, 4, 61, 0},
		{"a long period", limit.Rate{Amount: 10, Period: limit.MaxPeriod}, 5, 1, 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, shared := sharing(t, tt.instances, nil)
				shared.down.Store(true)
				allowed := 0
				for began := time.Now(); time.Since(began) < time.Minute; time.Sleep(time.Millisecond) {
					allowed += allowedOf(t, s, tt.rate, 1, tt.amount)
				}
				if allowed < tt.want-1 || allowed > tt.want {
					t.Errorf("one of %d instances allowed %d in a minute, want %d", tt.instances, allowed, tt.want)
				}
			})
		})
	}
}

// TestSharingRests counts how often a limiter that is down is asked, and sees that it is
// used again within two seconds when it is back.
func TestSharingRests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told []bool
		s, shared := sharing(t, 2, func(reachable bool, err error) {
			if reachable != (err == nil) {
				t.Errorf("told %t with %v", reachable, err)
			}
			told = append(told, reachable)
		})
		rate := limit.Rate{Amount: 1000, Period: time.Second}
		allowedOf(t, s, rate, 10, 1)
		if got := shared.asked.Load(); got != 10 || s.Fell() != 0 {
			t.Errorf("of 10 takes %d asked what is shared, %d fell back", got, s.Fell())
		}
		shared.down.Store(true)
		for range 10_500 {
			allowedOf(t, s, rate, 1, 1)
			time.Sleep(time.Millisecond)
		}
		if got := shared.asked.Load() - 10; got != 11 || s.Fell() != 10_500 {
			t.Errorf("in 10.5 s what is down was asked %d times, want 11; %d takes fell back, want 10500", got, s.Fell())
		}
		shared.down.Store(false)
		time.Sleep(time.Second)
		fell := s.Fell()
		allowedOf(t, s, rate, 10, 1)
		if s.Fell() != fell || len(told) != 2 || told[0] || !told[1] {
			t.Errorf("when it is back %d takes fell back, and it was told %v", s.Fell()-fell, told)
		}
	})
}

// TestSharingHangs has many take at once of a limiter that hangs, again and again: none
// waits longer than the one short time, and in each second only those wait that were
// under way, and later one.
func TestSharingHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, shared := sharing(t, 2, nil)
		shared.hangs.Store(true)
		waited := func(takers int) (waiting int64) {
			var group sync.WaitGroup
			var n atomic.Int64
			for range takers {
				group.Go(func() {
					began := time.Now()
					allowedOf(t, s, limit.Rate{Amount: 1000, Period: time.Second}, 2, 1) // a request asks twice
					if took := time.Since(began); took > 50*time.Millisecond {
						t.Errorf("a request waited %v, want 50ms at most", took)
					} else if took > 0 {
						n.Add(1)
					}
				})
			}
			group.Wait()
			return n.Load()
		}
		waited(50)
		for range 5 {
			if n := waited(50); n != 0 {
				t.Errorf("%d of 50 waited while it rests", n)
			}
			time.Sleep(1100 * time.Millisecond)
			if n := waited(50); n != 1 {
				t.Errorf("%d of 50 waited to see whether it is back, want 1", n)
			}
		}
		time.Sleep(2 * time.Second) // until the last that asked has given up
	})
}

// TestSharingPasses shows that what is wrong with a call is no reason to do without.
func TestSharingPasses(t *testing.T) {
	s, shared := sharing(t, 2, nil)
	if _, err := s.Take(t.Context(), limit.Take{Key: "key", Amount: 1}); !errors.Is(err, fault.Invalid) || s.Fell() != 0 {
		t.Errorf("Take without a rate = %v, and %d fell back", err, s.Fell())
	}
	shared.down.Store(true)
	if _, err := s.Take(t.Context(), limit.Take{Key: "key", Amount: 1}); !errors.Is(err, fault.Invalid) {
		t.Errorf("Take without a rate while it is down = %v", err)
	}
}

// TestSharingIsPatient has a limiter to which each connection takes longer than anybody
// waits: it is made all the same, and used from then on.
func TestSharingIsPatient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		far := &distant{Limiter: counting(t)}
		s := layer.Share(far, counting(t), 2, nil)
		defer s.Close()
		rate := limit.Rate{Amount: 1000, Period: time.Second}
		for range 20 {
			allowedOf(t, s, rate, 1, 1)
			time.Sleep(100 * time.Millisecond)
		}
		fell := s.Fell()
		allowedOf(t, s, rate, 10, 1)
		if fell == 0 || s.Fell() != fell {
			t.Errorf("%d takes did without at first, and %d of 10 later, want some and none", fell, s.Fell()-fell)
		}
	})
}

// A distant limiter takes 300 ms to connect, if it is let, and is quick from then on.
type distant struct {
	limit.Limiter
	connected atomic.Bool
}

func (d *distant) Take(ctx context.Context, takes ...limit.Take) ([]limit.Verdict, error) {
	if !d.connected.Load() {
		select {
		case <-time.After(300 * time.Millisecond):
			d.connected.Store(true)
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return d.Limiter.Take(ctx, takes...)
}
