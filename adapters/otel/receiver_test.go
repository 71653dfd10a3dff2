package otel_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	collectmetrics "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	collecttraces "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	commonv1 "go.opentelemetry.io/proto/otlp/common/v1"
	metricsv1 "go.opentelemetry.io/proto/otlp/metrics/v1"
	tracesv1 "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/portolan-io/portolan/adapters/otel"
)

// A receiver is a back end for OTLP over HTTP that keeps what it is sent.
type receiver struct {
	*httptest.Server

	mu       sync.Mutex
	spans    []*tracesv1.Span
	metrics  []*metricsv1.Metric
	services []string // service.name of each batch of spans
}

func newReceiver(t testing.TB) *receiver {
	t.Helper()
	r := &receiver{}
	r.Server = httptest.NewServer(r)
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	switch req.URL.Path {
	case "/v1/traces":
		var batch collecttraces.ExportTraceServiceRequest
		if err = proto.Unmarshal(body, &batch); err == nil {
			for _, resource := range batch.ResourceSpans {
				r.services = append(r.services, attribute(resource.Resource.Attributes, "service.name"))
				for _, scope := range resource.ScopeSpans {
					r.spans = append(r.spans, scope.Spans...)
				}
			}
		}
	case "/v1/metrics":
		var batch collectmetrics.ExportMetricsServiceRequest
		if err = proto.Unmarshal(body, &batch); err == nil {
			for _, resource := range batch.ResourceMetrics {
				for _, scope := range resource.ScopeMetrics {
					r.metrics = append(r.metrics, scope.Metrics...)
				}
			}
		}
	default:
		http.NotFound(w, req)
		return
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "application/x-protobuf")
}

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
func open(t *testing.T, to *receiver, variables ...string) *otel.Observer {
	t.Helper()
	for _, name := range []string{
		"OTEL_TRACES_EXPORTER", "OTEL_METRICS_EXPORTER", "OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
		"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "OTEL_EXPORTER_OTLP_PROTOCOL", "OTEL_SDK_DISABLED", "OTEL_SERVICE_NAME",
		"OTEL_RESOURCE_ATTRIBUTES", "OTEL_TRACES_SAMPLER",
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
