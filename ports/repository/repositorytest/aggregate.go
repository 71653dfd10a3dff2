package repositorytest

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/query"
	"github.com/portolan-io/portolan/core/query/querytest"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/ports/repository"
)

var aggregateCases = []Case{
	{Name: "Aggregate/Random", Clause: "Aggregate returns the groups of the aggregation, ordered by their keys.", Run: aggregateRandom},
	{Name: "Aggregate/OneGroup", Clause: "Without GroupBy there is exactly one group.", Run: aggregateOneGroup},
	{Name: "Aggregate/Limit", Clause: "More groups than Limit are fault.Refused with the code too-many-groups.", Run: aggregateLimit},
	{Name: "Aggregate/Overflow", Clause: "A sum that overflows, of ints, decimals or floats, is fault.Refused with the code overflow.", Run: aggregateOverflow},
	{Name: "Aggregate/Large", Clause: "Groups whose texts have more than MaxPageBytes octets together are fault.Refused with the code groups-too-large.", Run: aggregateLarge},
	{Name: "Aggregate/Keys", Clause: "Aggregate returns the groups of the aggregation, ordered by their keys.", Run: aggregateKeys},
}

// specified is what the specification makes of the records.
func specified(a query.Aggregation, records []record.Record) ([]query.Group, error) {
	fold := query.NewFold(a)
	for _, r := range records {
		if err := fold.Add(r.Fields); err != nil {
			return nil, err
		}
	}
	return fold.Groups()
}

// wantGroups compares what the store makes of the aggregation with what the
// specification does.
func wantGroups(t T, s repository.Store, what string, a query.Aggregation, records []record.Record) {
	t.Helper()
	if split := s.Capabilities().Split; split != nil {
		q := query.Query{View: query.View{Collection: a.Collection, Filter: a.Filter}, Order: byID(a.Collection), Limit: 1}
		if _, rest, err := split(q); err != nil || rest.Op != query.All {
			return // the core aggregates what the store cannot filter
		}
	}
	want, wantErr := specified(a, records)
	got, err := s.Aggregate(t.Context(), a)
	if fault.KindOf(err) != fault.KindOf(wantErr) || err != nil && fault.Of(err).Code != fault.Of(wantErr).Code {
		t.Errorf("Aggregate of %s: %v, want the error %v", what, err, wantErr)
		return
	}
	if len(got) != len(want) {
		t.Errorf("Aggregate of %s has %d groups, want %d", what, len(got), len(want))
		return
	}
	for i := range want {
		near := len(got[i].Measures) == len(want[i].Measures) && slices.EqualFunc(got[i].Measures, want[i].Measures, nearly)
		if !near || valuesText(got[i].Keys) != valuesText(want[i].Keys) {
			t.Errorf("Aggregate of %s: group %d is %s: %s, want %s: %s", what, i,
				valuesText(got[i].Keys), valuesText(got[i].Measures), valuesText(want[i].Keys), valuesText(want[i].Measures))
			return
		}
	}
}

// nearly reports whether values are equal; floats may differ by 1e-9 of them.
func nearly(got, want record.Value) bool {
	if got.Type() != record.FloatType || want.Type() != record.FloatType {
		return valuesText([]record.Value{got}) == valuesText([]record.Value{want})
	}
	g, w := got.AsFloat(), want.AsFloat()
	return math.Abs(g-w) <= 1e-9*math.Max(math.Abs(g), math.Abs(w))
}

func aggregateRandom(t T, s repository.Store) {
	rng, c := rand.New(rand.NewPCG(15, 2026)), querytest.Collection()
	records := randomThings(rng, c)
	for i := range records {
		temper(rng, records[i].Fields)
	}
	store(t, s, c, records...)
	for i := range 400 {
		a := query.Aggregation{Collection: c, Filter: querytest.RandomExpr(rng, c), Limit: query.MaxGroups}
		for _, position := range rng.Perm(len(c.Fields))[:rng.IntN(3)] {
			if c.Fields[position].Sortable() && position != c.ID && c.Fields[position].Type != record.FloatType {
				a.GroupBy = append(a.GroupBy, position)
			}
		}
		for position := range c.Fields {
			a.Measures = append(a.Measures, measures(rng, c.Fields[position].Type, position)...)
		}
		wantGroups(t, s, fmt.Sprintf("%s by %v (%d)", a.Filter.Text(c), a.GroupBy, i), a, records)
	}
}

// measures returns some of the measures that a field of the type may have.
func measures(rng *rand.Rand, t record.Type, position int) []query.Measure {
	functions := []query.Func{query.Count}
	switch t {
	case record.IntType, record.FloatType, record.DecimalType:
		functions = []query.Func{query.Sum, query.Average, query.Minimum, query.Maximum}
	case record.StringType, record.TimeType, record.BoolType:
		functions = []query.Func{query.Minimum, query.Maximum}
	}
	var some []query.Measure
	for _, function := range functions {
		if rng.IntN(3) == 0 {
			some = append(some, query.Measure{Func: function, Field: position, As: fmt.Sprintf("m%d_%d", position, function)})
		}
	}
	return some
}

