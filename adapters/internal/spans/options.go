package spans

import (
	"time"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
)

// Every has the exporter deliver metrics at intervals, 0 being 60 seconds.
func Every(interval time.Duration, exporter sdkmetric.Exporter) func(sdkmetric.Producer, func(error)) (sdkmetric.Reader, error) {
	return func(figures sdkmetric.Producer, failed func(error)) (sdkmetric.Reader, error) {
		options := []sdkmetric.PeriodicReaderOption{sdkmetric.WithProducer(figures)}
		if interval > 0 {
			options = append(options, sdkmetric.WithInterval(interval))
		}
		return sdkmetric.NewPeriodicReader(telling{exporter, failed}, options...), nil
	}
}
