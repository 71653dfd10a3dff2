package core_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/portolan-io/portolan/core"
	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/policy"
	"github.com/portolan-io/portolan/core/query"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/core/schema"
	"github.com/portolan-io/portolan/ports/repository"
)

// meddling is a store in which somebody else writes just before the first write
// of a test arrives.
type meddling struct {
	repository.Store
	meddle func()
}

func (s *meddling) Apply(ctx context.Context, batch []repository.Mutation) ([]repository.Outcome, error) {
	if meddle := s.meddle; meddle != nil {
		s.meddle = nil
		meddle()
	}
	return s.Store.Apply(ctx, batch)
}

// Whatever was read may have changed by the time of the write: then the write
// is tried anew, or refused if it was meant for what was read.
func TestWritesThatAreOvertaken(t *testing.T) {
	patch := func(body string) func(context.Context, *core.API) error {
		return func(ctx context.Context, api *core.API) error {
			_, err := api.Patch(ctx, operator, "products", "A1", []byte(body), core.How{})
			return err
		}
	}
	remove := func(ctx context.Context, api *core.API) error {
		return api.Delete(ctx, operator, "products", "A1", core.How{})
	}
	put := func(ctx context.Context, api *core.API, who policy.Principal, id string, cond core.Condition) error {
		body := []byte(`{"title":"mine","category_id":12,"seller":"acme"}`)
		_, err := api.Replace(ctx, who, "products", id, body, core.How{If: cond})
		return err
	}
	for _, tt := range []struct {
		name   string
		do     func(context.Context, *core.API, core.Condition) error // with the revision that A1 had
		meddle func(context.Context, *core.API) error
		want   fault.Kind
		title  string // of A1, or empty if it is gone
	}{
		{"a deletion of what was read", func(ctx context.Context, api *core.API, cond core.Condition) error {
			return api.Delete(ctx, admin, "products", "A1", core.How{If: cond})
		}, patch(`{"title":"theirs"}`), fault.Stale, "theirs"},
		{"a deletion of whatever is there", func(ctx context.Context, api *core.API, _ core.Condition) error {
			return api.Delete(ctx, admin, "products", "A1", core.How{})
		}, patch(`{"title":"theirs"}`), "", ""},
		{"a deletion by a seller of what is no longer his", func(ctx context.Context, api *core.API, _ core.Condition) error {
			return api.Delete(ctx, acme, "products", "A1", core.How{})
		}, patch(`{"seller":"bolt"}`), fault.Forbidden, "Kettle"},
		{"a deletion of many that no longer match", func(ctx context.Context, api *core.API, _ core.Condition) error {
			written, err := api.DeleteMany(ctx, admin, "products", core.ListRequest{Filter: "title eq 'Kettle'"}, 10, core.How{})
			if written.Deleted != 0 {
				t.Errorf("%d records were deleted", written.Deleted)
			}
			return err
		}, patch(`{"title":"theirs"}`), "", "theirs"},
		{"a patch of what was read", func(ctx context.Context, api *core.API, cond core.Condition) error {
			_, err := api.Patch(ctx, admin, "products", "A1", []byte(`{"title":"mine"}`), core.How{If: cond})
			return err
		}, patch(`{"stars":1}`), fault.Stale, "Kettle"},
		{"a patch of what is gone", func(ctx context.Context, api *core.API, _ core.Condition) error {
			_, err := api.Patch(ctx, admin, "products", "A1", []byte(`{"title":"mine"}`), core.How{})
			return err
		}, remove, fault.NotFound, ""},
		{"a replacement of what is gone", func(ctx context.Context, api *core.API, _ core.Condition) error {
			return put(ctx, api, admin, "A1", core.Condition{})
		}, remove, "", "mine"},
		{"a replacement by a seller of what is no longer his", func(ctx context.Context, api *core.API, _ core.Condition) error {
			return put(ctx, api, acme, "A1", core.Condition{})
		}, patch(`{"seller":"bolt"}`), fault.Forbidden, "Kettle"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			store := &meddling{Store: newStore(t)}
			api := newAPI(t, store)
			before, err := api.Get(t.Context(), admin, "products", "A1", core.GetRequest{})
			if err != nil {
				t.Fatal(err)
			}
			store.meddle = func() {
				if err := tt.meddle(t.Context(), api); err != nil {
					t.Error(err)
				}
			}
			err = tt.do(t.Context(), api, core.Condition{Revisions: []record.Revision{before.Revision}})
			if fault.KindOf(err) != tt.want {
				t.Errorf("got %v, want kind %q", err, tt.want)
			}
			after, err := api.Get(t.Context(), admin, "products", "A1", core.GetRequest{Select: "title"})
			if got, want := string(after.JSON), fmt.Sprintf(`{"title":%q}`, tt.title); tt.title != "" && got != want {
				t.Errorf("A1 is now %s, %v, want %s", got, err, want)
			}
			if tt.title == "" && fault.KindOf(err) != fault.NotFound {
				t.Errorf("A1 is now %s, %v, want it gone", after.JSON, err)
			}
		})
	}
}

