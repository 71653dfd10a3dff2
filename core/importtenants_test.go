package core_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/portolan-io/portolan/core"
	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/ingest"
	"github.com/portolan-io/portolan/core/policy"
	"github.com/portolan-io/portolan/core/query"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/core/schema"
	"github.com/portolan-io/portolan/ports/repository"
)

// ofOrg returns a tenant of the organisation with the role.
func ofOrg(org, role string) policy.Principal {
	return policy.Principal{
		Issuer: "test", Subject: "pat", Roles: []string{role},
		Claims: map[string]any{"org": map[string]any{"id": org, "secret": "s3cret"}, "email": "pat@example.org"},
	}
}

// ordering returns an API whose orders refer to one another and to customers, of
// which tenants see those of their organisation.
func ordering(t *testing.T, store repository.Store) *core.API {
	t.Helper()
	everything, own := &policy.RuleSpec{}, &policy.RuleSpec{Where: "org eq @claims.org.id"}
	writes := func(role string, read *policy.RuleSpec) policy.GrantSpec {
		return policy.GrantSpec{Role: role, Read: read, Create: everything, Update: everything}
	}
	api, err := core.New(core.Config{Store: store, Now: clock(), Collections: []core.Collection{
		collection(t, schema.Spec{Name: "customers", ID: "id", Fields: []schema.FieldSpec{
			{Name: "id", Type: "int"}, {Name: "org", Type: "string"},
		}}, policy.GrantSpec{Role: "tenant", Read: own}),
		collection(t, schema.Spec{Name: "orders", ID: "id", Fields: []schema.FieldSpec{
			{Name: "id", Type: "int"},
			{Name: "org", Type: "string"},
			{Name: "customer", Type: "int", References: "customers", Enforce: true},
			{Name: "follows", Type: "int", References: "orders", Enforce: true},
		}},
			writes("tenant", everything), writes("blind", nil), writes("narrow", own),
			policy.GrantSpec{Role: "dim", Read: everything, Create: everything, Update: everything, Hide: []string{"org"}}),
	}})
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Ensure(t.Context(), api.Schemas()); err != nil {
		t.Fatal(err)
	}
	create(t, api, "customers", `{"id":1,"org":"acme"}`, `{"id":2,"org":"bolt"}`)
	create(t, api, "orders", `{"id":1,"org":"bolt"}`)
	return api
}

const orders = "id,customer,follows\n11,1,\n12,2,\n13,3,\n14,,11\n15,,12\n"

// TestImportRefersToWhatIsSeen: a record that the importer may not read is referred
// to as little as one that does not exist, and cannot be told from it; rows of the
// same source may refer to one another.
func TestImportRefersToWhatIsSeen(t *testing.T) {
	for _, tt := range []struct {
		who    policy.Principal
		loaded int64
	}{
		{ofOrg("acme", "tenant"), 2}, // 11 and 14
		{ofOrg("bolt", "tenant"), 2}, // 12 and 15
		{ofOrg("none", "tenant"), 0},
		{ofOrg("acme", "blind"), 4}, // may read no customers at all, and is not asked
		{operator, 4},
	} {
		t.Run(fmt.Sprint(tt.who.Roles, tt.who.Claims["org"]), func(t *testing.T) {
			api := ordering(t, newStore(t))
			for _, rows := range []int{1, 100} { // each row by itself, and all at once
				got, err := api.Import(t.Context(), tt.who, core.ImportRequest{
					Collection: "orders", Source: source("o.csv", orders), MaxRejects: -1, BatchRows: rows,
				})
				want := map[string]int64{}
				if tt.loaded < 5 {
					want[ingest.NoReference] = 5 - tt.loaded
				}
				if diff := cmp.Diff(want, got.ByCode); err != nil || diff != "" || got.Loaded != tt.loaded {
					t.Errorf("%d rows at once: %d are loaded, %v, want %d; rejected (-want +got):\n%s", rows, got.Loaded, err, tt.loaded, diff)
				}
			}
		})
	}
}

// A changing store gives a customer to another organisation before the second Load.
type changing struct {
	repository.Store
	loads int
	give  func()
}

