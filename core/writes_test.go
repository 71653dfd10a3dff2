package core_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/portolan-io/portolan/core"
	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/policy"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/ports/repository"
)

func TestCreateAnswersWhatGetDoes(t *testing.T) {
	api := newAPI(t, newStore(t))
	made := create(t, api, "categories", `{"id":7,"name":" Crème  Brûlée "}`)[0]
	if want := `{"id":7,"name":" Crème  Brûlée ","slug":"creme-brulee","parent":null}`; string(made.JSON) != want {
		t.Errorf("got %s\nwant %s", made.JSON, want)
	}
	got, err := api.Get(t.Context(), operator, "categories", "7", core.GetRequest{})
	if err != nil {
		t.Fatal(err)
	}
	made.Created = false
	if diff := cmp.Diff(made, got); diff != "" {
		t.Errorf("-created +got:\n%s", diff)
	}
	note := create(t, api, "notes", `{"owner":"acme"}`)[0]
	if len(note.ID) != 36 {
		t.Errorf("got the generated id %q, want a UUID", note.ID)
	}
}

func TestCreateIsAllOrNone(t *testing.T) {
	for _, tt := range []struct {
		name, last string
		kind       fault.Kind
		code       string
		pointer    string
	}{
		{"a rule broken", `{"asin":"B2","title":"x","category_id":12,"stars":7}`, fault.Invalid, "invalid-record", "/1/stars"},
		{"an unknown field", `{"asin":"B2","title":"x","category_id":12,"prize":7}`, fault.Invalid, "", "/1/prize"},
		{"an id that is taken", `{"asin":"A1","title":"x","category_id":12}`, fault.Exists, "", "/1"},
		{"an id given twice", `{"asin":"B1","title":"x","category_id":12}`, fault.Exists, "", "/1/asin"},
		{"a reference to nothing", `{"asin":"B2","title":"x","category_id":13}`, fault.Conflict, "reference-missing", "/1/category_id"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			api := newAPI(t, newStore(t))
			_, err := api.Create(t.Context(), admin, "products", [][]byte{
				[]byte(`{"asin":"B1","title":"good","category_id":12}`), []byte(tt.last),
			}, core.How{})

			wantFault(t, err, tt.kind, tt.code)
			if places := fault.Of(err).Places; len(places) != 1 || places[0].Pointer != tt.pointer {
				t.Errorf("got places %+v, want one at %s", places, tt.pointer)
			}
			_, err = api.Get(t.Context(), admin, "products", "B1", core.GetRequest{})
			wantFault(t, err, fault.NotFound, "")
		})
	}
}

