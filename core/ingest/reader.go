package ingest

import (
	"bytes"
	"context"
	"strings"
	"time"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/core/schema"
)

// A Target is what rows become: records of a collection.
type Target struct {
	Collection *schema.Collection
	Derive     func(fields []record.Value) []fault.Place // computes fields from others, in place; nil if there are none
	Restore    bool                                      // read-only fields are taken from the source, too, and not ids alone
	Now        func() time.Time                          // for generated ids; nil is time.Now
}

// A Reader reads the rows of one source as records of its target. It is for
// one goroutine, but Octets may be asked by another.
//
// A row of CSV is cleaned: white space around a cell goes, and an empty cell is
// null. A quoted cell of a string or bytes field is meant as it stands, so that
// "" is the empty string and not null, unless the header is quoted too: whoever
// quotes everything means nothing by it. One ' before the start of a formula
// (see [Writer]) goes as well. What a source says of derived fields is passed over.
type Reader struct {
	target  Target
	stream  *stream
	framer  interface{ next() (frame, error) }
	columns []int // of CSV: the position of each column's field, -1 to pass it over
	exact   bool  // of CSV: quotes mean something
}

// A Row is one row that was read: a record, or a reject.
type Row struct {
	Start, End Position
	ID         record.ID
	Raw        string  // as it stands in the source; of one that is too long the beginning
	Reject     *Reject // nil if the row is a record
}

// Open opens the source at a position that a Row of it gave, or at its
// beginning if from is zero. The caller closes the Reader.
//
// A header that does not fit the collection is fault.Invalid with a Place for
// each column that is wrong.
func Open(ctx context.Context, source Source, target Target, from Position) (*Reader, error) {
	if target.Now == nil {
		target.Now = time.Now
	}
	st, err := source.open(ctx)
	if err != nil {
		return nil, err
	}
	r := &Reader{target: target, stream: st}
	if err := r.begin(source.Format, from); err != nil {
		st.stored.Close()
		return nil, err
	}
	return r, nil
}

// begin reads the header, if there is one, and goes to where rows begin.
func (r *Reader) begin(format Format, from Position) error {
	w := newWindow(r.stream.plain, 0)
	if err := unmark(w); err != nil {
		return err
	}
	at, lines := w.start, int64(1)
	if format == NDJSON {
		f := &ndjsonFramer{w: w, lines: 1}
		r.framer = f
		if from.Line > 0 {
			at, lines = from.Offset, from.Line
		}
		f.lines = lines
		return r.jump(w, at)
	}
	f := &csvFramer{w: w, lines: 1}
	r.framer = f
	if err := r.header(f); err != nil {
		return err
	}
	if from.Line > 0 {
		f.lines = from.Line
		return r.jump(w, from.Offset)
	}
	return nil
}

// jump makes the window begin at offset, which is not before its start.
func (r *Reader) jump(w *window, offset int64) error {
	if ahead := offset - w.end(); ahead > 0 {
		w.base, w.buf = offset, w.buf[:0]
		if err := r.stream.skip(ahead); err != nil {
			return err
		}
	}
	w.start = offset
	return nil
}

// unmark drops a byte order mark.
func unmark(w *window) error {
	for w.end() < 3 && w.fill() {
	}
	switch {
	case bytes.HasPrefix(w.buf, []byte("\xEF\xBB\xBF")):
		w.start += 3
	case bytes.HasPrefix(w.buf, []byte("\xFF\xFE")), bytes.HasPrefix(w.buf, []byte("\xFE\xFF")):
		return fault.New(fault.Invalid, "ingest.Open", "the source is written in UTF-16").
			Coded(NotUTF8).Hinting("save it as UTF-8")
	}
	return w.cutAt(w.start)
}

// Close lets go of the source.
func (r *Reader) Close() error { return r.stream.stored.Close() }

// Octets returns how many stored octets of the source were read.
func (r *Reader) Octets() int64 { return r.stream.read.Load() }

// Next reads one row into fields, which has a place for each field of the
// collection. At the end of the source it returns io.EOF. What it puts into
// fields is the caller's; after a reject fields hold nothing of use.
func (r *Reader) Next(fields []record.Value) (Row, error) {
	f, err := r.framer.next()
	if err != nil {
		return Row{}, err
	}
	row := Row{Start: f.start, End: f.end, Raw: f.raw}
	var wrong fault.Place
	switch {
	case f.wrong != "":
		wrong = r.unframed(f)
	case r.columns != nil:
		wrong = r.fill(f.cells, fields)
	default:
		wrong = r.decode(f.raw, fields)
	}
	if wrong.Code == "" {
		row.ID, wrong = r.finish(fields)
	}
	if wrong.Code != "" {
		row.Reject = &Reject{Line: f.start.Line, Column: column(wrong.Pointer), Code: wrong.Code, Reason: wrong.Detail, Row: f.raw}
	}
	return row, nil
}

