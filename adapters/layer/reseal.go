package layer

import (
	"context"
	"errors"

	"github.com/portolan-io/portolan/core/envelope"
	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/query"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/core/schema"
	"github.com/portolan-io/portolan/ports/repository"
)

// resealAtOnce is how many records are rewritten in one batch.
const resealAtOnce = 100

// A Resealing says what Reseal does, and who is told of it. The zero Resealing stores
// everything anew that has to be, and tells nobody.
type Resealing struct {
	Dry    bool // store nothing, and only count
	Verify bool // store nothing, and open every value, not only those that would be stored anew

	Told     func(Resealed) // called behind each page; what it is given is not to be kept. Nil is not
	Unopened func(Unopened) // called for each value that does not open; nil is not
}

// An Unopened is a value that does not open.
type Unopened struct {
	ID    record.ID
	Field string
	Err   error // why: envelope.CodeDamaged, or envelope.CodeUnavailable if its key is lost
}

// A Resealed says how far a Reseal came. If nothing is stored Rewritten is what would be.
type Resealed struct {
	Records   int64 // looked at
	Plain     int64 // with a value that is not encrypted yet
	Older     int64 // with one under a key that is not the newest
	Damaged   int64 // with one that does not open, which stays as it is
	Rewritten int64 // stored anew
	Overtaken int64 // left alone, because somebody else wrote them meanwhile, which encrypts them too, if under the key the writer knew

	Clear    int64            // values that are not encrypted yet
	Under    map[string]int64 // values that are, by the name of the key, those that do not open among them
	Unopened int64            // values that do not open, of those that were tried
}

// Reseal stores every record of the collection anew that has a value which is not
// encrypted, or not under the newest key. A value that does not open is counted, told and
// left as it is, and the other values of its record are not. Records keep their
// revisions, because what they say does not change; those that are made of the row (managed:
// false) change with it. It may be called again, which goes on where it stopped, and while
// others write.
//
// Where no key can be had at all it stops with fault.Unavailable.
func (e *Encrypted) Reseal(ctx context.Context, c *schema.Collection, how Resealing) (Resealed, error) {
	r := resealing{Encrypted: e, c: c, how: how, done: Resealed{Under: map[string]int64{}}, lost: map[string]error{}}
	kept := c.AtRest()
	if kept == c {
		return r.done, fault.New(fault.Invalid, "layer.Reseal", "no field of %s is encrypted", c.Name).
			Hinting("write encrypted: true at the fields that are to be")
	}
	if e.sealer == nil {
		return r.done, keyless("layer.Reseal")
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
			return r.done, err
		}
		if err := r.page(ctx, page.Rows); err != nil {
			return r.done, err
		}
		if how.Told != nil {
			how.Told(r.done)
		}
		if q.After = page.Next; page.Next == "" {
			return r.done, nil
		}
	}
}

// A resealing is one call of Reseal.
type resealing struct {
	*Encrypted
	c    *schema.Collection
	how  Resealing
	done Resealed
	lost map[string]error // why the data key of a head cannot be had, though others can
}

// dry reports whether nothing is to be stored.
func (r *resealing) dry() bool { return r.how.Dry || r.how.Verify }

// page stores the rows anew that have to be, and counts them.
func (r *resealing) page(ctx context.Context, rows []record.Row) error {
	var batch []repository.Mutation
	for _, row := range rows {
		fields, err := r.row(ctx, row)
		switch {
		case err != nil:
			return err
		case fields != nil:
			batch = append(batch, repository.Mutation{
				Op: repository.Put, Collection: r.c.AtRest(), ID: row.ID, If: repository.At(row.Revision), Revision: row.Revision, Fields: fields,
			})
		}
	}
	if r.dry() {
		r.done.Rewritten += int64(len(batch))
		return nil
	}
	return r.rewrite(ctx, batch)
}

