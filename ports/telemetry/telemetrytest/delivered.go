package telemetrytest

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"strings"
	"time"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/ports/contract"
	"github.com/portolan-io/portolan/ports/telemetry"
)

// stalled runs more operations than may wait, and wants all that were not delivered counted.
func stalled(t contract.T, h Harness) {
	if h.Stall == nil {
		return
	}
	h.Stall(t)
	const operations = 20_000
	within(t, "20,000 operations", func() {
		for range operations {
			_, end := h.Observer.Start(t.Context(), find)
			end(nil)
		}
	})
	if h.Lost() == 0 {
		t.Errorf("nothing is lost of %d operations that nobody took: what waits is not bounded", operations)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	within(t, "Close", func() {
		if err := h.Observer.Close(ctx); err == nil {
			t.Errorf("Close says that everything was delivered")
		}
	})
	if got := h.Lost(); got != operations {
		t.Errorf("%d operations are counted as lost, want %d", got, operations)
	}
}

// kinds ends operations with errors whose texts are somebody's.
func kinds(t contract.T, h Harness) {
	if h.Wrote == nil {
		return
	}
	const canary = "c4n4ry-of-a-text"
	for _, kind := range fault.Kinds {
		_, end := h.Observer.Start(t.Context(), find)
		end(fault.New(kind, canary, "%s", canary).Coded(canary).Hinting("%s", canary).Because(errors.New(canary)))
	}
	_, end := h.Observer.Start(t.Context(), find)
	end(errors.New(canary))
	wrote := h.Wrote(t)
	if strings.Contains(wrote, canary) {
		t.Errorf("the text of an error was delivered: %s", wrote)
	}
	for _, kind := range fault.Kinds {
		if !strings.Contains(wrote, string(kind)) {
			t.Errorf("the kind %s was not delivered", kind)
		}
	}
}

func names(t contract.T, h Harness) {
	if h.Spans == nil {
		return
	}
	answer := telemetry.Answer{}
	ctx := context.WithValue(t.Context(), telemetry.AnswerKey{}, &answer)
	ops := []telemetry.Op{
		{Port: "http", Name: "PATCH /v1/{collection}/{id}", Collection: "products"},
		{Port: "repository", Name: "Apply", Collection: "products", System: "postgresql"},
		{Port: "cache", Name: "Set", System: "memcached"},
		{Port: "auth", Name: "Authenticate"},
	}
	for _, op := range ops {
		_, end := h.Observer.Start(ctx, op)
		answer = telemetry.Answer{Status: http.StatusPreconditionFailed, Scheme: "https"}
		end(fault.New(fault.Stale, "test", "the record has changed"))
	}
	want := map[string]map[string]string{
		"PATCH /v1/{collection}/{id}": {
			"http.request.method": "PATCH", "http.route": "/v1/{collection}/{id}", "http.response.status_code": "412", "url.scheme": "https",
		},
		"Apply products":    {"db.system.name": "postgresql", "db.operation.name": "Apply", "db.collection.name": "products"},
		"Set":               {"db.system.name": "memcached", "db.operation.name": "Set"},
		"auth Authenticate": {},
	}
	got := map[string]map[string]string{}
	for _, span := range h.Spans(t) {
		got[span.Name] = span.Attributes
	}
	for name, attributes := range want {
		if found, ok := got[name]; !ok || !maps.Equal(found, attributes) {
			t.Errorf("the span %q has the attributes %v, want %v; the spans are %v", name, found, attributes, got)
		}
	}
	if len(got) != len(want) {
		t.Errorf("there are %d names of spans, want %d", len(got), len(want))
	}
}

// parts starts operations within others.
func parts(t contract.T, h Harness) {
	if h.Spans == nil {
		return
	}
	named := func(name string) telemetry.Op { return telemetry.Op{Port: "test", Name: name} }
	ctx, end := h.Observer.Start(t.Context(), named("request"))
	inner, endInner := h.Observer.Start(ctx, named("inner"))
	_, endInnermost := h.Observer.Start(inner, named("innermost"))
	endInnermost(nil)
	endInner(nil)
	_, endSecond := h.Observer.Start(ctx, named("second"))
	endSecond(nil)
	end(nil)
	_, endOther := h.Observer.Start(t.Context(), named("other"))
	endOther(nil)

	spans := byOperation(h.Spans(t))
	for child, parent := range map[string]string{"request": "", "inner": "request", "innermost": "inner", "second": "request", "other": ""} {
		if got, want := spans[child].Parent, spans[parent].ID; got != want {
			t.Errorf("the parent of %s is %q, want that of %q, %q", child, got, parent, want)
		}
		same := spans[child].Trace == spans["request"].Trace
		if same != (child != "other") || spans[child].Trace == "" {
			t.Errorf("%s is of the trace %q, and the request of %q", child, spans[child].Trace, spans["request"].Trace)
		}
	}
}

// across takes a trace over from a request, and puts it into another one.
func across(t contract.T, h Harness) {
	if h.Extract == nil {
		return
	}
	const trace, span = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
	came := http.Header{"Traceparent": {"00-" + trace + "-" + span + "-01"}}
	ctx, end := h.Observer.Start(h.Extract(t.Context(), came), find)
	sent := http.Header{}
	h.Inject(ctx, sent)
	end(nil)
	got := byOperation(h.Spans(t))["Find"]
	if got.Trace != trace || got.Parent != span {
		t.Errorf("the span is a part of %q in the trace %q, want %q in %q as the request said", got.Parent, got.Trace, span, trace)
	}
	if want := "00-" + trace + "-" + got.ID + "-01"; sent.Get("Traceparent") != want {
		t.Errorf("the traceparent that is sent is %q, want %q", sent.Get("Traceparent"), want)
	}
}

// byOperation returns the spans by the names of their operations.
func byOperation(spans []Span) map[string]Span {
	found := map[string]Span{}
	for _, span := range spans {
		found[span.Op.Name] = span
	}
	return found
}
