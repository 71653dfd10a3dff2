package core_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/portolan-io/portolan/core"
	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/policy"
	"github.com/portolan-io/portolan/core/schema"
)

// library returns an API whose books refer to authors and to shelves, and are
// referred to by loans and by reviews, which the librarian may not read.
func library(t *testing.T) *core.API {
	t.Helper()
	librarian := all("librarian", "")
	reference := func(name, to string) schema.FieldSpec {
		return schema.FieldSpec{Name: name, Type: "int", References: to, Enforce: true}
	}
	id := schema.FieldSpec{Name: "id", Type: "int"}
	store := newStore(t)
	api, err := core.New(core.Config{Store: store, Now: clock(), Collections: []core.Collection{
		collection(t, schema.Spec{Name: "authors", ID: "id", Fields: []schema.FieldSpec{id}}, librarian),
		collection(t, schema.Spec{Name: "shelves", ID: "id", Fields: []schema.FieldSpec{id}}, librarian),
		collection(t, schema.Spec{Name: "books", ID: "id", Fields: []schema.FieldSpec{id,
			reference("author", "authors"), reference("editor", "authors"), reference("shelf", "shelves")}}, librarian),
		collection(t, schema.Spec{Name: "loans", ID: "id", Fields: []schema.FieldSpec{id, reference("book", "books")}}, librarian),
		collection(t, schema.Spec{Name: "reviews", ID: "id", Fields: []schema.FieldSpec{id, reference("book", "books")}}),
	}})
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Ensure(t.Context(), api.Schemas()); err != nil {
		t.Fatal(err)
	}
	return api
}

var librarian = policy.Principal{Issuer: "test", Subject: "lib", Roles: []string{"librarian"}}

