package otel

import (
	"context"
	"os"
	"strings"

	"go.opentelemetry.io/contrib/exporters/autoexport"
	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// exports are the signals that an exporter was asked for.
type exports struct{ traces, metrics bool }

// providers makes the two providers as the environment asks, and says which of
// them has an exporter. One without is of no use but to be closed.
func providers(ctx context.Context) (*sdktrace.TracerProvider, *sdkmetric.MeterProvider, exports, error) {
	var asked exports
	described, err := resource.New(ctx,
		resource.WithTelemetrySDK(),
		resource.WithAttributes(attribute.String("service.name", "portolan")),
		resource.WithFromEnv(), // last, so that OTEL_SERVICE_NAME wins
	)
	if err != nil {
		return nil, nil, asked, err
	}
	tracing := []sdktrace.TracerProviderOption{sdktrace.WithResource(described)}
	if wanted("TRACES") {
		exporter, err := autoexport.NewSpanExporter(ctx)
		if err != nil {
			return nil, nil, asked, err
		}
		if !autoexport.IsNoneSpanExporter(exporter) {
			asked.traces = true
			tracing = append(tracing, sdktrace.WithBatcher(exporter))
		}
	}
	metering := []sdkmetric.Option{sdkmetric.WithResource(described)}
	if wanted("METRICS") {
		reader, err := autoexport.NewMetricReader(ctx)
		if err != nil {
			return nil, nil, asked, err
		}
		if !autoexport.IsNoneMetricReader(reader) {
			asked.metrics = true
			metering = append(metering, sdkmetric.WithReader(reader))
		}
	}
	return sdktrace.NewTracerProvider(tracing...), sdkmetric.NewMeterProvider(metering...), asked, nil
}

// wanted reports whether the environment asks for an exporter of the signal,
// TRACES or METRICS: by naming it or by saying where to. Without this, autoexport
// would send to localhost from every laptop.
func wanted(signal string) bool {
	if strings.EqualFold(os.Getenv("OTEL_SDK_DISABLED"), "true") {
		return false
	}
	for _, name := range []string{
		"OTEL_" + signal + "_EXPORTER", "OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_" + signal + "_ENDPOINT",
	} {
		if os.Getenv(name) != "" {
			return true
		}
	}
	return false
}
