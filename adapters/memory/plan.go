package memory

import (
	"context"
	"iter"
	"slices"

	"github.com/portolan-io/portolan/core/query"
	"github.com/portolan-io/portolan/core/record"
)

// checkEvery is how many records are read between two looks at the context.
const checkEvery = 1024

// A plan is a stretch of one index that holds all records that match a filter.
type plan struct {
	index    *index
	from, to place
	size     int  // of the stretch
	ordered  bool // it is in the order asked for, or exactly in the opposite one
	reverse  bool // it is in the opposite one
}

// plan returns the plan that reads the fewest records until want of them are
// found that match the filter, in the given order of columns if there is one.
func (l lens) plan(filter query.Expr, order []query.Key, want int) plan {
	pinned := l.pinned(filter)
	plans := make([]plan, len(l.table.indexes))
	fewest := l.table.size()
	for i := range plans {
		plans[i] = stretch(&l.table.indexes[i], pinned, len(l.table.columns), order)
		fewest = min(fewest, plans[i].size)
	}
	// The shortest stretch tells best how many records match: they lie about
	// size/fewest apart in a longer one.
	cost := func(p plan) int {
		if !p.ordered {
			return p.size + 1 // and they have to be sorted
		}
		return min(p.size, want*(p.size/max(fewest, 1)+1))
	}
	return slices.MinFunc(plans, func(a, b plan) int { return cost(a) - cost(b) })
}

// pinned returns, by column, the value that the filter requires there.
func (l lens) pinned(filter query.Expr) map[int]record.Value {
	parts := []query.Expr{filter}
	if filter.Op == query.And {
		parts = filter.Kids
	}
	values := make(map[int]record.Value)
	for _, part := range parts {
		if part.Op == query.Eq || part.Op == query.In && len(part.Values) == 1 {
			values[l.column(part.Field)] = part.Values[0]
		}
	}
	return values
}

// stretch returns the part of x that has the pinned values, as far as these
// are the first of its keys.
func stretch(x *index, pinned map[int]record.Value, columns int, order []query.Key) plan {
	n, fields := 0, make([]record.Value, columns)
	for ; n < len(x.order); n++ {
		value, ok := pinned[x.order[n].Field]
		if !ok {
			break
		}
		fields[x.order[n].Field] = value
	}
	p := plan{index: x, to: x.end()}
	if n > 0 {
		p.from, p.to = x.seek(n, fields, false), x.seek(n, fields, true)
	}
	p.size = x.count(p.from, p.to)
	p.ordered, p.reverse = serves(x.order[n:], order, pinned)
	return p
}

// serves reports whether records that have the pinned values and are in the
// order of the keys are in the order asked for, or in its reverse.
func serves(keys, order []query.Key, pinned map[int]record.Value) (ordered, reverse bool) {
	i := 0
	for _, key := range order {
		if _, ok := pinned[key.Field]; ok {
			continue
		}
		if i == len(keys) || keys[i].Field != key.Field {
			return false, false
		}
		opposite := keys[i].Desc != key.Desc
		if i > 0 && opposite != reverse {
			return false, false
		}
		reverse = opposite
		i++
	}
	return i == len(keys), reverse // else a place in the order would not be one in the index
}

// matching returns the records that match the filter, in no order that could
// be named, until ctx is done.
func (l lens) matching(ctx context.Context, filter query.Expr) iter.Seq[*entry] {
	p := l.plan(filter, nil, l.table.size())
	return l.filtered(ctx, filter, p.index.between(p.from, p.to))
}

// filtered returns those of the records that match the filter, until ctx is done.
func (l lens) filtered(ctx context.Context, filter query.Expr, entries iter.Seq[*entry]) iter.Seq[*entry] {
	return func(yield func(*entry) bool) {
		read := 0
		for e := range entries {
			if read++; read%checkEvery == 0 && ctx.Err() != nil {
				return
			}
			if query.Match(filter, l.fields(e)) && !yield(e) {
				return
			}
		}
	}
}
