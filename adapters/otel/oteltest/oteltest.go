// Package oteltest is a back end that speaks the OpenTelemetry protocol, over HTTP and
// over gRPC, for tests of what delivers to one. Start at [NewReceiver].
package oteltest

import (
	"compress/gzip"
	"context"
	"encoding/hex"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"testing"

	collectmetrics "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	collecttraces "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	commonv1 "go.opentelemetry.io/proto/otlp/common/v1"
	metricsv1 "go.opentelemetry.io/proto/otlp/metrics/v1"
	tracesv1 "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/ports/telemetry"
	"github.com/portolan-io/portolan/ports/telemetry/telemetrytest"
)

// A Receiver keeps what it is sent. It is safe for concurrent use.
type Receiver struct {
	URL string // of HTTP, or of gRPC

	// Look is called with each request over HTTP before it is taken; nil is nothing. It
	// is set before the first.
	Look func(*http.Request)

	close   func()
	stalled chan struct{} // closed when it no longer answers
	over    chan struct{} // closed when it is closed
	stop    sync.Once

	mu        sync.Mutex
	spans     []*tracesv1.Span
	metrics   []*metricsv1.Metric
	resources []map[string]string // of each batch of spans
	wrote     []byte
}

// NewReceiver returns a receiver on 127.0.0.1 that lives until the test ends, over HTTP
// or over gRPC.
func NewReceiver(t testing.TB, overGRPC bool) *Receiver {
	t.Helper()
	r := &Receiver{stalled: make(chan struct{}), over: make(chan struct{})}
	if overGRPC {
		listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		server := grpc.NewServer()
		collecttraces.RegisterTraceServiceServer(server, traces{r: r})
		collectmetrics.RegisterMetricsServiceServer(server, metrics{r: r})
		go func() { _ = server.Serve(listener) }()
		r.URL, r.close = "http://"+listener.Addr().String(), server.Stop
	} else {
		server := httptest.NewServer(http.HandlerFunc(r.serve))
		r.URL, r.close = server.URL, server.Close
	}
	t.Cleanup(r.Close)
	return r
}

// Close takes the receiver away.
func (r *Receiver) Close() {
	r.stop.Do(func() {
		close(r.over)
		r.close()
	})
}

// Stall has the receiver take what comes from now on, and never answer.
func (r *Receiver) Stall() { close(r.stalled) }

// wait returns at once, unless the receiver is stalled: then when the client or the receiver
// has gone.
func (r *Receiver) wait(ctx context.Context) {
	select {
	case <-r.stalled:
		select {
		case <-ctx.Done():
		case <-r.over:
		}
	default:
	}
}

func (r *Receiver) serve(w http.ResponseWriter, req *http.Request) {
	if r.Look != nil {
		r.Look(req)
	}
	body, err := bodyOf(req)
	r.wait(req.Context())
	if err == nil {
		switch req.URL.Path {
		case "/v1/traces":
			var batch collecttraces.ExportTraceServiceRequest
			if err = proto.Unmarshal(body, &batch); err == nil {
				r.keepSpans(&batch)
			}
		case "/v1/metrics":
			var batch collectmetrics.ExportMetricsServiceRequest
			if err = proto.Unmarshal(body, &batch); err == nil {
				r.keepMetrics(&batch)
			}
		default:
			http.NotFound(w, req)
			return
		}
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "application/x-protobuf")
}

// bodyOf returns the body of a request, which may be compressed.
func bodyOf(req *http.Request) ([]byte, error) {
	if req.Header.Get("Content-Encoding") != "gzip" {
		return io.ReadAll(req.Body)
	}
	plain, err := gzip.NewReader(req.Body)
	if err != nil {
		return nil, err
	}
	return io.ReadAll(plain)
}

type traces struct {
	collecttraces.UnimplementedTraceServiceServer
	r *Receiver
}

