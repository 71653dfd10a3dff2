package ingest

import (
	"bytes"
	"encoding/csv"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

// FuzzCSV frames anything: every octet of the source belongs to exactly one row
// or to a blank line, in order, however the source is read; and where
// encoding/csv can read the source too, both find the same cells.
func FuzzCSV(f *testing.F) {
	for _, seed := range []string{
		"id,name\na,Rex\n", "id,name\r\na,\"R\"\"e\r\nx\"\rb,Tom", "a,\"b\nc,d\n\"e\",f\"\n", "\"\n\"\"\n\"\"\"\n", "a,b\n\n\r\r\n,\n", "\xff,\"\n",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, source string) {
		frames := framed(t, strings.NewReader(source), 0)
		again := framed(t, iotest.OneByteReader(strings.NewReader(source)), 0)
		if diff := cmp.Diff(frames, again, cmp.AllowUnexported(frame{}, cell{})); diff != "" {
			t.Fatalf("read octet by octet (-want +got):\n%s", diff)
		}
		accounted(t, source, frames)
		accounted(t, source, framed(t, strings.NewReader(source), 2))
		compareWithStandard(t, source, frames)
	})
}

// framed returns all rows of a source; width is the number of cells in the header.
func framed(t *testing.T, source io.Reader, width int) (frames []frame) {
	t.Helper()
	framer := &csvFramer{w: newWindow(source, 0), lines: 1, width: width}
	for {
		row, err := framer.next()
		if err == io.EOF {
			return frames
		}
		if err != nil {
			t.Fatal(err)
		}
		row.cells = slices.Clone(row.cells)
		frames = append(frames, row)
	}
}

// accounted checks that rows and blank lines are all there is, and that lines
// are counted right.
func accounted(t *testing.T, source string, frames []frame) {
	t.Helper()
	at, line := int64(0), int64(1)
	blank := func(to int64) {
		between := source[at:to]
		if strings.Trim(between, "\r\n") != "" {
			t.Fatalf("%q is in no row", between)
		}
		line += lineEnds([]byte(between))
		at = to
	}
	for _, row := range frames {
		blank(row.start.Offset)
		if row.start.Line != line {
			t.Fatalf("row at %d: got line %d, want %d", row.start.Offset, row.start.Line, line)
		}
		text := source[row.start.Offset:row.end.Offset]
		if strings.TrimRight(text, "\r\n") != strings.TrimRight(row.raw, "\r\n") || row.raw == "" {
			t.Fatalf("row at %d: got %q, want %q", row.start.Offset, row.raw, text)
		}
		if row.wrong != "" && row.wrong != WrongCells && row.wrong != NotUTF8 && strings.ContainsAny(row.raw, "\r\n") {
			t.Fatalf("%q, which is no row, goes on behind its line", row.raw)
		}
		line += lineEnds([]byte(text))
		if at = row.end.Offset; at == int64(len(source)) && strings.TrimRight(text, "\r\n") == text {
			line++ // the end of the source ends a line too
		}
		if row.end.Line != line {
			t.Fatalf("behind the row at %d: got line %d, want %d", row.start.Offset, row.end.Line, line)
		}
	}
	blank(int64(len(source)))
}

// compareWithStandard compares with encoding/csv, which takes no carriage
// return alone for a line end, and changes those that come before line feeds.
func compareWithStandard(t *testing.T, source string, frames []frame) {
	t.Helper()
	if strings.Contains(source, "\r") || !utf8.ValidString(source) {
		return
	}
	reader := csv.NewReader(strings.NewReader(source))
	reader.FieldsPerRecord = -1
	want, err := reader.ReadAll()
	if err != nil {
		return
	}
	var got [][]string
	for _, row := range frames {
		var cells []string
		for _, c := range row.cells {
			cells = append(cells, c.text)
		}
		got = append(got, cells)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("against encoding/csv (-want +got):\n%s", diff)
	}
}

// FuzzNDJSON frames anything: every line is one row, but for blank ones.
func FuzzNDJSON(f *testing.F) {
	f.Add("{}\n\n  \r\n{\"a\":1}")
	f.Fuzz(func(t *testing.T, source string) {
		framer := &ndjsonFramer{w: newWindow(iotest.HalfReader(strings.NewReader(source)), 0), lines: 1}
		for i, line := range bytes.Split([]byte(source), []byte{'\n'}) {
			if len(bytes.TrimSpace(line)) == 0 {
				continue
			}
			row, err := framer.next()
			if err != nil || row.start.Line != int64(i+1) || row.raw != string(bytes.TrimSpace(line)) {
				t.Fatalf("line %d: got %+v, %v, want %q", i+1, row, err, line)
			}
		}
		if row, err := framer.next(); err != io.EOF {
			t.Errorf("at the end: got %+v, %v, want EOF", row, err)
		}
	})
}
