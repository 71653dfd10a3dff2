package datastore

import (
	"cmp"
	"context"
	"slices"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/query"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/core/schema"
	"github.com/portolan-io/portolan/ports/repository"
)

// Get looks the records up. What they must match is looked at here.
func (s *Store) Get(ctx context.Context, view query.View, ids []record.ID) ([]record.Row, error) {
	const op = "datastore.Get"
	if err := s.ready(ctx, op); err != nil {
		return nil, err
	}
	rows := make([]record.Row, 0, len(ids))
	read := s.read
	if len(ids) == 1 {
		read = s.once
	}
	err := read(ctx, op, func(v snapshot) error {
		r := &reader{snapshot: v, store: s, of: view.Collection}
		entities, err := r.lookup(ids)
		if err != nil {
			return err
		}
		byID := make(map[record.ID]*entity, len(entities))
		for _, e := range entities {
			byID[e.id()] = e
		}
		shown := newShown(view)
		for _, id := range ids {
			e := byID[id]
			if e == nil || !query.Match(view.Filter, e.values) {
				continue
			}
			delete(byID, id)
			rows = append(rows, shown.row(e))
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return rows, nil
}

// A shown is what rows show of entities.
type shown struct {
	query.View
	encoder *record.Encoder
}

func newShown(view query.View) shown { return shown{view, record.NewEncoder(view.Names())} }

func (s *shown) row(e *entity) record.Row {
	return record.Row{
		ID: e.id(), Revision: e.revision,
		JSON:   s.encoder.Append(nil, pick(e.values, s.Fields)),
		Values: pick(e.values, s.Needs),
	}
}

func pick(values []record.Value, positions []int) []record.Value {
	picked := make([]record.Value, len(positions))
	for i, position := range positions {
		picked[i] = values[position]
	}
	return picked
}

// Find reads the page as the plan of its query says.
func (s *Store) Find(ctx context.Context, q query.Query) (repository.Page, error) {
	const op = "datastore.Find"
	if err := s.ready(ctx, op); err != nil {
		return repository.Page{}, err
	}
	var after []record.Value // by field
	if q.After != "" {
		values, err := repository.DecodeCursor(op, q)
		if err != nil {
			return repository.Page{}, err
		}
		if id := values[len(values)-1]; !keyed(id) || long(id) {
			return repository.Page{}, fault.New(fault.Invalid, op, "the cursor is not one of this query").Coded("bad-cursor")
		}
		after = make([]record.Value, len(q.Collection.Fields))
		for i, key := range q.Order {
			after[key.Field] = values[i]
		}
	}
	var page repository.Page
	err := s.read(ctx, op, func(v snapshot) error {
		r := &reader{snapshot: v, store: s, of: q.Collection}
		found, err := r.find(q, after)
		if err == nil {
			page, err = found.page(q)
		}
		return err
	})
	if err != nil {
		return repository.Page{}, err
	}
	return page, nil
}

// reach is how many records of a query a page looks at: those that it reads, and the
// one that shows that it is not the last page.
func reach(q query.Query) int {
	if q.Keep != nil {
		return max(q.Scan, 1) + 1
	}
	return q.Limit + 1
}

// Entities are what is found for a query, in its order and behind its cursor.
type entities struct {
	stream
	most int  // how many are read at most
	cut  bool // more come behind the last of the stream
}

// find plans the query, and begins to read.
func (r *reader) find(q query.Query, after []record.Value) (entities, error) {
	filter := q.Filter.Normal()
	p := planOf(r.of, filter, q.Order)
	if p.ids != nil {
		return nearest(q, r.lookups(p.ids), after, reach(q))
	}
	if p.ordered == p.most {
		r.limit = reach(q)
		found := entities{stream: r.read(p.ordered, q.Order, after), most: r.of.MaxScan}
		if equal(p.ordered.evaluates, filter) {
			found.most = r.limit
		} else {
			r.limit = max(r.limit, r.of.MaxScan+1)
		}
		return found, nil
	}
	r.limit = r.of.MaxScan + 1
	many, err := r.count(p.most)
	switch {
	case err != nil:
		return entities{}, err
	case many <= int64(r.of.MaxScan):
		return nearest(q, r.all(p.most), after, reach(q))
	case p.ordered != nil:
		return entities{stream: r.read(p.ordered, q.Order, after), most: r.of.MaxScan}, nil
	}
	return entities{}, needsIndex("Find", r.of, "the order")
}

// needsIndex refuses what would read too much.
func needsIndex(method string, c *schema.Collection, what string) error {
	return fault.New(fault.Refused, "datastore."+method, "without an index for it, %s would take Datastore more than %d records of %s",
		what, c.MaxScan, c.Name).Coded("query-needs-index").
		Hinting("declare an index of the fields that are equal to something, and behind them those of the order, or filter more narrowly")
}

// nearest gives the n first of the entities that match the query, in its order and
// behind the cursor. It holds few more than those, and not more of them than a page
// can take.
func nearest(q query.Query, from stream, after []record.Value, n int) (entities, error) {
	const enough = 4 * repository.MaxPageBytes
	var kept []*entity
	size, cut := 0, false
	compare := func(a, b *entity) int { return query.Compare(q.Order, a.values, b.values) }
	shrink := func() {
		slices.SortFunc(kept, compare)
		kept = slices.CompactFunc(kept, func(a, b *entity) bool { return compare(a, b) == 0 })
		room := 0
		for i, e := range kept {
			if i >= 2 && (room > enough || i >= n) {
				kept, cut = slices.Clip(kept[:i]), cut || i < n
				break
			}
			room += e.size()
		}
		size = room
	}
	for {
		e, err := from()
		if err != nil {
			return entities{}, err
		}
		if e == nil {
			break
		}
		if !query.Match(q.Filter, e.values) || after != nil && query.Compare(q.Order, e.values, after) <= 0 {
			continue
		}
		kept = append(kept, e)
		if size += e.size(); len(kept) >= 2*n+2 || size > 2*enough {
			shrink()
		}
	}
	shrink()
	return entities{stream: given(kept), most: len(kept) + 1, cut: cut}, nil
}

// size is about how many octets the entity takes.
func (e *entity) size() int {
	size := 0
	for _, v := range e.values {
		size += octets(v)
	}
	return size
}

// octets is about how many octets the value takes in an entity.
func octets(v record.Value) int {
	if v.Type() == record.ListType {
		return 32 + len(record.AppendValue(nil, v))
	}
	return 32 + len(v.AsString())
}

// page makes a page of the first entities.
func (found *entities) page(q query.Query) (repository.Page, error) {
	var page repository.Page
	shown := newShown(q.View)
	var last *entity
	looked, read, size := 0, 0, 0
	for {
		e, err := found.stream()
		if err != nil {
			return repository.Page{}, err
		}
		if e == nil && !found.cut {
			return page, nil
		}
		if e == nil || len(page.Rows) == q.Limit || size > repository.MaxPageBytes || q.Keep != nil && read == max(q.Scan, 1) || looked == found.most {
			page.Next = repository.EncodeCursor(q, pick(last.values, fieldsOf(q.Order)))
			return page, nil
		}
		looked++
		last = e
		if !query.Match(q.Filter, e.values) {
			continue
		}
		read++
		if q.Keep == nil || q.Keep(pick(e.values, q.Needs)) {
			row := shown.row(e)
			size += len(row.JSON)
			page.Rows = append(page.Rows, row)
		}
	}
}

func fieldsOf(order []query.Key) []int {
	fields := make([]int, len(order))
	for i, key := range order {
		fields[i] = key.Field
	}
	return fields
}

// count returns how many entities the reading has, or more, but not more than the
// limit on each of its paths.
func (r *reader) count(way *reading) (int64, error) {
	var total int64
	for i := range way.paths {
		n, err := r.aggregate(r.matching(&way.paths[i], nil).NewAggregationQuery().WithCount("n"))
		if err != nil {
			return 0, err
		}
		total += cmp.Or(n["n"].GetIntegerValue(), 0)
	}
	return total, nil
}
