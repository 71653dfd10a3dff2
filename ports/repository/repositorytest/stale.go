package repositorytest

import (
	"fmt"
	"time"

	"github.com/portolan-io/portolan/core/query"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/ports/repository"
)

var staleCases = []Case{
	{Name: "Stale/OwnWrites", Clause: quotes(
		"With Stale they see every one that returned as long before, and every one of this Store that touched the collection and returned before.",
		"without it Stale is ignored."), Run: staleOwnWrites},
	{Name: "Stale/Marks", Clause: "and every one of this Store that touched the collection and returned before.", Run: staleMarks},
	{Name: "Stale/Same", Clause: "With Stale they see every one that returned as long before", Run: staleSame},
	{Name: "Stale/Pages", Clause: quotes(
		"A record that no write touches while the pages are read is in exactly one of them.",
		"With Stale a write of another Store as long before the first page counts as one meanwhile."), Run: stalePages},
}

// stales are how old answers may be.
var stales = []time.Duration{time.Nanosecond, time.Second, time.Hour}

// staleOwnWrites writes in every way, and asks at once in every way whether it shows,
// however old the answer may be.
func staleOwnWrites(t T, s repository.Store) {
	ensure(t, s, things())
	for n := 1; n <= 20; n++ {
		if row := at("a", n); n%2 == 0 {
			apply(t, s, put(things(), row))
		} else {
			run := fmt.Sprintf("run%d-", n)
			load(t, s, repository.Load{Collection: things(), Rows: inRun(run, row), Run: run})
		}
		for _, stale := range stales {
			wantNow(t, s, stale, int64(n))
		}
		apply(t, s, remove(things(), "a", repository.Present))
		for _, stale := range stales {
			wantNow(t, s, stale, 0)
		}
	}
}

// wantNow reads in every way that there is one thing, a, whose whole number is n, or
// none if n is 0.
func wantNow(t T, s repository.Store, stale time.Duration, n int64) {
	t.Helper()
	view := query.View{Collection: things(), Needs: []int{fieldInt}, Stale: stale}
	rows, err := s.Get(t.Context(), view, []record.ID{"a"})
	wantWhole(t, fmt.Sprintf("Get that may be %v old", stale), rows, err, n)
	page, err := find(t.Context(), s, query.Query{View: view, Order: byID(things()), Limit: 10})
	wantWhole(t, fmt.Sprintf("Find that may be %v old", stale), page.Rows, err, n)
	groups, err := s.Aggregate(t.Context(), query.Aggregation{
		Collection: things(), Measures: []query.Measure{{Func: query.Maximum, Field: fieldInt, As: "n"}}, Limit: 1, Stale: stale,
	})
	if err != nil || len(groups) != 1 {
		t.Fatalf("Aggregate that may be %v old: got %d groups and the error %v", stale, len(groups), err)
	}
	want := record.Int(n)
	if n == 0 {
		want = record.Null
	}
	if got := groups[0].Measures[0]; valuesText([]record.Value{got}) != valuesText([]record.Value{want}) {
		t.Errorf("Aggregate that may be %v old: got %v, want %v", stale, got, want)
	}
}

func wantWhole(t T, what string, rows []record.Row, err error, n int64) {
	t.Helper()
	switch {
	case err != nil:
		t.Fatalf("%s: %v", what, err)
	case n == 0 && len(rows) > 0, n > 0 && (len(rows) != 1 || rows[0].Values[0].AsInt() != n):
		t.Errorf("%s: got %v, want the whole number %d, or nothing if that is 0", what, rowTexts(rows), n)
	}
}

// staleMarks reads what went with the rows of a Load.
func staleMarks(t T, s repository.Store) {
	ensure(t, s, things(), numbers())
	for n := 1; n <= 20; n++ {
		run := fmt.Sprintf("run%d-", n)
		load(t, s, repository.Load{
			Collection: things(), Rows: inRun(run, at("a", n)), Run: run,
			Mark: func(int, []int) []repository.Mutation { return []repository.Mutation{put(numbers(), checkpoint(n))} },
		})
		view := everything(numbers(), query.Expr{})
		view.Stale = time.Hour
		rows, err := s.Get(t.Context(), view, []record.ID{"1"})
		if err != nil {
			t.Fatalf("Get of a mark: %v", err)
		}
		wantRows(t, "a mark that may be an hour old", view, rows, checkpoint(n))
	}
}

// staleSame asks in every way for many records, which nobody writes meanwhile.
func staleSame(t T, s repository.Store) {
	records := numbered(700)
	store(t, s, things(), records...)
	ids := make([]record.ID, len(records))
	for i := range records {
		ids[i] = records[i].ID
	}
	for _, stale := range stales {
		view := everything(things(), query.Expr{})
		view.Stale = stale
		rows, err := s.Get(t.Context(), view, ids)
		if err != nil {
			t.Fatalf("Get that may be %v old: %v", stale, err)
		}
		wantRows(t, fmt.Sprintf("Get that may be %v old", stale), view, rows, records...)
		rows, _ = collect(t, s, query.Query{View: view, Order: byID(things())}, func() int { return 300 })
		wantRows(t, fmt.Sprintf("pages that may be %v old", stale), view, rows, records...)
	}
}

// stalePages moves all records, in an order that is not theirs, and then reads pages that
// may be as they were before: those writes were this Store's, so each is in one page.
func stalePages(t T, s repository.Store) {
	const n = 30
	records := numbered(n)
	store(t, s, things(), records...)
	for round, stale := range stales {
		for i := range records {
			moved := revised(records[i], record.Revision(fmt.Sprint("r", round)), set{fieldInt: record.Int(int64((7*i + 11*round) % n))})
			apply(t, s, put(things(), moved))
		}
		view := query.View{Collection: things(), Stale: stale}
		seen := make(map[record.ID]int)
		q := query.Query{View: view, Order: []query.Key{{Field: fieldInt}, {Field: fieldID}}, Limit: 4}
		for {
			page, err := find(t.Context(), s, q)
			if refused(s, err) {
				return
			}
			if err != nil {
				t.Fatalf("Find that may be %v old: %v", stale, err)
			}
			for _, row := range page.Rows {
				seen[row.ID]++
			}
			if q.After = page.Next; page.Next == "" {
				break
			}
		}
		for i := range records {
			if got := seen[records[i].ID]; got != 1 {
				t.Errorf("pages that may be %v old: the record %q is in %d of them, want 1", stale, records[i].ID, got)
			}
		}
	}
}
