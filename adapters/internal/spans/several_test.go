package spans_test

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/portolan-io/portolan/adapters/internal/spans"
	"github.com/portolan-io/portolan/ports/telemetry"
)

// A back is an observer with what it delivered.
type back struct {
	*spans.Observer
	exporter *kept
}

// kept keeps what it is given also when it is shut down.
type kept struct{ tracetest.InMemoryExporter }

func (*kept) Shutdown(context.Context) error { return nil }

func several(t *testing.T, share float64) back {
	t.Helper()
	exporter := &kept{}
	o, err := spans.New(t.Context(), spans.Config{Spans: exporter, Several: true, Sampler: sdktrace.TraceIDRatioBased(share)})
	if err != nil {
		t.Fatal(err)
	}
	return back{o, exporter}
}

// ids returns the ids of each operation: of the trace, of its own, and of its parent.
func (b back) ids(t *testing.T) map[string][3]string {
	t.Helper()
	if err := b.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	found := map[string][3]string{}
	for _, span := range b.exporter.GetSpans() {
		parent := ""
		if span.Parent.IsValid() {
			parent = span.Parent.SpanID().String()
		}
		found[span.Name] = [3]string{span.SpanContext.TraceID().String(), span.SpanContext.SpanID().String(), parent}
	}
	return found
}

// TestSeveral shows that an operation has the same ids in every back end, whichever observer
// begins it, and that one back end which records no trace takes none from the others.
func TestSeveral(t *testing.T) {
	first, none, last := several(t, 1), several(t, 0), several(t, 1)
	start := func(ctx context.Context, name string) (context.Context, func()) {
		var ends []func(error)
		for _, b := range []back{none, first, last} {
			var end func(error)
			ctx, end = b.Start(ctx, telemetry.Op{Port: "test", Name: name})
			ends = append(ends, end)
		}
		return ctx, func() {
			for _, end := range ends {
				end(nil)
			}
		}
	}
	ctx, endRequest := start(t.Context(), "request")
	for _, name := range []string{"first", "second"} {
		inner, end := start(ctx, name)
		_, endInner := start(inner, name+" inner")
		endInner()
		end()
	}
	endRequest()
	got, again := first.ids(t), last.ids(t)
	if diff := cmp.Diff(got, again); diff != "" {
		t.Errorf("the back ends have different ids (-first +last):\n%s", diff)
	}
	for child, parent := range map[string]string{
		"test request": "", "test first": "test request", "test second": "test request",
		"test first inner": "test first", "test second inner": "test second",
	} {
		if got[child][2] != got[parent][1] || got[child][0] != got["test request"][0] {
			t.Errorf("the ids of %s are %v, want a child of %q, %v", child, got[child], parent, got[parent])
		}
	}
	if len(got) != 5 {
		t.Errorf("%d spans were delivered, want 5", len(got))
	}
	if recorded := none.ids(t); len(recorded) > 0 {
		t.Errorf("a back end that records no trace was given %v", recorded)
	}
}
