package cachetest_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"hash/fnv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/ports/cache"
)

// A broken cache is a right one with one thing wrong.
type broken struct {
	name   string
	caught string // the case that must catch it
	with   func(cache.Cache) cache.Cache
}

// A hooked cache does what its functions say, where it has them.
type hooked struct {
	cache.Cache
	get    func(ctx context.Context, key string) ([]byte, bool, error)
	set    func(ctx context.Context, key string, value []byte, ttl time.Duration) error
	delete func(ctx context.Context, keys ...string) error
	ping   func(ctx context.Context) error
	close  func() error
}

func (h hooked) Get(ctx context.Context, key string) ([]byte, bool, error) {
	if h.get != nil {
		return h.get(ctx, key)
	}
	return h.Cache.Get(ctx, key)
}

func (h hooked) Set(ctx context.Context, key string, value []byte, ttl time.Duration) error {
	if h.set != nil {
		return h.set(ctx, key, value, ttl)
	}
	return h.Cache.Set(ctx, key, value, ttl)
}

func (h hooked) Delete(ctx context.Context, keys ...string) error {
	if h.delete != nil {
		return h.delete(ctx, keys...)
	}
	return h.Cache.Delete(ctx, keys...)
}

func (h hooked) Ping(ctx context.Context) error {
	if h.ping != nil {
		return h.ping(ctx)
	}
	return h.Cache.Ping(ctx)
}

func (h hooked) Close() error {
	if h.close != nil {
		return h.close()
	}
	return h.Cache.Close()
}

// gets, sets and keyed make the most usual mistakes: in what is returned, in what
// is kept, and in what a key is taken for.

func gets(change func(ctx context.Context, c cache.Cache, key string) ([]byte, bool, error)) func(cache.Cache) cache.Cache {
	return func(c cache.Cache) cache.Cache {
		return hooked{Cache: c, get: func(ctx context.Context, key string) ([]byte, bool, error) { return change(ctx, c, key) }}
	}
}

func sets(change func(ctx context.Context, c cache.Cache, key string, value []byte, ttl time.Duration) error) func(cache.Cache) cache.Cache {
	return func(c cache.Cache) cache.Cache {
		return hooked{Cache: c, set: func(ctx context.Context, key string, value []byte, ttl time.Duration) error {
			return change(ctx, c, key, value, ttl)
		}}
	}
}

func keyed(taken func(key string) string) func(cache.Cache) cache.Cache {
	return func(c cache.Cache) cache.Cache {
		return hooked{
			Cache: c,
			get:   func(ctx context.Context, key string) ([]byte, bool, error) { return c.Get(ctx, taken(key)) },
			set: func(ctx context.Context, key string, value []byte, ttl time.Duration) error {
				if len(key) > cache.MaxKey {
					return c.Set(ctx, key, value, ttl) // refused as it is
				}
				return c.Set(ctx, taken(key), value, ttl)
			},
			delete: func(ctx context.Context, keys ...string) error {
				for _, key := range keys {
					if err := c.Delete(ctx, taken(key)); err != nil {
						return err
					}
				}
				return c.Delete(ctx)
			},
		}
	}
}

func valued(taken func(value []byte) []byte) func(cache.Cache) cache.Cache {
	return sets(func(ctx context.Context, c cache.Cache, key string, value []byte, ttl time.Duration) error {
		return c.Set(ctx, key, taken(value), ttl)
	})
}

func lived(taken func(ttl time.Duration) time.Duration) func(cache.Cache) cache.Cache {
	return sets(func(ctx context.Context, c cache.Cache, key string, value []byte, ttl time.Duration) error {
		return c.Set(ctx, key, value, taken(ttl))
	})
}

