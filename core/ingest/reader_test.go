package ingest

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/core/schema"
)

// text returns a source that holds the text.
func text(format Format, octets string) Source {
	return Source{Name: "test", Format: format, Size: int64(len(octets)), Open: func(context.Context) (io.ReadCloser, error) {
		return io.NopCloser(strings.NewReader(octets)), nil
	}}
}

func newCollection(t testing.TB, spec schema.Spec) *schema.Collection {
	t.Helper()
	c, err := schema.New(spec)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func pets(t testing.TB) *schema.Collection {
	return newCollection(t, schema.Spec{Name: "pets", ID: "id", Fields: []schema.FieldSpec{
		{Name: "id", Type: "string", Max: "16"},
		{Name: "name", Type: "string", Required: true, Max: "40"},
		{Name: "age", Type: "int", Min: "0"},
		{Name: "page", Type: "string", Format: "uri"},
		{Name: "slug", Type: "string", Derive: "slug(name)"},
		{Name: "seen", Type: "time", ReadOnly: true},
	}})
}

func TestCSV(t *testing.T) {
	long := strings.Repeat("x", MaxRow+1)
	tests := []struct {
		name, source string
		want         []string // "name" of the records
		rejects      []string // line column code
	}{
		{"plain", "id,name\na,Rex\nb,Tom\n", []string{"Rex", "Tom"}, nil},
		{"no end of the last line", "id,name\na,Rex", []string{"Rex"}, nil},
		{"byte order mark", "\uFEFFid,name\na,Rex\n", []string{"Rex"}, nil},
		{"mixed line ends", "id,name\r\na,Rex\rb,Tom\nc,Kim\r\n\r\n\rd,Bo\r", []string{"Rex", "Tom", "Kim", "Bo"}, nil},
		{"quotes", "id,name\na,\"Rex, \"\"the\"\" dog\"\n", []string{`Rex, "the" dog`}, nil},
		{"line ends in quotes", "id,name\na,\"Rex\r\nthe\rdog\n\"\nb,Tom\n", []string{"Rex\r\nthe\rdog\n", "Tom"}, nil},
		{"trimmed", " id , name\n a ,\t Rex \n", []string{"Rex"}, nil},
		{"quoted is meant", "id,name\na,\" Rex \"\nb,\"\"\n", []string{" Rex ", ""}, nil},
		{"quoting everything means nothing", "\"id\",\"name\"\n\"a\",\" Rex \"\n\"b\",\"\"\n", []string{"Rex"}, []string{"3 name required"}},
		{"formulas", "id,name\na,'=1+1\nb,''=1\nc,'tis\nd,=1\n", []string{"=1+1", "'=1", "'tis", "=1"}, nil},
		{"null where required", "id,name\na,\nb,Tom\n", []string{"Tom"}, []string{"2 name required"}},
		{"too few cells", "id,name\na\nb,Tom\n", []string{"Tom"}, []string{"2  wrong-cells"}},
		{"too many cells", "id,name\na,b,c\nb,Tom\n", []string{"Tom"}, []string{"2  wrong-cells"}},
		{"no id", "id,name\n,Rex\n", nil, []string{"2 id required"}},
		{"not UTF-8", "id,name\na,R\xffx\nb,\"\xc3\"\nc,Tom\n", []string{"Tom"}, []string{"2  not-utf8", "3  not-utf8"}},
		{"broken quote at the start", "id,name\n\"a,Rex\nb,Tom\nc,Kim\n", []string{"Tom", "Kim"}, []string{"2  broken-quote"}},
		{"broken quote in the middle", "id,name\na,Rex\nb,\"Tom\nc,Kim\nd,\"Bo\"\n", []string{"Rex", "Kim", "Bo"}, []string{"3  broken-quote"}},
		{"broken quote at the end", "id,name\na,Rex\nb,\"Tom\n", []string{"Rex"}, []string{"3  broken-quote"}},
		{"quote within a cell", "id,name\na,R\"e\"x\nb,Tom\n", []string{"Tom"}, []string{"2  broken-quote"}},
		{"text behind a quoted cell", "id,name\na,\"Rex\" y\nb,Tom\n", []string{"Tom"}, []string{"2  broken-quote"}},
		{"two broken quotes that look like one cell", "id,name\na,\"Rex\nb,Tom\nc,Kim\",\nd,Bo\n", []string{"Tom", "Bo"}, []string{"2  broken-quote", "4  broken-quote"}},
		{"broken quotes with line ends of all kinds", "id,name\r\"a,Rex\rb,\"Tom\r\nc,Kim\r", []string{"Kim"}, []string{"2  broken-quote", "3  broken-quote"}},
		{"a huge cell", "id,name\na," + long + "\nb,Tom\n", []string{"Tom"}, []string{"2  row-too-long"}},
		{"a huge quoted cell", "id,name\na,\"" + strings.Repeat("x\n", MaxRowLines+2) + "\"\n", nil, nil},
		{"nothing but a header", "id,name", nil, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, rejects := readNames(t, text(CSV, tt.source))
			if tt.name == "a huge quoted cell" { // each of its lines is rejected by itself
				if len(rejects) != MaxRowLines+3 || rejects[0] != "2  broken-quote" || len(got) != 0 {
					t.Errorf("got %d rows and %d rejects, first %v", len(got), len(rejects), rejects[:1])
				}
				return
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("records (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.rejects, rejects); diff != "" {
				t.Errorf("rejects (-want +got):\n%s", diff)
			}
		})
	}
}

// readNames reads pets: their names, and the rejects as line, column and code.
func readNames(t testing.TB, source Source) (names, rejects []string) {
	t.Helper()
	c := pets(t)
	r, err := Open(t.Context(), source, Target{Collection: c}, Position{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	fields := make([]record.Value, len(c.Fields))
	for {
		row, err := r.Next(fields)
		switch {
		case err == io.EOF:
			return names, rejects
		case err != nil:
			t.Fatal(err)
		case row.Reject != nil:
			rejects = append(rejects, fmt.Sprintf("%d %s %s", row.Reject.Line, row.Reject.Column, row.Reject.Code))
		default:
			names = append(names, fields[1].AsString())
		}
	}
}

func TestHeaders(t *testing.T) {
	tests := []struct {
		name, source string
		restore      bool
		code         string
		places       []string
	}{
		{"empty", "", false, "no-header", nil},
		{"blank", "\n\r\n", false, "no-header", nil},
		{"UTF-16", "\xff\xfei\x00d\x00", false, NotUTF8, nil},
		{"broken", "\"id,name\na,Rex\n", false, "bad-header", nil},
		{"unknown", "id,name,aeg\n", false, "bad-header", []string{"aeg unknown-field"}},
		{"nameless", ",id,name\n", false, "bad-header", []string{"1 unknown-field"}},
		{"twice", "id,name,id\n", false, "bad-header", []string{"id duplicate-column"}},
		{"required are missing", "age\n", false, "bad-header", []string{"id missing-column", "name missing-column"}},
		{"read-only", "id,name,seen\n", false, "bad-header", []string{"seen read-only"}},
		{"read-only restored", "id,name,seen\n", true, "", nil},
		{"derived", "id,name,slug\n", false, "", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r, err := Open(t.Context(), text(CSV, tt.source), Target{Collection: pets(t), Restore: tt.restore}, Position{})
			if err == nil {
				r.Close()
				if tt.code != "" {
					t.Fatalf("got no error, want %s", tt.code)
				}
				return
			}
			f := fault.Of(err)
			var places []string
			for _, place := range f.Places {
				places = append(places, place.Pointer+" "+place.Code)
			}
			if f.Code != tt.code || f.Kind != fault.Invalid || !cmp.Equal(places, tt.places) {
				t.Errorf("got %v with places %v, want code %q with %v", err, places, tt.code, tt.places)
			}
		})
	}
}

func TestUnknownColumnNamesTheNearest(t *testing.T) {
	_, err := Open(t.Context(), text(CSV, "id,nmae\n"), Target{Collection: pets(t)}, Position{})
	want := "there is no such field, perhaps name is meant; the fields are id, name, age, page"
	if got := fault.Of(err).Places[0].Detail; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestUnnamed: where fields are encrypted no name is told that is none of the collection's.
func TestUnnamed(t *testing.T) {
	c := newCollection(t, schema.Spec{Name: "pets", ID: "id", Fields: []schema.FieldSpec{{Name: "id", Type: "string"}, {Name: "chip", Type: "string", Encrypted: true}}})
	_, err := Open(t.Context(), text(CSV, "a,canary\n"), Target{Collection: c}, Position{})
	want := []fault.Place{
		{Pointer: "1", Code: "unknown-field", Detail: "what the first row has for the 1st column is no field"},
		{Pointer: "2", Code: "unknown-field", Detail: "what the first row has for the 2nd column is no field"},
		{Pointer: "id", Code: "missing-column", Detail: "the field is required, but no column has its name"},
	}
	if why := fault.Of(err); why == nil || why.Detail != "the columns do not fit the collection pets; the first row has to name them, and the fields are id, chip" {
		t.Fatalf("of CSV: %v", err)
	}
	if diff := cmp.Diff(want, fault.Of(err).Places); diff != "" {
		t.Errorf("of CSV (-want +got):\n%s", diff)
	}
	r, err := Open(t.Context(), text(NDJSON, `{"id":"a","canary":1}`+"\n"+`{"id":"a","chip":1}`), Target{Collection: c}, Position{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for _, want := range []Reject{
		{Line: 1, Code: "unknown-field", Reason: "the object has a member that is no field; the fields are id, chip", Row: `{"id":"a","canary":1}`},
		{Line: 2, Column: "chip", Code: "wrong-type", Reason: "it must be a string, not a number", Row: `{"id":"a","chip":1}`},
	} {
		row, err := r.Next(make([]record.Value, 2))
		if err != nil || row.Reject == nil {
			t.Fatalf("Next = %+v, %v, want a reject", row, err)
		}
		if diff := cmp.Diff(want, *row.Reject); diff != "" {
			t.Errorf("of NDJSON (-want +got):\n%s", diff)
		}
	}
}

func TestNDJSON(t *testing.T) {
	source := "\uFEFF" + `{"id":"a","name":"Rex","age":3}` + "\r\n" +
		"  \n" +
		`{"id":"b","name":"Tom","age":-1}` + "\n" +
		`{"id":"c","name":"Kim","colour":"red"}` + "\n" +
		`{"id":"d","name":"Kim"` + "\n" +
		`{"id":"e","id":"f","name":"Kim"}` + "\n" +
		`{"id":"f","name":"Bo","seen":"2026-01-01T00:00:00Z"}` + "\n" +
		`[]` + "\n" +
		`{"id":"j","name":"Old","slug":"stale"}` + "\n" +
		strings.Repeat(" ", MaxRow+1) + `{"id":"g","name":"Bo"}` + "\n" +
		"{\"id\":\"h\",\"name\":\"\xff\"}\n" +
		`{"id":"i","name":"Ann"}`
	names, rejects := readNames(t, text(NDJSON, source))
	if diff := cmp.Diff([]string{"Rex", "Old", "Ann"}, names); diff != "" {
		t.Errorf("records (-want +got):\n%s", diff)
	}
	want := []string{"3 age out-of-range", "4 colour unknown-field"}
	if diff := cmp.Diff(want, rejects[:2]); diff != "" {
		t.Errorf("rejects (-want +got):\n%s", diff)
	}
	var lines []string
	for _, r := range rejects {
		line, _, _ := strings.Cut(r, " ")
		lines = append(lines, line)
	}
	if got := strings.Join(lines, " "); got != "3 4 5 6 7 8 10 11" {
		t.Errorf("rejected lines %s, want 3 to 8, 10 and 11; %q", got, rejects)
	}
}

func compress(t *testing.T, to io.Writer, text string) {
	t.Helper()
	w := gzip.NewWriter(to)
	if _, err := w.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestGzip(t *testing.T) {
	var zipped bytes.Buffer
	compress(t, &zipped, "id,name\na,Rex\nb,Tom\n")
	source := text(CSV, zipped.String())
	source.Gzip = true
	names, _ := readNames(t, source)
	if diff := cmp.Diff([]string{"Rex", "Tom"}, names); diff != "" {
		t.Errorf("records (-want +got):\n%s", diff)
	}

	source = text(CSV, zipped.String()[:zipped.Len()-6])
	source.Gzip = true
	r, err := Open(t.Context(), source, Target{Collection: pets(t)}, Position{})
	for fields := make([]record.Value, 6); err == nil; {
		_, err = r.Next(fields)
	}
	if got := fault.Of(err); got.Code != "source-broken" {
		t.Errorf("cut short: got %v, want source-broken", err)
	}

	source = text(CSV, "id,name\na,Rex\n")
	source.Gzip = true
	if _, err := Open(t.Context(), source, Target{Collection: pets(t)}, Position{}); fault.Of(err).Code != "source-broken" {
		t.Errorf("not compressed: got %v, want source-broken", err)
	}
}

// A source that breaks off in the middle of a row gives no half of one.
func TestBrokenSource(t *testing.T) {
	broken := errors.New("the disk is gone")
	for _, format := range []Format{CSV, NDJSON} {
		octets := "id,name\na,Rex\nb,To"
		if format == NDJSON {
			octets = `{"id":"a","name":"Rex"}` + "\n" + `{"id":"b"}`
		}
		source := Source{Format: format, Open: func(context.Context) (io.ReadCloser, error) {
			return io.NopCloser(io.MultiReader(strings.NewReader(octets), failing{broken})), nil
		}}
		r, err := Open(t.Context(), source, Target{Collection: pets(t)}, Position{})
		if err != nil {
			t.Fatal(err)
		}
		fields := make([]record.Value, 6)
		if row, err := r.Next(fields); err != nil || row.ID != "a" {
			t.Errorf("%s: got %v, %v, want the row a", format, row, err)
		}
		if row, err := r.Next(fields); fault.KindOf(err) != fault.Unavailable || !errors.Is(err, broken) {
			t.Errorf("%s: got %v, %v, want that the source broke off", format, row, err)
		}
	}
}

type failing struct{ error }

func (f failing) Read([]byte) (int, error) { return 0, f.error }

// TestOpenAt opens a source at every position that its rows gave, and reads
// the same rest each time.
func TestOpenAt(t *testing.T) {
	csv := "\uFEFFid,name\r\na,Rex\rb,\"Tom\n\nand Kim\"\n\nc,\"Bo\nd,Ann\r\n"
	ndjson := `{"id":"a","name":"Rex"}` + "\n\n" + `{"id":"b","name":"Tom"}` + "\r\n" + `{"id":"c"}` + "\n"
	var zipped bytes.Buffer
	compress(t, &zipped, csv)
	compressed := text(CSV, zipped.String())
	compressed.Gzip = true
	seekable := Source{Format: CSV, Open: func(context.Context) (io.ReadCloser, error) {
		return struct {
			io.ReadSeeker
			io.Closer
		}{strings.NewReader(csv), io.NopCloser(nil)}, nil
	}}
	for name, source := range map[string]Source{"csv": text(CSV, csv), "ndjson": text(NDJSON, ndjson), "gzip": compressed, "seekable": seekable} {
		rows := rowsFrom(t, source, Position{})
		for i, row := range rows {
			if got := rowsFrom(t, source, row.Start); !cmp.Equal(got, rows[i:]) {
				t.Errorf("%s from %v: %s", name, row.Start, cmp.Diff(rows[i:], got))
			}
			if got := rowsFrom(t, source, row.End); len(got) != len(rows)-i-1 {
				t.Errorf("%s from %v: got %d rows, want %d", name, row.End, len(got), len(rows)-i-1)
			}
		}
	}
}

func rowsFrom(t testing.TB, source Source, from Position) (rows []Row) {
	t.Helper()
	c := pets(t)
	r, err := Open(t.Context(), source, Target{Collection: c}, from)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for fields := make([]record.Value, len(c.Fields)); ; {
		row, err := r.Next(fields)
		if err == io.EOF {
			return rows
		}
		if err != nil {
			t.Fatal(err)
		}
		rows = append(rows, row)
	}
}
