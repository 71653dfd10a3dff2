package redis

import (
	"context"
	"crypto/rand"
	"sync"

	goredis "github.com/redis/go-redis/v9"

	"github.com/portolan-io/portolan/ports/cache"
	"github.com/portolan-io/portolan/ports/limit"
)

// Scratch opens a new and empty cache on the same server, whose keys begin with a
// prefix of its own. Closing it deletes them.
func (c *Cache) Scratch(ctx context.Context) (cache.Cache, error) {
	cfg := c.cfg
	cfg.Prefix += "-contract-" + rand.Text()
	made, err := open(ctx, cfg)
	if err != nil {
		return nil, err
	}
	return &scratch{Cache: made}, nil
}

// A scratch is a cache whose keys are deleted when it is closed.
type scratch struct {
	*Cache
	once sync.Once
	err  error
}

// Close deletes all keys, and closes the cache.
func (s *scratch) Close() error {
	s.once.Do(func() {
		s.err = empty(s.base, s.values.value)
		_ = s.Cache.Close() // which returns nil
	})
	return s.err
}

// empty deletes all keys that begin with the prefix.
func empty(client goredis.UniversalClient, prefix string) error {
	ctx := context.Background()
	emptied := func(ctx context.Context, node *goredis.Client) error {
		keys := node.Scan(ctx, 0, prefix+"*", 1000).Iterator()
		for keys.Next(ctx) {
			if err := node.Del(ctx, keys.Val()).Err(); err != nil {
				return err
			}
		}
		return keys.Err()
	}
	var err error
	switch base := client.(type) {
	case *goredis.ClusterClient:
		err = base.ForEachMaster(ctx, emptied)
	case *goredis.Client:
		err = emptied(ctx, base)
	}
	if err != nil {
		return classify("redis.Close", err)
	}
	return nil
}

// Scratch opens a new limiter on the same server that has counted nothing, whose keys
// begin with a prefix of its own. Closing it deletes them.
func (l *Limiter) Scratch(ctx context.Context) (limit.Limiter, error) {
	cfg := l.cfg
	cfg.Prefix += "-contract-" + rand.Text()
	made, err := OpenLimiter(ctx, cfg)
	if err != nil {
		return nil, err
	}
	return &scratchLimiter{Limiter: made}, nil
}

// A scratchLimiter is a limiter whose keys are deleted when it is closed.
type scratchLimiter struct {
	*Limiter
	once sync.Once
	err  error
}

// Close deletes all keys, and closes the limiter.
func (s *scratchLimiter) Close() error {
	s.once.Do(func() {
		s.err = empty(s.client, s.prefix)
		_ = s.Limiter.Close() // which returns nil
	})
	return s.err
}
