package figures

import (
	"database/sql"

	"github.com/prometheus/client_golang/prometheus"
)

// A pool collects the figures of one connection pool, read anew each time.
type pool struct {
	stats   func() sql.DBStats
	figures []figure
}

// A figure is one number of a pool.
type figure struct {
	desc *prometheus.Desc
	kind prometheus.ValueType
	of   func(sql.DBStats) float64
}

func newPool(name string, stats func() sql.DBStats) *pool {
	labels := prometheus.Labels{"pool": Label(name)}
	gauge := func(name, help string, of func(sql.DBStats) float64) figure {
		return figure{prometheus.NewDesc("portolan_pool_"+name, help, nil, labels), prometheus.GaugeValue, of}
	}
	counter := func(name, help string, of func(sql.DBStats) float64) figure {
		return figure{prometheus.NewDesc("portolan_pool_"+name, help, nil, labels), prometheus.CounterValue, of}
	}
	return &pool{stats: stats, figures: []figure{
		gauge("max_connections", "The most connections that may be open; 0 is no limit.",
			func(s sql.DBStats) float64 { return float64(s.MaxOpenConnections) }),
		gauge("open_connections", "Connections that are open, in use or idle.",
			func(s sql.DBStats) float64 { return float64(s.OpenConnections) }),
		gauge("in_use_connections", "Connections that somebody uses.",
			func(s sql.DBStats) float64 { return float64(s.InUse) }),
		gauge("idle_connections", "Connections that nobody uses.",
			func(s sql.DBStats) float64 { return float64(s.Idle) }),
		counter("waits_total", "How often somebody had to wait for a connection.",
			func(s sql.DBStats) float64 { return float64(s.WaitCount) }),
		counter("wait_seconds_total", "How long all waits for a connection took together.",
			func(s sql.DBStats) float64 { return s.WaitDuration.Seconds() }),
	}}
}

// Describe tells which figures there are.
func (p *pool) Describe(descs chan<- *prometheus.Desc) {
	for _, f := range p.figures {
		descs <- f.desc
	}
}

// Collect reads the figures.
func (p *pool) Collect(metrics chan<- prometheus.Metric) {
	stats := p.stats()
	for _, f := range p.figures {
		metrics <- prometheus.MustNewConstMetric(f.desc, f.kind, f.of(stats))
	}
}
