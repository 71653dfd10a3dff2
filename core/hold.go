package core

import (
	"context"
	"errors"
	"time"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/policy"
	"github.com/portolan-io/portolan/ports/repository"
)

// Hold makes it safe to write the store past the cache of a server that may run
// beside this process: it returns when that is not used any more, after at most
// some seconds, and keeps it so until release is called. A write that comes too
// late, because this process stood still for a minute and was given up for dead,
// is fault.Conflict with the code writer-superseded, and not done. Only the
// operator may hold, and only once at a time.
//
// A process that is killed with a hold is given up for dead after a minute. A
// store that does not outlive the process has no other writers.
func (a *API) Hold(ctx context.Context, who policy.Principal) (release func(context.Context) error, err error) {
	if err := operator(who, "hold the cache"); err != nil {
		return nil, err
	}
	if !a.store.Capabilities().Durable {
		return func(context.Context) error { return nil }, nil
	}
	w := newWriter(a.store, a.now)
	renewing, stop := context.WithCancel(context.WithoutCancel(ctx))
	entered := make(chan struct{})
	go w.renew(renewing, entered)
	if err := w.enter(ctx); err != nil {
		stop()
		<-entered
		return nil, errors.Join(err, w.leave(context.WithoutCancel(ctx)))
	}
	a.writer.Store(w)
	return func(ctx context.Context) error {
		stop()
		<-entered
		a.writer.Store(nil)
		return w.leave(context.WithoutCancel(ctx))
	}, nil
}

// renew says now and then that the writer is alive, until ctx is done.
func (w *writer) renew(ctx context.Context, ended chan<- struct{}) {
	defer close(ended)
	ticker := time.NewTicker(renewEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			// What fails is tried again. If it goes on failing, the writes tell.
			_, _ = w.store.Apply(ctx, []repository.Mutation{w.alive()})
		case <-ctx.Done():
			return
		}
	}
}

// witness returns what each write of this process requires beside what it is
// about: that a hold still stands.
func (a *API) witness() []repository.Mutation {
	if w := a.writer.Load(); w != nil {
		return []repository.Mutation{at(w.epoch)}
	}
	return nil
}

// maxWitness is how many mutations a hold and a fence add to a batch at most.
const maxWitness = 2

// apply applies the batch if a hold, if there is one, still stands, and what the
// fence of the write witnesses is still so; else it returns errUnwitnessed.
func (a *API) apply(ctx context.Context, batch, fence []repository.Mutation) ([]repository.Outcome, error) {
	hold := a.witness()
	outcomes, err := a.store.Apply(ctx, append(append(batch[:len(batch):len(batch)], hold...), fence...))
	var failed *repository.BatchError
	switch {
	case err == nil:
		return outcomes[:len(batch)], nil
	case !errors.As(err, &failed) || failed.Index < len(batch):
		return nil, err
	case failed.Index < len(batch)+len(hold):
		return nil, superseded()
	case failed.Index < len(batch)+len(hold)+len(fence):
		return nil, errUnwitnessed
	}
	return nil, err
}

// stillHeld returns the error of a Load, or that the hold was lost if that is why
// it failed.
func (a *API) stillHeld(ctx context.Context, err error) error {
	w := a.writer.Load()
	if w == nil || !errors.Is(err, fault.Stale) {
		return err
	}
	if now, failed := readMode(ctx, a.store); failed == nil && now.epoch != w.epoch {
		return superseded()
	}
	return err
}

// stillFenced returns the error of a Load, or errUnwitnessed if it failed because
// what its fence witnesses has ended.
func (a *API) stillFenced(ctx context.Context, err error, witness []repository.Mutation) error {
	if len(witness) == 0 || !errors.Is(err, fault.Stale) {
		return err
	}
	var failed *repository.BatchError
	switch _, again := a.store.Apply(ctx, witness); {
	case again == nil:
		return err
	case errors.As(again, &failed):
		return errUnwitnessed
	default: // and why it failed is not known
		return again
	}
}
