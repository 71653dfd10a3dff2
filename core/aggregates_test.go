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

func TestAggregate(t *testing.T) {
	onEveryStore(t, func(t *testing.T, store repository.Store) {
		api := newBookshop(t, store, nil)
		stock(t, api)
		for _, tt := range []struct {
			name       string
			who        policy.Principal
			collection string
			apply      string
			format     ingest.Format
			want       string
		}{
			{"one group of all", admin, "books", "aggregate($count as n,price with sum as sum,price with average as mean,price with min as least,price with max as most)", "",
				`[{"n":5,"sum":32.25,"mean":10.75,"least":1.75,"most":20.50}]`},
			{"null is a key, and comes first", admin, "books", "groupby((authorId),aggregate($count as n,price with sum as sum))", "",
				`[{"authorId":null,"n":1,"sum":null},{"authorId":"Ann","n":2,"sum":10.00},{"authorId":"Bob","n":1,"sum":20.50},{"authorId":"nobody","n":1,"sum":1.75}]`},
			{"by two fields", admin, "books", "filter(id le 3)/groupby((authorId,rival_id),aggregate(id with max as last))", "",
				`[{"authorId":"Ann","rival_id":null,"last":3},{"authorId":"Ann","rival_id":"Bob","last":1},{"authorId":"Bob","rival_id":null,"last":2}]`},
			{"of nothing", admin, "books", "filter(id gt 9)/aggregate($count as n,price with sum as sum)", "", `[{"n":0,"sum":null}]`},
			{"no groups of nothing", admin, "books", "filter(id gt 9)/groupby((id))", "", `[]`},
			{"of the rows of a policy", critic, "authors", "groupby((alive),aggregate($count as n))", "", `[{"alive":true,"n":2}]`},
			{"as lines", admin, "books", "filter(id lt 3)/groupby((id))", ingest.NDJSON, "{\"id\":1}\n{\"id\":2}\n"},
			{"as CSV", admin, "books", "groupby((title),aggregate(price with sum as sum))", ingest.CSV, "title,sum\r\nFive,\r\nFour,1.75\r\nOne,10.00\r\nThree,\r\nTwo,20.50\r\n"},
			{"of a view, by its names", admin, "shelf", "filter(cost gt 5)/groupby((writer),aggregate(number with max as price,cost with sum as total))", "",
				`[{"writer":"Ann","price":1,"total":10.00},{"writer":"Bob","price":2,"total":20.50}]`},
			{"of a view's rows", critic, "shelf", "aggregate($count as n)", "", `[{"n":3}]`},
		} {
			t.Run(tt.name, func(t *testing.T) {
				page, err := api.Aggregate(t.Context(), tt.who, tt.collection, core.AggregateRequest{Apply: tt.apply, Format: tt.format})
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(tt.want, string(page.Body)); diff != "" {
					t.Errorf("-want +got:\n%s", diff)
				}
				if page.Next != "" || page.Count != -1 || page.Tag == "" {
					t.Errorf("got next %q, count %d, tag %q", page.Next, page.Count, page.Tag)
				}
			})
		}
	})
}

