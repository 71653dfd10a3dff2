package coherence_test

import (
	"bytes"
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/portolan-io/portolan/core/query"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/core/schema"
	"github.com/portolan-io/portolan/ports/cache"
	"github.com/portolan-io/portolan/ports/repository"
)

type (
	fenceFunc = func(ctx context.Context, collection string, tags []string) (cache.Fence, error)
)

// A hooked cache does what its functions say, where it has them.
type hooked struct {
	cache.Coherent
	look  func(ctx context.Context, key cache.Key) cache.Found
	fill  func(ctx context.Context, key cache.Key, lease cache.Lease, value []byte, ttl time.Duration)
	fence fenceFunc
}

func (h hooked) Look(ctx context.Context, key cache.Key) cache.Found {
	if h.look != nil {
		return h.look(ctx, key)
	}
	return h.Coherent.Look(ctx, key)
}

func (h hooked) Fill(ctx context.Context, key cache.Key, lease cache.Lease, value []byte, ttl time.Duration) {
	if h.fill != nil {
		h.fill(ctx, key, lease, value, ttl)
		return
	}
	h.Coherent.Fill(ctx, key, lease, value, ttl)
}

func (h hooked) Fence(ctx context.Context, collection string, tags []string) (cache.Fence, error) {
	if h.fence != nil {
		return h.fence(ctx, collection, tags)
	}
	return h.Coherent.Fence(ctx, collection, tags)
}

// atOnce is a fence and its end.
func atOnce(ctx context.Context, c cache.Coherent, collection string, tags []string) error {
	fence, err := c.Fence(ctx, collection, tags)
	if err != nil {
		return err
	}
	return fence.Publish(ctx, true)
}

// nothing is a fence that stands around nothing.
var nothing = cache.Fence{Publish: func(context.Context, bool) error { return nil }}

func unfenced(c cache.Coherent, _ repository.Store) cache.Coherent {
	return hooked{Coherent: c, fence: func(context.Context, string, []string) (cache.Fence, error) { return nothing, nil }}
}

func fencedLate(c cache.Coherent, _ repository.Store) cache.Coherent {
	return hooked{Coherent: c, fence: func(_ context.Context, collection string, tags []string) (cache.Fence, error) {
		return cache.Fence{Publish: func(ctx context.Context, _ bool) error { return atOnce(ctx, c, collection, tags) }}, nil
	}}
}

func publishedEarly(c cache.Coherent, _ repository.Store) cache.Coherent {
	return hooked{Coherent: c, fence: func(ctx context.Context, collection string, tags []string) (cache.Fence, error) {
		return nothing, atOnce(ctx, c, collection, tags)
	}}
}

func leasedLate(c cache.Coherent, _ repository.Store) cache.Coherent {
	return hooked{Coherent: c, fill: func(ctx context.Context, key cache.Key, _ cache.Lease, value []byte, ttl time.Duration) {
		c.Fill(ctx, key, c.Look(ctx, key).Lease, value, ttl)
	}}
}

// settledAlways ends every fence as if the outcome of the write was known.
func settledAlways(c cache.Coherent, _ repository.Store) cache.Coherent {
	return hooked{Coherent: c, fence: func(ctx context.Context, collection string, tags []string) (cache.Fence, error) {
		fence, err := c.Fence(ctx, collection, tags)
		publish := fence.Publish
		fence.Publish = func(ctx context.Context, _ bool) error { return publish(ctx, true) }
		return fence, err
	}}
}

// versionless lets nobody see what is being written, and everybody what was kept
// before, as soon as it is.
func versionless(c cache.Coherent, _ repository.Store) cache.Coherent {
	var mu sync.Mutex
	open := make(map[string]int)
	count := func(tags []string, n int) {
		mu.Lock()
		defer mu.Unlock()
		for _, tag := range tags {
			open[tag] += n
		}
	}
	return hooked{Coherent: c,
		look: func(ctx context.Context, key cache.Key) cache.Found {
			mu.Lock()
			defer mu.Unlock()
			if slices.ContainsFunc(key.Tags, func(tag string) bool { return open[tag] > 0 }) {
				return cache.Found{State: cache.Fenced}
			}
			return c.Look(ctx, key)
		},
		fence: func(_ context.Context, _ string, tags []string) (cache.Fence, error) {
			count(tags, 1)
			return cache.Fence{Publish: func(context.Context, bool) error { count(tags, -1); return nil }}, nil
		},
	}
}

