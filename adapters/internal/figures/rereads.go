package figures

import (
	"github.com/prometheus/client_golang/prometheus"
)

// Rereads adds how many hits of the cache were read from the store again, of each
// collection, and how many of these should not have been hits. Later
// ones take the place of the former.
func (f *Figures) Rereads(all func(yield func(collection string, observed, stale uint64) bool)) error {
	return f.put("rereads", rereadFigures(all))
}

// rereadFigures collect the figures of rereads, read anew each time.
type rereadFigures func(yield func(collection string, observed, stale uint64) bool)

var (
	cacheObserved = prometheus.NewDesc("portolan_cache_observed_reads_total",
		"Hits of strict collections that were read from the store again, to see whether the cache is right.", []string{"collection"}, nil)
	cacheStale = prometheus.NewDesc("portolan_cache_stale_reads_total",
		"Of these, those that the cache should not have answered. Anything but 0 is a fault.", []string{"collection"}, nil)
)

// Describe tells which figures there are.
func (rereadFigures) Describe(descs chan<- *prometheus.Desc) {
	descs <- cacheObserved
	descs <- cacheStale
}

// Collect reads the figures.
func (f rereadFigures) Collect(metrics chan<- prometheus.Metric) {
	f(func(collection string, observed, stale uint64) bool {
		metrics <- prometheus.MustNewConstMetric(cacheObserved, prometheus.CounterValue, float64(observed), Label(collection))
		metrics <- prometheus.MustNewConstMetric(cacheStale, prometheus.CounterValue, float64(stale), Label(collection))
		return true
	})
}
