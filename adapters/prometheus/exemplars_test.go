package prometheus_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/portolan-io/portolan/adapters/prometheus"
	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/ports/telemetry"
)

// recorded is the key of the trace that a context of these tests is part of.
type recorded struct{}

// TestExemplars shows that a duration has the trace that it was taken in beside it, if
// that trace is recorded, and only for those who ask for OpenMetrics.
func TestExemplars(t *testing.T) {
	o, err := prometheus.Open(t.Context(), prometheus.Config{Trace: func(ctx context.Context) (string, string) {
		id, _ := ctx.Value(recorded{}).(string)
		return id, "b7ad6b7169203331"
	}})
	if err != nil {
		t.Fatal(err)
	}
	const id = "0af7651916cd43dd8448eb211c80319c"
	for name, trace := range map[string]string{"Find": id, "Get": ""} {
		_, end := o.Start(context.WithValue(t.Context(), recorded{}, trace), telemetry.Op{Port: "repository", Name: name})
		end(fault.Stale)
	}
	for accept, want := range map[string]int{"application/openmetrics-text; version=1.0.0": 1, "text/plain": 0} {
		request := httptest.NewRequest(http.MethodGet, "/metrics", nil)
		request.Header.Set("Accept", accept)
		answer := httptest.NewRecorder()
		o.Handler().ServeHTTP(answer, request)
		found := 0
		for line := range strings.Lines(answer.Body.String()) {
			if _, exemplar, ok := strings.Cut(line, " # "); ok && strings.HasPrefix(line, "portolan_operation_duration_seconds_bucket{") {
				found++
				if !strings.Contains(line, `operation="Find"`) || !strings.Contains(exemplar, `trace_id="`+id+`"`) || !strings.Contains(exemplar, `span_id="b7ad6b7169203331"`) {
					t.Errorf("an exemplar is %s", line)
				}
			}
		}
		if found != want {
			t.Errorf("as %s there are %d exemplars, want %d", accept, found, want)
		}
	}
}

func TestDropped(t *testing.T) {
	o := open(t)
	if err := o.Dropped(func(yield func(driver, signal string, n uint64) bool) { _ = yield("otlp", "spans", 12) }); err != nil {
		t.Fatal(err)
	}
	wantSamples(t, o, map[string]float64{`portolan_telemetry_dropped_total{driver="otlp",signal="spans"}`: 12})
}
