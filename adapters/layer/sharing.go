package layer

import (
	"context"
	"slices"
	"sync/atomic"
	"time"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/ports/limit"
)

const (
	// limitWait is how long a take waits for the limiter that instances share.
	limitWait = 50 * time.Millisecond

	// limitRest is how long it is left alone once it did not answer, and how long a take
	// that nobody waits for any more may last: making a connection takes longer than an
	// answer, and the next take finds it made.
	limitRest = time.Second
)

// Sharing is a limit.Limiter that many instances share, for as long as that can be
// reached. While it cannot, this instance counts for itself, and allows a share of each
// rate: nothing is ever unlimited, and no take fails for want of the shared limiter.
//
// A take waits for it 50 ms at most. Once it did not answer, it is left alone for a
// second, and then one take asks it again, while all others go on without.
type Sharing struct {
	shared, own limit.Limiter
	instances   int
	began       time.Time
	patience    patience

	rested atomic.Int64 // when it may be asked again, in nanoseconds since began; 0 while it answers
	fell   atomic.Uint64
	told   func(reachable bool, err error)
}

// Share returns the limiter of one of so many instances, 1 at least, with another
// limiter of its own. told is called when the shared one cannot be reached any more, and
// when it can again; nil is nobody. Close closes both.
func Share(shared, own limit.Limiter, instances int, told func(reachable bool, err error)) *Sharing {
	if told == nil {
		told = func(bool, error) {}
	}
	return &Sharing{
		shared: shared, own: own, instances: max(instances, 1), began: time.Now(),
		patience: patience{within: limitRest}, told: told,
	}
}

// Take implements limit.Limiter.
func (s *Sharing) Take(ctx context.Context, takes ...limit.Take) ([]limit.Verdict, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if ask, again := s.asks(); ask {
		verdicts, err := s.ask(takes) //nolint:contextcheck // a take that nobody waits for any more goes on
		if fault.KindOf(err) != fault.Unavailable {
			if again {
				s.rested.Store(0)
				s.told(true, nil)
			}
			return verdicts, err
		}
		s.rest(err)
	}
	s.fell.Add(1)
	return s.own.Take(ctx, s.shares(takes)...)
}

// An outcome is what a take of the shared limiter came to.
type outcome struct {
	verdicts []limit.Verdict
	err      error
}

// ask takes of the shared limiter, for a short time.
func (s *Sharing) ask(takes []limit.Take) ([]limit.Verdict, error) {
	ended := make(chan outcome, 1)
	ctx, late := s.patience.from(time.Now()), time.NewTimer(limitWait)
	defer late.Stop()
	takes = slices.Clone(takes) // the caller's, and the call may outlive this one
	go func() {
		verdicts, err := s.shared.Take(ctx, takes...)
		ended <- outcome{verdicts, err}
	}()
	select {
	case o := <-ended:
		return o.verdicts, o.err
	case <-late.C:
		return nil, fault.New(fault.Unavailable, "layer.Take", "the limiter did not answer within %s", limitWait).Coded("timeout")
	}
}

// asks reports whether to ask the shared limiter now: while it answers, and by one take
// when its rest is over. Only that one may say that it answers again.
func (s *Sharing) asks() (ask, again bool) {
	rested := s.rested.Load()
	if rested == 0 {
		return true, false
	}
	now := time.Since(s.began)
	again = int64(now) >= rested && s.rested.CompareAndSwap(rested, int64(now+limitRest))
	return again, again
}

func (s *Sharing) rest(err error) {
	if s.rested.Swap(int64(time.Since(s.began)+limitRest)) == 0 {
		s.told(false, err)
	}
}

// shares returns the takes at this instance's share of their rates. What costs more than
// the share of a burst costs all of it, since it would never be allowed otherwise.
func (s *Sharing) shares(takes []limit.Take) []limit.Take {
	own := make([]limit.Take, len(takes))
	for i, take := range takes {
		own[i] = take
		rate := &own[i].Rate
		if rate.Check("") != nil {
			continue // as it is, to be refused as it would be otherwise
		}
		most := rate.Most()
		rate.Burst = max(most/s.instances, 1)
		if long := rate.Period * time.Duration(s.instances); long <= limit.MaxPeriod {
			rate.Period = long
		} else {
			rate.Amount = max(rate.Amount/s.instances, 1)
		}
		if take.Amount <= most {
			own[i].Amount = min(take.Amount, rate.Burst)
		}
	}
	return own
}

// Fell returns how many takes were counted by this instance alone.
func (s *Sharing) Fell() uint64 { return s.fell.Load() }

// Close closes both limiters.
func (s *Sharing) Close() error {
	err := s.shared.Close()
	if own := s.own.Close(); err == nil {
		err = own
	}
	return err
}
