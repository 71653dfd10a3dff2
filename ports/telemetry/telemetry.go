// Package telemetry is the port to whoever watches: metrics and traces both
// hang on its one method. Start at [Observer]; the suite that proves an
// implementation is in telemetrytest.
package telemetry

import "context"

// An Op is something that is watched. Its parts are few and known beforehand:
// none ever holds an id, a value, or anything of a request's.
type Op struct {
	Port       string // what is asked: "http", "repository", "auth"
	Name       string // what it is asked for: "GET /{collection}", "Find"
	Collection string // which collection it is about, or empty
}

// An Observer is told of operations as they start and end.
//
// An Observer is safe for concurrent use. It never fails, blocks or panics:
// what it cannot deliver is lost.
type Observer interface {
	// Start tells that op starts, and returns the context to do it with and the
	// function to call when it ends.
	//
	// The returned context carries the deadline, the cancellation and the values
	// of ctx. End is called exactly once, with the error that op ended with or
	// nil; a later call is ignored.
	Start(ctx context.Context, op Op) (_ context.Context, end func(error))

	// Close delivers what is still held, for as long as ctx allows. Calling it
	// again does nothing.
	Close(ctx context.Context) error
}
