package ingest

import (
	"bytes"
	"io"
)

// A window is the part of a source that is looked at: from where the next row
// begins to as far as was read. It grows as far as looking ahead needs. All its
// places are offsets in the source.
type window struct {
	from   io.Reader
	buf    []byte
	base   int64 // where buf begins
	start  int64 // where the next row begins; what is before is done with
	lf, cr int64 // no line feed, or carriage return, is between what was asked for last and here
	err    error // why nothing more can be read: io.EOF at the end
}

// newWindow returns a window of what from gives, which begins at offset.
func newWindow(from io.Reader, offset int64) *window {
	return &window{from: from, buf: make([]byte, 0, 1<<18), base: offset, start: offset}
}

// end returns the end of what was read.
func (w *window) end() int64 { return w.base + int64(len(w.buf)) }

// slice returns the octets of the source from i to j, until the next fill.
func (w *window) slice(i, j int64) []byte { return w.buf[i-w.base : j-w.base] }

// at returns the octet at i.
func (w *window) at(i int64) byte { return w.buf[i-w.base] }

// has reports whether there is an octet at i, which is at most one behind the end.
func (w *window) has(i int64) bool { return i < w.end() || w.fill() }

// fill reads more, and reports whether there was more.
func (w *window) fill() bool {
	if w.err != nil {
		return false
	}
	if done := int(w.start - w.base); done > 0 {
		n := copy(w.buf, w.buf[done:])
		w.buf, w.base = w.buf[:n], w.start
	}
	if len(w.buf) == cap(w.buf) {
		w.buf = append(make([]byte, 0, 2*cap(w.buf)), w.buf...)
	}
	before := len(w.buf)
	for tries := 0; len(w.buf) == before && w.err == nil; tries++ {
		var n int
		n, w.err = w.from.Read(w.buf[before:cap(w.buf)])
		w.buf = w.buf[:before+n]
		if tries == 100 && w.err == nil {
			w.err = io.ErrNoProgress
		}
	}
	return len(w.buf) > before
}

// next returns where the first c at or behind i is, or the end. It remembers
// that in at, so that no octet is searched twice by askers who only go forward.
func (w *window) next(at *int64, c byte, i int64) int64 {
	*at = max(*at, i)
	rest := w.buf[*at-w.base:]
	if len(rest) > 0 && rest[0] == c {
		return *at
	}
	if n := bytes.IndexByte(rest, c); n >= 0 {
		*at += int64(n)
	} else {
		*at = w.end()
	}
	return *at
}

// line returns where the physical line that begins at i ends, and where the
// one behind it begins. A line ends with a line feed, a carriage return, or
// both. A line of more than MaxRow octets is cut there.
func (w *window) line(i int64) (end, next int64, cut bool) {
	for {
		stop := min(w.next(&w.lf, '\n', i), w.next(&w.cr, '\r', i))
		switch {
		case stop-i > MaxRow:
			return i + MaxRow, i + MaxRow, true
		case stop == w.end():
			if !w.fill() {
				return stop, stop, false
			}
		case w.at(stop) == '\n':
			return stop, stop + 1, false
		case w.has(stop+1) && w.at(stop+1) == '\n':
			return stop, stop + 2, false
		default:
			return stop, stop + 1, false
		}
	}
}

// ended returns why there is nothing more: io.EOF if that was the end.
func (w *window) ended() error {
	if w.err == io.EOF { //nolint:errorlint // EOF itself is the end; an error that wraps it breaks the source off
		return io.EOF
	}
	return interrupted(w.err)
}

// cutAt returns the error that broke the source off at i, if it did: what ends
// there may be but a part of a row.
func (w *window) cutAt(i int64) error {
	if i < w.end() || w.err == nil || w.err == io.EOF { //nolint:errorlint // EOF itself is the end; an error that wraps it breaks the source off
		return nil
	}
	return interrupted(w.err)
}
