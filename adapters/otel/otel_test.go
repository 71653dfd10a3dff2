package otel_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	collectorv1 "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	tracesv1 "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/portolan-io/portolan/adapters/otel"
	"github.com/portolan-io/portolan/adapters/otel/oteltest"
	"github.com/portolan-io/portolan/adapters/stdout"
	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/ports/contract"
	"github.com/portolan-io/portolan/ports/telemetry"
	"github.com/portolan-io/portolan/ports/telemetry/telemetrytest"
)

func TestSuite(t *testing.T) {
	for _, protocol := range []string{"http/protobuf", "grpc"} {
		t.Run(protocol, func(t *testing.T) {
			telemetrytest.Run(t, func(t *testing.T) telemetrytest.Harness {
				back := oteltest.NewReceiver(t, protocol == "grpc")
				o := open(t, back, "OTEL_EXPORTER_OTLP_PROTOCOL", protocol)
				t.Cleanup(func() { shut(o) })
				return harness(o, back)
			})
		})
	}
}

func harness(o *otel.Observer, back *oteltest.Receiver) telemetrytest.Harness {
	closed := func(t contract.T) {
		if err := o.Close(t.Context()); err != nil {
			t.Errorf("Close: %v", err)
		}
	}
	return telemetrytest.Harness{
		Observer: o,
		Break:    func(contract.T) { back.Close() },
		Stall:    func(contract.T) { back.Stall() },
		Lost:     func() uint64 { return o.Lost()["spans"] },
		Extract:  otel.Extract,
		Inject:   otel.Inject,
		Ended:    func(t contract.T) map[telemetrytest.Ended]int { closed(t); return back.Ended() },
		Wrote:    func(t contract.T) string { closed(t); return back.Wrote() },
		Spans:    func(t contract.T) []telemetrytest.Span { closed(t); return back.Spans() },
	}
}

// shut closes an observer whose back end may be gone.
func shut(o *otel.Observer) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = o.Close(ctx)
}

