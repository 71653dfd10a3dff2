package ingest

import (
	"bytes"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/core/schema"
)

// An Object is a row of CSV as the JSON object that says the same.
type Object struct {
	Line  int64 // the physical line where the row begins, from 1
	JSON  []byte
	Wrong error // why the row is no object, or nil
}

// maxWrong is how many mistakes an error of [Objects] names.
const maxWrong = 100

// Objects returns the rows of a whole CSV text as JSON objects. Cells are read as
// a [Reader] reads them; one that is null is left out, and so are columns of
// derived fields. That a row makes a record is not looked at. hidden says, by
// field, what does not exist for the caller; nil is nothing.
//
// Every error is fault.Invalid with a Place for each mistake, at most 100, whose
// pointer is "line 3, price", but more rows than most are fault.TooLarge. If only
// rows are wrong, all of them are returned with the error, for who can do with those
// that are right.
func Objects(text []byte, c *schema.Collection, hidden []bool, most int) ([]Object, error) {
	w := newWindow(bytes.NewReader(text), 0)
	if err := unmark(w); err != nil {
		return nil, err
	}
	f := &csvFramer{w: w, lines: 1}
	o := objects{Collection: c, hidden: hidden}
	if err := o.header(f); err != nil {
		return nil, err
	}
	var all []Object
	for {
		row, err := f.next()
		switch {
		case err == io.EOF && len(o.places) > 0:
			return all, unread("the CSV cannot be read as records of "+c.Name, o.places)
		case err == io.EOF && all == nil:
			return nil, fault.New(fault.Invalid, "ingest.Objects", "there is no row behind the header").Coded("bad-csv")
		case err == io.EOF:
			return all, nil
		case err != nil:
			return nil, err
		case len(all) == most:
			return nil, fault.New(fault.TooLarge, "ingest.Objects", "there are more than %d rows in one request", most).
				Coded("too-many-records").Hinting("send fewer at once, or all of them to $import, which replaces what is there")
		}
		all = append(all, o.object(row))
	}
}

// objects turns rows into objects, and gathers what is wrong with them.
type objects struct {
	*schema.Collection
	hidden  []bool
	columns []int // by column: the position of its field, -1 to pass it over
	exact   bool
	places  []fault.Place
}

func (o *objects) wrong(pointer, code, detail string) {
	if len(o.places) < maxWrong {
		o.places = append(o.places, fault.Place{Pointer: pointer, Code: code, Detail: detail})
	}
}

// header reads the first row, which names the fields.
func (o *objects) header(f *csvFramer) error {
	row, err := f.next()
	if err == io.EOF {
		return fault.New(fault.Invalid, "ingest.Objects", "the CSV is empty, without even a header").Coded("bad-header")
	}
	if err != nil {
		return err
	}
	if row.wrong != "" {
		return fault.New(fault.Invalid, "ingest.Objects", "%s", (&Reader{}).unframed(row).Detail).Coded("bad-header").
			Hinting("the first row names the fields")
	}
	f.width, o.exact = len(row.cells), true
	for i := range row.cells {
		o.exact = o.exact && !row.cells[i].quoted
		o.column(i, strings.TrimSpace(row.cells[i].text))
	}
	if len(o.places) > 0 {
		return fault.New(fault.Invalid, "ingest.Objects", "the columns are not those of %s", o.Name).Coded("bad-header").At(o.places...)
	}
	return nil
}

// column finds the field of the i-th column.
func (o *objects) column(i int, name string) {
	position, ok := o.Position(name)
	pointer := name
	if name == "" {
		pointer = "column " + strconv.Itoa(i+1)
	}
	switch {
	case !ok || o.hidden != nil && o.hidden[position]:
		o.wrong(pointer, "unknown-field", "there is no such field"+o.near(name))
	case slices.Contains(o.columns, position):
		o.wrong(pointer, "duplicate-column", "there is an earlier column of this name")
	case o.Fields[position].Derive != "":
		position = -1
	}
	o.columns = append(o.columns, position)
}

// near offers the field that may be meant, and names those that there are.
func (o *objects) near(name string) string {
	var names []string
	for i := range o.Fields {
		if o.hidden == nil || !o.hidden[i] {
			names = append(names, o.Fields[i].Name)
		}
	}
	text := ""
	if near := fault.Nearest(name, names); near != "" {
		text = ", perhaps " + near + " is meant"
	}
	return text + "; the fields are " + strings.Join(names, ", ")
}

// unread is the error for cells that are no values.
func unread(detail string, places []fault.Place) error {
	return fault.New(fault.Invalid, "ingest.Objects", "%s", detail).Coded("bad-csv").At(places...)
}

// object returns the row as an object, and notes what is wrong with it.
func (o *objects) object(row frame) Object {
	object := Object{Line: row.start.Line}
	text, places := o.text(row)
	if len(places) == 0 {
		object.JSON = text
		return object
	}
	for _, place := range places {
		o.wrong(place.Pointer, place.Code, place.Detail)
	}
	object.Wrong = unread("the row cannot be read as a record of "+o.Name, places[:min(len(places), maxWrong)])
	return object
}

// text returns the row as JSON, and what is wrong with it.
func (o *objects) text(row frame) (text []byte, wrong []fault.Place) {
	at := "line " + strconv.FormatInt(row.start.Line, 10)
	if row.wrong != "" {
		return nil, []fault.Place{{Pointer: at, Code: row.wrong, Detail: (&Reader{columns: o.columns}).unframed(row).Detail}}
	}
	text = []byte{'{'}
	for i, position := range o.columns {
		if position < 0 {
			continue
		}
		field := &o.Fields[position]
		v, err := row.cells[i].value(field, o.exact)
		if err != nil {
			place := placed(err, field.Name)
			wrong = append(wrong, fault.Place{Pointer: at + ", " + field.Name, Code: place.Code, Detail: place.Detail})
			continue
		}
		if v.IsNull() {
			continue
		}
		if len(text) > 1 {
			text = append(text, ',')
		}
		text = append(record.AppendString(text, field.Name), ':')
		text = record.AppendValue(text, v)
	}
	return append(text, '}'), wrong
}
