package derive_test

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/portolan-io/portolan/core/derive"
	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/core/schema"
)

// given are the fields that expressions read, with the values of one record.
var given = []struct {
	spec  schema.FieldSpec
	value record.Value
}{
	{schema.FieldSpec{Name: "id", Type: "int"}, record.Int(1)},
	{schema.FieldSpec{Name: "title", Type: "string"}, record.String("  Crème Brûlée & Co. №5 ")},
	{schema.FieldSpec{Name: "nothing", Type: "string"}, record.Null},
	{schema.FieldSpec{Name: "n", Type: "int"}, record.Int(7)},
	{schema.FieldSpec{Name: "most", Type: "int"}, record.Int(math.MaxInt64)},
	{schema.FieldSpec{Name: "f", Type: "float"}, record.Float(0.5)},
	{schema.FieldSpec{Name: "huge", Type: "float"}, record.Float(math.MaxFloat64)},
	{schema.FieldSpec{Name: "price", Type: "decimal", Precision: 12, Scale: 2}, record.Decimal(1050, 2)},
	{schema.FieldSpec{Name: "flag", Type: "bool"}, record.Bool(true)},
	{schema.FieldSpec{Name: "made", Type: "time"}, record.Time(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))},
	{schema.FieldSpec{Name: "zoned", Type: "string"}, record.String("2026-01-01T02:30:00+02:00")},
	{schema.FieldSpec{Name: "blob", Type: "bytes"}, record.Bytes([]byte("x"))},
	{schema.FieldSpec{Name: "sizes", Type: "list", Items: "int"}, record.List([]record.Value{record.Int(2), record.Int(4), record.Int(9)})},
	{schema.FieldSpec{Name: "tags", Type: "list", Items: "string"}, record.List([]record.Value{record.String("x")})},
	{schema.FieldSpec{Name: "original", Type: "json"}, record.JSON(
		`{"data":[1,2.5,null,4],"deep":{"er":{"name":"A b"}},"empty":[],"one":[5],"mixed":[1,"2"],"n":12.345,"ok":true,"none":null,"vast":1e999999999,"when":"2026-05-05"}`)},
}

