// Package telemetrytest is the suite that proves a telemetry.Observer. Start at
// [Run].
package telemetrytest

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/ports/contract"
	"github.com/portolan-io/portolan/ports/telemetry"
)

// A Harness is an Observer with what is needed to test it.
type Harness struct {
	Observer telemetry.Observer

	// Ended closes the observer and returns what it delivered: how many
	// operations ended with which kind of error. It is nil if that cannot be told.
	Ended func(t contract.T) map[Ended]int

	// Break takes away where the observer delivers to. It is nil if it delivers
	// to nowhere else.
	Break func(t contract.T)

	// Stall has the back end take whatever comes from now on, and never answer; Lost
	// says how much was to be delivered and never will be. They are nil if there is no
	// back end.
	Stall func(t contract.T)
	Lost  func() uint64

	// Wrote closes the observer and returns all the octets that it delivered. It is nil
	// if that cannot be told.
	Wrote func(t contract.T) string

	// Spans closes the observer and returns the spans that it delivered, in any order;
	// Extract and Inject take a trace over from a request and put it into one. They are
	// nil if it delivers no spans.
	Spans   func(t contract.T) []Span
	Extract func(ctx context.Context, header http.Header) context.Context
	Inject  func(ctx context.Context, header http.Header)
}

// A Span is one operation as a back end has it. Ids are hexadecimal digits.
type Span struct {
	Ended
	Trace, ID, Parent string
	Name              string            // what people read
	Attributes        map[string]string // the others, as OpenTelemetry calls them
}

// Ended is an operation with how it ended.
type Ended struct {
	telemetry.Op
	Kind fault.Kind // empty if it ended well
}

// Run runs the suite over the observers that open returns, a new one for each
// case. What open opens it also closes, with t.Cleanup.
func Run(t *testing.T, open func(t *testing.T) Harness) {
	t.Helper()
	contract.Run(t, Cases, open)
}

// Cases are the cases of the suite.
var Cases = []contract.Case[Harness]{
	{Name: "Start", Clause: "Start tells that op starts, and returns the context to do it with and the function to call when it ends.", Run: start},
	{Name: "Context", Clause: "The returned context carries the deadline, the cancellation and the values of ctx.", Run: carries},
	{Name: "End", Clause: "End is called exactly once, with the error that op ended with or nil; a later call is ignored.", Run: end},
	{Name: "Errors", Clause: "It never fails, blocks or panics: what it cannot deliver is lost.", Run: oddities},
	{Name: "Broken", Clause: "It never fails, blocks or panics: what it cannot deliver is lost.", Run: broken},
	{Name: "Stalled", Clause: "What waits to be delivered is bounded, and what found no room or was not taken in time is counted.", Run: stalled},
	{Name: "Kinds", Clause: "Of an error it delivers the kind and never the text.", Run: kinds},
	{Name: "Canceled", Clause: "What ends as unavailable in a context that was cancelled, but for [ErrStopping], it delivers as canceled, see [KindOf], and as no failure.", Run: canceled},
	{Name: "Names", Clause: "One that delivers spans names them by OpenTelemetry's semantic conventions of HTTP and of databases.", Run: names},
	{Name: "Parts", Clause: "What starts in it is a part of op, and of the trace that ctx is part of.", Run: parts},
	{Name: "Across", Clause: "What starts in it is a part of op, and of the trace that ctx is part of.", Run: across},
	{Name: "Concurrent", Clause: "An Observer is safe for concurrent use.", Run: concurrent},
	{Name: "Deliver", Clause: "Close delivers what is still held, for as long as ctx allows.", Run: deliver},
	{Name: "Unanswered", Clause: "It returns when ctx is done, also if the back end takes everything and never answers.", Run: stalled},
	{Name: "Close", Clause: "Calling it again does nothing.", Run: closeTwice},
}

var find = telemetry.Op{Port: "repository", Name: "Find", Collection: "products"}

func start(t contract.T, h Harness) {
	ctx, end := h.Observer.Start(t.Context(), find)
	if ctx == nil || end == nil {
		t.Fatalf("Start = %v, %t; want a context and a function", ctx, end != nil)
	}
	end(nil)
	h.expect(t, map[Ended]int{{Op: find}: 1})
}

type key struct{}

func carries(t contract.T, h Harness) {
	deadline := time.Now().Add(time.Hour)
	outer, cancel := context.WithDeadline(context.WithValue(t.Context(), key{}, "value"), deadline)
	defer cancel()
	ctx, end := h.Observer.Start(outer, find)
	inner, endInner := h.Observer.Start(ctx, telemetry.Op{Port: "auth", Name: "Authenticate"})
	for _, c := range []context.Context{ctx, inner} {
		if got, ok := c.Deadline(); !ok || !got.Equal(deadline) {
			t.Errorf("the deadline is %v, %t; want %v", got, ok, deadline)
		}
		if got := c.Value(key{}); got != "value" {
			t.Errorf("the value is %v, want value", got)
		}
		if c.Err() != nil {
			t.Errorf("the context is done before it was cancelled: %v", c.Err())
		}
	}
	endInner(nil)
	if ctx.Err() != nil {
		t.Errorf("the end of an inner operation ended the outer one's context: %v", ctx.Err())
	}
	cancel()
	if ctx.Err() == nil || inner.Err() == nil {
		t.Errorf("the contexts are not done after the cancellation")
	}
	end(context.Canceled)
}

