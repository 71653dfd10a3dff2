package repositorytest

import (
	"slices"

	"github.com/portolan-io/portolan/core/query"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/ports/repository"
)

var ownershipCases = []Case{
	{Name: "Ownership/Arguments", Clause: "A Store keeps no reference to its arguments", Run: ownershipArguments},
	{Name: "Ownership/Loaded", Clause: "A Store keeps no reference to its arguments", Run: ownershipLoaded},
	{Name: "Ownership/Results", Clause: "and the caller owns what it returns.", Run: ownershipResults},
	{Name: "Ownership/Outcomes", Clause: "and the caller owns what it returns.", Run: ownershipOutcomes},
}

// spoil overwrites values.
func spoil(values []record.Value) {
	for i := range values {
		values[i] = record.String("spoilt")
	}
}

func ownershipArguments(t T, s repository.Store) {
	ensure(t, s, things())
	want := []record.Record{full("a"), full("b")}
	given := []record.Record{full("a"), full("b")}
	batch := []repository.Mutation{put(things(), given[0]), put(things(), given[1])}
	apply(t, s, batch...)
	for i := range batch {
		spoil(batch[i].Fields)
		batch[i] = repository.Mutation{}
	}
	wantStored(t, "after what Apply was given was overwritten", s, things(), want...)

	ids := []record.ID{"a", "b"}
	view := everything(things(), comparison(query.In, fieldInt, record.Int(42)))
	rows, err := s.Get(t.Context(), view, ids)
	if err != nil {
		t.Fatalf("Get: %v", err)
	}
	ids[0], ids[1] = "b", "x"
	slices.Reverse(view.Fields)
	slices.Reverse(view.Needs)
	spoil(view.Filter.Values)
	wantRows(t, "after what Get was given was overwritten", everything(things(), query.Expr{}), rows, want...)
	wantStored(t, "after it", s, things(), want...)
}

func ownershipLoaded(t T, s repository.Store) {
	ensure(t, s, things(), numbers())
	want := inRun("run1", full("a"), full("b"))
	given := inRun("run1", full("a"), full("b"))
	mark := put(numbers(), number(1, "mark"))
	load(t, s, repository.Load{Collection: things(), Rows: given, Run: "run1", Mark: func(_ int, repeated []int) []repository.Mutation {
		for i := range repeated {
			repeated[i] = -1
		}
		return []repository.Mutation{mark}
	}})
	for i := range given {
		spoil(given[i].Fields)
		given[i] = record.Record{}
	}
	spoil(mark.Fields)
	wantStored(t, "after what Load was given was overwritten", s, things(), want...)
	wantStored(t, "after what Mark returned was overwritten", s, numbers(), number(1, "mark"))
}

func ownershipResults(t T, s repository.Store) {
	records := []record.Record{full("a"), full("b"), full("c")}
	store(t, s, things(), records...)
	for range 2 {
		rows := slices.Concat(get(t, s, things(), "a", "b", "c"), all(t, s, things()))
		for i := range rows {
			spoil(rows[i].Values)
			row := rows[i].JSON
			for j := range row {
				row[j] = '!'
			}
			_ = append(row, "!!!!!!!!!!!!!!!!"...) // what lies behind a row is nobody else's either
		}
		wantRows(t, "Get after rows were overwritten", everything(things(), query.Expr{}), get(t, s, things(), "a", "b", "c"), records...)
		wantStored(t, "Find after rows were overwritten", s, things(), records...)
	}
	rows := get(t, s, things(), "a", "b", "c")
	for i := range rows[0].JSON[:cap(rows[0].JSON)] {
		rows[0].JSON[:cap(rows[0].JSON)][i] = '!'
	}
	wantRows(t, "rows next to one that was overwritten", everything(things(), query.Expr{}), rows[1:], records[1:]...)

	a := query.Aggregation{Collection: things(), GroupBy: []int{fieldID, fieldText}, Limit: 10, Measures: []query.Measure{{Func: query.Minimum, Field: fieldText, As: "min"}}}
	for range 2 {
		groups, err := s.Aggregate(t.Context(), a)
		if err != nil {
			t.Fatalf("Aggregate: %v", err)
		}
		wantGroups(t, s, "things after groups were overwritten", a, records)
		for _, g := range groups {
			spoil(g.Keys)
			spoil(g.Measures)
		}
	}
	wantStored(t, "after groups were overwritten", s, things(), records...)
}

func ownershipOutcomes(t T, s repository.Store) {
	r := full("a")
	store(t, s, things(), r)
	m := check(things(), "a", repository.Always)
	m.Needs = things().All()
	for range 3 {
		o := apply(t, s, m)[0]
		if got, want := valuesText(o.Values), valuesText(r.Fields); got != want {
			t.Errorf("after an outcome was overwritten its values are\n%s, want\n%s", got, want)
		}
		spoil(o.Values)
	}
	wantStored(t, "after outcomes were overwritten", s, things(), r)
}
