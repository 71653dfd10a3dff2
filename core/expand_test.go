package core_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/portolan-io/portolan/core"
	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/ingest"
	"github.com/portolan-io/portolan/core/policy"
	"github.com/portolan-io/portolan/ports/repository"
)

func TestExpand(t *testing.T) {
	onEveryStore(t, func(t *testing.T, store repository.Store) {
		api := newBookshop(t, store, nil)
		stock(t, api)
		for _, tt := range []struct {
			name       string
			who        policy.Principal
			collection string
			req        core.ListRequest
			want       string
		}{
			{"whole records, null where there is none", admin, "books", core.ListRequest{Select: "id", Expand: "author"},
				`[{"id":1,"author":{"name":"Ann","alive":true,"note":"kind"}},{"id":2,"author":{"name":"Bob","alive":false,"note":null}},` +
					`{"id":3,"author":{"name":"Ann","alive":true,"note":"kind"}},{"id":4,"author":null},{"id":5,"author":null}]`},
			{"what the caller may read of them", critic, "books", core.ListRequest{Select: "id", Expand: "author", First: 3},
				`[{"id":1,"author":{"name":"Ann","alive":true}},{"id":2,"author":null},{"id":3,"author":{"name":"Ann","alive":true}}]`},
			{"in declared order, by names of their own", admin, "books", core.ListRequest{Select: "title", Filter: "id eq 2", Expand: " before ,author"},
				`[{"title":"Two","author":{"name":"Bob","alive":false,"note":null},"before":{"id":1,"title":"One","authorId":"Ann","sequel_to":null,"rival_id":"Bob","price":10.00}}]`},
			{"two to one collection", admin, "books", core.ListRequest{Select: "id", Filter: "id eq 1", Expand: "author,rival"},
				`[{"id":1,"author":{"name":"Ann","alive":true,"note":"kind"},"rival":{"name":"Bob","alive":false,"note":null}}]`},
			{"by an order and a filter", nobody, "books", core.ListRequest{Select: "id", OrderBy: "price desc", Filter: "sequel_to ne null", First: 1, Expand: "before"},
				`[{"id":2,"before":{"id":1,"title":"One","authorId":"Ann","sequel_to":null,"price":10.00}}]`},
			{"of a view", critic, "shelf", core.ListRequest{Select: "price", Expand: "author", Filter: "number eq 1"},
				`[{"price":"One","author":{"name":"Ann","alive":true}}]`},
			{"of nothing", admin, "books", core.ListRequest{Filter: "id eq 0", Expand: "author"}, `[]`},
		} {
			t.Run(tt.name, func(t *testing.T) {
				page, err := api.List(t.Context(), tt.who, tt.collection, tt.req)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(tt.want, string(page.Body)); diff != "" {
					t.Errorf("-want +got:\n%s", diff)
				}
				if page.Cache != core.CacheNone {
					t.Errorf("the cache says %v", page.Cache)
				}
			})
		}
	})
}

// What is hidden is not told from what is not there: neither a relation whose
// field is, nor one to a collection that the caller may not read.
func TestExpandRefuses(t *testing.T) {
	api := newBookshop(t, newStore(t), nil)
	for _, tt := range []struct {
		name   string
		who    policy.Principal
		req    core.ListRequest
		code   string
		detail string
	}{
		{"unknown", admin, core.ListRequest{Expand: "publisher"}, "unknown-relation", "the relations are author, before, rival"},
		{"hidden", critic, core.ListRequest{Expand: "rival"}, "unknown-relation", "the relations are author, before"},
		{"unreadable", nobody, core.ListRequest{Expand: "author"}, "unknown-relation", "the relations are before"},
		{"the field", admin, core.ListRequest{Expand: "authorId"}, "unknown-relation", "the relations are author, before, rival"},
		{"one of two", admin, core.ListRequest{Expand: "author,"}, "unknown-relation", "the relations are author, before, rival"},
		{"all", admin, core.ListRequest{Expand: "*"}, "unknown-relation", "the relations are author, before, rival"},
		{"twice", admin, core.ListRequest{Expand: "author,author"}, "syntax", ""},
		{"nested as OData has it", admin, core.ListRequest{Expand: "before($expand=author)"}, "nested-expand", "as in $expand=category; ask for what is related to them by a request of its own"},
		{"nested as paths", admin, core.ListRequest{Expand: "before/author"}, "nested-expand", "as in $expand=category; ask for what is related to them by a request of its own"},
		{"long", admin, core.ListRequest{Expand: strings.Repeat("a", 5000)}, "too-long", ""},
		{"CSV", admin, core.ListRequest{Expand: "author", Format: ingest.CSV}, "expand-csv", "ask for JSON or NDJSON"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := api.List(t.Context(), tt.who, "books", tt.req)
			wantFault(t, err, fault.Invalid, tt.code)
			if hint := fault.Of(err).Hint; hint != tt.detail {
				t.Errorf("got hint %q, want %q", hint, tt.detail)
			}
		})
	}
	_, hidden := api.Get(t.Context(), critic, "books", "1", core.GetRequest{Expand: "rival"})
	_, absent := api.Get(t.Context(), critic, "books", "1", core.GetRequest{Expand: "livar"})
	if got, want := strings.ReplaceAll(fault.Of(hidden).Detail, "rival", "livar")+fault.Of(hidden).Hint, fault.Of(absent).Detail+fault.Of(absent).Hint; got != want {
		t.Errorf("a hidden relation is told as %q, one that does not exist as %q", got, want)
	}
}

