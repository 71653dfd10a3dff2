package layer

import (
	"context"
	"slices"

	"github.com/portolan-io/portolan/core/envelope"
	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/query"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/core/schema"
	"github.com/portolan-io/portolan/ports/repository"
)

// Encrypt returns store with the encrypted fields of collections sealed on their way in
// and opened on their way out: it is given the collections as they are asked of, and gives
// store what schema.AtRest says. A value that was stored before its field was encrypted is
// read as it is, until the record is written again.
//
// No filter, order or group may be of an encrypted field, and no mutation may need one as
// it was: that is fault.Refused. Without a sealer every use of an encrypted field is
// fault.Unavailable, and everything else goes on.
func Encrypt(store repository.Store, sealer *envelope.Sealer) *Encrypted {
	return &Encrypted{Store: store, sealer: sealer}
}

// An Encrypted is what Encrypt returns.
type Encrypted struct {
	repository.Store
	sealer *envelope.Sealer
}

// Get reads, and opens what the rows show or carry.
func (e *Encrypted) Get(ctx context.Context, view query.View, ids []record.ID) ([]record.Row, error) {
	if !guarded(view.Collection) {
		return e.Store.Get(ctx, view, ids)
	}
	if err := untouched(ctx, "layer.Get", view.Collection, view.Filter.Positions()); err != nil {
		return nil, err
	}
	r := newReading(view)
	rows, err := e.Store.Get(ctx, r.kept, ids)
	if err != nil {
		return nil, err
	}
	return rows, r.open(ctx, e.sealer, rows)
}

// Find reads a page, and opens what its rows show or carry.
func (e *Encrypted) Find(ctx context.Context, q query.Query) (repository.Page, error) {
	if !guarded(q.Collection) {
		return e.Store.Find(ctx, q)
	}
	used := q.Filter.Positions()
	for _, key := range q.Order {
		used = append(used, key.Field)
	}
	if err := untouched(ctx, "layer.Find", q.Collection, used); err != nil {
		return repository.Page{}, err
	}
	r := newReading(q.View)
	q.View = r.kept
	if keep := q.Keep; keep != nil { // which does not ask for encrypted fields, that are not open yet
		q.Keep = func(needs []record.Value) bool { return keep(needs[:r.needs:r.needs]) }
	}
	page, err := e.Store.Find(ctx, q)
	if err != nil {
		return repository.Page{}, err
	}
	return page, r.open(ctx, e.sealer, page.Rows)
}

// Aggregate passes on what computes with no encrypted field.
func (e *Encrypted) Aggregate(ctx context.Context, a query.Aggregation) ([]query.Group, error) {
	if !guarded(a.Collection) {
		return e.Store.Aggregate(ctx, a)
	}
	used := append(a.Filter.Positions(), a.GroupBy...)
	for _, m := range a.Measures {
		if m.Func != query.Count {
			used = append(used, m.Field)
		}
	}
	if err := untouched(ctx, "layer.Aggregate", a.Collection, used); err != nil {
		return nil, err
	}
	a.Collection = a.Collection.AtRest()
	return e.Store.Aggregate(ctx, a)
}

// Apply seals what is put.
func (e *Encrypted) Apply(ctx context.Context, batch []repository.Mutation) ([]repository.Outcome, error) {
	kept, err := e.mutations(ctx, batch)
	if err != nil {
		return nil, err
	}
	return e.Store.Apply(ctx, kept)
}

// Load seals what is loaded.
func (e *Encrypted) Load(ctx context.Context, load repository.Load) (repository.Loaded, error) {
	if guarded(load.Collection) {
		rows := slices.Clone(load.Rows)
		for i := range rows {
			var err error
			if rows[i].Fields, err = e.seal(ctx, load.Collection, rows[i].ID, rows[i].Fields); err != nil {
				return repository.Loaded{}, err
			}
		}
		load.Rows, load.Collection = rows, load.Collection.AtRest()
	}
	var unsealed error
	if mark := load.Mark; mark != nil {
		kept := load.Collection
		load.Mark = func(n int, repeated []int) []repository.Mutation {
			batch, err := e.mutations(ctx, mark(n, repeated))
			if err != nil {
				unsealed = err
				return []repository.Mutation{never(kept)}
			}
			return batch
		}
	}
	loaded, err := e.Store.Load(ctx, load)
	if err != nil && unsealed != nil {
		return loaded, unsealed
	}
	return loaded, err
}

// never is a mutation that fails.
func never(c *schema.Collection) repository.Mutation {
	return repository.Mutation{Op: repository.Check, Collection: c, ID: "1", If: repository.At("never")}
}

// Ensure makes the storage fit what is stored.
func (e *Encrypted) Ensure(ctx context.Context, collections []*schema.Collection) error {
	return e.Store.Ensure(ctx, AtRest(collections))
}

// AtRest returns the collections as stores keep them.
func AtRest(collections []*schema.Collection) []*schema.Collection {
	kept := make([]*schema.Collection, len(collections))
	for i, c := range collections {
		kept[i] = c
		if guarded(c) {
			kept[i] = c.AtRest()
		}
	}
	return kept
}

// guarded reports whether the collection is stored in another form than it is asked of. One
// that is nil is for the store to complain of.
func guarded(c *schema.Collection) bool { return c != nil && c.AtRest() != c }

// Capabilities are the store's.
func (e *Encrypted) Capabilities() repository.Capabilities {
	can := e.Store.Capabilities()
	if split := can.Split; split != nil {
		can.Split = func(q query.Query) (native, rest query.Expr, err error) {
			if guarded(q.Collection) {
				q.Collection = q.Collection.AtRest()
			}
			return split(q)
		}
	}
	return can
}

// mutations are those of the batch as the store gets them.
func (e *Encrypted) mutations(ctx context.Context, batch []repository.Mutation) ([]repository.Mutation, error) {
	if !slices.ContainsFunc(batch, func(m repository.Mutation) bool { return guarded(m.Collection) }) {
		return batch, nil
	}
	kept := slices.Clone(batch)
	for i := range kept {
		m := &kept[i]
		if !guarded(m.Collection) {
			continue
		}
		used := m.Needs
		if m.NoneOf != nil {
			used = append(slices.Clip(used), m.NoneOf.Positions()...)
		}
		err := untouched(ctx, "layer.Apply", m.Collection, used)
		if err == nil && m.Op == repository.Put {
			m.Fields, err = e.seal(ctx, m.Collection, m.ID, m.Fields)
		}
		if err != nil {
			return nil, err
		}
		m.Collection = m.Collection.AtRest()
	}
	return kept, nil
}

// untouched returns an error if ctx is done, or one of the fields is encrypted. The core has refused that
// with better words; this is for what it overlooks.
func untouched(ctx context.Context, op string, c *schema.Collection, positions []int) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	for _, position := range positions {
		if f := &c.Fields[position]; f.Encrypted {
			return fault.New(fault.Refused, op, "%s is encrypted, so nothing can be compared with it", f.Name).Coded("encrypted-field")
		}
	}
	return nil
}
