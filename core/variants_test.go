package core_test

import (
	"testing"

	"github.com/portolan-io/portolan/core"
	"github.com/portolan-io/portolan/core/policy"
	"github.com/portolan-io/portolan/core/schema"
)

// A record that no write touched has another tag once the configuration gives its
// names to other fields, or writes these otherwise; and the same one if nothing
// of that changed.
func TestVariantNamesWhatIsStored(t *testing.T) {
	store := newStore(t)
	under := func(scale int, price string) *core.API {
		t.Helper()
		books := collection(t, schema.Spec{Name: "books", ID: "id", Fields: []schema.FieldSpec{
			{Name: "id", Type: "int"}, {Name: "net", Type: "decimal", Precision: 9, Scale: scale}, {Name: "gross", Type: "decimal", Precision: 9, Scale: scale},
		}}, all("admin", ""))
		shelf, err := books.Schema.View(schema.ViewSpec{Name: "shelf", Fields: []schema.ViewField{{Name: "id"}, {Name: "price", From: price}}})
		if err != nil {
			t.Fatal(err)
		}
		access, err := policy.Compile(shelf, []policy.GrantSpec{{Role: "admin", Read: &policy.RuleSpec{}}})
		if err != nil {
			t.Fatal(err)
		}
		api, err := core.New(core.Config{Store: store, Collections: []core.Collection{books, {Schema: shelf, Access: access}}})
		if err != nil {
			t.Fatal(err)
		}
		return api
	}
	api := under(2, "net")
	if err := store.Ensure(t.Context(), api.Schemas()); err != nil {
		t.Fatal(err)
	}
	written := create(t, api, "books", `{"id":1,"net":1.00,"gross":1.19}`)
	tag := func(api *core.API, collection string) string {
		t.Helper()
		got, err := api.Get(t.Context(), admin, collection, "1", core.GetRequest{})
		if err != nil {
			t.Fatal(err)
		}
		return string(got.Revision) + "." + got.Variant
	}
	books, shelf := tag(api, "books"), tag(api, "shelf")
	if got := string(written[0].Revision) + "." + written[0].Variant; got != books {
		t.Errorf("the write says %s, Get says %s", got, books)
	}
	for _, tt := range []struct {
		name         string
		api          *core.API
		books, shelf bool // whether the tags stay
	}{
		{"the same", under(2, "net"), true, true},
		{"another field behind the name", under(2, "gross"), true, false},
		{"another scale", under(3, "net"), false, false},
	} {
		if got := tag(tt.api, "books"); (got == books) != tt.books {
			t.Errorf("%s: the collection's tag was %s and is %s", tt.name, books, got)
		}
		if got := tag(tt.api, "shelf"); (got == shelf) != tt.shelf {
			t.Errorf("%s: the view's tag was %s and is %s", tt.name, shelf, got)
		}
	}
}
