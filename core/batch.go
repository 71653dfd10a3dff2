package core

import (
	"context"
	"errors"
	"slices"
	"strconv"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/query"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/ports/repository"
)

// A batch gathers the mutations of one write of a collection, and adds the
// checks that its references ask for.
type batch struct {
	c       *collection
	records []repository.Mutation
	checks  []repository.Mutation
	checked []int // by check: the field whose reference it is about
}

func newBatch(c *collection) *batch { return &batch{c: c} }

// put stores the record, and requires what its enforced references point to.
func (b *batch) put(r record.Record, precondition repository.Precondition) {
	b.records = append(b.records, repository.Mutation{
		Op: repository.Put, Collection: b.c.Collection, ID: r.ID, If: precondition, Revision: r.Revision, Fields: r.Fields,
	})
	for _, out := range b.c.outbound {
		v := r.Fields[out.field]
		if v.IsNull() {
			continue
		}
		id := valueID(v)
		if slices.ContainsFunc(b.checks, func(m repository.Mutation) bool { return m.Collection == out.to && m.ID == id }) {
			continue
		}
		b.checks = append(b.checks, repository.Mutation{Op: repository.Check, Collection: out.to, ID: id, If: repository.Present})
		b.checked = append(b.checked, out.field)
	}
}

// remove deletes the record. That nothing points to it is checked once for the
// whole batch, in apply.
func (b *batch) remove(id record.ID, precondition repository.Precondition) {
	b.records = append(b.records, repository.Mutation{Op: repository.Delete, Collection: b.c.Collection, ID: id, If: precondition})
}

// apply stores the batch. Its error is that of the mutation that failed; the
// outcomes begin with those of the records.
func (b *batch) apply(ctx context.Context, store repository.Store) ([]repository.Outcome, error) {
	mutations := slices.Concat(b.records, b.checks, b.unreferenced())
	outcomes, err := store.Apply(ctx, mutations)
	var failed *repository.BatchError
	if errors.As(err, &failed) {
		return nil, b.explain(failed)
	}
	return outcomes, err
}

// unreferenced returns the checks that no enforced reference points to what the
// batch deletes. They come after the deletions, whose locks they rely on.
func (b *batch) unreferenced() []repository.Mutation {
	var removed []record.Value
	for _, m := range b.records {
		if m.Op == repository.Delete {
			removed = append(removed, b.c.IDValue(m.ID))
		}
	}
	if len(removed) == 0 {
		return nil
	}
	checks := make([]repository.Mutation, len(b.c.inbound))
	for i, in := range b.c.inbound {
		where := query.Expr{Op: query.In, Field: in.field, Values: removed}
		checks[i] = repository.Mutation{Op: repository.Check, Collection: in.from, NoneOf: &where}
	}
	return checks
}

// explain says what a failed check means to who asked for the write.
func (b *batch) explain(failed *repository.BatchError) error {
	check := failed.Index - len(b.records)
	switch {
	case check < 0:
		return failed
	case check < len(b.checks):
		field := b.c.Fields[b.checked[check]]
		return fault.New(fault.Conflict, "core.write", "%s names a record of %s that does not exist", field.Name, field.References).
			Coded("reference-missing").At(b.dangling(b.checks[check])...).Because(failed.Err)
	case check-len(b.checks) < len(b.c.inbound):
		from := b.c.inbound[check-len(b.checks)].from.Name
		return fault.New(fault.Conflict, "core.write", "records of %s still refer to it", from).
			Coded("referenced").Hinting("change or delete these records of %s first", from).Because(failed.Err)
	}
	return failed
}

// dangling returns the places of the batch's records that refer to what the
// check did not find.
func (b *batch) dangling(check repository.Mutation) []fault.Place {
	var places []fault.Place
	for i, m := range b.records {
		for _, out := range b.c.outbound {
			if out.to != check.Collection || m.Fields[out.field].IsNull() || valueID(m.Fields[out.field]) != check.ID {
				continue
			}
			field := b.c.Fields[out.field]
			pointer := "/" + field.Name
			if len(b.records) > 1 {
				pointer = "/" + strconv.Itoa(i) + pointer
			}
			detail := "there is no such record in " + field.References
			places = append(places, fault.Place{Pointer: pointer, Code: "reference-missing", Detail: detail})
		}
	}
	return places
}

// valueID returns the id that a reference's value names.
func valueID(v record.Value) record.ID {
	if v.Type() == record.IntType {
		return record.ID(record.AppendValue(nil, v))
	}
	return record.ID(v.AsString())
}
