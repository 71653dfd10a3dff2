package core

import (
	"context"
	"errors"
	"slices"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/policy"
	"github.com/portolan-io/portolan/core/query"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/core/schema"
	"github.com/portolan-io/portolan/ports/repository"
)

// rows are the new records of one request.
type rows struct {
	a       *API
	c       *collection
	who     policy.Principal
	may     rights
	records []record.Record
	failed  []error // by position: why the record is not stored, or nil
}

// create stores, in one batch, the rows that have not failed.
func (rs *rows) create(ctx context.Context, how How) (Written, error) {
	batch := rs.a.newBatch(rs.c, rs.who)
	written := Written{Results: make([]Result, len(rs.records))}
	for i, r := range rs.records {
		if rs.failed[i] == nil {
			batch.put(r, repository.Absent)
			written.Results[i] = rs.c.shown(rs.may, r, true)
		}
	}
	if slices.ContainsFunc(rs.failed, func(err error) bool { return err != nil }) {
		written.Failed = rs.failed
	}
	if len(rs.records) == 1 {
		written.Result = written.Results[0]
	}
	outcomes, err := batch.apply(ctx, how, &written)
	if err != nil {
		return Written{}, err
	}
	for i := range written.Results {
		if rs.failed[i] == nil {
			written.Results[i].Revision = outcomes[0].Revision
			outcomes = outcomes[1:]
		}
	}
	if len(rs.records) == 1 {
		written.Result = written.Results[0]
	}
	return written, nil
}

// createEach stores the rows that can be stored. Which of them cannot it finds
// out by reading, because a batch tells of the first mistake alone: only what
// changes between reading and writing costs another attempt.
func (rs *rows) createEach(ctx context.Context, how How) (Written, error) {
	for range attempts {
		if err := rs.failTaken(ctx); err != nil {
			return Written{}, err
		}
		if err := rs.failDangling(ctx); err != nil {
			return Written{}, err
		}
		written, err := rs.create(ctx, how)
		var failed *repository.BatchError
		switch {
		case errors.As(err, &failed): // an id that was taken meanwhile, or a row that the store refuses
			rs.failed[rs.left()[failed.Index]] = failed.Err
		case err == nil || fault.Of(err).Code != codeDangling: // a reference that went meanwhile is found by reading
			return written, err
		}
	}
	return Written{}, busy()
}

// left returns the positions of the rows that have not failed.
func (rs *rows) left() []int {
	var left []int
	for i, err := range rs.failed {
		if err == nil {
			left = append(left, i)
		}
	}
	return left
}

// failTaken fails the rows whose ids other records have.
func (rs *rows) failTaken(ctx context.Context) error {
	left := rs.left()
	if rs.c.Generated || len(left) == 0 {
		return nil
	}
	ids := make([]record.ID, len(left))
	for i, at := range left {
		ids[i] = rs.records[at].ID
	}
	there, err := rs.a.existing(ctx, query.View{Collection: rs.c.Collection}, ids)
	if err != nil {
		return err
	}
	for _, at := range left {
		if there[rs.records[at].ID] {
			rs.failed[at] = repository.Absent.Check("core.Create", true, "")
		}
	}
	return nil
}

// existing returns which of the ids are those of records that the view shows.
func (a *API) existing(ctx context.Context, view query.View, ids []record.ID) (map[record.ID]bool, error) {
	there := make(map[record.ID]bool, len(ids))
	for some := range slices.Chunk(ids, MaxIDs) {
		found, err := a.store.Get(ctx, view, some)
		if err != nil {
			return nil, err
		}
		for _, row := range found {
			there[row.ID] = true
		}
	}
	return there, nil
}

// failDangling fails the rows that refer to what is not there, for the caller at
// least, and is not to be stored with them.
func (rs *rows) failDangling(ctx context.Context) error {
	there, err := rs.referred(ctx)
	if err != nil {
		return err
	}
	for again := true; again; { // a row that fails may leave others without what they refer to
		again = false
		own := make(map[record.ID]bool)
		for _, at := range rs.left() {
			own[rs.records[at].ID] = true
		}
		for _, at := range rs.left() {
			var wrong *fault.Error
			for _, out := range rs.c.outbound {
				v := rs.records[at].Fields[out.field]
				if v.IsNull() || there[out.to][valueID(v)] || out.to == rs.c.Collection && own[valueID(v)] {
					continue
				}
				if wrong == nil {
					wrong = dangles(rs.c, out.field)
				}
				wrong = wrong.At(out.missing())
			}
			if wrong != nil {
				rs.failed[at] = wrong
				again = true
			}
		}
	}
	return nil
}

// referred returns what of all that the rows refer to is there for the caller,
// by collection. Who may not read a collection at all may still refer to it, as
// in a batch.
func (rs *rows) referred(ctx context.Context) (map[*schema.Collection]map[record.ID]bool, error) {
	wanted := make(map[*schema.Collection][]record.ID)
	for _, at := range rs.left() {
		for _, out := range rs.c.outbound {
			if v := rs.records[at].Fields[out.field]; !v.IsNull() {
				wanted[out.to] = append(wanted[out.to], valueID(v))
			}
		}
	}
	there := make(map[*schema.Collection]map[record.ID]bool)
	for target, ids := range wanted {
		view := query.View{Collection: target}
		if right, ok := rs.a.collections[target.Name].access.For(rs.who, target, policy.Read); ok {
			view.Filter = right.Where
		}
		slices.Sort(ids)
		var err error
		if there[target], err = rs.a.existing(ctx, view, slices.Compact(ids)); err != nil {
			return nil, err
		}
	}
	return there, nil
}
