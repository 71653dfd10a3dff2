package schema_test

import (
	"encoding/base64"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/core/schema"
)

func TestCheck(t *testing.T) {
	c := must(t, products())
	tests := []struct {
		name, body string // beside the id and the title
		want       []string
	}{
		{"as it may be", `"stars":5,"reviews":0,"price":0.01,"tags":["a","b","c"],"photo":"AAECAw==","size":"M"`, nil},
		{"bounds from below", `"stars":-0.1,"reviews":-1,"price":0,"created":"2019-12-31T23:59:59.999999Z"`,
			[]string{"/stars out-of-range", "/reviews out-of-range", "/price out-of-range", "/created out-of-range"}},
		{"bounds from above", `"stars":5.000001,"created":"2030-01-01T00:00:00.000001Z"`, []string{"/stars out-of-range", "/created out-of-range"}},
		{"lists and octets too long", `"tags":["","","",""],"photo":"AAECAwQ="`, []string{"/tags too-long", "/photo too-long"}},
		{"not in the enum", `"size":"m"`, []string{"/size not-in-enum"}},
		{"precision", `"price":9999999999.99,"prices":[99.99]`, nil},
		{"precision exceeded", `"price":10000000000.00,"prices":[1,100]`, []string{"/price out-of-range", "/prices/1 out-of-range"}},
		{"precision exceeded below zero", `"price":-10000000000.00,"prices":[-99.99,-100]`, []string{"/price out-of-range", "/prices/1 out-of-range"}},
		{"format", `"imgUrl":"nowhere"`, []string{"/imgUrl bad-format"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			fields, err := c.Decode([]byte(`{"asin":"B1","title":"x",`+tt.body+`}`), nil, nil)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, places(c.Check(fields))); diff != "" {
				t.Errorf("places (-want +got):\n%s", diff)
			}
		})
	}
}

func TestCheckRequiredAndLengths(t *testing.T) {
	c := must(t, products())
	for body, want := range map[string][]string{
		`{}`:                     {"/asin required", "/title required"},
		`{"asin":"","title":""}`: {"/asin invalid-id"},
		`{"asin":"12345678901234567","title":""}`: {"/asin too-long"},
		`{"asin":"x/y","title":"éééééééééé"}`:     {"/asin invalid-id"},
		`{"asin":"x","title":"😀😀😀😀😀😀😀😀😀😀"}`:       nil,
		`{"asin":"x","title":"😀😀😀😀😀😀😀😀😀😀!"}`:      {"/title too-long"},
	} {
		fields, err := c.Decode([]byte(body), nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, places(c.Check(fields))); diff != "" {
			t.Errorf("%s: places (-want +got):\n%s", body, diff)
		}
	}
}

