package core_test

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/portolan-io/portolan/core"
	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/policy"
	"github.com/portolan-io/portolan/core/query"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/core/schema"
	"github.com/portolan-io/portolan/ports/repository"
)

// verdicts returns what became of each row: its id, or the code of its error and
// the places of that.
func verdicts(written core.Written) []string {
	var all []string
	for i, result := range written.Results {
		if written.Failed == nil || written.Failed[i] == nil {
			all = append(all, string(result.ID))
			continue
		}
		f := fault.Of(written.Failed[i])
		text := f.Code
		for _, place := range f.Places {
			text += " " + place.Pointer
		}
		all = append(all, text)
	}
	return all
}

func createEach(ctx context.Context, api *core.API, who policy.Principal, collection string, bodies ...string) (core.Written, error) {
	raw := make([][]byte, len(bodies))
	for i, body := range bodies {
		raw[i] = []byte(body)
	}
	return api.Create(ctx, who, collection, raw, core.How{Each: true})
}

// Row by row: what is right is stored, and of the rest each says why it is not.
func TestCreateEach(t *testing.T) {
	for _, tt := range []struct {
		name       string
		who        policy.Principal
		collection string
		bodies     []string
		want       []string
	}{
		{"all are right", admin, "categories", []string{`{"id":1,"name":"a"}`, `{"id":2,"name":"b"}`}, []string{"1", "2"}},
		{"one that is right", admin, "categories", []string{`{"id":1,"name":"a"}`}, []string{"1"}},
		{"every kind of mistake", admin, "products", []string{
			`{"asin":"B1","title":"good","category_id":12}`,
			`{"asin":"B2","title":"x","category_id":12,"stars":7}`,
			`{"asin":"B3","title":"x","category_id":12,"prize":7}`,
			`{"asin":"A1","title":"x","category_id":12}`,
			`{"asin":"B1","title":"x","category_id":12}`,
			`{"asin":"B4","title":"x","category_id":13}`,
			`{"asin":"B5","title":x}`,
			`{"asin":"B6","title":"good","category_id":91}`,
		}, []string{
			"B1", "invalid-record /stars", "unknown-field /prize", "already-exists", "already-exists /asin",
			"reference-missing /category_id", "malformed-json /title", "B6",
		}},
		{"every row is wrong", admin, "products", []string{`{}`, `{"asin":"A1","title":"x","category_id":12}`}, []string{
			"invalid-record /asin /title /category_id", "already-exists",
		}},
		{"what the policy forbids", acme, "products", []string{
			`{"asin":"B1","title":"x","category_id":12,"seller":"bolt"}`, `{"asin":"B2","title":"x","category_id":12,"seller":"acme"}`,
		}, []string{"row-policy", "B2"}},
		{"ids of the server's making", acme, "notes", []string{`{"owner":"bolt"}`, `{"owner":"eve"}`}, []string{"row-policy", "row-policy"}},
		{"rows that refer to one another", admin, "categories", []string{
			`{"id":1,"name":"a","parent":2}`, `{"id":2,"name":"b","parent":1}`, `{"id":3,"name":"c","parent":3}`,
		}, []string{"1", "2", "3"}},
		{"rows that refer to one that is wrong", admin, "categories", []string{
			`{"id":1,"name":"a","parent":2}`, `{"id":2,"name":"b","parent":3}`, `{"id":3}`, `{"id":4,"name":"d","parent":12}`,
		}, []string{"reference-missing /parent", "reference-missing /parent", "invalid-record /name", "4"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			api := newAPI(t, newStore(t))
			written, err := createEach(t.Context(), api, tt.who, tt.collection, tt.bodies...)
			if err != nil {
				t.Fatal(err)
			}
			got := verdicts(written)
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			for i, result := range written.Results {
				if written.Failed != nil && written.Failed[i] != nil {
					continue
				}
				stored, err := api.Get(t.Context(), operator, tt.collection, string(result.ID), core.GetRequest{})
				if err != nil || stored.Revision != result.Revision || string(stored.JSON) != string(result.JSON) {
					t.Errorf("%s is stored as %+v, %v, but answered as %+v", got[i], stored, err, result)
				}
			}
			if allRight := !slices.ContainsFunc(written.Failed, func(err error) bool { return err != nil }); allRight != (written.Failed == nil) {
				t.Errorf("got the failures %v", written.Failed)
			}
		})
	}
}

