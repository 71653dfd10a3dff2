// Package spans is a telemetry.Observer over the OpenTelemetry SDK, for adapters that have
// an exporter: it makes spans and durations of operations, holds what is to be delivered
// within bounds, and counts what was dropped. Start at [New].
package spans

import (
	"context"
	"crypto/rand"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	bridge "go.opentelemetry.io/contrib/bridges/prometheus"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/portolan-io/portolan/adapters/internal/figures"
	"github.com/portolan-io/portolan/adapters/internal/memo"
	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/ports/telemetry"
)

// Config says where spans and metrics go.
type Config struct {
	Spans   sdktrace.SpanExporter // nil delivers none
	Sampler sdktrace.Sampler      // what is recorded of the spans
	Key     []byte                // of all instances, for traces from outside, see guarded; nil is one of this process
	About   []attribute.KeyValue  // who we are, where the environment does not say otherwise
	Bounds  Bounds                // of the spans that wait
	Several bool                  // other observers deliver spans too, see several.go

	// Metrics returns what delivers the durations and what the producer has, and tells failed of what it
	// could not; nil delivers none.
	Metrics func(_ sdkmetric.Producer, failed func(error)) (sdkmetric.Reader, error)

	// Failed is told of what could not be delivered; nil writes it to slog.Default.
	Failed func(error)

	// Ambient says that Metrics cannot tell: what OpenTelemetry's error handler, which is one for the
	// process, is told of nobody's is told to Failed then.
	Ambient bool
}

const scope = "github.com/portolan-io/portolan"

// An Observer is a telemetry.Observer over OpenTelemetry. Spans wait in a
// bounded queue and are dropped when it is full, so that a back end that is
// slow or gone costs nothing but telemetry.
type Observer struct {
	*figures.Figures
	tracer     trace.Tracer // nil: spans are not delivered
	several    bool
	resource   *resource.Resource
	failed     func(error)
	queue      *processor // nil as tracer is
	durations  *durations // nil: metrics are not delivered
	beginnings *memo.Map[telemetry.Op, beginning]
	close      func(context.Context) error
	once       sync.Once
	closed     error
}

// New returns an observer. It does not wait for the back end, which may come and go.
func New(ctx context.Context, cfg Config) (*Observer, error) {
	described, err := describe(ctx, cfg.About)
	if err != nil {
		return nil, err
	}
	if cfg.Key == nil {
		cfg.Key = []byte(rand.Text())
	}
	if cfg.Failed == nil {
		cfg.Failed = unheard
	}
	o := &Observer{Figures: figures.New(), resource: described, failed: cfg.Failed, several: cfg.Several, beginnings: memo.New(beginningOf)}
	var closers []func(context.Context) error
	if cfg.Metrics != nil {
		reader, err := cfg.Metrics(bridge.NewMetricProducer(bridge.WithGatherer(o.Registry())), cfg.Failed)
		if err != nil {
			return nil, err
		}
		metrics := sdkmetric.NewMeterProvider(sdkmetric.WithResource(described), sdkmetric.WithReader(reader))
		if o.durations, err = newDurations(metrics.Meter(scope)); err != nil {
			return nil, err
		}
		closers = append(closers, metrics.Shutdown)
	}
	if cfg.Spans != nil {
		o.queue = newProcessor(cfg.Spans, cfg.Bounds, cfg.Failed) //nolint:contextcheck // it works until it is shut down
		options := []sdktrace.TracerProviderOption{sdktrace.WithResource(described), sdktrace.WithSpanProcessor(o.queue), sdktrace.WithIDGenerator(taking{}), sdktrace.WithSampler(guarded{cfg.Sampler, cfg.Key})}
		o.tracer = sdktrace.NewTracerProvider(options...).Tracer(scope)
		closers = append(closers, o.queue.Shutdown)
	}
	forget := ownerless.add(&owner{cfg.Failed, cfg.Ambient})
	o.close = func(ctx context.Context) error {
		defer forget()
		return all(ctx, closers)
	}
	return o, nil
}

