package telemetrytest_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/portolan-io/portolan/ports/contract"
	"github.com/portolan-io/portolan/ports/telemetry"
	"github.com/portolan-io/portolan/ports/telemetry/telemetrytest"
)

// A spanner is an observer that delivers spans, rightly but for the ways in which the tests
// make it wrong. A hundred of them may wait while its back end does not answer.
type spanner struct {
	wrong string

	mu      sync.Mutex
	last    int
	stalled bool
	waiting uint64
	lost    uint64
	spans   []telemetrytest.Span
	wrote   strings.Builder
}

type place struct{ trace, span string }

type placeKey struct{}

func (s *spanner) Start(ctx context.Context, op telemetry.Op) (context.Context, func(error)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last++
	parent, _ := ctx.Value(placeKey{}).(place)
	at := place{parent.trace, fmt.Sprintf("%016x", s.last)}
	if at.trace == "" {
		at.trace = fmt.Sprintf("%032x", s.last)
	}
	span := telemetrytest.Span{Trace: at.trace, ID: at.span, Parent: parent.span}
	if s.wrong == "orphans" {
		span.Parent = ""
	}
	span.Op = op
	answer := telemetry.AnswerOf(ctx)
	return context.WithValue(ctx, placeKey{}, at), func(err error) {
		span.Kind = telemetry.KindOf(ctx, err)
		s.end(span, answer, err)
	}
}

func (s *spanner) end(span telemetrytest.Span, answer *telemetry.Answer, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stalled {
		switch {
		case s.waiting < 100 || s.wrong == "unbounded":
			s.waiting++
		case s.wrong != "uncounted":
			s.lost++
		}
		return
	}
	span.Name, span.Attributes = span.Port+" "+span.Op.Name, map[string]string{}
	switch {
	case s.wrong == "unconventional":
	case span.Port == "http":
		method, route, _ := strings.Cut(span.Op.Name, " ")
		span.Name = span.Op.Name
		span.Attributes = map[string]string{"http.request.method": method, "http.route": route}
		if answer != nil {
			span.Attributes["http.response.status_code"], span.Attributes["url.scheme"] = fmt.Sprint(answer.Status), answer.Scheme
		}
	case span.System != "":
		span.Name = strings.TrimRight(span.Op.Name+" "+span.Collection, " ")
		span.Attributes = map[string]string{"db.system.name": span.System, "db.operation.name": span.Op.Name}
		if span.Collection != "" {
			span.Attributes["db.collection.name"] = span.Collection
		}
	}
	s.spans = append(s.spans, span)
	fmt.Fprintln(&s.wrote, span)
	if s.wrong == "wordy" {
		fmt.Fprintln(&s.wrote, err)
	}
}

func (s *spanner) Close(ctx context.Context) error {
	s.mu.Lock()
	stalled := s.stalled
	s.lost += s.waiting
	s.waiting = 0
	s.mu.Unlock()
	if !stalled {
		return nil
	}
	if s.wrong == "hangs" {
		ctx = context.WithoutCancel(ctx)
	}
	select {
	case <-ctx.Done():
	case <-time.After(time.Second):
	}
	return errors.New("the back end does not answer")
}

func spanning(wrong string) telemetrytest.Harness {
	s := &spanner{wrong: wrong}
	return telemetrytest.Harness{
		Observer: s,
		Stall:    func(contract.T) { s.stalled = true },
		Lost: func() uint64 {
			s.mu.Lock()
			defer s.mu.Unlock()
			return s.lost
		},
		Wrote: func(contract.T) string { return s.wrote.String() },
		Spans: func(contract.T) []telemetrytest.Span { return s.spans },
		Extract: func(ctx context.Context, header http.Header) context.Context {
			parts := strings.Split(header.Get("Traceparent"), "-")
			if wrong == "deaf" {
				return ctx
			}
			return context.WithValue(ctx, placeKey{}, place{parts[1], parts[2]})
		},
		Inject: func(ctx context.Context, header http.Header) {
			if at, _ := ctx.Value(placeKey{}).(place); wrong != "mute" {
				header.Set("Traceparent", "00-"+at.trace+"-"+at.span+"-01")
			}
		},
	}
}

func TestRightSpans(t *testing.T) {
	telemetrytest.Run(t, func(*testing.T) telemetrytest.Harness { return spanning("") })
}

// TestWrongSpans runs the suite over observers that each break one clause about what is
// delivered.
func TestWrongSpans(t *testing.T) {
	telemetrytest.SetPatience(t, 500*time.Millisecond)
	for wrong, catcher := range map[string]string{
		"orphans":        "Parts",
		"unbounded":      "Stalled",
		"uncounted":      "Stalled",
		"hangs":          "Unanswered",
		"unconventional": "Names",
		"wordy":          "Kinds",
		"deaf":           "Across",
		"mute":           "Across",
	} {
		t.Run(wrong, func(t *testing.T) {
			caught := failing(t, func() telemetrytest.Harness { return spanning(wrong) })
			if !slices.Contains(caught, catcher) {
				t.Errorf("the suite failed at %v, want %s among them", caught, catcher)
			}
		})
	}
}
