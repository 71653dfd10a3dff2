package schema_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/core/schema"
)

// products is the catalogue of the documentation with every type of field.
func products() schema.Spec {
	return schema.Spec{
		Name: "products",
		ID:   "asin",
		Fields: []schema.FieldSpec{
			{Name: "asin", Type: "string", Max: "16"},
			{Name: "title", Type: "string", Required: true, Max: "10"},
			{Name: "imgUrl", Type: "string", Format: "uri"},
			{Name: "stars", Type: "float", Min: "0", Max: "5"},
			{Name: "reviews", Type: "int", Min: "0"},
			{Name: "price", Type: "decimal", Precision: 12, Scale: 2, Min: "0.005"},
			{Name: "isBestSeller", Type: "bool"},
			{Name: "created", Type: "time", Min: "2020-01-01", Max: "2030-01-01T00:00:00Z"},
			{Name: "original", Type: "json"},
			{Name: "tags", Type: "list", Items: "string", Max: "3"},
			{Name: "prices", Type: "list", Items: "decimal", Precision: 4, Scale: 2},
			{Name: "photo", Type: "bytes", Max: "4"},
			{Name: "size", Type: "string", Enum: []string{"S", "M", "L"}},
			{Name: "slug", Type: "string", Derive: "slug(title)"},
			{Name: "category_id", Type: "int", References: "categories", Enforce: true},
			{Name: "seller", Type: "string", ReadOnly: true},
		},
		Indexes: [][]string{{"category_id", "stars desc"}, {"price asc"}},
		Table:   schema.Table{Name: "amazon.products", Unmanaged: true, Revision: "rowversion"},
	}
}

