package redis

import (
	"context"
	"crypto/rand"
	"sync"

	goredis "github.com/redis/go-redis/v9"

	"github.com/portolan-io/portolan/ports/cache"
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
		ctx := context.Background()
		var err error
		switch base := s.base.(type) {
		case *goredis.ClusterClient:
			err = base.ForEachMaster(ctx, s.empty)
		case *goredis.Client:
			err = s.empty(ctx, base)
		}
		if err != nil {
			s.err = classify("redis.Close", err)
		}
		_ = s.Cache.Close() // which returns nil
	})
	return s.err
}

// empty deletes the keys that a node has.
func (s *scratch) empty(ctx context.Context, node *goredis.Client) error {
	keys := node.Scan(ctx, 0, s.values.value+"*", 1000).Iterator()
	for keys.Next(ctx) {
		if err := node.Del(ctx, keys.Val()).Err(); err != nil {
			return err
		}
	}
	return keys.Err()
}
