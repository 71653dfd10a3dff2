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
	"github.com/portolan-io/portolan/ports/repository"
)

// MaxCreate is the most records that one Create stores.
const MaxCreate = 200

// attempts is how often a write that read the record first is tried anew when
// another write came between, before the caller is told.
const attempts = 64

// Create stores new records, given as JSON objects: all of them or none. The
// Place of an error names the record by its position, "/3/price", if there are
// several.
func (a *API) Create(ctx context.Context, who policy.Principal, collection string, bodies [][]byte) ([]Result, error) {
	c, right, err := a.gate(who, collection, policy.Create)
	if err != nil {
		return nil, err
	}
	if len(bodies) > MaxCreate {
		return nil, fault.New(fault.TooLarge, "core.Create", "%d records are more than %d in one request", len(bodies), MaxCreate).
			Coded("too-many-records").Hinting("send fewer at once, or import them")
	}
	records, err := a.fresh(c, right, bodies)
	if err != nil {
		return nil, err
	}
	batch := newBatch(c)
	for _, r := range records {
		batch.put(r, repository.Absent)
	}
	outcomes, err := batch.apply(ctx, a.store)
	if err != nil {
		return nil, several(err, len(bodies))
	}
	may := c.alongside(who, policy.Create, right)
	results := make([]Result, len(records))
	for i, r := range records {
		r.Revision = outcomes[i].Revision
		results[i] = c.shown(may, r, true)
	}
	return results, nil
}

// fresh decodes and checks new records, and gathers what is wrong with all of them.
func (a *API) fresh(c *collection, right policy.Right, bodies [][]byte) ([]record.Record, error) {
	records := make([]record.Record, len(bodies))
	seen := make(map[record.ID]int, len(bodies))
	var wrong *fault.Error
	for i, body := range bodies {
		r, err := a.accept(c, right, body)
		if first, twice := seen[r.ID]; err == nil && twice {
			err = fault.New(fault.Exists, "core.Create", "a record with this id stands at %d already", first).
				At(fault.Place{Pointer: "/" + c.IDField().Name, Code: "duplicate-id", Detail: "the id is given twice"})
		}
		if err != nil {
			wrong = gathered(wrong, err, i, len(bodies))
			continue
		}
		seen[r.ID] = i
		records[i] = r
	}
	if wrong != nil {
		return nil, wrong
	}
	return records, nil
}

// accept decodes one new record and makes it whole: id, revision, derived fields.
func (a *API) accept(c *collection, right policy.Right, body []byte) (record.Record, error) {
	fields, err := c.Decode(body, right.Hidden, right.ReadOnly)
	if err != nil {
		return record.Record{}, err
	}
	if c.Generated {
		fields[c.ID] = c.IDValue(record.NewUUID(a.now()))
	}
	return a.finish(c, right, fields)
}

// finish computes what is derived, checks every rule and the policy, and gives
// the record its revision.
func (a *API) finish(c *collection, right policy.Right, fields []record.Value) (record.Record, error) {
	places := c.derived.Apply(fields)
	places = append(places, c.Check(fields)...)
	if len(places) > 0 {
		return record.Record{}, fault.New(fault.Invalid, "core.write", "the record breaks the rules of %s", c.Name).
			Coded("invalid-record").At(places...)
	}
	id, err := c.IDOf(fields)
	if err != nil {
		return record.Record{}, err
	}
	if !query.Match(right.Where, fields) {
		return record.Record{}, fault.New(fault.Forbidden, "core.write", "you may not store a record like this in %s", c.Name).
			Coded("row-policy")
	}
	return record.Record{ID: id, Revision: record.NewRevision(a.now()), Fields: fields}, nil
}

// Replace stores the JSON object as the record of the given id, creating it if
// there is none.
//
// Fields that the caller may not write stay as they are. A record that the
// caller may not read is fault.NotFound and untouched.
func (a *API) Replace(ctx context.Context, who policy.Principal, collection, id string, body []byte, cond Condition) (Result, error) {
	c, right, err := a.gate(who, collection, writes(cond))
	if err != nil {
		return Result{}, err
	}
	may := c.alongside(who, policy.Update, right)
	return a.change(ctx, c, may, id, cond, func(current record.Record, exists bool) ([]record.Value, error) {
		fields, err := c.DecodeAs(current.ID, body, right.Hidden, right.ReadOnly)
		if err != nil || !exists {
			return fields, err
		}
		return c.keep(right, current.Fields, fields), nil
	})
}

