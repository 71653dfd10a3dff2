package core_test

import (
	"bytes"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/portolan-io/portolan/core"
	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/policy"
)

// said is all that an answer tells, but for the cursor, which is each API's own.
func said(body []byte, variant string, count int64, more bool, err error) string {
	code := ""
	if err != nil {
		code = fault.Of(err).Code
	}
	return fmt.Sprintf("%s %s %d %t %s", body, variant, count, more, code)
}

// TestPreparedIsNobodyElses: what one caller's request came to is used for another's
// only if it comes to the same. Whatever was asked before, an answer is the one of
// an API that was asked nothing before.
func TestPreparedIsNobodyElses(t *testing.T) {
	lists := []core.ListRequest{
		{}, {First: 2}, {First: 2, Count: true}, {Count: true}, {Select: "asin"}, {Filter: "stars ge 4"}, {OrderBy: "stars ge 4"},
		{OrderBy: "price desc"}, {Filter: "cost lt 10"}, {OrderBy: "cost"}, {Select: "cost"}, {Select: "asin,seller"},
		{IDs: []string{"A1"}}, {IDs: []string{"A2"}}, {IDs: []string{}}, {Format: "ndjson"}, {Format: "csv"},
		{Filter: "price gt 10", OrderBy: "price"}, {Filter: "price gt 10", OrderBy: "price desc"},
		{Filter: strings.Repeat(" ", 2000) + "stars ge 4"}, {Filter: "stars ge"},
	}
	gets := []core.GetRequest{{}, {Select: "asin"}, {Select: "cost"}, {Select: "seller,asin"}}
	everybody := []policy.Principal{nobody, acme, bolt, clerk, admin, stranger, operator}
	ask := func(api *core.API, who policy.Principal, collection string, list int, get int) string {
		if get >= 0 {
			r, err := api.Get(t.Context(), who, collection, "A1", gets[get])
			return said(r.JSON, r.Variant, 0, false, err)
		}
		p, err := api.List(t.Context(), who, collection, lists[list])
		if err != nil {
			p.Count = 0
		}
		return said(p.Body, "", p.Count, p.Next != "", err)
	}
	fresh := func() *core.API {
		api := newAPI(t, newStore(t))
		for _, who := range []policy.Principal{acme, bolt} {
			note := fmt.Sprintf(`{"owner":%q,"text":"of %s"}`, who.Subject, who.Subject)
			if _, err := api.Create(t.Context(), who, "notes", [][]byte{[]byte(note)}, core.How{}); err != nil {
				t.Fatal(err)
			}
		}
		return api
	}
	asked := fresh()
	for list := range lists {
		for _, who := range everybody {
			alone := fresh()
			if got, want := ask(asked, who, "products", list, -1), ask(alone, who, "products", list, -1); got != want {
				t.Errorf("%s asks for %+v and gets\n%s\nwant\n%s", who.Subject, lists[list], got, want)
			}
		}
	}
	for get := range gets {
		for _, who := range everybody {
			if got, want := ask(asked, who, "products", 0, get), ask(fresh(), who, "products", 0, get); got != want {
				t.Errorf("%s asks for %+v and gets\n%s\nwant\n%s", who.Subject, gets[get], got, want)
			}
		}
	}
	for _, who := range []policy.Principal{acme, bolt, acme, admin, bolt} {
		page, err := asked.List(t.Context(), who, "notes", core.ListRequest{})
		if err != nil {
			t.Fatal(err)
		}
		for _, other := range []policy.Principal{acme, bolt} {
			sees := bytes.Contains(page.Body, []byte("of "+other.Subject))
			if want := who.Subject == other.Subject || who.Subject == admin.Subject; sees != want {
				t.Errorf("%s sees the note of %s: %t, want %t", who.Subject, other.Subject, sees, want)
			}
		}
	}
}

// TestPreparedPages: a prepared request is shared by those who ask for its pages at
// the same time, and none of them changes it.
func TestPreparedPages(t *testing.T) {
	api := newAPI(t, newStore(t))
	request := core.ListRequest{OrderBy: "price", First: 1, Filter: "stars ge 3 or category_id eq 91"}
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			for range 20 {
				var titles []string
				next := request
				for {
					page, err := api.List(t.Context(), admin, "products", next)
					if err != nil {
						t.Error(err)
						return
					}
					titles = append(titles, string(page.Body[:20]))
					if next.After = page.Next; next.After == "" {
						break
					}
				}
				if len(titles) != 4 || titles[0] != `[{"asin":"A4","title` {
					t.Errorf("the pages begin with %q", titles)
				}
			}
		})
	}
	group.Wait()
}

// TestPreparedIsBounded asks for more than is kept, and then for the first again.
func TestPreparedIsBounded(t *testing.T) {
	api := newAPI(t, newStore(t))
	for i := range 2500 {
		for _, filter := range []string{fmt.Sprintf("price gt %d", i), "price gt 10"} {
			page, err := api.List(t.Context(), admin, "products", core.ListRequest{Filter: filter})
			if err != nil {
				t.Fatal(err)
			}
			if filter == "price gt 10" && page.Rows != 3 {
				t.Fatalf("after %d requests %s finds %d records, want 3", i, filter, page.Rows)
			}
		}
	}
}
