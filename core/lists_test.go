package core_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/portolan-io/portolan/core"
	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/policy"
	"github.com/portolan-io/portolan/core/query"
	"github.com/portolan-io/portolan/core/schema"
	"github.com/portolan-io/portolan/ports/repository"
)

func TestList(t *testing.T) {
	api := newAPI(t, newStore(t))
	for _, tt := range []struct {
		name string
		who  policy.Principal
		req  core.ListRequest
		want []any
	}{
		{"everything by id", nobody, core.ListRequest{}, []any{"A1", "A2", "A3", "A4"}},
		{"a filter", nobody, core.ListRequest{Filter: "category_id eq 12 and price lt 30"}, []any{"A1"}},
		{"null is a value", nobody, core.ListRequest{Filter: "stars ne 4"}, []any{"A1", "A3", "A4"}},
		{"an order with nulls", nobody, core.ListRequest{OrderBy: "stars desc"}, []any{"A1", "A2", "A4", "A3"}},
		{"ids", nobody, core.ListRequest{IDs: []string{"A4", "A1", "A9"}}, []any{"A1", "A4"}},
		{"no ids", nobody, core.ListRequest{IDs: []string{}}, []any{}},
		{"a hidden field to who may see it", acme, core.ListRequest{Filter: "cost gt 6"}, []any{"A1", "A2"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			page, err := api.List(t.Context(), tt.who, "products", tt.req)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, column(t, page.Body, "asin")); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if page.Rows != len(tt.want) || page.Count != -1 || page.Next != "" {
				t.Errorf("got %d rows, count %d, next %q", page.Rows, page.Count, page.Next)
			}
		})
	}
}

func TestListRefuses(t *testing.T) {
	api := newAPI(t, newStore(t))
	many := slices.Repeat([]string{"A1"}, core.MaxIDs+1)
	for _, tt := range []struct {
		name string
		req  core.ListRequest
		code string
	}{
		{"an unknown field", core.ListRequest{Filter: "prize gt 1"}, "unknown-field"},
		{"a hidden field in a filter", core.ListRequest{Filter: "cost gt 1"}, "unknown-field"},
		{"a hidden field in an order", core.ListRequest{OrderBy: "cost"}, "unknown-field"},
		{"a hidden field in a projection", core.ListRequest{Select: "cost"}, "unknown-field"},
		{"a page too large", core.ListRequest{First: core.MaxFirst + 1}, "bad-first"},
		{"a page below nothing", core.ListRequest{First: -1}, "bad-first"},
		{"too many ids", core.ListRequest{IDs: many}, "too-many-items"},
		{"a cursor that is none", core.ListRequest{After: "AAAA"}, "bad-cursor"},
		{"a cursor that is no base64", core.ListRequest{After: "%%"}, "bad-cursor"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := api.List(t.Context(), nobody, "products", tt.req)
			wantFault(t, err, fault.Invalid, tt.code)
		})
	}
}

// A hidden field must not be told from one that does not exist.
func TestHiddenFieldIsNoOracle(t *testing.T) {
	api := newAPI(t, newStore(t))
	for _, format := range []string{"%s gt 1", "%s eq null", "not (%s in (1))"} {
		_, hidden := api.List(t.Context(), nobody, "products", core.ListRequest{Filter: fmt.Sprintf(format, "cost")})
		_, absent := api.List(t.Context(), nobody, "products", core.ListRequest{Filter: fmt.Sprintf(format, "zzzz")})
		got := strings.ReplaceAll(fault.Of(hidden).Detail+fault.Of(hidden).Hint, "cost", "zzzz")
		if diff := cmp.Diff(fault.Of(absent).Detail+fault.Of(absent).Hint, got); diff != "" {
			t.Errorf("%s: -absent +hidden:\n%s", format, diff)
		}
	}
}

func TestRowPolicyNarrowsLists(t *testing.T) {
	api := newAPI(t, newStore(t))
	create(t, api, "notes", `{"owner":"acme","text":"a"}`, `{"owner":"bolt","text":"b"}`, `{"owner":"acme","text":"c"}`)
	for _, tt := range []struct {
		who  policy.Principal
		want int64
	}{{acme, 2}, {bolt, 1}, {stranger, 0}, {admin, 3}} {
		page, err := api.List(t.Context(), tt.who, "notes", core.ListRequest{Count: true})
		if err != nil {
			t.Fatal(err)
		}
		if page.Count != tt.want || int64(page.Rows) != tt.want {
			t.Errorf("%s: got %d of %d notes, want %d", tt.who.Subject, page.Rows, page.Count, tt.want)
		}
	}
}

