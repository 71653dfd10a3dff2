package core_test

import (
	"context"
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

// What a list answers as CSV, or as lines, makes the same records when it is sent
// to another collection of the same fields, whatever they hold.
func TestListsAreCreatedFromAgain(t *testing.T) {
	c := querytest.Collection()
	store, other := newStore(t), newStore(t)
	apis := make([]*core.API, 2)
	for i, s := range []repository.Store{store, other} {
		api, err := core.New(core.Config{Store: s, Collections: []core.Collection{{Schema: c}}})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Ensure(t.Context(), api.Schemas()); err != nil {
			t.Fatal(err)
		}
		apis[i] = api
	}
	fill(t, store, c, rand.New(rand.NewPCG(5, 6)), core.MaxCreate)
	list := func(api *core.API, format ingest.Format) []byte {
		t.Helper()
		page, err := api.List(t.Context(), operator, c.Name, core.ListRequest{First: core.MaxFirst, Format: format})
		if err != nil || page.Rows != core.MaxCreate {
			t.Fatalf("got %d rows, %v", page.Rows, err)
		}
		return page.Body
	}
	objects, err := apis[0].Objects(t.Context(), operator, c.Name, list(apis[0], ingest.CSV))
	if err != nil {
		t.Fatal(err)
	}
	bodies := make([][]byte, len(objects))
	for i := range objects {
		bodies[i] = objects[i].JSON
	}
	if _, err := apis[1].Create(t.Context(), operator, c.Name, bodies, core.How{}); err != nil {
		t.Fatal(err)
	}
	for _, format := range []ingest.Format{"", ingest.NDJSON, ingest.CSV} {
		if diff := cmp.Diff(string(list(apis[0], format)), string(list(apis[1], format))); diff != "" {
			t.Errorf("as %q: -first +second:\n%s", format, diff)
		}
	}
	if lines := strings.Split(strings.TrimSuffix(string(list(apis[0], ingest.NDJSON)), "\n"), "\n"); "["+strings.Join(lines, ",")+"]" != string(list(apis[0], "")) {
		t.Error("the lines are not the records of the array")
	}
}

func TestFormatsHaveTagsOfTheirOwn(t *testing.T) {
	api := newAPI(t, newStore(t))
	tags := make(map[string]ingest.Format)
	for _, format := range []ingest.Format{"", ingest.NDJSON, ingest.CSV} {
		for _, req := range []core.ListRequest{{}, {Filter: "price lt 0"}} {
			req.Format = format
			page, err := api.List(t.Context(), nobody, "products", req)
			if err != nil {
				t.Fatal(err)
			}
			if other, twice := tags[page.Tag]; twice {
				t.Errorf("%q and %q have one tag", format, other)
			}
			tags[page.Tag] = format
		}
	}
	for _, ask := range []func(context.Context) error{
		func(ctx context.Context) error {
			_, err := api.List(ctx, nobody, "products", core.ListRequest{Format: "xml"})
			return err
		},
		func(ctx context.Context) error {
			_, err := api.Aggregate(ctx, nobody, "products", core.AggregateRequest{Apply: "aggregate($count as n)", Format: "xml"})
			return err
		},
	} {
		wantFault(t, ask(t.Context()), fault.Invalid, "unknown-format")
	}
}

// A page of CSV ends where one of JSON does, however few octets its cells have.
func TestPagesOfCSVAreBounded(t *testing.T) {
	api := newBookshop(t, newStore(t), nil)
	long := strings.Repeat("x", 900_000)
	for i := range 6 {
		create(t, api, "authors", fmt.Sprintf(`{"name":"A%d","note":"%s"}`, i, long))
	}
	page, err := api.List(t.Context(), admin, "authors", core.ListRequest{Format: ingest.CSV})
	if err != nil || page.Next == "" || len(page.Body) > repository.MaxPageBytes+1_000_000 {
		t.Errorf("got %d octets, next %q, %v", len(page.Body), page.Next, err)
	}
}

// Neither the header of CSV nor what is wrong with one tells of hidden fields.
func TestHiddenFieldsAreNoColumns(t *testing.T) {
	secret := collection(t, schema.Spec{Name: "secrets", ID: "id", Fields: []schema.FieldSpec{
		{Name: "id", Type: "int"}, {Name: "open", Type: "string"}, {Name: "closed", Type: "string"},
	}}, all("writer", "", "closed"))
	store := newStore(t)
	api, err := core.New(core.Config{Store: store, Collections: []core.Collection{secret}})
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Ensure(t.Context(), api.Schemas()); err != nil {
		t.Fatal(err)
	}
	writer := policy.Principal{Issuer: "test", Subject: "w", Roles: []string{"writer"}}
	_, hidden := api.Objects(t.Context(), writer, "secrets", []byte("id,closed\n1,x\n"))
	_, absent := api.Objects(t.Context(), writer, "secrets", []byte("id,nosuch\n1,x\n"))
	wantFault(t, hidden, fault.Invalid, "bad-header")
	got := strings.ReplaceAll(fmt.Sprint(fault.Of(hidden).Places), "closed", "nosuch")
	if diff := cmp.Diff(fmt.Sprint(fault.Of(absent).Places), got); diff != "" {
		t.Errorf("-absent +hidden:\n%s", diff)
	}
	page, err := api.List(t.Context(), writer, "secrets", core.ListRequest{Format: ingest.CSV})
	if err != nil || string(page.Body) != "id,open\r\n" {
		t.Errorf("got %q, %v", page.Body, err)
	}
}
