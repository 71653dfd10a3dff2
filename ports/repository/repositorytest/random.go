package repositorytest

import (
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/portolan-io/portolan/core/query"
	"github.com/portolan-io/portolan/core/query/querytest"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/core/schema"
	"github.com/portolan-io/portolan/ports/repository"
)

const (
	randomRecords = 200
	randomQueries = 2000
	nullRatio     = 0.35 // of the values that may be null
)

var randomCases = []Case{
	{Name: "Random/Find", Clause: quotes("Find returns one page of the query, in its order.", "A record that no write touches while the pages are read is in exactly one of them."), Run: randomFind},
	{Name: "Random/FindIntIDs", Clause: "Find returns one page of the query, in its order.", Run: randomFindIntIDs},
	{Name: "Random/Get", Clause: "Get returns the records with the given ids that match the view's filter.", Run: randomGet},
}

func randomFind(t T, s repository.Store) {
	randomAgreement(t, s, querytest.Collection(), randomQueries, 11)
}

func randomFindIntIDs(t T, s repository.Store) {
	randomAgreement(t, s, querytest.Numbered(), randomQueries/10, 12)
}

// randomAgreement asks random queries of random records, pages them to the end,
// and compares the rows with what Match and Compare say. At least half of the
// queries find something.
func randomAgreement(t T, s repository.Store, c *schema.Collection, queries int, seed uint64) {
	t.Helper()
	rng := rand.New(rand.NewPCG(seed, 2026))
	records := randomThings(rng, c)
	store(t, s, c, records...)
	found, served := 0, 0
	for i := range queries {
		q, want := randomQuery(rng, c, records)
		if len(want) == 0 && found <= i/2 { // draw again, lest nothing be compared with nothing
			q, want = randomQuery(rng, c, records)
		}
		if len(want) > 0 {
			found++
		}
		rows, ok := collect(t, s, q, func() int { return 1 + rng.IntN(60) })
		if !ok {
			continue
		}
		served++
		wantRows(t, fmt.Sprintf("query %d, %s in the order of %v", i, q.Filter.Text(c), q.Order), q.View, rows, want...)
	}
	t.Logf("%d random queries, of which %d were refused", queries, queries-served)
	if found < queries/2 {
		t.Errorf("%d of %d queries find something, want half of them", found, queries)
	}
	if served < queries/5 {
		t.Errorf("the store serves %d of %d orders, want a fifth of them", served, queries)
	}
}

// randomThings returns records whose values are null in more than 30 of 100.
func randomThings(rng *rand.Rand, c *schema.Collection) []record.Record {
	seen := make(map[record.ID]bool)
	var records []record.Record
	for len(records) < randomRecords {
		r := record.Record{Fields: querytest.RandomRecord(rng, c, nullRatio), Revision: "r1"}
		id, err := c.IDOf(r.Fields)
		if err != nil || seen[id] {
			continue
		}
		r.ID, seen[id] = id, true
		records = append(records, r)
	}
	return records
}

// randomQuery returns a query, a third of the time with a Keep, and what it
// finds.
func randomQuery(rng *rand.Rand, c *schema.Collection, records []record.Record) (query.Query, []record.Record) {
	q := query.Query{Order: querytest.RandomOrder(rng, c)}
	q.View = query.View{
		Collection: c, Filter: querytest.RandomExpr(rng, c),
		Fields: randomPositions(rng, c), Needs: randomPositions(rng, c),
	}
	kept := query.Expr{Op: query.All}
	if rng.IntN(3) == 0 {
		kept = querytest.RandomExpr(rng, c)
		q.Needs, q.Scan = c.All(), 1+rng.IntN(2*randomRecords)
		q.Keep = func(needs []record.Value) bool { return query.Match(kept, needs) }
	}
	var want []record.Record
	for _, r := range records {
		if query.Match(q.Filter, r.Fields) && query.Match(kept, r.Fields) {
			want = append(want, r)
		}
	}
	slices.SortFunc(want, func(a, b record.Record) int { return query.Compare(q.Order, a.Fields, b.Fields) })
	return q, want
}

// randomPositions returns some fields, in declared order.
func randomPositions(rng *rand.Rand, c *schema.Collection) []int {
	return slices.DeleteFunc(c.All(), func(int) bool { return rng.IntN(2) == 0 })
}

func randomGet(t T, s repository.Store) {
	rng, c := rand.New(rand.NewPCG(13, 2026)), querytest.Collection()
	records := randomThings(rng, c)
	store(t, s, c, records...)
	for i := range 300 {
		view := query.View{Collection: c, Filter: querytest.RandomExpr(rng, c), Fields: randomPositions(rng, c), Needs: randomPositions(rng, c)}
		var ids []record.ID
		var want []record.Record
		for _, at := range rng.Perm(len(records))[:rng.IntN(40)] {
			ids = append(ids, records[at].ID)
			if query.Match(view.Filter, records[at].Fields) {
				want = append(want, records[at])
			}
		}
		rows, err := s.Get(t.Context(), view, ids)
		if err != nil {
			t.Fatalf("Get %d: %v", i, err)
		}
		wantRows(t, fmt.Sprintf("Get %d, %s", i, view.Filter.Text(c)), view, rows, want...)
	}
}

// splitHolds compares the parts of random filters with the whole, and looks at
// how orders are refused.
func splitHolds(t T, s repository.Store) {
	split := s.Capabilities().Split
	if split == nil {
		return
	}
	rng, c := rand.New(rand.NewPCG(14, 2026)), querytest.Collection()
	records := randomThings(rng, c)
	store(t, s, c, records...)
	for i := range randomQueries {
		q, _ := randomQuery(rng, c, records)
		q.Limit = 1000
		native, rest, err := split(q)
		if err != nil {
			if !refused(s, err) {
				t.Errorf("Split of query %d = %v, want nil or query-needs-index", i, err)
			}
			continue
		}
		for _, r := range records {
			whole := query.Match(q.Filter, r.Fields)
			if parts := query.Match(native, r.Fields) && query.Match(rest, r.Fields); parts != whole {
				t.Fatalf("query %d matches %q: %t; its parts do: %t", i, r.ID, whole, parts)
			}
		}
		q.Filter, q.Keep = native, nil
		if _, err := s.Find(t.Context(), q); err != nil {
			t.Errorf("Find of what Split called native in query %d: %v", i, err)
		}
	}
}
