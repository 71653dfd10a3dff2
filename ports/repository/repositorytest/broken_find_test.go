package repositorytest_test

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"

	"github.com/portolan-io/portolan/core/query"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/core/schema"
	"github.com/portolan-io/portolan/ports/repository"
)

// A simulated store finds by reading everything, as its functions say.
type simulated struct {
	repository.Store
	match   func(e query.Expr, fields []record.Value) bool
	compare func(order []query.Key, a, b []record.Value) int
	endless bool // pages have as many octets as may be
	back    int  // how many rows before the last one the next page begins too early
	offset  bool // cursors count rows
}

func (s *simulated) Find(ctx context.Context, q query.Query) (repository.Page, error) {
	whole := query.Query{Order: []query.Key{{Field: q.Collection.ID}}, Limit: 1 << 30}
	whole.View = query.View{Collection: q.Collection, Needs: q.Collection.All()}
	page, err := s.Store.Find(ctx, whole)
	if err != nil {
		return page, err
	}
	rows := slices.DeleteFunc(page.Rows, func(r record.Row) bool { return !s.match(q.Filter, r.Values) })
	slices.SortStableFunc(rows, func(a, b record.Row) int { return s.compare(q.Order, a.Values, b.Values) })
	rows, skipped, err := s.behind(q, rows)
	if err != nil {
		return repository.Page{}, err
	}
	return s.page(q, rows, skipped), nil
}

// behind returns the rows behind the query's cursor, and how many are before it.
func (s *simulated) behind(q query.Query, rows []record.Row) ([]record.Row, int, error) {
	if q.After == "" {
		return rows, 0, nil
	}
	if s.offset {
		n, err := strconv.Atoi(q.After)
		n = max(min(n, len(rows)), 0)
		return rows[n:], n, err
	}
	values, err := repository.DecodeCursor("simulated.Find", q)
	if err != nil {
		return nil, 0, err
	}
	after := make([]record.Value, len(q.Collection.Fields))
	for i, key := range q.Order {
		after[key.Field] = values[i]
	}
	rows = slices.DeleteFunc(rows, func(r record.Row) bool { return s.compare(q.Order, r.Values, after) <= 0 })
	return rows, 0, nil
}

func (s *simulated) page(q query.Query, rows []record.Row, skipped int) repository.Page {
	var page repository.Page
	encoder := record.NewEncoder(q.Collection.Names(q.Fields))
	size := 0
	for i, r := range rows {
		if len(page.Rows) == q.Limit || size > repository.MaxPageBytes && !s.endless || q.Keep != nil && i == q.Scan {
			last := rows[max(i-1-s.back, 0)]
			page.Next = repository.EncodeCursor(q, keys(q, last))
			if s.offset {
				page.Next = strconv.Itoa(skipped + i)
			}
			break
		}
		needs := pick(r.Values, q.Needs)
		if q.Keep == nil || q.Keep(needs) {
			r.JSON, r.Values = encoder.Append(nil, pick(r.Values, q.Fields)), needs
			page.Rows = append(page.Rows, r)
			size += len(r.JSON)
		}
	}
	return page
}

func keys(q query.Query, r record.Row) []record.Value {
	values := make([]record.Value, len(q.Order))
	for i, key := range q.Order {
		values[i] = r.Values[key.Field]
	}
	return values
}

func pick(values []record.Value, positions []int) []record.Value {
	picked := make([]record.Value, len(positions))
	for i, p := range positions {
		picked[i] = values[p]
	}
	return picked
}

// ordering returns a store that compares each two values as compare does.
func ordering(compare func(a, b record.Value) int) func(repository.Store) repository.Store {
	return func(s repository.Store) repository.Store {
		return &simulated{Store: s, match: query.Match, compare: func(order []query.Key, a, b []record.Value) int {
			for _, key := range order {
				c := compare(a[key.Field], b[key.Field])
				if key.Desc {
					c = -c
				}
				if c != 0 {
					return c
				}
			}
			return 0
		}}
	}
}

