package core

import (
	"context"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/policy"
	"github.com/portolan-io/portolan/core/query"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/ports/repository"
)

// MaxDelete is the most records that one DeleteMany removes.
const MaxDelete = 200

// Delete removes the record. A record that an enforced reference points to is
// fault.Conflict.
func (a *API) Delete(ctx context.Context, who policy.Principal, collection, id string, cond Condition) error {
	c, right, err := a.gate(who, collection, policy.Delete)
	if err != nil {
		return err
	}
	key, err := c.ParseID(id)
	if err != nil {
		return err
	}
	may := c.alongside(who, policy.Delete, right)
	for range attempts {
		err = a.tryDelete(ctx, c, may, key, cond)
		if kind := fault.KindOf(err); kind != fault.Stale || isUnmet(err) {
			return err
		}
	}
	return busy()
}

func (a *API) tryDelete(ctx context.Context, c *collection, may rights, id record.ID, cond Condition) error {
	current, exists, err := a.read(ctx, c, id)
	if err != nil {
		return err
	}
	if err := may.touch(current, exists, may.remove); err != nil {
		return err
	}
	if err := cond.check(current, exists); err != nil {
		return err
	}
	if !exists {
		return missing()
	}
	batch := newBatch(c)
	batch.remove(id, repository.At(current.Revision))
	_, err = batch.apply(ctx, a.store)
	return err
}

// DeleteMany removes all records that match the request's Filter and IDs and
// that the caller may read and delete, or none if there are more than most,
// which is at most [MaxDelete]. It returns how many it removed.
func (a *API) DeleteMany(ctx context.Context, who policy.Principal, collection string, req ListRequest, most int) (int, error) {
	c, right, err := a.gate(who, collection, policy.Delete)
	if err != nil {
		return 0, err
	}
	may := c.alongside(who, policy.Delete, right)
	q, err := c.narrow(ListRequest{Filter: req.Filter, IDs: req.IDs, Long: req.Long}, may.read)
	if err != nil {
		return 0, err
	}
	if !may.reads {
		q.Filter = query.Expr{Op: query.None}
	}
	q.Filter = query.AllOf(q.Filter, right.Where)
	q.Fields, q.Limit = nil, min(most, MaxDelete)+1
	for range attempts {
		n, err := a.tryDeleteMany(ctx, c, q, min(most, MaxDelete))
		if fault.KindOf(err) != fault.Stale {
			return n, err
		}
	}
	return 0, busy()
}

func (a *API) tryDeleteMany(ctx context.Context, c *collection, q query.Query, most int) (int, error) {
	batch := newBatch(c)
	for {
		page, err := a.find(ctx, c, q)
		if err != nil {
			return 0, err
		}
		for _, row := range page.Rows {
			batch.remove(row.ID, repository.At(row.Revision))
		}
		if n := len(batch.records); n > most {
			return 0, fault.New(fault.Refused, "core.DeleteMany", "more than %d records match, so none was deleted", most).
				Coded("too-many-affected").Hinting("narrow the filter, or allow more with Prefer: max-affected, up to %d", MaxDelete)
		}
		if page.Next == "" {
			break
		}
		q.After = page.Next
	}
	if len(batch.records) == 0 {
		return 0, nil
	}
	_, err := batch.apply(ctx, a.store)
	return len(batch.records), err
}
