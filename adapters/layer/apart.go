package layer

import (
	"context"
	"slices"
	"time"

	"github.com/portolan-io/portolan/ports/cache"
)

// An Apart is a cache.Coherent that keeps some collections apart from all others.
type Apart struct {
	Collections []string // at most a few dozen
	Near        cache.Coherent
	Else        cache.Coherent
}

func (a Apart) of(collection string) cache.Coherent {
	if slices.Contains(a.Collections, collection) {
		return a.Near
	}
	return a.Else
}

// Look is of cache.Coherent.
func (a Apart) Look(ctx context.Context, key cache.Key) cache.Found {
	return a.of(key.Collection).Look(ctx, key)
}

// Fill is of cache.Coherent.
func (a Apart) Fill(ctx context.Context, key cache.Key, lease cache.Lease, value []byte, ttl time.Duration) {
	a.of(key.Collection).Fill(ctx, key, lease, value, ttl)
}

// Fence is of cache.Coherent.
func (a Apart) Fence(ctx context.Context, collection string, tags []string) (cache.Fence, error) {
	return a.of(collection).Fence(ctx, collection, tags)
}
