package redis

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/portolan-io/portolan/ports/cache"
)

// A session is a cache.Session. It has connections of its own, each of which was
// looked at before it was used: no other server than the bound one ever sees a call.
type session struct {
	cache    *Cache
	client   goredis.UniversalClient
	identity string
	namer    namer
	closed   atomic.Bool
	other    atomic.Bool // the server was another one, or no primary any more
}

// Bind implements cache.Server.
func (c *Cache) Bind(identity, epoch string) cache.Session {
	s := &session{cache: c, identity: identity, namer: newNamer(c.cfg.Prefix, epoch)}
	s.client = c.link.client(expecting(strings.Split(identity, ",")), c.base)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.sessions == nil { // closed meanwhile
		s.closed.Store(true)
		_ = s.client.Close()
		return s
	}
	c.sessions[s] = true
	return s
}

// open returns why nothing can be asked.
func (s *session) open(ctx context.Context, op string) error {
	if err := s.cache.open(ctx, op); err != nil {
		return err
	}
	if s.closed.Load() {
		return closed(op)
	}
	if s.other.Load() {
		return otherServer(op)
	}
	return nil
}

// failed returns the error of a call that was begun. Once the server was another one,
// or no primary, the session asks it nothing more: what it has lost it does not get
// back by being promoted again.
func (s *session) failed(ctx context.Context, op string, err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, errOther) || codeOf(err) == "READONLY" {
		s.other.Store(true)
	}
	if done := s.open(ctx, op); done != nil {
		return done
	}
	return classify(op, err)
}

// Announce implements cache.Session.
func (s *session) Announce(ctx context.Context, collections []string, ttl time.Duration) error {
	const op = "redis.Announce"
	if err := s.open(ctx, op); err != nil || len(collections) == 0 {
		return err
	}
	_, err := s.client.Pipelined(ctx, func(p goredis.Pipeliner) error {
		for _, c := range collections {
			p.Set(ctx, key(s.namer.base(c), ofEpoch, ""), "1", milliseconds(ttl))
		}
		return nil
	})
	return s.failed(ctx, op, err)
}

// Renew implements cache.Session. It also asks whether the server is still what it
// was: a primary that somebody has made a replica keeps its connections, and answers
// reads over them.
func (s *session) Renew(ctx context.Context, collections []string, ttl time.Duration) error {
	const op = "redis.Renew"
	if err := s.open(ctx, op); err != nil {
		return err
	}
	known := make([]*goredis.BoolCmd, len(collections))
	renew := func(p goredis.Pipeliner) {
		for i, c := range collections {
			known[i] = p.PExpire(ctx, key(s.namer.base(c), ofEpoch, ""), milliseconds(ttl))
		}
	}
	var now string
	var err error
	if s.cache.cfg.Cluster {
		now, err = s.renewCluster(ctx, renew)
	} else {
		var n node
		n, err = ask(ctx, s.client, vital, renew)
		now = n.name()
	}
	if err == nil && now != s.identity {
		err = errOther
	}
	if err != nil {
		return s.failed(ctx, op, err)
	}
	for i, c := range collections {
		if !known[i].Val() {
			return epochLost(op, c)
		}
	}
	return nil
}

// renewCluster renews, and then asks all primaries who they are.
func (s *session) renewCluster(ctx context.Context, renew func(goredis.Pipeliner)) (identity string, err error) {
	if _, err := s.client.Pipelined(ctx, func(p goredis.Pipeliner) error {
		renew(p)
		return nil
	}); err != nil {
		return "", err
	}
	nodes, err := s.cache.nodes(ctx)
	return identityOf(nodes), err
}

// Fill implements cache.Session.
func (s *session) Fill(ctx context.Context, collection, name string, value []byte, ttl time.Duration) error {
	const op = "redis.Fill"
	if err := s.open(ctx, op); err != nil {
		return err
	}
	return s.failed(ctx, op, set(ctx, s.client, key(s.namer.base(collection), ofName, name), value, ttl))
}

// Close implements cache.Session.
func (s *session) Close() error {
	if s.closed.Swap(true) {
		return nil
	}
	s.cache.mu.Lock()
	delete(s.cache.sessions, s)
	s.cache.mu.Unlock()
	_ = s.client.Close() // what it held is let go, whatever it says
	return nil
}

// milliseconds returns the time for which Redis is told to keep what may be kept for
// ttl at most, which is one millisecond at least.
func milliseconds(ttl time.Duration) time.Duration {
	return time.Duration(max(exactly(ttl), 1)) * time.Millisecond
}
