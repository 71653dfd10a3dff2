package layer

import (
	"context"
	"errors"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/query"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/core/schema"
	"github.com/portolan-io/portolan/ports/repository"
)

// resealAtOnce is how many records are rewritten in one batch.
const resealAtOnce = 100

// A Resealed says how far a Reseal came. Of a dry run Rewritten is what would be.
type Resealed struct {
	Records   int64 // looked at
	Plain     int64 // with a value that is not encrypted yet
	Older     int64 // with one under a key that is not the newest
	Rewritten int64 // stored anew
	Overtaken int64 // left alone, because somebody else wrote them meanwhile, which encrypts them too, if under the key the writer knew
}

// Reseal stores every record of the collection anew that has a value which is not
// encrypted, or not under the newest key; a dry run only counts them. Records keep their
// revisions, because what they say does not change; those that are made of the row (managed:
// false) change with it. It may be called again, which goes on where it stopped, and while
// others write. Tell, if not nil, is called behind each page.
func (e *Encrypted) Reseal(ctx context.Context, c *schema.Collection, dry bool, tell func(Resealed)) (Resealed, error) {
	var done Resealed
	kept := c.AtRest()
	if kept == c {
		return done, fault.New(fault.Invalid, "layer.Reseal", "no field of %s is encrypted", c.Name).
			Hinting("write encrypted: true at the fields that are to be")
	}
	if e.sealer == nil {
		return done, keyless("layer.Reseal")
	}
	q := query.Query{
		// What the store encodes nobody reads; but its octets are what ends a page.
		View:  query.View{Collection: kept, Fields: kept.All(), Needs: kept.All()},
		Order: query.Complete(nil, c.ID),
		Limit: resealAtOnce,
	}
	for {
		page, err := e.Store.Find(ctx, q)
		if err != nil {
			return done, err
		}
		batch, err := e.outdated(ctx, c, page.Rows, &done)
		if err != nil {
			return done, err
		}
		if dry {
			done.Rewritten += int64(len(batch))
		} else if err := e.rewrite(ctx, batch, &done); err != nil {
			return done, err
		}
		if tell != nil {
			tell(done)
		}
		if q.After = page.Next; page.Next == "" {
			return done, nil
		}
	}
}

// outdated returns what stores the rows anew that have to be, and counts them.
func (e *Encrypted) outdated(ctx context.Context, c *schema.Collection, rows []record.Row, done *Resealed) ([]repository.Mutation, error) {
	var batch []repository.Mutation
	for _, row := range rows {
		plain, older, err := e.state(ctx, c, row)
		if err != nil {
			return nil, err
		}
		done.Records++
		switch {
		case plain:
			done.Plain++
		case older:
			done.Older++
		default:
			continue
		}
		fields, err := e.opened(ctx, c, row)
		if err != nil {
			return nil, err
		}
		if fields, err = e.seal(ctx, c, row.ID, fields); err != nil {
			return nil, err
		}
		batch = append(batch, repository.Mutation{
			Op: repository.Put, Collection: c.AtRest(), ID: row.ID, If: repository.At(row.Revision), Revision: row.Revision, Fields: fields,
		})
	}
	return batch, nil
}

// state reports whether a value of the row is not encrypted, or under an older key.
func (e *Encrypted) state(ctx context.Context, c *schema.Collection, row record.Row) (plain, older bool, err error) {
	for i := range c.Fields {
		if !c.Fields[i].Encrypted {
			continue
		}
		plain = plain || !row.Values[i].IsNull()
		sealed := row.Values[c.Sealed(i)]
		if sealed.IsNull() {
			continue
		}
		newest, err := e.sealer.Renewed(ctx, []byte(sealed.AsString()))
		if err != nil {
			return false, false, err
		}
		older = older || !newest
	}
	return plain, older, nil
}

// opened returns the values of a row that carries all that is stored of it.
func (e *Encrypted) opened(ctx context.Context, c *schema.Collection, row record.Row) ([]record.Value, error) {
	fields := append([]record.Value(nil), row.Values[:len(c.Fields)]...)
	for i := range fields {
		if !c.Fields[i].Encrypted {
			continue
		}
		var err error
		if fields[i], err = openValue(ctx, e.sealer, c, row.ID, i, row.Values[c.Sealed(i)], fields[i]); err != nil {
			return nil, err
		}
	}
	return fields, nil
}

// rewrite stores the batch, without what somebody else wrote or deleted meanwhile.
func (e *Encrypted) rewrite(ctx context.Context, batch []repository.Mutation, done *Resealed) error {
	for len(batch) > 0 {
		_, err := e.Store.Apply(ctx, batch)
		var failed *repository.BatchError
		switch {
		case err == nil:
			done.Rewritten += int64(len(batch))
			return nil
		case !errors.As(err, &failed) || !errors.Is(err, fault.Stale):
			return err
		}
		done.Overtaken++
		batch = append(batch[:failed.Index:failed.Index], batch[failed.Index+1:]...)
	}
	return nil
}
