package schema_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/core/schema"
)

// canonical returns the fields of a record that are not null, as JSON.
func canonical(c *schema.Collection, fields []record.Value) string {
	var names []string
	var values []record.Value
	for i, v := range fields {
		if !v.IsNull() {
			names, values = append(names, c.Fields[i].Name), append(values, v)
		}
	}
	return string(record.NewEncoder(names).Append(nil, values))
}

// mistakes returns the places of err as "pointer code" lines.
func mistakes(err error) []string {
	if err == nil {
		return nil
	}
	return places(fault.Of(err).Places)
}

func places(found []fault.Place) []string {
	var lines []string
	for _, place := range found {
		lines = append(lines, place.Pointer+" "+place.Code)
	}
	return lines
}

func TestDecode(t *testing.T) {
	c := must(t, products())
	tests := []struct{ name, body, want string }{
		{"nothing", `{}`, `{}`},
		{"every type", `{"asin":"B1","title":"x","stars":4.5,"reviews":3,"price":1.5,"isBestSeller":true,
			"created":"2026-01-31T13:00:00.1234567+01:00","original":{"b":1.0,"a":[null]},"tags":["a","b"],"photo":"AAE=","category_id":12}`,
			`{"asin":"B1","title":"x","stars":4.5,"reviews":3,"price":1.50,"isBestSeller":true,"created":"2026-01-31T12:00:00.123456Z","original":{"a":[null],"b":1.0},"tags":["a","b"],"photo":"AAE=","category_id":12}`},
		{"any order", `{"reviews":1,"asin":"a"}`, `{"asin":"a","reviews":1}`},
		{"nulls", `{"asin":null,"tags":null,"original":null}`, `{}`},
		{"int in other notations", `{"reviews":1.2e1}`, `{"reviews":12}`},
		{"2^53+1 in an int", `{"reviews":9007199254740993}`, `{"reviews":9007199254740993}`},
		{"2^53+1 in a decimal", `{"price":90071992547409.93}`, `{"price":90071992547409.93}`},
		{"2^53+1 in json", `{"original":9007199254740993}`, `{"original":9007199254740993}`},
		{"least int", `{"reviews":-9223372036854775808}`, `{"reviews":-9223372036854775808}`},
		{"decimal as a string", `{"price":"12.3"}`, `{"price":12.30}`},
		{"decimal with zeros behind its scale", `{"price":12.3000}`, `{"price":12.30}`},
		{"negative zeros", `{"stars":-0.0,"reviews":-0,"price":-0.00}`, `{"stars":0,"reviews":0,"price":0.00}`},
		{"float from an int", `{"stars":3}`, `{"stars":3}`},
		{"empty list", `{"tags":[]}`, `{"tags":[]}`},
		{"list of decimals", `{"prices":[1,"2.5"]}`, `{"prices":[1.00,2.50]}`},
		{"what only Check refuses", `{"stars":99,"title":"far too long a title"}`, `{"title":"far too long a title","stars":99}`},
		{"json as deep as may be", `{"original":` + strings.Repeat("[", 63) + strings.Repeat("]", 63) + `}`, `{"original":` + strings.Repeat("[", 63) + strings.Repeat("]", 63) + `}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			fields, err := c.Decode([]byte(tt.body), nil, nil)
			if err != nil {
				t.Fatal(err)
			}
			if got := canonical(c, fields); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
			restored, err := c.Restore(record.NewEncoder(c.Names(c.All())).Append(nil, fields))
			if err != nil || !slices.EqualFunc(fields, restored, record.Equal) {
				t.Errorf("restored from its own encoding: got %s, %v", canonical(c, restored), err)
			}
		})
	}
}

func TestDecodeRefuses(t *testing.T) {
	c := must(t, products())
	tests := []struct {
		name, body string
		want       []string
	}{
		{"no object", `[]`, []string{" wrong-type"}},
		{"nothing", ``, []string{" malformed-json"}},
		{"unknown", `{"x":1}`, []string{"/x unknown-field"}},
		{"names are case-sensitive", `{"Title":"x"}`, []string{"/Title unknown-field"}},
		{"derived", `{"slug":"x"}`, []string{"/slug read-only"}},
		{"read-only", `{"seller":null}`, []string{"/seller read-only"}},
		{"twice", `{"title":"a","\u0074itle":"b"}`, []string{"/title duplicate-key"}},
		{"twice within json", `{"original":{"a":[{"b":1,"b":1}]}}`, []string{"/original/a/0/b duplicate-key"}},
		{"wrong types, all of them", `{"asin":1,"stars":"1","reviews":true,"price":{},"isBestSeller":1,"created":5,"tags":{},"photo":[],"title":[1]}`,
			[]string{"/asin wrong-type", "/stars wrong-type", "/reviews wrong-type", "/price wrong-type", "/isBestSeller wrong-type",
				"/created wrong-type", "/tags wrong-type", "/photo wrong-type", "/title wrong-type"}},
		{"fraction in an int", `{"reviews":1.5}`, []string{"/reviews wrong-type"}},
		{"int beyond 64 bits", `{"reviews":9223372036854775808}`, []string{"/reviews out-of-range"}},
		{"decimal too fine", `{"price":1.005}`, []string{"/price too-fine"}},
		{"decimal beyond 64 bits", `{"price":1e30}`, []string{"/price out-of-range"}},
		{"decimal of words", `{"price":"ten"}`, []string{"/price wrong-type"}},
		{"float beyond range", `{"stars":1e400}`, []string{"/stars out-of-range"}},
		{"NaN", `{"stars":NaN}`, []string{"/stars not-finite"}},
		{"-Infinity", `{"stars":-Infinity}`, []string{"/stars not-finite"}},
		{"time without zone", `{"created":"2026-01-31T12:00:00"}`, []string{"/created wrong-type"}},
		{"time of one-digit hours", `{"created":"2026-01-31T1:00:00Z"}`, []string{"/created wrong-type"}},
		{"time with a comma", `{"created":"2026-01-31T01:00:00,5Z"}`, []string{"/created wrong-type"}},
		{"time with an offset of a day", `{"created":"2026-01-31T01:00:00+24:00"}`, []string{"/created wrong-type"}},
		{"time with an offset of 60 minutes", `{"created":"2026-01-31T01:00:00-01:60"}`, []string{"/created wrong-type"}},
		{"time with a leap second", `{"created":"2016-12-31T23:59:60Z"}`, []string{"/created wrong-type"}},
		{"time as a table writes it", `{"created":"2026-01-31"}`, []string{"/created wrong-type"}},
		{"year 0", `{"created":"0000-01-01T00:00:00Z"}`, []string{"/created out-of-range"}},
		{"year 10000 in UTC", `{"created":"9999-12-31T23:59:59-01:00"}`, []string{"/created out-of-range"}},
		{"base64 with a line end", `{"photo":"AA\nE="}`, []string{"/photo wrong-type"}},
		{"base64 without padding", `{"photo":"AAE"}`, []string{"/photo wrong-type"}},
		{"base64 with loose bits", `{"photo":"AAF="}`, []string{"/photo wrong-type"}},
		{"item of the wrong type", `{"tags":["a",1,2]}`, []string{"/tags/1 wrong-type"}},
		{"null item", `{"tags":[null]}`, []string{"/tags/0 wrong-type"}},
		{"item too fine", `{"prices":[1.005]}`, []string{"/prices/0 too-fine"}},
		{"NUL", `{"title":"a\u0000"}`, []string{"/title nul-character"}},
		{"lone surrogate", `{"title":"\ud800"}`, []string{"/title lone-surrogate"}},
		{"invalid UTF-8", "{\"title\":\"\xff\"}", []string{"/title invalid-utf8"}},
		{"trailing data", `{}{}`, []string{" trailing-data"}},
		{"one too deep", `{"original":` + strings.Repeat("[", 64) + strings.Repeat("]", 64) + `}`, []string{"/original" + strings.Repeat("/0", 63) + " too-deep"}},
		{"too many members", `{"tags":["` + strings.Repeat(`","`, 9_999) + `"]}`, []string{"/tags/9999 too-many-members"}},
		{"values first, then the end of reading", `{"stars":"x","y":1,"title":"\ud800"}`, []string{"/stars wrong-type", "/y unknown-field", "/title lone-surrogate"}},
		{"a key that a pointer escapes", `{"a/b~c":1}`, []string{"/a~1b~0c unknown-field"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			fields, err := c.Decode([]byte(tt.body), nil, nil)
			if fault.KindOf(err) != fault.Invalid {
				t.Fatalf("got %s, %v, want it refused as invalid", canonical(c, fields), err)
			}
			if diff := cmp.Diff(tt.want, mistakes(err)); diff != "" {
				t.Errorf("places (-want +got):\n%s", diff)
			}
		})
	}
}

func TestDecodeAnswersWithinBounds(t *testing.T) {
	c := must(t, products())
	body := []byte("{")
	for i := range 5_000 {
		body = fmt.Appendf(body, `"titl%d":1,`, i)
	}
	_, err := c.Decode(append(body, `"z":1}`...), nil, nil)
	if got := len(fault.Of(err).Places); got != 100 {
		t.Errorf("of 5001 mistakes %d are named, want 100", got)
	}
	_, err = c.Decode([]byte(`{"title":"x"`+strings.Repeat(`,"title":"x"`, 200)+`}`), nil, nil)
	if got := len(fault.Of(err).Places); got != 100 {
		t.Errorf("of 200 repeated keys %d are named, want 100", got)
	}
}

func TestDecodeForACaller(t *testing.T) {
	c := must(t, products())
	hidden, readOnly := make([]bool, len(c.Fields)), make([]bool, len(c.Fields))
	price, _ := c.Position("price")
	stars, _ := c.Position("stars")
	hidden[price], readOnly[stars] = true, true
	_, err := c.Decode([]byte(`{"price":1,"pric":1,"stars":1,"titel":"x"}`), hidden, readOnly)
	want := []string{"/price unknown-field", "/pric unknown-field", "/stars read-only", "/titel unknown-field"}
	if diff := cmp.Diff(want, mistakes(err)); diff != "" {
		t.Errorf("places (-want +got):\n%s", diff)
	}
	refused := fault.Of(err)
	if strings.Contains(refused.Hint, "price,") || strings.Contains(refused.Places[1].Detail, "mean price?") {
		t.Errorf("a hidden field is offered: %q, hint %q", refused.Places[1].Detail, refused.Hint)
	}
	if !strings.Contains(refused.Places[3].Detail, "mean title?") || !strings.Contains(refused.Hint, "title") {
		t.Errorf("got %q, hint %q, want title offered", refused.Places[3].Detail, refused.Hint)
	}
	if refused.Code != "invalid-record" {
		t.Errorf("code of several: got %s, want invalid-record", refused.Code)
	}
	if _, err := c.Decode([]byte(`{"a":1,"b":2}`), nil, nil); fault.Of(err).Code != "unknown-field" {
		t.Errorf("code of several alike: got %s, want theirs", fault.Of(err).Code)
	}
}

func TestDecodeIDs(t *testing.T) {
	generated := must(t, schema.Spec{Name: "notes", Fields: []schema.FieldSpec{{Name: "text", Type: "string"}}})
	uuid := `019c13ec-9e00-71cc-b752-24252c622a6c`
	body := []byte(`{"id":"` + uuid + `"}`)
	if _, err := generated.Decode(body, nil, nil); !slices.Equal(mistakes(err), []string{"/id read-only"}) {
		t.Errorf("Decode with a generated id: got %v, want it refused as read-only", err)
	}
	if got, err := generated.Restore(body); err != nil || got[0].AsString() != uuid {
		t.Errorf("Restore with a generated id: got %v, %v", got, err)
	}
	if got, err := generated.DecodeRow(body); err != nil || got[0].AsString() != uuid {
		t.Errorf("DecodeRow with a generated id: got %v, %v", got, err)
	}
	for _, text := range []string{string(body), `{}`} {
		if got, err := generated.DecodeAs(record.ID(uuid), nil, []byte(text), nil, nil); err != nil || got[0].AsString() != uuid {
			t.Errorf("DecodeAs(%s): got %v, %v, want its id", text, got, err)
		}
	}
	if _, err := generated.DecodeAs("other", nil, body, nil, nil); !slices.Equal(mistakes(err), []string{"/id id-mismatch"}) {
		t.Errorf("DecodeAs with another id: got %v, want it refused", err)
	}
}

func TestMerge(t *testing.T) {
	c := must(t, products())
	current, err := c.Restore([]byte(`{"asin":"B1","title":"old","stars":4,"original":{"a":{"b":1,"c":2},"d":[1]},"slug":"old"}`))
	if err != nil {
		t.Fatal(err)
	}
	before := canonical(c, current)
	tests := []struct{ name, patch, want string }{
		{"nothing", `{}`, before},
		{"a null removes", `{"stars":null,"title":"new"}`, `{"asin":"B1","title":"new","original":{"a":{"b":1,"c":2},"d":[1]},"slug":"old"}`},
		{"json merges deeply", `{"original":{"a":{"b":null,"x":0},"d":[{"y":null}]}}`, `{"asin":"B1","title":"old","stars":4,"original":{"a":{"c":2,"x":0},"d":[{"y":null}]},"slug":"old"}`},
		{"json replaced by a value", `{"original":[1]}`, `{"asin":"B1","title":"old","stars":4,"original":[1],"slug":"old"}`},
		{"json removed", `{"original":null}`, `{"asin":"B1","title":"old","stars":4,"slug":"old"}`},
		{"the same id", `{"asin":"B1","stars":1}`, `{"asin":"B1","title":"old","stars":1,"original":{"a":{"b":1,"c":2},"d":[1]},"slug":"old"}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := c.Merge(current, []byte(tt.patch), nil, nil)
			if err != nil || canonical(c, got) != tt.want {
				t.Errorf("got  %s, %v\nwant %s", canonical(c, got), err, tt.want)
			}
			if after := canonical(c, current); after != before {
				t.Errorf("the current values changed to %s", after)
			}
		})
	}
	for patch, want := range map[string][]string{
		`{"asin":"B2"}`:                           {"/asin id-mismatch"},
		`{"asin":null}`:                           {"/asin id-mismatch"},
		`{"slug":"new","x":1}`:                    {"/slug read-only", "/x unknown-field"},
		`{"original":{"a":1,"a":2}}`:              {"/original/a duplicate-key"},
		`{"original":{"x":"\ud800"},"stars":"x"}`: {"/original/x lone-surrogate"},
		`null`: {" wrong-type"},
	} {
		if _, err := c.Merge(current, []byte(patch), nil, nil); !slices.Equal(mistakes(err), want) {
			t.Errorf("Merge of %s: got %q, want %q", patch, mistakes(err), want)
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, seed := range []string{
		`{"asin":"B1","title":"x","stars":4.5,"reviews":3,"price":"1.5","isBestSeller":true,"created":"2026-01-31T12:00:00Z"}`,
		`{"original":{"b":[1.0],"a":null},"tags":["a"],"prices":[1,"2"],"photo":"AAE=","x":0}`,
		`{"asin":"a","asin":"b"}`, `{"stars":1e400,"reviews":1e18}`, `[{}]`, "{\"title\":\"\xff\"}", `{"created":"9999-12-31T23:59:59.9999999Z"}`,
	} {
		f.Add([]byte(seed))
	}
	c := must(f, products())
	encoder := record.NewEncoder(c.Names(c.All()))
	f.Fuzz(func(t *testing.T, body []byte) {
		fields, err := c.Decode(body, nil, nil)
		if err != nil {
			if fault.KindOf(err) != fault.Invalid || len(mistakes(err)) == 0 {
				t.Fatalf("Decode(%q): got %v, want an invalid with a place", body, err)
			}
			return
		}
		if !json.Valid(body) {
			t.Fatalf("Decode(%q) took what encoding/json refuses", body)
		}
		c.Check(fields)
		encoded := encoder.Append(nil, fields)
		again, err := c.Restore(encoded)
		if err != nil || !slices.EqualFunc(fields, again, record.Equal) {
			t.Fatalf("%q is encoded as %s, which reads back as %v, %v", body, encoded, again, err)
		}
		if merged, err := c.Merge(fields, body, nil, nil); err == nil && len(merged) != len(fields) {
			t.Fatalf("Merge(%q): got %d values, want %d", body, len(merged), len(fields))
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	c := must(b, products())
	body := []byte(`{"asin":"B07XJ8C8F5","title":"Echo Dot (4th Gen, 2020 release) | Smart speaker with Alexa, with a longer title than most have",` +
		`"imgUrl":"https://m.media-example.com/images/I/714Rq4k05UL._AC_UL320_.jpg","stars":4.7,"reviews":128374,"price":49.99,` +
		`"isBestSeller":true,"created":"2026-01-31T12:00:00Z","category_id":71}`)
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.Decode(body, nil, nil); err != nil {
			b.Fatal(err)
		}
	}
}