func TestCursorIsBoundToItsQuery(t *testing.T) {
	api := newAPI(t, newStore(t))
	page, err := api.List(t.Context(), nobody, "products", core.ListRequest{First: 2, OrderBy: "price"})
	if err != nil || page.Next == "" {
		t.Fatalf("got next %q, error %v", page.Next, err)
	}
	next, err := api.List(t.Context(), nobody, "products", core.ListRequest{First: 1, OrderBy: "price", After: page.Next})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]any{"A1"}, column(t, next.Body, "asin")); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	flipped := []byte(page.Next)
	flipped[len(flipped)-1] ^= 1
	for name, attempt := range map[string]struct {
		who policy.Principal
		req core.ListRequest
	}{
		"another order":      {nobody, core.ListRequest{OrderBy: "title", After: page.Next}},
		"another filter":     {nobody, core.ListRequest{OrderBy: "price", Filter: "price gt 1", After: page.Next}},
		"another projection": {nobody, core.ListRequest{OrderBy: "price", Select: "asin", After: page.Next}},
		"another caller":     {admin, core.ListRequest{OrderBy: "price", After: page.Next}},
		"another octet":      {nobody, core.ListRequest{OrderBy: "price", After: string(flipped)}},
	} {
		_, err := api.List(t.Context(), attempt.who, "products", attempt.req)
		if fault.KindOf(err) != fault.Invalid {
			t.Errorf("%s: got %v, want %q", name, err, fault.Invalid)
		}
	}
}

// TestCursorKeys follows a page by a cursor of a key that counts no longer, and finds no
// page with one of it in a cache that both keys share.
func TestCursorKeys(t *testing.T) {
	store, shared := newStore(t), newCache(t)
	newAPI(t, store)
	with := func(key string, others ...[]byte) *core.API {
		return readingThrough(t, store, shared, core.Caching{Class: core.Strict}, clock(), func(c *core.Config) {
			c.CursorKey, c.CursorKeys = []byte(key), others
		})
	}
	req := core.ListRequest{First: 2, OrderBy: "price"}
	list := func(api *core.API, after string) (core.Page, error) {
		req := req
		req.After = after
		return api.List(t.Context(), nobody, "products", req)
	}
	old, err := list(with("first"), "")
	if err != nil || old.Next == "" {
		t.Fatalf("got next %q, error %v", old.Next, err)
	}
	for range 2 { // the second is answered from the cache
		young, err := list(with("second", []byte("first")), "")
		if err != nil || young.Next == old.Next {
			t.Errorf("got %q, %v; want a cursor of the new key", young.Next, err)
		}
		if _, err := list(with("second"), young.Next); err != nil {
			t.Errorf("a cursor of the new key: %v", err)
		}
	}
	if next, err := list(with("second", []byte("third"), []byte("first")), old.Next); err != nil || next.Rows == 0 {
		t.Errorf("a cursor of a key that is accepted: %d rows, %v", next.Rows, err)
	}
	_, err = list(with("second", []byte("third")), old.Next)
	wantFault(t, err, fault.Invalid, "bad-cursor")
}

// A cursor that would not fit into a URL is refused where the page ends.
func TestCursorFitsIntoAURL(t *testing.T) {
	texts := collection(t, schema.Spec{Name: "texts", ID: "id", Fields: []schema.FieldSpec{
		{Name: "id", Type: "int"}, {Name: "text", Type: "string"},
	}}, all("admin", ""))
	store := newStore(t)
	api, err := core.New(core.Config{Store: store, Collections: []core.Collection{texts}})
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Ensure(t.Context(), api.Schemas()); err != nil {
		t.Fatal(err)
	}
	long := strings.Repeat("long ", 2000)
	create(t, api, "texts", fmt.Sprintf(`{"id":1,"text":%q}`, long), fmt.Sprintf(`{"id":2,"text":%q}`, long))
	_, err = api.List(t.Context(), admin, "texts", core.ListRequest{First: 1, OrderBy: "text"})
	wantFault(t, err, fault.Refused, "cursor-too-long")
	if page, err := api.List(t.Context(), admin, "texts", core.ListRequest{First: 1}); err != nil || page.Next == "" {
		t.Errorf("by id: next %q, %v", page.Next, err)
	}
}

