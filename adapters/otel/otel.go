// Package otel tells of operations as OpenTelemetry spans and metrics, to
// whatever the standard OTEL_* environment variables name. Start at [Open].
package otel

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"time"

	api "go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/propagation"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

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

// The names of attributes. error.type is OpenTelemetry's own.
const (
	portKey       = attribute.Key("portolan.port")
	operationKey  = attribute.Key("portolan.operation")
	collectionKey = attribute.Key("portolan.collection")
	errorKey      = attribute.Key("error.type")
)

const scope = "github.com/portolan-io/portolan"

// An Observer is a telemetry.Observer over OpenTelemetry. Spans wait in a
// bounded queue and are dropped when it is full, so that a back end that is
// slow or gone costs nothing but telemetry.
type Observer struct {
	traces   *sdktrace.TracerProvider
	metrics  *sdkmetric.MeterProvider
	tracer   trace.Tracer
	duration metric.Float64Histogram
	close    func(context.Context) error
}

// Open returns an observer. It does not wait for the back end, which may come
// and go; it refuses environment variables that make no sense.
func Open(ctx context.Context, cfg Config) (*Observer, error) {
	if cfg.Failed != nil {
		api.SetErrorHandler(api.ErrorHandlerFunc(cfg.Failed))
	}
	traces, metrics, err := providers(ctx)
	if err != nil {
		return nil, fault.New(fault.Invalid, "otel.Open", "the OTEL_* environment variables cannot be followed").Because(err)
	}
	o := &Observer{traces: traces, metrics: metrics, tracer: traces.Tracer(scope)}
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

// Start starts a span within that of ctx.
func (o *Observer) Start(ctx context.Context, op telemetry.Op) (context.Context, func(error)) {
	attributes := []attribute.KeyValue{portKey.String(text(op.Port)), operationKey.String(text(op.Name))}
	if op.Collection != "" {
		attributes = append(attributes, collectionKey.String(text(op.Collection)))
	}
	name, kind := text(op.Port)+" "+text(op.Name), trace.SpanKindInternal
	if op.Port == "http" {
		name, kind = text(op.Name), trace.SpanKindServer
	}
	began := time.Now()
	ctx, span := o.tracer.Start(ctx, name, trace.WithSpanKind(kind), trace.WithAttributes(attributes...))
	var once sync.Once
	return ctx, func(err error) {
		once.Do(func() {
			if err != nil {
				failed := errorKey.String(string(fault.KindOf(err)))
				attributes = append(attributes, failed)
				span.SetAttributes(failed)
			}
			if status, description := statusOf(err); status != codes.Unset {
				span.SetStatus(status, description)
			}
			span.End()
			o.duration.Record(ctx, time.Since(began).Seconds(), metric.WithAttributes(attributes...))
		})
	}
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

// text makes s UTF-8: one string that is not would spoil its whole batch.
func text(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }

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
	return propagation.TraceContext{}.Extract(ctx, propagation.HeaderCarrier(header))
}
