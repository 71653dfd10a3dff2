package spans

import (
	"context"
	"encoding/binary"
	"math/rand/v2"

	"go.opentelemetry.io/otel/trace"
)

// Where several observers deliver spans, each to its own back end, an operation has the same
// ids and the same parent in all of them, so that what is found in one is found in the
// others. The first observer that begins an operation makes up its ids and leaves them in the
// context, and the others take them over.

// A frame is the innermost operation of a context as one observer sees it.
type frame struct {
	context.Context //nolint:containedctx // it is a context itself, and this is its parent
	of              *Observer
	span            trace.SpanContext
	ids             *ids
}

// ids are those that an operation has in every back end.
type ids struct {
	trace   trace.TraceID
	span    trace.SpanID
	outside trace.SpanContext // what the outermost operation is part of
}

type idsKey struct{}

// Value returns the frame of an observer, or the ids that it took over or made up.
func (f *frame) Value(key any) any {
	switch key {
	case f.of:
		return f
	case idsKey{}:
		return f.ids
	}
	return f.Context.Value(key)
}

// begin starts the span of an operation for one of several observers.
func (o *Observer) begin(ctx context.Context, b beginning) (context.Context, trace.Span) {
	mine, _ := ctx.Value(o).(*frame)
	latest, _ := ctx.Value(idsKey{}).(*ids)
	outside, parent := trace.SpanContextFromContext(ctx), ctx
	if latest != nil {
		outside = latest.outside
		parent = trace.ContextWithSpanContext(ctx, outside)
	}
	if mine != nil {
		parent = trace.ContextWithSpanContext(ctx, mine.span)
	}
	taken := latest
	if mine != nil && mine.ids == latest { // this observer is the first
		taken = nil
	}
	parent = context.WithValue(parent, takenKey{}, taken)
	inner, span := o.tracer.Start(parent, b.name, b.options...)
	its := span.SpanContext()
	if taken == nil {
		taken = &ids{trace: its.TraceID(), span: its.SpanID(), outside: outside}
	}
	return &frame{Context: inner, of: o, span: its, ids: taken}, span
}

type takenKey struct{}

// taking makes ids, or takes those of another observer.
type taking struct{}

// NewIDs returns the ids of a span that begins a trace.
func (taking) NewIDs(ctx context.Context) (trace.TraceID, trace.SpanID) {
	if taken, _ := ctx.Value(takenKey{}).(*ids); taken != nil {
		return taken.trace, taken.span
	}
	return newTraceID(), newSpanID()
}

// NewSpanID returns the id of a span within a trace.
func (taking) NewSpanID(ctx context.Context, _ trace.TraceID) trace.SpanID {
	if taken, _ := ctx.Value(takenKey{}).(*ids); taken != nil {
		return taken.span
	}
	return newSpanID()
}

// An id of zeros is none, hence the last bit: ids need be unlikely to meet, no more.

func newTraceID() (id trace.TraceID) {
	binary.BigEndian.PutUint64(id[:8], rand.Uint64())
	binary.BigEndian.PutUint64(id[8:], rand.Uint64()|1)
	return id
}

func newSpanID() (id trace.SpanID) {
	binary.BigEndian.PutUint64(id[:], rand.Uint64()|1)
	return id
}
