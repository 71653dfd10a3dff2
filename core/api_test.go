package core_test

import (
	"encoding/json"
	"sync/atomic"
	"testing"
	"time"

	"github.com/portolan-io/portolan/adapters/memory"
	"github.com/portolan-io/portolan/core"
	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/policy"
	"github.com/portolan-io/portolan/core/schema"
	"github.com/portolan-io/portolan/ports/repository"
	"github.com/portolan-io/portolan/ports/secrets"
)

// The people of the tests.
var (
	nobody   = policy.Principal{}
	admin    = policy.Principal{Issuer: "test", Subject: "ada", Roles: []string{"admin"}}
	acme     = policy.Principal{Issuer: "test", Subject: "acme", Roles: []string{"seller"}}
	bolt     = policy.Principal{Issuer: "test", Subject: "bolt", Roles: []string{"seller"}}
	clerk    = policy.Principal{Issuer: "test", Subject: "carl", Roles: []string{"clerk"}}
	stranger = policy.Principal{Issuer: "test", Subject: "sid", Roles: []string{"nothing"}}
	operator = policy.Principal{Issuer: "test", Subject: "op", Local: true}
)

// all grants every action on the rows that where names.
func all(role, where string, hide ...string) policy.GrantSpec {
	rule := &policy.RuleSpec{Where: where}
	return policy.GrantSpec{Role: role, Read: rule, Create: rule, Update: rule, Delete: rule, Hide: hide}
}

// catalogue is the catalogue of the documentation: what everybody may read but
// for two fields, what sellers may write of their own, and one collection that
// is visible row by row.
func catalogue(t testing.TB) []core.Collection {
	t.Helper()
	everything, own := &policy.RuleSpec{}, &policy.RuleSpec{Where: "seller eq @claims.sub"}
	return []core.Collection{
		collection(t, schema.Spec{
			Name: "categories", ID: "id",
			Fields: []schema.FieldSpec{
				{Name: "id", Type: "int"},
				{Name: "name", Type: "string", Required: true, Max: "200"},
				{Name: "slug", Type: "string", Max: "200", Derive: "slug(name)"},
				{Name: "parent", Type: "int", References: "categories", Enforce: true},
			},
		}, policy.GrantSpec{Role: policy.Anonymous, Read: everything}, all("admin", "")),
		collection(t, schema.Spec{
			Name: "products", ID: "asin", MaxScan: 50,
			Fields: []schema.FieldSpec{
				{Name: "asin", Type: "string", Max: "16"},
				{Name: "title", Type: "string", Required: true, Max: "500"},
				{Name: "stars", Type: "float", Min: "0", Max: "5"},
				{Name: "price", Type: "decimal", Precision: 12, Scale: 2, Min: "0"},
				{Name: "category_id", Type: "int", Required: true, References: "categories", Enforce: true},
				{Name: "seller", Type: "string", Max: "64"},
				{Name: "cost", Type: "decimal", Precision: 12, Scale: 2},
			},
			Indexes: [][]string{{"category_id", "stars desc"}},
		},
			policy.GrantSpec{Role: policy.Anonymous, Read: everything, Hide: []string{"cost", "seller"}},
			policy.GrantSpec{Role: "seller", Read: everything, Create: own, Update: own, Delete: own},
			policy.GrantSpec{Role: "clerk", Read: everything, Update: everything, Hide: []string{"cost"}, ReadOnly: []string{"price"}},
			all("admin", "")),
		collection(t, schema.Spec{
			Name: "notes", // an id of the server's making
			Fields: []schema.FieldSpec{
				{Name: "owner", Type: "string", Required: true, Max: "64"},
				{Name: "text", Type: "string", Max: "1000"},
			},
		}, all(policy.Authenticated, "owner eq @claims.sub"), all("admin", "")),
	}
}

func collection(t testing.TB, spec schema.Spec, grants ...policy.GrantSpec) core.Collection {
	t.Helper()
	c, err := schema.New(spec)
	if err != nil {
		t.Fatal(err)
	}
	access, err := policy.Compile(c, grants)
	if err != nil {
		t.Fatal(err)
	}
	return core.Collection{Schema: c, Access: access}
}

// newAPI returns an API over the store with two categories and four products.
func newAPI(t testing.TB, store repository.Store) *core.API {
	t.Helper()
	api, err := core.New(core.Config{Store: store, Collections: catalogue(t), Pepper: secrets.Fixed("pepper"), Now: clock()})
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Ensure(t.Context(), api.Schemas()); err != nil {
		t.Fatal(err)
	}
	create(t, api, "categories", `{"id":12,"name":"Large Appliances"}`, `{"id":91,"name":"Toys"}`)
	create(t, api, "products",
		`{"asin":"A1","title":"Kettle","stars":4.5,"price":20.00,"category_id":12,"seller":"acme","cost":9.50}`,
		`{"asin":"A2","title":"Toaster","stars":4.0,"price":35.00,"category_id":12,"seller":"bolt","cost":20.00}`,
		`{"asin":"A3","title":"Robot","price":15.00,"category_id":91,"seller":"acme","cost":5.00}`,
		`{"asin":"A4","title":"Kite","stars":3.0,"price":9.99,"category_id":91,"cost":1.00}`)
	return api
}

func create(t testing.TB, api *core.API, collection string, bodies ...string) []core.Result {
	t.Helper()
	raw := make([][]byte, len(bodies))
	for i, body := range bodies {
		raw[i] = []byte(body)
	}
	written, err := api.Create(t.Context(), operator, collection, raw, core.How{})
	if err != nil {
		t.Fatal(err)
	}
	return written.Results
}

// clock returns a clock that moves a second whenever it is asked.
func clock() func() time.Time {
	var seconds atomic.Int64
	return func() time.Time {
		return time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(seconds.Add(1)) * time.Second)
	}
}

func newStore(t *testing.T) repository.Store {
	t.Helper()
	store, err := memory.Open(t.Context(), memory.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	return store
}

// wantFault fails the test unless err has the kind and, if one is given, the code.
func wantFault(t *testing.T, err error, kind fault.Kind, code string) {
	t.Helper()
	if got := fault.KindOf(err); got != kind {
		t.Fatalf("got error %v of kind %q, want kind %q", err, got, kind)
	}
	if got := fault.Of(err).Code; code != "" && got != code {
		t.Fatalf("got error %v with code %q, want %q", err, got, code)
	}
}

// column returns the values of one field of a JSON array of records.
func column(t *testing.T, array []byte, field string) []any {
	t.Helper()
	var records []map[string]any
	if err := json.Unmarshal(array, &records); err != nil {
		t.Fatalf("%s: %v", array, err)
	}
	values := make([]any, len(records))
	for i, record := range records {
		values[i] = record[field]
	}
	return values
}
