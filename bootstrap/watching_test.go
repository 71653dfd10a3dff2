package bootstrap

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/portolan-io/portolan/adapters/appinsights"
	"github.com/portolan-io/portolan/adapters/cloudtrace"
	"github.com/portolan-io/portolan/adapters/otel"
	"github.com/portolan-io/portolan/adapters/prometheus"
	"github.com/portolan-io/portolan/adapters/stdout"
	"github.com/portolan-io/portolan/ports/telemetry"
)

// Whoever takes figures takes away those of what is closed.
var _ = []figureKeeper{(*prometheus.Observer)(nil), (*otel.Observer)(nil), (*stdout.Observer)(nil), (*cloudtrace.Observer)(nil), (*appinsights.Observer)(nil)}

// told is an observer that keeps the names of operations.
type told struct{ names []string }

func (t *told) Start(ctx context.Context, op telemetry.Op) (context.Context, func(error)) {
	t.names = append(t.names, op.Name)
	return ctx, func(error) {}
}

func (t *told) Close(context.Context) error { return nil }

// TestLateObserver shows that what is open before the observers tells them from then on, and
// that there is one for all that opens so early.
func TestLateObserver(t *testing.T) {
	opened := &closers{}
	first, err := laterWatcher(opened)
	if err != nil {
		t.Fatal(err)
	}
	second, err := laterWatcher(opened)
	if err != nil || second != first {
		t.Errorf("another look-up is %p, %v; want %p", second, err, first)
	}
	start := func(name string) {
		ctx, end := first.Start(t.Context(), telemetry.Op{Name: name})
		if end(nil); ctx == nil {
			t.Errorf("Start returns no context")
		}
	}
	start("early")
	keeping := &told{}
	var observer telemetry.Observer = keeping
	second.now.Store(&observer)
	start("late")
	if err := opened.close(t.Context()); err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff([]string{"late"}, keeping.names); diff != "" {
		t.Errorf("what was told (-want +got):\n%s", diff)
	}
}

// TestClosedAtOnce has two observers that each wait until the other is being closed.
func TestClosedAtOnce(t *testing.T) {
	opened := &closers{}
	ends := closedAtOnce(opened)
	meeting := make(chan struct{})
	for _, meet := range []func(){func() { meeting <- struct{}{} }, func() { <-meeting }} {
		*ends = append(*ends, func(ctx context.Context) {
			met := make(chan struct{})
			go func() { meet(); close(met) }()
			select {
			case <-met:
			case <-ctx.Done():
				t.Error("an observer was closed when the other one was already")
			}
		})
	}
	if err := opened.close(t.Context()); err != nil {
		t.Error(err)
	}
}
