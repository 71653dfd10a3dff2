package otel_test

import (
	"testing"

	commonv1 "go.opentelemetry.io/proto/otlp/common/v1"

	"github.com/portolan-io/portolan/adapters/otel"
	"github.com/portolan-io/portolan/adapters/otel/oteltest"
)

func attribute(attributes []*commonv1.KeyValue, key string) string {
	for _, a := range attributes {
		if a.Key == key {
			return a.Value.GetStringValue()
		}
	}
	return ""
}

// open returns an observer that delivers to the receiver, or to nobody if that
// is nil. No variable of the surroundings reaches it.
func open(t *testing.T, to *oteltest.Receiver, variables ...string) *otel.Observer {
	t.Helper()
	for _, name := range []string{
		"OTEL_TRACES_EXPORTER", "OTEL_METRICS_EXPORTER", "OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
		"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "OTEL_EXPORTER_OTLP_PROTOCOL", "OTEL_SDK_DISABLED", "OTEL_SERVICE_NAME",
		"OTEL_RESOURCE_ATTRIBUTES", "OTEL_TRACES_SAMPLER", "OTEL_TRACES_SAMPLER_ARG", "OTEL_BSP_MAX_QUEUE_SIZE", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE",
	} {
		t.Setenv(name, "")
	}
	if to != nil {
		t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", to.URL)
	}
	for i := 0; i < len(variables); i += 2 {
		t.Setenv(variables[i], variables[i+1])
	}
	o, err := otel.Open(t.Context(), otel.Config{Failed: func(error) {}})
	if err != nil {
		t.Fatal(err)
	}
	return o
}