// brokenCaches are the mistakes that the suite is known to catch.
var brokenCaches = []broken{
	{"keeps nothing", "Kept", sets(func(ctx context.Context, c cache.Cache, _ string, _ []byte, _ time.Duration) error {
		return c.Ping(ctx)
	})},
	{"finds nothing empty", "Exact", gets(func(ctx context.Context, c cache.Cache, key string) ([]byte, bool, error) {
		value, _, err := c.Get(ctx, key)
		return value, len(value) > 0, err
	})},
	{"always finds", "Whether", gets(func(ctx context.Context, c cache.Cache, key string) ([]byte, bool, error) {
		value, _, err := c.Get(ctx, key)
		return value, err == nil, err
	})},
	{"ends a value at a zero", "Exact", valued(func(value []byte) []byte { before, _, _ := bytes.Cut(value, []byte{0}); return before })},
	{"trims values", "Exact", valued(bytes.TrimSpace)},
	{"values are text", "Exact", valued(func(value []byte) []byte { return bytes.ToValidUTF8(value, []byte("?")) })},
	{"lengths of 15 bits", "Exact", valued(func(value []byte) []byte { return value[:len(value)&0x7fff] })},
	{"keeps the first", "Overwritten", sets(func(ctx context.Context, c cache.Cache, key string, value []byte, ttl time.Duration) error {
		if _, found, err := c.Get(ctx, key); found || err != nil {
			return err
		}
		return c.Set(ctx, key, value, ttl)
	})},
	{"leaves what was kept if the new is too large", "TooLarge", sets(func(ctx context.Context, c cache.Cache, key string, value []byte, ttl time.Duration) error {
		if len(value) > 1<<20 {
			return c.Ping(ctx)
		}
		return c.Set(ctx, key, value, ttl)
	})},
	{"refuses what is too large", "TooLarge", sets(func(ctx context.Context, c cache.Cache, key string, value []byte, ttl time.Duration) error {
		if len(value) > 1<<20 {
			return fault.New(fault.TooLarge, "broken.Set", "too large")
		}
		return c.Set(ctx, key, value, ttl)
	})},
	{"cuts what is too large", "TooLarge", valued(func(value []byte) []byte { return value[:min(len(value), 1<<18)] })},

	{"ends a key at a zero", "Keys", keyed(func(key string) string { before, _, _ := strings.Cut(key, "\x00"); return before })},
	{"cuts keys", "Keys", keyed(func(key string) string { return key[:min(len(key), 1000)] })},
	{"refuses an empty key", "Keys", sets(func(ctx context.Context, c cache.Cache, key string, value []byte, ttl time.Duration) error {
		if key == "" {
			return fault.New(fault.Invalid, "broken.Set", "no key")
		}
		return c.Set(ctx, key, value, ttl)
	})},
	{"FNV-1a for a key", "Distinct", keyed(func(key string) string { h := fnv.New64a(); _, _ = h.Write([]byte(key)); return fmt.Sprint(h.Sum64()) })},
	{"CRC-32 for a key", "Distinct", keyed(func(key string) string { return fmt.Sprint(crc32.ChecksumIEEE([]byte(key))) })},
	{"folds keys", "Distinct", keyed(strings.ToLower)},
	{"trims keys", "Distinct", keyed(strings.TrimSpace)},
	{"keys of 255 octets", "Distinct", keyed(func(key string) string { return key[:min(len(key), 255)] })},
	{"cuts keys that are too long", "LongKey", sets(func(ctx context.Context, c cache.Cache, key string, value []byte, ttl time.Duration) error {
		return c.Set(ctx, key[:min(len(key), cache.MaxKey)], value, ttl)
	})},

	{"deletes the first", "Deleted", deletes(func(ctx context.Context, c cache.Cache, keys []string) error {
		return c.Delete(ctx, keys[:min(1, len(keys))]...)
	})},
	{"deletes until one is missing", "DeletedNothing", deletes(func(ctx context.Context, c cache.Cache, keys []string) error {
		for _, key := range keys {
			if _, found, err := c.Get(ctx, key); !found {
				return err
			}
			if err := c.Delete(ctx, key); err != nil {
				return err
			}
		}
		return c.Delete(ctx)
	})},
	{"a missing key is an error", "DeletedNothing", deletes(func(ctx context.Context, c cache.Cache, keys []string) error {
		for _, key := range keys {
			if _, found, err := c.Get(ctx, key); !found && err == nil {
				return fault.New(fault.NotFound, "broken.Delete", "nothing there")
			}
		}
		return c.Delete(ctx, keys...)
	})},
	{"a delete uncovers what is older", "DeletedStays", layered},

	{"lives for ever", "Expires", lived(func(ttl time.Duration) time.Duration { return ttl * 1000 })},
	{"counts whole seconds", "Expires", lived(func(ttl time.Duration) time.Duration { return (ttl + time.Second - 1).Truncate(time.Second) })},
	{"lives by the first ttl", "ExpiresAnew", byFirstTTL},
	{"0 is for ever", "NoTTL", lived(func(ttl time.Duration) time.Duration {
		if ttl == 0 {
			return time.Hour
		}
		return ttl
	})},
	{"less than 0 leaves what was kept", "NoTTL", sets(func(ctx context.Context, c cache.Cache, key string, value []byte, ttl time.Duration) error {
		if ttl < 0 {
			return c.Ping(ctx)
		}
		return c.Set(ctx, key, value, ttl)
	})},
	{"ttl of 32 bits", "LongTTL", lived(func(ttl time.Duration) time.Duration { return time.Duration(int32(ttl/time.Second)) * time.Second })},

	{"keeps what it is given", "OwnArgument", references},
	{"one buffer for all", "OwnResult", oneBuffer},
	{"slots without keys", "Churn", slots},
	{"forgets nearly everything", "Churn", sets(func(ctx context.Context, c cache.Cache, key string, value []byte, ttl time.Duration) error {
		if len(key)%2 == 0 || len(value) > 300 {
			return c.Delete(ctx, key)
		}
		return c.Set(ctx, key, value, ttl)
	})},
	{"tears values", "Concurrent", halves},
	{"a copy that lags", "Newest", lagging},

	{"ping fails", "Ping", func(c cache.Cache) cache.Cache {
		return hooked{Cache: c, ping: func(context.Context) error { return fault.New(fault.Unavailable, "broken.Ping", "no") }}
	}},
	{"asks no context", "Done", gets(func(ctx context.Context, c cache.Cache, key string) ([]byte, bool, error) {
		return c.Get(context.WithoutCancel(ctx), key)
	})},
	{"wraps a context's error", "Done", gets(func(ctx context.Context, c cache.Cache, key string) ([]byte, bool, error) {
		value, found, err := c.Get(ctx, key)
		if err != nil {
			err = fmt.Errorf("broken: %w", err)
		}
		return value, found, err
	})},
	{"sets before it asks", "DoneDoesNothing", sets(func(ctx context.Context, c cache.Cache, key string, value []byte, ttl time.Duration) error {
		return errors.Join(c.Set(context.WithoutCancel(ctx), key, value, ttl), ctx.Err())
	})},
	{"deletes before it asks", "DoneDoesNothing", deletes(func(ctx context.Context, c cache.Cache, keys []string) error {
		return errors.Join(c.Delete(context.WithoutCancel(ctx), keys...), ctx.Err())
	})},
	{"stays open", "Closed", func(c cache.Cache) cache.Cache { return hooked{Cache: c, close: func() error { return nil }} }},
	{"looks at the key first", "Order", sets(func(ctx context.Context, c cache.Cache, key string, value []byte, ttl time.Duration) error {
		if len(key) > cache.MaxKey {
			return fault.New(fault.Invalid, "broken.Set", "too long")
		}
		return c.Set(ctx, key, value, ttl)
	})},
	{"errors without a kind", "Kinds", gets(func(ctx context.Context, c cache.Cache, key string) ([]byte, bool, error) {
		value, found, err := c.Get(ctx, key)
		if errors.Is(err, fault.Unavailable) {
			err = errors.New("closed")
		}
		return value, found, err
	})},
	{"answers after the end", "Close", remembers},
	{"close twice", "CloseTwice", func(c cache.Cache) cache.Cache {
		var ended atomic.Bool
		return hooked{Cache: c, close: func() error {
			if ended.Swap(true) {
				return fault.New(fault.Unavailable, "broken.Close", "closed already")
			}
			return c.Close()
		}}
	}},
}

func deletes(change func(ctx context.Context, c cache.Cache, keys []string) error) func(cache.Cache) cache.Cache {
	return func(c cache.Cache) cache.Cache {
		return hooked{Cache: c, delete: func(ctx context.Context, keys ...string) error { return change(ctx, c, keys) }}
	}
}
