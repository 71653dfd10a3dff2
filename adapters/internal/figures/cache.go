package figures

import (
	"github.com/prometheus/client_golang/prometheus"
)

// Cache adds the figures of the cache: how often answers of each collection were
// looked for, by what was found ("hit", "miss", "fenced", "off"), and what the
// cache holds, unless held is nil. A later one takes the place of the former.
func (f *Figures) Cache(looks func(yield func(collection, state string, n uint64) bool), held func() (items, octets int)) error {
	return f.put("the cache", cacheFigures{looks, held})
}

// cacheFigures collect the figures of a cache, read anew each time.
type cacheFigures struct {
	looks func(yield func(collection, state string, n uint64) bool)
	held  func() (items, octets int)
}

var (
	cacheLooks = prometheus.NewDesc("portolan_cache_looks_total",
		"How often the cache was asked for an answer, by what it found.", []string{"collection", "state"}, nil)
	cacheItems = prometheus.NewDesc("portolan_cache_items",
		"Answers that the cache holds, those that are over and not yet forgotten included.", nil, nil)
	cacheOctets = prometheus.NewDesc("portolan_cache_octets",
		"Octets that the cache takes for its answers.", nil, nil)
)

// Describe tells which figures there are.
func (c cacheFigures) Describe(descs chan<- *prometheus.Desc) {
	descs <- cacheLooks
	if c.held != nil {
		descs <- cacheItems
		descs <- cacheOctets
	}
}

// Collect reads the figures.
func (c cacheFigures) Collect(metrics chan<- prometheus.Metric) {
	c.looks(func(collection, state string, n uint64) bool {
		metrics <- prometheus.MustNewConstMetric(cacheLooks, prometheus.CounterValue, float64(n), Label(collection), Label(state))
		return true
	})
	if c.held != nil {
		items, octets := c.held()
		metrics <- prometheus.MustNewConstMetric(cacheItems, prometheus.GaugeValue, float64(items))
		metrics <- prometheus.MustNewConstMetric(cacheOctets, prometheus.GaugeValue, float64(octets))
	}
}
