package bootstrap

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/portolan-io/portolan/adapters/layer"
	"github.com/portolan-io/portolan/core"
	"github.com/portolan-io/portolan/ports/cache"
)

// A caches is the cache that the core uses, without any of it if the
// configuration names none.
type caches struct {
	coherent cache.Coherent
	presence presence // of a store that other processes may write too, else nil
	many     bool     // the presence is that of one of many instances, each of which may write
	ping     func(context.Context) error
	held     func() (items, octets int) // nil if the adapter does not tell
	looks    *layer.Looks               // nil without a cache
	joined   *joined
}

// joined is whether the presence was made known, by a server: its caches may be those of
// several configurations.
type joined struct {
	own  *closers // of the caches
	once bool
}

// A presence makes this process known to others that write the store, as
// core.Presence and core.Modal do.
type presence interface {
	Enter(ctx context.Context) error
	Run(ctx context.Context)
	Close(ctx context.Context) error
}

// openCache opens the cache and makes it coherent. What can be asked of an adapter
// beyond the contract is asked before it is wrapped, because layers do not pass
// that on.
func openCache(ctx context.Context, s *settings, store unwatched, w *watching, opened *closers, in surroundings, log *slog.Logger) (caches, error) {
	// One that was not used meanwhile was not told of what was written meanwhile.
	key := fmt.Sprintf("caches %d %s %s %s %s", in.rules, s.repository.key(), s.cache.key(), s.nearCache.key(), s.Service.Instances)
	if s.Service.Instances == "many" {
		fenced, err := s.fences()
		if err != nil {
			return caches{}, err
		}
		key += fmt.Sprint(fenced) // instances agree on them
	}
	c, err := lend(opened, key, func(own *closers) (caches, error) {
		c, err := openCaches(ctx, s, store, w, own, log)
		c.joined = &joined{own: own}
		return c, err
	})
	if err != nil {
		return caches{}, err
	}
	w.watchCache(c)
	if c.coherent != nil {
		c.coherent = in.beside(c.coherent)
	}
	return c, nil
}

func openCaches(ctx context.Context, s *settings, store unwatched, w *watching, opened *closers, log *slog.Logger) (caches, error) {
	shared := store.Capabilities().Durable
	if !s.Cache.given() {
		if shared {
			return caches{presence: core.NewPresence(store, nil)}, nil
		}
		return caches{}, nil
	}
	kept, err := open[cache.Cache](ctx, s.cache)
	if err != nil {
		return caches{}, err
	}
	opened.addClose(kept.Close)
	if server, ok := kept.(cache.Server); ok && s.Service.Instances == "many" {
		return openInstance(ctx, s, store, server, w, opened, log)
	}
	traced := layer.TraceCache(kept, w)
	wired := caches{coherent: layer.Coherent(traced), ping: traced.Ping}
	if shared {
		modal := core.NewModal(store, wired.coherent, nil)
		wired.coherent, wired.presence = modal, modal
	}
	return wired.counted(kept), nil
}

// counted returns the caches with their Looks counted, and what the adapter in
// this process holds if it tells.
func (c caches) counted(kept cache.Cache) caches {
	c.looks = layer.CountLooks(c.coherent)
	c.coherent = c.looks
	if telling, ok := kept.(interface{ Held() (items, octets int) }); ok {
		c.held = telling.Held
	}
	return c
}

// A cacheCounter is an observer that takes the figures of the cache.
type cacheCounter interface {
	Cache(looks func(yield func(collection, state string, n uint64) bool), held func() (items, octets int)) error
}

// watchCache gives the figures of the cache to whoever takes them: what was
// found, and what is held if the adapter can tell.
func (w *watching) watchCache(c caches) {
	for _, counter := range w.caches {
		if c.looks != nil {
			w.figures = append(w.figures, func() error { return counter.Cache(c.looks.All, c.held) })
		}
	}
	for _, counter := range w.many {
		if instance, ok := c.presence.(*layer.Distributed); ok {
			w.figures = append(w.figures, func() error { return counter.Instance(instance.Figures) })
		}
	}
}
