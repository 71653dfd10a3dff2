package repositorytest

import (
	"fmt"
	"strings"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/query"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/core/schema"
	"github.com/portolan-io/portolan/ports/repository"
)

const cannotFit = "If the storage cannot fit that way, Ensure changes nothing and returns fault.Conflict with a Place for every difference."

var ensureCases = []Case{
	{Name: "Ensure/Again", Clause: quotes("Ensure makes the storage fit the collections.", "Ensure may be called again"), Run: ensureAgain},
	{Name: "Ensure/Adds", Clause: quotes("Ensure creates what is missing and adds fields and indexes;", "it never removes or changes anything"), Run: ensureAdds},
	{Name: "Ensure/Older", Clause: "it never removes or changes anything", Run: ensureOlder},
	{Name: "Ensure/Conflict", Clause: cannotFit, Run: ensureConflict},
	{Name: "Ensure/OtherID", Clause: cannotFit, Run: ensureOtherID},
	{Name: "Ensure/Unmanaged", Clause: quotes("and never alters an unmanaged table.", cannotFit), Run: ensureUnmanaged},
	{Name: "Ensure/Shared", Clause: quotes("No two managed collections have the same table.", cannotFit), Run: ensureShared},
	{Name: "Ensure/Concurrent", Clause: "and by several processes at once.", Run: ensureConcurrent},
}

// growing returns a collection of the name with an id and the given fields.
func growing(name string, table schema.Table, indexes [][]string, fields ...schema.FieldSpec) *schema.Collection {
	fields = append([]schema.FieldSpec{{Name: "id", Type: "string"}}, fields...)
	return built(schema.Spec{Name: name, ID: "id", Fields: fields, Indexes: indexes, Table: table})
}

// first is the first form of a collection.
func first() *schema.Collection {
	return growing("growing", schema.Table{}, [][]string{{"a"}},
		schema.FieldSpec{Name: "a", Type: "int"}, schema.FieldSpec{Name: "b", Type: "string", Max: "100"})
}

// second is first with more fields, not all of them behind the others, and
// with more indexes.
func second() *schema.Collection {
	return growing("growing", schema.Table{}, [][]string{{"a"}, {"fresh"}, {"b", "a desc"}},
		schema.FieldSpec{Name: "fresh", Type: "string", Max: "100"},
		schema.FieldSpec{Name: "b", Type: "string", Max: "100"},
		schema.FieldSpec{Name: "must", Type: "decimal", Precision: 10, Scale: 2, Required: true},
		schema.FieldSpec{Name: "a", Type: "int"},
		schema.FieldSpec{Name: "tags", Type: "list", Items: "string"})
}

func plain(id string, values ...record.Value) record.Record {
	return record.Record{ID: record.ID(id), Revision: "r1", Fields: append([]record.Value{record.String(id)}, values...)}
}

func ensureAgain(t T, s repository.Store) {
	r := full("a")
	store(t, s, things(), r)
	for range 3 {
		ensure(t, s, things(), numbers())
		wantStored(t, "after Ensure", s, things(), r)
	}
	ensure(t, s)
	apply(t, s, put(numbers(), number(1, "one")))
	wantStored(t, "what was there before", s, things(), r)
	wantStored(t, "what came with it", s, numbers(), number(1, "one"))
}

