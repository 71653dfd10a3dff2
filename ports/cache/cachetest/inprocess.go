package cachetest

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/ports/cache"
)

// A Shared is a server that instances share, in this process: for tests of what
// stands on one, and of what becomes of that when the server is lost. Each
// instance reaches it through a [Shared.Line] of its own.
//
// It is safe for concurrent use.
type Shared struct {
	mu    sync.Mutex
	life  string // its identity
	lives int
	kept  map[string]keptMark
	down  bool
	full  bool
}

// A keptMark is a mark or a value with its end; the zero time is none.
type keptMark struct {
	text  string
	until time.Time
}

// NewShared returns an empty server.
func NewShared() *Shared {
	s := &Shared{kept: make(map[string]keptMark)}
	s.reborn()
	return s
}

// reborn gives the server another identity.
func (s *Shared) reborn() {
	s.lives++
	s.life = fmt.Sprintf("life-%d-%p", s.lives, s)
}

// Restart is what kill and start do: nothing is left.
func (s *Shared) Restart() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.kept)
	s.reborn()
}

// Flush empties the server, which stays the same.
func (s *Shared) Flush() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.kept)
}

// Snapshot is what a replica would have now. Failover makes it what the server
// has, under another identity: what it was told since is lost.
func (s *Shared) Snapshot() (failover func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	kept := maps.Clone(s.kept)
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.kept = kept
		s.reborn()
	}
}

// Down says whether the server answers nobody.
func (s *Shared) Down(down bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.down = down
}

// Full says whether the server has no room for anything new.
func (s *Shared) Full(full bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.full = full
}

// Evict forgets what drop says of what may be forgotten: tokens and values, and no
// fence.
func (s *Shared) Evict(drop func(key string) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	maps.DeleteFunc(s.kept, func(key string, mark keptMark) bool {
		return !strings.HasPrefix(mark.text, cache.FenceMark) && !strings.HasSuffix(key, "\x00epoch") && drop(key)
	})
}

// A Line is the way of one instance to a [Shared]. It is a cache.Server.
type Line struct {
	server *Shared
	mu     sync.Mutex
	cut    bool
	closed bool
	delay  func(ctx context.Context) // called before and after each step
}

var _ cache.Server = (*Line)(nil)

// Line returns a new way to the server. Delay, if it is not nil, is called before
// each step and after it, outside of all locks.
func (s *Shared) Line(delay func(ctx context.Context)) *Line {
	if delay == nil {
		delay = func(context.Context) {}
	}
	return &Line{server: s, delay: delay}
}

// Cut says whether nothing comes through: neither a call nor the answer to one
// that was done.
func (l *Line) Cut(cut bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cut = cut
}

func unreachable() error {
	return fault.New(fault.Unavailable, "cachetest.Line", "the server does not answer")
}

// open returns why nothing can be asked.
func (l *Line) open(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.closed:
		return fault.New(fault.Unavailable, "cachetest.Line", "the server is closed").Coded("closed")
	case l.cut:
		return unreachable()
	}
	return nil
}

// step does one step at the server, whose answer may be lost.
func (l *Line) step(ctx context.Context, do func(s *Shared, now time.Time) error) error {
	if err := l.open(ctx); err != nil {
		return err
	}
	l.delay(ctx)
	if err := l.open(ctx); err != nil {
		return err
	}
	err := l.server.step(do)
	l.delay(ctx)
	if lost := l.open(ctx); lost != nil {
		return lost
	}
	return err
}

func (s *Shared) step(do func(s *Shared, now time.Time) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.down {
		return unreachable()
	}
	return do(s, time.Now())
}

// get returns what is kept under the key.
func (s *Shared) get(key string, now time.Time) (string, bool) {
	mark, ok := s.kept[key]
	if ok && !mark.until.IsZero() && !now.Before(mark.until) {
		delete(s.kept, key)
		return "", false
	}
	return mark.text, ok
}

// Identity is of cache.Server.
func (l *Line) Identity(ctx context.Context) (identity string, err error) {
	err = l.step(ctx, func(s *Shared, _ time.Time) error {
		identity = s.life
		return nil
	})
	return identity, err
}

// Bind is of cache.Server.
func (l *Line) Bind(identity, epoch string) cache.Session {
	return &session{line: l, identity: identity, epoch: epoch}
}

// Ping is of cache.Server.
func (l *Line) Ping(ctx context.Context) error {
	return l.step(ctx, func(*Shared, time.Time) error { return nil })
}

// Close is of cache.Server.
func (l *Line) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	return nil
}

// A session is a cache.Session over a Line.
type session struct {
	line            *Line
	identity, epoch string
	closed          atomic.Bool
}

