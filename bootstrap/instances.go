package bootstrap

import (
	"context"
	"log/slog"

	"github.com/portolan-io/portolan/adapters/layer"
	"github.com/portolan-io/portolan/core"
	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/ports/cache"
)

// openInstance makes of the server that many instances share the cache of this
// one.
func openInstance(ctx context.Context, s *settings, store unwatched, server cache.Server, w *watching, opened *closers, log *slog.Logger) (caches, error) {
	if !store.Capabilities().Durable {
		return caches{}, fault.New(fault.Invalid, "bootstrap.openCache", "many instances cannot share the repository %s, which each would have for itself", s.Repository.Driver).
			Hinting("choose a repository that they share, or write service.instances: one")
	}
	config := layer.DistributedConfig{
		Server: layer.TraceServer(server, w), Modes: core.NewMembers(store, nil), Timing: layer.UsualTiming, Told: modeLogger(log),
		Collections: map[string]string{
			core.KeysCollection: core.KeysTagScheme, core.AccountsCollection: core.KeysTagScheme, core.SessionsCollection: core.KeysTagScheme,
		},
		Everything: core.EveryTag,
	}
	served, err := s.collections()
	if err != nil {
		return caches{}, err
	}
	var apart layer.Apart // of the collections whose answers may be old
	for _, c := range served {
		switch {
		case c.Schema.Base != nil || c.Cache.Class == core.Uncached:
		case s.NearCache.given() && c.Cache.Class == core.Bounded:
			apart.Collections = append(apart.Collections, c.Schema.Name)
		default:
			config.Collections[c.Schema.Name] = c.TagScheme()
		}
	}
	var near cache.Cache
	if s.NearCache.given() {
		if near, err = open[cache.Cache](ctx, s.nearCache); err != nil {
			return caches{}, err
		}
		opened.addClose(near.Close)
		config.Near = layer.TraceCache(near, w)
		apart.Near = layer.Coherent(config.Near)
	}
	instance := layer.NewDistributed(config)
	apart.Else = instance
	wired := caches{coherent: apart, presence: instance, many: true, ping: usable(server)}
	return wired.counted(near), nil
}

// An instanceCounter is an observer that takes the figures of one of many
// instances.
type instanceCounter interface {
	Instance(figures func() (mode string, changes, unfenced uint64, chores int)) error
}

// modeLogger returns what writes a line whenever the instances begin to use what
// they share, or cease to.
func modeLogger(log *slog.Logger) func(from, to cache.Mode, why string) {
	return func(from, to cache.Mode, why string) {
		switch {
		case from.Epoch == to.Epoch && from.State == to.State:
			log.Warn("the cache that instances share cannot be used", "why", why)
		case to.State == cache.On && to.Server == "":
			log.Warn("another server caches by itself, which is to end", "epoch", to.Epoch)
		case to.State == cache.On:
			log.Info("instances answer from the cache that they share", "epoch", to.Epoch, "collections", len(to.Collections))
		case from.State == cache.On:
			log.Warn("the cache that instances share is not used for now", "mode", to.State.String(), "why", why)
		}
	}
}

// usable returns what asks the server whether instances can share it: one that answers
// may forget what it must not.
func usable(server cache.Server) func(context.Context) error {
	return func(ctx context.Context) error {
		_, err := server.Identity(ctx)
		return err
	}
}
