package spans

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	api "go.opentelemetry.io/otel"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

// refusing is an exporter that delivers nothing, if err is not nil.
type refusing struct {
	err      error
	exported chan struct{}
}

func (refusing) Temporality(sdkmetric.InstrumentKind) metricdata.Temporality {
	return metricdata.CumulativeTemporality
}
func (refusing) Aggregation(kind sdkmetric.InstrumentKind) sdkmetric.Aggregation {
	return sdkmetric.DefaultAggregationSelector(kind)
}
func (r refusing) Export(context.Context, *metricdata.ResourceMetrics) error {
	r.exported <- struct{}{}
	return r.err
}
func (refusing) ForceFlush(context.Context) error { return nil }
func (refusing) Shutdown(context.Context) error   { return nil }

// TestFailedIsOnesOwn: of several observers each is told what its own exporter did not deliver, whichever
// was made last; what is nobody's is told to the one that asks for it, for as long as it is there, else to the last.
func TestFailedIsOnesOwn(t *testing.T) {
	down := errors.New("the first is down")
	odd := errors.New("whose is this")
	var heard [3]atomic.Int32 // what is its own
	var rest [3]atomic.Int32
	exported := make(chan struct{})
	made := make([]*Observer, 3)
	for i, err := range []error{down, nil, nil} {
		cfg := Config{Metrics: Every(time.Millisecond, refusing{err, exported}), Ambient: i == 1, Failed: func(err error) {
			switch {
			case i == 0 && errors.Is(err, down):
				heard[i].Add(1)
			case errors.Is(err, down), errors.Is(err, odd), errors.Is(err, context.Canceled): // and not of readers so quick that they ask before they may
				rest[i].Add(1)
			}
		}}
		var failed error
		if made[i], failed = New(t.Context(), cfg); failed != nil {
			t.Fatal(failed)
		}
	}
	for n := 0; heard[0].Load() < 3 && n < 1000; n++ {
		<-exported
	}
	if heard[0].Load() < 3 {
		t.Errorf("of what it did not deliver the first hears %d", heard[0].Load())
	}
	if rest[0].Load()+rest[1].Load()+rest[2].Load() > 0 {
		t.Errorf("of what the first did not deliver the others hear %d, %d, and the first %d twice", rest[1].Load(), rest[2].Load(), rest[0].Load())
	}
	go func() {
		for range exported {
		}
	}()
	api.Handle(odd)
	api.Handle(fmt.Errorf("ended while it collected: %w", context.Canceled))
	if err := made[1].Close(t.Context()); err != nil {
		t.Error(err)
	}
	api.Handle(odd)
	if rest[1].Load() != 1 || rest[2].Load() != 1 {
		t.Errorf("of what is nobody's the one that asks for it heard %d, and the last %d once that was gone, want 1 and 1", rest[1].Load(), rest[2].Load())
	}
	for _, i := range []int{0, 2} {
		if err := made[i].Close(t.Context()); (err != nil) != (i == 0) {
			t.Errorf("Close of %d = %v", i, err)
		}
	}
	api.Handle(odd)
	if rest[0].Load()+rest[1].Load()+rest[2].Load() != 2 {
		t.Errorf("those that are closed are told")
	}
}
