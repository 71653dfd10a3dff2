// Package otel tells of operations as OpenTelemetry spans and metrics, to
// whatever the standard OTEL_* environment variables name. Start at [Open].
package otel

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	api "go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/portolan-io/portolan/adapters/internal/memo"
	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/ports/telemetry"
)

// Config leaves everything to the standard environment variables:
// OTEL_TRACES_EXPORTER and OTEL_METRICS_EXPORTER (otlp, console or none),
// OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_EXPORTER_OTLP_PROTOCOL, OTEL_TRACES_SAMPLER,
// OTEL_SERVICE_NAME, OTEL_RESOURCE_ATTRIBUTES, OTEL_SDK_DISABLED and their kin.
// Where none of them asks for an exporter, nothing leaves the process.
type Config struct {
	// Failed is told of what could not be delivered. OpenTelemetry has one such
	// function for the whole process; nil leaves it as it is, which is to write
	// to standard error.
	Failed func(error) `yaml:"-"`
}

const scope = "github.com/portolan-io/portolan"

// An Observer is a telemetry.Observer over OpenTelemetry. Spans wait in a
// bounded queue and are dropped when it is full, so that a back end that is
// slow or gone costs nothing but telemetry.
type Observer struct {
	exports    exports
	tracer     trace.Tracer
	duration   metric.Float64Histogram
	beginnings *memo.Map[telemetry.Op, beginning]
	endings    *memo.Map[ending, []metric.RecordOption]
	close      func(context.Context) error
}

// Open returns an observer. It does not wait for the back end, which may come
// and go; it refuses environment variables that make no sense.
func Open(ctx context.Context, cfg Config) (*Observer, error) {
	if cfg.Failed != nil {
		api.SetErrorHandler(api.ErrorHandlerFunc(cfg.Failed))
	}
	traces, metrics, asked, err := providers(ctx)
	if err != nil {
		return nil, fault.New(fault.Invalid, "otel.Open", "the OTEL_* environment variables cannot be followed").Because(err)
	}
	o := &Observer{
		exports: asked, tracer: traces.Tracer(scope),
		beginnings: memo.New(beginningOf), endings: memo.New(measured),
	}
	o.duration, err = metrics.Meter(scope).Float64Histogram("portolan.operation.duration",
		metric.WithUnit("s"), metric.WithDescription("How long operations took."),
		metric.WithExplicitBucketBoundaries(.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30))
	if err != nil {
		return nil, fault.New(fault.Internal, "otel.Open", "the histogram of durations cannot be made").Because(err)
	}
	var once sync.Once
	var closed error
	o.close = func(ctx context.Context) error {
		once.Do(func() { closed = errors.Join(traces.Shutdown(ctx), metrics.Shutdown(ctx)) })
		return closed
	}
	return o, nil
}

// Start starts a span within that of ctx. Where spans are not exported, it only
// sees to it that there is a trace id for the log.
func (o *Observer) Start(ctx context.Context, op telemetry.Op) (context.Context, func(error)) {
	var span trace.Span
	if o.exports.traces {
		b := o.beginnings.Get(op)
		ctx, span = o.tracer.Start(ctx, b.name, b.options...)
	} else {
		ctx = traced(ctx)
	}
	if span == nil && !o.exports.metrics {
		return ctx, ignored
	}
	began := time.Now()
	var ended atomic.Bool
	return ctx, func(err error) {
		if ended.Swap(true) {
			return
		}
		if span != nil {
			finish(span, err)
		}
		if o.exports.metrics {
			o.duration.Record(ctx, time.Since(began).Seconds(), o.endings.Get(ending{op, fault.KindOf(err)})...)
		}
	}
}

// ignored is the end of an operation that nobody is told of.
func ignored(error) {}

// finish ends a span with the error that its operation ended with.
func finish(span trace.Span, err error) {
	if err != nil {
		span.SetAttributes(errorKey.String(string(fault.KindOf(err))))
	}
	if status, description := statusOf(err); status != codes.Unset {
		span.SetStatus(status, description)
	}
	span.End()
}

// statusOf says whether an operation failed. What the caller did wrong is no
// failure of ours, and the description never holds a detail.
func statusOf(err error) (codes.Code, string) {
	switch kind := fault.KindOf(err); kind {
	case fault.Unavailable, fault.Internal:
		return codes.Error, string(kind)
	}
	return codes.Unset, ""
}

// Close delivers what is still held, for as long as ctx allows. What it returns
// says only that something was lost.
func (o *Observer) Close(ctx context.Context) error { return o.close(ctx) }

// TraceID returns the id of the trace that ctx is part of, as 32 hexadecimal
// digits, or the empty string if it is part of none.
func TraceID(ctx context.Context) string {
	if span := trace.SpanContextFromContext(ctx); span.HasTraceID() {
		return span.TraceID().String()
	}
	return ""
}

// Extract returns ctx as part of the trace that the headers of a request name
// (W3C Trace Context), or as it is if they name none or are malformed.
func Extract(ctx context.Context, header http.Header) context.Context {
	if len(header["Traceparent"]) == 0 {
		return ctx
	}
	return propagation.TraceContext{}.Extract(ctx, propagation.HeaderCarrier(header))
}