func TestAggregateRefuses(t *testing.T) {
	onEveryStore(t, func(t *testing.T, store repository.Store) {
		api := newBookshop(t, store, nil)
		create(t, api, "books", `{"id":1,"price":9999999999999999.99}`, `{"id":2,"price":9999999999999999.99}`)
		for i := range 9 {
			create(t, api, "books", fmt.Sprintf(`{"id":%d,"price":9999999999999999.99}`, i+3))
		}
		for _, tt := range []struct {
			name       string
			who        policy.Principal
			collection string
			apply      string
			kind       fault.Kind
			code       string
		}{
			{"nothing", admin, "books", "", fault.Invalid, "no-apply"},
			{"blanks", admin, "books", "  ", fault.Invalid, "no-apply"},
			{"an unknown function", admin, "books", "aggregate(price with median as m)", fault.Invalid, "unknown-operator"},
			{"an unknown field", admin, "books", "aggregate(prize with sum as m)", fault.Invalid, "unknown-field"},
			{"a hidden field", critic, "books", "aggregate(rival_id with max as m)", fault.Invalid, "unknown-field"},
			{"a hidden field in the filter", critic, "books", "filter(rival_id eq null)/aggregate($count as n)", fault.Invalid, "unknown-field"},
			{"a hidden field to group by", critic, "authors", "groupby((note))", fault.Invalid, "unknown-field"},
			{"a field that only the base has", admin, "shelf", "groupby((id))", fault.Invalid, "unknown-field"},
			{"a field twice", admin, "books", "groupby((id,id))", fault.Invalid, "syntax"},
			{"the name of a group", admin, "books", "groupby((id),aggregate($count as id))", fault.Invalid, "syntax"},
			{"too long", admin, "books", "filter(title eq '" + strings.Repeat("x", 5000) + "')/aggregate($count as n)", fault.Invalid, "too-long"},
			{"an overflow", admin, "books", "aggregate(price with sum as s)", fault.Refused, "overflow"},
			{"what may not be read", nobody, "authors", "aggregate($count as n)", fault.Unauthenticated, ""},
			{"a collection that is not there", admin, "_keys", "aggregate($count as n)", fault.NotFound, ""},
		} {
			t.Run(tt.name, func(t *testing.T) {
				_, err := api.Aggregate(t.Context(), tt.who, tt.collection, core.AggregateRequest{Apply: tt.apply})
				wantFault(t, err, tt.kind, tt.code)
			})
		}
		_, err := api.Aggregate(t.Context(), admin, "shelf", core.AggregateRequest{Apply: "aggregate(cost with sum as total)"})
		wantFault(t, err, fault.Refused, "overflow")
		if detail := fault.Of(err).Detail; !strings.Contains(detail, "total") || strings.Contains(detail, "price") {
			t.Errorf("the overflow of a view is told as %q", detail)
		}
	})
}

func TestAggregateOfTooManyGroups(t *testing.T) {
	for name, store := range map[string]repository.Store{"memory": newStore(t), "sqlite": newSQLite(t)} {
		api := newBookshop(t, store, nil)
		for begin := 0; begin <= 1000; begin += 200 {
			var bodies []string
			for i := begin; i < min(begin+200, 1001); i++ {
				bodies = append(bodies, fmt.Sprintf(`{"id":%d}`, i+1))
			}
			create(t, api, "books", bodies...)
		}
		page, err := api.Aggregate(t.Context(), admin, "books", core.AggregateRequest{Apply: "filter(id le 1000)/groupby((id))"})
		if err != nil || page.Rows != 1000 {
			t.Errorf("%s: got %d groups, %v", name, page.Rows, err)
		}
		_, err = api.Aggregate(t.Context(), admin, "books", core.AggregateRequest{Apply: "groupby((id))"})
		wantFault(t, err, fault.Refused, "too-many-groups")
	}
}

// What the store cannot filter is computed from a scan, which is bounded.
func TestAggregateScanIsBounded(t *testing.T) {
	api := newBookshop(t, weak{newStore(t)}, nil)
	var bodies []string
	for i := range 51 {
		bodies = append(bodies, fmt.Sprintf(`{"id":%d,"title":"t","price":1}`, i+1))
	}
	create(t, api, "books", bodies[:50]...)
	for i, collection := range []string{"books", "shelf"} {
		title := []string{"title", "price"}[i]
		page, err := api.Aggregate(t.Context(), admin, collection, core.AggregateRequest{Apply: "filter(" + title + " eq 't')/aggregate($count as n)"})
		if err != nil || string(page.Body) != `[{"n":50}]` {
			t.Errorf("%s: got %s, %v", collection, page.Body, err)
		}
	}
	create(t, api, "books", bodies[50])
	for i, collection := range []string{"books", "shelf"} {
		title := []string{"title", "price"}[i]
		_, err := api.Aggregate(t.Context(), admin, collection, core.AggregateRequest{Apply: "filter(" + title + " eq 't')/aggregate($count as n)"})
		wantFault(t, err, fault.Refused, "query-needs-index")
	}
	page, err := api.Aggregate(t.Context(), admin, "books", core.AggregateRequest{Apply: "aggregate($count as n)"})
	if err != nil || string(page.Body) != `[{"n":51}]` {
		t.Errorf("without a filter: got %s, %v", page.Body, err)
	}
}