// A reference to what the caller may not see is one to nothing.
func TestCreateEachSeesWhatTheCallerSees(t *testing.T) {
	api := tenancy(t, newStore(t))
	written, err := createEach(t.Context(), api, acme, "rooms",
		`{"id":"a","owner":"acme","within":"hall"}`, `{"id":"b","owner":"acme","within":"cellar"}`, `{"id":"c","owner":"acme","within":"attic"}`)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"a", "reference-missing /within", "reference-missing /within"}, verdicts(written)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	boxer := policy.Principal{Subject: "s", Roles: []string{"box"}} // who may read nothing
	written, err = createEach(t.Context(), api, boxer, "rooms", `{"id":"d","owner":"x","within":"cellar"}`, `{"id":"e","owner":"x","within":"attic"}`)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"d", "reference-missing /within"}, verdicts(written)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// A counting store counts what is asked of it, and may be overtaken by another
// writer before an Apply.
type counting struct {
	repository.Store
	reads, writes int
	overtake      []repository.Mutation
}

func (s *counting) Get(ctx context.Context, view query.View, ids []record.ID) ([]record.Row, error) {
	s.reads++
	return s.Store.Get(ctx, view, ids)
}

func (s *counting) Apply(ctx context.Context, batch []repository.Mutation) ([]repository.Outcome, error) {
	s.writes++
	if overtake := s.overtake; overtake != nil {
		s.overtake = nil
		if _, err := s.Store.Apply(ctx, overtake); err != nil {
			return nil, err
		}
	}
	return s.Store.Apply(ctx, batch)
}

// Many wrong rows cost no more than a few.
func TestCreateEachOfManyWrongRows(t *testing.T) {
	store := &counting{Store: newStore(t)}
	api := newAPI(t, store)
	store.reads, store.writes = 0, 0
	var bodies []string
	for i := range core.MaxCreate {
		switch i % 4 {
		case 0:
			bodies = append(bodies, fmt.Sprintf(`{"asin":"B%d","title":"x","category_id":12}`, i))
		case 1:
			bodies = append(bodies, fmt.Sprintf(`{"asin":"B%d","title":"x","category_id":%d}`, i, 1000+i))
		case 2:
			bodies = append(bodies, `{"asin":"A1","title":"x","category_id":12}`)
		case 3:
			bodies = append(bodies, `{}`)
		}
	}
	written, err := createEach(t.Context(), api, admin, "products", bodies...)
	if err != nil || len(written.Results) != core.MaxCreate {
		t.Fatalf("got %d results, %v", len(written.Results), err)
	}
	if store.writes != 1 || store.reads > 2 {
		t.Errorf("it took %d writes and %d reads", store.writes, store.reads)
	}
}

// What changes between looking and writing is found out, and only that row fails.
func TestCreateEachIsOvertaken(t *testing.T) {
	const taken, gone = `{"asin":"B2","title":"x","category_id":91}`, `{"asin":"B3","title":"x","category_id":12}`
	for name, want := range map[string][]string{
		"an id is taken":   {"invalid-record /title", "B1", "already-exists", "B3"},
		"a reference goes": {"invalid-record /title", "B1", "B2", "reference-missing /category_id"},
	} {
		t.Run(name, func(t *testing.T) {
			store := &counting{Store: newStore(t)}
			api := newAPI(t, store)
			schemas := api.Schemas()
			products, categories := schemas[slices.IndexFunc(schemas, named("products"))], schemas[slices.IndexFunc(schemas, named("categories"))]
			if name == "an id is taken" {
				fields := make([]record.Value, len(products.Fields))
				fields[0], fields[1], fields[4] = record.String("B2"), record.String("theirs"), record.Int(12)
				store.overtake = []repository.Mutation{{Op: repository.Put, Collection: products, ID: "B2", Revision: "r", Fields: fields}}
			} else {
				store.overtake = []repository.Mutation{{Op: repository.Delete, Collection: categories, ID: "12"}}
			}
			written, err := createEach(t.Context(), api, admin, "products",
				`{"asin":"B0","category_id":12}`, `{"asin":"B1","title":"x","category_id":91}`, taken, gone)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, verdicts(written)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// named finds a schema by its name.
func named(name string) func(*schema.Collection) bool {
	return func(c *schema.Collection) bool { return c.Name == name }
}
