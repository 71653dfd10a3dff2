package stdout_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/portolan-io/portolan/adapters/internal/spans"
	"github.com/portolan-io/portolan/adapters/otel/oteltest"
	"github.com/portolan-io/portolan/adapters/stdout"
	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/ports/contract"
	"github.com/portolan-io/portolan/ports/telemetry"
	"github.com/portolan-io/portolan/ports/telemetry/telemetrytest"
)

// A terminal keeps what is written to it, until it is broken or stopped.
type terminal struct {
	mu      sync.Mutex
	text    bytes.Buffer
	broken  bool
	stopped chan struct{} // not nil: writing goes on once it is closed
}

func (s *terminal) Write(octets []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped != nil {
		<-s.stopped
	}
	if s.broken {
		return 0, io.ErrClosedPipe
	}
	return s.text.Write(octets)
}

func (s *terminal) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// A line is what is looked at of a line about a span.
type line struct {
	Name                string
	SpanContext, Parent struct{ TraceID, SpanID string }
	Attributes          []struct {
		Key   string
		Value struct{ Value any }
	}
}

const noSpan = "0000000000000000"

// spansOf returns the spans of the lines, each of which is one JSON object.
func spansOf(t contract.T, text string) []telemetrytest.Span {
	t.Helper()
	var all []telemetrytest.Span
	for written := range strings.Lines(text) {
		var l line
		if err := json.Unmarshal([]byte(written), &l); err != nil {
			t.Errorf("%v in the line %s", err, written)
		}
		if l.Name == "" {
			continue // metrics
		}
		span := telemetrytest.Span{
			Trace: l.SpanContext.TraceID, ID: l.SpanContext.SpanID, Parent: l.Parent.SpanID, Name: l.Name, Attributes: map[string]string{},
		}
		if span.Parent == noSpan {
			span.Parent = ""
		}
		for _, a := range l.Attributes {
			span.Attributes[a.Key] = fmt.Sprint(a.Value.Value)
		}
		oteltest.Own(&span)
		all = append(all, span)
	}
	return all
}

func open(t *testing.T, to io.Writer) *stdout.Observer {
	t.Helper()
	o, err := stdout.Open(t.Context(), stdout.Config{Writer: to, Failed: func(error) {}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = o.Close(ctx)
	})
	return o
}

func TestSuite(t *testing.T) {
	telemetrytest.Run(t, func(t *testing.T) telemetrytest.Harness {
		to := &terminal{}
		o := open(t, to)
		written := func(t contract.T) string {
			if err := o.Close(t.Context()); err != nil {
				t.Errorf("Close: %v", err)
			}
			return to.String()
		}
		return telemetrytest.Harness{
			Observer: o,
			Break: func(contract.T) {
				to.mu.Lock()
				defer to.mu.Unlock()
				to.broken = true
			},
			Stall: func(ct contract.T) {
				stopped := make(chan struct{})
				ct.Cleanup(func() { close(stopped) })
				to.mu.Lock()
				defer to.mu.Unlock()
				to.stopped = stopped
			},
			Lost:    func() uint64 { return o.Lost()["spans"] },
			Wrote:   written,
			Spans:   func(ct contract.T) []telemetrytest.Span { return spansOf(ct, written(ct)) },
			Ended:   func(ct contract.T) map[telemetrytest.Ended]int { return oteltest.Count(spansOf(ct, written(ct))) },
			Extract: spans.Extract,
			Inject:  spans.Inject,
		}
	})
}

// TestMetrics shows that the durations of operations and the figures of others are written.
func TestMetrics(t *testing.T) {
	to := &terminal{}
	o := open(t, to)
	if err := o.Limits(func(func(string, uint64) bool) {}, func() uint64 { return 9 }); err != nil {
		t.Fatal(err)
	}
	_, end := o.Start(t.Context(), telemetry.Op{Port: "repository", Name: "Find"})
	end(nil)
	if err := o.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{`"portolan.operation.duration"`, `"portolan_limit_fallbacks_total"`} {
		if !strings.Contains(to.String(), name) {
			t.Errorf("no line has %s:\n%s", name, to)
		}
	}
}

// TestSampling shows that a share of the traces is written, each with all of its spans.
func TestSampling(t *testing.T) {
	to := &terminal{}
	o, err := stdout.Open(t.Context(), stdout.Config{Writer: to, Sampling: .25})
	if err != nil {
		t.Fatal(err)
	}
	const requests = 400
	for range requests {
		ctx, endRequest := o.Start(t.Context(), telemetry.Op{Port: "http", Name: "GET /{collection}"})
		_, end := o.Start(ctx, telemetry.Op{Port: "repository", Name: "Find"})
		end(nil)
		endRequest(nil)
	}
	if err := o.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	traces := map[string]int{}
	for _, span := range spansOf(t, to.String()) {
		traces[span.Trace]++
	}
	if len(traces) < requests/10 || len(traces) > requests/2 { // a chance of one in 10^12
		t.Errorf("%d of %d traces were written, want about a quarter", len(traces), requests)
	}
	for id, n := range traces {
		if n != 2 {
			t.Errorf("the trace %s has %d spans, want both or none", id, n)
		}
	}
}

func TestOpenRefusesWhatMakesNoSense(t *testing.T) {
	for name, cfg := range map[string]stdout.Config{
		"to": {To: "paper"}, "above": {Sampling: 1.5}, "below": {Sampling: -1}, "no number": {Sampling: math.NaN()}, "interval": {Interval: -1},
	} {
		_, err := stdout.Open(t.Context(), cfg)
		if !errors.Is(err, fault.Invalid) || fault.Of(err).Hint == "" {
			t.Errorf("%s: Open = %v, want %s with a hint", name, err, fault.Invalid)
		}
	}
}