// must returns the collection of a spec that is right.
func must(t testing.TB, spec schema.Spec) *schema.Collection {
	t.Helper()
	c, err := schema.New(spec)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func field(t testing.TB, c *schema.Collection, name string) *schema.Field {
	t.Helper()
	i, ok := c.Position(name)
	if !ok {
		t.Fatalf("there is no field %s", name)
	}
	return &c.Fields[i]
}

func TestNew(t *testing.T) {
	c := must(t, products())
	if c.IDField().Name != "asin" || !c.IDField().Required || c.Generated || c.MaxScan != 10_000 || c.System() {
		t.Errorf("got id %+v, generated %v, max scan %d", c.IDField(), c.Generated, c.MaxScan)
	}
	wantIndexes := []schema.Index{{{Field: 14}, {Field: 3, Desc: true}}, {{Field: 5}}}
	if diff := cmp.Diff(wantIndexes, c.Indexes); diff != "" {
		t.Errorf("indexes (-want +got):\n%s", diff)
	}
	if got := field(t, c, "slug"); !got.ReadOnly || got.Derive != "slug(title)" {
		t.Errorf("slug: got %+v, want read-only, since it is derived", got)
	}
	if got := field(t, c, "price"); got.Precision != 12 || got.Scale != 2 || !record.Equal(got.Min, record.Decimal(5, 3)) {
		t.Errorf("price: got %+v, want its bound with all digits", got)
	}
	if got := field(t, c, "title").MaxLength; got != 10 {
		t.Errorf("title: got the length %d, want 10", got)
	}
	if got := field(t, c, "created").Min; !record.Equal(got, record.Micros(1_577_836_800_000_000)) {
		t.Errorf("created: got the min %v", got)
	}
	if field(t, c, "tags").Sortable() || field(t, c, "original").Sortable() || !field(t, c, "title").Sortable() {
		t.Error("Sortable: got a list or json, or not a string")
	}
}

func TestNewMakesAnID(t *testing.T) {
	c := must(t, schema.Spec{Name: "notes", Fields: []schema.FieldSpec{{Name: "text", Type: "string"}, {Name: "n", Type: "decimal"}}})
	if !c.Generated || c.ID != 0 || c.IDField().Name != "id" || c.IDField().Type != record.StringType || !c.IDField().Required {
		t.Errorf("got the id %+v at %d, want a generated string id at 0", c.IDField(), c.ID)
	}
	if i, ok := c.Position("text"); i != 1 || !ok {
		t.Errorf("Position(text): got %d, %v, want 1", i, ok)
	}
	if got := c.Fields[2]; got.Precision != 18 || got.Scale != 0 {
		t.Errorf("a decimal without digits: got %d, %d, want 18, 0", got.Precision, got.Scale)
	}
}

// An enforced reference has an index of its own, unless a declared one begins
// with it. One that is not enforced has none, and a declared index stays what it is.
func TestTableIndexes(t *testing.T) {
	reference := func(name string, enforce bool) schema.FieldSpec {
		return schema.FieldSpec{Name: name, Type: "string", References: "things", Enforce: enforce}
	}
	c, err := schema.New(schema.Spec{
		Name: "parts", ID: "a",
		Fields: []schema.FieldSpec{
			reference("a", true), reference("b", true), reference("c", false), reference("d", true), reference("e", true),
		},
		Indexes: [][]string{{"d desc", "b"}, {"c"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	declared := []schema.Index{{{Field: 3, Desc: true}, {Field: 1}}, {{Field: 2}}}
	want := append(slices.Clone(declared), schema.Index{{Field: 1}}, schema.Index{{Field: 4}})
	for range 2 { // asking changes nothing
		if diff := cmp.Diff(want, c.TableIndexes()); diff != "" {
			t.Errorf("TableIndexes (-want +got):\n%s", diff)
		}
	}
	if diff := cmp.Diff(declared, c.Indexes); diff != "" {
		t.Errorf("Indexes (-want +got):\n%s", diff)
	}
}

func TestSystem(t *testing.T) {
	c, err := schema.System(schema.Spec{Name: "_keys"})
	if err != nil || !c.System() {
		t.Fatalf("got %v, %v, want a system collection", c, err)
	}
	for _, name := range []string{"keys", "_", "__keys", "_Keys"} {
		if _, err := schema.System(schema.Spec{Name: name}); fault.KindOf(err) != fault.Invalid {
			t.Errorf("System called %q: got %v, want it refused", name, err)
		}
	}
}

func TestNewRefusesNames(t *testing.T) {
	long := strings.Repeat("a", 63)
	for name, code := range map[string]string{
		"a": "", "order-lines_2": "", long: "",
		"": "invalid-name", "Products": "invalid-name", "1a": "invalid-name", "-a": "invalid-name", "a.b": "invalid-name",
		"a b": "invalid-name", "é": "invalid-name", long + "a": "invalid-name",
		"jobs": "reserved-name", "auth": "reserved-name", "docs": "reserved-name", "openapi.json": "reserved-name",
		"_keys": "reserved-name", "consents": "reserved-name", "subjects": "reserved-name",
	} {
		_, err := schema.New(schema.Spec{Name: name})
		got := ""
		if err != nil {
			got = fault.Of(err).Places[0].Code
		}
		if got != code {
			t.Errorf("a collection called %q: got %v, want the code %q", name, err, code)
		}
	}
}

func TestNewRefuses(t *testing.T) {
	with := func(f schema.FieldSpec) func(*schema.Spec) {
		return func(s *schema.Spec) { s.Fields = append(s.Fields, f) }
	}
	index := func(keys ...string) func(*schema.Spec) {
		return func(s *schema.Spec) { s.Indexes = [][]string{keys} }
	}
	tests := []struct {
		name    string
		change  func(*schema.Spec)
		pointer string
		code    string
		mention string
	}{
		{"unknown type", with(schema.FieldSpec{Name: "x", Type: "strng"}), "fields/x/type", "unknown-type", "did you mean string?"},
		{"no type", with(schema.FieldSpec{Name: "x"}), "fields/x/type", "unknown-type", "there are string, int"},
		{"bad name", with(schema.FieldSpec{Name: "a-b", Type: "int"}), "fields/a-b", "invalid-name", "letter"},
		{"name with a digit first", with(schema.FieldSpec{Name: "1a", Type: "int"}), "fields/1a", "invalid-name", "letter"},
		{"name of 64", with(schema.FieldSpec{Name: strings.Repeat("a", 64), Type: "int"}), "fields/" + strings.Repeat("a", 64), "invalid-name", "63"},
		{"same name", with(schema.FieldSpec{Name: "title", Type: "int"}), "fields/title", "duplicate-name", "two fields"},
		{"name differs in case", with(schema.FieldSpec{Name: "Title", Type: "int"}), "fields/Title", "duplicate-name", "title"},
		{"name of the revision", with(schema.FieldSpec{Name: "_rev", Type: "int"}), "fields/_rev", "reserved-name", "revision"},
		{"precision of 19", with(schema.FieldSpec{Name: "x", Type: "decimal", Precision: 19}), "fields/x/precision", "invalid-rule", "18"},
		{"negative precision", with(schema.FieldSpec{Name: "x", Type: "decimal", Precision: -1}), "fields/x/precision", "invalid-rule", "18"},
		{"scale beyond precision", with(schema.FieldSpec{Name: "x", Type: "decimal", Precision: 2, Scale: 3}), "fields/x/scale", "invalid-rule", "2"},
		{"precision of an int", with(schema.FieldSpec{Name: "x", Type: "int", Precision: 2}), "fields/x/precision", "misplaced-rule", "int"},
		{"scale of a float", with(schema.FieldSpec{Name: "x", Type: "float", Scale: 2}), "fields/x/scale", "misplaced-rule", "float"},
		{"max of a bool", with(schema.FieldSpec{Name: "x", Type: "bool", Max: "1"}), "fields/x/max", "misplaced-rule", "bool"},
		{"min of json", with(schema.FieldSpec{Name: "x", Type: "json", Min: "1"}), "fields/x/min", "misplaced-rule", "json"},
		{"min of a string", with(schema.FieldSpec{Name: "x", Type: "string", Min: "1"}), "fields/x/min", "misplaced-rule", "string"},
		{"max of 0", with(schema.FieldSpec{Name: "x", Type: "string", Max: "0"}), "fields/x/max", "invalid-rule", "from 1"},
		{"max of half a character", with(schema.FieldSpec{Name: "x", Type: "string", Max: "1.5"}), "fields/x/max", "invalid-rule", "1.5"},
		{"max that is no int", with(schema.FieldSpec{Name: "x", Type: "int", Max: "1.5"}), "fields/x/max", "invalid-rule", "whole number"},
		{"max that is no time", with(schema.FieldSpec{Name: "x", Type: "time", Max: "tomorrow"}), "fields/x/max", "invalid-rule", "RFC 3339"},
		{"max below min", with(schema.FieldSpec{Name: "x", Type: "float", Min: "2", Max: "1"}), "fields/x/max", "invalid-rule", "below"},
		{"unknown format", with(schema.FieldSpec{Name: "x", Type: "string", Format: "url"}), "fields/x/format", "unknown-format", "did you mean uri?"},
		{"format of an int", with(schema.FieldSpec{Name: "x", Type: "int", Format: "date"}), "fields/x/format", "misplaced-rule", "int"},
		{"enum of an int", with(schema.FieldSpec{Name: "x", Type: "int", Enum: []string{"1"}}), "fields/x/enum", "misplaced-rule", "int"},
		{"enum twice", with(schema.FieldSpec{Name: "x", Type: "string", Enum: []string{"a", "a"}}), "fields/x/enum/1", "invalid-rule", "twice"},
		{"list without items", with(schema.FieldSpec{Name: "x", Type: "list"}), "fields/x/items", "required", "type"},
		{"list of lists", with(schema.FieldSpec{Name: "x", Type: "list", Items: "list"}), "fields/x/items", "invalid-rule", "list"},
		{"items of a string", with(schema.FieldSpec{Name: "x", Type: "string", Items: "int"}), "fields/x/items", "misplaced-rule", "string"},
		{"enforce alone", with(schema.FieldSpec{Name: "x", Type: "int", Enforce: true}), "fields/x/enforce", "misplaced-rule", "references"},
		{"reference of a float", with(schema.FieldSpec{Name: "x", Type: "float", References: "a"}), "fields/x/references", "misplaced-rule", "float"},
		{"reference to no name", with(schema.FieldSpec{Name: "x", Type: "int", References: "A"}), "fields/x/references", "invalid-name", "A"},
		{"unknown id", func(s *schema.Spec) { s.ID = "asni" }, "id", "unknown-field", "did you mean asin?"},
		{"id of type float", func(s *schema.Spec) { s.ID = "stars" }, "fields/stars/type", "invalid-rule", "float"},
		{"derived id", func(s *schema.Spec) { s.ID = "slug" }, "fields/slug/derive", "misplaced-rule", "derived"},
		{"read-only id", func(s *schema.Spec) { s.ID = "seller" }, "fields/seller/readOnly", "misplaced-rule", "writable"},
		{"index of nothing", index(), "indexes/0", "invalid-rule", "at least one"},
		{"index of an unknown field", index("stras desc"), "indexes/0/0", "unknown-field", "did you mean stars?"},
		{"index of json", index("stars", "original"), "indexes/0/1", "invalid-rule", "json"},
		{"index with a field twice", index("stars", "stars desc"), "indexes/0/1", "invalid-rule", "twice"},
		{"index in an unknown direction", index("stars down"), "indexes/0/0", "invalid-rule", "desc"},
		{"negative scan", func(s *schema.Spec) { s.MaxScan = -1 }, "max_scan", "invalid-rule", "at least 1"},
		{"revision of a managed table", func(s *schema.Spec) { s.Table.Unmanaged = false }, "table/revision", "misplaced-rule", "managed"},
		{"table without a name behind the dot", func(s *schema.Spec) { s.Table.Name = "amazon." }, "table/name", "invalid-name", "amazon."},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			spec := products()
			tt.change(&spec)
			_, err := schema.New(spec)
			if fault.KindOf(err) != fault.Invalid {
				t.Fatalf("got %v, want it refused as invalid", err)
			}
			places := fault.Of(err).Places
			if len(places) != 1 || places[0].Pointer != tt.pointer || places[0].Code != tt.code || !strings.Contains(places[0].Detail, tt.mention) {
				t.Errorf("got %+v, want one at %s with the code %s that mentions %q", places, tt.pointer, tt.code, tt.mention)
			}
		})
	}
}

func TestNewReportsAllMistakesAtOnce(t *testing.T) {
	_, err := schema.New(schema.Spec{
		Name: "Jobs", ID: "key", MaxScan: -1, Indexes: [][]string{{"nothing"}},
		Fields: []schema.FieldSpec{{Name: "a", Type: "number"}, {Name: "b", Type: "bool", Max: "1", Format: "uri"}},
	})
	var got []string
	for _, place := range fault.Of(err).Places {
		got = append(got, place.Pointer)
	}
	want := []string{"", "fields/a/type", "fields/b/max", "fields/b/format", "id", "indexes/0/0", "max_scan"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("pointers (-want +got):\n%s", diff)
	}
	if _, err := schema.New(schema.Spec{Name: "a", Fields: []schema.FieldSpec{{Name: "id", Type: "int"}}}); err == nil ||
		!strings.Contains(err.Error(), "id: id") {
		t.Errorf("a field called id beside a generated one: got %v, want the way out", err)
	}
}
