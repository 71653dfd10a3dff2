package core

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/ingest"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/ports/repository"
)

// uploadAttempts is how often an import is tried while the store does not take its
// rows, with pauses that double. Then somebody is told, and all begins again behind a
// pause.
const uploadAttempts = 5

// warnEvery is how often somebody is told that an import waits for the store.
const warnEvery = time.Minute

// uploadRows is how many rows are stored at once: fewer than the command line
// stores, as the memory is shared with all that is asked meanwhile.
const uploadRows = 500

// Work imports what is uploaded until ctx is done, at most two sources at once,
// and begins with what earlier processes left. What is under way when ctx is done
// ends between two batches, and is gone on with by the next process that has the
// same directory. Errors of single jobs are in these jobs; what Work returns is
// why what was left could not be looked at.
func (u *Uploads) Work(ctx context.Context) error {
	left, err := u.left(ctx)
	resumed := make(chan record.ID)
	var all sync.WaitGroup
	all.Go(func() { u.resume(ctx, left, resumed) })
	for range uploadWorkers {
		all.Go(func() {
			for ctx.Err() == nil {
				select {
				case id := <-resumed:
					u.finish(ctx, id)
				case next := <-u.queue:
					if u.finish(ctx, next.id) {
						u.leave(next.by)
					}
				case <-ctx.Done():
				}
			}
		})
	}
	all.Wait()
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return nil // that it was stopped is no failure
	}
	return err
}

// finish imports one source and reports whether it came to its end, rather than
// to that of ctx. An import that ended has no file any more. What was accepted is
// not given up for want of the store, however long that is away.
func (u *Uploads) finish(ctx context.Context, id record.ID) bool {
	for {
		err := u.persist(ctx, id)
		if ctx.Err() != nil && err != nil {
			return false // the job stays as it is, and the next start goes on with it
		}
		if err == nil {
			u.release(id)
			return true
		}
		u.waits(id, err)
		if !sleep(ctx, u.pause<<uploadAttempts) {
			return false
		}
	}
}

// persist imports one source, or stores why that cannot be done. Its error is why
// neither could be, or that the store is away.
func (u *Uploads) persist(ctx context.Context, id record.ID) error {
	for attempt := range uploadAttempts {
		err := u.importOne(ctx, id)
		for err == errOver { //nolint:errorlint // it is never wrapped
			err = u.importOne(ctx, id)
		}
		switch {
		case err == nil || ctx.Err() != nil:
			return err
		case fault.KindOf(err) != fault.Unavailable:
			return u.fail(ctx, id, err)
		case attempt == uploadAttempts-1:
			return err
		case !sleep(ctx, u.pause<<attempt):
			return ctx.Err()
		}
	}
	return nil
}

// waits warns that the job waits for the store, unless somebody was told so within
// the minute.
func (u *Uploads) waits(id record.ID, err error) {
	u.mu.Lock()
	due := u.warned.IsZero() || time.Since(u.warned) >= warnEvery
	if due {
		u.warned = time.Now()
	}
	u.mu.Unlock()
	if due {
		u.warn(string(id), "an import waits for the store, and goes on when it is back", err)
	}
}

// sleep waits, and reports whether ctx was not done meanwhile.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// importOne imports what the job says, as whoever asked for it.
func (u *Uploads) importOne(ctx context.Context, id record.ID) (err error) {
	defer recovered(&err)
	by, leave, err := u.use(ctx)
	if err != nil {
		return err
	}
	defer leave()
	a := by.api
	within, end := context.WithCancelCause(ctx)
	defer end(nil)
	go func() {
		select {
		case <-by.over:
			end(errOver)
		case <-within.Done():
		}
	}()
	j, err := a.job(ctx, id)
	if err != nil || j == nil || j.ended() {
		return err
	}
	source, err := ingest.File(u.spool.path(id), j.format)
	if err != nil {
		return err
	}
	_, err = a.Import(within, j.owner, ImportRequest{
		Collection: j.collection, Source: source, Resume: true, MaxRejects: -1, BatchRows: uploadRows, job: id,
	})
	if err != nil && ctx.Err() == nil && context.Cause(within) == errOver {
		return errOver
	}
	return err
}

// errOver says that an import goes on by another API.
var errOver = errors.New("another API serves")

// recovered turns a panic into an error: what one source sets off must not end
// the process, which would begin with it again at each start.
func recovered(err *error) {
	if p := recover(); p != nil {
		*err = fault.New(fault.Internal, "core.Import", "something went wrong on the server").
			Coded("panic").Because(fmt.Errorf("panic: %v\n%s", p, debug.Stack()))
	}
}

// fail marks the job as failed, unless it has ended.
func (u *Uploads) fail(ctx context.Context, id record.ID, cause error) error {
	by, leave, err := u.use(ctx)
	if err != nil {
		return err
	}
	defer leave()
	a := by.api
	j, err := a.job(ctx, id)
	if err != nil || j == nil || j.ended() {
		return err
	}
	why := fault.Of(cause)
	if why.Kind == fault.Internal {
		u.broken(string(id), cause)
		why = fault.New(fault.Internal, "core.Work", "something went wrong on the server")
	}
	j.state, j.code, j.detail = JobFailed, why.Code, why.Detail
	for i, place := range why.Places {
		if i < maxFailurePlaces {
			j.detail += "; " + place.Pointer + ": " + place.Detail
		}
	}
	_, err = a.store.Apply(ctx, []repository.Mutation{j.put(j.revision, a.now())})
	return err
}

// maxFailurePlaces is of how many columns a failed job says what is wrong.
const maxFailurePlaces = 10

// release removes the file of a job that has ended.
func (u *Uploads) release(id record.ID) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if file := u.held[id]; file != nil {
		_ = discard(file) // what stays is swept up by the next start
	}
	delete(u.held, id)
}