// writes returns what a replacement under cond does: one that may only create
// needs no right to update.
func writes(cond Condition) policy.Action {
	if cond.Absent {
		return policy.Create
	}
	return policy.Update
}

// keep puts back the fields that the right does not let the caller write.
func (c *collection) keep(right policy.Right, current, fields []record.Value) []record.Value {
	for i := range fields {
		if right.Hidden != nil && right.Hidden[i] || right.ReadOnly != nil && right.ReadOnly[i] || c.Fields[i].ReadOnly {
			fields[i] = current[i]
		}
	}
	return fields
}

// Patch changes the record by a JSON merge patch (RFC 7396).
func (a *API) Patch(ctx context.Context, who policy.Principal, collection, id string, patch []byte, cond Condition) (Result, error) {
	c, right, err := a.gate(who, collection, policy.Update)
	if err != nil {
		return Result{}, err
	}
	may := c.alongside(who, policy.Update, right)
	cond.Exists = true
	return a.change(ctx, c, may, id, cond, func(current record.Record, exists bool) ([]record.Value, error) {
		if !exists {
			return nil, missing()
		}
		return c.Merge(current.Fields, patch, right.Hidden, right.ReadOnly)
	})
}

// change reads the record, lets edit make the new fields, and writes them on
// condition that the record is still as it was read. If it is not, and the
// caller did not ask for one revision, it begins again.
func (a *API) change(ctx context.Context, c *collection, may rights, id string, cond Condition,
	edit func(current record.Record, exists bool) ([]record.Value, error),
) (Result, error) {
	key, err := c.ParseID(id)
	if err != nil {
		return Result{}, err
	}
	for range attempts {
		result, err := a.tryChange(ctx, c, may, key, cond, edit)
		if kind := fault.KindOf(err); kind != fault.Stale && kind != fault.Exists || isUnmet(err) {
			return result, err
		}
	}
	return Result{}, busy()
}

func (a *API) tryChange(ctx context.Context, c *collection, may rights, id record.ID, cond Condition,
	edit func(record.Record, bool) ([]record.Value, error),
) (Result, error) {
	current, exists, err := a.read(ctx, c, id)
	if err != nil {
		return Result{}, err
	}
	if err := may.touch(current, exists, may.update); err != nil {
		return Result{}, err
	}
	right, precondition := may.update, repository.At(current.Revision)
	if !exists {
		right, precondition = may.create, repository.Absent
	}
	fields, err := edit(current, exists)
	if err != nil {
		return Result{}, err
	}
	if err := cond.check(current, exists); err != nil {
		return Result{}, err
	}
	if !exists && !may.creates {
		return Result{}, missing()
	}
	next, err := a.finish(c, right, fields)
	if err != nil {
		return Result{}, err
	}
	batch := newBatch(c)
	batch.put(next, precondition)
	outcomes, err := batch.apply(ctx, a.store)
	if err != nil {
		return Result{}, err
	}
	next.Revision = outcomes[0].Revision
	return c.shown(may, next, !exists), nil
}

// touch reports why the caller may not change the record: what it may not read
// does not exist for it, and what it may read but not change is forbidden.
func (may rights) touch(current record.Record, exists bool, right policy.Right) error {
	switch {
	case !exists:
		return nil
	case may.reads && !query.Match(may.read.Where, current.Fields):
		return missing()
	case !query.Match(right.Where, current.Fields):
		if may.reads {
			return fault.New(fault.Forbidden, "core.write", "you may not change this record").Coded("row-policy")
		}
		return missing()
	}
	return nil
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

// gathered adds err, of the i-th of n records, to what was wrong before.
func gathered(before *fault.Error, err error, i, n int) *fault.Error {
	classified := *fault.Of(err)
	if n > 1 {
		classified.Places = located(classified, i)
	}
	if before == nil {
		return &classified
	}
	before.Places = append(before.Places, classified.Places...)
	return before
}

// located returns the places of an error of the i-th record, at least one.
func located(err fault.Error, i int) []fault.Place {
	prefix := "/" + strconv.Itoa(i)
	if len(err.Places) == 0 {
		return []fault.Place{{Pointer: prefix, Code: err.Code, Detail: err.Detail}}
	}
	places := slices.Clone(err.Places)
	for j := range places {
		places[j].Pointer = prefix + places[j].Pointer
	}
	return places
}

// several names the record that a batch of n failed by, if there are several.
func several(err error, n int) error {
	var failed *repository.BatchError
	if n < 2 || !errors.As(err, &failed) || failed.Index >= n {
		return err
	}
	return gathered(nil, failed.Err, failed.Index, n)
}
