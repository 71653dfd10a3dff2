package cachetest_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"sync"
	"sync/atomic"
	"time"

	"github.com/portolan-io/portolan/ports/cache"
)

// layered has a second cache that a Delete forgets to ask.
func layered(c cache.Cache) cache.Cache {
	var below sync.Map
	return hooked{
		Cache: c,
		get: func(ctx context.Context, key string) ([]byte, bool, error) {
			value, found, err := c.Get(ctx, key)
			if older, ok := below.Load(key); !found && err == nil && ok {
				return older.([]byte), true, nil
			}
			return value, found, err
		},
		set: func(ctx context.Context, key string, value []byte, ttl time.Duration) error {
			if before, found, err := c.Get(ctx, key); found && err == nil {
				below.Store(key, before)
			}
			return c.Set(ctx, key, value, ttl)
		},
	}
}

// byFirstTTL changes values where they lie, with the end that they have.
func byFirstTTL(c cache.Cache) cache.Cache {
	var ends sync.Map
	return sets(func(ctx context.Context, c cache.Cache, key string, value []byte, ttl time.Duration) error {
		end, _ := ends.LoadOrStore(key, time.Now().Add(ttl))
		return c.Set(ctx, key, value, time.Until(end.(time.Time)))
	})(c)
}

// references keeps the slices that it is given.
func references(c cache.Cache) cache.Cache {
	var kept sync.Map
	return hooked{
		Cache: c,
		get: func(_ context.Context, key string) ([]byte, bool, error) {
			value, found := kept.Load(key)
			if !found {
				return nil, false, nil
			}
			return value.([]byte), true, nil
		},
		set: func(_ context.Context, key string, value []byte, _ time.Duration) error {
			kept.Store(key, value)
			return nil
		},
	}
}

// oneBuffer returns a buffer that it uses again.
func oneBuffer(c cache.Cache) cache.Cache {
	buffer := make([]byte, 1<<20)
	return gets(func(ctx context.Context, c cache.Cache, key string) ([]byte, bool, error) {
		value, found, err := c.Get(ctx, key)
		return append(buffer[:0], value...), found, err
	})(c)
}

// slots keeps a value in the place of its key's hash and does not look whose it
// is.
func slots(c cache.Cache) cache.Cache {
	return keyed(func(key string) string { return fmt.Sprint(crc32.ChecksumIEEE([]byte(key)) % 20_000) })(c)
}

// halves keeps a value as two, and others come in between.
func halves(c cache.Cache) cache.Cache {
	return hooked{
		Cache: c,
		get: func(ctx context.Context, key string) ([]byte, bool, error) {
			first, ok, err := c.Get(ctx, key+"/1")
			if !ok || err != nil {
				return nil, false, err
			}
			time.Sleep(time.Microsecond)
			second, ok, err := c.Get(ctx, key+"/2")
			return append(bytes.Clone(first), second...), ok, err
		},
		set: func(ctx context.Context, key string, value []byte, ttl time.Duration) error {
			return errors.Join(c.Set(ctx, key+"/1", value[:len(value)/2], ttl), c.Set(ctx, key+"/2", value[len(value)/2:], ttl))
		},
		delete: func(ctx context.Context, keys ...string) error {
			return errors.Join(c.Delete(ctx, keys[0]+"/1"), c.Delete(ctx, keys[0]+"/2"))
		},
	}
}

// lagging answers from a copy that gets every change a little later.
func lagging(c cache.Cache) cache.Cache {
	var copied sync.Map
	var n atomic.Int64
	return hooked{
		Cache: c,
		get: func(_ context.Context, key string) ([]byte, bool, error) {
			value, found := copied.Load(key)
			if !found {
				return nil, false, nil
			}
			return value.([]byte), true, nil
		},
		set: func(_ context.Context, key string, value []byte, _ time.Duration) error {
			if n.Add(1)%10 > 0 {
				copied.Store(key, bytes.Clone(value))
			}
			return nil
		},
		delete: func(_ context.Context, keys ...string) error {
			copied.Delete(keys[0])
			return nil
		},
	}
}

// remembers answers after its end with what it last returned.
func remembers(c cache.Cache) cache.Cache {
	var last sync.Map
	return gets(func(ctx context.Context, c cache.Cache, key string) ([]byte, bool, error) {
		value, found, err := c.Get(ctx, key)
		if older, ok := last.Load(key); err != nil && ok {
			return older.([]byte), true, nil
		}
		last.Store(key, value)
		return value, found, err
	})(c)
}
