// Package limit is the port that counts what callers take, so that none takes more
// than its share. Start at [Limiter]; the suite that proves an implementation is in
// limittest.
package limit

import (
	"context"
	"time"
)

// A Rate is how much may be taken: Amount within each Period in the long run, and
// Burst at once by who took nothing for long.
type Rate struct {
	Amount int           // at least 1
	Period time.Duration // at least a millisecond
	Burst  int           // at least 1; 0 is Amount
}

// A Verdict says whether a take is allowed, and what is left.
type Verdict struct {
	Allowed   bool
	Remaining int           // that could be taken at once now, never negative
	Reset     time.Duration // until Remaining is Burst again, if nobody takes anything
	Retry     time.Duration // until the same take would be allowed; 0 if it is, or never will be
}

// A Limiter counts by key, with the generic cell rate algorithm (ITU-T I.371, annex
// A): it keeps one time for each key, and no take is forgotten at the end of a window.
//
// A Limiter is safe for concurrent use. Every error it returns has a fault.Kind,
// except that a done context's error is returned as it is.
type Limiter interface {
	// Take takes the amount from what the rate leaves of the key, if that is enough,
	// and reports whether it was.
	//
	// A take that is not allowed takes nothing. An amount of 0 takes nothing, and is
	// allowed if at least 1 could be taken. An amount that is more than the rate's Burst
	// is never allowed. Keys have nothing to do with each other, and a key is any octets,
	// at most 512. Takes that are made at once are counted one after the other, also when
	// several processes make them that share what is behind the Limiter. A rate below its
	// bounds, an amount below 0 and a longer key are fault.Invalid. If what counts cannot
	// be reached, Take returns fault.Unavailable: it is for the caller to decide what
	// holds meanwhile.
	Take(ctx context.Context, key string, rate Rate, amount int) (Verdict, error)

	// Close lets go of everything that the limiter holds. Calling it again does
	// nothing.
	Close() error
}
