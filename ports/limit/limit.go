// Package limit is the port that counts what callers take, so that none takes more
// than its share. Start at [Limiter]; the suite that proves an implementation is in
// limittest.
package limit

import (
	"context"
	"math"
	"time"

	"github.com/portolan-io/portolan/core/fault"
)

// A Rate is how much may be taken: Amount within each Period in the long run, and
// Burst at once by who took nothing for long.
type Rate struct {
	Amount int           // at least 1, and at most one for each microsecond of Period
	Period time.Duration // at least a millisecond, and at most MaxPeriod
	Burst  int           // at least 1, and at most MaxBurst; 0 is Amount
}

// The most that a rate may have.
const (
	MaxPeriod = 31 * 24 * time.Hour
	MaxBurst  = 1_000_000
)

// Most returns how much may be taken at once: Burst, or Amount if that is 0.
func (r Rate) Most() int {
	if r.Burst == 0 {
		return r.Amount
	}
	return r.Burst
}

// Interval returns how long it takes until one more may be taken, in microseconds.
func (r Rate) Interval() float64 {
	return float64(r.Period) / float64(time.Microsecond) / float64(r.Amount)
}

// Check returns fault.Invalid if a bound of the rate does not hold.
func (r Rate) Check(op string) error {
	switch {
	case r.Period < time.Millisecond || r.Period > MaxPeriod:
		return fault.New(fault.Invalid, op, "the period of a rate is a millisecond to %s, not %s", MaxPeriod, r.Period)
	case r.Amount < 1 || time.Duration(r.Amount) > r.Period/time.Microsecond:
		return fault.New(fault.Invalid, op, "the amount of a rate is 1 to one for each microsecond of its period, not %d in %s", r.Amount, r.Period)
	case r.Burst < 0 || r.Most() > MaxBurst:
		return fault.New(fault.Invalid, op, "the burst of a rate is 1 to %d, not %d", MaxBurst, r.Most())
	}
	return nil
}

// A Take is what is to be taken of the rate of a key.
type Take struct {
	Key    string // any octets, at most MaxKey
	Rate   Rate
	Amount int // at least 0
}

const (
	// MaxKey is the most octets of a key.
	MaxKey = 512
	// MaxTakes is the most takes of one call.
	MaxTakes = 8
)

// A Verdict says whether there was enough for a take, and what is left.
type Verdict struct {
	Allowed   bool
	Remaining int           // that could be taken at once now, never negative
	Reset     time.Duration // until Remaining is all of the burst again, if nobody takes anything
	Retry     time.Duration // until there is enough for the same take; 0 if there is, or never will be
}

// A Limiter counts by key, with the generic cell rate algorithm (ITU-T I.371, annex
// A): it keeps one time for each key, and no take is forgotten at the end of a window.
//
// A Limiter is safe for concurrent use. Every error it returns has a fault.Kind,
// except that a done context's error is returned as it is. A call with a done context
// returns its error and takes nothing. After Close Take returns fault.Unavailable.
type Limiter interface {
	// Take takes the amount of each take from what its rate leaves of its key, if there
	// is enough for all of them, and reports of each, in their order, whether there was.
	//
	// If there is not enough for one, nothing is taken for any. An amount of 0 takes
	// nothing, and is allowed if at least 1 could be taken. There is never enough for an
	// amount that is more than the burst of its rate. What was taken is given back at the
	// rate, and never more than the burst. Keys have nothing to do with each other. A key
	// may be taken from at another rate each time: how long it lasts until all is given
	// back stays the same, but is never longer than for the burst of the rate. Calls that
	// are made at once are counted one after the other, also when several processes make
	// them that share what is behind the Limiter. A bound of a rate, an amount or a key
	// that does not hold, more takes than MaxTakes and two takes of one key are
	// fault.Invalid. If what counts cannot be reached, Take returns fault.Unavailable: it
	// is for the caller to decide what holds meanwhile.
	Take(ctx context.Context, takes ...Take) ([]Verdict, error)

	// Close lets go of everything that the limiter holds. Calling it again does nothing.
	Close() error
}

// Check returns fault.Invalid if a limiter has to refuse the takes.
func Check(op string, takes []Take) error {
	if len(takes) > MaxTakes {
		return fault.New(fault.Invalid, op, "there are %d takes, but may be %d", len(takes), MaxTakes)
	}
	for i, take := range takes {
		if err := take.Rate.Check(op); err != nil {
			return err
		}
		switch {
		case take.Amount < 0:
			return fault.New(fault.Invalid, op, "the amount of a take is %d, and cannot be negative", take.Amount)
		case len(take.Key) > MaxKey:
			return fault.New(fault.Invalid, op, "the key has %d octets, but may have %d", len(take.Key), MaxKey)
		}
		for _, before := range takes[:i] {
			if before.Key == take.Key {
				return fault.New(fault.Invalid, op, "two takes are of one key")
			}
		}
	}
	return nil
}

// rounding is what sums of fractions may be wrong by, as a part of one.
const rounding = 1e-6

// Room returns how much could be taken at once from a key of which so much is owed
// still, in microseconds until it is all there again.
func (t Take) Room(owed float64) int {
	return int(math.Floor(float64(t.Rate.Most()) - owed/t.Rate.Interval() + rounding))
}

// Enough reports whether there is enough for the take where there is such room.
func (t Take) Enough(room int) bool { return max(t.Amount, 1) <= room }

// Judge returns the verdict on a take from a key with such room, of which so much is
// owed in microseconds; taken says whether the amount has now been taken, which is then
// in neither of the two.
func (t Take) Judge(room int, owed float64, taken bool) Verdict {
	v := Verdict{Allowed: t.Enough(room), Remaining: max(room, 0)}
	if taken {
		v.Remaining -= t.Amount
		owed += float64(t.Amount) * t.Rate.Interval()
	}
	v.Reset = lasting(owed)
	if need := max(t.Amount, 1); !v.Allowed && need <= t.Rate.Most() {
		v.Retry = lasting(owed - float64(t.Rate.Most()-need)*t.Rate.Interval())
	}
	return v
}

// lasting returns the duration of so many microseconds, and one at least.
func lasting(micros float64) time.Duration {
	if micros <= 0 {
		return 0
	}
	return time.Duration(math.Ceil(micros)) * time.Microsecond
}
