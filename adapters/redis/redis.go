// Package redis keeps answers in a Redis server, a Redis Cluster, or what Sentinel
// says is the primary: for one instance as a cache.Cache, and for several that share
// it as a cache.Server. Start at [Open]; session.go, read.go and scripts.go are the
// marks by which instances agree, identity.go is how a connection is known to reach
// the server that it should.
package redis

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"

	goredis "github.com/redis/go-redis/v9"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/ports/cache"
)

// A Cache is a cache.Cache and a cache.Server over Redis.
//
// A call takes as long as its context, the waits of [Config] and nothing else let
// it; one that is cancelled without a deadline ends within Config.Timeout.
type Cache struct {
	cfg    Config
	link   *link
	base   goredis.UniversalClient // bound to nothing
	values namer
	closed atomic.Bool

	mu       sync.Mutex
	sessions map[*session]bool
}

var (
	_ cache.Cache  = (*Cache)(nil)
	_ cache.Server = (*Cache)(nil)
)

// Open connects to the server, or finds that it cannot be reached now, which is no
// error: a cache may be down while a service starts. It returns fault.Invalid if the
// configuration cannot be right, and fault.Unavailable if the server refuses the user
// or the password. The caller closes the Cache.
func Open(ctx context.Context, cfg Config) (*Cache, error) {
	silence()
	if err := cfg.complete(); err != nil {
		return nil, err
	}
	return open(ctx, cfg)
}

func open(ctx context.Context, cfg Config) (*Cache, error) {
	link, err := cfg.link(ctx)
	if err != nil {
		return nil, err
	}
	base := link.client(nil, nil)
	c := &Cache{cfg: cfg, link: link, base: base, values: newNamer(cfg.Prefix, ""), sessions: make(map[*session]bool)}
	if err := c.Ping(ctx); err != nil && (ctx.Err() != nil || fault.Of(err).Code != unreachable) {
		return nil, errors.Join(err, base.Close())
	}
	return c, nil
}

// open returns why nothing can be asked.
func (c *Cache) open(ctx context.Context, op string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if c.closed.Load() {
		return closed(op)
	}
	return nil
}

// failed returns the error of a call that was begun.
func (c *Cache) failed(ctx context.Context, op string, err error) error {
	if err == nil {
		return nil
	}
	if done := c.open(ctx, op); done != nil {
		return done
	}
	return classify(op, err)
}

// System returns what OpenTelemetry calls the server.
func (c *Cache) System() string { return "redis" }

// Ping returns nil if the server answers.
func (c *Cache) Ping(ctx context.Context) error {
	const op = "redis.Ping"
	if err := c.open(ctx, op); err != nil {
		return err
	}
	return c.failed(ctx, op, c.base.Ping(ctx).Err())
}

// Close closes all connections, those of sessions too.
func (c *Cache) Close() error {
	if c.closed.Swap(true) {
		return nil
	}
	c.mu.Lock()
	sessions := c.sessions
	c.sessions = nil
	c.mu.Unlock()
	for s := range sessions {
		_ = s.client.Close() // what it held is let go, whatever it says
	}
	_ = c.base.Close()
	return nil
}

// silence keeps go-redis from writing to the standard error output by itself: what
// fails is an error of a call.
var silence = sync.OnceValue(func() bool {
	goredis.SetLogger(mute{})
	return true
})

type mute struct{}

func (mute) Printf(context.Context, string, ...any) {}