// describe says who we are.
func describe(ctx context.Context, about []attribute.KeyValue) (*resource.Resource, error) {
	return resource.New(ctx,
		resource.WithTelemetrySDK(),
		resource.WithAttributes(attribute.String("service.name", "portolan")),
		resource.WithAttributes(about...),
		resource.WithFromEnv(), // last, so that OTEL_SERVICE_NAME wins
	)
}

// Start starts a span within that of ctx. Where spans are not delivered, it only
// sees to it that there is a trace id for the log.
func (o *Observer) Start(ctx context.Context, op telemetry.Op) (context.Context, func(error)) {
	var span trace.Span
	switch {
	case o.tracer == nil:
		ctx = traced(ctx)
	case o.several:
		ctx, span = o.begin(ctx, o.beginnings.Get(op))
	default:
		b := o.beginnings.Get(op)
		ctx, span = o.tracer.Start(ctx, b.name, b.options...)
	}
	if span == nil && o.durations == nil {
		return ctx, ignored
	}
	var answer *telemetry.Answer
	if op.Port == "http" {
		answer = telemetry.AnswerOf(ctx)
	}
	began := time.Now()
	var ended atomic.Bool
	return ctx, func(err error) {
		if ended.Swap(true) {
			return
		}
		kind := telemetry.KindOf(ctx, err)
		if span != nil && span.IsRecording() {
			finish(span, answer, kind)
		}
		if o.durations != nil {
			o.durations.record(ctx, op, answer, time.Since(began), kind)
		}
	}
}

// ignored is the end of an operation that nobody is told of.
func ignored(error) {}

// finish ends a span with the kind of the error that its operation ended with, or empty.
func finish(span trace.Span, answer *telemetry.Answer, kind fault.Kind) {
	if answer != nil {
		span.SetAttributes(answered(*answer)...)
	}
	if kind != "" {
		span.SetAttributes(ErrorKey.String(string(kind)))
	}
	if status, description := statusOf(kind); status != codes.Unset {
		span.SetStatus(status, description)
	}
	span.End()
}

// statusOf says whether an operation failed. What the caller did wrong, or does not wait
// for, is no failure of ours, and the description never holds a detail.
func statusOf(kind fault.Kind) (codes.Code, string) {
	switch kind {
	case fault.Unavailable, fault.Internal:
		return codes.Error, string(kind)
	}
	return codes.Unset, ""
}

// Resource returns who we are.
func (o *Observer) Resource() *resource.Resource { return o.resource }

// Failed tells of what could not be delivered.
func (o *Observer) Failed(err error) { o.failed(err) }

// Spans reports whether spans are delivered.
func (o *Observer) Spans() bool { return o.tracer != nil }

// Lost returns how many spans were not delivered and will not be. Metrics are sums since
// the start, which the next delivery has too.
func (o *Observer) Lost() map[string]uint64 {
	if o.queue == nil {
		return nil
	}
	return map[string]uint64{"spans": o.queue.Dropped()}
}

// Close delivers what is still held, for as long as ctx allows. What it returns
// says only that something was lost.
func (o *Observer) Close(ctx context.Context) error {
	o.once.Do(func() { o.closed = o.close(ctx) })
	return o.closed
}

// all calls all of the functions at once and returns when they have or ctx is done, even if an
// exporter has no ear for it.
func all(ctx context.Context, closers []func(context.Context) error) error {
	ended := make(chan error, len(closers))
	for _, end := range closers {
		go func() { ended <- end(ctx) }()
	}
	var errs []error
	for range closers {
		select {
		case err := <-ended:
			errs = append(errs, err)
		case <-ctx.Done():
			select {
			case err := <-ended:
				errs = append(errs, err)
			case <-time.After(grace):
				return errors.Join(append(errs, ctx.Err())...)
			}
		}
	}
	return errors.Join(errs...)
}

// grace is how long what ctx has ended may take to say so.
const grace = 100 * time.Millisecond