func TestConditions(t *testing.T) {
	stale := []record.Revision{"other"}
	for _, tt := range []struct {
		name, id string
		cond     func(current record.Revision) core.Condition
		replace  fault.Kind
		patch    fault.Kind
		remove   fault.Kind
	}{
		{"none", "A1", func(record.Revision) core.Condition { return core.Condition{} }, "", "", ""},
		{"none, missing", "B1", func(record.Revision) core.Condition { return core.Condition{} }, "", fault.NotFound, fault.NotFound},
		{"the revision", "A1", func(r record.Revision) core.Condition { return core.Condition{Revisions: []record.Revision{"x", r}} }, "", "", ""},
		{"another revision", "A1", func(record.Revision) core.Condition { return core.Condition{Revisions: stale} }, fault.Stale, fault.Stale, fault.Stale},
		{"a revision, missing", "B1", func(record.Revision) core.Condition { return core.Condition{Revisions: stale} }, fault.Stale, fault.NotFound, fault.Stale},
		{"exists", "A1", func(record.Revision) core.Condition { return core.Condition{Exists: true} }, "", "", ""},
		{"exists, missing", "B1", func(record.Revision) core.Condition { return core.Condition{Exists: true} }, fault.Stale, fault.NotFound, fault.Stale},
		{"absent", "A1", func(record.Revision) core.Condition { return core.Condition{Absent: true} }, fault.Stale, fault.Stale, fault.Stale},
		{"absent, missing", "B1", func(record.Revision) core.Condition { return core.Condition{Absent: true} }, "", fault.NotFound, fault.NotFound},
	} {
		body := []byte(`{"title":"new","category_id":12}`)
		writes := map[string]func(*core.API, core.Condition) error{
			"replace": func(api *core.API, cond core.Condition) error {
				_, err := api.Replace(t.Context(), admin, "products", tt.id, body, core.How{If: cond})
				return err
			},
			"patch": func(api *core.API, cond core.Condition) error {
				_, err := api.Patch(t.Context(), admin, "products", tt.id, []byte(`{"title":"new"}`), core.How{If: cond})
				return err
			},
			"delete": func(api *core.API, cond core.Condition) error {
				return api.Delete(t.Context(), admin, "products", tt.id, core.How{If: cond})
			},
		}
		for name, want := range map[string]fault.Kind{"replace": tt.replace, "patch": tt.patch, "delete": tt.remove} {
			t.Run(tt.name+"/"+name, func(t *testing.T) {
				api := newAPI(t, newStore(t))
				before, _ := api.Get(t.Context(), admin, "products", tt.id, core.GetRequest{})
				err := writes[name](api, tt.cond(before.Revision))
				if got := fault.KindOf(err); got != want {
					t.Fatalf("got %v, want kind %q", err, want)
				}
				after, _ := api.Get(t.Context(), admin, "products", tt.id, core.GetRequest{})
				if changed := after.Revision != before.Revision; changed != (want == "") {
					t.Errorf("changed: %t, with the error %v", changed, err)
				}
			})
		}
	}
}

func TestReplaceAndPatch(t *testing.T) {
	api := newAPI(t, newStore(t))
	got, err := api.Patch(t.Context(), admin, "products", "A1", []byte(`{"stars":null,"price":21}`), core.How{})
	if err != nil {
		t.Fatal(err)
	}
	want := `{"asin":"A1","title":"Kettle","stars":null,"price":21.00,"category_id":12,"seller":"acme","cost":9.50}`
	if string(got.JSON) != want {
		t.Errorf("patched: got %s\nwant %s", got.JSON, want)
	}
	got, err = api.Replace(t.Context(), admin, "products", "A1", []byte(`{"asin":"A1","title":"Pot","category_id":91}`), core.How{})
	if err != nil {
		t.Fatal(err)
	}
	want = `{"asin":"A1","title":"Pot","stars":null,"price":null,"category_id":91,"seller":null,"cost":null}`
	if string(got.JSON) != want || got.Created {
		t.Errorf("replaced: got %s\nwant %s", got.JSON, want)
	}
	_, err = api.Replace(t.Context(), admin, "products", "A1", []byte(`{"asin":"A2","title":"Pot","category_id":91}`), core.How{})
	wantFault(t, err, fault.Invalid, "id-mismatch")
	_, err = api.Patch(t.Context(), admin, "products", "A1", []byte(`{"asin":"A2"}`), core.How{})
	wantFault(t, err, fault.Invalid, "")
	_, err = api.Patch(t.Context(), admin, "products", "A1", []byte(`{"category_id":13}`), core.How{})
	wantFault(t, err, fault.Conflict, "reference-missing")

	note := create(t, api, "notes", `{"owner":"acme","text":"a"}`)[0]
	body := fmt.Appendf(nil, `{"id":%q,"owner":"acme","text":"b"}`, note.ID)
	if _, err := api.Replace(t.Context(), admin, "notes", string(note.ID), body, core.How{}); err != nil {
		t.Errorf("what was read may be put back with its generated id: %v", err)
	}
}

