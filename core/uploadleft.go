package core

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"slices"
	"time"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/query"
	"github.com/portolan-io/portolan/core/record"
)

// left returns the jobs of the directory that did not end, and removes the files
// that no job is to come of. Those whose file is gone fail.
func (u *Uploads) left(ctx context.Context) ([]record.ID, error) {
	jobs, err := u.api().unfinished(ctx)
	if err != nil {
		return nil, err
	}
	var left []record.ID
	for _, j := range jobs {
		if j.source != u.spool.path(j.id) || u.has(j.id) {
			continue // of another directory, or received since the start
		}
		switch _, err := os.Stat(j.source); {
		case errors.Is(err, fs.ErrNotExist):
			lost := fault.New(fault.NotFound, "core.Work", "the file with what was sent is gone, so that the import cannot go on; %d rows are stored", j.loaded).
				Coded("upload-lost")
			if err := u.fail(ctx, j.id, lost); err != nil {
				return nil, err
			}
			u.warn(string(j.id), "an import failed", lost)
		default:
			left = append(left, j.id)
		}
	}
	return left, u.sweep(ctx, left)
}

// unfinished returns the jobs of uploads that have not ended.
func (a *API) unfinished(ctx context.Context) ([]*job, error) {
	q := query.Query{
		View:  query.View{Collection: jobsSchema, Needs: jobsSchema.All(), Filter: uploadsThatAre(JobQueued, JobRunning)},
		Order: []query.Key{{Field: jobsID}},
		Limit: MaxFirst,
	}
	var jobs []*job
	for {
		page, err := a.find(ctx, &collection{Collection: jobsSchema}, q)
		if err != nil {
			return nil, err
		}
		for _, row := range page.Rows {
			j, err := jobOf(row)
			if err != nil {
				return nil, err
			}
			jobs = append(jobs, j)
		}
		if q.After = page.Next; q.After == "" {
			return jobs, nil
		}
	}
}

// uploadsThatAre returns the filter of the jobs of uploads in one of the states.
func uploadsThatAre(states ...string) query.Expr {
	values := make([]record.Value, len(states))
	for i, state := range states {
		values[i] = record.String(state)
	}
	return query.AllOf(
		query.Expr{Op: query.Eq, Field: jobsKind, Values: []record.Value{record.String(kindUpload)}},
		query.Expr{Op: query.In, Field: jobsState, Values: values},
	)
}

// sweep removes the files that are neither of the jobs to go on with nor being
// received or imported by another process.
func (u *Uploads) sweep(ctx context.Context, left []record.ID) error {
	ids, err := u.spool.ids()
	if err != nil {
		return err
	}
	for _, id := range ids {
		if u.has(id) || slices.Contains(left, id) {
			continue
		}
		file, err := u.spool.take(id)
		if err != nil || file == nil {
			continue // another process has it, or has just removed it
		}
		// Only now it is certain that nobody is about to store its job.
		j, err := u.api().job(ctx, id)
		if err != nil {
			return errors.Join(err, file.Close())
		}
		if j != nil && !j.ended() {
			_ = file.Close() // the process that received it has ended since; the next start goes on with it
			continue
		}
		if err := discard(file); err != nil {
			return unspooled(err)
		}
	}
	return nil
}

// has reports whether the file of the job is held by this process.
func (u *Uploads) has(id record.ID) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	_, held := u.held[id]
	return held
}

// resume hands over the jobs that were left as soon as their files are free: the
// process that began them may still be stopping.
func (u *Uploads) resume(ctx context.Context, left []record.ID, resumed chan<- record.ID) {
	for len(left) > 0 {
		var busy []record.ID
		for _, id := range left {
			file, err := u.spool.take(id)
			switch {
			case err != nil:
				continue // gone: the other process has finished it
			case file == nil:
				busy = append(busy, id)
				continue
			}
			u.hold(id, file)
			select {
			case resumed <- id:
			case <-ctx.Done():
				return
			}
		}
		if left = busy; len(left) > 0 && !sleep(ctx, time.Second) {
			return
		}
	}
}
