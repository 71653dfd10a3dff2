package core_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/portolan-io/portolan/core"
	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/ingest"
	"github.com/portolan-io/portolan/core/policy"
	"github.com/portolan-io/portolan/core/query/querytest"
	"github.com/portolan-io/portolan/core/schema"
	"github.com/portolan-io/portolan/ports/repository"
)

func TestView(t *testing.T) {
	onEveryStore(t, func(t *testing.T, store repository.Store) {
		api := newBookshop(t, store, nil)
		stock(t, api)
		for _, tt := range []struct {
			name string
			who  policy.Principal
			req  core.ListRequest
			want string
		}{
			{"its fields in its order, of the rows of its own access", critic, core.ListRequest{},
				`[{"price":"One","number":1,"writer":"Ann"},{"price":"Two","number":2,"writer":"Bob"},{"price":"Three","number":3,"writer":"Ann"}]`},
			{"a filter on what is called like another field of the base", critic, core.ListRequest{Filter: "price eq 'Two'", Select: "price"}, `[{"price":"Two"}]`},
			{"an order and a projection", admin, core.ListRequest{OrderBy: "cost desc,price", Select: "cost,number", First: 2}, `[{"number":2,"cost":20.50},{"number":1,"cost":10.00}]`},
			{"ids", admin, core.ListRequest{IDs: []string{"5", "3"}, Select: "number"}, `[{"number":3},{"number":5}]`},
			{"lines", admin, core.ListRequest{Filter: "number gt 4", Format: ingest.NDJSON}, `{"price":"Five","number":5,"cost":null,"writer":null}` + "\n"},
			{"CSV", critic, core.ListRequest{Filter: "writer eq 'Bob'", Format: ingest.CSV}, "price,number,writer\r\nTwo,2,Bob\r\n"},
		} {
			t.Run(tt.name, func(t *testing.T) {
				page, err := api.List(t.Context(), tt.who, "shelf", tt.req)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(tt.want, string(page.Body)); diff != "" {
					t.Errorf("-want +got:\n%s", diff)
				}
			})
		}
		var exported bytes.Buffer
		rows, err := api.Export(t.Context(), admin, core.ExportRequest{
			Collection: "shelf", List: core.ListRequest{Filter: "number lt 2"}, Format: ingest.CSV, To: &exported,
		})
		if want := "price,number,cost,writer\r\nOne,1,10.00,Ann\r\n"; err != nil || rows != 1 || exported.String() != want {
			t.Errorf("exported %q, %v, want %q", exported.String(), err, want)
		}
	})
}

// A view tells nothing of what its base has beside it, and everything in its own
// names.
func TestViewRefuses(t *testing.T) {
	api := newBookshop(t, newStore(t), nil)
	stock(t, api)
	for _, req := range []core.ListRequest{
		{Filter: "title eq 'One'"}, {OrderBy: "id"}, {Select: "authorId"}, {Filter: "rival_id eq null"}, {OrderBy: "cost"},
	} {
		_, err := api.List(t.Context(), critic, "shelf", req)
		wantFault(t, err, fault.Invalid, "unknown-field")
		if hint := fault.Of(err).Hint; !strings.HasSuffix(hint, "the fields are price, number, writer") {
			t.Errorf("%+v is hinted at with %q", req, hint)
		}
	}
	_, err := api.List(t.Context(), critic, "shelf", core.ListRequest{Expand: "rival"})
	wantFault(t, err, fault.Invalid, "unknown-relation")
	page, err := api.List(t.Context(), admin, "books", core.ListRequest{First: 1, Select: "title"})
	if err != nil {
		t.Fatal(err)
	}
	_, err = api.List(t.Context(), admin, "shelf", core.ListRequest{First: 1, Select: "price", After: page.Next})
	wantFault(t, err, fault.Invalid, "bad-cursor")
	if _, err = api.Get(t.Context(), critic, "shelf", "5", core.GetRequest{}); fault.KindOf(err) != fault.NotFound {
		t.Errorf("a record that the view does not show: %v", err)
	}
}

func TestViewIsOnlyRead(t *testing.T) {
	api := newBookshop(t, newStore(t), nil)
	stock(t, api)
	body := []byte(`{"number":9}`)
	writes := map[string]func(who policy.Principal) error{
		"create": func(who policy.Principal) error {
			_, err := api.Create(t.Context(), who, "shelf", [][]byte{body}, core.How{})
			return err
		},
		"replace": func(who policy.Principal) error {
			_, err := api.Replace(t.Context(), who, "shelf", "9", body, core.How{})
			return err
		},
		"patch": func(who policy.Principal) error {
			_, err := api.Patch(t.Context(), who, "shelf", "1", body, core.How{})
			return err
		},
		"delete": func(who policy.Principal) error { return api.Delete(t.Context(), who, "shelf", "1", core.How{}) },
		"deleteMany": func(who policy.Principal) error {
			_, err := api.DeleteMany(t.Context(), who, "shelf", core.ListRequest{}, 9, core.How{})
			return err
		},
		"rows": func(who policy.Principal) error {
			_, err := api.Objects(t.Context(), who, "shelf", []byte("number\n9\n"))
			return err
		},
	}
	for name, write := range writes {
		for _, tt := range []struct {
			who  policy.Principal
			kind fault.Kind
			code string
			hint string
		}{
			{admin, fault.Invalid, "view-read-only", "write to books"},
			{operator, fault.Invalid, "view-read-only", "write to books"},
			{critic, fault.Invalid, "view-read-only", ""}, // who may not write books is not told of them
			{stranger, fault.Forbidden, "", ""},
		} {
			err := write(tt.who)
			if fault.KindOf(err) != tt.kind || tt.code != "" && fault.Of(err).Code != tt.code || fault.Of(err).Hint != tt.hint {
				t.Errorf("%s as %s: got %v, hint %q", name, tt.who.Subject, err, fault.Of(err).Hint)
			}
		}
	}
	for _, who := range []policy.Principal{admin, operator} {
		for _, d := range api.Collections(t.Context(), who) {
			if d.Collection.Name == "shelf" && (d.Rights[policy.Read] == nil || d.Rights[policy.Create] != nil) {
				t.Errorf("%s is told of the rights %v", who.Subject, d.Rights)
			}
		}
	}
	for _, c := range api.Schemas() {
		if c.Name == "shelf" {
			t.Error("the view is to be stored")
		}
	}
}

