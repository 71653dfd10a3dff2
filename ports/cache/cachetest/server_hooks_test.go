package cachetest_test

import (
	"context"
	"time"

	"github.com/portolan-io/portolan/ports/cache"
)

// A hookedServer does what its functions say, where it has them.
type hookedServer struct {
	sharedServer
	identity func(ctx context.Context) (string, error)
	bind     func(identity, epoch string) cache.Session
	ping     func(ctx context.Context) error
	close    func() error
}

func (h hookedServer) Identity(ctx context.Context) (string, error) {
	if h.identity != nil {
		return h.identity(ctx)
	}
	return h.sharedServer.Identity(ctx)
}

func (h hookedServer) Bind(identity, epoch string) cache.Session {
	if h.bind != nil {
		return h.bind(identity, epoch)
	}
	return h.sharedServer.Bind(identity, epoch)
}

func (h hookedServer) Ping(ctx context.Context) error {
	if h.ping != nil {
		return h.ping(ctx)
	}
	return h.sharedServer.Ping(ctx)
}

func (h hookedServer) Close() error {
	if h.close != nil {
		return h.close()
	}
	return h.sharedServer.Close()
}

// A hookedSession does what its functions say, where it has them.
type hookedSession struct {
	cache.Session
	announce func(ctx context.Context, collections []string, ttl time.Duration) error
	renew    func(ctx context.Context, collections []string, ttl time.Duration) error
	read     func(ctx context.Context, collection string, tags []string, name string) (cache.Marks, error)
	lease    func(ctx context.Context, collection string, tags []string, name, token string, within time.Duration) ([]string, bool, error)
	fill     func(ctx context.Context, collection, name string, value []byte, ttl time.Duration) error
	fence    func(ctx context.Context, collection string, tags []string, fence string) error
	lift     func(ctx context.Context, collection string, tags, fences []string) error
	close    func() error
}

func (h *hookedSession) Announce(ctx context.Context, collections []string, ttl time.Duration) error {
	if h.announce != nil {
		return h.announce(ctx, collections, ttl)
	}
	return h.Session.Announce(ctx, collections, ttl)
}

func (h *hookedSession) Renew(ctx context.Context, collections []string, ttl time.Duration) error {
	if h.renew != nil {
		return h.renew(ctx, collections, ttl)
	}
	return h.Session.Renew(ctx, collections, ttl)
}

func (h *hookedSession) Read(ctx context.Context, collection string, tags []string, name string) (cache.Marks, error) {
	if h.read != nil {
		return h.read(ctx, collection, tags, name)
	}
	return h.Session.Read(ctx, collection, tags, name)
}

func (h *hookedSession) Lease(ctx context.Context, collection string, tags []string, name, token string, within time.Duration) ([]string, bool, error) {
	if h.lease != nil {
		return h.lease(ctx, collection, tags, name, token, within)
	}
	return h.Session.Lease(ctx, collection, tags, name, token, within)
}

func (h *hookedSession) Fill(ctx context.Context, collection, name string, value []byte, ttl time.Duration) error {
	if h.fill != nil {
		return h.fill(ctx, collection, name, value, ttl)
	}
	return h.Session.Fill(ctx, collection, name, value, ttl)
}

func (h *hookedSession) Fence(ctx context.Context, collection string, tags []string, fence string) error {
	if h.fence != nil {
		return h.fence(ctx, collection, tags, fence)
	}
	return h.Session.Fence(ctx, collection, tags, fence)
}

func (h *hookedSession) Lift(ctx context.Context, collection string, tags, fences []string) error {
	if h.lift != nil {
		return h.lift(ctx, collection, tags, fences)
	}
	return h.Session.Lift(ctx, collection, tags, fences)
}

func (h *hookedSession) Close() error {
	if h.close != nil {
		return h.close()
	}
	return h.Session.Close()
}
