package repositorytest

import (
	"fmt"
	"slices"
	"strings"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/query"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/ports/repository"
)

var findCases = []Case{
	{Name: "Find/Limit", Clause: "A page has at most Limit rows. Its Next is the cursor of the page after it;", Run: findLimit},
	{Name: "Find/Next", Clause: quotes("Next is empty if and only if no further record matches Filter.", "the store's cursor, or empty at the end"), Run: findNext},
	{Name: "Find/Long", Clause: quotes("A page ends after the row with which its JSON passes MaxPageBytes.", "A page may be shorter than Limit, or empty, and still have a Next.", "MaxPageBytes is how many octets of rows' JSON a page of Find has at most, but for its last row"), Run: findLong},
	{Name: "Find/Empty", Clause: "Next is empty if and only if no further record matches Filter.", Run: findEmpty},
	{Name: "Find/1001", Clause: "A record that no write touches while the pages are read is in exactly one of them.", Run: find1001},
	{Name: "Find/Writes", Clause: "A record that no write touches while the pages are read is in exactly one of them.", Run: findWrites},
	{Name: "Find/Gone", Clause: "Its Next is the cursor of the page after it;", Run: findGone},
	{Name: "Find/Cursor", Clause: "A cursor that the store did not make for a query of the same order is fault.Invalid with the code bad-cursor.", Run: findCursor},
	{Name: "Find/CursorOrder", Clause: "A cursor that the store did not make for a query of the same order is fault.Invalid with the code bad-cursor.", Run: findCursorOrder},
}

func findLimit(t T, s repository.Store) {
	records := numbered(10)
	store(t, s, things(), records...)
	q := query.Query{View: everything(things(), query.Expr{}), Order: byID(things())}
	for _, limit := range []int{1, 2, 3, 5, 9, 10, 11, 1000} {
		rows, ok := collect(t, s, q, func() int { return limit })
		if !ok {
			t.Fatalf("the store refuses an order by id")
		}
		wantRows(t, fmt.Sprint("pages of ", limit), q.View, rows, records...)
	}
}

func findNext(t T, s repository.Store) {
	records := numbered(10)
	store(t, s, things(), records...)
	for _, order := range [][]query.Key{
		byID(things()),
		{{Field: fieldInt}, {Field: fieldID}},
		{{Field: fieldInt, Desc: true}, {Field: fieldID, Desc: true}},
		{{Field: fieldBool}, {Field: fieldInt}, {Field: fieldID}},
	} {
		for matching := range len(records) + 1 {
			q := query.Query{Order: order}
			q.View = everything(things(), comparison(query.Lt, fieldInt, record.Int(int64(matching))))
			for limit := 1; limit <= len(records)+1; limit++ {
				q.Limit = limit
				findNextOf(t, s, q, matching)
			}
		}
	}
}

// findNextOf asks for the first page of as many records as match, and for the
// page after it. A store that leaves a part of the filter to the core cannot tell
// whether any of those that follow matches that.
func findNextOf(t T, s repository.Store, q query.Query, matching int) {
	t.Helper()
	page, err := find(t.Context(), s, q)
	if refused(s, err) {
		return
	}
	if err != nil {
		t.Fatalf("Find: %v", err)
	}
	scans := completed(s, q)
	if got, want := page.Next != "", matching > q.Limit; got != want && (want || !scans) {
		t.Errorf("with %d matching and a limit of %d, there is a Next: %t, want %t", matching, q.Limit, got, want)
	}
	if page.Next == "" {
		return
	}
	q.After = page.Next
	after, err := find(t.Context(), s, q)
	if err != nil {
		t.Fatalf("Find of the page after: %v", err)
	}
	if got, want := len(after.Rows), max(0, min(q.Limit, matching-q.Limit)); got != want {
		t.Errorf("with %d matching and a limit of %d, the second page has %d rows, want %d", matching, q.Limit, got, want)
	}
	if got, want := after.Next != "", matching > 2*q.Limit; got != want && (want || !scans) {
		t.Errorf("with %d matching and a limit of %d, the second page has a Next: %t, want %t", matching, q.Limit, got, want)
	}
}

