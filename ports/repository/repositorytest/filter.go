package repositorytest

import (
	"fmt"
	"slices"

	"github.com/portolan-io/portolan/core/query"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/ports/repository"
)

// filterOperators asks every operator of every field for each of some values
// that are stored and some that are not, for null, and under Not.
func filterOperators(t T, s repository.Store) {
	records := odd()
	for i, tags := range [][]string{{}, {"a"}, {"A", "b"}, {"a", "%"}, {"😀", ""}} {
		list := make([]record.Value, len(tags))
		for j, tag := range tags {
			list[j] = record.String(tag)
		}
		records[i].Fields[fieldTags] = record.List(list)
		records[i].Fields[fieldCounts] = record.List([]record.Value{record.Int(int64(i)), record.Int(1)})
		records[i].Fields[fieldBytes] = record.Bytes([]byte{0, byte(i), 0xff})
		records[i].Fields[fieldJSON] = record.JSON(fmt.Sprintf(`{"n":%d}`, i))
	}
	store(t, s, things(), records...)
	nonEmpty := 0
	for field := range things().Fields {
		for _, e := range comparisons(field, records) {
			for _, filter := range []query.Expr{e, {Op: query.Not, Kids: []query.Expr{e}}} {
				if wantMatching(t, s, records, filter) {
					nonEmpty++
				}
			}
		}
	}
	if nonEmpty < 500 {
		t.Errorf("%d filters matched something, want 500 to mean anything", nonEmpty)
	}
}

// wantMatching reports how what the store finds differs from what matches. It
// returns whether anything does.
func wantMatching(t T, s repository.Store, records []record.Record, filter query.Expr) bool {
	t.Helper()
	q := query.Query{View: query.View{Collection: things(), Filter: filter}, Order: byID(things())}
	rows, ok := collect(t, s, q, func() int { return 1000 })
	if !ok {
		t.Fatalf("the store refuses an order by id")
	}
	var got, want []string
	for _, row := range rows {
		got = append(got, string(row.ID))
	}
	for _, r := range records {
		if query.Match(filter, r.Fields) {
			want = append(want, string(r.ID))
		}
	}
	slices.Sort(want)
	wantTexts(t, "what matches "+filter.Text(things()), got, want)
	return len(want) > 0
}

// comparisons returns comparisons of the field with each operator it may have.
func comparisons(field int, records []record.Record) []query.Expr {
	f := &things().Fields[field]
	operands := operands(field, records)
	exprs := []query.Expr{comparison(query.Eq, field, record.Null), comparison(query.Ne, field, record.Null)}
	switch f.Type {
	case record.ListType:
		return append(exprs, each(query.Has, field, append(items(operands), record.Null))...)
	case record.JSONType:
		return exprs
	case record.BytesType, record.BoolType:
		exprs = append(exprs, each(query.Eq, field, operands)...)
		return append(exprs, each(query.Ne, field, operands)...)
	}
	withNull := append(slices.Clone(operands), record.Null)
	for op := query.Eq; op <= query.Ge; op++ {
		exprs = append(exprs, each(op, field, withNull)...)
	}
	if f.Type == record.StringType {
		for op := query.Contains; op <= query.EndsWith; op++ {
			exprs = append(exprs, each(op, field, withNull)...)
		}
	}
	third := len(operands) / 3
	return append(exprs, comparison(query.In, field, operands[:third]...), comparison(query.In, field, operands[third:]...),
		comparison(query.In, field, record.Null, operands[0]), comparison(query.In, field, operands[0], operands[0]))
}

func each(op query.Op, field int, operands []record.Value) []query.Expr {
	exprs := make([]query.Expr, len(operands))
	for i, v := range operands {
		exprs[i] = comparison(op, field, v)
	}
	return exprs
}

// operands returns the values of the field that are stored, and others near them.
func operands(field int, records []record.Record) []record.Value {
	var values []record.Value
	for _, r := range records {
		if v := r.Fields[field]; !v.IsNull() {
			values = append(values, v)
		}
	}
	switch things().Fields[field].Type {
	case record.IntType:
		values = append(values, record.Int(3), record.Int(-2))
	case record.FloatType:
		values = append(values, record.Float(0.5), record.Float(-0.1))
	case record.DecimalType:
		values = append(values, record.Decimal(1, 2), record.Decimal(-1, 2))
	case record.StringType:
		values = append(values, record.String("x"), record.String("  "), record.String("b "), record.String("\U0001F601"))
	case record.TimeType:
		values = append(values, record.Micros(1), record.Micros(-1))
	case record.BytesType:
		values = append(values, record.Bytes(nil), record.Bytes([]byte{0}))
	}
	slices.SortFunc(values, record.Compare)
	return slices.CompactFunc(values, record.Equal)
}

// items returns the items of the lists, without doubles.
func items(lists []record.Value) []record.Value {
	var values []record.Value
	for _, list := range lists {
		values = append(values, list.AsList()...)
	}
	slices.SortFunc(values, record.Compare)
	return slices.CompactFunc(values, record.Equal)
}