func TestRowPolicyGuardsWrites(t *testing.T) {
	api := newAPI(t, newStore(t))
	note := string(create(t, api, "notes", `{"owner":"bolt","text":"secret"}`)[0].ID)
	body := []byte(`{"title":"mine now","category_id":12,"seller":"acme"}`)
	for _, tt := range []struct {
		name string
		do   func(ctx context.Context) error
		want fault.Kind
	}{
		{"patch another's product", func(ctx context.Context) error {
			_, err := api.Patch(ctx, acme, "products", "A2", []byte(`{"title":"x"}`), core.How{})
			return err
		}, fault.Forbidden},
		{"replace another's product", func(ctx context.Context) error {
			_, err := api.Replace(ctx, acme, "products", "A2", body, core.How{})
			return err
		}, fault.Forbidden},
		{"delete another's product", func(ctx context.Context) error {
			return api.Delete(ctx, acme, "products", "A2", core.How{})
		}, fault.Forbidden},
		{"give one's own away", func(ctx context.Context) error {
			_, err := api.Patch(ctx, acme, "products", "A1", []byte(`{"seller":"bolt"}`), core.How{})
			return err
		}, fault.Forbidden},
		{"create for another", func(ctx context.Context) error {
			_, err := api.Create(ctx, acme, "products", [][]byte{[]byte(`{"asin":"B1","title":"x","category_id":12,"seller":"bolt"}`)}, core.How{})
			return err
		}, fault.Forbidden},
		{"patch a hidden note", func(ctx context.Context) error {
			_, err := api.Patch(ctx, acme, "notes", note, []byte(`{"text":"x"}`), core.How{})
			return err
		}, fault.NotFound},
		{"replace a hidden note", func(ctx context.Context) error {
			_, err := api.Replace(ctx, acme, "notes", note, []byte(`{"owner":"acme"}`), core.How{})
			return err
		}, fault.NotFound},
		{"replace a hidden note that must be absent", func(ctx context.Context) error {
			_, err := api.Replace(ctx, acme, "notes", note, []byte(`{"owner":"acme"}`), core.How{If: core.Condition{Absent: true}})
			return err
		}, fault.NotFound},
		{"delete a hidden note", func(ctx context.Context) error {
			return api.Delete(ctx, acme, "notes", note, core.How{})
		}, fault.NotFound},
		{"patch one's own", func(ctx context.Context) error {
			_, err := api.Patch(ctx, acme, "products", "A1", []byte(`{"title":"x"}`), core.How{})
			return err
		}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if err := tt.do(t.Context()); fault.KindOf(err) != tt.want {
				t.Errorf("got %v, want kind %q", err, tt.want)
			}
		})
	}
	got, err := api.Get(t.Context(), bolt, "notes", note, core.GetRequest{Select: "text"})
	if err != nil || string(got.JSON) != `{"text":"secret"}` {
		t.Errorf("the hidden note is now %s, %v", got.JSON, err)
	}
}

func TestUnwritableFieldsStayAsTheyAre(t *testing.T) {
	api := newAPI(t, newStore(t))
	got, err := api.Replace(t.Context(), clerk, "products", "A1", []byte(`{"title":"Pot","category_id":12}`), core.How{})
	if err != nil {
		t.Fatal(err)
	}
	if want := `{"asin":"A1","title":"Pot","stars":null,"price":20.00,"category_id":12,"seller":null}`; string(got.JSON) != want {
		t.Errorf("got %s\nwant %s", got.JSON, want)
	}
	whole, err := api.Get(t.Context(), admin, "products", "A1", core.GetRequest{Select: "price,cost"})
	if err != nil || string(whole.JSON) != `{"price":20.00,"cost":9.50}` {
		t.Errorf("got %s, %v: what the clerk may not write has changed", whole.JSON, err)
	}
	for _, body := range []string{`{"cost":1}`, `{"price":1}`, `{"slug":"x"}`} {
		_, err := api.Patch(t.Context(), clerk, "products", "A1", []byte(body), core.How{})
		wantFault(t, err, fault.Invalid, "")
	}
}

func TestReferencedRecordsAreKept(t *testing.T) {
	api := newAPI(t, newStore(t))
	wantFault(t, api.Delete(t.Context(), admin, "categories", "12", core.How{}), fault.Conflict, "referenced")
	written, err := api.DeleteMany(t.Context(), admin, "products", core.ListRequest{Filter: "category_id eq 12"}, 10, core.How{})
	if err != nil || written.Deleted != 2 {
		t.Fatalf("got %d deleted, %v", written.Deleted, err)
	}
	if err := api.Delete(t.Context(), admin, "categories", "12", core.How{}); err != nil {
		t.Errorf("nothing refers to it any more: %v", err)
	}
	create(t, api, "categories", `{"id":1,"name":"self","parent":1}`)
	if err := api.Delete(t.Context(), admin, "categories", "1", core.How{}); err != nil {
		t.Errorf("what only refers to itself may go: %v", err)
	}
}