// Two that create the same record by PUT: one creates, the other replaces.
func TestReplacementsThatCreateAtOnce(t *testing.T) {
	store := &meddling{Store: newStore(t)}
	api := newAPI(t, store)
	put := func(title string) (core.Written, error) {
		return api.Replace(t.Context(), admin, "products", "N1", fmt.Appendf(nil, `{"title":%q,"category_id":12}`, title), core.How{})
	}
	store.meddle = func() {
		if first, err := put("first"); err != nil || !first.Created {
			t.Errorf("the first: created %t, %v", first.Created, err)
		}
	}
	if second, err := put("second"); err != nil || second.Created {
		t.Errorf("the second: created %t, %v", second.Created, err)
	}
}

// DeleteMany reads all pages, also those that a bounded scan ends early.
func TestDeleteManyReadsAllPages(t *testing.T) {
	api := newAPI(t, weak{newStore(t)})
	for i := range 130 { // max_scan is 50
		create(t, api, "products", fmt.Sprintf(`{"asin":"R%03d","title":"t","stars":%d,"category_id":12}`, i, i%50/49))
	}
	written, err := api.DeleteMany(t.Context(), admin, "products", core.ListRequest{Filter: "title eq 't' and stars eq 1"}, 10, core.How{})
	if err != nil || written.Deleted != 2 {
		t.Errorf("got %d deleted, %v, want 2", written.Deleted, err)
	}
}

// studio has roles whose rights differ by action, so that one right standing
// in for another shows.
func studio(t *testing.T) *core.API {
	t.Helper()
	everything, mine := &policy.RuleSpec{}, &policy.RuleSpec{Where: "price lt 10"}
	paintings := collection(t, schema.Spec{
		Name: "paintings", ID: "id",
		Fields: []schema.FieldSpec{
			{Name: "id", Type: "int"},
			{Name: "title", Type: "string", Max: "20"},
			{Name: "slug", Type: "string", Derive: "slug(title)"},
			{Name: "price", Type: "int"},
			{Name: "state", Type: "string", ReadOnly: true},
		},
	},
		policy.GrantSpec{Role: "editor", Read: everything, Update: everything},
		policy.GrantSpec{Role: "maker", Read: everything, Create: everything, ReadOnly: []string{"price"}},
		policy.GrantSpec{Role: "pricer", Read: everything, Create: everything, Update: &policy.RuleSpec{}},
		policy.GrantSpec{Role: "bargain", Read: mine, Create: everything, Update: everything, Delete: everything},
		policy.GrantSpec{Role: "shredder", Delete: everything},
		policy.GrantSpec{Role: "viewer", Read: everything, Hide: []string{"price"}},
		policy.GrantSpec{Role: "writer", Update: everything},
		policy.GrantSpec{Role: "blind", Read: everything, Hide: []string{"state"}},
	)
	store := newStore(t)
	api, err := core.New(core.Config{Store: store, Collections: []core.Collection{paintings}, Now: clock()})
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Ensure(t.Context(), api.Schemas()); err != nil {
		t.Fatal(err)
	}
	fields := []record.Value{record.Int(1), record.String("Sea View"), record.String("sea-view"), record.Int(50), record.String("framed")}
	_, err = store.Apply(t.Context(), []repository.Mutation{{Op: repository.Put, Collection: paintings.Schema, ID: "1", Revision: "r1", Fields: fields}})
	if err != nil {
		t.Fatal(err)
	}
	return api
}

func as(roles ...string) policy.Principal {
	return policy.Principal{Issuer: "test", Subject: "s", Roles: roles}
}

