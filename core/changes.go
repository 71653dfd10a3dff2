package core

import (
	"context"
	"encoding/json"
	"errors"
	"slices"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/policy"
	"github.com/portolan-io/portolan/core/query"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/ports/repository"
)

// attempts is how often a write that read the record first is tried anew when
// another write came between, before the caller is told.
const attempts = 64

// Replace stores the JSON object as the record of the given id, creating it if
// there is none.
//
// Fields that the caller may not write stay as they are, and may be given as
// they are; those that it may write but not read stay if it does not give them,
// unless it may read nothing at all and so replaces all that it may write. A record
// that the caller may not read is fault.NotFound and untouched, or fails a condition
// as one that does not exist.
func (a *API) Replace(ctx context.Context, who policy.Principal, collection, id string, body []byte, how How) (Written, error) {
	c, right, err := a.gate(who, collection, writes(how.If))
	if err != nil {
		return Written{}, a.onlyCreates(who, collection, err)
	}
	if err := c.malformed(body, right); err != nil {
		return Written{}, err
	}
	may := c.alongside(who, writes(how.If), right)
	given := c.given(body)
	return a.change(ctx, id, change{
		c: c, who: who, may: may, how: how,
		needs: func(i int) bool {
			value := given[c.Fields[i].Name]
			return c.unwritable(may.update, i) || isSet(may.read.Hidden, i) && (value == nil || string(value) == "null")
		},
		edit: func(current record.Record, right policy.Right) ([]record.Value, error) {
			known := c.known(may, right, current)
			fields, err := c.DecodeAs(current.ID, known, body, right.Hidden, right.ReadOnly)
			if err != nil || current.Fields == nil {
				return fields, err
			}
			return c.keep(right, may.read, current.Fields, fields), nil
		},
	})
}

// malformed returns what is wrong with a body that is no JSON at all, so that the
// store is not asked for the sake of one.
func (c *collection) malformed(body []byte, right policy.Right) error {
	if json.Valid(body) {
		return nil
	}
	_, err := c.Decode(body, right.Hidden, right.ReadOnly)
	return err
}

// writes returns what a replacement under cond does: one that may only create
// needs no right to update.
func writes(cond Condition) policy.Action {
	if cond.Absent {
		return policy.Create
	}
	return policy.Update
}

// onlyCreates adds to a refusal what a caller who may only create can do.
func (a *API) onlyCreates(who policy.Principal, name string, err error) error {
	if _, _, refused := a.gate(who, name, policy.Create); fault.KindOf(err) == fault.Forbidden && refused == nil {
		return fault.Of(err).Hinting("send If-None-Match: * to create it")
	}
	return err
}

// keep puts back the fields that right does not let the caller write, and those
// that read does not let it see and that it did not give: it replaces what it
// knows of.
func (c *collection) keep(right, read policy.Right, current, fields []record.Value) []record.Value {
	for i := range fields {
		if c.unwritable(right, i) || isSet(read.Hidden, i) && fields[i].IsNull() {
			fields[i] = current[i]
		}
	}
	return fields
}

func (c *collection) unwritable(right policy.Right, i int) bool {
	return i != c.ID && c.Fields[i].ReadOnly || isSet(right.ReadOnly, i) || isSet(right.Hidden, i)
}

// known returns the fields of the record, nil if there is none, with null for
// what the caller may neither write nor read. A field that may not be written may
// be given as it is; that must not tell what it is.
func (c *collection) known(may rights, right policy.Right, current record.Record) []record.Value {
	fields := slices.Clone(current.Fields)
	for i := range fields {
		unseen := !may.reads || isSet(may.read.Hidden, i)
		if unseen && i != c.ID && c.unwritable(right, i) {
			fields[i] = record.Null
		}
	}
	return fields
}

func isSet(flags []bool, i int) bool { return flags != nil && flags[i] }

// Patch changes the record by a JSON merge patch (RFC 7396). Encrypted fields that it does not
// give another value have to be read for that.
func (a *API) Patch(ctx context.Context, who policy.Principal, collection, id string, patch []byte, how How) (Written, error) {
	c, right, err := a.gate(who, collection, policy.Update)
	if err != nil {
		return Written{}, err
	}
	if err := c.malformed(patch, right); err != nil {
		return Written{}, err
	}
	may := c.alongside(who, policy.Update, right)
	given := c.given(patch)
	return a.change(ctx, id, change{
		c: c, who: who, may: may, how: how, existing: true,
		needs: func(i int) bool {
			value := given[c.Fields[i].Name]
			return c.unwritable(right, i) || value == nil || c.merges(i, value)
		},
		edit: func(current record.Record, right policy.Right) ([]record.Value, error) {
			fields, err := c.Merge(c.known(may, right, current), patch, right.Hidden, right.ReadOnly)
			for i := range fields {
				if c.unwritable(right, i) {
					fields[i] = current.Fields[i]
				}
			}
			return fields, err
		},
	})
}

