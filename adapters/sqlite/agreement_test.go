package sqlite

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/portolan-io/portolan/core/query"
	"github.com/portolan-io/portolan/core/query/querytest"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/core/schema"
	"github.com/portolan-io/portolan/ports/repository"
)

// TestAgreement compares pages of random queries with what query.Match and
// query.Compare make of them.
func TestAgreement(t *testing.T) {
	for _, c := range []*schema.Collection{querytest.Collection(), querytest.Numbered()} {
		t.Run(c.Name, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(1, 2))
			store := openTest(t, testPath(t))
			records := fill(t, store, c, rng, 60)
			for i := range 300 {
				q := query.Query{
					View:  query.View{Collection: c, Filter: querytest.RandomExpr(rng, c), Fields: c.All()},
					Order: querytest.RandomOrder(rng, c),
					Limit: 1 + rng.IntN(7),
				}
				want := expected(records, q)
				got := pages(t, store, q)
				if diff := cmp.Diff(want, got); diff != "" {
					t.Fatalf("query %d, %s: (-want +got)\n%s", i, q.Canonical(), diff)
				}
			}
		})
	}
}

// fill stores n random records and returns them by id.
func fill(t testing.TB, store *Store, c *schema.Collection, rng *rand.Rand, n int) [][]record.Value {
	t.Helper()
	if err := store.Ensure(t.Context(), []*schema.Collection{c}); err != nil {
		t.Fatal(err)
	}
	byID := map[record.ID][]record.Value{}
	for range n {
		fields := querytest.RandomRecord(rng, c, 0.3)
		id, err := c.IDOf(fields)
		if err != nil {
			t.Fatal(err)
		}
		byID[id] = fields
		_, err = store.Apply(t.Context(), []repository.Mutation{{
			Op: repository.Put, Collection: c, ID: id, Revision: "r1", Fields: fields,
		}})
		if err != nil {
			t.Fatal(err)
		}
	}
	var records [][]record.Value
	for _, fields := range byID {
		records = append(records, fields)
	}
	return records
}

func expected(records [][]record.Value, q query.Query) []string {
	var found [][]record.Value
	for _, fields := range records {
		if query.Match(q.Filter, fields) {
			found = append(found, fields)
		}
	}
	slices.SortFunc(found, func(a, b []record.Value) int { return query.Compare(q.Order, a, b) })
	encoder := record.NewEncoder(q.Collection.Names(q.Fields))
	var rows []string
	for _, fields := range found {
		rows = append(rows, string(encoder.Append(nil, fields)))
	}
	return rows
}

func pages(t testing.TB, store *Store, q query.Query) []string {
	t.Helper()
	var rows []string
	for range 1000 {
		page, err := store.Find(t.Context(), q)
		if err != nil {
			t.Fatalf("%s: %v", q.Canonical(), err)
		}
		for _, row := range page.Rows {
			rows = append(rows, string(row.JSON))
		}
		if page.Next == "" {
			return rows
		}
		q.After = page.Next
	}
	t.Fatalf("%s: does not end", q.Canonical())
	return nil
}
