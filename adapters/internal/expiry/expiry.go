// Package expiry tells when what a cache keeps is over. Start at [Clock].
package expiry

import (
	"encoding/binary"
	"time"
)

// Longest is the longest that anything lives, however long it was given.
const Longest = 10 * 365 * 24 * time.Hour

// A Clock makes ends and tells whether they have come. It never changes.
type Clock struct {
	began time.Time // what monotonic times are counted from
}

// NewClock returns a clock. An end is told by the clock that made it.
func NewClock() Clock { return Clock{began: time.Now()} }

// An End is when something is over: as soon as either the wall clock or the
// monotonic one says so. The one may be put back, and the other stands still
// while the machine sleeps; neither lets anything live longer.
type End struct{ wall, monotonic int64 } // nanoseconds

// In returns the end of what lives for ttl from now.
func (c Clock) In(ttl time.Duration) End {
	now, ttl := time.Now(), min(ttl, Longest)
	return End{wall: now.UnixNano() + int64(ttl), monotonic: int64(now.Sub(c.began) + ttl)}
}

// Over reports whether the end has come.
func (c Clock) Over(end End) bool {
	now := time.Now()
	return now.UnixNano() >= end.wall || int64(now.Sub(c.began)) >= end.monotonic
}

// Size is how many octets an End has.
const Size = 16

// Append appends the octets of the end.
func (e End) Append(to []byte) []byte {
	to = binary.LittleEndian.AppendUint64(to, uint64(e.wall))
	return binary.LittleEndian.AppendUint64(to, uint64(e.monotonic))
}

// Parse returns the end that the octets, Size or more, begin with.
func Parse(octets []byte) End {
	return End{
		wall:      int64(binary.LittleEndian.Uint64(octets)),
		monotonic: int64(binary.LittleEndian.Uint64(octets[8:])),
	}
}
