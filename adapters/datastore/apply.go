package datastore

import (
	"context"
	"errors"
	"slices"

	"cloud.google.com/go/datastore"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/query"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/core/schema"
	"github.com/portolan-io/portolan/ports/repository"
)

// Apply does the batch in one transaction, which Datastore makes serializable.
func (s *Store) Apply(ctx context.Context, batch []repository.Mutation) ([]repository.Outcome, error) {
	const op = "datastore.Apply"
	if err := s.ready(ctx, op); err != nil {
		return nil, err
	}
	if err := repository.CheckBatch(op, batch); err != nil {
		return nil, err
	}
	release, err := s.latch(ctx, batch, nil)
	if err != nil {
		return nil, err
	}
	defer release()
	var outcomes []repository.Outcome
	err = s.write(ctx, op, func(v snapshot) error {
		c := s.begin(op, v)
		if err := c.meet(batch, nil); err != nil {
			return err
		}
		var err error
		if outcomes, err = c.all(batch); err != nil {
			return err
		}
		return c.save()
	})
	if err != nil {
		return nil, err
	}
	return outcomes, nil
}

// latch waits for those of this process who write the same.
func (s *Store) latch(ctx context.Context, batch []repository.Mutation, more []*datastore.Key) (func(), error) {
	still := map[string]bool{}
	for i := range batch {
		m := &batch[i]
		switch k, possible := s.idKey(m.Collection, m.ID); {
		case m.Op == repository.Check && m.NoneOf != nil:
			still[m.Collection.TableName()] = true
		case m.Op != repository.Check && possible:
			more = append(more, k)
		}
	}
	return s.latches.hold(ctx, more, still)
}

// A change is what a transaction does. Datastore shows a transaction what was there
// before it alone, so that what it has written itself is looked up here.
type change struct {
	snapshot
	store   *Store
	op      string
	kinds   map[string]columns
	foreign map[string]bool    // the kinds that other programs made
	met     map[target]*entity // as they were, or are by now; nil if they are not there
	written map[target]bool
	order   []target                  // those written, as they come
	keys    map[target]*datastore.Key // of those written
}

// A target is a record in a kind.
type target struct {
	kind string
	id   record.ID
}

func targetOf(c *schema.Collection, id record.ID) target { return target{c.TableName(), id} }

// begin returns a change that has done nothing yet.
func (s *Store) begin(op string, v snapshot) *change {
	return &change{
		snapshot: v, store: s, op: op,
		kinds: map[string]columns{}, foreign: map[string]bool{}, met: map[target]*entity{}, written: map[target]bool{}, keys: map[target]*datastore.Key{},
	}
}

// meet reads what the batch and the rows are about, unless it is known, and which
// columns their kinds have.
func (c *change) meet(batch []repository.Mutation, load *repository.Load) error {
	wanted := map[*schema.Collection][]record.ID{}
	var kinds []string
	want := func(of *schema.Collection, id record.ID, writes bool) {
		if _, known := c.met[targetOf(of, id)]; !known {
			wanted[of] = append(wanted[of], id)
			c.met[targetOf(of, id)] = nil
		}
		if _, known := c.kinds[of.TableName()]; writes && !known {
			c.kinds[of.TableName()] = nil
			kinds = append(kinds, of.TableName())
		}
	}
	for i := range batch {
		if m := &batch[i]; m.NoneOf == nil {
			want(m.Collection, m.ID, m.Op == repository.Put)
		}
	}
	if load != nil {
		for i := range load.Rows {
			want(load.Collection, load.Rows[i].ID, true)
		}
	}
	entries, err := c.store.entries(c.tx, kinds)
	if err != nil {
		return err
	}
	for i, kind := range kinds {
		if entries[i] == nil {
			return fault.New(fault.Unavailable, c.op, "there is no kind %s", kind).Coded("table-missing").
				Hinting("restart the server, which makes it again")
		}
		c.kinds[kind], c.foreign[kind] = entries[i].columns, entries[i].Foreign
	}
	for of, ids := range wanted {
		r := &reader{snapshot: c.snapshot, store: c.store, of: of}
		found, err := r.lookup(ids)
		if err != nil {
			return err
		}
		for _, e := range found {
			if e.stored != nil {
				k, _ := c.store.idKey(of, e.id())
				e.wired = c.wire.heard[placeOf(k)]
			}
			c.met[targetOf(of, e.id())] = e
		}
	}
	return nil
}

// all does the mutations in their order.
func (c *change) all(batch []repository.Mutation) ([]repository.Outcome, error) {
	outcomes := make([]repository.Outcome, len(batch))
	for i := range batch {
		if err := c.mutate(&batch[i], &outcomes[i]); err != nil {
			var known *fault.Error
			if errors.As(err, &known) && known.Kind != fault.Unavailable && known.Kind != fault.Internal {
				return nil, &repository.BatchError{Index: i, Err: err}
			}
			return nil, err
		}
	}
	return outcomes, nil
}

