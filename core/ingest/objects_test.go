package ingest_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/ingest"
	"github.com/portolan-io/portolan/core/schema"
)

func wares(t *testing.T) *schema.Collection {
	t.Helper()
	c, err := schema.New(schema.Spec{Name: "wares", ID: "id", Fields: []schema.FieldSpec{
		{Name: "id", Type: "int"}, {Name: "name", Type: "string"}, {Name: "slug", Type: "string", Derive: "slug(name)"},
		{Name: "price", Type: "decimal", Precision: 6, Scale: 2}, {Name: "new", Type: "bool"}, {Name: "tags", Type: "list", Items: "string"},
		{Name: "more", Type: "json"}, {Name: "cost", Type: "float"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestObjects(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		want       []string // "line: object"
	}{
		{"cells by their types", "id,name,price,new,tags,more\n1,Kettle,19.9,true,\"[\"\"a\"\",\"\"b\"\"]\",\"{\"\"z\"\":1,\"\"a\"\":[]}\"\n",
			[]string{`2: {"id":1,"name":"Kettle","price":19.90,"new":true,"tags":["a","b"],"more":{"a":[],"z":1}}`}},
		{"null is left out, the empty string is not", "id,name,price\n1,,\n2,\"\",\"\"\n", []string{`2: {"id":1}`, `3: {"id":2,"name":""}`}},
		{"quotes mean nothing where all is quoted", "\"id\",\"name\"\n\"1\",\"\"\n", []string{`2: {"id":1}`}},
		{"formulas lose their quotation mark", "id,name\n1,'=1+1\n2,''-x\n3,'plain\n", []string{`2: {"id":1,"name":"=1+1"}`, `3: {"id":2,"name":"'-x"}`, `4: {"id":3,"name":"'plain"}`}},
		{"cells of several lines", "id,name\r\n1,\"a\nb\"\r\n\r\n2,c\r\n", []string{`2: {"id":1,"name":"a\nb"}`, `5: {"id":2,"name":"c"}`}},
		{"derived columns are passed over, also wrong ones", "slug,id\nx y,1\n", []string{`2: {"id":1}`}},
		{"a mark at the beginning, spaces, no line end", "\ufeff id , name \n 1 , x y ", []string{`2: {"id":1,"name":"x y"}`}},
		{"nothing at all in a row", "name,price\n,\n", []string{`2: {}`}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			objects, err := ingest.Objects([]byte(tt.text), wares(t), nil, 10)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, o := range objects {
				got = append(got, fmt.Sprintf("%d: %s", o.Line, o.JSON))
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestObjectsRefuses(t *testing.T) {
	hidden := make([]bool, 8)
	hidden[7] = true // cost
	const fields = "; the fields are id, name, slug, price, new, tags, more"
	for _, tt := range []struct {
		name, text string
		kind       fault.Kind
		code       string
		want       []string // "pointer: code"
	}{
		{"nothing", "", fault.Invalid, "bad-header", nil},
		{"a header alone", "id,name\n", fault.Invalid, "bad-csv", nil},
		{"a header that is none", "id,\"name\n", fault.Invalid, "bad-header", nil},
		{"UTF-16", "\xff\xfei\x00", fault.Invalid, "not-utf8", nil},
		{"unknown, repeated and nameless columns", "id,nme,id,\n1,2,3,4\n", fault.Invalid, "bad-header", []string{
			"nme: unknown-field: there is no such field, perhaps name is meant" + fields,
			"id: duplicate-column: there is an earlier column of this name", "column 4: unknown-field: there is no such field" + fields}},
		{"a hidden column", "id,cost\n1,2\n", fault.Invalid, "bad-header", []string{"cost: unknown-field: there is no such field" + fields}},
		{"cells of other types", "id,price,new,tags,more\n1.5,x,maybe,a,{\n", fault.Invalid, "bad-csv", []string{
			"line 2, id: wrong-type", "line 2, price: wrong-type", "line 2, new: wrong-type", "line 2, tags: malformed-json", "line 2, more: malformed-json"}},
		{"rows that are none", "id,name\n1\n2,\"a\" b\n3,\xff\n", fault.Invalid, "bad-csv", []string{"line 2: wrong-cells", "line 3: broken-quote", "line 4: not-utf8"}},
		{"too many rows", "id\n" + strings.Repeat("1\n", 11), fault.TooLarge, "too-many-records", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := ingest.Objects([]byte(tt.text), wares(t), hidden, 10)
			if !errors.Is(err, tt.kind) || fault.Of(err).Code != tt.code {
				t.Fatalf("got %v with the code %q, want %q, %q", err, fault.Of(err).Code, tt.kind, tt.code)
			}
			places := fault.Of(err).Places
			for i, want := range tt.want {
				if i >= len(places) || !strings.HasPrefix(places[i].Pointer+": "+places[i].Code+": "+places[i].Detail, want) {
					t.Errorf("got %v, want %q at %d", places, want, i)
				}
			}
			if len(places) != len(tt.want) {
				t.Errorf("got %d places, want %d", len(places), len(tt.want))
			}
		})
	}
	many := "id\n" + strings.Repeat("x\n", 300)
	if _, err := ingest.Objects([]byte(many), wares(t), nil, 500); len(fault.Of(err).Places) != 100 {
		t.Errorf("%d mistakes are named", len(fault.Of(err).Places))
	}
}

// Rows that are right are returned beside those that are not.
func TestObjectsBesideWrongOnes(t *testing.T) {
	objects, err := ingest.Objects([]byte("id,price\n1,2\n2,x\n3\n4,5\n"), wares(t), nil, 10)
	if fault.Of(err).Code != "bad-csv" || len(fault.Of(err).Places) != 2 {
		t.Fatalf("got %v", err)
	}
	var got []string
	for _, o := range objects {
		text := fmt.Sprintf("%d: %s", o.Line, o.JSON)
		if o.Wrong != nil {
			text += fmt.Sprint(fault.Of(o.Wrong).Code, fault.Of(o.Wrong).Places)
		}
		got = append(got, text)
	}
	want := []string{
		`2: {"id":1,"price":2.00}`,
		"3: bad-csv[{line 3, price wrong-type it must be a decimal number}]",
		"4: bad-csv[{line 4 wrong-cells the row has 1 cell, but the header has 2 columns}]",
		`5: {"id":4,"price":5.00}`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