// fearless answers with what was kept last while it is being written.
func fearless(c cache.Coherent, _ repository.Store) cache.Coherent {
	var kept sync.Map
	return hooked{Coherent: c,
		look: func(ctx context.Context, key cache.Key) cache.Found {
			found := c.Look(ctx, key)
			if value, ok := kept.Load(key.Text); ok && found.State == cache.Fenced {
				return cache.Found{State: cache.Hit, Value: value.([]byte)}
			}
			return found
		},
		fill: func(ctx context.Context, key cache.Key, lease cache.Lease, value []byte, ttl time.Duration) {
			kept.Store(key.Text, bytes.Clone(value))
			c.Fill(ctx, key, lease, value, ttl)
		},
	}
}

// leaseless gives everybody the same lease, so that who asks after a write shares
// what somebody began to read before it. It keeps nothing wrong: a fill has the
// lease of the first who looked.
func leaseless(c cache.Coherent, _ repository.Store) cache.Coherent {
	var mu sync.Mutex
	first := make(map[string]cache.Lease)
	return hooked{Coherent: c,
		look: func(ctx context.Context, key cache.Key) cache.Found {
			found := c.Look(ctx, key)
			if found.State == cache.Miss {
				mu.Lock()
				defer mu.Unlock()
				if first[key.Text] == "" {
					first[key.Text] = found.Lease
				}
				found.Lease = "always"
			}
			return found
		},
		fill: func(ctx context.Context, key cache.Key, _ cache.Lease, value []byte, ttl time.Duration) {
			mu.Lock()
			lease := first[key.Text]
			delete(first, key.Text)
			mu.Unlock()
			c.Fill(ctx, key, lease, value, ttl)
		},
	}
}

// absentUntagged keeps that there is no record under a tag that no write has.
func absentUntagged(c cache.Coherent, _ repository.Store) cache.Coherent {
	untagged := func(key cache.Key) cache.Key {
		key.Tags = []string{"nobody writes this"}
		key.Text += "\x00absent"
		return key
	}
	return hooked{Coherent: c,
		look: func(ctx context.Context, key cache.Key) cache.Found {
			if found := c.Look(ctx, untagged(key)); found.State == cache.Hit {
				return found
			}
			return c.Look(ctx, key)
		},
		fill: func(ctx context.Context, key cache.Key, lease cache.Lease, value []byte, ttl time.Duration) {
			if slices.ContainsFunc(key.Tags, isRecord) && !bytes.Contains(value, []byte("{")) { // no object: no record
				key = untagged(key)
				lease = c.Look(ctx, key).Lease
			}
			c.Fill(ctx, key, lease, value, ttl)
		},
	}
}

// The beginnings of tags, as core makes them.
func isRecord(tag string) bool { return strings.HasPrefix(tag, "r/") }
func isScope(tag string) bool  { return strings.HasPrefix(tag, "s/") }

// without returns the tags but those that drop is true for.
func without(tags []string, drop func(tag string) bool) []string {
	return slices.DeleteFunc(slices.Clone(tags), drop)
}

// dropping fences no tag that begins so.
func dropping(prefix string) func(cache.Coherent, repository.Store) cache.Coherent {
	return func(c cache.Coherent, _ repository.Store) cache.Coherent {
		return hooked{Coherent: c, fence: func(ctx context.Context, collection string, tags []string) (cache.Fence, error) {
			return c.Fence(ctx, collection, without(tags, func(tag string) bool { return strings.HasPrefix(tag, prefix) }))
		}}
	}
}

// droppingScope drops, where a record moves from one scope to another, the tag of
// the one or of the other: which is which the store tells.
func droppingScope(left bool) func(cache.Coherent, repository.Store) cache.Coherent {
	return func(c cache.Coherent, store repository.Store) cache.Coherent {
		items, err := schema.New(itemsSpec)
		if err != nil {
			panic(err)
		}
		return hooked{Coherent: c, fence: func(ctx context.Context, collection string, tags []string) (cache.Fence, error) {
			if len(tags)-len(without(tags, isScope)) != 2 {
				return c.Fence(ctx, collection, tags)
			}
			before := shelfTag(ctx, store, items, tags)
			return c.Fence(ctx, collection, without(tags, func(tag string) bool { return isScope(tag) && (tag == before) == left }))
		}}
	}
}

// shelfTag returns the tag of the shelf on which the record that the tags name
// stands in the store.
func shelfTag(ctx context.Context, store repository.Store, items *schema.Collection, tags []string) string {
	for _, tag := range tags {
		if id, ok := strings.CutPrefix(tag, "r/"); ok {
			rows, err := store.Get(ctx, query.View{Collection: items, Needs: []int{shelfField}}, []record.ID{record.ID(id)})
			if err == nil && len(rows) == 1 {
				return string(record.AppendValue([]byte("s/shelf/"), rows[0].Values[0]))
			}
		}
	}
	return ""
}
