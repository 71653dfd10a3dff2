// Package telemetry is the port to whoever watches: metrics and traces both
// hang on its one method. Start at [Observer]; the suite that proves an
// implementation is in telemetrytest.
package telemetry

import (
	"context"
	"errors"

	"github.com/portolan-io/portolan/core/fault"
)

// An Op is something that is watched. Its parts are few and known beforehand:
// none ever holds an id, a value, or anything of a request's.
type Op struct {
	Port       string // what is asked: "http", "repository", "auth"
	Name       string // what it is asked for: "GET /{collection}", "Find"
	Collection string // which collection it is about, or empty
	System     string // which database or server is asked, as OpenTelemetry calls it: "postgresql"; or empty
}

// An Answer is what is known of an operation of the port http when it ends. Whoever
// starts one may have it in the context, under [AnswerKey], and fills it in before
// the end; observers read it then and not later.
type Answer struct {
	Status int    // of HTTP
	Scheme string // by which it was asked for, "http" or "https"
}

// AnswerKey is the key of the *Answer in a context. It is exported for contexts that
// carry one in themselves.
type AnswerKey struct{}

// AnswerOf returns the answer that the context carries, or nil.
func AnswerOf(ctx context.Context) *Answer {
	answer, _ := ctx.Value(AnswerKey{}).(*Answer)
	return answer
}

// Canceled is how an operation ended that was given up because whoever asked for it went away:
// nobody is there to act on an error of a kind of [fault.Kinds], and nothing failed.
const Canceled fault.Kind = "canceled"

// ErrStopping is the cause of a context that the server cancels because it stops: whoever asked is
// there and was not answered, so that is no Canceled.
var ErrStopping error = fault.New(fault.Unavailable, "telemetry.ErrStopping", "the server stops") //nolint:errname // it is one of package fault

// KindOf returns the kind of the error that an operation ended with which was started in ctx:
// Canceled in place of fault.Unavailable if ctx was cancelled, and not merely too late nor with the
// cause ErrStopping, else that of fault.KindOf, which of nil is empty.
func KindOf(ctx context.Context, err error) fault.Kind {
	kind := fault.KindOf(err)
	if kind == fault.Unavailable && errors.Is(ctx.Err(), context.Canceled) && !errors.Is(context.Cause(ctx), ErrStopping) {
		return Canceled
	}
	return kind
}

// An Observer is told of operations as they start and end.
//
// An Observer is safe for concurrent use. It never fails, blocks or panics:
// what it cannot deliver is lost. What waits to be delivered is bounded, and what
// found no room or was not taken in time is counted. Of an error it delivers the
// kind and never the text. What ends as unavailable in a context that was cancelled,
// but for [ErrStopping], it delivers as canceled, see [KindOf], and as no failure.
//
// One that delivers spans names them by OpenTelemetry's semantic conventions
// of HTTP and of databases.
type Observer interface {
	// Start tells that op starts, and returns the context to do it with and the
	// function to call when it ends.
	//
	// The returned context carries the deadline, the cancellation and the values
	// of ctx. What starts in it is a part of op, and of the trace that ctx is part
	// of. End is called exactly once, with the error that op ended with or
	// nil; a later call is ignored.
	Start(ctx context.Context, op Op) (_ context.Context, end func(error))

	// Close delivers what is still held, for as long as ctx allows. It returns when
	// ctx is done, also if the back end takes everything and never answers. Calling
	// it again does nothing.
	Close(ctx context.Context) error
}
