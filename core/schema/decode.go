package schema

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/record"
)

// Decode returns the values of a new record, in the order of Fields, from a
// strict JSON object; what it does not hold is null. hidden and readOnly say,
// by field, what does not exist for the caller and what it may not write; nil
// is nothing. What only the server sets, a generated id among it, is refused
// like what the caller may not write.
//
// Errors are fault.Invalid, with a Place for each mistake, at most 100. Decode
// answers what can be read at all: the rules of the fields are for Check.
func (c *Collection) Decode(body []byte, hidden, readOnly []bool) ([]record.Value, error) {
	d := decoder{Collection: c, hidden: hidden, readOnly: readOnly}
	return d.decode("schema.Decode", body, make([]record.Value, len(c.Fields)))
}

// DecodeAs is Decode for the record that is to have the given id: the body may
// leave the id out, also a generated one, but not name another. current are the
// values of the record as it is, or nil if there is none: what the caller may
// not write it may give as it is, so that what was read can be put back.
func (c *Collection) DecodeAs(id record.ID, current []record.Value, body []byte, hidden, readOnly []bool) ([]record.Value, error) {
	d := decoder{Collection: c, hidden: hidden, readOnly: readOnly, id: c.IDValue(id), current: current}
	values := make([]record.Value, len(c.Fields))
	values[c.ID] = d.id
	return d.decode("schema.Decode", body, values)
}

// Restore is Decode for a record as it was exported, not as a caller makes it:
// it also takes what only the server sets.
func (c *Collection) Restore(body []byte) ([]record.Value, error) {
	d := decoder{Collection: c, restoring: true}
	return d.decode("schema.Restore", body, make([]record.Value, len(c.Fields)))
}

// DecodeRow is Decode for a row of an import, which may be what a list answered:
// it also takes a generated id, which names the record as the path of a PUT does,
// and passes over what is derived, which is computed anew in any case.
func (c *Collection) DecodeRow(body []byte) ([]record.Value, error) {
	d := decoder{Collection: c, importing: true}
	return d.decode("schema.DecodeRow", body, make([]record.Value, len(c.Fields)))
}

// Merge returns the values of a record after a JSON merge patch (RFC 7396): a
// null makes a field null, what the patch does not hold stays, and a field of
// type json is merged deeply. The id may be given, but not changed; else Merge
// refuses what Decode refuses, except what the caller may not write but gives as
// it is. It does not change current.
func (c *Collection) Merge(current []record.Value, patch []byte, hidden, readOnly []bool) ([]record.Value, error) {
	d := decoder{Collection: c, hidden: hidden, readOnly: readOnly, merging: true, id: current[c.ID], current: current}
	return d.decode("schema.Merge", patch, slices.Clone(current))
}

// maxPlaces is how many mistakes an answer names: enough to mend them, too few
// to make answering dear.
const maxPlaces = 100

// A decoder reads one object into values and gathers what is wrong with it.
type decoder struct {
	*Collection
	hidden, readOnly []bool
	restoring        bool
	importing        bool
	merging          bool
	id               record.Value   // the id that the record has already, or null
	current          []record.Value // the record as it is, or nil

	r       *record.Reader
	places  []fault.Place
	unknown bool // some property was
}

func (d *decoder) decode(op string, body []byte, values []record.Value) ([]record.Value, error) {
	d.r = record.NewReader(body)
	if kind := d.r.Peek(); kind != record.ObjectKind && kind != 0 {
		d.wrong("wrong-type", "a record is a JSON object, not %s", kindNames[kind])
		d.r.Skip()
	} else {
		d.members(values)
	}
	if err := d.r.End(); err != nil {
		broken := fault.Of(err)
		broken.Op = op
		broken.Places = append(d.places, broken.Places...)
		return nil, broken
	}
	if err := refusal(op, d.places); err != nil {
		if d.unknown {
			err.Hinting("%s", d.known())
		}
		return nil, err
	}
	return values, nil
}

