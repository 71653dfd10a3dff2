// Package prometheus counts and times operations for a Prometheus server to
// collect. Start at [Open].
package prometheus

import (
	"context"
	"database/sql"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/portolan-io/portolan/adapters/internal/memo"
	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/ports/telemetry"
)

// Config has nothing to set: what is measured, and its names, are the same
// everywhere, so that one dashboard serves every installation.
type Config struct{}

// An Observer is a telemetry.Observer that keeps rates, errors and durations of
// operations, with a registry of its own.
type Observer struct {
	registry *prometheus.Registry
	total    *prometheus.CounterVec
	duration *prometheus.HistogramVec
	inFlight *prometheus.GaugeVec
	running  *memo.Map[telemetry.Op, prometheus.Gauge]
	endings  *memo.Map[ending, endingFigures]

	mu      sync.Mutex
	figures map[string]prometheus.Collector // those that were put, by name
}

// An ending is an operation with how it ended: "ok" or the kind of its error.
type ending struct {
	telemetry.Op
	code string
}

// endingFigures are what an ending is counted and timed with.
type endingFigures struct {
	total    prometheus.Counter
	duration prometheus.Observer
}

// buckets are upper bounds in seconds: finer than the usual ones below a
// millisecond, where an operation of a store in this process ends.
var buckets = []float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30}

// Open returns an observer, which also measures the process and the Go runtime.
func Open(context.Context, Config) (*Observer, error) {
	op := []string{"port", "operation", "collection"}
	o := &Observer{
		registry: prometheus.NewRegistry(),
		total: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "portolan_operations_total",
			Help: "Operations that ended, by the kind of their error (ok: none).",
		}, append(op, "code")),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "portolan_operation_duration_seconds",
			Help:    "How long operations took, by the kind of their error (ok: none).",
			Buckets: buckets,
		}, append(op, "code")),
		inFlight: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "portolan_operations_in_flight",
			Help: "Operations that have started and not ended.",
		}, op),
	}
	o.registry.MustRegister(o.total, o.duration, o.inFlight,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	o.running = memo.New(func(op telemetry.Op) prometheus.Gauge {
		return o.inFlight.WithLabelValues(label(op.Port), label(op.Name), label(op.Collection))
	})
	o.endings = memo.New(func(e ending) endingFigures {
		labels := []string{label(e.Port), label(e.Name), label(e.Collection), e.code}
		return endingFigures{o.total.WithLabelValues(labels...), o.duration.WithLabelValues(labels...)}
	})
	return o, nil
}

// Start counts op as in flight until it ends, and then times it.
func (o *Observer) Start(ctx context.Context, op telemetry.Op) (context.Context, func(error)) {
	inFlight := o.running.Get(op)
	inFlight.Inc()
	began := time.Now()
	var ended atomic.Bool
	return ctx, func(err error) {
		if ended.Swap(true) {
			return
		}
		code := "ok"
		if err != nil {
			code = string(fault.KindOf(err))
		}
		inFlight.Dec()
		figures := o.endings.Get(ending{op, code})
		figures.total.Inc()
		figures.duration.Observe(time.Since(began).Seconds())
	}
}

// label makes text one that a label can have: UTF-8.
func label(text string) string { return strings.ToValidUTF8(text, "\uFFFD") }

// Pool adds the figures of a connection pool under the given name: connections
// open, in use and idle, and how often and how long somebody waited for one.
// Another one of the name takes its place.
func (o *Observer) Pool(name string, stats func() sql.DBStats) error {
	return o.put("the pool "+name, newPool(name, stats))
}

// put adds figures that are read anew each time. They take the place of those that had the
// name before, which belong to something that is closed.
func (o *Observer) put(name string, figures prometheus.Collector) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if former := o.figures[name]; former != nil {
		o.registry.Unregister(former)
	}
	if err := o.registry.Register(figures); err != nil {
		return fault.New(fault.Invalid, "prometheus.put", "the figures of %s cannot be added", name).Because(err)
	}
	if o.figures == nil {
		o.figures = make(map[string]prometheus.Collector)
	}
	o.figures[name] = figures
	return nil
}

// Handler answers with everything measured, in the format that was asked for.
func (o *Observer) Handler() http.Handler {
	return promhttp.HandlerFor(o.registry, promhttp.HandlerOpts{EnableOpenMetrics: true, MaxRequestsInFlight: 4})
}

// Close does nothing: whoever collects comes and asks.
func (o *Observer) Close(context.Context) error { return nil }