func (s *changing) Load(ctx context.Context, load repository.Load) (repository.Loaded, error) {
	if s.loads++; s.loads == 2 {
		defer s.give() // which the third batch finds
	}
	return s.Store.Load(ctx, load)
}

// TestImportForgetsWhatIsHidden: what was seen once is not taken for seen for ever.
func TestImportForgetsWhatIsHidden(t *testing.T) {
	store := &changing{Store: newStore(t)}
	api := ordering(t, store)
	store.give = func() {
		if _, err := api.Patch(context.Background(), operator, "customers", "1", []byte(`{"org":"bolt"}`), core.How{}); err != nil {
			t.Error(err)
		}
	}
	got, err := api.Import(t.Context(), ofOrg("acme", "tenant"), core.ImportRequest{
		Collection: "orders", Source: source("o.csv", "id,customer\n11,1\n12,1\n13,1\n14,1\n"), MaxRejects: -1, BatchRows: 1,
	})
	if err != nil || got.Loaded != 2 || got.ByCode[ingest.NoReference] != 2 {
		t.Errorf("got %+v, %v", got, err)
	}
}

// TestUploadRefersToWhatIsSeen: the job knows the claims of who sent it that decide
// that, and no others.
func TestUploadRefersToWhatIsSeen(t *testing.T) {
	store := lasting{newStore(t)}
	api, dir := ordering(t, store), t.TempDir()
	uploads := newUploads(t, api, dir)
	id := submit(t, uploads, ofOrg("acme", "tenant"), "orders", orders)
	if err := uploads.Close(); err != nil {
		t.Fatal(err)
	}
	if job := work(t, api, newUploads(t, api, dir), id)[0]; job.Loaded != 2 || job.Rejected != 3 {
		t.Errorf("the job is %+v %+v", job, job.Err)
	}
	kept := field(t, store, api, "_jobs", record.ID(id), "claims")
	if want := `{"org.id":"acme"}`; kept != want {
		t.Errorf("the job keeps %s, want %s", kept, want)
	}
}

// TestImportIsForWhoSeesEverything: what an importer does not see, it would
// overwrite unseen.
func TestImportIsForWhoSeesEverything(t *testing.T) {
	api := ordering(t, newStore(t))
	uploads := newUploads(t, api, t.TempDir())
	defer uploads.Close()
	for role, refused := range map[string]bool{"narrow": true, "dim": true, "blind": false, "tenant": false} {
		who := ofOrg("acme", role)
		_, imported := api.Import(t.Context(), who, core.ImportRequest{Collection: "orders", Source: source("o.csv", "id,org\n1,acme\n"), MaxRejects: -1})
		up, sent := uploads.Receive(t.Context(), who, "orders", ingest.CSV)
		for _, err := range []error{imported, sent, api.MayImport(t.Context(), who, "orders")} {
			if refused {
				wantFault(t, err, fault.Forbidden, "import-needs-all")
			} else if err != nil {
				t.Errorf("%s: %v", role, err)
			}
		}
		if up != nil {
			up.Discard()
		}
		if role == "blind" { // as a replacement does it: what one may read nothing of is written all the same
			_, err := api.Replace(t.Context(), who, "orders", "1", []byte(`{"org":"acme"}`), core.How{})
			if err != nil {
				t.Errorf("a replacement: %v", err)
			}
		}
	}
}

// field returns the stored text of a field.
func field(t *testing.T, store repository.Store, api *core.API, collection string, id record.ID, name string) string {
	t.Helper()
	for _, c := range api.Schemas() {
		if c.Name != collection {
			continue
		}
		rows, err := store.Get(t.Context(), query.View{Collection: c, Needs: c.All()}, []record.ID{id})
		if err != nil || len(rows) != 1 {
			t.Fatalf("there are %d, %v", len(rows), err)
		}
		for i, f := range c.Fields {
			if f.Name == name {
				return rows[0].Values[i].AsString()
			}
		}
	}
	t.Fatalf("there is no %s in %s", name, collection)
	return ""
}
