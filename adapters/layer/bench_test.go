package layer_test

import (
	"context"
	"strconv"
	"testing"

	"github.com/portolan-io/portolan/adapters/layer"
	"github.com/portolan-io/portolan/ports/telemetry"
)

// deaf is an observer that costs nothing.
type deaf struct{}

func (deaf) Start(ctx context.Context, _ telemetry.Op) (context.Context, func(error)) {
	return ctx, func(error) {}
}

func (deaf) Close(context.Context) error { return nil }

// BenchmarkObservers measures what telling several observers costs by itself.
func BenchmarkObservers(b *testing.B) {
	for _, n := range []int{1, 2, 3, 5} {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			all := make([]telemetry.Observer, n)
			for i := range all {
				all[i] = deaf{}
			}
			o := layer.Observers(all...)
			b.ReportAllocs()
			for b.Loop() {
				_, end := o.Start(b.Context(), telemetry.Op{Port: "repository", Name: "Find", Collection: "products"})
				end(nil)
			}
		})
	}
}
