package bearer

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/portolan-io/portolan/core/fault"
)

// When keys are asked for.
const (
	askAgain      = time.Minute      // the least time between two requests, while there are keys
	firstRetry    = time.Second      // after the first failure while there are none; each further one doubles it
	usualPause    = 10 * time.Minute // between two requests, if the issuer does not say how long keys are fresh
	longestPause  = time.Hour        // whatever the issuer says, so that a key it takes back is not used for a day
	freshForNever = -1               // the issuer says nothing of how long
)

// A fetcher returns the keys that an issuer has now, and for how long they are
// fresh, freshForNever if it does not say.
type fetcher func(ctx context.Context) (keys []key, fresh time.Duration, err error)

// A keySet holds the keys of one issuer.
//
// It asks for them again in the background, before they are no longer fresh; and
// once a minute at most when a token names a key that it has not got, however
// many do. Nothing is kept of such a name. If the issuer does not answer, the
// keys that it gave last stay good for as long as stale says.
type keySet struct {
	fetch fetcher
	stale time.Duration

	mu     sync.Mutex
	keys   []key
	heard  time.Time     // when the issuer last gave keys; zero if never
	asked  time.Time     // when it was last asked
	due    time.Time     // when it is to be asked again
	fails  int           // how often in a row it gave none
	failed error         // why it gave none when it was last asked, or nil
	flight chan struct{} // closed when the request that is on its way has ended; nil if none is

	stop   context.CancelFunc
	loop   context.Context //nolint:containedctx // it is the life of the set, which ends with close, and no caller's
	active sync.WaitGroup
}

func newKeySet(fetch fetcher, stale time.Duration) *keySet {
	return &keySet{fetch: fetch, stale: stale}
}

// start asks for the keys for the first time, and begins to do so again and again
// until close. What ctx holds stays of use; that it is done does not matter.
func (s *keySet) start(ctx context.Context) {
	s.loop, s.stop = context.WithCancel(context.WithoutCancel(ctx))
	s.mu.Lock()
	s.ask()
	s.mu.Unlock()
	s.active.Go(s.refresh)
}

// first waits for the first answer. It returns an error if that is none of an
// issuer as configured, but not if there was none.
func (s *keySet) first(ctx context.Context) error {
	s.mu.Lock()
	flight := s.flight
	s.mu.Unlock()
	if flight != nil {
		select {
		case <-flight:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if errors.Is(s.failed, fault.Invalid) {
		return s.failed
	}
	return nil
}

// close ends what start began, and waits for it.
func (s *keySet) close() {
	s.mu.Lock() // so that nothing begins afterwards
	s.stop()
	s.mu.Unlock()
	s.active.Wait()
}

// find returns the keys of the name that are good for the algorithm: of those
// without a name the one that there is. It returns an error if that cannot be
// told, and no keys if the issuer has none.
func (s *keySet) find(ctx context.Context, kid, algorithm string) ([]key, error) {
	s.mu.Lock()
	found, named, err := s.look(kid, algorithm)
	if err != nil || named {
		s.mu.Unlock()
		return found, err
	}
	if s.flight == nil && time.Since(s.asked) < askAgain {
		defer s.mu.Unlock()
		return nil, s.failed
	}
	flight := s.ask()
	s.mu.Unlock()
	select {
	case <-flight:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if found, named, err = s.look(kid, algorithm); err != nil || named {
		return found, err
	}
	return nil, s.failed
}

// look returns what of the keys at hand is wanted, and whether one has the name.
// An error says that those at hand are not to be used. s.mu is held.
func (s *keySet) look(kid, algorithm string) (found []key, named bool, err error) {
	switch {
	case s.heard.IsZero() && s.failed == nil:
		return nil, false, errors.New("the issuer was not heard of yet")
	case s.heard.IsZero():
		return nil, false, s.failed
	case time.Since(s.heard) >= s.stale:
		return nil, false, fault.New(fault.Unavailable, "bearer.keys", "the issuer was not heard of for %v", s.stale).Because(s.failed)
	}
	for _, k := range s.keys {
		if kid != "" && k.id != kid {
			continue
		}
		named = true
		if slices.Contains(k.algorithms, algorithm) {
			found = append(found, k)
		}
	}
	if kid == "" && len(found) > 1 {
		return nil, true, nil // which of them would be a guess (OpenID Connect Core §10.1)
	}
	return found, named, nil
}

// ask begins to ask for the keys, unless that has begun already, and returns what
// is closed when it has ended. s.mu is held.
func (s *keySet) ask() <-chan struct{} {
	if s.flight != nil {
		return s.flight
	}
	flight := make(chan struct{})
	if s.loop.Err() != nil {
		close(flight)
		return flight
	}
	s.flight, s.asked = flight, time.Now()
	s.active.Go(func() {
		defer close(flight)
		keys, fresh, err := s.fetch(s.loop)
		s.mu.Lock()
		defer s.mu.Unlock()
		s.flight = nil
		s.settle(keys, fresh, err)
	})
	return flight
}

// settle notes an answer. s.mu is held.
func (s *keySet) settle(keys []key, fresh time.Duration, err error) {
	now := time.Now()
	s.failed = err
	if err != nil {
		s.fails++
		pause := askAgain
		if s.heard.IsZero() {
			pause = min(askAgain, firstRetry<<min(s.fails-1, 6))
		}
		s.due = now.Add(pause)
		return
	}
	if fresh == freshForNever {
		fresh = usualPause
	}
	s.keys, s.heard, s.fails = keys, now, 0
	s.due = now.Add(max(askAgain, min(fresh, longestPause)*4/5))
}

// refresh asks whenever that is due, until the set is closed.
func (s *keySet) refresh() {
	for {
		s.mu.Lock()
		flight, pause := (<-chan struct{})(s.flight), time.Until(s.due)
		if flight == nil && pause <= 0 {
			flight = s.ask()
		}
		s.mu.Unlock()
		if flight != nil {
			<-flight // which ends when the set is closed, because its request does
			pause = 0
		}
		timer := time.NewTimer(pause)
		select {
		case <-s.loop.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
	}
}
