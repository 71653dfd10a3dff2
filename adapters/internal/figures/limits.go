package figures

import (
	"github.com/prometheus/client_golang/prometheus"
)

// Limits adds how many requests each bound has refused, and how often the limiter that
// instances share was done without. A later one takes the place of the former.
func (f *Figures) Limits(refused func(yield func(bound string, n uint64) bool), fell func() uint64) error {
	return f.put("limits", limitFigures{refused, fell})
}

// limitFigures collect the figures of limits, read anew each time.
type limitFigures struct {
	refused func(yield func(bound string, n uint64) bool)
	fell    func() uint64
}

var (
	limitRefused = prometheus.NewDesc("portolan_limit_refused_total",
		"Requests that were one too many, by the bound that refused them.", []string{"bound"}, nil)
	limitFell = prometheus.NewDesc("portolan_limit_fallbacks_total",
		"How often this instance counted by itself, at its share of the rates, because the limiter that it shares did not answer.", nil, nil)
)

// Describe tells which figures there are.
func (limitFigures) Describe(descs chan<- *prometheus.Desc) {
	descs <- limitRefused
	descs <- limitFell
}

// Collect reads the figures.
func (f limitFigures) Collect(metrics chan<- prometheus.Metric) {
	f.refused(func(bound string, n uint64) bool {
		metrics <- prometheus.MustNewConstMetric(limitRefused, prometheus.CounterValue, float64(n), Label(bound))
		return true
	})
	metrics <- prometheus.MustNewConstMetric(limitFell, prometheus.CounterValue, float64(f.fell()))
}