// PUT that creates is judged by the right to create, PUT that replaces by the
// right to update.
func TestReplaceIsJudgedByWhatItDoes(t *testing.T) {
	for _, tt := range []struct {
		name, id, body string
		who            policy.Principal
		cond           core.Condition
		want           fault.Kind
	}{
		{"create what the creator may not write", "2", `{"price":7}`, as("editor", "maker"), core.Condition{}, fault.Invalid},
		{"create without it", "2", `{"title":"x"}`, as("editor", "maker"), core.Condition{}, ""},
		{"update what the creator may not write", "1", `{"price":7}`, as("editor", "maker"), core.Condition{}, ""},
		{"create without the right to", "2", `{"title":"x"}`, as("editor"), core.Condition{}, fault.NotFound},
		{"only create, as a creator", "2", `{"title":"x"}`, as("maker"), core.Condition{Absent: true}, ""},
		{"only create what is there", "1", `{"title":"x"}`, as("maker"), core.Condition{Absent: true}, fault.Stale},
		{"replace as a creator", "1", `{"title":"x"}`, as("maker"), core.Condition{}, fault.Forbidden},
		{"only create what is hidden", "1", `{"title":"x"}`, as("bargain"), core.Condition{Absent: true}, fault.NotFound},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := studio(t).Replace(t.Context(), tt.who, "paintings", tt.id, []byte(tt.body), core.How{If: tt.cond})
			if fault.KindOf(err) != tt.want {
				t.Errorf("got %v, want kind %q", err, tt.want)
			}
		})
	}
}

// What was read may be put back as it is, derived and read-only fields
// included; other values for them are refused, and none clears them.
func TestReadOnlyFieldsMayBeGivenAsTheyAre(t *testing.T) {
	for _, tt := range []struct {
		name, body, want string // want: the record after, or empty if it is refused
	}{
		{"as it is", `{"id":1,"title":"Sea View","slug":"sea-view","price":50,"state":"framed"}`, `{"id":1,"title":"Sea View","slug":"sea-view","price":50,"state":"framed"}`},
		{"changed", `{"id":1,"title":"Harbour","slug":"sea-view","price":50,"state":"framed"}`, `{"id":1,"title":"Harbour","slug":"harbour","price":50,"state":"framed"}`},
		{"left out", `{"title":"Harbour"}`, `{"id":1,"title":"Harbour","slug":"harbour","price":null,"state":"framed"}`},
		{"another state", `{"title":"Harbour","state":"sold"}`, ""},
		{"another slug", `{"title":"Harbour","slug":"harbour"}`, ""},
		{"a cleared state", `{"title":"Harbour","state":null}`, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := studio(t).Replace(t.Context(), as("editor"), "paintings", "1", []byte(tt.body), core.How{})
			if string(got.JSON) != tt.want || (err == nil) == (tt.want == "") {
				t.Errorf("got %s, %v, want %s", got.JSON, err, tt.want)
			}
			if err != nil {
				wantFault(t, err, fault.Invalid, "read-only")
			}
		})
	}
	_, err := studio(t).Patch(t.Context(), as("editor"), "paintings", "1", []byte(`{"state":"framed","price":1}`), core.How{})
	if err != nil {
		t.Errorf("a patch that gives the state as it is: %v", err)
	}
}

// That a read-only field may be given as it is tells nobody what it is who may
// not read it.
func TestReadOnlyFieldsAreNoOracle(t *testing.T) {
	for _, who := range []policy.Principal{as("writer"), as("writer", "blind")} {
		for _, state := range []string{"framed", "sold"} {
			body := fmt.Appendf(nil, `{"state":%q}`, state)
			_, err := studio(t).Patch(t.Context(), who, "paintings", "1", body, core.How{})
			wantFault(t, err, fault.Invalid, "")
			_, err = studio(t).Replace(t.Context(), who, "paintings", "1", body, core.How{})
			wantFault(t, err, fault.Invalid, "")
		}
		api := studio(t)
		if _, err := api.Patch(t.Context(), who, "paintings", "1", []byte(`{"title":"x"}`), core.How{}); err != nil {
			t.Fatal(err)
		}
		got, err := api.Get(t.Context(), as("editor"), "paintings", "1", core.GetRequest{Select: "title,state"})
		if err != nil || string(got.JSON) != `{"title":"x","state":"framed"}` {
			t.Errorf("got %s, %v: a patch has changed what it did not give", got.JSON, err)
		}
	}
}

func TestWhoMayOnlyCreateIsToldHow(t *testing.T) {
	_, err := studio(t).Replace(t.Context(), as("maker"), "paintings", "9", []byte(`{}`), core.How{})
	wantFault(t, err, fault.Forbidden, "")
	if hint := fault.Of(err).Hint; hint != "send If-None-Match: * to create it" {
		t.Errorf("got the hint %q", hint)
	}
}