// Each reference is checked in the collection that it names, also where ids are
// the same in several.
func TestReferencesToSeveralCollections(t *testing.T) {
	api := library(t)
	create(t, api, "authors", `{"id":1}`, `{"id":2}`)
	create(t, api, "shelves", `{"id":1}`)
	for _, tt := range []struct {
		name, book string
		pointers   []string
	}{
		{"all are there", `{"id":1,"author":1,"editor":2,"shelf":1}`, nil},
		{"none is asked for", `{"id":2}`, nil},
		{"the same id in the other collection", `{"id":3,"author":2,"shelf":2}`, []string{"/shelf"}},
		{"two fields name the same", `{"id":3,"author":3,"editor":3,"shelf":1}`, []string{"/author", "/editor"}},
		{"an id of the other collection", `{"id":3,"author":1,"editor":9,"shelf":1}`, []string{"/editor"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := api.Create(t.Context(), librarian, "books", [][]byte{[]byte(tt.book)}, core.How{})
			var got []string
			if err != nil {
				wantFault(t, err, fault.Conflict, "reference-missing")
				for _, place := range fault.Of(err).Places {
					got = append(got, place.Pointer)
				}
			}
			if diff := cmp.Diff(tt.pointers, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// Whoever refers keeps a record from being deleted, and is named to who may
// read it.
func TestReferencesFromSeveralCollections(t *testing.T) {
	api := library(t)
	create(t, api, "books", `{"id":1}`, `{"id":2}`, `{"id":3}`)
	create(t, api, "loans", `{"id":1,"book":1}`)
	create(t, api, "reviews", `{"id":1,"book":2}`)
	for _, tt := range []struct {
		id, detail string
	}{
		{"1", "records of loans still refer to it"},
		{"2", "other records still refer to it"},
		{"3", ""},
	} {
		err := api.Delete(t.Context(), librarian, "books", tt.id, core.How{})
		detail := ""
		if err != nil {
			wantFault(t, err, fault.Conflict, "referenced")
			detail = fault.Of(err).Detail
		}
		if detail != tt.detail {
			t.Errorf("deleting book %s: got %q, want %q", tt.id, detail, tt.detail)
		}
	}
	_, err := api.DeleteMany(t.Context(), librarian, "books", core.ListRequest{IDs: []string{"1", "2"}}, 10, core.How{})
	wantFault(t, err, fault.Conflict, "referenced")
}

// Too many references for one transaction are refused in the caller's terms.
func TestTooManyReferences(t *testing.T) {
	api := library(t)
	bodies := make([][]byte, core.MaxCreate)
	for i := range bodies {
		bodies[i] = fmt.Appendf(nil, `{"id":%d,"author":%d,"editor":%d,"shelf":%d}`, i+1, i+1, i+1001, i+1)
	}
	_, err := api.Create(t.Context(), librarian, "books", bodies, core.How{})
	wantFault(t, err, fault.TooLarge, "too-many-references")
}

func TestReferencesMustFit(t *testing.T) {
	for name, fields := range map[string][]schema.FieldSpec{
		"another type":  {{Name: "id", Type: "int"}, {Name: "to", Type: "string", References: "targets"}},
		"no collection": {{Name: "id", Type: "int"}, {Name: "to", Type: "int", References: "nothing"}},
	} {
		_, err := core.New(core.Config{Store: newStore(t), Collections: []core.Collection{
			collection(t, schema.Spec{Name: "targets", ID: "id", Fields: []schema.FieldSpec{{Name: "id", Type: "int"}}}),
			collection(t, schema.Spec{Name: "sources", ID: "id", Fields: fields}),
		}})
		if fault.KindOf(err) != fault.Invalid {
			t.Errorf("%s: got %v, want %q", name, err, fault.Invalid)
		}
	}
}

// A record that row policies hide from the caller cannot be referred to, and is
// not told from one that does not exist.
func TestReferenceToAHiddenRecord(t *testing.T) {
	own := all("tenant", "owner eq @claims.sub")
	owner := schema.FieldSpec{Name: "owner", Type: "string", Required: true}
	store := newStore(t)
	api, err := core.New(core.Config{Store: store, Now: clock(), Collections: []core.Collection{
		collection(t, schema.Spec{Name: "rooms", ID: "id", Fields: []schema.FieldSpec{
			{Name: "id", Type: "int"}, owner, {Name: "within", Type: "int", References: "rooms", Enforce: true},
		}}, own),
	}})
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Ensure(t.Context(), api.Schemas()); err != nil {
		t.Fatal(err)
	}
	ann := policy.Principal{Issuer: "test", Subject: "ann", Roles: []string{"tenant"}}
	create(t, api, "rooms", `{"id":1,"owner":"ann"}`, `{"id":2,"owner":"bob"}`)
	_, hidden := api.Create(t.Context(), ann, "rooms", [][]byte{[]byte(`{"id":3,"owner":"ann","within":2}`)}, core.How{})
	_, absent := api.Create(t.Context(), ann, "rooms", [][]byte{[]byte(`{"id":3,"owner":"ann","within":9}`)}, core.How{})
	wantFault(t, hidden, fault.Conflict, "reference-missing")
	wantFault(t, absent, fault.Conflict, "reference-missing")
	if fault.Of(hidden).Detail != fault.Of(absent).Detail {
		t.Errorf("%q is told from %q", fault.Of(hidden).Detail, fault.Of(absent).Detail)
	}
	_, err = api.Create(t.Context(), ann, "rooms", [][]byte{
		[]byte(`{"id":3,"owner":"ann","within":1}`), []byte(`{"id":4,"owner":"ann","within":5}`), []byte(`{"id":5,"owner":"ann"}`),
	}, core.How{})

	if err != nil {
		t.Errorf("references to one's own records, and to those of the same batch: %v", err)
	}

	create(t, api, "rooms", `{"id":7,"owner":"ann","within":2}`)
	if _, err := api.Patch(t.Context(), ann, "rooms", "7", []byte(`{"owner":"ann","within":2}`), core.How{}); err != nil {
		t.Errorf("a reference that is there already may stay: %v", err)
	}
	_, err = api.Patch(t.Context(), ann, "rooms", "3", []byte(`{"within":2}`), core.How{})
	wantFault(t, err, fault.Conflict, "reference-missing")
}