// The tag of a record with others in it changes when these do, and its revision
// when it does itself.
func TestExpandedTag(t *testing.T) {
	api := newBookshop(t, newStore(t), nil)
	stock(t, api)
	get := func(req core.GetRequest) core.Result {
		t.Helper()
		result, err := api.Get(t.Context(), admin, "books", "1", req)
		if err != nil {
			t.Fatal(err)
		}
		return result
	}
	expanded := core.GetRequest{Select: "title", Expand: "author"}
	plain, before := get(core.GetRequest{Select: "title"}), get(expanded)
	if again := get(expanded); again.Variant != before.Variant || before.Variant == plain.Variant || before.Revision != plain.Revision {
		t.Errorf("got the tags %s.%s, %s.%s and %s.%s", plain.Revision, plain.Variant, before.Revision, before.Variant, again.Revision, again.Variant)
	}
	if _, err := api.Patch(t.Context(), admin, "authors", "Ann", []byte(`{"note":"kinder"}`), core.How{}); err != nil {
		t.Fatal(err)
	}
	if after := get(expanded); after.Variant == before.Variant || after.Revision != before.Revision {
		t.Errorf("the author changed, and the tag went from %s.%s to %s.%s", before.Revision, before.Variant, after.Revision, after.Variant)
	}
	if _, err := api.Get(t.Context(), admin, "books", "77", expanded); fault.KindOf(err) != fault.NotFound {
		t.Errorf("a book that is not there: %v", err)
	}
}

// A page asks the store once for each relation, however many rows it has, and a
// page whose octets are too many ends early and goes on.
func TestExpandReadsAtOnceAndWithinBounds(t *testing.T) {
	store := &tallied{Store: newStore(t)}
	api := newBookshop(t, store, nil)
	long := strings.Repeat("x", 900_000)
	var bodies []string
	for i := range 12 {
		create(t, api, "authors", fmt.Sprintf(`{"name":"A%02d","alive":%t,"note":"%s"}`, i, i%2 == 0, long))
		bodies = append(bodies, fmt.Sprintf(`{"id":%d,"authorId":"A%02d","rival_id":"A%02d"}`, i+1, i, 11-i))
	}
	create(t, api, "books", bodies...)
	store.gets.Store(0)
	page, err := api.List(t.Context(), critic, "books", core.ListRequest{Expand: "author"})
	if err != nil || page.Rows != 12 || store.gets.Load() != 1 {
		t.Fatalf("got %d rows with %d Gets, %v", page.Rows, store.gets.Load(), err)
	}
	var ids []any
	req := core.ListRequest{Expand: "author,rival", Select: "id"}
	for pages := 1; ; pages++ {
		page, err := api.List(t.Context(), admin, "books", req)
		if err != nil {
			t.Fatal(err)
		}
		if len(page.Body) > repository.MaxPageBytes+2_000_000 {
			t.Errorf("a page has %d octets", len(page.Body))
		}
		ids = append(ids, column(t, page.Body, "id")...)
		if req.After = page.Next; req.After == "" {
			if pages < 4 {
				t.Errorf("all was on %d pages", pages)
			}
			break
		}
	}
	if len(ids) != 12 || ids[11] != 12.0 {
		t.Errorf("got %v", ids)
	}
}

// Related records come from their own entries in the cache, which Get fills too,
// and are never older than the last write.
func TestExpandThroughTheCache(t *testing.T) {
	store := &tallied{Store: newStore(t)}
	api := newBookshop(t, store, newCache(t))
	stock(t, api)
	list := func() string {
		t.Helper()
		page, err := api.List(t.Context(), critic, "books", core.ListRequest{Select: "id", Expand: "author", First: 3})
		if err != nil {
			t.Fatal(err)
		}
		return string(page.Body)
	}
	if _, err := api.Get(t.Context(), critic, "authors", "Ann", core.GetRequest{}); err != nil {
		t.Fatal(err)
	}
	first := list()
	store.gets.Store(0)
	if second := list(); second != first || store.gets.Load() != 0 {
		t.Errorf("the second time took %d Gets:\n%s\n%s", store.gets.Load(), first, second)
	}
	if _, err := api.Patch(t.Context(), admin, "authors", "Bob", []byte(`{"alive":true}`), core.How{}); err != nil {
		t.Fatal(err)
	}
	if err := api.Delete(t.Context(), admin, "authors", "Ann", core.How{}); err != nil {
		t.Fatal(err)
	}
	want := `[{"id":1,"author":null},{"id":2,"author":{"name":"Bob","alive":true}},{"id":3,"author":null}]`
	for range 2 {
		if diff := cmp.Diff(want, list()); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
	}
}
