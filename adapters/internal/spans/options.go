package spans

import (
	"time"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/portolan-io/portolan/core/fault"
)

// Share returns what records that share of the traces, 0 being all. It goes by the id of the
// trace and by nothing else, so that every instance with the same share has the same traces,
// whole. Who sends a traceparent chooses that id, and can so choose whether its requests are
// recorded. Share returns fault.Invalid if the share is none from 0 to 1.
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

// Every has the exporter deliver metrics at intervals, 0 being 60 seconds.
func Every(interval time.Duration, exporter sdkmetric.Exporter) func(sdkmetric.Producer) (sdkmetric.Reader, error) {
	return func(figures sdkmetric.Producer) (sdkmetric.Reader, error) {
		options := []sdkmetric.PeriodicReaderOption{sdkmetric.WithProducer(figures)}
		if interval > 0 {
			options = append(options, sdkmetric.WithInterval(interval))
		}
		return sdkmetric.NewPeriodicReader(exporter, options...), nil
	}
}
