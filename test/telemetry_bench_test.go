package test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"syscall"
	"testing"
	"time"

	"github.com/portolan-io/portolan/adapters/appinsights"
	"github.com/portolan-io/portolan/adapters/httpapi"
	"github.com/portolan-io/portolan/adapters/layer"
	"github.com/portolan-io/portolan/adapters/memory"
	"github.com/portolan-io/portolan/adapters/otel"
	"github.com/portolan-io/portolan/adapters/prometheus"
	"github.com/portolan-io/portolan/core"
	"github.com/portolan-io/portolan/core/policy"
	"github.com/portolan-io/portolan/core/schema"
	"github.com/portolan-io/portolan/ports/repository"
	"github.com/portolan-io/portolan/ports/telemetry"
)

// BenchmarkTelemetry measures a get of a record of the memory store through the whole handler
// without net/http: with nothing told, and metered, logged and traced at three samplings, to a
// collector that throws away what it is sent. cpu-ns/op is what the whole process used, with
// what is delivered in the background.
func BenchmarkTelemetry(b *testing.B) {
	sink := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) }))
	defer sink.Close()
	metered := func(b *testing.B) []telemetry.Observer {
		o, err := prometheus.Open(b.Context(), prometheus.Config{})
		return []telemetry.Observer{told(b, o, err)}
	}
	otlp := func(share string) func(*testing.B) []telemetry.Observer {
		return func(b *testing.B) []telemetry.Observer {
			for name, value := range map[string]string{
				"OTEL_EXPORTER_OTLP_ENDPOINT": sink.URL, "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
				"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": share,
			} {
				b.Setenv(name, value)
			}
			o, err := otel.Open(b.Context(), otel.Config{Failed: func(error) {}})
			return append(metered(b), told(b, o, err))
		}
	}
	azure := func(b *testing.B) []telemetry.Observer {
		o, err := appinsights.Open(b.Context(), appinsights.Config{
			ConnectionString: "InstrumentationKey=k;IngestionEndpoint=" + sink.URL, Sampling: .01, Failed: func(error) {},
		})
		return append(metered(b), told(b, o, err))
	}
	for _, bench := range []struct {
		name      string
		observers func(*testing.B) []telemetry.Observer
	}{
		{"off", nil},
		{"metered,logged", metered},
		{"metered,logged,otlp=0%", otlp("0")},
		{"metered,logged,otlp=1%", otlp("0.01")},
		{"metered,logged,otlp=100%", otlp("1")},
		{"metered,logged,appinsights=1%", azure},
	} {
		b.Run(bench.name, func(b *testing.B) { benchmarkTold(b, bench.observers) })
	}
}

// told returns an observer that is closed with the benchmark.
func told[O telemetry.Observer](b *testing.B, o O, err error) telemetry.Observer {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = o.Close(ctx) // what is lost of a benchmark is nobody's
	})
	return o
}

func benchmarkTold(b *testing.B, observers func(*testing.B) []telemetry.Observer) {
	things, err := schema.New(schema.Spec{Name: "things", ID: "id", Fields: []schema.FieldSpec{{Name: "id", Type: "string", Max: "40"}, {Name: "text", Type: "string"}}})
	if err != nil {
		b.Fatal(err)
	}
	access, err := policy.Compile(things, []policy.GrantSpec{{Role: policy.Anonymous, Read: &policy.RuleSpec{}}})
	if err != nil {
		b.Fatal(err)
	}
	memories, err := memory.Open(b.Context(), memory.Config{})
	if err != nil {
		b.Fatal(err)
	}
	var store repository.Store = memories
	site := httpapi.Config{Base: "/v1", Log: slog.New(slog.DiscardHandler)}
	if observers != nil {
		site.Observer = layer.Observers(observers(b)...)
		site.Log, site.TraceID, site.Span, site.Extract = slog.New(slog.NewJSONHandler(io.Discard, nil)), otel.TraceID, otel.Span, func(ctx context.Context, h http.Header, _ bool) context.Context { return otel.Extract(ctx, h) }
		store = layer.Trace(store, site.Observer)
	}
	if site.API, err = core.New(core.Config{Store: store, Collections: []core.Collection{{Schema: things, Access: access}}}); err != nil {
		b.Fatal(err)
	}
	if err := store.Ensure(b.Context(), site.API.Schemas()); err != nil {
		b.Fatal(err)
	}
	if _, err := site.API.Create(b.Context(), policy.Principal{Local: true}, "things", [][]byte{[]byte(`{"id":"a","text":"b"}`)}, core.How{}); err != nil {
		b.Fatal(err)
	}
	handler, err := httpapi.New(site)
	if err != nil {
		b.Fatal(err)
	}
	request := httptest.NewRequest(http.MethodGet, "/v1/things/a", nil)
	began := processTime(b)
	b.ReportAllocs()
	for b.Loop() {
		w := httptest.ResponseRecorder{HeaderMap: http.Header{}}
		if handler.ServeHTTP(&w, request); w.Code != http.StatusOK {
			b.Fatal(fmt.Sprint("answered ", w.Code))
		}
	}
	b.ReportMetric(float64(processTime(b)-began)/float64(b.N), "cpu-ns/op")
}

// processTime returns how long the processors have worked for this process.
func processTime(b *testing.B) time.Duration {
	b.Helper()
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		b.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
