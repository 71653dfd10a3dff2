package core

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/query"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/core/schema"
	"github.com/portolan-io/portolan/ports/repository"
)

// sweepBatch is how many answers one transaction of Sweep removes: few enough
// that a write does not wait long for it.
const sweepBatch = 200

// JobsFor is how long a job that a caller began is told of after its end.
const JobsFor = 7 * 24 * time.Hour

// Sweep removes the stored answers of writes with [Once], the logins and the codes that
// have expired, and the jobs that ended longer ago than [JobsFor], a few at a time, and
// returns how many of all it removed, also with an error. It may run at any time, on several
// instances at once; whether it runs changes nothing but how much is stored. It
// answers no caller: the process calls it now and then.
func (a *API) Sweep(ctx context.Context) (n int, err error) {
	jobs := query.Query{
		View: query.View{Collection: jobsSchema, Filter: query.AllOf(
			uploadsThatAre(JobFinished, JobFailed),
			query.Expr{Op: query.Le, Field: jobsUpdated, Values: []record.Value{record.Time(a.now().Add(-JobsFor))}},
		)},
		Order: []query.Key{{Field: jobsID}},
		Limit: sweepBatch,
	}
	for _, expired := range []query.Query{a.expired(onceSchema, onceExpires), jobs, a.expired(sessionsSchema, loginExpires), a.expired(codesSchema, codeExpires)} {
		removed, err := a.sweep(ctx, expired)
		n += removed
		if err != nil {
			return n, err
		}
	}
	return n, nil
}

// expired returns the query for what has expired by the field.
func (a *API) expired(c *schema.Collection, expires int) query.Query {
	return query.Query{
		View: query.View{
			Collection: c,
			Filter:     query.Expr{Op: query.Le, Field: expires, Values: []record.Value{record.Time(a.now())}},
		},
		Order: []query.Key{{Field: expires}, {Field: c.ID}},
		Limit: sweepBatch,
	}
}

// sweep removes what the query finds. A store that cannot give its order has an order
// by id, in which it reads all there is.
func (a *API) sweep(ctx context.Context, expired query.Query) (n int, err error) {
	of := &collection{Collection: expired.Collection}
	for {
		page, err := a.find(ctx, of, expired)
		if fault.KindOf(err) == fault.Refused && expired.Order[0].Field != of.ID {
			expired.Order, expired.After = query.Complete(nil, of.ID), ""
			continue
		}
		if err != nil {
			return n, err
		}
		removed, err := a.discard(ctx, expired.Collection, page.Rows)
		n += removed
		if err != nil || page.Next == "" {
			return n, err
		}
		expired.After = page.Next
	}
}

// discard removes the rows, but for those that another write or another sweep
// was faster with.
func (a *API) discard(ctx context.Context, from *schema.Collection, rows []record.Row) (int, error) {
	batch := make([]repository.Mutation, len(rows))
	for i, row := range rows {
		batch[i] = repository.Mutation{Op: repository.Delete, Collection: from, ID: row.ID, If: repository.At(row.Revision)}
	}
	for len(batch) > 0 {
		_, err := a.store.Apply(ctx, batch)
		var failed *repository.BatchError
		switch {
		case err == nil:
			return len(batch), nil
		case !errors.As(err, &failed):
			return 0, err
		}
		batch = slices.Delete(batch, failed.Index, failed.Index+1)
	}
	return 0, nil
}
