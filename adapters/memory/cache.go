package memory

import (
	"bytes"
	"container/list"
	"context"
	"sync"
	"time"

	"github.com/portolan-io/portolan/adapters/internal/expiry"
	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/ports/cache"
)

// CacheConfig is how much a [Cache] keeps.
type CacheConfig struct {
	// MaxMB is how many mebibytes keys and values may have together, with 128
	// octets for each pair; 0 means 64. What was set first is forgotten first.
	MaxMB int `yaml:"max_mb"`
}

const (
	defaultCacheMB = 64
	maxCacheMB     = 64 << 10

	// itemOverhead is about what an item takes beside its key and its value, in
	// octets.
	itemOverhead = 128

	// largestShare is the part of the cache that one item may have at most, so
	// that a large one does not make it forget all the others.
	largestShare = 8
)

// A Cache is a cache.Cache in memory: a map under a lock, and a list in the order
// in which its items were set, whose oldest go when there is no room.
type Cache struct {
	most  int // octets
	clock expiry.Clock

	mu     sync.RWMutex
	items  map[string]*list.Element // of item; nil once closed
	order  *list.List               // the oldest in front
	octets int
}

var _ cache.Cache = (*Cache)(nil)

// An item is what is kept under a key. It never changes, so whoever read it may
// go on without the lock.
type item struct {
	key   string
	value []byte
	until expiry.End
}

func (i *item) size() int { return len(i.key) + len(i.value) + itemOverhead }

// OpenCache returns an empty cache. It returns fault.Invalid if MaxMB is less
// than 0 or more than 65536.
func OpenCache(ctx context.Context, config CacheConfig) (*Cache, error) {
	megabytes := config.MaxMB
	switch {
	case megabytes < 0 || megabytes > maxCacheMB:
		return nil, fault.New(fault.Invalid, "memory.OpenCache", "max_mb is %d, but must be 1 to %d", megabytes, maxCacheMB)
	case megabytes == 0:
		megabytes = defaultCacheMB
	}
	return &Cache{most: megabytes << 20, clock: expiry.NewClock(), items: make(map[string]*list.Element), order: list.New()}, ctx.Err()
}

// Get implements cache.Cache. It returns the very octets that are kept, which
// nobody changes.
func (c *Cache) Get(ctx context.Context, key string) (value []byte, found bool, err error) {
	if err := ctx.Err(); err != nil {
		return nil, false, err
	}
	c.mu.RLock()
	defer c.mu.RUnlock()
	if c.items == nil {
		return nil, false, cacheClosed("memory.Get")
	}
	element := c.items[key]
	if element == nil {
		return nil, false, nil
	}
	kept := element.Value.(*item)
	if c.clock.Over(kept.until) {
		return nil, false, nil
	}
	return kept.value, true, nil
}

// Set implements cache.Cache.
func (c *Cache) Set(ctx context.Context, key string, value []byte, ttl time.Duration) error {
	const op = "memory.Set"
	if err := ctx.Err(); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.items == nil {
		return cacheClosed(op)
	}
	if len(key) > cache.MaxKey {
		return fault.New(fault.Invalid, op, "the key has %d octets, but may have %d", len(key), cache.MaxKey)
	}
	c.remove(key)
	kept := &item{key: key, until: c.clock.In(ttl)}
	if size := kept.size() + len(value); ttl <= 0 || size > c.most/largestShare {
		return nil
	}
	kept.value = bytes.Clone(value)
	c.items[key] = c.order.PushBack(kept)
	for c.octets += kept.size(); c.octets > c.most; {
		c.remove(c.order.Front().Value.(*item).key)
	}
	return nil
}

// remove forgets what is kept under the key. The caller holds the lock.
func (c *Cache) remove(key string) {
	if element := c.items[key]; element != nil {
		delete(c.items, key)
		c.octets -= c.order.Remove(element).(*item).size()
	}
}

// Delete implements cache.Cache.
func (c *Cache) Delete(ctx context.Context, keys ...string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.items == nil {
		return cacheClosed("memory.Delete")
	}
	for _, key := range keys {
		c.remove(key)
	}
	return nil
}

// Ping returns nil until the cache is closed.
func (c *Cache) Ping(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	c.mu.RLock()
	defer c.mu.RUnlock()
	if c.items == nil {
		return cacheClosed("memory.Ping")
	}
	return nil
}

// Held returns how many items the cache holds and how many octets they take,
// those that are over and not yet forgotten included.
func (c *Cache) Held() (items, octets int) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return len(c.items), c.octets
}

// Close drops everything.
func (c *Cache) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.items, c.order, c.octets = nil, nil, 0
	return nil
}

func cacheClosed(op string) error {
	return fault.New(fault.Unavailable, op, "the cache is closed").Coded("closed")
}