func TestDeleteManyIsGuarded(t *testing.T) {
	api := newAPI(t, newStore(t))
	_, err := api.DeleteMany(t.Context(), admin, "products", core.ListRequest{}, 3, core.How{})
	wantFault(t, err, fault.Refused, "too-many-affected")
	written, err := api.DeleteMany(t.Context(), acme, "products", core.ListRequest{}, 3, core.How{})
	if err != nil || written.Deleted != 2 {
		t.Fatalf("a seller deletes its own: got %d, %v", written.Deleted, err)
	}
	written, err = api.DeleteMany(t.Context(), admin, "products", core.ListRequest{IDs: []string{"A2", "A9"}}, 3, core.How{})
	if err != nil || written.Deleted != 1 {
		t.Fatalf("by ids: got %d, %v", written.Deleted, err)
	}
	page, err := api.List(t.Context(), admin, "products", core.ListRequest{Count: true})
	if err != nil || page.Count != 1 {
		t.Errorf("got %d left, %v", page.Count, err)
	}
}

// Writers that patch without a condition lose nothing of one another.
func TestConcurrentPatches(t *testing.T) {
	api := newAPI(t, newStore(t))
	fields := []string{"title", "stars", "price", "seller", "cost"}
	values := []string{`"new"`, `1`, `2.00`, `"new"`, `3.00`}
	var group sync.WaitGroup
	for i, field := range fields {
		group.Go(func() {
			body := fmt.Appendf(nil, `{%q:%s}`, field, values[i])
			if _, err := api.Patch(t.Context(), admin, "products", "A1", body, core.How{}); err != nil {
				t.Errorf("%s: %v", body, err)
			}
		})
	}
	group.Wait()
	got, err := api.Get(t.Context(), admin, "products", "A1", core.GetRequest{})
	want := `{"asin":"A1","title":"new","stars":1,"price":2.00,"category_id":12,"seller":"new","cost":3.00}`
	if err != nil || string(got.JSON) != want {
		t.Errorf("got %s, %v\nwant %s", got.JSON, err, want)
	}
}

// down is a store that answers no write.
type down struct{ repository.Store }

func (down) Apply(context.Context, []repository.Mutation) ([]repository.Outcome, error) {
	return nil, fault.New(fault.Unavailable, "down.Apply", "the database does not answer").Because(errors.New("secret detail"))
}

func TestStoreFailureIsNotRetried(t *testing.T) {
	store := newStore(t)
	newAPI(t, store)
	api, err := core.New(core.Config{Store: down{store}, Collections: catalogue(t)})
	if err != nil {
		t.Fatal(err)
	}
	_, err = api.Patch(t.Context(), admin, "products", "A1", []byte(`{"title":"x"}`), core.How{})
	wantFault(t, err, fault.Unavailable, "")
}

func TestCreateReturnsNothingThatMayNotBeRead(t *testing.T) {
	only := policy.GrantSpec{Role: "drop", Create: &policy.RuleSpec{}}
	box := catalogue(t)[2].Schema
	access, err := policy.Compile(box, []policy.GrantSpec{only})
	if err != nil {
		t.Fatal(err)
	}
	store := newStore(t)
	api, err := core.New(core.Config{Store: store, Collections: []core.Collection{{Schema: box, Access: access}}})
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Ensure(t.Context(), api.Schemas()); err != nil {
		t.Fatal(err)
	}
	who := policy.Principal{Subject: "s", Roles: []string{"drop"}}
	written, err := api.Create(t.Context(), who, "notes", [][]byte{[]byte(`{"owner":"s"}`)}, core.How{})
	if err != nil || len(written.Results) != 1 || written.JSON != nil || written.ID == "" {
		t.Errorf("got %+v, %v", written, err)
	}
}