// row counts a row and its values, and returns what is to be stored in its place, or nil.
func (r *resealing) row(ctx context.Context, row record.Row) ([]record.Value, error) {
	fields := append([]record.Value(nil), row.Values...)
	var plain, older, damaged bool
	for i := range r.c.Fields {
		if !r.c.Fields[i].Encrypted {
			continue
		}
		is, err := r.value(ctx, row, fields, i)
		if err != nil {
			return nil, err
		}
		plain, older, damaged = plain || is == isPlain, older || is == isOlder, damaged || is == isDamaged
	}
	r.done.Records++
	if damaged {
		r.done.Damaged++
	}
	switch {
	case plain:
		r.done.Plain++
	case older:
		r.done.Older++
	default:
		return nil, nil
	}
	return fields, nil
}

// A state is what a value is that is stored.
type state uint8

const (
	isRight   state = iota // null, or under the newest key
	isPlain                // not encrypted
	isOlder                // under an older key
	isDamaged              // not to be opened
)

// value says what the value of an encrypted field is, and puts into fields what is to be
// stored of it.
func (r *resealing) value(ctx context.Context, row record.Row, fields []record.Value, position int) (state, error) {
	at := r.c.Sealed(position)
	before, sealed := row.Values[position], row.Values[at]
	is := isPlain
	switch {
	case !before.IsNull():
		r.done.Clear++
	case sealed.IsNull():
		return isRight, nil
	default:
		newest, err := r.under(ctx, sealed)
		if err != nil || newest && !r.how.Verify {
			return isRight, err
		}
		if is = isOlder; newest {
			is = isRight
		}
	}
	v, err := r.open(ctx, row.ID, position, sealed, before)
	switch {
	case errors.Is(err, errUnopened):
		return isDamaged, nil
	case err != nil || is == isRight || r.dry():
		return is, err
	}
	fields[position] = record.Null
	fields[at], err = r.sealValue(ctx, r.c, row.ID, position, v)
	return is, err
}

// under counts a sealed value under its key, and reports whether that is the newest.
func (r *resealing) under(ctx context.Context, sealed record.Value) (bool, error) {
	octets := []byte(sealed.AsString())
	if key, _, ok := envelope.HeadOf(octets); ok {
		r.done.Under[key]++
	}
	return r.sealer.Renewed(ctx, octets)
}

// errUnopened is that of a value that does not open, which was counted and told.
var errUnopened = errors.New("the value does not open")

// open is openValue, with errUnopened where not everything is at an end. That is when no key can be
// had at all: a data key of which that is known is not asked for again.
func (r *resealing) open(ctx context.Context, id record.ID, position int, sealed, before record.Value) (record.Value, error) {
	_, head, _ := envelope.HeadOf([]byte(sealed.AsString()))
	err, known := r.lost[string(head)]
	if !known || !before.IsNull() {
		var v record.Value
		if v, err = openValue(ctx, r.sealer, r.c, id, position, sealed, before); err == nil {
			return v, nil
		}
	}
	var why *fault.Error
	switch {
	case !errors.As(err, &why) || why.Code != envelope.CodeDamaged && why.Code != envelope.CodeUnavailable:
		return record.Null, err
	case why.Code == envelope.CodeUnavailable && !known:
		if err := r.sealer.Try(ctx); err != nil {
			return record.Null, err
		}
		r.lost[string(head)] = err
	}
	r.done.Unopened++
	if r.how.Unopened != nil {
		r.how.Unopened(Unopened{ID: id, Field: r.c.Fields[position].Name, Err: err})
	}
	return record.Null, errUnopened
}

// rewrite stores the batch, without what somebody else wrote or deleted meanwhile.
func (r *resealing) rewrite(ctx context.Context, batch []repository.Mutation) error {
	for len(batch) > 0 {
		_, err := r.Store.Apply(ctx, batch)
		var failed *repository.BatchError
		switch {
		case err == nil:
			r.done.Rewritten += int64(len(batch))
			return nil
		case !errors.As(err, &failed) || !errors.Is(err, fault.Stale):
			return err
		}
		r.done.Overtaken++
		batch = append(batch[:failed.Index:failed.Index], batch[failed.Index+1:]...)
	}
	return nil
}
