package spans

import (
	"context"
	"net/http"

	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// TraceID returns the id of the trace that ctx is part of, as 32 hexadecimal
// digits, or the empty string if it is part of none.
func TraceID(ctx context.Context) string {
	if span := trace.SpanContextFromContext(ctx); span.HasTraceID() {
		return span.TraceID().String()
	}
	return ""
}

// Span returns the id of the span that ctx is part of, as 16 hexadecimal digits, and
// whether it is recorded. Without one the id is empty.
func Span(ctx context.Context) (id string, recorded bool) {
	span := trace.SpanContextFromContext(ctx)
	if !span.HasSpanID() {
		return "", false
	}
	return span.SpanID().String(), span.IsSampled()
}

// Extract returns ctx as part of the trace that the headers of a request name
// (W3C Trace Context), or as it is if they name none or are malformed.
func Extract(ctx context.Context, header http.Header) context.Context {
	if len(header["Traceparent"]) == 0 {
		return ctx
	}
	return propagation.TraceContext{}.Extract(ctx, propagation.HeaderCarrier(header))
}

// Inject puts the trace that ctx is part of into the headers of a request that is about to
// be sent (W3C Trace Context), if there is one.
func Inject(ctx context.Context, header http.Header) {
	propagation.TraceContext{}.Inject(ctx, propagation.HeaderCarrier(header))
}