// step does one step if the server is still the same.
func (b *session) step(ctx context.Context, do func(s *Shared, now time.Time) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if b.closed.Load() {
		return fault.New(fault.Unavailable, "cachetest.Session", "the session is closed").Coded("closed")
	}
	return b.line.step(ctx, func(s *Shared, now time.Time) error {
		if s.life != b.identity {
			return fault.New(fault.Conflict, "cachetest.Session", "the server is another one now").Coded(cache.OtherServer)
		}
		return do(s, now)
	})
}

func (b *session) key(kind, collection, name string) string {
	return strings.Join([]string{b.epoch, strconv.Itoa(len(collection)), collection, name, kind}, "\x00")
}

func (b *session) known(s *Shared, collection string, now time.Time) error {
	if _, ok := s.get(b.key("epoch", collection, ""), now); !ok {
		return fault.New(fault.Conflict, "cachetest.Session", "the epoch is not known of %s", collection).Coded(cache.EpochLost)
	}
	return nil
}

func (b *session) Announce(ctx context.Context, collections []string, ttl time.Duration) error {
	return b.step(ctx, func(s *Shared, now time.Time) error {
		for _, c := range collections {
			s.kept[b.key("epoch", c, "")] = keptMark{until: now.Add(ttl)}
		}
		return nil
	})
}

func (b *session) Renew(ctx context.Context, collections []string, ttl time.Duration) error {
	return b.step(ctx, func(s *Shared, now time.Time) error {
		for _, c := range collections {
			if err := b.known(s, c, now); err != nil {
				return err
			}
			s.kept[b.key("epoch", c, "")] = keptMark{until: now.Add(ttl)}
		}
		return nil
	})
}

func (b *session) Read(ctx context.Context, collection string, tags []string, name string) (marks cache.Marks, err error) {
	err = b.step(ctx, func(s *Shared, now time.Time) error {
		if err := b.known(s, collection, now); err != nil {
			return err
		}
		marks.Tags = b.marks(s, collection, tags, now)
		if value, ok := s.get(b.key("value", collection, name), now); ok && name != "" {
			marks.Value = []byte(value)
		}
		return nil
	})
	return marks, err
}

func (b *session) marks(s *Shared, collection string, tags []string, now time.Time) []string {
	marks := make([]string, len(tags))
	for i, tag := range tags {
		marks[i], _ = s.get(b.key("tag", collection, tag), now)
	}
	return marks
}

func (b *session) Lease(ctx context.Context, collection string, tags []string, name, token string, within time.Duration) (marks []string, first bool, err error) {
	err = b.step(ctx, func(s *Shared, now time.Time) error {
		for _, tag := range tags {
			if _, ok := s.get(b.key("tag", collection, tag), now); !ok && !s.full {
				s.kept[b.key("tag", collection, tag)] = keptMark{token, now.Add(cache.TokenTTL)}
			}
		}
		marks = b.marks(s, collection, tags, now)
		lease, all := b.key("lease", collection, name), strings.Join(marks, "\n")
		if granted, taken := s.get(lease, now); !taken || granted != all {
			first = true
			s.kept[lease] = keptMark{all, now.Add(within)}
		}
		return nil
	})
	return marks, first, err
}

func (b *session) Fill(ctx context.Context, collection, name string, value []byte, ttl time.Duration) error {
	return b.step(ctx, func(s *Shared, now time.Time) error {
		key := b.key("value", collection, name)
		delete(s.kept, key)
		if ttl > 0 && !s.full {
			s.kept[key] = keptMark{string(value), now.Add(ttl)}
		}
		return nil
	})
}

func (b *session) Fence(ctx context.Context, collection string, tags []string, fence string) error {
	return b.step(ctx, func(s *Shared, now time.Time) error {
		if err := b.known(s, collection, now); err != nil {
			return err
		}
		if s.full {
			return fault.New(fault.Unavailable, "cachetest.Session", "the server is full")
		}
		for _, tag := range tags {
			key := b.key("tag", collection, tag)
			mark, _ := s.get(key, now)
			if fences := cache.Fences(mark); !slices.Contains(fences, fence) {
				s.kept[key] = keptMark{text: cache.FenceMarkOf(append(fences, fence))}
			}
		}
		return nil
	})
}

func (b *session) Lift(ctx context.Context, collection string, tags, fences []string) error {
	return b.step(ctx, func(s *Shared, now time.Time) error {
		for _, tag := range tags {
			key := b.key("tag", collection, tag)
			mark, _ := s.get(key, now)
			standing := cache.Fences(mark)
			if len(standing) == 0 {
				continue
			}
			left := slices.DeleteFunc(standing, func(f string) bool { return slices.Contains(fences, f) })
			if mark := cache.FenceMarkOf(left); mark != "" {
				s.kept[key] = keptMark{text: mark}
			} else {
				delete(s.kept, key)
			}
		}
		return nil
	})
}

func (b *session) Close() error {
	b.closed.Store(true)
	return nil
}
