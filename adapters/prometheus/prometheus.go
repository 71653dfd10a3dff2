// Package prometheus counts and times operations for a Prometheus server to
// collect. Start at [Open].
package prometheus

import (
	"context"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/portolan-io/portolan/adapters/internal/figures"
	"github.com/portolan-io/portolan/adapters/internal/memo"
	"github.com/portolan-io/portolan/ports/telemetry"
)

// Config has nothing to set: what is measured, and its names, are the same
// everywhere, so that one dashboard serves every installation.
type Config struct {
	// Trace returns the trace and the span that ctx is part of, if they are recorded
	// somewhere, else empty strings. They are the exemplars of durations; nil is none.
	Trace func(ctx context.Context) (traceID, spanID string) `yaml:"-"`
}

// An Observer is a telemetry.Observer that keeps rates, errors and durations of
// operations, with a registry of its own.
type Observer struct {
	*figures.Figures
	trace    func(context.Context) (traceID, spanID string)
	total    *prometheus.CounterVec
	duration *prometheus.HistogramVec
	inFlight *prometheus.GaugeVec
	running  *memo.Map[telemetry.Op, prometheus.Gauge]
	endings  *memo.Map[ending, endingFigures]
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
func Open(_ context.Context, cfg Config) (*Observer, error) {
	op := []string{"port", "operation", "collection"}
	o := &Observer{
		Figures: figures.New(),
		trace:   cfg.Trace,
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
	o.Registry().MustRegister(o.total, o.duration, o.inFlight,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	o.running = memo.New(func(op telemetry.Op) prometheus.Gauge {
		return o.inFlight.WithLabelValues(figures.Label(op.Port), figures.Label(op.Name), figures.Label(op.Collection))
	})
	o.endings = memo.New(func(e ending) endingFigures {
		labels := []string{figures.Label(e.Port), figures.Label(e.Name), figures.Label(e.Collection), e.code}
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
			code = string(telemetry.KindOf(ctx, err))
		}
		inFlight.Dec()
		measured := o.endings.Get(ending{op, code})
		measured.total.Inc()
		o.observe(ctx, measured.duration, time.Since(began))
	}
}

// observe times an operation, by the trace that it was part of as an example.
func (o *Observer) observe(ctx context.Context, durations prometheus.Observer, took time.Duration) {
	if o.trace != nil {
		if traceID, spanID := o.trace(ctx); traceID != "" {
			durations.(prometheus.ExemplarObserver).ObserveWithExemplar(took.Seconds(), // as every histogram is
				prometheus.Labels{"trace_id": traceID, "span_id": spanID})
			return
		}
	}
	durations.Observe(took.Seconds())
}

// Handler answers with everything measured, in the format that was asked for.
func (o *Observer) Handler() http.Handler {
	return promhttp.HandlerFor(o.Registry(), promhttp.HandlerOpts{EnableOpenMetrics: true, MaxRequestsInFlight: 4})
}

// Close does nothing: whoever collects comes and asks.
func (o *Observer) Close(context.Context) error { return nil }
