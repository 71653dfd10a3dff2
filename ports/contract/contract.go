// Package contract is what the suites of the ports are made of: cases that each
// quote the clause of an interface's comment that they prove, and that can be
// run over a wrong implementation as well as over a right one. Start at [Case].
package contract

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"testing"
)

// A T is the part of a testing.T that a case uses, so that what fails can be
// recorded as well as reported.
type T interface {
	Helper()
	Context() context.Context
	Cleanup(done func())
	Logf(format string, args ...any)
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
}

// A Case proves one clause of a contract over a subject of type S: an
// implementation, or an implementation with what is needed to test it.
type Case[S any] struct {
	Name   string
	Clause string // word for word from the comment of the interface
	Run    func(t T, subject S)
}

// Run runs each case as a subtest, over a subject of its own. What open opens it
// also closes, with t.Cleanup.
func Run[S any](t *testing.T, cases []Case[S], open func(t *testing.T) S) {
	t.Helper()
	for _, c := range cases {
		t.Run(c.Name, func(t *testing.T) {
			t.Logf("clause: %s", c.Clause)
			c.Run(t, open(t))
		})
	}
}

// Failing returns the names of the cases that fail, or panic, over the subjects
// that open returns: a suite proves with it that it catches what it says. ctx is
// what the cases get as their context.
func Failing[S any](ctx context.Context, cases []Case[S], open func(t T) S) []string {
	var names []string
	for _, c := range cases {
		if len(run(ctx, c, open)) > 0 {
			names = append(names, c.Name)
		}
	}
	return names
}

// A recorder is a T that keeps the failures. As with a testing.T, Errorf may be
// called from any goroutine.
type recorder struct {
	ctx      context.Context
	cleanups []func()

	mu       sync.Mutex
	failures []string
}

// do calls f, which may end by Fatalf or by a panic.
func (r *recorder) do(f func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer func() {
			if p := recover(); p != nil {
				r.Errorf("panic: %v", p)
			}
		}()
		f()
	}()
	<-done
}

func (r *recorder) Helper()                  {}
func (r *recorder) Context() context.Context { return r.ctx }
func (r *recorder) Cleanup(done func())      { r.cleanups = append(r.cleanups, done) }
func (r *recorder) Logf(string, ...any)      {}

func (r *recorder) Errorf(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failures = append(r.failures, fmt.Sprintf(format, args...))
}

func (r *recorder) Fatalf(format string, args ...any) {
	r.Errorf(format, args...)
	runtime.Goexit()
}
