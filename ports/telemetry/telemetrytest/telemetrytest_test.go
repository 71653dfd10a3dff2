package telemetrytest_test

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/ports/contract"
	"github.com/portolan-io/portolan/ports/telemetry"
	"github.com/portolan-io/portolan/ports/telemetry/telemetrytest"
)

// An observer counts what ends, rightly but for the ways in which the tests
// make it wrong.
type observer struct {
	wrong string

	mu     sync.Mutex
	held   map[telemetrytest.Ended]int
	told   map[telemetrytest.Ended]int
	closed bool
}

func (o *observer) Start(ctx context.Context, op telemetry.Op) (context.Context, func(error)) {
	inner := ctx
	switch o.wrong {
	case "detached":
		inner = context.WithoutCancel(ctx)
	case "impatient":
		var cancel context.CancelFunc
		inner, cancel = context.WithCancel(ctx)
		cancel()
	case "forgetful":
		inner = context.Background()
	case "endless":
		return ctx, nil
	}
	var once sync.Once
	return inner, func(err error) {
		count := func() {
			o.mu.Lock()
			defer o.mu.Unlock()
			kind := telemetry.KindOf(ctx, err)
			if o.wrong == "merciless" {
				kind = fault.KindOf(err)
			}
			if o.wrong == "blaming" && kind == fault.Unavailable && ctx.Err() == context.Canceled {
				kind = telemetry.Canceled
			}
			if o.wrong == "fragile" && kind == fault.Internal {
				panic("an error that nobody classified")
			}
			if o.wrong == "rosy" {
				kind = ""
			}
			if o.closed && o.wrong == "closed" {
				panic("told after Close")
			}
			o.held[telemetrytest.Ended{Op: op, Kind: kind}]++
		}
		if o.wrong == "counts twice" {
			count()
			return
		}
		once.Do(count)
	}
}

func (o *observer) Close(context.Context) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		if o.wrong == "once" {
			return errors.New("closed already")
		}
		return nil
	}
	o.closed = true
	if o.wrong != "lossy" {
		o.told = maps.Clone(o.held)
	}
	return nil
}

func harness(wrong string) telemetrytest.Harness {
	o := &observer{wrong: wrong, held: map[telemetrytest.Ended]int{}, told: map[telemetrytest.Ended]int{}}
	return telemetrytest.Harness{
		Observer: o,
		Ended: func(t contract.T) map[telemetrytest.Ended]int {
			if err := o.Close(t.Context()); err != nil {
				t.Errorf("Close: %v", err)
			}
			return o.told
		},
	}
}

func TestRight(t *testing.T) {
	telemetrytest.Run(t, func(*testing.T) telemetrytest.Harness { return harness("") })
}

// TestWrong runs the suite over observers that each break one clause.
func TestWrong(t *testing.T) {
	for wrong, catcher := range map[string]string{
		"detached":     "Context",
		"impatient":    "Context",
		"forgetful":    "Context",
		"endless":      "Start",
		"fragile":      "Errors",
		"rosy":         "End",
		"counts twice": "End",
		"closed":       "Deliver",
		"lossy":        "Deliver",
		"once":         "Close",
		"merciless":    "Canceled",
		"blaming":      "Canceled",
	} {
		t.Run(wrong, func(t *testing.T) {
			caught := failing(t, func() telemetrytest.Harness { return harness(wrong) })
			if !slices.Contains(caught, catcher) {
				t.Errorf("the suite failed at %v, want %s among them", caught, catcher)
			}
		})
	}
}

// failing leaves out the case whose operations run in goroutines of the suite
// when a wrong observer panics in all of them.
func failing(t *testing.T, open func() telemetrytest.Harness) []string {
	t.Helper()
	cases := slices.DeleteFunc(slices.Clone(telemetrytest.Cases), func(c contract.Case[telemetrytest.Harness]) bool {
		return c.Name == "Broken"
	})
	return contract.Failing(t.Context(), cases, func(contract.T) telemetrytest.Harness { return open() })
}

// blocker is an observer that waits for a reader of what it tells.
type blocker struct{ telemetry.Observer }

func (blocker) Start(ctx context.Context, _ telemetry.Op) (context.Context, func(error)) {
	return ctx, func(error) { <-ctx.Done() }
}

// TestBlocking lets the context of the suite end, which frees the blocked one.
func TestBlocking(t *testing.T) {
	telemetrytest.SetPatience(t, 10*time.Millisecond)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	cases := telemetrytest.Cases[slices.IndexFunc(telemetrytest.Cases, func(c contract.Case[telemetrytest.Harness]) bool {
		return c.Name == "Broken"
	}):][:1]
	caught := contract.Failing(ctx, cases, func(contract.T) telemetrytest.Harness {
		return telemetrytest.Harness{Observer: blocker{}}
	})
	if len(caught) != 1 {
		t.Errorf("an observer that blocks was not caught")
	}
}

func TestClauses(t *testing.T) {
	lines, err := contract.Disagreements("../telemetry.go", telemetrytest.Cases,
		"An Observer is told of operations as they start and end")
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range lines {
		t.Error(line)
	}
}
