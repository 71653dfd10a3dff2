package layer

import (
	"context"
	"time"

	"github.com/portolan-io/portolan/ports/cache"
	"github.com/portolan-io/portolan/ports/telemetry"
)

// TraceCache returns c with its calls told to the observer, as operations of the
// port "cache" with the name of the method: all of Set, Delete and Ping, and of
// Get those that fail. To tell each Get would cost as much as the answer itself;
// [CountLooks] counts them. Close is not told.
// A method System of c is as that of the store of [Trace].
func TraceCache(c cache.Cache, observer telemetry.Observer) cache.Cache {
	return tracedCache{Cache: c, observer: observer, system: systemOf(c)}
}

type tracedCache struct {
	cache.Cache
	observer telemetry.Observer
	system   string
}

func (t tracedCache) start(ctx context.Context, name string) (context.Context, func(error)) {
	return t.observer.Start(ctx, telemetry.Op{Port: "cache", Name: name, System: t.system})
}

// Get is told after the fact, so its duration is not.
func (t tracedCache) Get(ctx context.Context, key string) (value []byte, found bool, err error) {
	value, found, err = t.Cache.Get(ctx, key)
	if err != nil {
		_, end := t.start(ctx, "Get")
		end(err)
	}
	return value, found, err
}

func (t tracedCache) Set(ctx context.Context, key string, value []byte, ttl time.Duration) (err error) {
	ctx, end := t.start(ctx, "Set")
	defer func() { end(err) }()
	return t.Cache.Set(ctx, key, value, ttl)
}

func (t tracedCache) Delete(ctx context.Context, keys ...string) (err error) {
	ctx, end := t.start(ctx, "Delete")
	defer func() { end(err) }()
	return t.Cache.Delete(ctx, keys...)
}

func (t tracedCache) Ping(ctx context.Context) (err error) {
	ctx, end := t.start(ctx, "Ping")
	defer func() { end(err) }()
	return t.Cache.Ping(ctx)
}
