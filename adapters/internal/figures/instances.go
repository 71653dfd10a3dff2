package figures

import (
	"github.com/prometheus/client_golang/prometheus"
)

// Instance adds how one of many instances sees the cache that they share: the
// mode, "idle", "on", "down" or "unknown"; how often it saw another one; how many fences
// of writes could not be put; and how many chores wait. A later one takes the place of the former.
func (f *Figures) Instance(figures func() (mode string, changes, unfenced uint64, chores int)) error {
	return f.put("the instance", instanceFigures(figures))
}

// instanceFigures collect the figures of an instance, read anew each time.
type instanceFigures func() (mode string, changes, unfenced uint64, chores int)

// modes are all that the mode can be. Each has a series, which is 1 of the one
// that it is and 0 of the others.
var modes = []string{"idle", "on", "down", "unknown"}

var (
	cacheMode = prometheus.NewDesc("portolan_cache_mode",
		"Whether instances use the cache that they share: 1 of the mode that this one relies on, 0 of the others.", []string{"mode"}, nil)
	cacheModeChanges = prometheus.NewDesc("portolan_cache_mode_changes_total",
		"How often this instance saw another mode, the first included.", nil, nil)
	cacheFenceFailures = prometheus.NewDesc("portolan_cache_fence_failures_total",
		"Fences of writes that could not be put, each of which ends the use of the shared cache.", nil, nil)
	cacheChores = prometheus.NewDesc("portolan_cache_chores_waiting",
		"Fences that are to be taken away later, and epochs that are to be ended.", nil, nil)
)

// Describe tells which figures there are.
func (instanceFigures) Describe(descs chan<- *prometheus.Desc) {
	for _, desc := range []*prometheus.Desc{cacheMode, cacheModeChanges, cacheFenceFailures, cacheChores} {
		descs <- desc
	}
}

// Collect reads the figures.
func (f instanceFigures) Collect(metrics chan<- prometheus.Metric) {
	now, changes, unfenced, chores := f()
	for _, mode := range modes {
		is := 0.0
		if mode == now {
			is = 1
		}
		metrics <- prometheus.MustNewConstMetric(cacheMode, prometheus.GaugeValue, is, mode)
	}
	metrics <- prometheus.MustNewConstMetric(cacheModeChanges, prometheus.CounterValue, float64(changes))
	metrics <- prometheus.MustNewConstMetric(cacheFenceFailures, prometheus.CounterValue, float64(unfenced))
	metrics <- prometheus.MustNewConstMetric(cacheChores, prometheus.GaugeValue, float64(chores))
}