// with returns the collection of the given fields and one that is derived.
func with(t *testing.T, derived schema.FieldSpec) *schema.Collection {
	t.Helper()
	spec := schema.Spec{Name: "things", ID: "id"}
	for _, g := range given {
		spec.Fields = append(spec.Fields, g.spec)
	}
	spec.Fields = append(spec.Fields, derived)
	c, err := schema.New(spec)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// apply derives the one field, and returns it with what is wrong with it.
func apply(t *testing.T, derived schema.FieldSpec) (record.Value, []fault.Place) {
	t.Helper()
	set, err := derive.Compile(with(t, derived))
	if err != nil {
		t.Fatal(err)
	}
	var fields []record.Value
	for _, g := range given {
		fields = append(fields, g.value)
	}
	fields = append(fields, record.String("as it was before"))
	places := set.Apply(fields)
	return fields[len(fields)-1], places
}

func TestApply(t *testing.T) {
	for _, tt := range []struct{ typ, text, want string }{
		{"string", "slug(title)", `"creme-brulee-co-5"`},
		{"string", "tolower(trim(title))", `"crème brûlée & co. №5"`},
		{"string", "concat('a', '-', tolower('B'))", `"a-b"`},
		{"string", "concat(title, nothing)", "null"},
		{"string", "title", `"  Crème Brûlée & Co. №5 "`},
		{"int", "length('a😀')", "2"},
		{"int", "length(sizes)", "3"},
		{"int", "n add 2 mul 3 sub 1", "12"},
		{"int", "(n add 2) mul 3", "27"},
		{"int", "n sub 2 sub 1", "4"},
		{"int", "n div 2", "4"},
		{"int", "5 div 2", "2"},
		{"int", "0 sub 5 div 2", "-2"},
		{"int", "0 sub 7 div 2", "-4"},
		{"int", "most sub 1 add 1", "9223372036854775807"},
		{"decimal", "price mul 1.19", "12.50"}, // 12.495, half to even
		{"decimal", "price mul 0.1", "1.05"},
		{"decimal", "price mul 0.01", "0.10"}, // 0.105
		{"decimal", "price div 3", "3.50"},
		{"decimal", "0.1 add 0.2", "0.30"},
		{"float", "0.1 add 0.2", "0.3"},
		{"float", "f mul 3", "1.5"},
		{"float", "1 div 3", "0.3333333333333333"},
		{"decimal", "round(original.n, 1)", "12.30"},
		{"decimal", "round(2.5)", "2.00"},
		{"decimal", "round(0 sub 3.5)", "-4.00"},
		{"float", "mean(sizes)", "5"},
		{"float", "mean(original.data)", "2.5"},
		{"float", "stdev(original.data)", "1.5"},
		{"float", "stdev(original.one)", "null"},
		{"float", "mean(original.empty)", "null"},
		{"float", "mean(original.missing)", "null"},
		{"float", "mean(original.data.deeper)", "null"},
		{"float", "nothing", "null"},
		{"string", "slug(original.deep.er.name)", `"a-b"`},
		{"string", `original."deep".er.name`, `"A b"`},
		{"bool", "original.ok", "true"},
		{"bool", "flag", "true"},
		{"bool", "original.none", "null"},
		{"time", "utc(zoned)", `"2026-01-01T00:30:00Z"`},
		{"time", "utc(made)", `"2026-01-01T00:00:00Z"`},
		{"time", "utc(original.when)", `"2026-05-05T00:00:00Z"`},
		{"time", "2026-01-01T00:00:00Z", `"2026-01-01T00:00:00Z"`},
		{"string", "null", "null"},
	} {
		t.Run(tt.text, func(t *testing.T) {
			if tt.text == "nothing" {
				tt.typ = "string"
			}
			derived := schema.FieldSpec{Name: "out", Type: tt.typ, Derive: tt.text}
			if tt.typ == "decimal" {
				derived.Precision, derived.Scale = 6, 2
			}
			v, places := apply(t, derived)
			if got := string(record.AppendValue(nil, v)); got != tt.want || len(places) > 0 {
				t.Errorf("got %s %v, want %s", got, places, tt.want)
			}
		})
	}
}

// What cannot be computed leaves the field null and says why.
func TestApplyFails(t *testing.T) {
	for _, tt := range []struct{ typ, text, detail string }{
		{"int", "n div (n sub 7)", "a division by zero"},
		{"int", "most add 1", "greater than its type"},
		{"decimal", "9999.995 add 0", "greater than its type"},
		{"float", "huge mul 2", "greater than its type"},
		{"float", "stdev(original.mixed)", "the list holds a string among its numbers"},
		{"float", "original.vast add 1", "more digits than arithmetic takes"},
		{"float", "original.deep add 1", "add takes numbers, not an object"},
		{"string", "original.n", "the result is a number, not a string"},
		{"time", "utc(title)", "no time in RFC 3339"},
		{"float", "round(f, 19)", "0 to 18 digits"},
		{"float", "round(f, 0.5)", "0 to 18 digits"},
	} {
		t.Run(tt.text, func(t *testing.T) {
			derived := schema.FieldSpec{Name: "out", Type: tt.typ, Derive: tt.text}
			if tt.typ == "decimal" {
				derived.Precision, derived.Scale = 6, 2
			}
			v, places := apply(t, derived)
			if !v.IsNull() || len(places) != 1 || places[0].Pointer != "/out" || places[0].Code != "derive-failed" ||
				!strings.Contains(places[0].Detail, tt.detail) {
				t.Errorf("got %v and %v, want null and a place that says %q", v, places, tt.detail)
			}
		})
	}
}

func TestCompileRefuses(t *testing.T) {
	for _, tt := range []struct{ typ, text, code, detail string }{
		{"string", "slug(titel)", "unknown-field", `at character 6, near "titel)": there is no field titel; did you mean title?`},
		{"string", "slugg(title)", "unknown-function", "did you mean slug?"},
		{"string", "slug(n)", "wrong-type", "slug takes one string, and this is a number"},
		{"string", "slug(title, title)", "syntax", "slug takes one string"},
		{"string", "n add 1", "wrong-type", "the result is a number, and out is of type string"},
		{"int", "title add 1", "wrong-type", "add takes numbers, and this is a string"},
		{"string", "title.x", "wrong-type", "only json has a path"},
		{"string", "out", "wrong-type", "out is derived itself"},
		{"string", "blob", "wrong-type", "nothing can be derived"},
		{"float", "mean(n)", "wrong-type", "mean takes one list of numbers, and this is a number"},
		{"bool", "n gt 1", "unknown-operator", "gt is for filters"},
		{"bool", "flag and flag", "unknown-operator", "and is for filters"},
		{"string", "@claims.sub", "syntax", "cannot stand"},
		{"string", "slug(", "syntax", "is missing"},
		{"float", "1e999 add 1", "wrong-type", "more digits"},
		{"json", "original", "wrong-type", "out cannot be derived"},
		{"int", "1" + strings.Repeat(" add 1", 50), "too-many-nodes", "more than 100"},
	} {
		t.Run(tt.text, func(t *testing.T) {
			_, err := derive.Compile(with(t, schema.FieldSpec{Name: "out", Type: tt.typ, Derive: tt.text}))
			got := fault.Of(err)
			if got == nil || got.Kind != fault.Invalid || len(got.Places) != 1 {
				t.Fatalf("got %v, want %s with one place", err, fault.Invalid)
			}
			place := got.Places[0]
			if place.Pointer != "fields/out/derive" || place.Code != tt.code || !strings.Contains(place.Detail, tt.detail) {
				t.Errorf("got %s %s: %s\nwant fields/out/derive %s: … %s …", place.Pointer, place.Code, place.Detail, tt.code, tt.detail)
			}
		})
	}
}

// A collection without derived fields costs nothing.
func TestNothingToDerive(t *testing.T) {
	c := with(t, schema.FieldSpec{Name: "out", Type: "string"})
	set, err := derive.Compile(c)
	if err != nil || set != nil {
		t.Fatalf("got %v and %v, want nil and no error", set, err)
	}
	fields := make([]record.Value, len(c.Fields))
	if n := testing.AllocsPerRun(10, func() { set.Apply(fields) }); n > 0 || set.Positions() != nil {
		t.Errorf("a nil set allocates %v times and derives %v", n, set.Positions())
	}
}

func TestPositions(t *testing.T) {
	c, err := schema.New(schema.Spec{Name: "things", ID: "id", Fields: []schema.FieldSpec{
		{Name: "a", Type: "int", Derive: "id add 1"}, {Name: "id", Type: "int"}, {Name: "b", Type: "int", Derive: "id div 0"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	set, err := derive.Compile(c)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]int{0, 2}, set.Positions()); diff != "" {
		t.Error(diff)
	}
	fields := []record.Value{record.Null, record.Int(1), record.Int(9)}
	places := set.Apply(fields)
	if len(places) != 1 || fields[0].AsInt() != 2 || !fields[2].IsNull() {
		t.Errorf("one field fails and the other does not: got %v and %v", fields, places)
	}
}

func TestSlug(t *testing.T) {
	for text, want := range map[string]string{
		"":                          "",
		"---":                       "",
		"Hello, World":              "hello-world",
		"a  --  b":                  "a-b",
		"Straße Łódź Æther œuvre Þ": "strasse-lodz-aether-oeuvre-th",
		"İstanbul Ölçüm":            "istanbul-olcum",
		"Cafe\u0301s":               "cafes",
		"Привет мир":                "привет-мир",
		"日本語 タイトル":                  "日本語-タイトル",
		"100% ½ 😀 _x_":              "100-x",
	} {
		v, places := apply(t, schema.FieldSpec{Name: "out", Type: "string", Derive: "slug('" + text + "')"})
		if v.AsString() != want || len(places) > 0 {
			t.Errorf("slug(%q) = %q %v, want %q", text, v.AsString(), places, want)
		}
		again, _ := apply(t, schema.FieldSpec{Name: "out", Type: "string", Derive: "slug('" + want + "')"})
		if again.AsString() != want {
			t.Errorf("slug(slug(%q)) = %q, want %q", text, again.AsString(), want)
		}
	}
}
