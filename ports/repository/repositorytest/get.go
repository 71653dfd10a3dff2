package repositorytest

import (
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/portolan-io/portolan/core/query"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/ports/repository"
)

var getCases = []Case{
	{Name: "Get/Matching", Clause: "Get returns the records with the given ids that match the view's filter.", Run: getMatching},
	{Name: "Get/Order", Clause: "Rows come in the order of ids; an id that no record has, or only one that does not match, is left out.", Run: getOrder},
	{Name: "Get/Twice", Clause: "An id that is given twice is returned once.", Run: getTwice},
	{Name: "Get/Projection", Clause: "A row's JSON encodes the view's Fields, its Values are the view's Needs.", Run: getProjection},
	{Name: "Get/As", Clause: "If As is set, it has the names of the members.", Run: getAs},
	{Name: "Get/IDs", Clause: "Get returns the records with the given ids", Run: getIDs},
	{Name: "Get/IntIDs", Clause: "Get returns the records with the given ids", Run: getIntIDs},
	{Name: "Get/Many", Clause: "Rows come in the order of ids", Run: getMany},
	{Name: "Get/None", Clause: "an id that no record has, or only one that does not match, is left out.", Run: getNone},
}

func getMatching(t T, s repository.Store) {
	records := wholes("a", "b", "c", "d")
	store(t, s, things(), records...)
	for _, tt := range []struct {
		name   string
		filter query.Expr
		want   []record.Record
	}{
		{"all", query.Expr{Op: query.All}, records},
		{"none", query.Expr{Op: query.None}, nil},
		{"whole eq 2", eq(fieldInt, record.Int(2)), records[1:2]},
		{"whole gt 1", comparison(query.Gt, fieldInt, record.Int(1)), records[1:]},
		{"text eq null", eq(fieldText, record.Null), records},
		{"text ne null", comparison(query.Ne, fieldText, record.Null), nil},
	} {
		view := everything(things(), tt.filter)
		rows, err := s.Get(t.Context(), view, []record.ID{"a", "b", "c", "d"})
		if err != nil {
			t.Fatalf("Get with the filter %s: %v", tt.name, err)
		}
		wantRows(t, "Get with the filter "+tt.name, view, rows, tt.want...)
	}
}

func getOrder(t T, s repository.Store) {
	records := wholes("a", "b", "c", "d", "e")
	store(t, s, things(), records...)
	view := everything(things(), comparison(query.Ne, fieldInt, record.Int(3)))
	rows, err := s.Get(t.Context(), view, []record.ID{"e", "zz", "b", "c", "a", "0"})
	if err != nil {
		t.Fatalf("Get: %v", err)
	}
	wantRows(t, "Get of e, zz, b, c, a, 0 without c", view, rows, records[4], records[1], records[0])
}

func getTwice(t T, s repository.Store) {
	records := wholes("a", "b")
	store(t, s, things(), records...)
	rows := get(t, s, things(), "b", "a", "b", "b", "a")
	wantRows(t, "Get of b, a, b, b, a", everything(things(), query.Expr{}), rows, records[1], records[0])
}

func getProjection(t T, s repository.Store) {
	r := full("a")
	store(t, s, things(), r)
	for _, tt := range []struct{ fields, needs []int }{
		{things().All(), nil},
		{nil, things().All()},
		{nil, nil},
		{[]int{fieldID}, []int{fieldID}},
		{[]int{fieldInt, fieldTime, fieldJSON}, []int{fieldText, fieldInt}},
		{[]int{fieldText}, []int{fieldLong, fieldJSON, fieldTags, fieldFloat, fieldID}},
		{[]int{fieldBool, fieldLong}, []int{fieldBool}},
	} {
		view := query.View{Collection: things(), Fields: tt.fields, Needs: tt.needs}
		what := fmt.Sprintf("with Fields %v and Needs %v", tt.fields, tt.needs)
		rows, err := s.Get(t.Context(), view, []record.ID{"a"})
		if err != nil {
			t.Fatalf("Get %s: %v", what, err)
		}
		wantRows(t, "Get "+what, view, rows, r)
		page, err := find(t.Context(), s, query.Query{View: view, Order: byID(things()), Limit: 1})
		if err != nil {
			t.Fatalf("Find %s: %v", what, err)
		}
		wantRows(t, "Find "+what, view, page.Rows, r)
	}
}