// A change is a write of one record that depends on the record as it is.
type change struct {
	c        *collection
	who      policy.Principal
	may      rights
	how      How
	existing bool // without a record there is nothing to change

	// needs reports whether edit has to know the encrypted field as it is, because it may stay so.
	needs func(position int) bool

	// edit returns the new fields. The right is that to update, or to create if
	// the current record has no fields because there is none.
	edit func(current record.Record, right policy.Right) ([]record.Value, error)
}

// change reads the record, makes the new fields, and writes them on condition
// that the record is still as it was read. If it is not, and the caller did not
// ask for one revision, it begins again.
func (a *API) change(ctx context.Context, id string, ch change) (Written, error) {
	key, err := ch.c.ParseID(id)
	if err != nil {
		return Written{}, err
	}
	return a.once(ctx, ch.who, ch.c, ch.how, func(how How) (Written, error) {
		ch.how = how
		for range attempts {
			written, err := a.tryChange(ctx, key, ch)
			if kind := fault.KindOf(err); kind != fault.Stale && kind != fault.Exists || isUnmet(err) {
				return written, err
			}
		}
		return Written{}, busy()
	})
}

func (a *API) tryChange(ctx context.Context, id record.ID, ch change) (Written, error) {
	current, exists, err := a.read(ctx, ch.c, id, ch.c.deciding(ch.needs))
	if err != nil {
		return Written{}, a.unopened(ctx, id, ch, err)
	}
	if err := ch.unseen(current, exists); err != nil {
		return Written{}, err
	}
	if err := ch.how.If.check(current, exists); err != nil {
		return Written{}, err
	}
	right, precondition, err := ch.may.put(current, exists)
	if err != nil {
		return Written{}, err
	}
	fields, err := ch.edit(current, right)
	if err != nil {
		return Written{}, err
	}
	next, err := a.finish(ch.c, right, fields)
	if err != nil {
		return Written{}, err
	}
	batch := a.newBatch(ch.c, ch.who)
	batch.was = current.Fields
	batch.put(next, precondition)
	written := Written{Result: ch.c.shown(ch.may, next, !exists)}
	outcomes, err := batch.apply(ctx, ch.how, &written)
	if err != nil {
		return Written{}, err
	}
	written.Revision = outcomes[0].Revision
	return written, nil
}

// unseen returns the error of a change of a record that is not there for the caller, where one
// is needed, or may not be made in the place of one that the caller does not see; else nil.
func (ch *change) unseen(current record.Record, exists bool) error {
	hidden := ch.may.hides(ch.may.update, current, exists)
	switch {
	case ch.existing && (hidden || !exists):
		return missing()
	case hidden:
		return ch.how.If.unseen()
	}
	return nil
}

// hides reports whether there is a record that does not exist for the caller: one
// that it may not read, or, if it may read none, that the right to write it is not
// about.
func (may rights) hides(write policy.Right, current record.Record, exists bool) bool {
	covered := write.Where
	if may.reads {
		covered = may.read.Where
	}
	return exists && !query.Match(covered, current.Fields)
}

// put returns the right to write the record, and what must still hold when it
// is written.
func (may rights) put(current record.Record, exists bool) (policy.Right, repository.Precondition, error) {
	switch {
	case exists:
		return may.update, repository.At(current.Revision), covers(may.update, current)
	case !may.creates:
		return policy.Right{}, repository.Absent, missing()
	}
	return may.create, repository.Absent, nil
}

// covers returns why the right does not cover a record that exists for the caller.
func covers(right policy.Right, current record.Record) error {
	if query.Match(right.Where, current.Fields) {
		return nil
	}
	return fault.New(fault.Forbidden, "core.write", "you may not change this record").Coded("row-policy")
}

// unmet marks a condition of the caller's that does not hold: to try again
// would not help.
type unmet struct{ why *fault.Error }

func (e *unmet) Error() string { return e.why.Error() }
func (e *unmet) Unwrap() error { return e.why }

func isUnmet(err error) bool { return errors.As(err, new(*unmet)) }

func busy() error {
	return fault.New(fault.Unavailable, "core.write", "the record changes too often to be written now").Coded("busy")
}

// unseen returns the error for a record that does not exist for the caller: that of
// one that is not there, so that a condition does not tell which of them it is.
func (cond Condition) unseen() error {
	if err := cond.check(record.Record{}, false); err != nil {
		return err
	}
	return missing()
}

// check returns the error for a record that is not as the caller requires.
func (cond Condition) check(current record.Record, exists bool) error {
	switch {
	case cond.Absent && exists:
		return &unmet{fault.New(fault.Stale, "core.write", "there is a record with this id already").Coded("exists")}
	case (cond.Exists || len(cond.Revisions) > 0) && !exists:
		return &unmet{fault.New(fault.Stale, "core.write", "there is no record with this id").Coded("missing")}
	case len(cond.Revisions) > 0 && !slices.Contains(cond.Revisions, current.Revision):
		return &unmet{fault.New(fault.Stale, "core.write", "the record has changed since you read it").Coded("stale").
			Hinting("read it again and repeat the change with its new ETag")}
	}
	return nil
}