func ensureAdds(t T, s repository.Store) {
	c1, c2 := first(), second()
	store(t, s, c1, plain("x", record.Int(1), record.String("one")), plain("y", record.Int(2), record.String("two")))
	ensure(t, s, c2)
	x := plain("x", record.Null, record.String("one"), record.Null, record.Int(1), record.Null)
	y := plain("y", record.Null, record.String("two"), record.Null, record.Int(2), record.Null)
	wantStored(t, "old rows with new fields", s, c2, x, y)
	z := plain("z", record.String("new"), record.String("one"), record.Decimal(250, 2), record.Int(0), record.List(nil))
	y = plain("y", record.String("now"), record.String("one"), record.Decimal(-1, 2), record.Int(5), record.List([]record.Value{record.String("t")}))
	apply(t, s, put(c2, z), put(c2, y))
	wantStored(t, "after writes of new fields", s, c2, x, y, z)
	for _, tt := range []struct {
		name   string
		filter query.Expr
		order  []query.Key
		want   []record.Record
	}{
		{"by the new field", query.Expr{}, []query.Key{{Field: 1}, {Field: 0}}, []record.Record{x, z, y}},
		{"where the new field is null", eq(1, record.Null), []query.Key{{Field: 0}}, []record.Record{x}},
		{"by the new index", eq(2, record.String("one")), []query.Key{{Field: 4, Desc: true}, {Field: 0, Desc: true}}, []record.Record{y, x, z}},
	} {
		q := query.Query{View: everything(c2, tt.filter), Order: tt.order}
		if rows, ok := collect(t, s, q, func() int { return 2 }); ok {
			wantRows(t, tt.name, q.View, rows, tt.want...)
		}
	}
}

// ensureOlder has two processes, of which one still knows the first form.
func ensureOlder(t T, s repository.Store) {
	c1, c2 := first(), second()
	ensure(t, s, c2)
	z := plain("z", record.String("new"), record.String("one"), record.Decimal(250, 2), record.Int(9), record.Null)
	apply(t, s, put(c2, z))
	ensure(t, s, c1)
	wantStored(t, "a record in the first form", s, c1, plain("z", record.Int(9), record.String("one")))
	apply(t, s, put(c1, plain("x", record.Int(1), record.String("two"))))
	ensure(t, s, c2)
	x := plain("x", record.Null, record.String("two"), record.Null, record.Int(1), record.Null)
	wantStored(t, "after a write in the first form", s, c2, x, z)
	rows, err := s.Get(t.Context(), everything(c1, comparison(query.Gt, 1, record.Int(5))), []record.ID{"x", "z"})
	if err != nil {
		t.Fatalf("Get in the first form: %v", err)
	}
	wantRows(t, "a filter in the first form", everything(c1, query.Expr{}), rows, plain("z", record.Int(9), record.String("one")))
}

// wantConflict reports an error that is not a conflict with a place for each of
// the names.
func wantConflict(t T, what string, err error, names ...string) {
	t.Helper()
	wantKind(t, what, err, fault.Conflict)
	if err == nil {
		return
	}
	places := fault.Of(err).Places
	if len(places) < len(names) {
		t.Errorf("%s = %v, with %d places, want %d", what, err, len(places), len(names))
	}
	for _, name := range names {
		found := false
		for _, place := range places {
			found = found || strings.Contains(place.Pointer, name)
		}
		if !found {
			t.Errorf("%s = %v, want a place for %s", what, err, name)
		}
	}
}

func ensureConflict(t T, s repository.Store) {
	c1 := first()
	r := plain("x", record.Int(1), record.String("one"))
	store(t, s, c1, r)
	wrong := growing("growing", schema.Table{}, nil,
		schema.FieldSpec{Name: "a", Type: "string", Max: "100"}, schema.FieldSpec{Name: "b", Type: "bool"},
		schema.FieldSpec{Name: "added", Type: "int"})
	beside := func(t string) *schema.Collection {
		return growing("beside", schema.Table{}, nil, schema.FieldSpec{Name: "v", Type: t})
	}
	err := s.Ensure(t.Context(), []*schema.Collection{beside("int"), wrong})
	wantConflict(t, "Ensure with two fields of other types", err, "growing/a", "growing/b")
	wantStored(t, "after Ensure has refused", s, c1, r)
	// Nothing was added: neither the field nor the collection stands in the way
	// of one of another type.
	added := growing("growing", schema.Table{}, nil, schema.FieldSpec{Name: "a", Type: "int"},
		schema.FieldSpec{Name: "b", Type: "string", Max: "100"}, schema.FieldSpec{Name: "added", Type: "string", Max: "100"})
	ensure(t, s, beside("string"), added)
	wantStored(t, "after Ensure of what fits", s, added, plain("x", record.Int(1), record.String("one"), record.Null))
}