// getAs asks the same of one record under different names, in different orders,
// because a store may keep how it reads a projection.
func getAs(t T, s repository.Store) {
	r := full("a")
	store(t, s, things(), r)
	for _, view := range []query.View{
		{Fields: []int{fieldInt, fieldText}},
		{Fields: []int{fieldInt, fieldText}, As: []string{"n", "title"}},
		{Fields: []int{fieldInt, fieldText}, As: []string{"text", "whole"}},
		{Fields: []int{fieldText, fieldInt}, As: []string{"text", "whole"}},
		{Fields: []int{fieldInt, fieldText}},
	} {
		view.Collection = things()
		what := fmt.Sprintf("with Fields %v as %q", view.Fields, view.As)
		rows, err := s.Get(t.Context(), view, []record.ID{"a"})
		if err != nil {
			t.Fatalf("Get %s: %v", what, err)
		}
		wantRows(t, "Get "+what, view, rows, r)
		page, err := find(t.Context(), s, query.Query{View: view, Order: byID(things()), Limit: 1})
		if err != nil {
			t.Fatalf("Find %s: %v", what, err)
		}
		wantRows(t, "Find "+what, view, page.Rows, r)
	}
}

// oddIDs are ids that are right, and that stores have taken for one another or
// for something else.
func oddIDs() []string {
	return []string{
		"a", "A", "b", "ab", "aB", "Ab", "AB", "ß", "ss", "ẞ", "é", "e\u0301", "i", "I", "ı", "İ",
		"\uFFFD", "\uFF5E", "😀", "𝒳", "%", "_", "a%", "a_", "a b", " a", "'", "''", `"`, "`", "]", ";--", "1$", "?", ":x",
		"0", "00", "1", "01", "1.0", "1e0", "null", "true", "-", "\u00a0x", "\u200b", strings.Repeat("k", record.MaxIDBytes),
		strings.Repeat("k", record.MaxIDBytes-1), strings.Repeat("K", record.MaxIDBytes), strings.Repeat("😀", 112),
	}
}

func getIDs(t T, s repository.Store) {
	records := wholes(oddIDs()...)
	store(t, s, things(), records...)
	for _, r := range records {
		rows := get(t, s, things(), r.ID)
		wantRows(t, fmt.Sprintf("Get of %q", r.ID), everything(things(), query.Expr{}), rows, r)
	}
	wantStored(t, "all ids", s, things(), records...)
	for _, r := range records {
		apply(t, s, remove(things(), r.ID, repository.Present))
	}
	wantStored(t, "after each was deleted", s, things())
}

func getIntIDs(t T, s repository.Store) {
	var records []record.Record
	for _, id := range []int64{1, 2, 9, 10, 11, 99, 100, 1<<31 - 1, 1 << 31, 1<<53 + 1, 1 << 53, 1<<63 - 1} {
		records = append(records, number(id, fmt.Sprint("number ", id)))
	}
	store(t, s, numbers(), records...)
	for _, r := range records {
		rows := get(t, s, numbers(), r.ID)
		wantRows(t, fmt.Sprintf("Get of %s", r.ID), everything(numbers(), query.Expr{}), rows, r)
	}
	wantStored(t, "int ids, by value", s, numbers(), records...)
	wantRows(t, "Get of ids that no record has", everything(numbers(), query.Expr{}), get(t, s, numbers(), "3", "12", "101"))
}

func getMany(t T, s repository.Store) {
	records := numbered(repository.MaxBatch)
	store(t, s, things(), records...)
	rand.New(rand.NewPCG(1, 2)).Shuffle(len(records), func(i, j int) { records[i], records[j] = records[j], records[i] })
	ids := make([]record.ID, len(records))
	for i, r := range records {
		ids[i] = r.ID
	}
	wantRows(t, "Get of many ids", everything(things(), query.Expr{}), get(t, s, things(), ids...), records...)
}

func getNone(t T, s repository.Store) {
	ensure(t, s, things(), numbers())
	wantRows(t, "Get of nothing", everything(things(), query.Expr{}), get(t, s, things()))
	wantRows(t, "Get from an empty collection", everything(things(), query.Expr{}), get(t, s, things(), "a", "b"))
	apply(t, s, put(things(), thing("1", nil)))
	wantRows(t, "Get of another collection's id", everything(numbers(), query.Expr{}), get(t, s, numbers(), "1"))
}
