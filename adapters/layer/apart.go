package layer

import (
	"context"
	"errors"
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

// Fence is of cache.Coherent. What is kept apart here may be kept with the others
// by another instance, so it is fenced there too.
func (a Apart) Fence(ctx context.Context, collection string, tags []string) (cache.Fence, error) {
	fence, err := a.Else.Fence(ctx, collection, tags)
	if err != nil || !slices.Contains(a.Collections, collection) {
		return fence, err
	}
	near, err := a.Near.Fence(ctx, collection, tags)
	if err != nil {
		return cache.Fence{}, errors.Join(err, fence.Publish(context.WithoutCancel(ctx), true))
	}
	both := cache.Fence{Witness: slices.Concat(fence.Witness, near.Witness)}
	both.Publish = func(ctx context.Context, settled bool) error {
		return errors.Join(near.Publish(ctx, settled), fence.Publish(ctx, settled))
	}
	both.Abandon = func() {
		for _, f := range []cache.Fence{fence, near} {
			if f.Abandon != nil {
				f.Abandon()
			} else {
				_ = f.Publish(context.WithoutCancel(ctx), true) // nothing was stored
			}
		}
	}
	return both, nil
}
