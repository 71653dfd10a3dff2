package ingest

import (
	"bytes"
	"encoding/csv"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/core/schema"
)

func TestWriter(t *testing.T) {
	tests := []struct {
		name  string
		value record.Value
		want  string
	}{
		{"null", record.Null, ``},
		{"empty", record.String(""), `""`},
		{"plain", record.String("Rex"), `Rex`},
		{"comma", record.String("Rex, dog"), `"Rex, dog"`},
		{"quote", record.String(`27" screen`), `"27"" screen"`},
		{"line end", record.String("a\nb"), "\"a\nb\""},
		{"space around", record.String(" a"), `" a"`},
		{"no-break space behind", record.String("a\u00a0"), "\"a\u00a0\""},
		{"sum", record.String("=1+1"), `'=1+1`},
		{"plus", record.String("+1"), `'+1`},
		{"minus", record.String("-1"), `'-1`},
		{"at", record.String("@x"), `'@x`},
		{"tab", record.String("\tx"), "'\tx"},
		{"carriage return", record.String("\rx"), "\"'\rx\""},
		{"escaped before", record.String("'=1"), `''=1`},
		{"apostrophe", record.String("'tis"), `'tis`},
		{"negative number", record.Int(-1), `-1`},
		{"decimal", record.Decimal(-1250, 2), `-12.50`},
		{"bool", record.Bool(true), `true`},
		{"time", record.Micros(1), `1970-01-01T00:00:00.000001Z`},
		{"bytes", record.Bytes([]byte{0xfb, 0xef, 0xbe}), `'++++`},
		{"list", record.List([]record.Value{record.Int(1), record.Int(2)}), `"[1,2]"`},
		{"json", record.JSON(`{"a":"b"}`), `"{""a"":""b""}"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var b bytes.Buffer
			w := NewWriter(&b, []string{"x", "y"})
			if err := w.Write([]record.Value{tt.value, record.Int(1)}); err != nil {
				t.Fatal(err)
			}
			if err := w.Flush(); err != nil {
				t.Fatal(err)
			}
			if got, want := b.String(), "x,y\r\n"+tt.want+",1\r\n"; got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}

// TestWrittenIsReadBack writes records of awkward values and reads them back equal.
func TestWrittenIsReadBack(t *testing.T) {
	c := newCollection(t, schema.Spec{Name: "things", ID: "id", Fields: []schema.FieldSpec{
		{Name: "id", Type: "int"}, {Name: "s", Type: "string"}, {Name: "b", Type: "bytes"}, {Name: "j", Type: "json"},
		{Name: "l", Type: "list", Items: "string"}, {Name: "f", Type: "float"}, {Name: "d", Type: "decimal", Precision: 9, Scale: 3},
		{Name: "t", Type: "time"}, {Name: "o", Type: "bool"},
	}})
	random := rand.New(rand.NewPCG(1, 2))
	var want [][]record.Value
	var b bytes.Buffer
	w := NewWriter(&b, c.Names(c.All()))
	for i := range 3000 {
		values := []record.Value{
			record.Int(int64(i + 1)), record.String(awkward(random)), record.Bytes([]byte(awkward(random))),
			record.JSON(string(record.AppendString(nil, awkward(random)))),
			record.List([]record.Value{record.String(awkward(random)), record.String(awkward(random))}),
			record.Float(random.NormFloat64()), record.Decimal(random.Int64N(1e9), 3),
			record.Micros(random.Int64N(1e15)), record.Bool(i%2 == 0),
		}
		if i%3 > 0 {
			values[1+random.IntN(8)] = record.Null
		}
		want = append(want, values)
		if err := w.Write(values); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	if _, err := csv.NewReader(bytes.NewReader(b.Bytes())).ReadAll(); err != nil {
		t.Errorf("encoding/csv cannot read what was written: %v", err)
	}

	r, err := Open(t.Context(), text(CSV, b.String()), Target{Collection: c}, Position{})
	if err != nil {
		t.Fatal(err)
	}
	for i := range want {
		got := make([]record.Value, len(c.Fields))
		row, err := r.Next(got)
		if err != nil || row.Reject != nil {
			t.Fatalf("row %d: %v, %+v", i, err, row.Reject)
		}
		if diff := cmp.Diff(want[i], got, cmp.Comparer(record.Equal)); diff != "" {
			t.Fatalf("row %d (-want +got):\n%s", i, diff)
		}
	}
	if _, err := r.Next(make([]record.Value, len(c.Fields))); err != io.EOF {
		t.Errorf("at the end: got %v, want EOF", err)
	}
}

// awkward returns a text of what CSV, spreadsheets and trimming stumble over.
func awkward(random *rand.Rand) string {
	pieces := []string{`"`, `""`, ",", "\n", "\r", "\r\n", " ", "\t", "'", "=", "-", "+", "@", "a", "é", "\u00a0", "😀", "\uFEFF", "null"}
	var b strings.Builder
	for range random.IntN(6) {
		b.WriteString(pieces[random.IntN(len(pieces))])
	}
	return b.String()
}