// Export keeps a batch of spans.
func (s traces) Export(ctx context.Context, batch *collecttraces.ExportTraceServiceRequest) (*collecttraces.ExportTraceServiceResponse, error) {
	s.r.wait(ctx)
	s.r.keepSpans(batch)
	return &collecttraces.ExportTraceServiceResponse{}, nil
}

type metrics struct {
	collectmetrics.UnimplementedMetricsServiceServer
	r *Receiver
}

// Export keeps metrics.
func (s metrics) Export(ctx context.Context, batch *collectmetrics.ExportMetricsServiceRequest) (*collectmetrics.ExportMetricsServiceResponse, error) {
	s.r.wait(ctx)
	s.r.keepMetrics(batch)
	return &collectmetrics.ExportMetricsServiceResponse{}, nil
}

func (r *Receiver) keepSpans(batch *collecttraces.ExportTraceServiceRequest) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.keep(batch)
	for _, resource := range batch.ResourceSpans {
		r.resources = append(r.resources, attributes(resource.Resource.Attributes))
		for _, scope := range resource.ScopeSpans {
			r.spans = append(r.spans, scope.Spans...)
		}
	}
}

func (r *Receiver) keepMetrics(batch *collectmetrics.ExportMetricsServiceRequest) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.keep(batch)
	for _, resource := range batch.ResourceMetrics {
		for _, scope := range resource.ScopeMetrics {
			r.metrics = append(r.metrics, scope.Metrics...)
		}
	}
}

func (r *Receiver) keep(batch proto.Message) {
	octets, err := proto.Marshal(batch)
	if err != nil {
		octets = []byte(err.Error())
	}
	r.wrote = append(r.wrote, octets...)
}

// Raw returns the spans as they came.
func (r *Receiver) Raw() []*tracesv1.Span {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]*tracesv1.Span(nil), r.spans...)
}

// Metrics returns the metrics as they came, those of the last delivery last.
func (r *Receiver) Metrics() []*metricsv1.Metric {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]*metricsv1.Metric(nil), r.metrics...)
}

// Resources returns who sent each batch of spans.
func (r *Receiver) Resources() []map[string]string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]map[string]string(nil), r.resources...)
}

// Wrote returns all octets that came.
func (r *Receiver) Wrote() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return string(r.wrote)
}

// Spans returns the spans that came as the suite has them.
func (r *Receiver) Spans() []telemetrytest.Span {
	var all []telemetrytest.Span
	for _, span := range r.Raw() {
		all = append(all, telemetrytest.Span{
			Trace: hex.EncodeToString(span.TraceId), ID: hex.EncodeToString(span.SpanId), Parent: hex.EncodeToString(span.ParentSpanId),
			Name: span.Name, Attributes: attributes(span.Attributes),
		})
		Own(&all[len(all)-1])
	}
	return all
}

// Ended returns how many operations ended with which kind of error.
func (r *Receiver) Ended() map[telemetrytest.Ended]int { return Count(r.Spans()) }

// Count counts the spans by how they ended.
func Count(spans []telemetrytest.Span) map[telemetrytest.Ended]int {
	found := map[telemetrytest.Ended]int{}
	for _, span := range spans {
		found[span.Ended]++
	}
	return found
}

// Own moves what is Portolan's own from the attributes of the span into its operation.
func Own(span *telemetrytest.Span) {
	take := func(key string) string {
		value := span.Attributes[key]
		delete(span.Attributes, key)
		return value
	}
	span.Op = telemetry.Op{
		Port: take("portolan.port"), Name: take("portolan.operation"), Collection: take("portolan.collection"),
		System: span.Attributes["db.system.name"],
	}
	span.Kind = fault.Kind(take("error.type"))
}

func attributes(all []*commonv1.KeyValue) map[string]string {
	found := map[string]string{}
	for _, a := range all {
		switch value := a.Value.Value.(type) {
		case *commonv1.AnyValue_StringValue:
			found[a.Key] = value.StringValue
		case *commonv1.AnyValue_IntValue:
			found[a.Key] = strconv.FormatInt(value.IntValue, 10)
		}
	}
	return found
}