func end(t contract.T, h Harness) {
	_, end := h.Observer.Start(t.Context(), find)
	end(fault.New(fault.Stale, "test", "the record has changed"))
	end(nil)
	end(fault.New(fault.Internal, "test", "this is too late"))
	h.expect(t, map[Ended]int{{Op: find, Kind: fault.Stale}: 1})
}

// canceled ends operations that nobody waits for, and some beside them.
func canceled(t contract.T, h Harness) {
	gone, leave := context.WithCancel(t.Context())
	defer leave()
	late, cancel := context.WithDeadline(t.Context(), time.Unix(0, 0))
	defer cancel()
	stopped, stop := context.WithCancelCause(t.Context())
	stop(telemetry.ErrStopping)
	refused := fault.New(fault.Unavailable, "test", "the statement was cancelled")
	for _, ended := range []struct {
		in  context.Context //nolint:containedctx // of a row
		err error
	}{
		{gone, context.Canceled}, {gone, refused}, {gone, nil}, {gone, fault.New(fault.NotFound, "test", "there is none")},
		{late, context.DeadlineExceeded}, {t.Context(), refused}, {t.Context(), context.Canceled},
		{stopped, context.Canceled}, {stopped, nil},
	} {
		_, end := h.Observer.Start(ended.in, find)
		if ended.in == gone {
			leave()
		}
		end(ended.err)
	}
	h.expect(t, map[Ended]int{
		{find, telemetry.Canceled}: 2, {find, ""}: 2, {find, fault.NotFound}: 1, {find, fault.Unavailable}: 4,
	})
}

// oddities starts what no caller does, and ends it with every kind of error.
func oddities(t contract.T, h Harness) {
	want := map[Ended]int{}
	for _, kind := range fault.Kinds {
		_, end := h.Observer.Start(t.Context(), find)
		end(fault.New(kind, "test", "an error of each kind"))
		want[Ended{find, kind}]++
	}
	for _, err := range []error{errors.New("unclassified"), context.Canceled, context.DeadlineExceeded} {
		_, end := h.Observer.Start(t.Context(), find)
		end(err)
		want[Ended{find, fault.KindOf(err)}]++
	}
	for _, text := range []string{"", "\x00", "\xff\xfe", "a\nb\"c\\d", "größer 🔑", strings.Repeat("n", 10_000)} {
		_, end := h.Observer.Start(t.Context(), telemetry.Op{Port: text, Name: text, Collection: text})
		end(nil)
	}
	ended := h.ended(t)
	for op, n := range want {
		if ended != nil && ended[op] != n {
			t.Errorf("%v ended %d times, want %d", op, ended[op], n)
		}
	}
}

// broken runs so many operations that a buffer of any sane size is full.
func broken(t contract.T, h Harness) {
	if h.Break != nil {
		h.Break(t)
	}
	within(t, "5,000 operations", func() {
		for range 5000 {
			_, end := h.Observer.Start(t.Context(), find)
			end(nil)
		}
	})
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	within(t, "Close", func() {
		if err := h.Observer.Close(ctx); err != nil && h.Break == nil {
			t.Errorf("Close = %v, want nil", err)
		}
	})
	_, end := h.Observer.Start(t.Context(), find)
	end(nil)
}

func concurrent(t contract.T, h Harness) {
	_, end := h.Observer.Start(t.Context(), find)
	end(nil)
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for range 50 {
				_, end := h.Observer.Start(t.Context(), find)
				group.Go(func() { end(nil) })
			}
		})
	}
	group.Wait()
	h.expect(t, map[Ended]int{{Op: find}: 401})
}

func deliver(t contract.T, h Harness) {
	get := telemetry.Op{Port: "http", Name: "GET /{collection}"}
	for range 3 {
		_, end := h.Observer.Start(t.Context(), get)
		end(nil)
	}
	_, unended := h.Observer.Start(t.Context(), find)
	h.expect(t, map[Ended]int{{Op: get}: 3})
	if err := h.Observer.Close(t.Context()); err != nil {
		t.Errorf("Close = %v, want nil", err)
	}
	unended(nil)
}

func closeTwice(t contract.T, h Harness) {
	for i := range 2 {
		if err := h.Observer.Close(t.Context()); err != nil {
			t.Errorf("Close, call %d: %v", i+1, err)
		}
	}
}

// within fails if f takes longer than anything that does not block can.
func within(t contract.T, what string, f func()) {
	t.Helper()
	finished := make(chan struct{})
	go func() {
		defer close(finished)
		f()
	}()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-finished:
	case <-timer.C:
		t.Fatalf("%s took longer than %v: it blocks", what, patience)
	}
}

// patience is far more than what does not block takes on a slow machine.
var patience = 20 * time.Second //nolint:gochecknoglobals // this suite's own tests have less

func (h Harness) ended(t contract.T) map[Ended]int {
	if h.Ended == nil {
		return nil
	}
	return h.Ended(t)
}

func (h Harness) expect(t contract.T, want map[Ended]int) {
	t.Helper()
	got := h.ended(t)
	if got == nil {
		return
	}
	for op, n := range got {
		if want[op] != n {
			t.Errorf("%v ended %d times, want %d", op, n, want[op])
		}
	}
	for op, n := range want {
		if got[op] == 0 {
			t.Errorf("%v was not delivered, want %d times", op, n)
		}
	}
}
