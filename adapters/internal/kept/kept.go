// Package kept keeps what was read of a store of secrets elsewhere, so that a request
// need not wait for it and an outage of it ends nothing. Start at [New]; entry.go says
// what is kept of one secret and for how long.
package kept

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/ports/secrets"
)

// Bounds of how a store is asked.
const (
	// Patience is how long a secret is asked for at most, with all repetitions.
	Patience = 10 * time.Second

	// attempt is how long the store may take for one answer.
	attempt = 4 * time.Second

	// attempts is how often a store that fails is asked in Patience at most.
	attempts = 3

	// pause is how long the first repetition waits at least; the next waits twice as long.
	pause = 250 * time.Millisecond

	// rest is how long a store that failed is left alone, if it does not ask for more.
	rest = 5 * time.Second

	// maxRest is the most that it may ask for: what it asks beyond is asked again then.
	maxRest = time.Minute

	// early is the age from which a secret is read again while it is still given.
	early = secrets.Fresh / 2
)

// A Read asks the store for all that the secret with that name and version is, without
// a look at ref.Field. Its errors have a fault.Kind, and [Later] among their causes if
// the store says when to ask again.
type Read func(ctx context.Context, ref secrets.Ref) (string, error)

// Later is a cause of an error that says how long the store is to be left alone.
type Later struct{ Wait time.Duration }

// Error says when.
func (l Later) Error() string { return "it asks to be left alone for " + l.Wait.String() }

// Config says what is kept.
type Config struct {
	Op     string           // of the errors that are made here, such as vault.Secret
	Read   Read             // required
	Failed func(error)      // is told at most once a minute of what is served though it cannot be read; nil tells nobody
	Now    func() time.Time // nil is time.Now
}

// A Source is what a secrets.Source of a store elsewhere is made of: it gives what it
// read for at most secrets.Fresh, and from half of that on asks again meanwhile; while
// the store cannot be read it gives that for secrets.Outage. A secret that many ask for
// at once is read once. It is safe for concurrent use.
type Source struct {
	cfg     Config
	ctx     context.Context //nolint:containedctx // of all reading, which goes on when who asked for it is gone
	cancel  context.CancelFunc
	reading sync.WaitGroup

	mu      sync.Mutex
	entries map[secrets.Ref]*entry
	resting time.Time // until when the store is left alone
	failure error     // why
	told    time.Time // when Failed was
	closed  bool
}

// New returns a source that has read nothing yet.
func New(cfg Config) *Source {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Failed == nil {
		cfg.Failed = func(error) {}
	}
	s := &Source{cfg: cfg, entries: map[secrets.Ref]*entry{}}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	return s
}

// Secret returns what is kept, or reads it. What it reads it reads to the end, whoever
// waits for it no longer.
func (s *Source) Secret(ctx context.Context, ref secrets.Ref) (string, error) {
	if err := ctx.Err(); err != nil {
		return "", err
	}
	whole := ref
	whole.Field = ""                  // fields of one secret fit one another, and are read once
	value, read, err := s.look(whole) //nolint:contextcheck // what is read is for all who wait
	if read != nil {
		select {
		case <-ctx.Done():
			return "", ctx.Err()
		case <-read.done:
			value, err = read.value, read.err
		}
	}
	if err != nil {
		return "", err
	}
	return ref.Of(s.cfg.Op, value)
}

// Close ends what is being read, and forgets everything.
func (s *Source) Close() error {
	s.mu.Lock()
	s.closed = true
	clear(s.entries)
	s.mu.Unlock()
	s.cancel()
	s.reading.Wait()
	return nil
}

// look returns what is known of the secret, or the reading that is to be waited for.
func (s *Source) look(ref secrets.Ref) (string, *reading, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return "", nil, fault.New(fault.Unavailable, s.cfg.Op, "the source of secrets is closed")
	}
	now := s.cfg.Now()
	e, known := s.entries[ref]
	if !known {
		e = &entry{}
	}
	age := now.Sub(e.at)
	usable := e.known && age < secrets.Outage
	switch {
	case e.known && age < early:
		return e.value, nil, nil
	case usable && (age < secrets.Fresh || e.failing):
		s.begin(ref, e, now)
		return e.value, nil, nil
	}
	if read := s.begin(ref, e, now); read != nil {
		return "", read, nil
	}
	if usable {
		return e.value, nil, nil
	}
	return "", nil, s.failure
}

// begin returns the reading of a secret: the one under way, or a new one, or none while
// the store is left alone.
func (s *Source) begin(ref secrets.Ref, e *entry, now time.Time) *reading {
	if e.reading != nil || now.Before(s.resting) {
		return e.reading
	}
	e.reading = &reading{began: now, done: make(chan struct{})}
	s.entries[ref] = e
	s.reading.Go(func() {
		value, err := s.read(ref)
		s.end(ref, e, value, err)
	})
	return e.reading
}

// read asks the store, again if it fails as it may the next time not.
func (s *Source) read(ref secrets.Ref) (string, error) {
	ctx, cancel := context.WithTimeout(s.ctx, Patience)
	defer cancel()
	deadline := time.Now().Add(Patience)
	for n, wait := 1, pause; ; n, wait = n+1, 2*wait {
		value, err := s.once(ctx, ref)
		if fault.KindOf(err) != fault.Unavailable || n == attempts {
			return value, err
		}
		wait := max(wait, asked(err))
		if time.Until(deadline) < wait {
			return "", err
		}
		select {
		case <-ctx.Done():
			return "", err
		case <-time.After(wait):
		}
	}
}

// once asks the store once. That time ran out is the store's failure, not its caller's.
func (s *Source) once(ctx context.Context, ref secrets.Ref) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, attempt)
	defer cancel()
	value, err := s.cfg.Read(ctx, ref)
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		err = fault.New(fault.Unavailable, s.cfg.Op, "the store of secrets did not answer in time").Coded("timeout").
			Hinting("look whether it is reachable from here").Because(err)
	}
	return value, err
}

// asked returns how long the store wants to be left alone, 0 if it does not say.
func asked(err error) time.Duration {
	var later Later
	if errors.As(err, &later) {
		return later.Wait
	}
	return 0
}
