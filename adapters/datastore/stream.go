package datastore

import (
	"errors"
	"slices"

	"cloud.google.com/go/datastore"
	"google.golang.org/api/iterator"

	"github.com/portolan-io/portolan/core/query"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/core/schema"
)

// A stream gives entities one by one, and nil when there are no more.
type stream func() (*entity, error)

// A reader reads entities of one collection within a transaction.
type reader struct {
	snapshot
	store *Store
	of    *schema.Collection
	limit int // how many entities are wanted at most
}

// union gives what any of the streams gives, each of which is in the order, and each
// entity once.
func union(order []query.Key, streams []stream) stream {
	if len(streams) == 1 {
		return streams[0]
	}
	heads := make([]*entity, len(streams))
	for i := range heads {
		heads[i] = &entity{} // not asked yet
	}
	return func() (*entity, error) {
		var first *entity
		for i, head := range heads {
			if head != nil && head.values == nil {
				next, err := streams[i]()
				if err != nil {
					return nil, err
				}
				heads[i] = next
			}
			if heads[i] != nil && (first == nil || query.Compare(order, heads[i].values, first.values) < 0) {
				first = heads[i]
			}
		}
		if first == nil {
			return nil, nil
		}
		for i, head := range heads {
			if head != nil && query.Compare(order, head.values, first.values) == 0 {
				heads[i] = &entity{}
			}
		}
		return first, nil
	}
}

// sequence gives what one stream after the other does.
func sequence(streams []stream) stream {
	return func() (*entity, error) {
		for len(streams) > 0 {
			e, err := streams[0]()
			if e != nil || err != nil {
				return e, err
			}
			streams = streams[1:]
		}
		return nil, nil
	}
}

// given gives entities that are there already.
func given(entities []*entity) stream {
	return func() (*entity, error) {
		if len(entities) == 0 {
			return nil, nil
		}
		e := entities[0]
		entities = entities[1:]
		return e, nil
	}
}

// read gives what the reading has. Behind the values of a cursor, which are by field,
// its order must be that of its paths.
func (r *reader) read(way *reading, order []query.Key, after []record.Value) stream {
	streams := make([]stream, len(way.paths))
	for i := range way.paths {
		streams[i] = r.path(&way.paths[i], after)
	}
	return union(order, streams)
}

// all gives what the reading has, in whatever order, and each entity once.
func (r *reader) all(way *reading) stream {
	streams := make([]stream, len(way.paths))
	for i := range way.paths {
		streams[i] = r.path(&way.paths[i], nil)
	}
	if len(streams) == 1 {
		return streams[0]
	}
	next, seen := sequence(streams), map[record.ID]bool{}
	return func() (*entity, error) {
		for {
			e, err := next()
			if e == nil || !seen[e.id()] {
				if e != nil {
					seen[e.id()] = true
				}
				return e, err
			}
		}
	}
}

// path gives what one path has, from the first or behind the values of a cursor.
func (r *reader) path(p *path, after []record.Value) stream {
	if after == nil {
		return r.run(r.query(p, 0, nil))
	}
	var legs []stream
	for i := len(p.come) - 1; i >= 0; i-- {
		key := p.come[i]
		v := after[key.Field]
		op := ">"
		switch {
		case key.Desc && v.IsNull():
			continue // nothing comes behind it
		case key.Desc:
			op = "<" // which null is, too
		}
		conditions := []condition{}
		for _, equal := range p.come[:i] {
			conditions = append(conditions, condition{field: equal.Field, op: "=", value: after[equal.Field]})
		}
		legs = append(legs, r.run(r.query(p, i, append(conditions, condition{field: key.Field, op: op, value: v}))))
	}
	return sequence(legs)
}

// query returns the query of a path, whose first keys the conditions pin.
func (r *reader) query(p *path, pinned int, conditions []condition) *datastore.Query {
	q := r.matching(p, p.come[:pinned])
	for _, c := range conditions {
		q = r.filtered(q, c)
	}
	for _, key := range p.come[pinned:] {
		name := r.property(key.Field)
		if key.Desc {
			name = "-" + name
		}
		q = q.Order(name)
	}
	return q
}

