package gormstore

import (
	"context"
	"math"
	"slices"
	"strconv"

	"github.com/portolan-io/portolan/core/query"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/ports/repository"
)

// maxIDs is how many parameters one statement of Get has for ids.
const maxIDs = 512

// atOnce returns how many ids one statement asks for.
func (t *table) atOnce() int {
	if t.seek != "" {
		return maxIDs / 2 // each is two parameters
	}
	return maxIDs
}

// Get reads the records in statements of at most 512 ids, or 256.
func (s *Store) Get(ctx context.Context, view query.View, ids []record.ID) ([]record.Row, error) {
	if err := s.ready(ctx, "Get"); err != nil {
		return nil, err
	}
	t, err := s.table(ctx, view.Collection)
	if err != nil {
		return nil, err
	}
	wanted := wantedIDs(t, ids)
	var rows []record.Row
	how := Reading{Collection: view.Collection, Stale: view.Stale, Consistent: len(wanted) > t.atOnce()}
	err = s.engine.Read(ctx, how, func(session Session) error {
		rows = make([]record.Row, 0, len(wanted))
		if len(wanted) == 0 {
			return nil
		}
		for chunk := range slices.Chunk(wanted, t.atOnce()) {
			found, err := t.get(ctx, session, view, chunk)
			if err != nil {
				return err
			}
			rows = append(rows, found...)
		}
		return nil
	})
	if err != nil {
		return nil, s.fail(ctx, "Get", err)
	}
	return inOrder(rows, ids), nil
}

// wantedIDs returns the values of those ids that a record can have.
func wantedIDs(t *table, ids []record.ID) []record.Value {
	wanted := make([]record.Value, 0, padded(len(ids)))
	for _, id := range ids {
		if v, ok := t.idValue(id); ok {
			wanted = append(wanted, v)
		}
	}
	return wanted
}

// inOrder sorts the rows as their ids are asked for.
func inOrder(rows []record.Row, ids []record.ID) []record.Row {
	if len(rows) < 2 {
		return rows
	}
	found := make(map[record.ID]int, len(rows))
	for i, row := range rows {
		found[row.ID] = i
	}
	sorted := make([]record.Row, 0, len(rows))
	for _, id := range ids {
		if i, ok := found[id]; ok {
			sorted = append(sorted, rows[i])
			delete(found, id)
		}
	}
	return sorted
}

// get reads the records with the ids, in whatever order.
func (t *table) get(ctx context.Context, session Session, view query.View, ids []record.Value) ([]record.Row, error) {
	n := padded(len(ids))
	r := begin('g')
	r.number(n)
	r.encoded(view)
	r.numbers(view.Needs)
	r.filter(view.Filter)
	p := t.plans.find(r.shape, func() *plan {
		p := t.reading(view, nil)
		out := t.dialect.print(t)
		out.selection(p, 0)
		first := len(r.operands)
		out.write(" WHERE ")
		out.lookups(first, n)
		out.and(view.Filter)
		p.Statement = out.statement()
		return p
	})
	r.operands = append(r.operands, ids...)
	for len(ids) < n {
		ids = append(ids, ids[0])
		r.operands = append(r.operands, ids[0])
	}
	reader := p.start()
	err := session.Query(ctx, &p.Statement, p.args(r.operands), func(cells Cells) (bool, error) {
		needs, err := p.values(cells, p.needs)
		if err != nil {
			return false, err
		}
		return true, reader.add(cells, needs)
	})
	return reader.finish(), err
}

// and appends the filter behind another condition, unless it is All.
func (p *printer) and(filter query.Expr) {
	if filter.Op != query.All {
		p.write(" AND ")
		p.filter(filter, false)
	}
}

