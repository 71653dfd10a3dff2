// Package bigcache keeps answers in this process, in rings of octets that the
// garbage collector does not look into, so that hundreds of thousands cost it
// nothing. Start at [Open].
//
// A ring keeps what was deleted or has expired until something is written over
// it, and nobody can say when that is. Therefore data about persons, which must
// be gone when it is to be gone, never enters this cache.
package bigcache

import (
	"context"
	"sync/atomic"
	"time"

	allegro "github.com/allegro/bigcache/v3"

	"github.com/portolan-io/portolan/adapters/internal/expiry"
	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/ports/cache"
)

// Config is how much a [Cache] keeps.
type Config struct {
	// MaxMB is how many mebibytes the rings with keys and values may have together;
	// 0 means 64. What was set first is forgotten first. A value may have about
	// half a mebibyte, or half of a 64th of this if that is more.
	MaxMB int `yaml:"max_mb"`
}

const (
	defaultMB = 64
	maxMB     = 64 << 10

	// maxShards is how many rings there are, each with a lock of its own, if each
	// can have a mebibyte.
	maxShards = 64

	// usualEntry is what the buffers of a ring begin with, in octets; they grow.
	usualEntry = 512

	// entryOverhead is what stands in a ring beside a key and a value, in octets:
	// the head that bigcache writes, a length, and the end.
	entryOverhead = 18 + 5 + expiry.Size
)

// A Cache is a cache.Cache made of allegro/bigcache.
type Cache struct {
	rings   atomic.Pointer[allegro.BigCache] // nil once closed
	largest int                              // octets of an entry at most
	clock   expiry.Clock
}

var _ cache.Cache = (*Cache)(nil)

// Open returns an empty cache, which begins with less than a mebibyte and grows.
// It starts nothing that runs by itself. It returns fault.Invalid if MaxMB is
// less than 0 or more than 65536.
func Open(ctx context.Context, config Config) (*Cache, error) {
	return open(ctx, config, newHasher())
}

func open(ctx context.Context, config Config, hasher allegro.Hasher) (*Cache, error) {
	const op = "bigcache.Open"
	megabytes := config.MaxMB
	switch {
	case megabytes < 0 || megabytes > maxMB:
		return nil, fault.New(fault.Invalid, op, "max_mb is %d, but must be 1 to %d", megabytes, maxMB)
	case megabytes == 0:
		megabytes = defaultMB
	}
	shards := shardsOf(megabytes)
	rings, err := allegro.New(ctx, allegro.Config{
		Shards:           shards,
		HardMaxCacheSize: megabytes,
		MaxEntrySize:     usualEntry,
		LifeWindow:       2 * expiry.Longest, // entries have their own end
		Hasher:           nonZero{hasher},
	})
	if err != nil {
		return nil, fault.New(fault.Internal, op, "the rings cannot be made").Because(err)
	}
	// An entry of less than half a ring always fits once others are forgotten. For
	// a larger one bigcache might empty the ring and then find that it does not.
	c := &Cache{largest: megabytes<<20/shards/2 - 1, clock: expiry.NewClock()}
	c.rings.Store(rings)
	return c, ctx.Err()
}

// shardsOf returns the greatest power of two that gives each shard a mebibyte.
func shardsOf(megabytes int) int {
	shards := maxShards
	for shards > megabytes {
		shards /= 2
	}
	return shards
}

// current returns the rings, unless the cache is closed or ctx is done.
func (c *Cache) current(ctx context.Context, op string) (*allegro.BigCache, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	rings := c.rings.Load()
	if rings == nil {
		return nil, fault.New(fault.Unavailable, op, "the cache is closed").Coded("closed")
	}
	return rings, nil
}

// Get implements cache.Cache. bigcache compares the whole key, not its hash
// alone, and returns a copy.
func (c *Cache) Get(ctx context.Context, key string) (value []byte, found bool, err error) {
	rings, err := c.current(ctx, "bigcache.Get")
	if err != nil {
		return nil, false, err
	}
	entry, err := rings.Get(key)
	if err != nil || len(entry) < expiry.Size || c.clock.Over(expiry.Parse(entry)) {
		return nil, false, nil //nolint:nilerr // whatever keeps it from finding an entry, there is none
	}
	return entry[expiry.Size:len(entry):len(entry)], true, nil
}

// Set implements cache.Cache. A value without a time to live, or one that is too
// large, only takes away what was kept.
func (c *Cache) Set(ctx context.Context, key string, value []byte, ttl time.Duration) error {
	const op = "bigcache.Set"
	rings, err := c.current(ctx, op)
	if err != nil {
		return err
	}
	if len(key) > cache.MaxKey {
		return fault.New(fault.Invalid, op, "the key has %d octets, but may have %d", len(key), cache.MaxKey)
	}
	if ttl <= 0 || len(key)+len(value)+entryOverhead > c.largest {
		_ = rings.Delete(key) // its only error is that there is nothing
		return nil
	}
	entry := append(c.clock.In(ttl).Append(make([]byte, 0, expiry.Size+len(value))), value...)
	_ = rings.Set(key, entry) // its only error is that the entry is too large, and then nothing is kept
	return nil
}

// Delete implements cache.Cache. It may take away another key's value too, one
// with the same hash.
func (c *Cache) Delete(ctx context.Context, keys ...string) error {
	rings, err := c.current(ctx, "bigcache.Delete")
	if err != nil {
		return err
	}
	for _, key := range keys {
		_ = rings.Delete(key) // its only error is that there is nothing
	}
	return nil
}

// Ping returns nil until the cache is closed.
func (c *Cache) Ping(ctx context.Context) error {
	_, err := c.current(ctx, "bigcache.Ping")
	return err
}

// Held returns how many items the cache holds, and how many octets its rings
// have, used or not.
func (c *Cache) Held() (items, octets int) {
	rings := c.rings.Load()
	if rings == nil {
		return 0, 0
	}
	return rings.Len(), rings.Capacity()
}

// Close drops everything.
func (c *Cache) Close() error {
	if rings := c.rings.Swap(nil); rings != nil {
		return rings.Close()
	}
	return nil
}
