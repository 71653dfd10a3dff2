package memory

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/ports/limit"
)

// LimiterConfig is how much a [Limiter] keeps.
type LimiterConfig struct {
	// MaxKeys is how many keys are counted at once, each of which takes about 150
	// octets; 0 means 100000. If there are more, those are forgotten from which the
	// least is taken.
	MaxKeys int `yaml:"max_keys"`
}

const (
	defaultLimiterKeys = 100_000
	maxLimiterKeys     = 10_000_000

	// firstSweep is how many keys there are before it is worth looking for those
	// that are over.
	firstSweep = 1 << 10

	// sparedShare is the part of the keys that is forgotten at once, so that the next
	// new key does not need to look at all of them again.
	sparedShare = 8
)

// A Limiter is a limit.Limiter in memory: a map under a lock, from keys to the time
// when all is given back. A key whose time has come is as one that was never taken
// from, and is forgotten.
type Limiter struct {
	most  int
	began time.Time // what times are counted from, by the monotonic clock

	mu    sync.Mutex
	until map[string]float64 // microseconds; nil once closed
	sweep int                // how many keys there are when those that are over are looked for
}

var _ limit.Limiter = (*Limiter)(nil)

// OpenLimiter returns a limiter that has counted nothing. It returns fault.Invalid if
// MaxKeys is less than 0 or more than 10000000.
func OpenLimiter(ctx context.Context, config LimiterConfig) (*Limiter, error) {
	most := config.MaxKeys
	switch {
	case most < 0 || most > maxLimiterKeys:
		return nil, fault.New(fault.Invalid, "memory.OpenLimiter", "max_keys is %d, but must be 1 to %d", most, maxLimiterKeys)
	case most == 0:
		most = defaultLimiterKeys
	}
	return &Limiter{most: most, began: time.Now(), until: make(map[string]float64), sweep: min(firstSweep, most)}, ctx.Err()
}

// Take implements limit.Limiter.
func (l *Limiter) Take(ctx context.Context, takes ...limit.Take) ([]limit.Verdict, error) {
	const op = "memory.Take"
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := limit.Check(op, takes); err != nil {
		return nil, err
	}
	verdicts := make([]limit.Verdict, len(takes))
	var rooms [limit.MaxTakes]int
	var owed [limit.MaxTakes]float64
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.until == nil {
		return nil, fault.New(fault.Unavailable, op, "the limiter is closed").Coded("closed")
	}
	now, enough := l.now(), true
	for i, take := range takes {
		owed[i] = max(l.until[take.Key]-now, 0)
		if most := float64(take.Rate.Most()) * take.Rate.Interval(); owed[i] > most { // at another rate
			owed[i] = most
			l.until[take.Key] = now + most
		}
		rooms[i] = take.Room(owed[i])
		enough = enough && take.Enough(rooms[i])
	}
	for i, take := range takes {
		verdicts[i] = take.Judge(rooms[i], owed[i], enough)
		if enough && take.Amount > 0 {
			l.keep(take.Key, now, now+owed[i]+float64(take.Amount)*take.Rate.Interval())
		}
	}
	return verdicts, nil
}

// now returns the time, in microseconds.
func (l *Limiter) now() float64 { return float64(time.Since(l.began)) / float64(time.Microsecond) }

// keep keeps until when something is taken from the key. The caller holds the lock.
func (l *Limiter) keep(key string, now, until float64) {
	if _, known := l.until[key]; !known && len(l.until) >= l.sweep {
		l.forget(now)
	}
	l.until[key] = until
}

// forget forgets the keys that are over, and where that is not enough those that are
// next. The caller holds the lock.
func (l *Limiter) forget(now float64) {
	for key, until := range l.until {
		if until <= now {
			delete(l.until, key)
		}
	}
	if keep := l.most - max(l.most/sparedShare, 1); len(l.until) > keep {
		times := make([]float64, 0, len(l.until))
		for _, until := range l.until {
			times = append(times, until)
		}
		slices.Sort(times)
		excess := len(times) - keep
		last := times[excess-1]
		for key, until := range l.until {
			if until <= last && excess > 0 {
				delete(l.until, key)
				excess--
			}
		}
	}
	l.sweep = min(max(2*len(l.until), firstSweep), l.most)
}

// Held returns how many keys the limiter counts, those that are over and not yet
// forgotten included.
func (l *Limiter) Held() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.until)
}

// Close forgets everything.
func (l *Limiter) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.until = nil
	return nil
}
