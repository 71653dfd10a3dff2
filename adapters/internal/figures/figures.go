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
	known map[string]prometheus.Collector // those that were put, by name
}

// New returns figures of which there are none yet.
func New() *Figures {
	return &Figures{registry: prometheus.NewRegistry(), known: make(map[string]prometheus.Collector)}
}

// Registry returns where the figures are gathered.
func (f *Figures) Registry() *prometheus.Registry { return f.registry }

// Pool adds the figures of a connection pool under the given name: connections
// open, in use and idle, and how often and how long somebody waited for one.
// Another one of the name takes its place.
func (f *Figures) Pool(name string, stats func() sql.DBStats) error {
	return f.put("the pool "+name, newPool(name, stats))
}

// put adds figures that are read anew each time. They take the place of those that had the
// name before, which belong to something that is closed.
func (f *Figures) put(name string, figures prometheus.Collector) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if former := f.known[name]; former != nil {
		f.registry.Unregister(former)
	}
	if err := f.registry.Register(figures); err != nil {
		return fault.New(fault.Invalid, "figures.put", "the figures of %s cannot be added", name).Because(err)
	}
	f.known[name] = figures
	return nil
}

// Label makes text one that a label can have: UTF-8.
func Label(text string) string { return strings.ToValidUTF8(text, "\uFFFD") }