// matching returns the query of what a path evaluates, in no order, but for what it says
// of the keys that are pinned otherwise.
func (r *reader) matching(p *path, pinned []query.Key) *datastore.Query {
	q := datastore.NewQuery(r.of.TableName()).Namespace(r.store.cfg.Namespace).Transaction(r.tx).Limit(r.limit)
	for _, used := range p.used {
		if slices.ContainsFunc(pinned, func(key query.Key) bool { return key.Field == used.field }) {
			continue // the cursor's value matches it
		}
		for _, c := range used.conditions {
			q = r.filtered(q, c)
		}
	}
	return q
}

// property returns what the field is called in Datastore.
func (r *reader) property(field int) string {
	if field == r.of.ID {
		return "__key__"
	}
	return r.of.Fields[field].Name
}

func (r *reader) filtered(q *datastore.Query, c condition) *datastore.Query {
	var operand any
	switch {
	case c.op == "in":
		among := make([]any, len(c.among))
		for i, v := range c.among {
			among[i] = encode(v)
		}
		operand = among
	case c.field == r.of.ID:
		operand = r.store.valueKey(r.of, c.value)
	default:
		operand = encode(c.value)
	}
	return q.FilterField(r.property(c.field), c.op, operand)
}

// run gives the entities of a query, which it asks when the first one is wanted.
func (r *reader) run(q *datastore.Query) stream {
	var found *datastore.Iterator
	return func() (*entity, error) {
		if found == nil {
			found = r.store.client.Run(r.ctx, q)
		}
		e := &entity{of: r.of}
		if _, err := found.Next(e); err != nil {
			if errors.Is(err, iterator.Done) {
				return nil, nil
			}
			return nil, err
		}
		e.stored, e.others = nil, nil // which only who writes needs
		return e, nil
	}
}

// lookup reads the entities of the ids, each once, in whatever order.
func (r *reader) lookup(ids []record.ID) ([]*entity, error) {
	var keys []*datastore.Key
	seen := make(map[record.ID]bool, len(ids))
	for _, id := range ids {
		if k, possible := r.store.idKey(r.of, id); possible && !seen[id] {
			seen[id] = true
			keys = append(keys, k)
		}
	}
	var entities []*entity
	for chunk := range slices.Chunk(keys, maxLookup) {
		found := make([]entity, len(chunk))
		for i := range found {
			found[i].of = r.of
		}
		var err error
		if r.tx == nil {
			err = r.store.client.GetMulti(r.ctx, chunk, found)
		} else {
			err = r.tx.GetMulti(chunk, found)
		}
		var each datastore.MultiError
		if err != nil && !errors.As(err, &each) {
			return nil, err
		}
		for i := range found {
			switch {
			case each == nil || each[i] == nil:
				entities = append(entities, &found[i])
			case !errors.Is(each[i], datastore.ErrNoSuchEntity):
				return nil, each[i]
			}
		}
	}
	return entities, nil
}

// lookups gives what lookup returns, of which it holds little at a time.
func (r *reader) lookups(ids []record.ID) stream {
	var found stream
	return func() (*entity, error) {
		for {
			if found != nil {
				if e, err := found(); e != nil || err != nil {
					return e, err
				}
			}
			if len(ids) == 0 {
				return nil, nil
			}
			n := min(len(ids), lookedUp)
			entities, err := r.lookup(ids[:n])
			if err != nil {
				return nil, err
			}
			for _, e := range entities {
				e.stored, e.others = nil, nil // which only who writes needs
			}
			ids, found = ids[n:], given(entities)
		}
	}
}

// lookedUp is how many entities lookups holds at most.
const lookedUp = 50

// maxLookup is how many keys are looked up at once at most.
const maxLookup = 1000

// id returns the id of the entity.
func (e *entity) id() record.ID {
	v := e.values[e.of.ID]
	return idsOf([]record.Value{v})[0]
}
