package otel_test

import (
	"testing"

	"github.com/portolan-io/portolan/adapters/otel"
	"github.com/portolan-io/portolan/adapters/otel/oteltest"
	"github.com/portolan-io/portolan/ports/telemetry"
)

// BenchmarkStart measures a request with two operations within it.
func BenchmarkStart(b *testing.B) {
	for _, bench := range []struct{ name, exporter string }{{"silent", "none"}, {"exporting", "otlp"}} {
		b.Run(bench.name, func(b *testing.B) {
			b.Setenv("OTEL_TRACES_EXPORTER", bench.exporter)
			b.Setenv("OTEL_METRICS_EXPORTER", bench.exporter)
			b.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", oteltest.NewReceiver(b, false).URL)
			o, err := otel.Open(b.Context(), otel.Config{Failed: func(error) {}})
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				ctx, endRequest := o.Start(b.Context(), telemetry.Op{Port: "http", Name: "GET /{collection}", Collection: "products"})
				for range 2 {
					_, end := o.Start(ctx, telemetry.Op{Port: "repository", Name: "Find", Collection: "products"})
					end(nil)
				}
				endRequest(nil)
			}
			b.StopTimer()
			shut(o)
		})
	}
}
