// Package otel tells of operations as OpenTelemetry spans and metrics, to
// whatever the standard OTEL_* environment variables name. Start at [Open].
package otel

import (
	"context"
	"net/http"

	"github.com/portolan-io/portolan/adapters/internal/spans"
	"github.com/portolan-io/portolan/core/fault"
)

// Config leaves everything to the standard environment variables:
// OTEL_TRACES_EXPORTER and OTEL_METRICS_EXPORTER (otlp, console or none),
// OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_EXPORTER_OTLP_PROTOCOL, OTEL_TRACES_SAMPLER,
// OTEL_SERVICE_NAME, OTEL_RESOURCE_ATTRIBUTES, OTEL_SDK_DISABLED and their kin.
// Where none of them asks for an exporter, nothing leaves the process.
type Config struct {
	// Failed is told of what could not be delivered, and of the errors of OpenTelemetry that name
	// no observer; nil writes them to slog.Default.
	Failed func(error) `yaml:"-"`

	// Key keeps those who send a trace from choosing whether it is recorded: all instances
	// have the same. Nil is one of this process.
	Key []byte `yaml:"-"`

	// Several says that other observers deliver spans too: then an operation has the
	// same ids in all of them.
	Several bool `yaml:"-"`
}

// An Observer is a telemetry.Observer over OpenTelemetry. Spans wait in a
// bounded queue and are dropped when it is full, so that a back end that is
// slow or gone costs nothing but telemetry.
type Observer struct{ *spans.Observer }

// Open returns an observer. It does not wait for the back end, which may come
// and go; it refuses environment variables that make no sense.
func Open(ctx context.Context, cfg Config) (*Observer, error) {
	asked, err := exports(ctx)
	if err == nil {
		asked.Several, asked.Failed, asked.Key = cfg.Several, cfg.Failed, cfg.Key
		var o *spans.Observer
		if o, err = spans.New(ctx, asked); err == nil {
			return &Observer{o}, nil
		}
	}
	return nil, fault.New(fault.Invalid, "otel.Open", "the OTEL_* environment variables cannot be followed").
		Hinting("see the table in the README of the adapter otel").Because(err)
}

// TraceID returns the id of the trace that ctx is part of, as 32 hexadecimal
// digits, or the empty string if it is part of none.
func TraceID(ctx context.Context) string { return spans.TraceID(ctx) }

// Span returns the id of the span that ctx is part of, as 16 hexadecimal digits, and
// whether it is recorded. Without one the id is empty.
func Span(ctx context.Context) (id string, recorded bool) { return spans.Span(ctx) }

// Extract returns ctx as part of the trace that the headers of a request name
// (W3C Trace Context), or as it is if they name none or are malformed.
func Extract(ctx context.Context, header http.Header) context.Context {
	return spans.Extract(ctx, header)
}

// Trust returns ctx with the trace that Extract found for it taken at its word: whoever sent it
// has a say in whether it is recorded. It is for those who are known.
func Trust(ctx context.Context) context.Context { return spans.Trust(ctx) }

// Inject puts the trace that ctx is part of into the headers of a request that is about to
// be sent (W3C Trace Context), if there is one.
func Inject(ctx context.Context, header http.Header) { spans.Inject(ctx, header) }