// findLong reads records of a million octets, of which five make a page, and
// then one field of them that is short.
func findLong(t T, s repository.Store) {
	const length, stored = 1_000_000, 7
	const perPage = repository.MaxPageBytes/length + 1
	records := numbered(stored)
	for i := range records {
		records[i].Fields[fieldLong] = record.String(strings.Repeat(string(rune('a'+i)), length))
		store(t, s, things(), records[i])
	}
	for _, keep := range []func([]record.Value) bool{nil, func([]record.Value) bool { return true }} {
		q := query.Query{View: query.View{Collection: things(), Fields: things().All()}, Order: byID(things()), Limit: 1000, Keep: keep, Scan: 1000}
		page, err := find(t.Context(), s, q)
		if err != nil {
			t.Fatalf("Find of long records: %v", err)
		}
		wantRows(t, "the first page of long records", q.View, page.Rows, records[:perPage]...)
		if page.Next == "" {
			t.Fatalf("%d of %d long records have no Next", len(page.Rows), stored)
		}
		q.After = page.Next
		if page, err = find(t.Context(), s, q); err != nil {
			t.Fatalf("Find of the second page: %v", err)
		}
		wantRows(t, "the second page of long records", q.View, page.Rows, records[perPage:]...)
		if page.Next != "" {
			t.Errorf("the last page of long records has a Next")
		}
		q.After, q.Fields = "", []int{fieldID}
		if page, err = find(t.Context(), s, q); err != nil {
			t.Fatalf("Find of short fields: %v", err)
		}
		wantRows(t, "the short fields of long records", q.View, page.Rows, records...)
	}
}

func findEmpty(t T, s repository.Store) {
	ensure(t, s, things(), numbers())
	apply(t, s, put(numbers(), number(1, "one")))
	for _, q := range []query.Query{
		{View: everything(things(), query.Expr{}), Order: byID(things()), Limit: 10},
		{View: everything(numbers(), query.Expr{Op: query.None}), Order: byID(numbers()), Limit: 1},
	} {
		page, err := find(t.Context(), s, q)
		if err != nil {
			t.Fatalf("Find of nothing: %v", err)
		}
		if len(page.Rows) != 0 || page.Next != "" {
			t.Errorf("Find of nothing returned %d rows and the Next %q", len(page.Rows), page.Next)
		}
	}
}

func find1001(t T, s repository.Store) {
	records := numbered(1001)
	for i := range records { // many ties, and some nulls
		records[i].Fields[fieldInt] = record.Int(int64(i % 7))
		if i%7 == 3 {
			records[i].Fields[fieldInt] = record.Null
		}
	}
	store(t, s, things(), records...)
	for _, order := range [][]query.Key{
		byID(things()),
		{{Field: fieldID, Desc: true}},
		{{Field: fieldInt}, {Field: fieldID}},
		{{Field: fieldInt, Desc: true}, {Field: fieldID, Desc: true}},
	} {
		want := slices.Clone(records)
		slices.SortFunc(want, func(a, b record.Record) int { return query.Compare(order, a.Fields, b.Fields) })
		q := query.Query{View: everything(things(), query.Expr{}), Order: order}
		for _, limit := range []int{100, 1000} {
			rows, ok := collect(t, s, q, func() int { return limit })
			if ok {
				wantRows(t, fmt.Sprint("1001 records in pages of ", limit), q.View, rows, want...)
			}
		}
	}
}

// findWrites reads pages while other records come, go and move, before and
// behind the place where the reading is.
func findWrites(t T, s repository.Store) {
	records := numbered(60)
	store(t, s, things(), records...)
	q := query.Query{View: everything(things(), query.Expr{}), Limit: 5}
	q.Order = []query.Key{{Field: fieldInt}, {Field: fieldID}}
	seen, round := make(map[record.ID]int), 0
	for {
		page, err := find(t.Context(), s, q)
		if refused(s, err) {
			return
		}
		if err != nil {
			t.Fatalf("Find: %v", err)
		}
		for _, row := range page.Rows {
			seen[row.ID]++
		}
		if page.Next == "" {
			break
		}
		q.After = page.Next
		if round < 10 {
			disturb(t, s, records, round)
		}
		round++
	}
	for i := 0; i < len(records); i += 2 {
		if n := seen[records[i].ID]; n != 1 {
			t.Errorf("the record %q, which nothing touched, was in %d pages' rows, want 1", records[i].ID, n)
		}
	}
}

