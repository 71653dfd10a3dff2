package ingest

import (
	"bytes"
	"strings"
	"unicode/utf8"
)

// A frame is one row as it stands in the source, cut into cells if it is CSV.
type frame struct {
	start, end Position // of the row, and of what is behind it
	raw        string   // without its line end
	cells      []cell   // of CSV, until the next row is asked for
	wrong      string   // the code of why it is no row, or empty
}

// A cell is one cell of a row of CSV.
type cell struct {
	text   string
	quoted bool
}

// A csvFramer finds the rows of CSV (RFC 4180). It is stricter than most about
// quotes, because a quote that is missing must not swallow the rows behind it:
// a row goes on behind a line end only inside a quoted cell that ends within
// MaxRow octets and MaxRowLines lines, and only if it then has as many cells as
// the header. Otherwise its first line alone is no row.
type csvFramer struct {
	w     *window
	lines int64 // the physical line that begins at w.start
	width int   // cells in a row; 0 before the header was read
	cells []cell
	spans []span // of a row with quotes, relative to its start
}

// A span is where a cell stands, without its quotes.
type span struct {
	from, to        int64
	quoted, escaped bool
}

// next returns the next row, io.EOF at the end. Empty lines are no rows.
func (f *csvFramer) next() (frame, error) {
	for {
		start := Position{f.w.start, f.lines}
		end, next, cut := f.w.line(f.w.start)
		line := f.w.slice(start.Offset, end)
		switch {
		case cut:
			return f.tooLong(start)
		case len(line) == 0 && next == end:
			return frame{}, f.w.ended()
		case len(line) == 0:
			f.advance(next, 1)
			continue
		}
		var row frame
		if bytes.IndexByte(line, '"') < 0 {
			f.advance(next, 1)
			row = f.plain(start, string(line))
		} else {
			row = f.quoted(start, end, next)
		}
		return row, f.w.cutAt(f.w.start)
	}
}

// advance goes on to what begins at next, some physical lines further.
func (f *csvFramer) advance(next, lines int64) {
	f.w.start = next
	f.lines += lines
}

// here is where the next row begins.
func (f *csvFramer) here() Position { return Position{f.w.start, f.lines} }

// plain cuts a line without quotes.
func (f *csvFramer) plain(start Position, text string) frame {
	row := frame{start: start, end: f.here(), raw: text}
	if row.wrong = malformed(text); row.wrong != "" {
		return row
	}
	f.cells = f.cells[:0]
	for {
		i := strings.IndexByte(text, ',')
		if i < 0 {
			break
		}
		f.cells = append(f.cells, cell{text: text[:i]})
		text = text[i+1:]
	}
	row.cells = append(f.cells, cell{text: text})
	f.cells = row.cells
	return f.counted(row)
}

// counted marks a row that has not as many cells as the header.
func (f *csvFramer) counted(row frame) frame {
	if f.width > 0 && len(row.cells) != f.width {
		row.wrong = WrongCells
	}
	return row
}

// malformed returns the code of what no row may hold, or nothing.
func malformed(raw string) string {
	if !utf8.ValidString(raw) {
		return NotUTF8
	}
	return ""
}

// quoted cuts a row with quotes, whose first line ends at end.
func (f *csvFramer) quoted(start Position, end, next int64) frame {
	stop, lines, ok := f.scan(start.Offset)
	if !ok || lines > 1 && f.width > 0 && len(f.spans) != f.width {
		row := frame{start: start, raw: string(f.w.slice(start.Offset, end)), wrong: BrokenQuote}
		f.advance(next, 1)
		row.end = f.here()
		return row
	}
	if lines > 1 {
		_, next, _ = f.w.line(stop)
	}
	row := frame{start: start, raw: string(f.w.slice(start.Offset, stop))}
	f.advance(next, lines)
	row.end = f.here()
	if row.wrong = malformed(row.raw); row.wrong != "" {
		return row
	}
	f.cells = f.cells[:0]
	for _, s := range f.spans {
		c := cell{text: row.raw[s.from:s.to], quoted: s.quoted}
		if s.escaped {
			c.text = strings.ReplaceAll(c.text, `""`, `"`)
		}
		f.cells = append(f.cells, c)
	}
	row.cells = f.cells
	return f.counted(row)
}

// scan finds the cells of the row that begins at start. It returns where the
// row ends and how many physical lines it has, and whether its quotes are right.
func (f *csvFramer) scan(start int64) (stop, lines int64, ok bool) {
	f.spans, lines = f.spans[:0], 1
	for i := start; ; i++ {
		s := span{from: i - start}
		if f.w.has(i) && f.w.at(i) == '"' {
			var more int64
			if i, more, s.escaped, ok = f.closing(i+1, start, lines); !ok {
				return 0, 0, false
			}
			s.from, s.to, s.quoted = s.from+1, i-start, true
			lines += more
			i++
		} else {
			i = f.bare(i)
			s.to = i - start
		}
		f.spans = append(f.spans, s)
		switch {
		case !f.w.has(i) || f.w.at(i) == '\n' || f.w.at(i) == '\r':
			return i, lines, true
		case f.w.at(i) != ',':
			return 0, 0, false
		}
	}
}

// bare returns where the cell without quotes that begins at i ends or goes wrong.
func (f *csvFramer) bare(i int64) int64 {
	for {
		for n, c := range f.w.slice(i, f.w.end()) {
			if c == ',' || c == '"' || c == '\n' || c == '\r' {
				return i + int64(n)
			}
		}
		if i = f.w.end(); !f.w.fill() {
			return i
		}
	}
}

// closing returns where the quoted cell whose content begins at i has its
// closing quote, how many line ends are before it, and whether it holds quotes.
func (f *csvFramer) closing(i, start, lines int64) (stop, more int64, escaped, ok bool) {
	for from := i; ; {
		n := bytes.IndexByte(f.w.slice(i, f.w.end()), '"')
		if n < 0 {
			i = f.w.end()
			if i-start > MaxRow || !f.w.fill() {
				return 0, 0, false, false
			}
			continue
		}
		i += int64(n)
		if f.w.has(i+1) && f.w.at(i+1) == '"' {
			i, escaped = i+2, true
			continue
		}
		more = lineEnds(f.w.slice(from, i))
		return i, more, escaped, i-start <= MaxRow && lines+more <= MaxRowLines
	}
}

// lineEnds counts the line ends in text, as the window finds them.
func lineEnds(text []byte) int64 {
	return int64(bytes.Count(text, []byte{'\n'}) + bytes.Count(text, []byte{'\r'}) - bytes.Count(text, []byte("\r\n")))
}

// shown is how much of a row that is too long its reject shows.
const shown = 1000

// tooLong passes over a line that is too long.
func (f *csvFramer) tooLong(start Position) (frame, error) {
	row := frame{start: start, wrong: TooLong, raw: string(f.w.slice(start.Offset, start.Offset+shown))}
	next := pass(f.w)
	f.advance(next, 1)
	row.end = f.here()
	return row, f.w.cutAt(f.w.start)
}

// pass returns where the line behind the one at start begins, keeping nothing
// of the line, which is longer than what may be kept.
func pass(w *window) int64 {
	for {
		_, next, cut := w.line(w.start)
		if !cut {
			return next
		}
		w.start = next
	}
}
