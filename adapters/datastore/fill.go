package datastore

import (
	"context"
	"encoding/json"
	"errors"
	"maps"

	"cloud.google.com/go/datastore"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/core/schema"
)

// progressKind is the kind in which a fill that is under way keeps how far it is: an
// entity for each kind, of its name. It is not in that of columnsKind, which every
// writer reads: those would begin anew whenever the fill goes on.
const progressKind = "_portolan_filling"

// A progress says that all entities up to the last one have what is wanted. It stays
// true, because whoever writes gives them all columns; and of two processes that fill
// the same, each says what is true.
type progress struct {
	Wanted string         `datastore:"wanted,noindex"` // as fillings writes it
	Last   *datastore.Key `datastore:"last,noindex"`
}

// fillings writes down the columns that entities from before are still given.
func (c columns) fillings() (string, error) {
	wanted := maps.Clone(c)
	maps.DeleteFunc(wanted, func(_ string, column column) bool { return !column.Filling })
	text, err := json.Marshal(wanted) // in the order of their names
	return string(text), err
}

// filledTo returns the last entity that has what is wanted, or nil if a fill of just
// that is not under way.
func (s *Store) filledTo(ctx context.Context, op, kind, wanted string) (last *datastore.Key, err error) {
	err = s.read(ctx, op, func(v snapshot) error {
		var done progress
		switch err := v.tx.Get(s.key(progressKind, kind), &done); {
		case errors.Is(err, datastore.ErrNoSuchEntity):
			last = nil
		case err != nil:
			return err
		case done.Wanted == wanted:
			last = done.Last
		}
		return nil
	})
	return last, err
}

// fillRows is how many entities one transaction gives what is new at most.
const fillRows = 100

// fill gives the entities of the kind what they lack of its columns, from where who was
// stopped left off.
func (s *Store) fill(ctx context.Context, op string, c *schema.Collection, filled columns) error {
	kind := c.TableName()
	wanted, err := filled.fillings()
	if err != nil {
		return err
	}
	last, err := s.filledTo(ctx, op, kind, wanted)
	if err != nil {
		return err
	}
	for {
		keys, err := s.next(ctx, op, c, last)
		if err != nil {
			return err
		}
		if len(keys) == 0 {
			break
		}
		if err := s.refill(ctx, op, c, keys, wanted); err != nil {
			return err
		}
		last = keys[len(keys)-1]
	}
	return s.write(ctx, op, func(v snapshot) error {
		entries, err := s.entries(v.tx, []string{kind})
		if err != nil || entries[0] == nil {
			return err
		}
		for name, column := range filled { // what others have added since is for them to fill
			if entries[0].columns[name] == column {
				column.Filling = false
				entries[0].columns[name] = column
			}
		}
		if _, err = v.tx.Put(s.key(columnsKind, kind), entries[0]); err != nil {
			return err
		}
		return v.tx.Delete(s.key(progressKind, kind))
	})
}

// next returns the keys of the entities behind the last one.
func (s *Store) next(ctx context.Context, op string, c *schema.Collection, last *datastore.Key) (keys []*datastore.Key, err error) {
	err = s.read(ctx, op, func(v snapshot) error {
		q := datastore.NewQuery(c.TableName()).Namespace(s.cfg.Namespace).Transaction(v.tx).KeysOnly().Limit(fillRows).Order("__key__")
		if last != nil {
			q = q.FilterField("__key__", ">", last)
		}
		var err error
		keys, err = s.client.GetAll(v.ctx, q, nil)
		return err
	})
	return keys, err
}

// refill writes the entities anew, in which nothing else changes, and how far it is with
// what is wanted. If they are too many octets for a transaction, they are parted.
func (s *Store) refill(ctx context.Context, op string, c *schema.Collection, keys []*datastore.Key, wanted string) error {
	release, err := s.latches.hold(ctx, keys, nil)
	if err != nil {
		return err
	}
	size := 0
	err = s.write(ctx, op, func(v snapshot) error {
		entries, err := s.entries(v.tx, []string{c.TableName()})
		if err != nil || entries[0] == nil {
			return err
		}
		r := &reader{snapshot: v, store: s, of: c}
		ids := make([]record.ID, len(keys))
		for i, k := range keys {
			ids[i], _ = idOf(k)
		}
		found, err := r.lookup(ids)
		if err != nil || len(found) == 0 {
			return err
		}
		written := make([]*datastore.Key, len(found))
		size = 0
		for i, e := range found {
			if err := e.fits(op, entries[0].columns); err != nil {
				return err
			}
			e.columns = entries[0].columns
			written[i], _ = s.idKey(c, e.id())
			size += e.size()
		}
		if size > maxLoadBytes && len(keys) > 1 {
			return nil
		}
		if _, err = v.tx.PutMulti(written, found); err != nil {
			return err
		}
		_, err = v.tx.Put(s.key(progressKind, c.TableName()), &progress{Wanted: wanted, Last: keys[len(keys)-1]})
		return err
	})
	release()
	if err != nil || size <= maxLoadBytes || len(keys) == 1 {
		return err
	}
	half := len(keys) / 2
	if err := s.refill(ctx, op, c, keys[:half], wanted); err != nil {
		return err
	}
	return s.refill(ctx, op, c, keys[half:], wanted)
}

// fits returns fault.Conflict if a text is too long for the index that it is to have.
func (e *entity) fits(op string, of columns) error {
	for i := range e.of.Fields {
		name := e.of.Fields[i].Name
		if indexed(e.of, i) && of[name].Filling && long(e.values[i]) {
			return fault.New(fault.Conflict, op, "what is stored does not fit the collections").Coded("schema-conflict").
				At(fault.Place{Pointer: e.of.Name + "/" + name, Code: "too-long", Detail: "a record has a longer text than its max allows"}).
				Hinting("raise the max of the field, or shorten what is longer")
		}
	}
	return nil
}