// matching returns a store that decides comparisons as compare does, with the
// right logic around them.
func matching(compare func(e query.Expr, v record.Value) bool) func(repository.Store) repository.Store {
	var match func(e query.Expr, fields []record.Value) bool
	match = func(e query.Expr, fields []record.Value) bool {
		kid := func(kid query.Expr) bool { return match(kid, fields) }
		switch e.Op {
		case query.All, query.None:
			return e.Op == query.All
		case query.Not:
			return !kid(e.Kids[0])
		case query.And:
			return !slices.ContainsFunc(e.Kids, func(k query.Expr) bool { return !kid(k) })
		case query.Or:
			return slices.ContainsFunc(e.Kids, kid)
		}
		return compare(e, fields[e.Field])
	}
	return func(s repository.Store) repository.Store {
		return &simulated{Store: s, match: match, compare: query.Compare}
	}
}

// right decides a comparison of v as it should be.
func right(e query.Expr, v record.Value) bool {
	e.Field = 0
	return query.Match(e, []record.Value{v})
}

// folded returns a comparison that sees all strings through fold.
func folded(fold func(string) string) func(e query.Expr, v record.Value) bool {
	apply := func(v record.Value) record.Value {
		if v.Type() != record.StringType {
			return v
		}
		return record.String(fold(v.AsString()))
	}
	return func(e query.Expr, v record.Value) bool {
		e.Values = slices.Clone(e.Values)
		for i := range e.Values {
			e.Values[i] = apply(e.Values[i])
		}
		return right(e, apply(v))
	}
}

// like reports whether v is LIKE the operand of Contains, with its wildcards.
func like(e query.Expr, v record.Value) bool {
	if e.Op != query.Contains || v.IsNull() || e.Values[0].IsNull() {
		return right(e, v)
	}
	pattern := regexp.QuoteMeta(e.Values[0].AsString())
	pattern = strings.NewReplacer("%", ".*", "_", ".").Replace(pattern)
	return regexp.MustCompile("(?s)" + pattern).MatchString(v.AsString())
}

// finding returns a store that changes the query, and the page.
func finding(before func(*query.Query), after func(query.Query, *repository.Page)) func(repository.Store) repository.Store {
	return func(s repository.Store) repository.Store {
		return hooked{Store: s, find: func(ctx context.Context, q query.Query) (repository.Page, error) {
			if before != nil {
				before(&q)
			}
			page, err := s.Find(ctx, q)
			if after != nil {
				after(q, &page)
			}
			return page, err
		}}
	}
}

// simulating returns a store that finds rightly but for what change does.
func simulating(change func(*simulated)) func(repository.Store) repository.Store {
	return func(s repository.Store) repository.Store {
		sim := &simulated{Store: s, match: query.Match, compare: query.Compare}
		change(sim)
		return sim
	}
}

