package repositorytest

import (
	"fmt"
	"slices"

	"github.com/portolan-io/portolan/core/query"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/ports/repository"
)

var keepCases = []Case{
	{Name: "Keep/LeavesOut", Clause: "If Keep is set, rows that it refuses are left out", Run: keepLeavesOut},
	{Name: "Keep/Scan", Clause: quotes("and the page ends after Scan rows were read.", "A page may be shorter than Limit, or empty, and still have a Next."), Run: keepScan},
	{Name: "Keep/Asked", Clause: "If Keep is set, rows that it refuses are left out", Run: keepAsked},
	{Name: "Split", Clause: quotes("Split divides a query's filter into what the store evaluates and the rest, so that records match the query when they match both.", "It returns fault.Refused with the code query-needs-index, naming the operator and the store, for an order that it cannot give."), Run: splitHolds},
}

// keepQuery is a query for the even ones of the numbered things.
func keepQuery(limit, scan int) query.Query {
	return query.Query{
		View:  query.View{Collection: things(), Fields: []int{fieldID}, Needs: []int{fieldInt}},
		Order: byID(things()), Limit: limit, Scan: scan,
		Keep: func(needs []record.Value) bool { return needs[0].AsInt()%2 == 0 },
	}
}

func keepLeavesOut(t T, s repository.Store) {
	records := numbered(40)
	store(t, s, things(), records...)
	var want []record.Record
	for i := 0; i < len(records); i += 2 {
		want = append(want, records[i])
	}
	for _, limit := range []int{1, 3, 7, 100} {
		for _, scan := range []int{1, 2, 7, 40, 41, 1000} {
			q := keepQuery(limit, scan)
			rows := keepPages(t, s, q)
			wantRows(t, fmt.Sprintf("the even ones in pages of %d, scans of %d", limit, scan), q.View, rows, want...)
		}
	}
}

// keepPages returns the rows of all pages, which may be as many as records.
func keepPages(t T, s repository.Store, q query.Query) []record.Row {
	t.Helper()
	var rows []record.Row
	for range 1000 {
		page, err := s.Find(t.Context(), q)
		if err != nil {
			t.Fatalf("Find with Keep: %v", err)
		}
		rows = append(rows, page.Rows...)
		if page.Next == "" {
			return rows
		}
		q.After = page.Next
	}
	t.Fatalf("Find with Keep has no last page")
	return nil
}

// keepScan refuses everything: each page but the last reads exactly Scan rows
// and has none.
func keepScan(t T, s repository.Store) {
	const stored, scan = 25, 10
	store(t, s, things(), numbered(stored)...)
	read := 0
	q := keepQuery(5, scan)
	q.Keep = func([]record.Value) bool { read++; return false }
	for page := 1; page <= 3; page++ {
		got, err := s.Find(t.Context(), q)
		if err != nil {
			t.Fatalf("Find with Keep: %v", err)
		}
		if want := min(page*scan, stored); read != want || len(got.Rows) != 0 {
			t.Errorf("after page %d Keep was asked %d times, want %d; the page has %d rows, want none", page, read, want, len(got.Rows))
		}
		if more := got.Next != ""; more != (page < 3) {
			t.Fatalf("page %d has a Next: %t, want %t", page, more, page < 3)
		}
		q.After = got.Next
	}
}

// keepAsked looks at what Keep is given: the needs, in order, of what matches
// the filter, each once.
func keepAsked(t T, s repository.Store) {
	store(t, s, things(), numbered(20)...)
	var asked []string
	q := keepQuery(1000, 1000)
	q.Needs = []int{fieldID, fieldInt}
	q.Filter = comparison(query.Ge, fieldInt, record.Int(5))
	q.Order = []query.Key{{Field: fieldID, Desc: true}}
	q.Keep = func(needs []record.Value) bool {
		asked = append(asked, valuesText(needs))
		return true
	}
	if _, err := s.Find(t.Context(), q); err != nil {
		t.Fatalf("Find with Keep: %v", err)
	}
	var want []string
	for _, r := range slices.Backward(numbered(20)[5:]) {
		want = append(want, valuesText(pick(r.Fields, q.Needs)))
	}
	wantTexts(t, "what Keep was asked", asked, want)
}
