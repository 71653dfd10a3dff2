package cachetest_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"hash/fnv"
	"strings"
	"sync"
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

func gets(change func(c cache.Cache, ctx context.Context, key string) ([]byte, bool, error)) func(cache.Cache) cache.Cache {
	return func(c cache.Cache) cache.Cache {
		return hooked{Cache: c, get: func(ctx context.Context, key string) ([]byte, bool, error) { return change(c, ctx, key) }}
	}
}

func sets(change func(c cache.Cache, ctx context.Context, key string, value []byte, ttl time.Duration) error) func(cache.Cache) cache.Cache {
	return func(c cache.Cache) cache.Cache {
		return hooked{Cache: c, set: func(ctx context.Context, key string, value []byte, ttl time.Duration) error {
			return change(c, ctx, key, value, ttl)
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
	return sets(func(c cache.Cache, ctx context.Context, key string, value []byte, ttl time.Duration) error {
		return c.Set(ctx, key, taken(value), ttl)
	})
}

func lived(taken func(ttl time.Duration) time.Duration) func(cache.Cache) cache.Cache {
	return sets(func(c cache.Cache, ctx context.Context, key string, value []byte, ttl time.Duration) error {
		return c.Set(ctx, key, value, taken(ttl))
	})
}

// brokenCaches are the mistakes that the suite is known to catch.
var brokenCaches = []broken{
	{"keeps nothing", "Kept", sets(func(c cache.Cache, ctx context.Context, _ string, _ []byte, _ time.Duration) error {
		return c.Ping(ctx)
	})},
	{"finds nothing empty", "Exact", gets(func(c cache.Cache, ctx context.Context, key string) ([]byte, bool, error) {
		value, _, err := c.Get(ctx, key)
		return value, len(value) > 0, err
	})},
	{"always finds", "Whether", gets(func(c cache.Cache, ctx context.Context, key string) ([]byte, bool, error) {
		value, _, err := c.Get(ctx, key)
		return value, err == nil, err
	})},
	{"ends a value at a zero", "Exact", valued(func(value []byte) []byte { before, _, _ := bytes.Cut(value, []byte{0}); return before })},
	{"trims values", "Exact", valued(bytes.TrimSpace)},
	{"values are text", "Exact", valued(func(value []byte) []byte { return bytes.ToValidUTF8(value, []byte("?")) })},
	{"lengths of 15 bits", "Exact", valued(func(value []byte) []byte { return value[:len(value)&0x7fff] })},
	{"keeps the first", "Overwritten", sets(func(c cache.Cache, ctx context.Context, key string, value []byte, ttl time.Duration) error {
		if _, found, err := c.Get(ctx, key); found || err != nil {
			return err
		}
		return c.Set(ctx, key, value, ttl)
	})},
	{"leaves what was kept if the new is too large", "TooLarge", sets(func(c cache.Cache, ctx context.Context, key string, value []byte, ttl time.Duration) error {
		if len(value) > 1<<20 {
			return c.Ping(ctx)
		}
		return c.Set(ctx, key, value, ttl)
	})},
	{"refuses what is too large", "TooLarge", sets(func(c cache.Cache, ctx context.Context, key string, value []byte, ttl time.Duration) error {
		if len(value) > 1<<20 {
			return fault.New(fault.TooLarge, "broken.Set", "too large")
		}
		return c.Set(ctx, key, value, ttl)
	})},
	{"cuts what is too large", "TooLarge", valued(func(value []byte) []byte { return value[:min(len(value), 1<<18)] })},

	{"ends a key at a zero", "Keys", keyed(func(key string) string { before, _, _ := strings.Cut(key, "\x00"); return before })},
	{"cuts keys", "Keys", keyed(func(key string) string { return key[:min(len(key), 1000)] })},
	{"refuses an empty key", "Keys", sets(func(c cache.Cache, ctx context.Context, key string, value []byte, ttl time.Duration) error {
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
	{"cuts keys that are too long", "LongKey", sets(func(c cache.Cache, ctx context.Context, key string, value []byte, ttl time.Duration) error {
		return c.Set(ctx, key[:min(len(key), cache.MaxKey)], value, ttl)
	})},

	{"deletes the first", "Deleted", deletes(func(c cache.Cache, ctx context.Context, keys []string) error {
		return c.Delete(ctx, keys[:min(1, len(keys))]...)
	})},
	{"deletes until one is missing", "DeletedNothing", deletes(func(c cache.Cache, ctx context.Context, keys []string) error {
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
	{"a missing key is an error", "DeletedNothing", deletes(func(c cache.Cache, ctx context.Context, keys []string) error {
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
	{"less than 0 leaves what was kept", "NoTTL", sets(func(c cache.Cache, ctx context.Context, key string, value []byte, ttl time.Duration) error {
		if ttl < 0 {
			return c.Ping(ctx)
		}
		return c.Set(ctx, key, value, ttl)
	})},
	{"ttl of 32 bits", "LongTTL", lived(func(ttl time.Duration) time.Duration { return time.Duration(int32(ttl/time.Second)) * time.Second })},

	{"keeps what it is given", "OwnArgument", references},
	{"one buffer for all", "OwnResult", oneBuffer},
	{"slots without keys", "Churn", slots},
	{"forgets nearly everything", "Churn", sets(func(c cache.Cache, ctx context.Context, key string, value []byte, ttl time.Duration) error {
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
	{"asks no context", "Done", gets(func(c cache.Cache, ctx context.Context, key string) ([]byte, bool, error) {
		return c.Get(context.WithoutCancel(ctx), key)
	})},
	{"wraps a context's error", "Done", gets(func(c cache.Cache, ctx context.Context, key string) ([]byte, bool, error) {
		value, found, err := c.Get(ctx, key)
		if err != nil {
			err = fmt.Errorf("broken: %w", err)
		}
		return value, found, err
	})},
	{"sets before it asks", "DoneDoesNothing", sets(func(c cache.Cache, ctx context.Context, key string, value []byte, ttl time.Duration) error {
		return errors.Join(c.Set(context.WithoutCancel(ctx), key, value, ttl), ctx.Err())
	})},
	{"deletes before it asks", "DoneDoesNothing", deletes(func(c cache.Cache, ctx context.Context, keys []string) error {
		return errors.Join(c.Delete(context.WithoutCancel(ctx), keys...), ctx.Err())
	})},
	{"stays open", "Closed", func(c cache.Cache) cache.Cache { return hooked{Cache: c, close: func() error { return nil }} }},
	{"looks at the key first", "Order", sets(func(c cache.Cache, ctx context.Context, key string, value []byte, ttl time.Duration) error {
		if len(key) > cache.MaxKey {
			return fault.New(fault.Invalid, "broken.Set", "too long")
		}
		return c.Set(ctx, key, value, ttl)
	})},
	{"errors without a kind", "Kinds", gets(func(c cache.Cache, ctx context.Context, key string) ([]byte, bool, error) {
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

func deletes(change func(c cache.Cache, ctx context.Context, keys []string) error) func(cache.Cache) cache.Cache {
	return func(c cache.Cache) cache.Cache {
		return hooked{Cache: c, delete: func(ctx context.Context, keys ...string) error { return change(c, ctx, keys) }}
	}
}

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
	return sets(func(c cache.Cache, ctx context.Context, key string, value []byte, ttl time.Duration) error {
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
	return gets(func(c cache.Cache, ctx context.Context, key string) ([]byte, bool, error) {
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
	return gets(func(c cache.Cache, ctx context.Context, key string) ([]byte, bool, error) {
		value, found, err := c.Get(ctx, key)
		if older, ok := last.Load(key); err != nil && ok {
			return older.([]byte), true, nil
		}
		last.Store(key, value)
		return value, found, err
	})(c)
}
