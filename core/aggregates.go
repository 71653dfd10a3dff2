package core

import (
	"context"
	"slices"
	"strings"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/ingest"
	"github.com/portolan-io/portolan/core/policy"
	"github.com/portolan-io/portolan/core/query"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/ports/cache"
	"github.com/portolan-io/portolan/ports/repository"
)

// An AggregateRequest asks for measures over the records of a collection, with
// the text as the caller wrote it.
type AggregateRequest struct {
	Apply  string        // "filter(…)/groupby((category_id),aggregate($count as total))", see query.ParseApply
	Format ingest.Format // of the page's Body; empty is a JSON array

	Directives Directives // what is asked of the cache
}

// Aggregate returns the groups of the records that match and that the caller may
// read, in the order of their keys, as a page that is always whole. Each has the
// fields that it is grouped by and the measures, under their names. There are at
// most query.MaxGroups; more are fault.Refused with the code too-many-groups.
func (a *API) Aggregate(ctx context.Context, who policy.Principal, collection string, req AggregateRequest) (Page, error) {
	c, right, err := a.gate(who, collection, policy.Read)
	if err != nil {
		return Page{}, err
	}
	if err := checkFormat(req.Format); err != nil {
		return Page{}, err
	}
	if strings.TrimSpace(req.Apply) == "" {
		return Page{}, fault.New(fault.Invalid, "core.Aggregate", "$apply is missing, which says what to compute").
			Coded("no-apply").Hinting("for instance $apply=aggregate($count as total)").
			At(fault.Place{Pointer: "$apply", Code: "no-apply", Detail: "it is missing"})
	}
	wanted, err := query.ParseApply(req.Apply, query.Names{Collection: c.Collection, Hidden: right.Hidden})
	if err != nil {
		return Page{}, err
	}
	wanted.Filter = query.AllOf(wanted.Filter, right.Where)
	req.Directives = c.heeded(who, req.Directives)
	wanted.Stale = c.stored().staleFor(req.Directives)
	names := c.Names(wanted.GroupBy)
	for _, m := range wanted.Measures {
		names = append(names, m.As)
	}
	return a.aggregate(ctx, c.stored(), c.aggregation(wanted), names, req)
}

// aggregate returns the page of the groups, whose members have the names.
func (a *API) aggregate(ctx context.Context, c *collection, wanted query.Aggregation, names []string, req AggregateRequest) (Page, error) {
	asked := question{
		Directives: req.Directives,
		key:        func() cache.Key { return c.groupsKey(wanted, names, req.Format) },
		read: func(ctx context.Context) (answer, error) {
			page, err := a.readGroups(ctx, c, wanted, names, req.Format)
			return page.asAnswer(), err
		},
	}
	if !inexact(wanted) {
		asked.again = func() func(context.Context) (answer, error) {
			wanted, names, format := wanted, names, req.Format
			return func(ctx context.Context) (answer, error) {
				page, err := a.readGroups(ctx, c, wanted, names, format)
				return page.asAnswer(), err
			}
		}
	}
	return a.asPage(ctx, c, &asked)
}

// inexact reports whether a measure depends on the order in which records are
// read: floats are rounded with each addition.
func inexact(wanted query.Aggregation) bool {
	return slices.ContainsFunc(wanted.Measures, func(m query.Measure) bool {
		return (m.Func == query.Sum || m.Func == query.Average) && wanted.Collection.Fields[m.Field].Type == record.FloatType
	})
}

// readGroups reads the groups from the store.
func (a *API) readGroups(ctx context.Context, c *collection, wanted query.Aggregation, names []string, format ingest.Format) (Page, error) {
	groups, err := a.groups(ctx, c, wanted)
	if err != nil {
		return Page{}, err
	}
	encoder := record.NewEncoder(names)
	rows := make([]record.Row, len(groups))
	for i, g := range groups {
		rows[i].Values = append(g.Keys, g.Measures...)
		if format != ingest.CSV {
			rows[i].JSON = encoder.Append(nil, rows[i].Values)
		}
	}
	page := Page{Body: written(format, names, rows), Rows: len(rows), Count: -1}
	page.Tag = page.tag()
	return page, nil
}

// groups returns the groups of the aggregation: from the store, if it evaluates
// the whole filter, and else from a scan of at most max_scan records.
func (a *API) groups(ctx context.Context, c *collection, wanted query.Aggregation) ([]query.Group, error) {
	q := query.Query{
		View:  query.View{Collection: c.Collection, Filter: wanted.Filter, Stale: wanted.Stale},
		Order: query.Complete(nil, c.ID),
		Limit: c.MaxScan,
	}
	rest, err := a.split(&q)
	if err != nil {
		return nil, err
	}
	if rest.Op == query.All {
		return a.store.Aggregate(ctx, wanted)
	}
	q.Needs = reads(wanted)
	read := len(q.Needs)
	page, err := a.store.Find(ctx, c.completed(q, rest))
	if err != nil {
		return nil, err
	}
	if page.Next != "" {
		return nil, fault.New(fault.Refused, "core.Aggregate", "to compute this would read more than %d records", c.MaxScan).
			Coded("query-needs-index").Hinting("filter by an indexed field")
	}
	wanted.Filter = query.Expr{} // every row of the page matches it
	fold := query.NewFold(wanted)
	fields := make([]record.Value, len(c.Fields))
	for _, row := range page.Rows {
		for i, position := range q.Needs[:read] {
			fields[position] = row.Values[i]
		}
		if err := fold.Add(fields); err != nil {
			return nil, err
		}
	}
	groups, err := fold.Groups()
	if err != nil {
		return nil, err
	}
	return groups, repository.CheckGroups("core.Aggregate", groups)
}

// reads returns the positions of the fields that the aggregation computes with.
func reads(wanted query.Aggregation) []int {
	positions := append([]int(nil), wanted.GroupBy...)
	for _, m := range wanted.Measures {
		if m.Func != query.Count {
			positions = append(positions, m.Field)
		}
	}
	return positions
}