func (d *decoder) members(values []record.Value) {
	var few [64]bool // keeps seen off the heap
	var seen []bool
	if n := len(values); n <= len(few) {
		seen = few[:n]
	} else {
		seen = make([]bool, n)
	}
	d.r.EnterObject()
	expected := 0 // most objects have their members in the order of the fields
	for key, ok := d.r.NextMember(); ok; key, ok = d.r.NextMember() {
		i, known := expected, expected < len(d.Fields) && d.Fields[expected].Name == key
		if !known {
			i, known = d.positions[key]
		}
		if !known || flagged(d.hidden, i) {
			d.refuseUnknown(key)
			d.r.Skip()
			continue
		}
		expected = i + 1
		if seen[i] {
			d.wrong("duplicate-key", "the key is there more than once")
			d.r.Skip()
			continue
		}
		seen[i] = true
		d.member(values, i)
	}
}

// member reads the value of the i-th field.
func (d *decoder) member(values []record.Value, i int) {
	f := &d.Fields[i]
	identified := i == d.ID && !d.id.IsNull()
	switch {
	case d.restoring, identified: // an id that changes is refused below
	case d.importing && f.Derive != "":
		d.r.Skip()
		return
	case d.importing && i == d.ID:
	case f.ReadOnly:
		d.unwritable(values, i, f.Name+" is set by the server alone")
		return
	case flagged(d.readOnly, i):
		d.unwritable(values, i, f.Name+" may not be written by this caller")
		return
	}
	if d.merging && f.Type == record.JSONType && d.r.Peek() == record.ObjectKind {
		values[i] = d.mergeJSON(values[i])
		return
	}
	pointer := ""
	if identified {
		pointer = d.r.Pointer()
	}
	v, place := f.read(d.r)
	switch {
	case d.r.Err() != nil: // the Reader's mistake is the one that counts
	case place != nil:
		d.add(*place)
	case identified && !record.Equal(v, d.id):
		d.add(fault.Place{Pointer: pointer, Code: "id-mismatch", Detail: "the id of a record cannot change: it is the one in the path"})
	default:
		values[i] = v
	}
}

// unwritable reads the value of a field that may not be written, and refuses it
// unless it is the one that the record has.
func (d *decoder) unwritable(values []record.Value, i int, why string) {
	pointer := d.r.Pointer()
	if d.current == nil {
		d.r.Skip()
	} else if v, place := d.Fields[i].read(d.r); place == nil && record.Equal(v, d.current[i]) {
		values[i] = v
		return
	}
	d.add(fault.Place{Pointer: pointer, Code: "read-only", Detail: why})
}

// mergeJSON reads a patch of a json field and returns the field's new value.
func (d *decoder) mergeJSON(current record.Value) record.Value {
	pointer := d.r.Pointer()
	patch := string(d.r.AppendCanonical(nil))
	if d.r.Err() != nil {
		return current
	}
	merged, err := record.MergePatch(current.AsString(), patch)
	if err != nil {
		broken := fault.Of(err)
		d.add(fault.Place{Pointer: pointer, Code: broken.Code, Detail: broken.Detail})
		return current
	}
	return record.JSON(merged)
}

func flagged(flags []bool, i int) bool { return i < len(flags) && flags[i] }

// refuseUnknown notes a property that is none for the caller, and offers what
// comes nearest of what is.
func (d *decoder) refuseUnknown(key string) {
	d.unknown = true
	if len(d.places) == maxPlaces {
		return
	}
	name := key
	if len(name) > maxNameLength {
		name = name[:maxNameLength] + "…"
	}
	if near := fault.Nearest(key, d.visible()); near != "" {
		d.wrong("unknown-field", "there is no field %s; did you mean %s?", strconv.Quote(name), near)
		return
	}
	d.wrong("unknown-field", "there is no field %s", strconv.Quote(name))
}

// visible returns the names of the fields that are not hidden.
func (d *decoder) visible() []string {
	var names []string
	for i := range d.Fields {
		if !flagged(d.hidden, i) {
			names = append(names, d.Fields[i].Name)
		}
	}
	return names
}

func (d *decoder) known() string { return fmt.Sprintf("the fields are %s", joined(d.visible())) }

func (d *decoder) wrong(code, format string, args ...any) {
	d.add(fault.Place{Pointer: d.r.Pointer(), Code: code, Detail: fmt.Sprintf(format, args...)})
}

func (d *decoder) add(place fault.Place) {
	if len(d.places) < maxPlaces {
		d.places = append(d.places, place)
	}
}
