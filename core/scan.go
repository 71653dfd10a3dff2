package core

import (
	"context"
	"slices"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/query"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/ports/repository"
)

// find asks the store for a page, and does itself what of the filter the store
// does not: it filters a scan in the query's order of at most max_scan rows.
func (a *API) find(ctx context.Context, c *collection, q query.Query) (repository.Page, error) {
	rest, err := a.split(&q)
	if err != nil || rest.Op == query.All {
		if err == nil {
			return a.store.Find(ctx, q)
		}
		return repository.Page{}, err
	}
	wanted := len(q.Needs)
	page, err := a.store.Find(ctx, c.completed(q, rest))
	for i := range page.Rows {
		page.Rows[i].Values = page.Rows[i].Values[:wanted]
	}
	return page, err
}

// split leaves in q the part of the filter that the store evaluates, and
// returns the rest.
func (a *API) split(q *query.Query) (rest query.Expr, err error) {
	if a.native == nil {
		return query.Expr{}, nil
	}
	q.Filter, rest, err = a.native(*q)
	return rest, err
}

// completed returns q so that the store's scan keeps what matches rest too.
func (c *collection) completed(q query.Query, rest query.Expr) query.Query {
	wanted := len(q.Needs)
	q.Needs = slices.Concat(q.Needs, rest.Positions())
	positions := q.Needs[wanted:]
	fields := make([]record.Value, len(c.Fields))
	q.Keep = func(needs []record.Value) bool {
		for i, position := range positions {
			fields[position] = needs[wanted+i]
		}
		return query.Match(rest, fields)
	}
	q.Scan = c.MaxScan
	return q
}

// count returns how many records match q, whatever its page.
func (a *API) count(ctx context.Context, c *collection, q query.Query) (int64, error) {
	rest, err := a.split(&q)
	if err != nil {
		return -1, err
	}
	if rest.Op == query.All {
		groups, err := a.store.Aggregate(ctx, query.Aggregation{
			Collection: c.Collection, Filter: q.Filter, Measures: []query.Measure{{Func: query.Count}}, Limit: 1, Stale: q.Stale,
		})
		if err != nil {
			return -1, err
		}
		return groups[0].Measures[0].AsInt(), nil
	}
	q.Fields, q.After, q.Limit = nil, "", c.MaxScan
	page, err := a.store.Find(ctx, c.completed(q, rest))
	if err != nil {
		return -1, err
	}
	if page.Next != "" {
		return -1, fault.New(fault.Refused, "core.count", "to count what matches would read more than %d records", c.MaxScan).
			Coded("query-needs-index").Hinting("leave $count out, or filter by an indexed field")
	}
	return int64(len(page.Rows)), nil
}
