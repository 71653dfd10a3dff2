package repository_test

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/query"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/core/schema"
	"github.com/portolan-io/portolan/ports/repository"
)

// ordered is a query in the order of a field of each type that has one.
func ordered(t testing.TB) query.Query {
	t.Helper()
	c, err := schema.New(schema.Spec{Name: "things", ID: "id", Fields: []schema.FieldSpec{
		{Name: "id", Type: "string"}, {Name: "i", Type: "int"}, {Name: "f", Type: "float"},
		{Name: "d", Type: "decimal", Precision: 18, Scale: 2}, {Name: "b", Type: "bool"}, {Name: "t", Type: "time"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	q := query.Query{View: query.View{Collection: c}}
	for field := len(c.Fields) - 1; field >= 0; field-- {
		q.Order = append(q.Order, query.Key{Field: field, Desc: field%2 == 0})
	}
	return q
}

func TestCursorRoundTrip(t *testing.T) {
	q, null := ordered(t), record.Null
	for _, last := range [][]record.Value{
		{record.Micros(0), record.Bool(true), record.Decimal(-1, 2), record.Float(0.1), record.Int(-1), record.String("a")},
		{null, null, null, null, null, record.String("😀 \x7f'")},
		{
			record.Time(time.Date(9999, 12, 31, 23, 59, 59, 999_999_000, time.UTC)), record.Bool(false),
			record.Decimal(999_999_999_999_999_999, 2), record.Float(-math.MaxFloat64), record.Int(math.MaxInt64), record.String(strings.Repeat("k", 450)),
		},
		{
			record.Time(time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC)), null,
			record.Decimal(-999_999_999_999_999_999, 2), record.Float(math.SmallestNonzeroFloat64), record.Int(math.MinInt64), record.String(""),
		},
	} {
		q.After = repository.EncodeCursor(q, last)
		got, err := repository.DecodeCursor("test", q)
		if err != nil {
			t.Errorf("DecodeCursor of %v: %v", last, err)
		}
		if diff := cmp.Diff(last, got, cmp.Comparer(record.Equal)); diff != "" {
			t.Errorf("the values of a cursor (-want +got):\n%s", diff)
		}
	}
}

// A cursor is of one collection and order, and of nothing else.
func TestCursorOfAnotherOrder(t *testing.T) {
	q := ordered(t)
	last := []record.Value{record.Micros(0), record.Bool(true), record.Decimal(1, 2), record.Float(1), record.Int(1), record.String("a")}
	cursor := repository.EncodeCursor(q, last)
	renamed, scaled := *q.Collection, *q.Collection
	renamed.Name = "others"
	scaled.Fields = append([]schema.Field(nil), q.Collection.Fields...)
	scaled.Fields[3].Scale = 3
	turned := append([]query.Key(nil), q.Order...)
	turned[5].Desc = !turned[5].Desc
	for name, other := range map[string]query.Query{
		"a collection of another name": {View: query.View{Collection: &renamed}, Order: q.Order},
		"a field of another scale":     {View: query.View{Collection: &scaled}, Order: q.Order},
		"another direction":            {View: q.View, Order: turned},
		"fewer keys":                   {View: q.View, Order: q.Order[1:]},
		"no order":                     {View: q.View},
	} {
		other.After = cursor
		_, err := repository.DecodeCursor("test", other)
		if got := fault.Of(err); got == nil || got.Kind != fault.Invalid || got.Code != "bad-cursor" || got.Op != "test" {
			t.Errorf("DecodeCursor for %s = %v, want bad-cursor", name, err)
		}
	}
}
