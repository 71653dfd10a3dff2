// Package figures keeps what is counted elsewhere and read anew whenever somebody
// asks: of connection pools, of the cache, of limits. Start at [Figures].
package figures

import (
	"database/sql"
	"strings"
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/portolan-io/portolan/core/fault"
)

// Figures are those that were given, in a registry. Every observer that delivers metrics
// has some, so that a figure has one name wherever it ends up. They are safe for
// concurrent use.
type Figures struct {
	registry *prometheus.Registry

	mu    sync.Mutex
	known map[string]known // those that were put, by name
	round int              // how often all were given anew
}

// A known figure is one that was put, and the round in which it was.
type known struct {
	prometheus.Collector
	round int
}

// New returns figures of which there are none yet.
func New() *Figures {
	return &Figures{registry: prometheus.NewRegistry(), known: make(map[string]known)}
}

// Registry returns where the figures are gathered.
func (f *Figures) Registry() *prometheus.Registry { return f.registry }

// Pool adds the figures of a connection pool under the given name: connections
// open, in use and idle, and how often and how long somebody waited for one.
// Another one of the name takes its place.
func (f *Figures) Pool(name string, stats func() sql.DBStats) error {
	return f.put("the pool "+name, newPool(name, stats))
}

// Anew calls give, which gives all figures that there are from now on, and takes away those that
// it does not give again: what they belong to is closed, and they would keep it and go on telling
// how it was. It returns the error of give, and then takes away all the same what was not given.
// Calls of it come one at a time.
func (f *Figures) Anew(give func() error) error {
	f.mu.Lock()
	f.round++
	f.mu.Unlock()
	err := give()
	f.mu.Lock()
	defer f.mu.Unlock()
	for name, former := range f.known {
		if former.round != f.round {
			f.registry.Unregister(former.Collector)
			delete(f.known, name)
		}
	}
	return err
}

// put adds figures that are read anew each time. They take the place of those that had the
// name before, which belong to something that is closed.
func (f *Figures) put(name string, figures prometheus.Collector) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if former, ok := f.known[name]; ok {
		f.registry.Unregister(former.Collector)
		delete(f.known, name)
	}
	if err := f.registry.Register(figures); err != nil {
		return fault.New(fault.Invalid, "figures.put", "the figures of %s cannot be added", name).Because(err)
	}
	f.known[name] = known{figures, f.round}
	return nil
}

// Label makes text one that a label can have: UTF-8.
func Label(text string) string { return strings.ToValidUTF8(text, "\uFFFD") }
