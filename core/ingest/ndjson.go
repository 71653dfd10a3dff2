package ingest

import "bytes"

// An ndjsonFramer finds the rows of NDJSON: lines that end with a line feed.
// Lines of nothing but white space are no rows.
type ndjsonFramer struct {
	w     *window
	lines int64 // the physical line that begins at w.start
}

// next returns the next row, io.EOF at the end.
func (f *ndjsonFramer) next() (frame, error) {
	for {
		row := frame{start: Position{f.w.start, f.lines}}
		end, next, cut := f.line()
		if next == f.w.start {
			return frame{}, f.w.ended()
		}
		if cut {
			row.raw, row.wrong = string(f.w.slice(f.w.start, f.w.start+shown)), TooLong
			for cut {
				f.w.start = next
				_, next, cut = f.line()
			}
		} else {
			row.raw = string(bytes.TrimSpace(f.w.slice(f.w.start, end)))
		}
		f.w.start = next
		f.lines++
		if len(row.raw) == 0 {
			continue
		}
		row.end = Position{f.w.start, f.lines}
		return row, f.w.cutAt(f.w.start)
	}
}

// line returns where the line at start ends, and where the one behind it
// begins. Unlike in CSV a carriage return is but white space.
func (f *ndjsonFramer) line() (end, next int64, cut bool) {
	for {
		stop := f.w.next(&f.w.lf, '\n', f.w.start)
		switch {
		case stop-f.w.start > MaxRow:
			return f.w.start + MaxRow, f.w.start + MaxRow, true
		case stop < f.w.end():
			return stop, stop + 1, false
		case !f.w.fill():
			return stop, stop, false
		}
	}
}
