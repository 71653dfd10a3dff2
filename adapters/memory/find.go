package memory

import (
	"context"
	"iter"
	"slices"

	"github.com/portolan-io/portolan/core/query"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/ports/repository"
)

// Find implements repository.Store.
func (s *Store) Find(ctx context.Context, q query.Query) (repository.Page, error) {
	const op = "memory.Find"
	now, err := s.current(ctx, op)
	if err != nil {
		return repository.Page{}, err
	}
	l, err := now.lens(op, q.Collection)
	if err != nil {
		return repository.Page{}, err
	}
	var after []record.Value // by column
	if q.After != "" {
		values, err := repository.DecodeCursor(op, q)
		if err != nil {
			return repository.Page{}, err
		}
		after = make([]record.Value, len(l.table.columns))
		for i, key := range q.Order {
			after[l.column(key.Field)] = values[i]
		}
	}
	page := l.page(q, l.following(ctx, q, after))
	if err := ctx.Err(); err != nil {
		return repository.Page{}, err
	}
	return page, nil
}

// page returns the page that begins with the first of the entries, which all
// match the query's filter.
func (l lens) page(q query.Query, entries iter.Seq[*entry]) repository.Page {
	var page repository.Page
	var last *entry
	shown, read, size := newShown(l, q.View), 0, 0
	for e := range entries {
		if len(page.Rows) == q.Limit || size > repository.MaxPageBytes || q.Keep != nil && read == reach(q)-1 {
			page.Next = l.cursor(q, last)
			break
		}
		read++
		last = e
		if q.Keep == nil || q.Keep(pick(e.fields, shown.needs)) {
			row := shown.row(e)
			size += len(row.JSON)
			page.Rows = append(page.Rows, row)
		}
	}
	return page
}

// reach returns how many records a page may look at: those that it reads, and
// the one that shows that it is not the last page.
func reach(q query.Query) int {
	if q.Keep != nil {
		return max(q.Scan, 1) + 1
	}
	return q.Limit + 1
}

// cursor returns the cursor behind e.
func (l lens) cursor(q query.Query, e *entry) string {
	values := make([]record.Value, len(q.Order))
	for i, key := range q.Order {
		values[i] = e.fields[l.column(key.Field)]
	}
	return repository.EncodeCursor(q, values)
}

// following returns the records that match the query's filter and come behind
// the given fields in its order, or from the first if these are nil.
func (l lens) following(ctx context.Context, q query.Query, after []record.Value) iter.Seq[*entry] {
	order := l.order(q.Order)
	p := l.plan(q.Filter, order, reach(q))
	if !p.ordered {
		entries := l.filtered(ctx, q.Filter, p.index.between(p.from, p.to))
		return slices.Values(first(entries, order, reach(q), after))
	}
	if after != nil {
		p = p.behind(after, l.pinned(q.Filter))
	}
	if p.reverse {
		return l.filtered(ctx, q.Filter, p.index.backward(p.from, p.to))
	}
	return l.filtered(ctx, q.Filter, p.index.between(p.from, p.to))
}

// behind returns what of an ordered plan comes behind the given fields.
func (p plan) behind(after []record.Value, pinned map[int]record.Value) plan {
	at := slices.Clone(after)
	for column, value := range pinned {
		at[column] = value
	}
	start := p.index.seek(len(p.index.order), at, !p.reverse)
	switch {
	case p.reverse && start.less(p.to):
		p.to = start
	case !p.reverse && p.from.less(start):
		p.from = start
	}
	return p
}

// first returns the n first of the entries in the given order, or fewer, of
// those behind the given fields. It holds at most twice as many at a time.
func first(entries iter.Seq[*entry], order []query.Key, n int, after []record.Value) []*entry {
	compare := func(a, b *entry) int { return query.Compare(order, a.fields, b.fields) }
	var kept []*entry
	var worst *entry // of the n first so far, once there are as many
	for e := range entries {
		if after != nil && query.Compare(order, e.fields, after) <= 0 || worst != nil && compare(e, worst) > 0 {
			continue
		}
		kept = append(kept, e)
		if len(kept) == 2*n {
			slices.SortFunc(kept, compare)
			kept = kept[:n]
			worst = kept[n-1]
		}
	}
	slices.SortFunc(kept, compare)
	return kept[:min(n, len(kept))]
}
