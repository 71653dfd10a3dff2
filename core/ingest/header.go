package ingest

import (
	"io"
	"strconv"
	"strings"

	"github.com/portolan-io/portolan/core/fault"
)

// header reads the header of CSV and finds the field of each column.
func (r *Reader) header(f *csvFramer) error {
	row, err := f.next()
	if err == io.EOF {
		return fault.New(fault.Invalid, "ingest.Open", "the source is empty, without even a header").Coded("no-header")
	}
	if err != nil {
		return err
	}
	if row.wrong != "" {
		return fault.New(fault.Invalid, "ingest.Open", "%s", r.unframed(row).Detail).Coded("bad-header").
			Hinting("the first row names the columns")
	}
	f.width = len(row.cells)
	r.exact = true
	r.columns = make([]int, 0, len(row.cells))
	var places []fault.Place
	for i, c := range row.cells {
		position, wrong := r.assign(i, strings.TrimSpace(c.text))
		if wrong.Code != "" {
			places = append(places, wrong)
		}
		r.columns = append(r.columns, position)
		r.exact = r.exact && !c.quoted
	}
	if places = append(places, r.missing()...); len(places) > 0 {
		detail := "the columns do not fit the collection " + r.target.Collection.Name
		if r.target.Collection.Guarded() {
			detail += "; the first row has to name them, and the fields are " + strings.Join(r.names(), ", ")
		}
		return fault.New(fault.Invalid, "ingest.Open", "%s", detail).Coded("bad-header").At(places...)
	}
	return nil
}

// assign returns the position of the field that the i-th column is for, -1 if
// the column is to be passed over.
func (r *Reader) assign(i int, name string) (int, fault.Place) {
	c := r.target.Collection
	position, ok := c.Position(name)
	switch {
	case name == "":
		return -1, fault.Place{Pointer: strconv.Itoa(i + 1), Code: "unknown-field", Detail: "the " + ordinal(i+1) + " column has no name"}
	case !ok && c.Guarded(): // it may be a value, of a source without a header
		return -1, fault.Place{Pointer: strconv.Itoa(i + 1), Code: "unknown-field", Detail: "what the first row has for the " + ordinal(i+1) + " column is no field"}
	case !ok:
		return -1, fault.Place{Pointer: name, Code: "unknown-field", Detail: r.unknown(name)}
	case c.Fields[position].Derive != "":
		return -1, fault.Place{}
	case r.taken(position):
		return -1, fault.Place{Pointer: name, Code: "duplicate-column", Detail: "there is an earlier column of this name"}
	case !r.settable(position):
		return -1, fault.Place{Pointer: name, Code: "read-only", Detail: "the field is set by the server alone"}
	}
	return position, fault.Place{}
}

// settable reports whether a source may say what the field is. An id may be
// given also where the server can make it: it names the record.
func (r *Reader) settable(position int) bool {
	c := r.target.Collection
	return r.target.Restore || position == c.ID || !c.Fields[position].ReadOnly
}

// taken reports whether an earlier column is for the field.
func (r *Reader) taken(position int) bool {
	for _, earlier := range r.columns {
		if earlier == position {
			return true
		}
	}
	return false
}

// unknown says that there is no such field, and which there are.
func (r *Reader) unknown(name string) string {
	names := r.names()
	text := "there is no such field"
	if near := fault.Nearest(name, names); near != "" {
		text += ", perhaps " + near + " is meant"
	}
	return text + "; the fields are " + strings.Join(names, ", ")
}

// names returns the names of the fields that a source may have.
func (r *Reader) names() []string {
	var names []string
	for i, field := range r.target.Collection.Fields {
		if field.Derive == "" && r.settable(i) {
			names = append(names, field.Name)
		}
	}
	return names
}

// missing returns a place for each required field that no column is for.
func (r *Reader) missing() []fault.Place {
	var places []fault.Place
	c := r.target.Collection
	for i, field := range c.Fields {
		made := field.Derive != "" || c.Generated && i == c.ID
		if (field.Required || i == c.ID) && !made && !r.taken(i) {
			places = append(places, fault.Place{Pointer: field.Name, Code: "missing-column", Detail: "the field is required, but no column has its name"})
		}
	}
	return places
}

// count writes a number of things.
func count(n int, thing string) string {
	if n != 1 {
		thing += "s"
	}
	return strconv.Itoa(n) + " " + thing
}

// ordinal writes 1st, 2nd, 3rd and so on.
func ordinal(n int) string {
	suffix := "th"
	if n/10%10 != 1 {
		switch n % 10 {
		case 1:
			suffix = "st"
		case 2:
			suffix = "nd"
		case 3:
			suffix = "rd"
		}
	}
	return strconv.Itoa(n) + suffix
}
