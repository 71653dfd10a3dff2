package query_test

import (
	"errors"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/query"
	"github.com/portolan-io/portolan/core/query/querytest"
	"github.com/portolan-io/portolan/core/record"
)

var values = cmp.Comparer(record.Equal)

// fold aggregates one column of values, each in the group of its key.
func fold(a query.Aggregation, rows ...[]record.Value) ([]query.Group, error) {
	f := query.NewFold(a)
	for _, row := range rows {
		if err := f.Add(row); err != nil {
			return nil, err
		}
	}
	return f.Groups()
}

func TestFoldMeasures(t *testing.T) {
	c := querytest.Collection()
	all := []query.Measure{{Func: query.Count}, {Func: query.Sum}, {Func: query.Average}, {Func: query.Minimum}, {Func: query.Maximum}}
	ints := func(ns ...int64) (column []record.Value) {
		for _, n := range ns {
			column = append(column, record.Int(n))
		}
		return column
	}
	for _, tt := range []struct {
		name   string
		column []record.Value
		want   []record.Value
	}{
		{"nothing", nil, []record.Value{record.Int(0), record.Null, record.Null, record.Null, record.Null}},
		{"nulls", []record.Value{record.Null, record.Null}, []record.Value{record.Int(2), record.Null, record.Null, record.Null, record.Null}},
		{"ints", append(ints(1, -5, 2), record.Null),
			[]record.Value{record.Int(4), record.Int(-2), record.Float(-2.0 / 3), record.Int(-5), record.Int(2)}},
		{"ints that overflow on the way", ints(math.MaxInt64, math.MaxInt64, -math.MaxInt64, 3-math.MaxInt64),
			[]record.Value{record.Int(4), record.Int(3), record.Float(0.75), record.Int(-math.MaxInt64), record.Int(math.MaxInt64)}},
		{"the least int", ints(math.MinInt64),
			[]record.Value{record.Int(1), record.Int(math.MinInt64), record.Float(-1 << 63), record.Int(math.MinInt64), record.Int(math.MinInt64)}},
		{"decimals", []record.Value{record.Decimal(10, 2), record.Decimal(20, 2)},
			[]record.Value{record.Int(2), record.Decimal(30, 2), record.Float(0.15), record.Decimal(10, 2), record.Decimal(20, 2)}},
		{"floats", []record.Value{record.Float(0.1), record.Float(1e17), record.Float(0.2), record.Float(-1e17)},
			[]record.Value{record.Int(4), record.Float(0.1 + 0.2), record.Float((0.1 + 0.2) / 4), record.Float(-1e17), record.Float(1e17)}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var rows [][]record.Value
			for _, v := range tt.column {
				rows = append(rows, []record.Value{v})
			}
			got, err := fold(query.Aggregation{Collection: c, Measures: all, Limit: 1}, rows...)
			if err != nil || len(got) != 1 {
				t.Fatalf("got %d groups and %v, want one", len(got), err)
			}
			for i := range tt.want {
				near := record.Equal(got[0].Measures[i], tt.want[i])
				if tt.want[i].Type() == record.FloatType {
					near = math.Abs(got[0].Measures[i].AsFloat()-tt.want[i].AsFloat()) <= 1e-9*math.Abs(tt.want[i].AsFloat())
				}
				if !near || got[0].Measures[i].Type() != tt.want[i].Type() {
					t.Errorf("%v is %v, want %v", all[i].Func, got[0].Measures[i], tt.want[i])
				}
			}
		})
	}
}

func TestFoldRefuses(t *testing.T) {
	c := querytest.Collection()
	sum := query.Aggregation{Collection: c, Measures: []query.Measure{{Func: query.Sum, Field: 0}}, Limit: 2}
	grouped := query.Aggregation{Collection: c, GroupBy: []int{0}, Limit: 2}
	for _, tt := range []struct {
		name, code string
		of         query.Aggregation
		column     []record.Value
	}{
		{"an int sum one too great", "overflow", sum, []record.Value{record.Int(math.MaxInt64), record.Int(1)}},
		{"an int sum one too small", "overflow", sum, []record.Value{record.Int(math.MinInt64), record.Int(-1)}},
		{"a decimal sum", "overflow", sum, []record.Value{record.Decimal(math.MaxInt64, 2), record.Decimal(1, 2)}},
		{"a float sum", "overflow", sum, []record.Value{record.Float(math.MaxFloat64), record.Float(math.MaxFloat64)}},
		{"a third group", "too-many-groups", grouped, []record.Value{record.Int(1), record.Null, record.Int(1), record.Int(2)}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var rows [][]record.Value
			for _, v := range tt.column {
				rows = append(rows, []record.Value{v})
			}
			_, err := fold(tt.of, rows...)
			if !errors.Is(err, fault.Refused) || fault.Of(err).Code != tt.code {
				t.Errorf("got %v, want %s with the code %s", err, fault.Refused, tt.code)
			}
		})
	}
}

func TestFoldGroups(t *testing.T) {
	c := querytest.Collection()
	a := query.Aggregation{
		Collection: c, Filter: query.Expr{Op: query.Ne, Field: 2, Values: []record.Value{record.Int(0)}},
		GroupBy: []int{1, 0}, Measures: []query.Measure{{Func: query.Count}, {Func: query.Sum, Field: 2}}, Limit: 3,
	}
	x, y, null := record.String("null"), record.String("y"), record.Null
	got, err := fold(a,
		[]record.Value{record.Bool(true), y, record.Int(1)},
		[]record.Value{record.Bool(true), x, record.Int(2)},
		[]record.Value{record.Bool(true), null, record.Int(3)},
		[]record.Value{record.Bool(false), null, record.Int(0)},
		[]record.Value{record.Bool(true), y, record.Int(4)},
	)
	want := []query.Group{
		{Keys: []record.Value{null, record.Bool(true)}, Measures: []record.Value{record.Int(1), record.Int(3)}},
		{Keys: []record.Value{x, record.Bool(true)}, Measures: []record.Value{record.Int(1), record.Int(2)}},
		{Keys: []record.Value{y, record.Bool(true)}, Measures: []record.Value{record.Int(2), record.Int(5)}},
	}
	if diff := cmp.Diff(want, got, values); err != nil || diff != "" {
		t.Errorf("%v\n%s", err, diff)
	}
}

// The order in which records come does not change the result.
func TestFoldAnyOrder(t *testing.T) {
	c := querytest.Collection()
	rng := rand.New(rand.NewPCG(5, 6))
	count, _ := c.Position("count")
	kind, _ := c.Position("kind")
	a := query.Aggregation{Collection: c, GroupBy: []int{kind}, Limit: 10,
		Measures: []query.Measure{{Func: query.Sum, Field: count}, {Func: query.Average, Field: count}}}
	for range 200 {
		var rows [][]record.Value
		for range 10 {
			rows = append(rows, querytest.RandomRecord(rng, c, 0.3))
		}
		first, firstErr := fold(a, rows...)
		rng.Shuffle(len(rows), func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
		second, secondErr := fold(a, rows...)
		if diff := cmp.Diff(first, second, values); diff != "" || (firstErr == nil) != (secondErr == nil) {
			t.Fatalf("another order gives another result: %v, %v\n%s", firstErr, secondErr, diff)
		}
	}
}