// disturb adds, moves and deletes records with odd positions.
func disturb(t T, s repository.Store, records []record.Record, round int) {
	t.Helper()
	low, high := records[2*round+1], records[len(records)-2*round-1]
	apply(t, s,
		put(things(), thing(fmt.Sprint("first", round), set{fieldInt: record.Int(-1)})),
		put(things(), thing(fmt.Sprint("near", round), set{fieldInt: record.Int(int64(5*round + 5))})),
		put(things(), revised(low, "r2", set{fieldInt: record.Int(1000)})),
		remove(things(), high.ID, repository.Always),
	)
}

// findGone continues behind a record that has been deleted in between.
func findGone(t T, s repository.Store) {
	records := numbered(6)
	store(t, s, things(), records...)
	q := query.Query{View: everything(things(), query.Expr{}), Order: byID(things()), Limit: 3}
	page, err := find(t.Context(), s, q)
	if err != nil {
		t.Fatalf("Find: %v", err)
	}
	apply(t, s, remove(things(), records[2].ID, repository.Present), remove(things(), records[3].ID, repository.Present))
	q.After = page.Next
	page, err = find(t.Context(), s, q)
	if err != nil {
		t.Fatalf("Find behind a deleted record: %v", err)
	}
	wantRows(t, "the page behind a deleted record", q.View, page.Rows, records[4:]...)
}

// wantBadCursor asks for the page after a cursor, which must be refused.
func wantBadCursor(t T, s repository.Store, q query.Query, what string) {
	t.Helper()
	_, err := find(t.Context(), s, q)
	wantKind(t, "Find with "+what, err, fault.Invalid)
	if err != nil && fault.Of(err).Code != "bad-cursor" {
		t.Errorf("Find with %s has the code %q, want bad-cursor", what, fault.Of(err).Code)
	}
}

func findCursor(t T, s repository.Store) {
	store(t, s, things(), numbered(10)...)
	q := query.Query{View: everything(things(), query.Expr{}), Order: byID(things()), Limit: 3}
	page, err := find(t.Context(), s, q)
	if err != nil || page.Next == "" {
		t.Fatalf("Find of 3 of 10 returned the Next %q and the error %v", page.Next, err)
	}
	right := page.Next
	for _, wrong := range []string{
		"x", "AAAA", "0", "-1", "null", "{}", `["a"]`, " ", "%", "'", "\x00", "\xff\xfe", "😀", "id00003",
		strings.Repeat("A", 10_000), right + "A", right + right, " " + right, right + "=", right + "\n",
	} {
		q.After = wrong
		wantBadCursor(t, s, q, fmt.Sprintf("the cursor %.40q", wrong))
	}
	for i := 1; i < len(right); i++ {
		q.After = right[:i]
		wantBadCursor(t, s, q, fmt.Sprintf("%d octets of a cursor of %d", i, len(right)))
	}
	for i := range len(right) {
		other := byte('A')
		if right[i] == other {
			other = 'B'
		}
		q.After = right[:i] + string(other) + right[i+1:]
		wantBadCursor(t, s, q, fmt.Sprintf("a cursor with octet %d changed", i))
	}
}

func findCursorOrder(t T, s repository.Store) {
	store(t, s, things(), numbered(10)...)
	store(t, s, numbers(), number(1, "one"), number(2, "two"), number(3, "three"))
	orders := []query.Query{
		{View: everything(things(), query.Expr{}), Order: byID(things())},
		{View: everything(things(), query.Expr{}), Order: []query.Key{{Field: fieldID, Desc: true}}},
		{View: everything(things(), query.Expr{}), Order: []query.Key{{Field: fieldInt}, {Field: fieldID}}},
		{View: everything(things(), query.Expr{}), Order: []query.Key{{Field: fieldInt, Desc: true}, {Field: fieldID, Desc: true}}},
		{View: everything(things(), query.Expr{}), Order: []query.Key{{Field: fieldText}, {Field: fieldID}}},
		{View: everything(numbers(), query.Expr{}), Order: byID(numbers())},
	}
	for i, made := range orders {
		made.Limit = 1
		page, err := find(t.Context(), s, made)
		if refused(s, err) {
			continue
		}
		if err != nil || page.Next == "" {
			t.Fatalf("Find in order %d returned the Next %q and the error %v", i, page.Next, err)
		}
		for j, used := range orders {
			used.Limit, used.After = 1, page.Next
			if _, err := find(t.Context(), s, used); i != j && !refused(s, err) {
				wantBadCursor(t, s, used, fmt.Sprintf("a cursor of order %d in order %d", i, j))
			}
		}
	}
}
