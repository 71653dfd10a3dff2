package core

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/policy"
	"github.com/portolan-io/portolan/core/query"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/ports/repository"
)

// MaxCreate is the most records that one Create stores.
const MaxCreate = 200

// Create stores new records, given as JSON objects: all of them or none, or with
// How.Each those that can be stored. The Place of an error names the record by
// its position, "/3/price", if there are several.
func (a *API) Create(ctx context.Context, who policy.Principal, collection string, bodies [][]byte, how How) (Written, error) {
	c, right, err := a.gate(who, collection, policy.Create)
	if err != nil {
		return Written{}, err
	}
	if len(bodies) > MaxCreate {
		return Written{}, fault.New(fault.TooLarge, "core.Create", "%d records are more than %d in one request", len(bodies), MaxCreate).
			Coded("too-many-records").Hinting("send fewer at once, or all of them to $import, which replaces what is there")
	}
	return a.once(ctx, who, c, how, func(how How) (Written, error) {
		records, failed := a.fresh(c, right, bodies)
		rows := rows{a: a, c: c, who: who, may: c.alongside(who, policy.Create, right), records: records, failed: failed}
		if how.Each {
			return rows.createEach(ctx, how)
		}
		if err := together(failed); err != nil {
			return Written{}, err
		}
		written, err := rows.create(ctx, how)
		return written, several(err, len(bodies))
	})
}

// fresh decodes and checks new records, and says what is wrong with each.
func (a *API) fresh(c *collection, right policy.Right, bodies [][]byte) ([]record.Record, []error) {
	records, failed := make([]record.Record, len(bodies)), make([]error, len(bodies))
	seen := make(map[record.ID]bool, len(bodies))
	for i, body := range bodies {
		r, err := a.accept(c, right, body)
		if err == nil && seen[r.ID] {
			err = fault.New(fault.Exists, "core.Create", "an earlier record of the request has this id").
				At(fault.Place{Pointer: "/" + c.IDField().Name, Code: "duplicate-id", Detail: "the id is given twice"})
		}
		if err != nil {
			failed[i] = err
			continue
		}
		seen[r.ID] = true
		records[i] = r
	}
	return records, failed
}

// together gathers what is wrong with all records into one error, or nil.
func together(failed []error) error {
	var wrong *fault.Error
	for i, err := range failed {
		if err != nil {
			wrong = gathered(wrong, err, i, len(failed))
		}
	}
	if wrong == nil {
		return nil
	}
	return wrong
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
			Coded("invalid-record").At(c.shownPlaces(right, places)...)
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

// shownPlaces returns the places without the names of fields that are hidden
// from the caller, who can neither have put them wrong nor put them right.
func (c *collection) shownPlaces(right policy.Right, places []fault.Place) []fault.Place {
	if right.Hidden == nil {
		return places
	}
	shown := places[:0:0]
	for _, place := range places {
		name, _, _ := strings.Cut(strings.TrimPrefix(place.Pointer, "/"), "/")
		if position, ok := c.Position(name); ok && right.Hidden[position] {
			place = fault.Place{Code: "not-allowed", Detail: "a record needs more than this caller may write"}
		}
		if !slices.Contains(shown, place) {
			shown = append(shown, place)
		}
	}
	return shown
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