// What the caller may write and not read survives a PUT that does not give it.
func TestReplaceKeepsWhatTheCallerDoesNotSee(t *testing.T) {
	for body, want := range map[string]string{
		`{"title":"x"}`:           `{"title":"x","price":50}`,
		`{"title":"x","price":7}`: `{"title":"x","price":7}`,
	} {
		api := studio(t)
		if _, err := api.Replace(t.Context(), as("viewer", "writer"), "paintings", "1", []byte(body), core.How{}); err != nil {
			t.Fatal(err)
		}
		got, err := api.Get(t.Context(), as("editor"), "paintings", "1", core.GetRequest{Select: "title,price"})
		if err != nil || string(got.JSON) != want {
			t.Errorf("after %s: got %s, %v, want %s", body, got.JSON, err, want)
		}
	}
}

// A rule that is broken by a field that is hidden does not name it.
func TestRulesOfHiddenFieldsAreNotNamed(t *testing.T) {
	store := newStore(t)
	api, err := core.New(core.Config{Store: store, Collections: []core.Collection{
		collection(t, schema.Spec{Name: "forms", Fields: []schema.FieldSpec{
			{Name: "name", Type: "string", Required: true}, {Name: "secret", Type: "string", Required: true},
		}}, policy.GrantSpec{Role: "filler", Create: &policy.RuleSpec{}, Hide: []string{"secret"}}),
	}})
	if err != nil {
		t.Fatal(err)
	}
	_, err = api.Create(t.Context(), as("filler"), "forms", [][]byte{[]byte(`{}`)}, core.How{})
	wantFault(t, err, fault.Invalid, "invalid-record")
	places := fault.Of(err).Places
	if len(places) != 2 || places[0].Pointer != "/name" || strings.Contains(fmt.Sprint(places[1]), "secret") {
		t.Errorf("got places %+v", places)
	}
}

// The answer to a write shows what the caller may read, and nothing else.
func TestWritesShowOnlyWhatMayBeRead(t *testing.T) {
	api := studio(t)
	for body, shown := range map[string]bool{`{"id":5,"price":5}`: true, `{"id":50,"price":50}`: false} {
		written, err := api.Create(t.Context(), as("bargain"), "paintings", [][]byte{[]byte(body)}, core.How{})
		if err != nil || (written.JSON != nil) != shown {
			t.Errorf("%s: got %s, %v, want it shown: %t", body, written.JSON, err, shown)
		}
	}
	_, err := api.DeleteMany(t.Context(), as("shredder"), "paintings", core.ListRequest{}, 10, core.How{})
	wantFault(t, err, fault.Forbidden, "")
	if err := api.Delete(t.Context(), as("shredder"), "paintings", "5", core.How{}); err != nil {
		t.Errorf("who may delete, and not read, deletes by id: %v", err)
	}
	written, err := api.DeleteMany(t.Context(), as("bargain"), "paintings", core.ListRequest{}, 10, core.How{})
	if err != nil || written.Deleted != 0 {
		t.Errorf("what the caller may not read it cannot delete by a filter: %d, %v", written.Deleted, err)
	}
}

// What a filtering scan needs beyond the query does not reach who asked.
func TestScanDoesNotLeakItsNeeds(t *testing.T) {
	store := &needs{Store: weak{newStore(t)}}
	api := newAPI(t, store)
	if _, err := api.DeleteMany(t.Context(), admin, "products", core.ListRequest{Filter: "stars eq 9"}, 1, core.How{}); err != nil {
		t.Fatal(err)
	}
	if store.most == 0 {
		t.Error("the scan asked for no values, so the test shows nothing")
	}
	count, err := api.List(t.Context(), nobody, "products", core.ListRequest{Filter: "stars gt 1", First: 1, OrderBy: "price", Count: true})
	if err != nil {
		t.Fatal(err)
	}
	second, err := api.List(t.Context(), nobody, "products", core.ListRequest{Filter: "stars gt 1", First: 1, OrderBy: "price", Count: true, After: count.Next})
	if err != nil || second.Count != count.Count || count.Count != 3 {
		t.Errorf("a later page counts %d, %v, the first %d, want 3", second.Count, err, count.Count)
	}
}

// needs notes how many values a find asks for.
type needs struct {
	repository.Store
	most int
}

func (s *needs) Find(ctx context.Context, q query.Query) (repository.Page, error) {
	s.most = max(s.most, len(q.Needs))
	return s.Store.Find(ctx, q)
}