// temper replaces numbers so far from the others that what is summed up
// depends on the order of summing: another case has those.
func temper(rng *rand.Rand, fields []record.Value) {
	for i, v := range fields {
		unscaled, scale := v.AsDecimal()
		switch {
		case v.Type() == record.FloatType:
			fields[i] = record.Float(rng.Float64() * 100)
		case v.Type() == record.DecimalType && (unscaled > 1e6 || unscaled < -1e6):
			fields[i] = record.Decimal(rng.Int64N(1e6), scale)
		case v.Type() == record.IntType && (v.AsInt() > 1e6 || v.AsInt() < -1e6):
			fields[i] = record.Int(rng.Int64N(1e6))
		}
	}
}

func aggregateOneGroup(t T, s repository.Store) {
	a := query.Aggregation{Collection: things(), Limit: 1, Measures: []query.Measure{
		{Func: query.Count, As: "n"},
		{Func: query.Sum, Field: fieldInt, As: "sum"}, {Func: query.Average, Field: fieldDecimal, As: "mean"},
		{Func: query.Minimum, Field: fieldText, As: "min"}, {Func: query.Maximum, Field: fieldTime, As: "max"},
		{Func: query.Sum, Field: fieldFloat, As: "real"}, {Func: query.Sum, Field: fieldDecimal, As: "price"},
	}}
	ensure(t, s, things())
	wantGroups(t, s, "an empty collection", a, nil)
	nulls := []record.Record{thing("a", nil), thing("b", nil)}
	store(t, s, things(), nulls...)
	wantGroups(t, s, "nulls", a, nulls)
	records := append(odd()[:20], nulls...)
	for i := range records { // so that no sum overflows
		records[i].Fields[fieldInt] = record.Int(int64(i))
		records[i].Fields[fieldFloat] = record.Float(float64(i) / 4)
	}
	store(t, s, things(), records...)
	wantGroups(t, s, "things", a, records)
	a.Filter = query.Expr{Op: query.None}
	wantGroups(t, s, "nothing that matches", a, records)
}

func aggregateLimit(t T, s repository.Store) {
	records := numbered(10)
	store(t, s, things(), records...)
	a := query.Aggregation{Collection: things(), GroupBy: []int{fieldInt}, Measures: []query.Measure{{Func: query.Count, As: "n"}}}
	for _, limit := range []int{1, 9, 10, 11} {
		a.Limit = limit
		wantGroups(t, s, fmt.Sprintf("10 groups with a limit of %d", limit), a, records)
	}
	a.Limit = 9
	if _, err := s.Aggregate(t.Context(), a); !errors.Is(err, fault.Refused) {
		t.Errorf("Aggregate into 10 groups with a limit of 9 = %v, want %s", err, fault.Refused)
	}
}

func aggregateOverflow(t T, s repository.Store) {
	for i, tt := range []struct {
		name  string
		field int
		terms []record.Value
	}{
		{"the greatest int", fieldInt, []record.Value{record.Int(math.MaxInt64), record.Int(0)}},
		{"one more than the greatest int", fieldInt, []record.Value{record.Int(math.MaxInt64), record.Int(1)}},
		{"the least int", fieldInt, []record.Value{record.Int(math.MinInt64), record.Int(0)}},
		{"one less than the least int", fieldInt, []record.Value{record.Int(math.MinInt64), record.Int(-1)}},
		{"a sum that fits, of partial sums that do not", fieldInt,
			[]record.Value{record.Int(math.MaxInt64), record.Int(math.MaxInt64), record.Int(math.MinInt64), record.Int(math.MinInt64)}},
		{"2^53 + 1", fieldInt, []record.Value{record.Int(1 << 53), record.Int(1)}},
		{"decimals", fieldDecimal, []record.Value{record.Decimal(10, 2), record.Decimal(20, 2), record.Decimal(-5, 2)}},
		{"decimals of 18 digits", fieldDecimal, []record.Value{record.Decimal(999_999_999_999_999_999, 2), record.Decimal(1, 2)}},
		{"floats", fieldFloat, []record.Value{record.Float(math.MaxFloat64), record.Float(math.MaxFloat64)}},
		{"negative floats", fieldFloat, []record.Value{record.Float(-math.MaxFloat64), record.Float(-math.MaxFloat64)}},
		{"ten decimals of 18 digits", fieldDecimal, slices.Repeat([]record.Value{record.Decimal(999_999_999_999_999_999, 2)}, 10)},
	} {
		var records []record.Record
		for j, term := range tt.terms {
			records = append(records, thing(fmt.Sprintf("%d-%d", i, j), set{tt.field: term, fieldText: record.String(tt.name)}))
		}
		store(t, s, things(), records...)
		wantGroups(t, s, tt.name, query.Aggregation{
			Collection: things(), Filter: eq(fieldText, record.String(tt.name)), Limit: 1,
			Measures: []query.Measure{{Func: query.Sum, Field: tt.field, As: "sum"}, {Func: query.Count, As: "n"}},
		}, records)
	}
}

// aggregateKeys groups by texts that collations take for one another, and by
// null.
func aggregateKeys(t T, s repository.Store) {
	records := odd()
	store(t, s, things(), records...)
	for _, by := range [][]int{{fieldText}, {fieldBool}, {fieldInt}, {fieldDecimal}, {fieldTime}, {fieldBool, fieldText}, {fieldText, fieldInt}, {fieldID}} {
		wantGroups(t, s, fmt.Sprintf("groups by %v", by), query.Aggregation{
			Collection: things(), GroupBy: by, Limit: query.MaxGroups,
			Measures: []query.Measure{{Func: query.Count, As: "n"}, {Func: query.Minimum, Field: fieldID, As: "first"}},
		}, records)
	}
}
