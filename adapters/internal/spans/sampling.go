package spans

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/portolan-io/portolan/core/fault"
)

// Share returns what records that share of the traces, 0 being all. It goes by the id of the
// trace and by nothing else, so that every service with the same share has the same traces,
// whole. Share returns fault.Invalid if the share is none from 0 to 1.
func Share(op string, share float64) (sdktrace.Sampler, error) {
	switch {
	case share == 0:
		return sdktrace.AlwaysSample(), nil
	case share > 0 && share <= 1:
		return sdktrace.TraceIDRatioBased(share), nil
	}
	return nil, fault.New(fault.Invalid, op, "sampling is %v, which is no share of the traces", share).
		Hinting("write a number above 0 and up to 1, as 0.01 for one trace in a hundred, or none for all of them")
}

type trustKey struct{}

// Trust returns ctx with the trace that Extract found for it taken at its word: whoever sent it
// has a say in whether it is recorded.
func Trust(ctx context.Context) context.Context {
	if !trace.SpanContextFromContext(ctx).IsRemote() {
		return ctx
	}
	return context.WithValue(ctx, trustKey{}, true)
}

// A guarded sampler decides by another one, but for whom nobody trusts: of a trace that came
// from outside neither the flag counts nor the id as it is, for whoever made it up would choose
// what is recorded. The id is hashed with a key that all instances have, so that they record the
// same of these traces, too. What is within a span of ours is recorded if that is.
type guarded struct {
	sdktrace.Sampler
	key []byte
}

// ShouldSample is that of sdktrace.Sampler.
func (g guarded) ShouldSample(p sdktrace.SamplingParameters) sdktrace.SamplingResult {
	parent := trace.SpanContextFromContext(p.ParentContext)
	switch {
	case parent.IsValid() && !parent.IsRemote():
		decision := sdktrace.Drop
		if parent.IsSampled() {
			decision = sdktrace.RecordAndSample
		}
		return sdktrace.SamplingResult{Decision: decision, Tracestate: parent.TraceState()}
	case !parent.IsValid() || p.ParentContext.Value(trustKey{}) != nil:
		return g.Sampler.ShouldSample(p)
	}
	p.TraceID = g.hashed(p.TraceID)
	p.ParentContext = trace.ContextWithSpanContext(p.ParentContext, trace.SpanContext{})
	result := g.Sampler.ShouldSample(p)
	result.Tracestate = parent.TraceState()
	return result
}

func (g guarded) hashed(id trace.TraceID) (hashed trace.TraceID) {
	mac := hmac.New(sha256.New, g.key)
	mac.Write(id[:]) // which never fails
	copy(hashed[:], mac.Sum(nil))
	return hashed
}