func TestCheckComputedValues(t *testing.T) {
	c := must(t, products())
	tests := []struct {
		field string
		value record.Value
		want  string
	}{
		{"slug", record.Int(1), "/slug wrong-type"},
		{"price", record.Decimal(1, 3), "/price too-fine"},
		{"stars", record.Float(math.Inf(1)), "/stars out-of-range"},
		{"stars", record.Float(math.NaN()), "/stars out-of-range"},
		{"created", record.Micros(math.MaxInt64), "/created out-of-range"},
		{"tags", record.List([]record.Value{record.String("a"), record.Int(1)}), "/tags/1 wrong-type"},
		{"asin", record.Int(1), "/asin wrong-type"},
	}
	for _, tt := range tests {
		fields, err := c.Decode([]byte(`{"asin":"B1","title":"x"}`), nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		i, _ := c.Position(tt.field)
		fields[i] = tt.value
		if diff := cmp.Diff([]string{tt.want}, places(c.Check(fields))); diff != "" {
			t.Errorf("%s: places (-want +got):\n%s", tt.field, diff)
		}
	}
}

func TestCheckSize(t *testing.T) {
	c := must(t, schema.Spec{Name: "a", ID: "k", Fields: []schema.FieldSpec{{Name: "k", Type: "string"}, {Name: "v", Type: "string"}, {Name: "b", Type: "bytes"}}})
	const frame = len(`{"k":"1","v":"","b":""}`)
	octets := strings.Repeat("A", 300_000)
	rest := record.MaxRecordBytes - frame - base64.StdEncoding.EncodedLen(len(octets))
	for extra, want := range map[int]int{0: 0, 1: 1} {
		fields := []record.Value{record.String("1"), record.String(strings.Repeat("a", rest+extra)), record.Bytes([]byte(octets))}
		if got := c.Check(fields); len(got) != want {
			t.Errorf("%d octets above the limit: got %v, want %d places", extra, got, want)
		}
	}
	j := must(t, schema.Spec{Name: "a", ID: "k", Fields: []schema.FieldSpec{{Name: "k", Type: "string"}, {Name: "v", Type: "json"}}})
	fields := []record.Value{record.String("1"), record.JSON(`"` + strings.Repeat("a", record.MaxRecordBytes) + `"`)}
	if got := j.Check(fields); len(got) != 1 {
		t.Errorf("json above the limit: got %v, want one place", got)
	}
	quotes := []record.Value{record.String("1"), record.String(strings.Repeat(`"`, 600_000)), record.Null}
	if got := c.Check(quotes); len(got) != 1 || got[0].Code != "record-too-large" {
		t.Errorf("a record whose escapes make it too large: got %v", got)
	}
}

func TestFormats(t *testing.T) {
	tests := []struct {
		format    string
		good, bad []string
	}{
		{"uri", []string{"https://example.com", "http://[::1]:80/a?b#c", "ftp://u@h/%20"},
			[]string{"", "example.com", "/a", "//example.com/a", "mailto:ann@example.com", "http://", "http://:80/", "http://a b/", "http://a/b c", "http://a/é", "http://a/%zz", "http://a/<b>"}},
		{"email", []string{"ann@example.com", "a.b+c@example.co"},
			[]string{"", "ann", "ann@", "@example.com", "Ann <ann@example.com>", " ann@example.com", "a@b@c", "ann@example.com, bob@example.com"}},
		{"uuid", []string{"01890a5d-ac96-774b-bcce-b302099a8057", "01890A5D-AC96-774B-BCCE-B302099A8057"},
			[]string{"", "01890a5dac96774bbcceb302099a8057", "01890a5d-ac96-774b-bcce-b302099a805g", "{01890a5d-ac96-774b-bcce-b302099a8057}", "01890a5d-ac96-774b-bcceb-302099a8057"}},
		{"date", []string{"2026-01-31", "2024-02-29", "0001-01-01", "9999-12-31"},
			[]string{"", "2026-1-31", "2026-02-29", "2026-01-31T00:00:00Z", "0000-01-01", "26-01-31", "31.01.2026"}},
	}
	for _, tt := range tests {
		c := must(t, schema.Spec{Name: "a", ID: "k", Fields: []schema.FieldSpec{{Name: "k", Type: "int"}, {Name: "v", Type: "string", Format: tt.format}}})
		for i, text := range append(tt.good, tt.bad...) {
			ok := len(c.Check([]record.Value{record.Int(1), record.String(text)})) == 0
			if want := i < len(tt.good); ok != want {
				t.Errorf("%s %q: got accepted %v, want %v", tt.format, text, ok, want)
			}
		}
	}
}

func TestIDs(t *testing.T) {
	text := must(t, schema.Spec{Name: "a", ID: "k", Fields: []schema.FieldSpec{{Name: "k", Type: "string"}}})
	number := must(t, schema.Spec{Name: "a", ID: "k", Fields: []schema.FieldSpec{{Name: "k", Type: "int"}}})
	longest := strings.Repeat("é", 225)
	tests := []struct {
		c         *schema.Collection
		good, bad []string
	}{
		{text, []string{"a", "A b", " a", "a$", "...", "_", "__", "___", "__a", "a__", "é😀", "%", "100%", "%zz", "a%20b", longest, "a\u00a0"},
			[]string{"", "%24", "%2f", "a%255Cb", "%2e%2e", "%0a", "$a", "a ", ".", "..", "____", "__a__", "a/b", `a\b`, "a\x00", "a\n", "a\x7f", "a\u0085", "\xff", longest + "a"}},
		{number, []string{"1", "9007199254740993", "9223372036854775807"},
			[]string{"", "0", "-0", "-1", "+1", "01", "1.0", "1e3", " 1", "a", "9223372036854775808", "١"}},
	}
	for _, tt := range tests {
		for _, s := range tt.good {
			id, err := tt.c.ParseID(s)
			if err != nil || string(id) != s {
				t.Errorf("ParseID(%q): got %q, %v, want itself", s, id, err)
				continue
			}
			fields := []record.Value{tt.c.IDValue(id)}
			if back, err := tt.c.IDOf(fields); err != nil || back != id || len(tt.c.Check(fields)) > 0 {
				t.Errorf("IDOf(IDValue(%q)): got %q, %v, want the same", s, back, err)
			}
		}
		for _, s := range tt.bad {
			if id, err := tt.c.ParseID(s); fault.KindOf(err) != fault.Invalid || fault.Of(err).Code != "invalid-id" {
				t.Errorf("ParseID(%q): got %q, %v, want the code invalid-id", s, id, err)
			}
			if tt.c == text {
				if _, err := text.IDOf([]record.Value{record.String(s)}); err == nil {
					t.Errorf("IDOf(%q): got no error", s)
				}
			}
		}
	}
	for _, v := range []record.Value{record.Null, record.Int(0), record.Int(-5), record.String("1")} {
		if id, err := number.IDOf([]record.Value{v}); err == nil {
			t.Errorf("IDOf of no int id: got %q, want an error", id)
		}
	}
}

func TestGeneratedIDsAreUUIDs(t *testing.T) {
	c := must(t, schema.Spec{Name: "a"})
	if places := c.Check([]record.Value{record.String("01890a5d-ac96-774b-bcce-b302099a8057")}); places != nil {
		t.Errorf("a UUID: got %v, want it taken", places)
	}
	for _, id := range []string{"x", "01890A5D-AC96-774B-BCCE-B302099A8057"} {
		if places := c.Check([]record.Value{record.String(id)}); len(places) != 1 {
			t.Errorf("%s: got %v, want it refused", id, places)
		}
	}
}
