package redis

import (
	"context"
	"errors"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/ports/cache"
)

// maxValue is the most octets of a value: a larger one keeps the server from
// answering others for too long.
const maxValue = 16 << 20

// Get implements cache.Cache.
func (c *Cache) Get(ctx context.Context, key string) (value []byte, found bool, err error) {
	const op = "redis.Get"
	if err := c.open(ctx, op); err != nil {
		return nil, false, err
	}
	if len(key) > cache.MaxKey {
		return nil, false, nil
	}
	value, err = c.base.Get(ctx, c.values.value+key).Bytes()
	switch {
	case errors.Is(err, goredis.Nil):
		return nil, false, nil
	case err != nil:
		return nil, false, c.failed(ctx, op, err)
	}
	return value, true, nil
}

// Set implements cache.Cache. A value of more than 16 MiB is not kept, nor one for
// which the server has no room.
func (c *Cache) Set(ctx context.Context, key string, value []byte, ttl time.Duration) error {
	const op = "redis.Set"
	if err := c.open(ctx, op); err != nil {
		return err
	}
	if len(key) > cache.MaxKey {
		return fault.New(fault.Invalid, op, "the key has %d octets, but may have %d", len(key), cache.MaxKey)
	}
	return c.failed(ctx, op, set(ctx, c.base, c.values.value+key, value, ttl))
}

// exactly returns the milliseconds for which Redis is told to keep what may be kept for
// ttl at most: it counts from the beginning of the current one, and keeps a key through
// all of the last one.
func exactly(ttl time.Duration) int64 { return ttl.Milliseconds() - 1 }

// set keeps the value for at most ttl, or nothing.
func set(ctx context.Context, client goredis.UniversalClient, key string, value []byte, ttl time.Duration) error {
	if ms := exactly(ttl); ms > 0 && len(value) <= maxValue {
		err := client.Do(ctx, "SET", key, value, "PX", ms).Err()
		if codeOf(err) != "OOM" {
			return err
		}
	}
	return client.Do(ctx, "DEL", key).Err()
}

// Delete implements cache.Cache.
func (c *Cache) Delete(ctx context.Context, keys ...string) error {
	const op = "redis.Delete"
	if err := c.open(ctx, op); err != nil || len(keys) == 0 {
		return err
	}
	_, err := c.base.Pipelined(ctx, func(p goredis.Pipeliner) error {
		for _, key := range keys {
			if len(key) <= cache.MaxKey {
				p.Del(ctx, c.values.value+key)
			}
		}
		return nil
	})
	return c.failed(ctx, op, err)
}
