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
	rules    int          // how often it changed where something is cached, and by which fences it lives

	// former are closed when generations before answer nobody any more: those that are
	// left and fence what they write in another way than this one.
	former []<-chan struct{}
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

// beside returns the cache for a generation that has others beside it, which fence what
// they write in another way: it is not used until these have ended.
func (in surroundings) beside(c cache.Coherent) cache.Coherent {
	if len(in.former) == 0 {
		return c
	}
	return &later{Coherent: c, from: in.former}
}

// later is a cache that is not used yet. It is safe for concurrent use.
type later struct {
	cache.Coherent
	from []<-chan struct{}
	used atomic.Bool
}

func (l *later) Look(ctx context.Context, key cache.Key) cache.Found {
	if !l.used.Load() {
		for _, gone := range l.from {
			select {
			case <-gone:
			default:
				return cache.Found{State: cache.Off}
			}
		}
		l.used.Store(true)
	}
	return l.Coherent.Look(ctx, key)
}