// What the base's records are told the view shows at once, also from the cache,
// and what two views show never passes for one another's.
func TestViewThroughTheCache(t *testing.T) {
	store := &tallied{Store: newStore(t)}
	api := newBookshop(t, store, newCache(t))
	stock(t, api)
	list := func(collection, selected string) (string, core.Cached) {
		t.Helper()
		page, err := api.List(t.Context(), admin, collection, core.ListRequest{First: 1, Select: selected, Count: true})
		if err != nil {
			t.Fatal(err)
		}
		groups, err := api.Aggregate(t.Context(), admin, collection, core.AggregateRequest{Apply: "groupby((" + selected + "))"})
		if err != nil || groups.Cache != page.Cache {
			t.Fatalf("the groups say %v, the page %v, %v", groups.Cache, page.Cache, err)
		}
		return string(page.Body), page.Cache
	}
	for _, tt := range []struct {
		collection, selected, want string
		cached                     core.Cached
	}{
		{"shelf", "price", `[{"price":"One"}]`, core.CacheMiss},
		{"books", "title", `[{"title":"One"}]`, core.CacheMiss},
		{"shelf", "price", `[{"price":"One"}]`, core.CacheHit},
		{"books", "title", `[{"title":"One"}]`, core.CacheHit},
		{"books", "price", `[{"price":10.00}]`, core.CacheMiss},
	} {
		if got, cached := list(tt.collection, tt.selected); got != tt.want || cached != tt.cached {
			t.Errorf("%s of %s: got %s, %v, want %s, %v", tt.selected, tt.collection, got, cached, tt.want, tt.cached)
		}
	}
	if _, err := api.Patch(t.Context(), admin, "books", "1", []byte(`{"title":"Uno"}`), core.How{}); err != nil {
		t.Fatal(err)
	}
	if got, cached := list("shelf", "price"); got != `[{"price":"Uno"}]` || cached != core.CacheMiss {
		t.Errorf("after the write: got %s, %v", got, cached)
	}
	one, err := api.Get(t.Context(), admin, "shelf", "1", core.GetRequest{})
	if err != nil || string(one.JSON) != `{"price":"Uno","number":1,"cost":10.00,"writer":"Ann"}` {
		t.Errorf("got %s, %v", one.JSON, err)
	}
}

// A view whose fields have other names and another order answers every filter and
// every order as its base does, page by page.
func TestViewAgreesWithItsBase(t *testing.T) {
	base := querytest.Collection()
	var fields []schema.ViewField
	for i := range base.Fields {
		f := base.Fields[len(base.Fields)-1-i].Name
		fields = append(fields, schema.ViewField{Name: "v_" + f, From: f})
	}
	view, err := base.View(schema.ViewSpec{Name: "seen", Fields: fields})
	if err != nil {
		t.Fatal(err)
	}
	for name, store := range map[string]repository.Store{"memory": newStore(t), "sqlite": newSQLite(t)} {
		api, err := core.New(core.Config{Store: store, Collections: []core.Collection{{Schema: base}, {Schema: view}}})
		if err != nil {
			t.Fatal(err)
		}
		if err := store.Ensure(t.Context(), api.Schemas()); err != nil {
			t.Fatal(err)
		}
		rng := rand.New(rand.NewPCG(3, 4))
		fill(t, store, base, rng, 150)
		found := 0
		for range 150 {
			filter := querytest.RandomExpr(rng, view)
			order := querytest.RandomOrder(rng, view)[0]
			req := core.ListRequest{Filter: filter.Text(view), OrderBy: view.Fields[order.Field].Name, First: 1 + rng.IntN(100), Long: true}
			asBase := req
			asBase.Filter = filter.Mapped(view.From).Text(base)
			asBase.OrderBy = base.Fields[view.From[order.Field]].Name
			got, err := api.List(t.Context(), operator, "seen", req)
			if err != nil {
				t.Fatalf("%s: %s: %v", name, req.Filter, err)
			}
			want, err := api.List(t.Context(), operator, base.Name, asBase)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(fmt.Sprint(column(t, want.Body, "id")), fmt.Sprint(column(t, got.Body, "v_id"))); diff != "" {
				t.Errorf("%s: %s by %s: -base +view:\n%s", name, req.Filter, req.OrderBy, diff)
			}
			found += got.Rows
		}
		if found < 500 {
			t.Errorf("%s: only %d rows were found", name, found)
		}
	}
}