// Find reads one row more than the page has, to know whether there is one.
func (s *Store) Find(ctx context.Context, q query.Query) (repository.Page, error) {
	if err := s.ready(ctx, "Find"); err != nil {
		return repository.Page{}, err
	}
	var after []record.Value
	if q.After != "" {
		var err error
		if after, err = repository.DecodeCursor(s.op("Find"), q); err != nil {
			return repository.Page{}, err
		}
	}
	t, err := s.table(ctx, q.Collection)
	if err != nil {
		return repository.Page{}, err
	}
	p, args := t.finding(q, after)
	var reader pageReader
	err = s.engine.Scan(ctx, Reading{Collection: q.Collection, Stale: q.Stale}, func(session Session) error {
		reader = pageReader{rowReader: p.start(), query: q}
		return session.Query(ctx, &p.Statement, args, reader.next)
	})
	if err != nil {
		return repository.Page{}, s.fail(ctx, "Find", err)
	}
	return repository.Page{Rows: reader.finish(), Next: reader.cursor}, nil
}

// most returns how many rows the statement of the query reads at most.
func most(q query.Query) int {
	switch {
	case q.Keep == nil:
		return q.Limit + 1
	case q.Scan > 0:
		return q.Scan + 1
	}
	return math.MaxInt32
}

// A pageReader collects the rows of a page.
type pageReader struct {
	rowReader
	query  query.Query
	read   int
	full   bool           // the page has its rows, and ends at end if another comes
	end    []record.Value // of the order's keys, in the last row
	cursor string         // the page's Next
}

// next takes one row.
func (r *pageReader) next(cells Cells) (bool, error) {
	if r.full {
		r.cursor = repository.EncodeCursor(r.query, r.end)
		return false, nil
	}
	r.read++
	needs, err := r.plan.values(cells, r.plan.needs)
	if err != nil {
		return false, err
	}
	if r.query.Keep == nil || r.query.Keep(needs) {
		if err := r.add(cells, needs); err != nil {
			return false, err
		}
	}
	if len(r.rows) == r.query.Limit || len(r.json) > repository.MaxPageBytes || r.query.Keep != nil && r.read == r.query.Scan {
		r.full = true
		r.end, err = r.plan.values(cells, r.plan.order)
	}
	return true, err
}

// finding returns the plan of the query and its arguments.
func (t *table) finding(q query.Query, after []record.Value) (*plan, []Arg) {
	r := begin('f')
	r.number(most(q))
	r.encoded(q.View)
	r.numbers(q.Needs)
	r.keys(q.Order)
	r.filter(q.Filter)
	filtered := len(r.operands)
	r.after(after)
	p := t.plans.find(r.shape, func() *plan { return t.printPage(q, after, filtered) })
	return p, p.args(r.operands)
}

// printPage prints the query, whose cursor's values are the operands from
// filtered on.
func (t *table) printPage(q query.Query, after []record.Value, filtered int) *plan {
	order := make([]int, len(q.Order))
	for i, key := range q.Order {
		order[i] = key.Field
	}
	p, out := t.reading(q.View, order), t.dialect.print(t)
	parts := legs(q.Order, after)
	if t.dialect.Top && len(parts) > 1 {
		out.top(most(q))
		out.write("* FROM (")
	}
	for i, leg := range parts {
		if len(parts) > 1 && i > 0 {
			out.write(" UNION ALL ")
		}
		if len(parts) > 1 {
			out.write("SELECT * FROM (")
		}
		out.selection(p, most(q))
		out.where(q, leg, after, filtered)
		out.order(q.Order)
		out.limit(most(q))
		if len(parts) > 1 {
			out.write(") AS leg", strconv.Itoa(i))
			out.cells(p)
		}
	}
	if len(parts) > 1 {
		out.together(p, q.Order)
		out.limit(most(q))
	}
	p.Statement = out.statement()
	return p
}

// cells appends names for the cells of p, for an engine that wants them.
func (p *printer) cells(of *plan) {
	if !p.dialect.Top {
		return
	}
	p.write(" (")
	p.list(idCell+len(of.read), func(i int) { p.write("c", strconv.Itoa(i)) })
	p.write(")")
}

// together appends the order of all legs, for an engine that does not keep theirs.
func (p *printer) together(of *plan, order []query.Key) {
	if !p.dialect.Top {
		return
	}
	p.write(") AS page ORDER BY ")
	p.list(len(order), func(i int) { p.write("c", strconv.Itoa(of.order[i]), p.dialect.direction(order[i].Desc, false)) })
}
