package layer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/portolan-io/portolan/core/envelope"
	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/query"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/core/schema"
)

// padTo is what the octets of a value are a multiple of before it is sealed: else true and
// false, or the words of an enum, would be told apart by their lengths.
const padTo = 32

// seal returns the values of a record as they are stored.
func (e *Encrypted) seal(ctx context.Context, c *schema.Collection, id record.ID, fields []record.Value) ([]record.Value, error) {
	kept := append(make([]record.Value, 0, len(c.AtRest().Fields)), fields...)
	for i := range c.Fields {
		if !c.Fields[i].Encrypted {
			continue
		}
		if fields[i].IsNull() {
			kept = append(kept, record.Null)
			continue
		}
		sealed, err := e.sealValue(ctx, c, id, i, fields[i])
		if err != nil {
			return nil, err
		}
		kept = append(kept, sealed)
		kept[i] = record.Null
	}
	return kept, nil
}

// sealValue returns what is stored of a value that is not null.
func (e *Encrypted) sealValue(ctx context.Context, c *schema.Collection, id record.ID, position int, v record.Value) (record.Value, error) {
	if e.sealer == nil {
		return record.Null, keyless("layer.seal")
	}
	text := record.AppendValue(nil, v)
	text = append(text, bytes.Repeat([]byte{' '}, (padTo-len(text)%padTo)%padTo)...)
	sealed, err := e.sealer.Seal(ctx, placeOf(c, id, position), text)
	if err != nil {
		return record.Null, err
	}
	return record.Bytes(sealed), nil
}

func placeOf(c *schema.Collection, id record.ID, position int) envelope.Place {
	return envelope.Place{Collection: c.Name, ID: string(id), Field: c.Fields[position].Name}
}

func keyless(op string) error {
	return fault.New(fault.Unavailable, op, "a field is encrypted, and there are no keys").
		Coded(envelope.CodeUnavailable).Hinting("write keys: {driver: local, …} in the configuration")
}

// openValue returns the value of an encrypted field, of which the store has what was sealed,
// or what somebody stored who knows nothing of it being encrypted, which is the newer of the
// two: what is sealed empties the other.
func openValue(ctx context.Context, sealer *envelope.Sealer, c *schema.Collection, id record.ID, position int, sealed, before record.Value) (record.Value, error) {
	if sealed.IsNull() || !before.IsNull() {
		return before, nil
	}
	if sealer == nil {
		return record.Null, keyless("layer.open")
	}
	text, err := sealer.Open(ctx, placeOf(c, id, position), []byte(sealed.AsString()))
	if err != nil {
		return record.Null, located(c, position, err)
	}
	f := &c.Fields[position]
	v, err := f.FromJSON(bytes.TrimRight(text, " "))
	if err != nil { // the field had another type when it was stored
		return record.Null, located(c, position, fault.New(fault.Internal, "layer.open", "a value of the encrypted field %s of %s is not of type %s", f.Name, c.Name, f.Type).
			Coded(envelope.CodeDamaged))
	}
	return v, nil
}

// located has the cause of an error, which is for the log, say where the value is that does not open. The log
// has no ids of records, so that it says what names those.
func located(c *schema.Collection, position int, err error) error {
	var why *fault.Error
	if !errors.As(err, &why) {
		return err
	}
	told := *why
	told.Cause = fmt.Errorf("it is in %s of %s: portolan encrypt --collection %s --verify names each record", c.Fields[position].Name, c.Name, c.Name)
	if why.Cause != nil {
		told.Cause = fmt.Errorf("%w (%w)", why.Cause, told.Cause)
	}
	return &told
}

// A reading is a view as it is asked, and as the store is asked.
type reading struct {
	asked query.View
	kept  query.View

	needs  int   // how many of kept.Needs are asked.Needs
	opened []int // positions of the encrypted fields that are to be opened
	at     map[int]int
	shows  bool // an encrypted field is among asked.Fields
}

// newReading has the store asked for what the encrypted fields of the view are made from.
// If rows show one, their JSON is made anew, of values: the store then encodes what is
// sealed too, so that a page does not get longer than it may.
func newReading(view query.View) *reading {
	r := &reading{asked: view, kept: view, needs: len(view.Needs)}
	c := view.Collection
	r.kept.Collection = c.AtRest()
	hidden := func(position int) bool { return c.Fields[position].Encrypted }
	r.shows = slices.ContainsFunc(view.Fields, hidden)
	if !r.shows && !slices.ContainsFunc(view.Needs, hidden) {
		return r
	}
	r.kept.Needs = slices.Clone(view.Needs)
	r.at = make(map[int]int, len(c.Fields))
	for i, position := range r.kept.Needs {
		r.at[position] = i
	}
	for _, position := range slices.Concat(view.Needs, view.Fields) {
		if (hidden(position) || r.shows) && slices.Index(r.kept.Needs, position) < 0 {
			r.need(position)
		}
		if hidden(position) && !slices.Contains(r.opened, position) {
			r.opened = append(r.opened, position)
			r.need(c.Sealed(position))
		}
	}
	if r.shows {
		r.kept.As = nil
		r.kept.Fields = slices.Clone(view.Fields)
		for _, position := range r.opened {
			r.kept.Fields = append(r.kept.Fields, c.Sealed(position))
		}
	}
	return r
}

// need has rows carry one more value.
func (r *reading) need(position int) {
	r.at[position] = len(r.kept.Needs)
	r.kept.Needs = append(r.kept.Needs, position)
}

// ready has the keys known of what is to be opened.
func (r *reading) ready(ctx context.Context, sealer *envelope.Sealer, rows []record.Row) {
	if sealer == nil || len(rows) < 2 {
		return
	}
	sealed := make([][]byte, 0, len(rows)*len(r.opened))
	for i := range rows {
		for _, position := range r.opened {
			if v := rows[i].Values[r.at[r.asked.Collection.Sealed(position)]]; !v.IsNull() {
				text := v.AsString()
				sealed = append(sealed, []byte(text[:min(len(text), envelope.MaxHead)]))
			}
		}
	}
	sealer.Ready(ctx, sealed)
}

// open makes of the rows that the store returned those that were asked for.
func (r *reading) open(ctx context.Context, sealer *envelope.Sealer, rows []record.Row) error {
	if len(r.opened) == 0 {
		return nil
	}
	r.ready(ctx, sealer, rows)
	c, encoder := r.asked.Collection, record.NewEncoder(r.asked.Names())
	shown := make([]record.Value, len(r.asked.Fields))
	for i := range rows {
		row := &rows[i]
		for _, position := range r.opened {
			at, sealed := r.at[position], r.at[c.Sealed(position)]
			v, err := openValue(ctx, sealer, c, row.ID, position, row.Values[sealed], row.Values[at])
			if err != nil {
				return err
			}
			row.Values[at] = v
		}
		for j, position := range r.asked.Needs { // one that is there twice
			row.Values[j] = row.Values[r.at[position]]
		}
		if r.shows {
			for j, position := range r.asked.Fields {
				shown[j] = row.Values[r.at[position]]
			}
			row.JSON = encoder.Append(make([]byte, 0, len(row.JSON)), shown)
		}
		row.Values = row.Values[:r.needs:r.needs]
	}
	return nil
}