func ensureOtherID(t T, s repository.Store) {
	c1 := first()
	r := plain("x", record.Int(1), record.String("one"))
	store(t, s, c1, r)
	number := built(schema.Spec{Name: "growing", ID: "id", Fields: []schema.FieldSpec{
		{Name: "id", Type: "int"}, {Name: "a", Type: "int"}, {Name: "b", Type: "string", Max: "100"},
	}})
	wantConflict(t, "Ensure with an id of another type", s.Ensure(t.Context(), []*schema.Collection{number}), "growing/id")
	scaled := func(scale int) *schema.Collection {
		return growing("scaled", schema.Table{}, nil, schema.FieldSpec{Name: "d", Type: "decimal", Precision: 10, Scale: scale})
	}
	ensure(t, s, scaled(2))
	apply(t, s, put(scaled(2), plain("y", record.Decimal(150, 2))))
	wantConflict(t, "Ensure with another scale", s.Ensure(t.Context(), []*schema.Collection{scaled(3)}), "scaled/d")
	wantStored(t, "decimals after it", s, scaled(2), plain("y", record.Decimal(150, 2)))
	wantStored(t, "records after it", s, c1, r)
}

func ensureUnmanaged(t T, s repository.Store) {
	table := schema.Table{Name: "kept", Unmanaged: true}
	a, b := schema.FieldSpec{Name: "a", Type: "int"}, schema.FieldSpec{Name: "b", Type: "int"}
	for range 2 {
		err := s.Ensure(t.Context(), []*schema.Collection{growing("seen", table, nil, a)})
		wantConflict(t, "Ensure over an unmanaged table that is not there", err, "seen")
	}
	owner := growing("owner", schema.Table{Name: "kept"}, nil, a)
	r := plain("x", record.Int(1))
	store(t, s, owner, r)
	for range 2 {
		err := s.Ensure(t.Context(), []*schema.Collection{growing("seen", table, nil, a, b)})
		wantConflict(t, "Ensure over an unmanaged table that lacks a field", err, "seen/b")
	}
	wantStored(t, "after Ensure has refused", s, owner, r)
}

// ensureShared has a collection in the table of another, by its name and by its
// own, and one that may see it.
func ensureShared(t T, s repository.Store) {
	a := schema.FieldSpec{Name: "a", Type: "int"}
	owner, second := growing("owner", schema.Table{}, nil, a), growing("second", schema.Table{Name: "owner"}, nil, a)
	third, fourth := growing("third", schema.Table{Name: "same"}, nil, a), growing("fourth", schema.Table{Name: "same"}, nil, a)
	err := s.Ensure(t.Context(), []*schema.Collection{owner, second, third, fourth})
	wantConflict(t, "Ensure of two tables for four", err, "second", "fourth")
	viewer := growing("viewer", schema.Table{Name: "owner", Unmanaged: true}, nil, a)
	err = s.Ensure(t.Context(), []*schema.Collection{viewer})
	wantConflict(t, "Ensure over a table that was refused", err, "viewer")
	ensure(t, s, owner)
	ensure(t, s, viewer)
	r := plain("x", record.Int(1))
	apply(t, s, put(owner, r))
	wantStored(t, "after Ensure of what fits", s, owner, r)
}

func ensureConcurrent(t T, s repository.Store) {
	ctx, collections := t.Context(), []*schema.Collection{things(), numbers(), first()}
	for err := range gather(8, func(int) error { return s.Ensure(ctx, collections) }) {
		if err != nil {
			t.Errorf("one of 8 concurrent Ensures: %v", err)
		}
	}
	for err := range gather(8, func(i int) error {
		if i%2 == 0 {
			return s.Ensure(ctx, []*schema.Collection{second()})
		}
		_, err := s.Apply(ctx, []repository.Mutation{put(things(), thing(fmt.Sprint("t", i), nil))})
		return err
	}) {
		if err != nil {
			t.Errorf("Ensure beside Apply: %v", err)
		}
	}
	if n := len(all(t, s, things())); n != 4 {
		t.Errorf("%d records are there, want 4", n)
	}
	wantStored(t, "the collection that 4 Ensures extended", s, second())
}
