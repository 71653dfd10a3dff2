package bootstrap

import (
	"context"
	"fmt"
	"net/http"
	"sync/atomic"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/ports/cache"
)

// Surroundings are what a configuration is opened in: of a command nothing, of a server the
// server and, if it reloads, the generation that answers meanwhile.
type surroundings struct {
	draining *atomic.Bool // the server is to stop
	reload   http.Handler // reads the configuration again
	rules    string       // names by which fences this generation lives, if others did before

	// former is closed when the generation before answers nobody any more. It is nil if
	// there is none, or if it fences what it writes as this one does.
	former <-chan struct{}
}

// accepting returns an error from the moment that the server is to stop.
func (in surroundings) accepting(context.Context) error {
	if in.draining != nil && in.draining.Load() {
		return fault.New(fault.Unavailable, "bootstrap.drain", "the server is stopping")
	}
	return nil
}

// fences returns whether and by which tags writes of each collection fence what is cached.
func (s *settings) fences() (map[string]string, error) {
	served, err := s.collections()
	if err != nil {
		return nil, err
	}
	all := make(map[string]string, len(served))
	for _, c := range served {
		all[c.Schema.Name] = fmt.Sprint(c.Cache.Class, " ", c.TagScheme())
	}
	return all, nil
}

// beside returns the cache for a generation that has another one beside it, which fences
// what it writes in another way: it is not used until that has ended.
func (in surroundings) beside(c cache.Coherent) cache.Coherent {
	if in.former == nil {
		return c
	}
	return later{c, in.former}
}

// later is a cache that is not used yet.
type later struct {
	cache.Coherent
	from <-chan struct{}
}

func (l later) Look(ctx context.Context, key cache.Key) cache.Found {
	select {
	case <-l.from:
		return l.Coherent.Look(ctx, key)
	default:
		return cache.Found{State: cache.Off}
	}
}
