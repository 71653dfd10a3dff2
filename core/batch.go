package core

import (
	"context"
	"errors"
	"slices"
	"strconv"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/policy"
	"github.com/portolan-io/portolan/core/query"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/core/schema"
	"github.com/portolan-io/portolan/ports/repository"
)

// A batch gathers the mutations of one write of a collection, and adds the
// checks that its references ask for.
type batch struct {
	a       *API
	c       *collection
	read    func(*schema.Collection) (policy.Right, bool) // the caller's right to read a collection
	who     policy.Principal                              // the caller
	records []repository.Mutation
	checks  []repository.Mutation
	checked []int          // by check: the field whose reference it is about
	was     []record.Value // the fields of the one record that the batch changes, or nil
	leaves  []string       // tags of the scopes in which other records that it changes lay before
}

func (a *API) newBatch(c *collection, who policy.Principal) *batch {
	return &batch{a: a, c: c, who: who, read: func(other *schema.Collection) (policy.Right, bool) {
		return a.collections[other.Name].access.For(who, other, policy.Read)
	}}
}

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

// apply stores the batch of a write that comes to written, as how says, and puts
// into written what that answers. The outcomes are those of the records; of a
// trial, which stores nothing, they are empty. The error is that of the mutation
// that failed.
func (b *batch) apply(ctx context.Context, how How, written *Written) ([]repository.Outcome, error) {
	answer, err := how.claim.put(ctx, written)
	if err != nil {
		return nil, err
	}
	relied := relied(b.who)
	mutations := slices.Concat(answer, relied, b.records, b.checks, b.unreferenced())
	if how.DryRun {
		mutations = append(mutations, impossible)
	}
	switch {
	case len(mutations) > repository.MaxBatch-maxWitness:
		return nil, fault.New(fault.TooLarge, "core.write", "%d records with %d different references are more than %d at once",
			len(b.records), len(b.checks), repository.MaxBatch-maxWitness).Coded("too-many-references").Hinting("send fewer records at once, or import them")
	case len(mutations) == len(relied):
		return nil, nil
	}
	if err := b.unseen(ctx); err != nil {
		return nil, err
	}
	before := len(answer) + len(relied)
	var outcomes []repository.Outcome
	err = b.a.reliably(ctx, b.who, mutations[len(answer):before], func() (err error) {
		outcomes, err = b.store(ctx, how, mutations)
		return how.claim.explain(err)
	})
	var failed *repository.BatchError
	switch {
	case err == nil:
		return outcomes[before:], nil
	case !errors.As(err, &failed):
		return nil, err
	case how.DryRun && failed.Index == len(mutations)-before-1: // all others could be done
		return make([]repository.Outcome, len(b.records)), nil
	}
	return nil, b.explain(failed)
}

// store applies the mutations behind the fence of what they change, if anything.
func (b *batch) store(ctx context.Context, how How, mutations []repository.Mutation) (outcomes []repository.Outcome, err error) {
	write := func(witness []repository.Mutation) error {
		outcomes, err = b.a.apply(ctx, mutations, witness)
		return err
	}
	if how.DryRun || len(b.records) == 0 {
		err = write(nil)
	} else {
		err = b.a.fenced(ctx, b.c, b.tags, write)
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
		return b.missing(check, failed.Err)
	case check-len(b.checks) < len(b.c.inbound):
		return b.stillReferred(b.c.inbound[check-len(b.checks)].from, failed.Err)
	}
	return failed
}

// unseen returns the error for a reference to a record that row policies hide
// from the caller: for the caller it does not exist, and whether it does must not
// show. Records that the batch itself stores need not be there yet, and what the
// caller sees that the record refers to already may stay.
func (b *batch) unseen(ctx context.Context) error {
	for i, check := range b.checks {
		right, ok := b.read(check.Collection)
		own := slices.ContainsFunc(b.records, func(m repository.Mutation) bool {
			return m.Op == repository.Put && m.Collection == check.Collection && m.ID == check.ID
		})
		if !ok || own || right.Where.Op == query.All || b.stays(check) {
			continue
		}
		rows, err := b.a.store.Get(ctx, query.View{Collection: check.Collection, Filter: right.Where}, []record.ID{check.ID})
		if err != nil {
			return err
		}
		if len(rows) == 0 {
			return b.missing(i, nil)
		}
	}
	return nil
}

// stays reports whether the record refers to what the check is about already, in
// a field that the caller may read.
func (b *batch) stays(check repository.Mutation) bool {
	read, ok := b.read(b.c.Collection)
	return ok && b.was != nil && slices.ContainsFunc(b.c.outbound, func(out reference) bool {
		v := b.was[out.field]
		return out.to == check.Collection && !isSet(read.Hidden, out.field) && !v.IsNull() && valueID(v) == check.ID
	})
}

// missing says that what the check is about does not exist.
func (b *batch) missing(check int, cause error) error {
	return dangles(b.c, b.checked[check]).At(b.dangling(b.checks[check])...).Because(cause)
}

// dangles is the error for a field whose reference names nothing.
func dangles(c *collection, position int) *fault.Error {
	field := c.Fields[position]
	return fault.New(fault.Conflict, "core.write", "%s names a record of %s that does not exist", field.Name, field.References).
		Coded(codeDangling)
}

// codeDangling is the code of what refers to nothing.
const codeDangling = "reference-missing"

// stillReferred says that records of another collection refer to what was to be
// deleted. It names the collection only to who may read it.
func (b *batch) stillReferred(from *schema.Collection, cause error) error {
	err := fault.New(fault.Conflict, "core.write", "other records still refer to it").Coded("referenced").Because(cause)
	if _, ok := b.read(from); ok {
		err.Detail = "records of " + from.Name + " still refer to it"
		err.Hinting("change or delete these records of %s first", from.Name)
	}
	return err
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
			place := out.missing()
			if len(b.records) > 1 {
				place.Pointer = "/" + strconv.Itoa(i) + place.Pointer
			}
			places = append(places, place)
		}
	}
	return places
}

// missing is the place of a record whose reference names nothing.
func (r reference) missing() fault.Place {
	field := r.from.Fields[r.field]
	detail := "there is no such record in " + field.References
	return fault.Place{Pointer: "/" + field.Name, Code: codeDangling, Detail: detail}
}

// valueID returns the id that a reference's value names.
func valueID(v record.Value) record.ID {
	if v.Type() == record.IntType {
		return record.ID(record.AppendValue(nil, v))
	}
	return record.ID(v.AsString())
}
