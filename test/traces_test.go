package test

import (
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/portolan-io/portolan/adapters/appinsights/appinsightstest"
	"github.com/portolan-io/portolan/adapters/cloudtrace/cloudtracetest"
	"github.com/portolan-io/portolan/adapters/otel/oteltest"
	"github.com/portolan-io/portolan/ports/telemetry/telemetrytest"
	"github.com/portolan-io/portolan/test/servers"
)

// TestOneTrace sends one traceparent to two instances over one database, and finds what they
// did for it as one trace in three back ends, with the same ids in each, the two requests below
// the caller and what the database was asked below them. Nothing of the requests is in any.
func TestOneTrace(t *testing.T) {
	for store, repository := range map[string]func(*testing.T) string{
		"sqlite": func(t *testing.T) string {
			return fmt.Sprintf("{driver: sqlite, sqlite: {path: %q}}", filepath.Join(t.TempDir(), "things.db"))
		},
		"postgresql": func(t *testing.T) string {
			return fmt.Sprintf("{driver: postgres, postgres: {dsn: %q}}", servers.PostgreSQL(t))
		},
	} {
		t.Run(store, func(t *testing.T) { oneTrace(t, store, repository(t)) })
	}
}

const (
	callersTrace = "0af7651916cd43dd8448eb211c80319c"
	callersSpan  = "b7ad6b7169203331"
	traceCanary  = "c4n4ry"
)

func oneTrace(t *testing.T, store, repository string) {
	otlp, google, azure := oteltest.NewReceiver(t, true), oteltest.NewReceiver(t, false), appinsightstest.NewReceiver(t)
	config := fmt.Sprintf(`service: {listen: "127.0.0.1:${PORT}", admin: off, drain_delay: 0s}
repository: %s
telemetry:
  - {driver: prometheus}
  - {driver: otlp}
  - {driver: cloudtrace, cloudtrace: {project: shop, endpoint: %q}}
  - {driver: appinsights, appinsights: {connection_string: %q, logs: true}}
`, repository, google.URL, azure.ConnectionString()) + things
	account := cloudtracetest.Account(t)
	t.Run("requests", func(t *testing.T) { // at whose end the instances have delivered
		var instances [2]string
		for i := range instances {
			dir := t.TempDir()
			write(t, dir, "portolan.yaml", config)
			instances[i] = serve(t, dir, "portolan.yaml", fmt.Sprint("OTEL_SERVICE_NAME=instance-", i), "OTEL_RESOURCE_ATTRIBUTES=",
				"OTEL_EXPORTER_OTLP_ENDPOINT="+otlp.URL, "OTEL_EXPORTER_OTLP_PROTOCOL=grpc", "OTEL_TRACES_SAMPLER=",
				"GOOGLE_APPLICATION_CREDENTIALS="+account)
		}
		tracedRequest(t, http.MethodPost, instances[0]+"/v1/things", `{"id":"`+traceCanary+`-id","text":"`+traceCanary+` value"}`, http.StatusCreated)
		tracedRequest(t, http.MethodGet, instances[1]+"/v1/things/"+traceCanary+"-id", "", http.StatusOK)
		tracedRequest(t, http.MethodGet, instances[1]+"/v1/things?$filter=text%20eq%20%27"+traceCanary+"%27", "", http.StatusOK)
	})
	first := traceTree(t, otlp.Spans())
	want := []string{
		"caller > GET /v1/{collection} 200", "caller > GET /v1/{collection} 200 > Find things " + store,
		"caller > GET /v1/{collection}/{id} 200", "caller > GET /v1/{collection}/{id} 200 > Get things " + store,
		"caller > POST /v1/{collection} 201", "caller > POST /v1/{collection} 201 > Apply things " + store,
	}
	for _, line := range want {
		if first[line] == "" {
			t.Errorf("there is no %s; there are %v", line, first)
		}
	}
	for name, spans := range map[string][]telemetrytest.Span{"Google's": google.Spans(), "Application Insights'": azure.Spans()} {
		if diff := cmp.Diff(first, traceTree(t, spans)); diff != "" {
			t.Errorf("%s trace is another one (-otlp +its):\n%s", name, diff)
		}
	}
	logged := 0
	for _, item := range azure.Items() {
		if of := item.Data.BaseData; item.Data.BaseType == "MessageData" && item.Tags["ai.operation.id"] == callersTrace {
			logged++
			if !strings.Contains(fmt.Sprint(first), item.Tags["ai.operation.parentId"]) || of.Message != "request" || of.Properties["trace_id"] != callersTrace {
				t.Errorf("a line of the log is %v, beneath no span of its trace", item)
			}
		}
	}
	if logged != 3 {
		t.Errorf("%d lines of the log are of the trace, want that of each request", logged)
	}
	for name, wrote := range map[string]string{"otlp": otlp.Wrote(), "Google": google.Wrote(), "Application Insights": azure.Wrote()} {
		if strings.Contains(wrote, traceCanary) {
			t.Errorf("%s was told of something in a request", name)
		}
	}
}

// tracedRequest asks as a part of the caller's trace.
func tracedRequest(t *testing.T, method, url, body string, status int) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Traceparent", "00-"+callersTrace+"-"+callersSpan+"-01")
	if body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != status {
		t.Fatalf("%s %s is answered %d, want %d", method, url, response.StatusCode, status)
	}
}

// traceTree returns the ids of the spans of the caller's trace by the way that leads to them.
func traceTree(t *testing.T, spans []telemetrytest.Span) map[string]string {
	t.Helper()
	byID := map[string]telemetrytest.Span{}
	for _, span := range spans {
		if span.Trace == callersTrace {
			byID[span.ID] = span
		}
	}
	var way func(id string) string
	way = func(id string) string {
		span, ok := byID[id]
		if !ok && id == callersSpan {
			return "caller"
		}
		own := strings.TrimSpace(span.Name + " " + span.Attributes["http.response.status_code"] + span.Attributes["db.system.name"])
		if !ok || span.Parent == id {
			return "nobody"
		}
		return way(span.Parent) + " > " + own
	}
	found := map[string]string{}
	for id := range byID {
		found[way(id)] += id
	}
	return found
}
