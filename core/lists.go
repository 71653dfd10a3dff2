package core

import (
	"context"
	"strconv"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/ingest"
	"github.com/portolan-io/portolan/core/policy"
	"github.com/portolan-io/portolan/core/query"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/ports/cache"
	"github.com/portolan-io/portolan/ports/repository"
)

// Bounds of a page.
const (
	DefaultFirst = 100
	MaxFirst     = 1000
	MaxIDs       = 500 // ids in one request

	// maxCursor is the most octets of a cursor, which has to fit into a URL.
	maxCursor = 8 << 10
)

// List returns one page of the records that match and that the caller may read.
func (a *API) List(ctx context.Context, who policy.Principal, collection string, req ListRequest) (Page, error) {
	c, right, err := a.gate(who, collection, policy.Read)
	if err != nil {
		return Page{}, err
	}
	if err := checkFormat(req.Format); err != nil {
		return Page{}, err
	}
	prepared, err := c.prepareList(req, right)
	if err != nil {
		return Page{}, err
	}
	related, err := c.expansions(who, right, req.Expand, req.Directives)
	if err == nil {
		err = allowed(related, req.Related)
	}
	if err != nil {
		return Page{}, err
	}
	req.Directives = c.heeded(who, req.Directives)
	q, canonical := prepared.query, prepared.canonical
	q.Stale = c.stored().staleFor(req.Directives)
	if q.After, err = a.cursors.open(canonical, req.After); err != nil {
		return Page{}, err
	}
	switch {
	case related == nil:
		return a.page(ctx, c.stored(), prepared, q, req)
	case req.Format == ingest.CSV:
		return Page{}, fault.New(fault.Invalid, "core.List", "CSV has no place for related records, so $expand cannot be asked of it").
			Coded("expand-csv").Hinting("ask for JSON or NDJSON")
	}
	return a.expandedPage(ctx, c.stored(), q, canonical, req, related)
}

// page returns the page that the query asks for, which is the prepared one with a
// beginning, in the form that the request asks for.
func (a *API) page(ctx context.Context, c *collection, prepared *preparedList, q query.Query, req ListRequest) (Page, error) {
	return a.asPage(ctx, c, &question{
		Directives: req.Directives,
		key:        func() cache.Key { return prepared.key(c, q, req) },
		read: func(ctx context.Context) (answer, error) {
			page, err := a.readPage(ctx, c, q, prepared.canonical, req)
			return page.asAnswer(), err
		},
		again: func() func(context.Context) (answer, error) {
			q, req, canonical := q, req, prepared.canonical
			return func(ctx context.Context) (answer, error) {
				page, err := a.readPage(ctx, c, q, canonical, req)
				return page.asAnswer(), err
			}
		},
	})
}

// readPage reads the page from the store.
func (a *API) readPage(ctx context.Context, c *collection, q query.Query, canonical string, req ListRequest) (Page, error) {
	if req.Format == ingest.CSV {
		q.Needs = q.Fields // beside the JSON, whose octets end a page
	}
	found, err := a.find(ctx, c, q)
	if err != nil {
		return Page{}, err
	}
	return a.filled(ctx, c, q, canonical, req, found)
}

// filled returns the page that the rows make, which the store found.
func (a *API) filled(ctx context.Context, c *collection, q query.Query, canonical string, req ListRequest, found repository.Page) (Page, error) {
	var err error
	page := Page{Body: written(req.Format, q.Names(), found.Rows), Rows: len(found.Rows), Next: a.cursors.seal(canonical, found.Next), Count: -1}
	if len(page.Next) > maxCursor {
		return Page{}, fault.New(fault.Refused, "core.List", "the values that the order goes by are too long to go on behind this page").
			Coded("cursor-too-long").Hinting("order by fields with shorter values")
	}
	if req.Count {
		page.Count, err = a.count(ctx, c, q)
	}
	page.Tag = page.tag()
	return page, err
}

// narrow turns a request into a query that asks for nothing the right does not
// give: rows by the policy's filter, fields by what it hides. The query is one of
// the collection that stores the records.
func (c *collection) narrow(req ListRequest, right policy.Right) (query.Query, error) {
	names := query.Names{Collection: c.Collection, Hidden: right.Hidden}
	longest := query.MaxURLBytes
	if req.Long {
		longest = query.MaxBodyBytes
	}
	filter, err := query.Parse(req.Filter, names, longest)
	if err != nil {
		return query.Query{}, err
	}
	order, err := query.ParseOrder(req.OrderBy, names)
	if err != nil {
		return query.Query{}, err
	}
	fields, err := query.ParseSelect(req.Select, names)
	if err != nil {
		return query.Query{}, err
	}
	among, err := c.among(req.IDs)
	if err != nil {
		return query.Query{}, err
	}
	first, err := pageSize(req.First)
	if err != nil {
		return query.Query{}, err
	}
	view := query.View{Collection: c.Collection, Filter: query.AllOf(filter, among, right.Where), Fields: fields}
	return query.Query{View: c.shownAs(view), Order: c.sorted(order), Limit: first}, nil
}

// among is the filter for a list of ids, which matches everything if there is no list.
func (c *collection) among(ids []string) (query.Expr, error) {
	switch {
	case ids == nil:
		return query.Expr{}, nil
	case len(ids) == 0:
		return query.Expr{Op: query.None}, nil
	case len(ids) > MaxIDs:
		return query.Expr{}, fault.New(fault.Invalid, "core.List", "%d ids are more than %d", len(ids), MaxIDs).Coded("too-many-items")
	}
	values := make([]record.Value, len(ids))
	for i, text := range ids {
		id, err := c.ParseID(text)
		if err != nil {
			return query.Expr{}, fault.Of(err).At(fault.Place{Pointer: "/ids/" + strconv.Itoa(i), Code: "bad-id", Detail: fault.Of(err).Detail})
		}
		values[i] = c.IDValue(id)
	}
	return query.Expr{Op: query.In, Field: c.ID, Values: values}, nil
}

func pageSize(first int) (int, error) {
	switch {
	case first == 0:
		return DefaultFirst, nil
	case first < 0 || first > MaxFirst:
		return 0, fault.New(fault.Invalid, "core.List", "$first is 1 to %d, not %d", MaxFirst, first).Coded("bad-first")
	}
	return first, nil
}
