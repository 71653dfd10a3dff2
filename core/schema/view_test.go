package schema_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/schema"
)

func goods(t *testing.T) *schema.Collection {
	t.Helper()
	c, err := schema.New(schema.Spec{Name: "goods", ID: "asin", MaxScan: 7, Fields: []schema.FieldSpec{
		{Name: "asin", Type: "string", Max: "16"},
		{Name: "title", Type: "string", Required: true},
		{Name: "slug", Type: "string", Derive: "slug(title)"},
		{Name: "category_id", Type: "int", References: "categories", Enforce: true},
		{Name: "makerId", Type: "string", References: "makers"},
		{Name: "owner", Type: "string", References: "people", Expand: "person"},
		{Name: "seller", Type: "string", References: "people"},
		{Name: "_id", Type: "string", References: "people"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestRelations(t *testing.T) {
	var relations []string
	for _, f := range goods(t).Fields {
		relations = append(relations, f.Relation)
	}
	if diff := cmp.Diff([]string{"", "", "", "category", "maker", "person", "", ""}, relations); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	for _, tt := range []struct {
		name   string
		fields []schema.FieldSpec
		want   string
	}{
		{"a field has the name", []schema.FieldSpec{{Name: "a_id", Type: "int", References: "as"}, {Name: "a", Type: "int"}}, "fields/a_id/references"},
		{"a field has the name that is given", []schema.FieldSpec{{Name: "a_id", Type: "int", References: "as", Expand: "b"}, {Name: "b", Type: "int"}}, "fields/a_id/expand"},
		{"it is its own field", []schema.FieldSpec{{Name: "a", Type: "int", References: "as", Expand: "a"}}, "fields/a/expand"},
		{"two have it", []schema.FieldSpec{{Name: "a_id", Type: "int", References: "as"}, {Name: "aId", Type: "int", References: "as"}}, "fields/aId/references"},
		{"it refers to nothing", []schema.FieldSpec{{Name: "a", Type: "int", Expand: "b"}}, "fields/a/expand"},
		{"it is no name", []schema.FieldSpec{{Name: "a", Type: "int", References: "as", Expand: "b c"}}, "fields/a/expand"},
	} {
		_, err := schema.New(schema.Spec{Name: "things", Fields: tt.fields})
		if err == nil || len(fault.Of(err).Places) != 1 || fault.Of(err).Places[0].Pointer != tt.want {
			t.Errorf("%s: got %v, want one mistake at %s", tt.name, fault.Of(err), tt.want)
		}
	}
}

func TestView(t *testing.T) {
	base := goods(t)
	view, err := base.View(schema.ViewSpec{Name: "goods_v1", Fields: []schema.ViewField{
		{Name: "name", From: "title"}, {Name: "category_id"}, {Name: "kind", From: "category_id"}, {Name: "id", From: "asin"},
		{Name: "owner"}, {Name: "boss", From: "owner"}, {Name: "madeBy", From: "makerId", Expand: "maker"}, {Name: "slug"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]int{1, 3, 3, 0, 5, 5, 4, 2}, view.From); diff != "" {
		t.Errorf("from (-want +got):\n%s", diff)
	}
	var relations []string
	for _, f := range view.Fields {
		relations = append(relations, f.Relation)
		if f.Derive != "" || f.Enforce || !f.ReadOnly {
			t.Errorf("%s is written, or checked: %+v", f.Name, f)
		}
	}
	if diff := cmp.Diff([]string{"", "category", "", "", "person", "", "maker", ""}, relations); diff != "" {
		t.Errorf("relations (-want +got):\n%s", diff)
	}
	if view.Base != base || view.IDField().Name != "id" || view.MaxScan != 7 || !view.Fields[0].Required {
		t.Errorf("got %+v", view)
	}
	if position, ok := view.Position("kind"); !ok || position != 2 {
		t.Errorf("kind is at %d, %v", position, ok)
	}
}

func TestBrokenViews(t *testing.T) {
	base := goods(t)
	id := schema.ViewField{Name: "asin"}
	view, err := base.View(schema.ViewSpec{Name: "seen", Fields: []schema.ViewField{id}})
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name string
		of   *schema.Collection
		spec schema.ViewSpec
		want string // "pointer: the beginning of the sentence"
	}{
		{"of a view", view, schema.ViewSpec{Name: "again", Fields: []schema.ViewField{id}}, "view_of: seen is a view itself; name the collection goods"},
		{"nothing", base, schema.ViewSpec{Name: "v"}, "fields: a view names the fields"},
		{"no id", base, schema.ViewSpec{Name: "v", Fields: []schema.ViewField{{Name: "title"}}}, "fields: a view shows the id asin"},
		{"a field of nothing", base, schema.ViewSpec{Name: "v", Fields: []schema.ViewField{id, {Name: "titel"}}}, `fields/titel: goods has no field "titel"; did you mean title?`},
		{"a name twice", base, schema.ViewSpec{Name: "v", Fields: []schema.ViewField{id, {Name: "asin", From: "title"}}}, "fields/asin: there are two fields called asin"},
		{"no name", base, schema.ViewSpec{Name: "v", Fields: []schema.ViewField{id, {Name: "a b", From: "title"}}}, "fields/a b: the name of a field"},
		{"the revision's name", base, schema.ViewSpec{Name: "v", Fields: []schema.ViewField{id, {Name: "_rev", From: "title"}}}, "fields/_rev: no field may be called _rev"},
		{"a reserved name", base, schema.ViewSpec{Name: "jobs", Fields: []schema.ViewField{id}}, ": no collection may be called jobs"},
		{"a relation that is a field", base, schema.ViewSpec{Name: "v", Fields: []schema.ViewField{id, {Name: "category", From: "title"}, {Name: "category_id"}}},
			"fields/category_id/references: $expand=category would collide with the field category"},
	} {
		_, err := tt.of.View(tt.spec)
		if err == nil || len(fault.Of(err).Places) != 1 {
			t.Errorf("%s: got %v, want one mistake", tt.name, fault.Of(err))
			continue
		}
		if place := fault.Of(err).Places[0]; !strings.HasPrefix(place.Pointer+": "+place.Detail, tt.want) {
			t.Errorf("%s: got %s: %s, want %s", tt.name, place.Pointer, place.Detail, tt.want)
		}
	}
}