func TestSpans(t *testing.T) {
	back := oteltest.NewReceiver(t, false)
	o := open(t, back, "OTEL_SERVICE_NAME", "shop")
	header := http.Header{"Traceparent": {"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}}
	if err := o.Limits(func(func(string, uint64) bool) {}, func() uint64 { return 9 }); err != nil {
		t.Fatal(err)
	}
	ctx, endRequest := o.Start(otel.Extract(t.Context(), header), telemetry.Op{Port: "http", Name: "GET /{collection}"})
	if got := otel.TraceID(ctx); got != "0af7651916cd43dd8448eb211c80319c" {
		t.Errorf("TraceID = %q, want that of the traceparent", got)
	}
	_, endFind := o.Start(ctx, telemetry.Op{Port: "repository", Name: "Find", Collection: "products"})
	endFind(fault.New(fault.Unavailable, "test", "the store is down").Because(errors.New("dial 10.0.0.7")))
	endRequest(fault.New(fault.Stale, "test", "the record has changed"))
	if err := o.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	spans := back.Raw()
	if len(spans) != 2 {
		t.Fatalf("%d spans arrived, want 2", len(spans))
	}
	find, request := spans[0], spans[1]
	type told struct {
		Name, Error, Description string
		Kind                     tracesv1.Span_SpanKind
		Status                   tracesv1.Status_StatusCode
	}
	of := func(s *tracesv1.Span) told {
		return told{s.Name, attribute(s.Attributes, "error.type"), s.Status.GetMessage(), s.Kind, s.Status.GetCode()}
	}
	want := []told{
		{"repository Find", "unavailable", "unavailable", tracesv1.Span_SPAN_KIND_INTERNAL, tracesv1.Status_STATUS_CODE_ERROR},
		{"GET /{collection}", "stale", "", tracesv1.Span_SPAN_KIND_SERVER, tracesv1.Status_STATUS_CODE_UNSET},
	}
	if diff := cmp.Diff(want, []told{of(find), of(request)}); diff != "" {
		t.Errorf("spans (-want +got):\n%s", diff)
	}
	if string(find.ParentSpanId) != string(request.SpanId) || string(find.TraceId) != string(request.TraceId) {
		t.Errorf("the find is not a part of its request")
	}
	var services []string
	for _, resource := range back.Resources() {
		services = append(services, resource["service.name"])
	}
	if diff := cmp.Diff([]string{"shop"}, slices.Compact(services)); diff != "" {
		t.Errorf("service names (-want +got):\n%s", diff)
	}
	var names []string
	for _, m := range back.Metrics() {
		names = append(names, m.Name)
	}
	if diff := cmp.Diff([]string{"http.server.request.duration", "portolan.operation.duration", "portolan_limit_fallbacks_total"}, names); diff != "" {
		t.Errorf("metrics (-want +got):\n%s", diff)
	}
}

// TestCanceled: a span whose operation nobody waits for any more says so, and is no failure.
func TestCanceled(t *testing.T) {
	back := oteltest.NewReceiver(t, false)
	o := open(t, back)
	ctx, leave := context.WithCancel(t.Context())
	ctx, end := o.Start(ctx, telemetry.Op{Port: "http", Name: "GET /{collection}"})
	leave()
	end(fault.New(fault.Unavailable, "test", "the client went away").Because(ctx.Err()))
	if err := o.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, span := range back.Raw() {
		if kind := attribute(span.Attributes, "error.type"); kind != "canceled" || span.Status.GetCode() != tracesv1.Status_STATUS_CODE_UNSET {
			t.Errorf("the span says %q and has the status %v, want canceled, and unset", kind, span.Status)
		}
	}
	if n := len(back.Raw()); n != 1 {
		t.Errorf("%d spans arrived, want 1", n)
	}
}

// TestSilence: without a variable that asks for it, nothing is sent, and logs
// have trace ids all the same.
func TestSilence(t *testing.T) {
	for _, tt := range []struct {
		name      string
		to        *oteltest.Receiver
		variables []string
	}{
		{"no variables", nil, nil},
		{"switched off", oteltest.NewReceiver(t, false), []string{"OTEL_SDK_DISABLED", "true"}},
		{"no exporters", oteltest.NewReceiver(t, false), []string{"OTEL_TRACES_EXPORTER", "none", "OTEL_METRICS_EXPORTER", "none"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o := open(t, tt.to, tt.variables...)
			ctx, end := o.Start(t.Context(), telemetry.Op{Port: "repository", Name: "Find"})
			if got := otel.TraceID(ctx); len(got) != 32 {
				t.Errorf("TraceID = %q, want 32 digits", got)
			}
			end(nil)
			if err := o.Close(t.Context()); err != nil {
				t.Errorf("Close: %v", err)
			}
			if tt.to != nil && len(tt.to.Raw())+len(tt.to.Metrics()) > 0 {
				t.Errorf("%d spans and %d metrics were sent, want none", len(tt.to.Raw()), len(tt.to.Metrics()))
			}
		})
	}
}

// TestOneSignal: a signal that has no exporter takes none from the other.
func TestOneSignal(t *testing.T) {
	for _, tt := range []struct {
		without        string
		spans, metrics int
	}{{"OTEL_TRACES_EXPORTER", 0, 1}, {"OTEL_METRICS_EXPORTER", 2, 0}} {
		t.Run(tt.without+"=none", func(t *testing.T) {
			back := oteltest.NewReceiver(t, false)
			o := open(t, back, tt.without, "none")
			for _, err := range []error{nil, fault.Stale} {
				ctx, end := o.Start(t.Context(), telemetry.Op{Port: "repository", Name: "Find"})
				if got := otel.TraceID(ctx); len(got) != 32 {
					t.Errorf("TraceID = %q, want 32 digits", got)
				}
				end(err)
			}
			if err := o.Close(t.Context()); err != nil {
				t.Fatal(err)
			}
			if len(back.Raw()) != tt.spans || len(back.Metrics()) != tt.metrics {
				t.Fatalf("%d spans and %d metrics were sent, want %d and %d", len(back.Raw()), len(back.Metrics()), tt.spans, tt.metrics)
			}
			for _, m := range back.Metrics() {
				var kinds []string
				for _, point := range m.GetHistogram().GetDataPoints() {
					kinds = append(kinds, attribute(point.Attributes, "error.type"))
				}
				slices.Sort(kinds)
				if diff := cmp.Diff([]string{"", "stale"}, kinds); diff != "" {
					t.Errorf("the kinds of errors that were measured (-want +got):\n%s", diff)
				}
			}
		})
	}
}

// TestTraceWithoutExporter: what is one trace to whoever reads the logs is one
// too where nothing is exported.
func TestTraceWithoutExporter(t *testing.T) {
	o := open(t, nil)
	t.Cleanup(func() { shut(o) })
	find := telemetry.Op{Port: "repository", Name: "Find"}
	const given = "0af7651916cd43dd8448eb211c80319c"
	header := http.Header{"Traceparent": {"00-" + given + "-b7ad6b7169203331-01"}}
	seen := map[string]bool{}
	for _, outer := range []context.Context{t.Context(), t.Context(), otel.Extract(t.Context(), header)} {
		request, endRequest := o.Start(outer, telemetry.Op{Port: "http", Name: "GET /{collection}"})
		inner, end := o.Start(request, find)
		end(nil)
		endRequest(nil)
		if got, want := otel.TraceID(inner), otel.TraceID(request); got != want {
			t.Errorf("the trace of the inner operation is %q, want %q as of the outer one", got, want)
		}
		seen[otel.TraceID(request)] = true
	}
	if !seen[given] || len(seen) != 3 {
		t.Errorf("the traces are %v, want three, %s among them", seen, given)
	}
}

// TestBounds shows that the environment says how much waits, and is refused if it says so
// badly.
func TestBounds(t *testing.T) {
	back := oteltest.NewReceiver(t, false)
	o := open(t, back, "OTEL_BSP_MAX_QUEUE_SIZE", "1", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "1")
	back.Stall()
	for range 10 {
		_, end := o.Start(t.Context(), telemetry.Op{Port: "repository", Name: "Find"})
		end(nil)
	}
	if got := o.Lost()["spans"]; got < 8 {
		t.Errorf("%d spans are lost of 10 where one may wait and one be delivered, want 8 or more", got)
	}
	shut(o)
	for _, wrong := range []string{"many", "-1", "1000001"} {
		t.Setenv("OTEL_BSP_MAX_QUEUE_SIZE", wrong)
		if _, err := otel.Open(t.Context(), otel.Config{}); !errors.Is(err, fault.Invalid) {
			t.Errorf("Open with a queue of %s = %v, want %s", wrong, err, fault.Invalid)
		}
	}
}

// TestSampler shows which traces each sampler of the environment records: of one that begins
// here, and of one that a trusted caller has recorded, has not, and a stranger has not.
func TestSampler(t *testing.T) {
	const sampled, not = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"
	for _, tt := range []struct {
		sampler, arg string
		want         string // of those four, y or n each
	}{
		{"", "", "yyny"},
		{"parentbased_always_on", "", "yyny"},
		{"parentbased_always_off", "", "nynn"},
		{"parentbased_traceidratio", "0", "nynn"},
		{"parentbased_traceidratio", "1", "yyny"},
		{"always_on", "", "yyyy"},
		{"always_off", "", "nnnn"},
		{"traceidratio", "", "yyyy"},
		{"traceidratio", "0", "nnnn"},
		{" Always_Off ", "", "nnnn"},
		{"TraceIDRatio", " 0 ", "nnnn"},
	} {
		t.Run(tt.sampler+tt.arg, func(t *testing.T) {
			o := open(t, oteltest.NewReceiver(t, false), "OTEL_TRACES_SAMPLER", tt.sampler, "OTEL_TRACES_SAMPLER_ARG", tt.arg)
			defer shut(o)
			came := func(traceparent string) context.Context {
				return otel.Extract(t.Context(), http.Header{"Traceparent": {traceparent}})
			}
			got := ""
			for _, ctx := range []context.Context{t.Context(), otel.Trust(came(sampled)), otel.Trust(came(not)), came(not)} {
				ctx, end := o.Start(ctx, telemetry.Op{Port: "http", Name: "GET /{collection}"})
				if _, recorded := otel.Span(ctx); recorded {
					got += "y"
				} else {
					got += "n"
				}
				end(nil)
			}
			if got != tt.want {
				t.Errorf("it records %s, want %s", got, tt.want)
			}
		})
	}
	for _, wrong := range [][2]string{{"dice", ""}, {"traceidratio", "2"}, {"parentbased_traceidratio", "NaN"}, {"traceidratio", "half"}} {
		t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
		t.Setenv("OTEL_TRACES_SAMPLER", wrong[0])
		t.Setenv("OTEL_TRACES_SAMPLER_ARG", wrong[1])
		if _, err := otel.Open(t.Context(), otel.Config{}); !errors.Is(err, fault.Invalid) {
			t.Errorf("Open with the sampler %v = %v, want %s", wrong, err, fault.Invalid)
		}
	}
}

// TestFailedIsItsOwn: what a collector does not take, of spans or of metrics, in whole or in part, is told to
// the observer that sent it, and not to one that was opened later.
func TestFailedIsItsOwn(t *testing.T) {
	collector := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/v1/traces" {
			http.Error(w, "no metrics", http.StatusBadRequest)
			return
		}
		text, err := proto.Marshal(&collectorv1.ExportTraceServiceResponse{PartialSuccess: &collectorv1.ExportTracePartialSuccess{RejectedSpans: 1, ErrorMessage: "a quota"}})
		if err != nil {
			t.Error(err)
		}
		w.Header().Set("Content-Type", "application/x-protobuf")
		_, _ = w.Write(text) // who left does not read
	}))
	defer collector.Close()
	var mu sync.Mutex
	heard := map[string]string{}
	hears := func(who string) func(error) {
		return func(err error) {
			mu.Lock()
			defer mu.Unlock()
			heard[who] += err.Error() + "\n"
		}
	}
	shut(open(t, nil)) // which forgets the surroundings
	for name, value := range map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": collector.URL, "OTEL_METRIC_EXPORT_INTERVAL": "20", "OTEL_BSP_SCHEDULE_DELAY": "1"} {
		t.Setenv(name, value)
	}
	first, err := otel.Open(t.Context(), otel.Config{Failed: hears("first")})
	if err != nil {
		t.Fatal(err)
	}
	defer shut(first)
	later, err := stdout.Open(t.Context(), stdout.Config{Writer: io.Discard, Failed: hears("later")})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = later.Close(context.Background()) }()
	_, end := first.Start(t.Context(), telemetry.Op{Port: "http", Name: "GET /{collection}"})
	end(nil)
	said := func(who string) string {
		mu.Lock()
		defer mu.Unlock()
		return heard[who]
	}
	for range 1000 {
		if strings.Contains(said("first"), "a quota") && strings.Contains(said("first"), "400") {
			break
		}
		time.Sleep(5 * time.Millisecond)
	}
	if !strings.Contains(said("first"), "a quota") || !strings.Contains(said("first"), "400") || said("later") != "" {
		t.Errorf("the one that sent it hears %q, the other one %q", said("first"), said("later"))
	}
}

func TestExtract(t *testing.T) {
	for _, tt := range []struct{ name, traceparent, want string }{
		{"none", "", ""},
		{"right", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00", "0af7651916cd43dd8448eb211c80319c"},
		{"zero", "00-00000000000000000000000000000000-b7ad6b7169203331-00", ""},
		{"short", "00-0af7651916cd43dd-b7ad6b7169203331-00", ""},
		{"no hexadecimal", "00-0af7651916cd43dd8448eb211c8031zz-b7ad6b7169203331-00", ""},
		{"a line end", "00-0af7651916cd43dd8448eb211c80319c\n-b7ad6b7169203331-00", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ctx := otel.Extract(t.Context(), http.Header{"Traceparent": {tt.traceparent}})
			if got := otel.TraceID(ctx); got != tt.want {
				t.Errorf("TraceID = %q, want %q", got, tt.want)
			}
		})
	}
}

func TestOpenRefusesWhatMakesNoSense(t *testing.T) {
	t.Setenv("OTEL_TRACES_EXPORTER", "pigeons")
	if _, err := otel.Open(t.Context(), otel.Config{}); !errors.Is(err, fault.Invalid) {
		t.Errorf("Open = %v, want %s", err, fault.Invalid)
	}
}
