package repositorytest

import (
	"fmt"
	"slices"

	"github.com/portolan-io/portolan/core/query"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/core/schema"
	"github.com/portolan-io/portolan/ports/repository"
)

var keepCases = []Case{
	{Name: "Keep/LeavesOut", Clause: "If Keep is set, rows that it refuses are left out", Run: keepLeavesOut},
	{Name: "Keep/Scan", Clause: quotes("and the page ends after Scan rows were read.", "A page may be shorter than Limit, or empty, and still have a Next."), Run: keepScan},
	{Name: "Keep/Asked", Clause: "If Keep is set, rows that it refuses are left out", Run: keepAsked},
	{Name: "Split", Clause: quotes("Split divides a query's filter into what the store evaluates and the rest, so that records match the query when they match both.", "It returns fault.Refused with the code query-needs-index, naming the operator and the store, for an order that it cannot give."), Run: splitHolds},
	{Name: "Split/Bound", Clause: quotes("A store with a Split may read no more than MaxScan records of a collection for one call.", "Find then ends the page with a Next, whatever follows, or refuses the query like Split, and so does Aggregate."), Run: splitBound},
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

// splitBound has more records than one call may read. What is asked of them is answered
// as if they were few, or refused by name.
func splitBound(t T, s repository.Store) {
	const bound, stored = 5, 12
	c := built(schema.Spec{
		Name: "bounded", ID: "id", MaxScan: bound, Indexes: [][]string{{"indexed"}},
		Fields: []schema.FieldSpec{{Name: "id", Type: "string"}, {Name: "indexed", Type: "int"}, {Name: "other", Type: "string", Max: "100"}},
	})
	var records []record.Record
	for i := range stored {
		records = append(records, record.Record{ID: record.ID(fmt.Sprintf("%02d", i)), Revision: "r1", Fields: []record.Value{
			record.String(fmt.Sprintf("%02d", i)), record.Int(int64(i * 7 % stored)), record.String(fmt.Sprint(i * 5 % stored)),
		}})
	}
	store(t, s, c, records...)
	for _, order := range [][]query.Key{{{Field: 0}}, {{Field: 0, Desc: true}}, {{Field: 1}, {Field: 0}}, {{Field: 2}, {Field: 0}}, {{Field: 2, Desc: true}, {Field: 1}, {Field: 0}}} {
		last := records[stored-1].Fields[2]
		for _, filter := range []query.Expr{{}, comparison(query.Ge, 1, record.Int(3)), comparison(query.Contains, 2, last), comparison(query.Eq, 2, last)} {
			q := query.Query{View: everything(c, filter), Order: order}
			rows, ok := collect(t, s, q, func() int { return 2 })
			if !ok {
				if order[0] == byID(c)[0] {
					t.Errorf("the store refuses %s in the order of the ids, which needs nothing else", filter.Text(c))
				}
				continue
			}
			var want []record.Record
			for _, r := range records {
				if query.Match(filter, r.Fields) {
					want = append(want, r)
				}
			}
			slices.SortFunc(want, func(a, b record.Record) int { return query.Compare(order, a.Fields, b.Fields) })
			wantRows(t, fmt.Sprintf("%s in the order of %v, of more than one call reads", filter.Text(c), order), q.View, rows, want...)
		}
	}
	a := query.Aggregation{Collection: c, GroupBy: []int{2}, Limit: stored, Measures: []query.Measure{{Func: query.Sum, Field: 1, As: "sum"}}}
	if _, err := s.Aggregate(t.Context(), a); !refused(s, err) {
		wantGroups(t, s, "more than one call reads", a, records)
	}
}
