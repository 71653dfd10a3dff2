package ingest

import (
	"bufio"
	"io"
	"strings"

	"github.com/portolan-io/portolan/core/record"
)

// A Writer writes records as CSV that a [Reader] reads back equal: RFC 4180
// with a header, lines that end with CR LF, null as an empty cell and the empty
// string as a quoted one.
//
// A string, or bytes, that a spreadsheet would take for a formula, because it
// begins with = + - @, a tab or a carriage return, gets a ' before it, and so
// does one that begins with such a start behind ' already; the Reader takes
// one away again.
type Writer struct {
	to   *bufio.Writer
	cell []byte
}

// NewWriter returns a Writer of records with fields of the given names, whose
// header it writes. The caller ends with Flush.
func NewWriter(to io.Writer, names []string) *Writer {
	w := &Writer{to: bufio.NewWriterSize(to, 1<<16)}
	w.to.WriteString(strings.Join(names, ","))
	w.to.WriteString("\r\n")
	return w
}

// Write writes one record, whose values are in the order of the names. An error
// of what it writes to is returned by this or a later call, at the latest by Flush.
func (w *Writer) Write(values []record.Value) error {
	for i, v := range values {
		if i > 0 {
			w.to.WriteByte(',')
		}
		w.value(v)
	}
	_, err := w.to.WriteString("\r\n")
	return err
}

// Flush writes what is still held.
func (w *Writer) Flush() error { return w.to.Flush() }

func (w *Writer) value(v record.Value) {
	w.cell = w.cell[:0]
	switch v.Type() {
	case record.NullType:
		return
	case record.StringType:
		w.text(v.AsString())
		return
	case record.BytesType, record.TimeType:
		quoted := record.AppendValue(w.cell, v)
		w.text(string(quoted[1 : len(quoted)-1])) // neither holds what JSON escapes
		return
	}
	w.cell = record.AppendValue(w.cell, v)
	w.quote(string(w.cell))
}

// text writes a cell whose content a spreadsheet must not compute.
func (w *Writer) text(text string) {
	if formula(text) {
		text = "'" + text
	}
	w.quote(text)
}

// quote writes a cell, in quotes if it would not be read back without.
func (w *Writer) quote(text string) {
	if text != "" && !strings.ContainsAny(text, ",\"\r\n") && strings.TrimSpace(text) == text {
		w.to.WriteString(text)
		return
	}
	w.to.WriteByte('"')
	for {
		before, after, more := strings.Cut(text, `"`)
		w.to.WriteString(before)
		if !more {
			break
		}
		w.to.WriteString(`""`)
		text = after
	}
	w.to.WriteByte('"')
}

// formula reports whether a spreadsheet takes text for a formula, or would but
// for the quotation marks before it.
func formula(text string) bool {
	start := strings.TrimLeft(text, "'")
	return start != "" && strings.IndexByte("=+-@\t\r", start[0]) >= 0
}

// unescape takes away the ' that was put before a formula.
func unescape(text string) string {
	if formula(text) && text[0] == '\'' {
		return text[1:]
	}
	return text
}
