package figures

import (
	"github.com/prometheus/client_golang/prometheus"
)

// Dropped adds how much telemetry was to be delivered and never will be, by driver and
// signal. Later ones take the place of the former.
func (f *Figures) Dropped(all func(yield func(driver, signal string, n uint64) bool)) error {
	return f.put("what was dropped", droppedFigures(all))
}

// droppedFigures collect what was dropped, read anew each time.
type droppedFigures func(yield func(driver, signal string, n uint64) bool)

var (
	telemetryDropped = prometheus.NewDesc("portolan_telemetry_dropped_total",
		"Spans and metrics that were not delivered and will not be, because the back end did not take them in time.", []string{"driver", "signal"}, nil)
)

// Describe tells which figures there are.
func (droppedFigures) Describe(descs chan<- *prometheus.Desc) { descs <- telemetryDropped }

// Collect reads the figures.
func (f droppedFigures) Collect(metrics chan<- prometheus.Metric) {
	f(func(driver, signal string, n uint64) bool {
		metrics <- prometheus.MustNewConstMetric(telemetryDropped, prometheus.CounterValue, float64(n), Label(driver), Label(signal))
		return true
	})
}
