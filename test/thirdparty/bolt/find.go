package bolt

import (
	"bytes"
	"context"

	"go.etcd.io/bbolt"

	"github.com/portolan-io/portolan/core/query"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/ports/repository"
)

// Get implements repository.Store.
func (s *Store) Get(ctx context.Context, view query.View, ids []record.ID) ([]record.Row, error) {
	const op = "bolt.Get"
	rows, seen := make([]record.Row, 0, len(ids)), make(map[record.ID]bool, len(ids))
	err := s.read(ctx, op, func(tx *bbolt.Tx) error {
		t, err := tableOf(tx, op, view.Collection)
		if err != nil {
			return err
		}
		shown := newShown(view)
		for _, id := range ids {
			r, err := t.get(op, id)
			if err != nil {
				return err
			}
			if r != nil && !seen[id] && query.Match(view.Filter, r.values) {
				seen[id] = true
				rows = append(rows, shown.row(r))
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return rows, nil
}

// A shown is what rows show of records.
type shown struct {
	query.View
	encoder *record.Encoder
}

func newShown(view query.View) shown { return shown{view, record.NewEncoder(view.Names())} }

func (s shown) row(r *stored) record.Row {
	return record.Row{
		ID: r.id, Revision: r.revision,
		JSON:   s.encoder.Append(nil, pick(r.values, s.Fields)),
		Values: pick(r.values, s.Needs),
	}
}

// Find reads on from the cursor, in the order of the ids.
func (s *Store) Find(ctx context.Context, q query.Query) (repository.Page, error) {
	const op = "bolt.Find"
	var page repository.Page
	err := s.read(ctx, op, func(tx *bbolt.Tx) (err error) {
		t, err := tableOf(tx, op, q.Collection)
		if err != nil {
			return err
		}
		var after record.ID
		if q.After != "" {
			values, err := repository.DecodeCursor(op, q)
			if err != nil {
				return err
			}
			if after, err = q.Collection.IDOf(byField(q, values)); err != nil {
				return err
			}
		}
		if err := checkOrder(op, q); err != nil {
			return err
		}
		page, err = t.page(ctx, op, q, after)
		return err
	})
	if err != nil {
		return repository.Page{}, err
	}
	return page, nil
}

// byField returns the values of a cursor by field.
func byField(q query.Query, values []record.Value) []record.Value {
	fields := make([]record.Value, len(q.Collection.Fields))
	for i, key := range q.Order {
		fields[key.Field] = values[i]
	}
	return fields
}

// page returns the page behind the id, or the first for an empty one.
func (t table) page(ctx context.Context, op string, q query.Query, after record.ID) (repository.Page, error) {
	var page repository.Page
	shown := newShown(q.View)
	var last *stored
	looked, read, size := 0, 0, 0
	err := t.scan(ctx, op, after, q.Order[0].Desc, func(r *stored) (bool, error) {
		matches := query.Match(q.Filter, r.values)
		full := len(page.Rows) == q.Limit || size > repository.MaxPageBytes || q.Keep != nil && read == max(q.Scan, 1)
		switch {
		case looked == t.of.MaxScan || full && matches: // a next page may be empty only for want of a scan
			page.Next = repository.EncodeCursor(q, pick(last.values, []int{t.of.ID}))
			return false, nil
		case !matches:
			looked++
			last = r
			return true, nil
		}
		looked++
		read++
		last = r
		if q.Keep == nil || q.Keep(pick(r.values, q.Needs)) {
			row := shown.row(r)
			size += len(row.JSON)
			page.Rows = append(page.Rows, row)
		}
		return true, nil
	})
	return page, err
}

// scan gives the records behind the id, until it is told to stop or ctx is done.
func (t table) scan(ctx context.Context, op string, after record.ID, down bool, next func(*stored) (bool, error)) error {
	cursor := t.records.Cursor()
	step, key, text := cursor.Next, []byte(nil), []byte(nil)
	if down {
		step = cursor.Prev
	}
	switch from := t.key(after); {
	case len(from) == 0 && down:
		key, text = cursor.Last()
	case len(from) == 0:
		key, text = cursor.First()
	default:
		if key, text = cursor.Seek(from); down && key == nil { // what is behind it is gone
			key, text = cursor.Last()
		}
		for key != nil && (!down && bytes.Compare(key, from) <= 0 || down && bytes.Compare(key, from) >= 0) {
			key, text = step()
		}
	}
	for ; key != nil; key, text = step() {
		if err := ctx.Err(); err != nil {
			return err
		}
		r, err := t.decode(op, key, text)
		if err != nil {
			return err
		}
		if more, err := next(r); err != nil || !more {
			return err
		}
	}
	return nil
}

// Aggregate reads all records, if these are not more than MaxScan.
func (s *Store) Aggregate(ctx context.Context, a query.Aggregation) ([]query.Group, error) {
	const op = "bolt.Aggregate"
	var groups []query.Group
	err := s.read(ctx, op, func(tx *bbolt.Tx) error {
		t, err := tableOf(tx, op, a.Collection)
		if err != nil {
			return err
		}
		fold, read := query.NewFold(a), 0
		err = t.scan(ctx, op, "", false, func(r *stored) (bool, error) {
			if read++; read > a.Collection.MaxScan {
				return false, needsIndex(op, "would read more records than the collection's max_scan for the aggregation")
			}
			return true, fold.Add(r.values)
		})
		if err != nil {
			return err
		}
		if groups, err = fold.Groups(); err != nil {
			return err
		}
		return repository.CheckGroups(op, groups)
	})
	if err != nil {
		return nil, err
	}
	return groups, nil
}