// column returns the field that a JSON pointer is about.
func column(pointer string) string {
	name, _, _ := strings.Cut(strings.TrimPrefix(pointer, "/"), "/")
	return name
}

// fill turns cells into the values of fields.
func (r *Reader) fill(cells []cell, fields []record.Value) fault.Place {
	clear(fields)
	for i, position := range r.columns {
		if position < 0 {
			continue
		}
		field := &r.target.Collection.Fields[position]
		v, err := cells[i].value(field, r.exact)
		if err != nil {
			return placed(err, field.Name)
		}
		fields[position] = v
	}
	return fault.Place{}
}

// value returns what the cell says of the field. Exact says that quotes mean
// something.
func (c *cell) value(field *schema.Field, exact bool) (record.Value, error) {
	text := c.text
	textual := field.Type == record.StringType || field.Type == record.BytesType
	if !textual || !exact || !c.quoted {
		if text = trimmed(text); text == "" {
			return record.Null, nil
		}
	}
	if textual && text != "" && text[0] == '\'' {
		text = unescape(text)
	}
	return field.FromText(text)
}

// trimmed is strings.TrimSpace, which most cells need not be given to.
func trimmed(text string) string {
	if text == "" || plain(text[0]) && plain(text[len(text)-1]) {
		return text
	}
	return strings.TrimSpace(text)
}

// plain reports whether c is visible ASCII.
func plain(c byte) bool { return ' ' < c && c < 0x7f }

// decode turns a JSON object into the values of fields.
func (r *Reader) decode(object string, fields []record.Value) fault.Place {
	decode := r.target.Collection.Restore
	if !r.target.Restore {
		decode = r.target.Collection.DecodeRow
	}
	values, err := decode([]byte(object))
	if err != nil {
		return r.unnamed(placed(err, ""))
	}
	copy(fields, values)
	return fault.Place{}
}

// unnamed returns the place without the name of a member that is no field, if fields are encrypted:
// it may be a value in the wrong place.
func (r *Reader) unnamed(place fault.Place) fault.Place {
	c := r.target.Collection
	if _, ok := c.Position(column(place.Pointer)); ok || !c.Guarded() {
		return place
	}
	place.Pointer = ""
	if place.Code == "unknown-field" {
		place.Detail = "the object has a member that is no field; the fields are " + strings.Join(r.names(), ", ")
	}
	return place
}

// placed returns the first place that err is about, else the named field.
func placed(err error, name string) fault.Place {
	f := fault.Of(err)
	if len(f.Places) > 0 {
		place := f.Places[0]
		if name != "" {
			place.Pointer = name
		}
		return place
	}
	return fault.Place{Pointer: name, Code: f.Code, Detail: f.Detail}
}

// finish computes what is derived, checks every rule, and returns the id.
func (r *Reader) finish(fields []record.Value) (record.ID, fault.Place) {
	c := r.target.Collection
	if c.Generated && fields[c.ID].IsNull() {
		fields[c.ID] = c.IDValue(record.NewUUID(r.target.Now()))
	}
	if r.target.Derive != nil {
		if places := r.target.Derive(fields); len(places) > 0 {
			return "", places[0]
		}
	}
	if places := c.Check(fields); len(places) > 0 {
		return "", places[0]
	}
	id, err := c.IDOf(fields)
	if err != nil {
		return "", placed(err, c.IDField().Name)
	}
	return id, fault.Place{}
}

// unframed says what is wrong with what is no row.
func (r *Reader) unframed(f frame) fault.Place {
	return fault.Place{Code: f.wrong, Detail: map[string]string{
		BrokenQuote: "a quote does not end, or stands where none may: a cell that holds a quote is quoted and doubles it",
		WrongCells:  "the row has " + count(len(f.cells), "cell") + ", but the header has " + count(len(r.columns), "column"),
		TooLong:     "the row is longer than the limit of 2 MiB",
		NotUTF8:     "the row holds octets that are not UTF-8",
	}[f.wrong]}
}
