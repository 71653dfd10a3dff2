package prometheus_test

import (
	"testing"

	"github.com/portolan-io/portolan/adapters/prometheus"
	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/ports/telemetry"
)

// BenchmarkStart measures an operation from its start to its end.
func BenchmarkStart(b *testing.B) {
	o, err := prometheus.Open(b.Context(), prometheus.Config{})
	if err != nil {
		b.Fatal(err)
	}
	for _, bench := range []struct {
		name string
		err  error
	}{{"ok", nil}, {"stale", fault.Stale}} {
		b.Run(bench.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_, end := o.Start(b.Context(), telemetry.Op{Port: "repository", Name: "Find", Collection: "products"})
				end(bench.err)
			}
		})
	}
}
