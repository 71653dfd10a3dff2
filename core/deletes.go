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
// fault.Conflict. How.Once does not count: to delete again changes nothing.
func (a *API) Delete(ctx context.Context, who policy.Principal, collection, id string, how How) error {
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
		err = a.tryDelete(ctx, c, who, may, key, how)
		if kind := fault.KindOf(err); kind != fault.Stale || isUnmet(err) {
			return err
		}
	}
	return busy()
}

func (a *API) tryDelete(ctx context.Context, c *collection, who policy.Principal, may rights, id record.ID, how How) error {
	current, exists, err := a.read(ctx, c, id, c.deciding(nothing))
	if err != nil {
		return err
	}
	if may.hides(may.remove, current, exists) {
		return how.If.unseen()
	}
	if err := how.If.check(current, exists); err != nil {
		return err
	}
	if !exists {
		return missing()
	}
	if err := covers(may.remove, current); err != nil {
		return err
	}
	batch := a.newBatch(c, who)
	batch.was = current.Fields
	batch.remove(id, repository.At(current.Revision))
	_, err = batch.apply(ctx, how, &Written{})
	return err
}

// DeleteMany removes all records that match the request's Filter and IDs and
// that the caller may read and delete, or none if there are more than most,
// which is at most [MaxDelete]. It returns how many it removed.
func (a *API) DeleteMany(ctx context.Context, who policy.Principal, collection string, req ListRequest, most int, how How) (Written, error) {
	c, right, err := a.gate(who, collection, policy.Delete)
	if err != nil {
		return Written{}, err
	}
	_, read, err := a.gate(who, collection, policy.Read) // who cannot see what matches cannot choose by it
	if err != nil {
		return Written{}, err
	}
	q, err := c.narrow(ListRequest{Filter: req.Filter, IDs: req.IDs, Long: req.Long}, read)
	if err != nil {
		return Written{}, err
	}
	most = min(most, MaxDelete)
	q.Filter = query.AllOf(q.Filter, right.Where)
	q.Fields, q.Needs, q.Limit = nil, c.caching.Scopes, most+1
	return a.once(ctx, who, c, how, func(how How) (Written, error) {
		for range attempts {
			written, err := a.tryDeleteMany(ctx, c, who, q, most, how)
			if fault.KindOf(err) != fault.Stale {
				return written, err
			}
		}
		return Written{}, busy()
	})
}

func (a *API) tryDeleteMany(ctx context.Context, c *collection, who policy.Principal, q query.Query, most int, how How) (Written, error) {
	batch := a.newBatch(c, who)
	for {
		page, err := a.find(ctx, c, q)
		if err != nil {
			return Written{}, err
		}
		for _, row := range page.Rows {
			batch.remove(row.ID, repository.At(row.Revision))
			batch.left(row.Values)
		}
		if len(batch.records) > most {
			return Written{}, fault.New(fault.Refused, "core.DeleteMany", "more records match than the %d allowed, so none was deleted", most).
				Coded("too-many-affected").Hinting("narrow the filter, or allow more with Prefer: max-affected, up to %d", MaxDelete)
		}
		if page.Next == "" {
			break
		}
		q.After = page.Next
	}
	written := Written{Deleted: len(batch.records)}
	if _, err := batch.apply(ctx, how, &written); err != nil {
		return Written{}, err
	}
	return written, nil
}
