package httpapi

import (
	"context"
	"sync"
	"time"

	"github.com/portolan-io/portolan/ports/telemetry"
)

// A deadline is a context that ends at a time, with its parent, or by end. It is
// one of context.WithDeadline that makes its timer only once somebody waits for
// it: an answer from a cache asks for its Err at most, and a timer for each such
// answer costs as much as finding it does.
type deadline struct {
	context.Context //nolint:containedctx // it is a context itself, and this is its parent
	at              time.Time
	answer          *telemetry.Answer // what the request is answered with, for observers

	mu     sync.Mutex
	timed  context.Context //nolint:containedctx // itself with a timer, or nil
	cancel context.CancelFunc
	ended  bool
}

// Deadline returns the earlier of its own time and its parent's.
func (d *deadline) Deadline() (time.Time, bool) {
	if at, ok := d.Context.Deadline(); ok && at.Before(d.at) {
		return at, true
	}
	return d.at, true
}

// Done makes the timer.
func (d *deadline) Done() <-chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.timed == nil {
		d.timed, d.cancel = context.WithDeadline(d.Context, d.at)
		if d.ended {
			d.cancel()
		}
	}
	return d.timed.Done()
}

// Err is as the timer has it, or as the clock has it while there is none.
func (d *deadline) Err() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case d.timed != nil:
		return d.timed.Err()
	case d.Context.Err() != nil:
		return d.Context.Err()
	case d.ended:
		return context.Canceled
	case !time.Now().Before(d.at):
		return context.DeadlineExceeded
	}
	return nil
}

// Value asks the context that has the timer, so that contexts made of this one
// are ended by it directly.
func (d *deadline) Value(key any) any {
	if _, ok := key.(telemetry.AnswerKey); ok {
		return d.answer
	}
	d.mu.Lock()
	timed := d.timed
	d.mu.Unlock()
	if timed != nil {
		return timed.Value(key)
	}
	return d.Context.Value(key)
}

// end ends the context, and lets go of its timer.
func (d *deadline) end() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.ended = true
	if d.cancel != nil {
		d.cancel()
	}
}