// weak is a store that serves equality on the category alone, as one would that
// has no index for anything else.
type weak struct{ repository.Store }

func (s weak) Capabilities() repository.Capabilities {
	capabilities := s.Store.Capabilities()
	capabilities.Split = func(q query.Query) (native, rest query.Expr, err error) {
		if field := q.Collection.Fields[q.Order[0].Field].Name; field == "title" {
			return native, rest, fault.New(fault.Refused, "weak.Split", "weak has no index to order by %s", field).Coded("query-needs-index")
		}
		kids := []query.Expr{q.Filter}
		if q.Filter.Op == query.And {
			kids = q.Filter.Kids
		}
		var served, left []query.Expr
		for _, kid := range kids {
			if kid.Op == query.Eq && q.Collection.Fields[kid.Field].Name == "category_id" {
				served = append(served, kid)
			} else {
				left = append(left, kid)
			}
		}
		return query.AllOf(served...), query.AllOf(left...), nil
	}
	return capabilities
}

// A store that cannot filter gives the same records as one that can, in the
// same order, in pages that may be short.
func TestCoreCompletesWhatAStoreCannot(t *testing.T) {
	strong, weakened := newAPI(t, newStore(t)), newAPI(t, weak{newStore(t)})
	random := rand.New(rand.NewPCG(1, 2))
	for i := range 200 {
		body := fmt.Sprintf(`{"asin":"R%03d","title":"thing %d","stars":%d,"category_id":%d}`,
			i, random.IntN(20), random.IntN(6), []int{12, 91}[random.IntN(2)])
		create(t, strong, "products", body)
		create(t, weakened, "products", body)
	}
	for _, filter := range []string{
		"", "stars eq 5", "category_id eq 12 and stars ge 4", "contains(title, '7')", "not (stars lt 5)",
		"category_id eq 91 and (endswith(title, '1') or stars eq null)", "stars gt 5",
	} {
		for _, order := range []string{"", "stars desc", "category_id,asin desc"} {
			want, _ := readAll(t, strong, core.ListRequest{Filter: filter, OrderBy: order, First: 7})
			got, _ := readAll(t, weakened, core.ListRequest{Filter: filter, OrderBy: order, First: 7})
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%q by %q: -strong +weak:\n%s", filter, order, diff)
			}
		}
	}
}

func TestScanIsBounded(t *testing.T) {
	api := newAPI(t, weak{newStore(t)})
	for i := range 120 { // max_scan is 50
		create(t, api, "products", fmt.Sprintf(`{"asin":"R%03d","title":"thing","stars":1,"category_id":12}`, i))
	}
	create(t, api, "products", `{"asin":"Z","title":"last","stars":2,"category_id":12}`)
	rows, pages := readAll(t, api, core.ListRequest{Filter: "stars eq 2"})
	if diff := cmp.Diff([]any{"Z"}, rows); diff != "" || pages < 3 {
		t.Errorf("in %d pages: -want +got:\n%s", pages, diff)
	}
	_, err := api.List(t.Context(), nobody, "products", core.ListRequest{Filter: "stars eq 2", Count: true})
	wantFault(t, err, fault.Refused, "query-needs-index")
	_, err = api.List(t.Context(), nobody, "products", core.ListRequest{OrderBy: "title"})
	wantFault(t, err, fault.Refused, "query-needs-index")
	page, err := api.List(t.Context(), nobody, "products", core.ListRequest{Filter: "category_id eq 12", Count: true})
	if err != nil || page.Count != 123 {
		t.Errorf("what the store counts itself: got %d, error %v, want 123", page.Count, err)
	}
	page, err = api.List(t.Context(), nobody, "products", core.ListRequest{Filter: "category_id eq 91 and stars eq 3", Count: true})
	if err != nil || page.Count != 1 {
		t.Errorf("what a scan within its bound counts: got %d, error %v, want 1", page.Count, err)
	}
}

// readAll follows the pages of a list to its end.
func readAll(t *testing.T, api *core.API, req core.ListRequest) (ids []any, pages int) {
	t.Helper()
	for range 1000 {
		page, err := api.List(t.Context(), nobody, "products", req)
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, column(t, page.Body, "asin")...)
		pages++
		if req.After = page.Next; req.After == "" {
			return ids, pages
		}
	}
	t.Fatal("the list does not end")
	return nil, 0
}
