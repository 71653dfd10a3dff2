package datastore

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"cloud.google.com/go/datastore"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/ports/repository"
)

// patience is how long a transaction is begun anew that others keep from committing: what
// was left by who was killed holds its locks until it was idle for 60 seconds
// (https://cloud.google.com/datastore/docs/concepts/transactions). Who asks may have less.
const patience = 75 * time.Second

// longestPause is how long a transaction is waited with at most before it is begun anew. Where
// each takes long, many that are begun anew sooner keep each other from committing for good.
const longestPause = 4 * time.Second

// A snapshot is a transaction, and the context in which it is asked.
type snapshot struct {
	ctx  context.Context        //nolint:containedctx // a transaction of the client has one, too
	tx   *datastore.Transaction // nil of one that is asked once
	wire *wire                  // nil of one that only reads
}

// read calls do with a snapshot, in which everything is as it was at one time. Nothing
// has to end its transaction, which locks nothing.
func (s *Store) read(ctx context.Context, op string, do func(snapshot) error) error {
	if s.locks {
		return s.transact(ctx, op, do)
	}
	within, cancel := context.WithTimeout(ctx, s.cfg.Timeout)
	defer cancel()
	tx, err := s.client.NewTransaction(within, datastore.ReadOnly)
	if err == nil {
		err = do(snapshot{ctx: within, tx: tx})
	}
	return fail(ctx, op, err)
}

// once calls do with what is as it is now, which is enough to read one record, and takes
// a question less.
func (s *Store) once(ctx context.Context, op string, do func(snapshot) error) error {
	within, cancel := context.WithTimeout(ctx, s.cfg.Timeout)
	defer cancel()
	return fail(ctx, op, do(snapshot{ctx: within}))
}

// write calls do with a transaction that commits if do returns nil. If others come
// between, do is called again in a new one. What keeps it from being sent is no defect
// after which nobody knows what is stored.
func (s *Store) write(ctx context.Context, op string, do func(snapshot) error) error {
	return s.transact(ctx, op, func(v snapshot) error { return unsent(op, do(v)) })
}

func (s *Store) transact(ctx context.Context, op string, do func(snapshot) error) error {
	began, pause := time.Now(), 5*time.Millisecond
	for {
		err := s.try(ctx, do)
		if err == nil || !overtaken(err) || time.Since(began) > patience {
			return fail(ctx, op, err)
		}
		select {
		case <-time.After(time.Duration(rand.Int64N(int64(pause)))):
			pause = min(2*pause, longestPause)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// rollbackIn is how long the end of a transaction that failed may take, which does not
// wait for who asked for it.
const rollbackIn = time.Second

func (s *Store) try(ctx context.Context, do func(snapshot) error) error {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.Timeout)
	defer cancel()
	over := newWire()
	tied := &tether{Context: over.within(ctx)}
	tied.to.Store(&ctx)
	tx, err := s.client.NewTransaction(tied) //nolint:contextcheck // it ends with ctx
	if err != nil {
		return err
	}
	if err = do(snapshot{ctx, tx, over}); err == nil {
		err = ctx.Err()
	}
	if err == nil {
		if _, err = tx.Commit(); err == nil {
			return nil
		}
	}
	ending, end := context.WithTimeout(context.WithoutCancel(ctx), rollbackIn)
	defer end()
	tied.to.Store(&ending)
	_ = tx.Rollback() // it ends by itself, later
	return err
}

// A tether is a context that ends with another, and then with a third. All questions of
// a transaction have one context, but the last one must be asked when that is done.
type tether struct {
	context.Context //nolint:containedctx // it is one, with other ends
	to              atomic.Pointer[context.Context]
}

func (t *tether) Deadline() (time.Time, bool) { return (*t.to.Load()).Deadline() }
func (t *tether) Done() <-chan struct{}       { return (*t.to.Load()).Done() }
func (t *tether) Err() error                  { return (*t.to.Load()).Err() }

// overtaken reports whether a transaction failed because of others.
func overtaken(err error) bool {
	var failed *repository.BatchError
	var known *fault.Error
	if errors.As(err, &failed) || errors.As(err, &known) {
		return false
	}
	return errors.Is(err, datastore.ErrConcurrentTransaction) || codeOf(err) == aborted
}