var brokenFinds = []broken{
	{"nulls come last", ordering(func(a, b record.Value) int {
		if a.IsNull() != b.IsNull() {
			return -record.Compare(a, b)
		}
		return record.Compare(a, b)
	}), "Order/Types"},
	{"texts in the order of UTF-16", ordering(func(a, b record.Value) int {
		if a.Type() == record.StringType && b.Type() == record.StringType {
			return slices.Compare(utf16.Encode([]rune(a.AsString())), utf16.Encode([]rune(b.AsString())))
		}
		return record.Compare(a, b)
	}), "Order/Octets"},
	{"ids in the order of UTF-16", ordering(func(a, b record.Value) int {
		return slices.Compare(utf16.Encode([]rune(a.AsString())), utf16.Encode([]rune(b.AsString())))
	}), "Order/IDs"},
	{"texts in the order of a dictionary", ordering(func(a, b record.Value) int {
		if c := strings.Compare(strings.ToLower(a.AsString()), strings.ToLower(b.AsString())); c != 0 && a.Type() == b.Type() {
			return c
		}
		return record.Compare(a, b)
	}), "Order/Octets"},
	{"int ids in the order of texts", ordering(func(a, b record.Value) int {
		return strings.Compare(string(record.AppendValue(nil, a)), string(record.AppendValue(nil, b)))
	}), "Order/IntIDs"},
	{"ties are broken upwards always", simulating(func(s *simulated) {
		s.compare = func(order []query.Key, a, b []record.Value) int {
			order = slices.Clone(order)
			order[len(order)-1].Desc = false
			return query.Compare(order, a, b)
		}
	}), "Order/Types"},
	{"ties are not broken", simulating(func(s *simulated) {
		s.compare = func(order []query.Key, a, b []record.Value) int {
			return query.Compare(order[:max(len(order)-1, 1)], a, b)
		}
	}), "Find/1001"},
	{"a second key is ignored", simulating(func(s *simulated) {
		s.compare = func(order []query.Key, a, b []record.Value) int {
			return query.Compare([]query.Key{order[0], order[len(order)-1]}, a, b)
		}
	}), "Order/Keys"},
	{"what a filter pins is not ordered by", simulating(func(s *simulated) {
		s.compare = func(order []query.Key, a, b []record.Value) int {
			if order[0].Field == 1 && len(order) == 3 {
				order = order[2:]
			}
			return query.Compare(order, a, b)
		}
	}), "Order/Pinned"},
	{"spaces at the end do not count", matching(folded(func(s string) string { return strings.TrimRight(s, " ") })), "Filter/Operators"},
	{"case does not count", matching(folded(strings.ToLower)), "Filter/Operators"},
	{"wildcards in contains", matching(like), "Filter/Operators"},
	{"ne leaves nulls out", matching(func(e query.Expr, v record.Value) bool {
		return right(e, v) && (e.Op != query.Ne || !v.IsNull())
	}), "Filter/Operators"},
	{"in leaves nulls out", matching(func(e query.Expr, v record.Value) bool {
		return right(e, v) && (e.Op != query.In || !v.IsNull())
	}), "Filter/Operators"},
	{"not of null is null", simulating(func(s *simulated) {
		s.match = func(e query.Expr, fields []record.Value) bool {
			return query.Match(e, fields) && (e.Op != query.Not || !fields[e.Kids[0].Field].IsNull())
		}
	}), "Filter/Operators"},
	{"a page border is doubled", simulating(func(s *simulated) { s.back = 1 }), "Find/Limit"},
	{"a page has any number of octets", simulating(func(s *simulated) { s.endless = true }), "Find/Long"},
	{"cursors count rows", simulating(func(s *simulated) { s.offset = true }), "Find/Writes"},
	{"an empty list is null", matching(func(e query.Expr, v record.Value) bool {
		if v.Type() == record.ListType && len(v.AsList()) == 0 {
			v = record.Null
		}
		return right(e, v)
	}), "Types/Lists"},
	{"has looks into texts", matching(func(e query.Expr, v record.Value) bool {
		if e.Op != query.Has || v.IsNull() || e.Values[0].IsNull() {
			return right(e, v)
		}
		return strings.Contains(string(record.AppendValue(nil, v)), string(record.AppendValue(nil, e.Values[0])))
	}), "Types/Lists"},
	{"long texts are compared by their beginnings", matching(folded(func(s string) string { return s[:min(len(s), 4000)] })), "Types/Long"},
	{"the last key of a mixed order is the first's", simulating(func(s *simulated) {
		s.compare = func(order []query.Key, a, b []record.Value) int {
			order = slices.Clone(order)
			for i := range order {
				order[i].Desc = order[0].Desc
			}
			return query.Compare(order, a, b)
		}
	}), "Order/Keys"},
	{"int ids in random orders are texts", ordering(func(a, b record.Value) int {
		if a.Type() == record.IntType && b.Type() == record.IntType {
			return strings.Compare(string(record.AppendValue(nil, a)), string(record.AppendValue(nil, b)))
		}
		return record.Compare(a, b)
	}), "Random/FindIntIDs"},
	{"a cursor needs its record", func(s repository.Store) repository.Store {
		return hooked{Store: s, find: func(ctx context.Context, q query.Query) (repository.Page, error) {
			if values, err := repository.DecodeCursor("", q); err == nil && len(values) == 1 {
				rows, err := s.Get(ctx, q.View, []record.ID{record.ID(values[0].AsString())})
				if err != nil || len(rows) == 0 {
					return repository.Page{}, err
				}
			}
			return s.Find(ctx, q)
		}}
	}, "Find/Gone"},
	{"a row too many", finding(func(q *query.Query) { q.Limit++ }, nil), "Find/Limit"},
	{"a row is lost at the border", finding(nil, func(q query.Query, p *repository.Page) {
		if p.Next != "" && len(p.Rows) > 1 {
			p.Rows = p.Rows[:len(p.Rows)-1]
		}
	}), "Find/1001"},
	{"seven rows are six", finding(nil, func(_ query.Query, p *repository.Page) {
		if len(p.Rows) == 7 {
			p.Rows = p.Rows[:6]
		}
	}), "Random/Find"},
	{"there is a Next at the end", finding(nil, func(q query.Query, p *repository.Page) {
		if p.Next == "" && len(p.Rows) == q.Limit {
			p.Next = "more"
		}
	}), "Find/Next"},
	{"there is never a Next", finding(nil, func(_ query.Query, p *repository.Page) { p.Next = "" }), "Find/Limit"},
	{"an empty page has a Next", finding(nil, func(q query.Query, p *repository.Page) {
		if len(p.Rows) == 0 {
			p.Next = repository.EncodeCursor(q, make([]record.Value, len(q.Order)))
		}
	}), "Find/Empty"},
	{"every cursor will do", func(s repository.Store) repository.Store {
		return hooked{Store: s, find: func(ctx context.Context, q query.Query) (repository.Page, error) {
			page, err := s.Find(ctx, q)
			if err != nil && q.After != "" {
				q.After = ""
				return s.Find(ctx, q)
			}
			return page, err
		}}
	}, "Find/Cursor"},
	{"a cursor serves other orders", foreignCursors, "Find/CursorOrder"},
	{"Keep is ignored", finding(func(q *query.Query) { q.Keep = nil }, nil), "Keep/LeavesOut"},
	{"Scan is ignored", finding(func(q *query.Query) { q.Scan = 1 << 30 }, nil), "Keep/Scan"},
	{"a page is the last where its scan ends", func(s repository.Store) repository.Store {
		return hooked{Store: s, find: func(ctx context.Context, q query.Query) (repository.Page, error) {
			q.Filter = firstFew(q.Collection, q.Filter)
			return s.Find(ctx, q)
		}}
	}, "Split/Bound"},
	{"an aggregate is of what was scanned", func(s repository.Store) repository.Store {
		return hooked{Store: s, aggregate: func(ctx context.Context, a query.Aggregation) ([]query.Group, error) {
			a.Filter = firstFew(a.Collection, a.Filter)
			return s.Aggregate(ctx, a)
		}}
	}, "Split/Bound"},
	{"Keep is asked before the filter", finding(func(q *query.Query) {
		if keep, filter := q.Keep, q.Filter; keep != nil {
			q.Filter = query.Expr{}
			q.Keep = func(needs []record.Value) bool {
				fields := make([]record.Value, len(q.Collection.Fields))
				for i, p := range q.Needs {
					fields[p] = needs[i]
				}
				return keep(needs) && query.Match(filter, fields)
			}
		}
	}, nil), "Keep/Asked"},
}

// firstFew is the filter that leaves nothing beyond the bound of a bounded collection.
func firstFew(c *schema.Collection, filter query.Expr) query.Expr {
	if c.MaxScan > 100 {
		return filter
	}
	bound := record.String(fmt.Sprintf("%02d", c.MaxScan))
	return query.AllOf(filter, query.Expr{Op: query.Lt, Field: c.ID, Values: []record.Value{bound}})
}

// foreignCursors returns a store whose cursors name neither the order nor the
// collection: it takes one for the id that is in it.
func foreignCursors(s repository.Store) repository.Store {
	made := make(map[string]bool)
	return hooked{Store: s, find: func(ctx context.Context, q query.Query) (repository.Page, error) {
		if made[q.After] {
			if _, err := repository.DecodeCursor("", q); err != nil {
				q.After = ""
			}
		}
		page, err := s.Find(ctx, q)
		made[page.Next] = true
		return page, err
	}}
}