func (c *change) mutate(m *repository.Mutation, outcome *repository.Outcome) error {
	if m.Op == repository.Check && m.NoneOf != nil {
		return c.none(m)
	}
	at := targetOf(m.Collection, m.ID)
	if was := c.met[at]; was != nil {
		outcome.Existed, outcome.Was, outcome.Revision = true, was.revision, was.revision
		outcome.Values = pick(was.as(m.Collection), m.Needs)
	}
	if err := m.If.Check(c.op, outcome.Existed, outcome.Was); err != nil {
		return err
	}
	switch m.Op {
	case repository.Put:
		var err error
		outcome.Revision, err = c.put(m.Collection, m.ID, m.Revision, m.Fields)
		return err
	case repository.Delete:
		outcome.Revision = ""
		if outcome.Existed {
			k, _ := c.store.idKey(m.Collection, m.ID)
			c.write(at, k, nil)
		}
	}
	return nil
}

// as returns the values of the fields of a collection that is seen in the same kind.
func (e *entity) as(of *schema.Collection) []record.Value {
	if e.of == of {
		return e.values
	}
	seen := &entity{of: of, values: make([]record.Value, len(of.Fields))}
	if e.stored != nil {
		seen.values[of.ID] = e.values[e.of.ID]
		for _, p := range e.stored {
			if position, known := of.Position(p.Name); known && position != of.ID {
				seen.values[position], _ = adopt(&of.Fields[position], p.Value)
			}
		}
		return seen.values
	}
	for i := range of.Fields {
		if position, known := e.of.Position(of.Fields[i].Name); known {
			seen.values[i] = e.values[position]
		}
	}
	return seen.values
}

// put keeps what others know of the record, and returns the revision that it gets.
func (c *change) put(of *schema.Collection, id record.ID, revision record.Revision, fields []record.Value) (record.Revision, error) {
	k, possible := c.store.idKey(of, id)
	if !possible {
		return "", fault.New(fault.Invalid, c.op, "the id is not one of %s", of.Name)
	}
	at := targetOf(of, id)
	e := &entity{of: of, values: fields, revision: revision, columns: c.kinds[at.kind]}
	was := c.met[at]
	if c.foreign[at.kind] {
		if err := e.putForeign(c.op, was); err != nil {
			return "", err
		}
	} else if was != nil {
		e.others = was.beside(of, e.columns)
	}
	c.write(at, k, e)
	return e.revision, nil
}

// beside returns what a record has beside the fields of the collection.
func (e *entity) beside(of *schema.Collection, known columns) []datastore.Property {
	if e.of == of {
		return e.others
	}
	others := slices.Clone(e.others)
	for i := range e.of.Fields {
		name := e.of.Fields[i].Name
		if _, seen := of.Position(name); !seen && i != e.of.ID {
			others = append(others, datastore.Property{Name: name, Value: encode(e.values[i]), NoIndex: !known[name].Indexed || long(e.values[i])})
		}
	}
	return others
}

func (c *change) write(at target, k *datastore.Key, e *entity) {
	if !c.written[at] {
		c.written[at], c.keys[at] = true, k
		c.order = append(c.order, at)
	}
	c.met[at] = e
}

// none returns fault.Conflict if a record matches the mutation's NoneOf: one that the
// change has written, or another.
func (c *change) none(m *repository.Mutation) error {
	referenced := fault.New(fault.Conflict, c.op, "a record of %s refers to it", m.Collection.Name).Coded("referenced")
	kind, own := m.Collection.TableName(), 0
	for _, at := range c.order {
		if at.kind != kind {
			continue
		}
		own++
		if e := c.met[at]; e != nil && query.Match(*m.NoneOf, e.as(m.Collection)) {
			return referenced
		}
	}
	r := &reader{snapshot: c.snapshot, store: c.store, of: m.Collection, limit: own + 1}
	filter := m.NoneOf.Normal()
	order := []query.Key{{Field: m.Collection.ID}}
	p := planOf(m.Collection, filter, order)
	from, whole := stream(nil), false
	if p.ids != nil {
		from = r.lookups(p.ids)
	} else {
		if whole = equal(p.most.evaluates, filter); !whole {
			r.limit = m.Collection.MaxScan + 1
		}
		from = r.all(p.most)
	}
	for read := 0; ; read++ {
		e, err := from()
		switch {
		case err != nil || e == nil:
			return err
		case !whole && p.ids == nil && read == m.Collection.MaxScan:
			return needsIndex("Apply", m.Collection, "to look for what refers to a record")
		case !c.written[target{kind, e.id()}] && query.Match(filter, e.values):
			return referenced
		}
	}
}

// save hands over what is written.
func (c *change) save() error {
	var keys, removed []*datastore.Key
	var put []*entity
	for _, at := range c.order {
		e := c.met[at]
		if e == nil {
			removed = append(removed, c.keys[at])
			continue
		}
		if e.wired != nil {
			c.wire.said[placeOf(c.keys[at])] = e.wired
		}
		keys, put = append(keys, c.keys[at]), append(put, e)
	}
	if len(keys) > 0 {
		if _, err := c.tx.PutMulti(keys, put); err != nil {
			return err
		}
	}
	if len(removed) > 0 {
		return c.tx.DeleteMulti(removed)
	}
	return nil
}
