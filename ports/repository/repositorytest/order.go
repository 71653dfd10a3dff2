package repositorytest

import (
	"fmt"
	"math"
	"slices"

	"github.com/portolan-io/portolan/core/query"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/ports/repository"
)

const inOrder = "Find returns one page of the query, in its order."

var orderCases = []Case{
	{Name: "Order/Types", Clause: inOrder, Run: orderTypes},
	{Name: "Order/Octets", Clause: inOrder, Run: orderOctets},
	{Name: "Order/IDs", Clause: inOrder, Run: orderIDs},
	{Name: "Order/IntIDs", Clause: inOrder, Run: orderIntIDs},
	{Name: "Order/Keys", Clause: inOrder, Run: orderKeys},
	{Name: "Order/Pinned", Clause: inOrder, Run: orderPinned},
	{Name: "Filter/Operators", Clause: "Find returns one page of the query", Run: filterOperators},
}

// oddTexts are texts that collations, paddings, wildcards and UTF-16 have
// ordered or matched wrongly.
func oddTexts() []string {
	return []string{
		"", " ", "a", "A", "b", "B", "aa", "aB", "Ab", "a ", "a  ", " a", "a\t", "a-b", "ab", "a_b", "a%b", "axb", "%", "_", `\`, `\%`,
		"[", "[a]", "*", "?", "'", "''", `"`, "z", "Z", "ä", "a\u0308", "ß", "ss", "é", "zz", "\uFFFD", "\uFF5E", "😀", "😀a", "𝒳", "ñ",
		"10", "9", "1e1", "null", "NULL", "true",
	}
}

// odd returns things whose fields take odd values, each value with a tie, and
// every fourth of them null.
func odd() []record.Record {
	texts := oddTexts()
	numbers := []int64{0, 1, -1, 2, 10, 9, math.MaxInt64, math.MinInt64, 1<<53 + 1, 1 << 53}
	floats := []float64{0, 1, -1, 0.1, 1e-300, -1e300, math.MaxFloat64, math.SmallestNonzeroFloat64, 2, 1e21}
	var records []record.Record
	for i := range 2 * len(texts) {
		r := thing(fmt.Sprintf("%02d", (i*37)%(2*len(texts))), nil)
		n := i / 2
		for field, v := range map[int]record.Value{
			fieldText:    record.String(texts[n]),
			fieldInt:     record.Int(numbers[n%len(numbers)]),
			fieldFloat:   record.Float(floats[n%len(floats)]),
			fieldDecimal: record.Decimal(numbers[n%6]*101, 2),
			fieldBool:    record.Bool(n%2 == 0),
			fieldTime:    record.Micros(numbers[n%6] * 1_000_001),
		} {
			if (i+field)%4 != 0 {
				r.Fields[field] = v
			}
		}
		records = append(records, r)
	}
	return records
}

// orderTypes orders by each field that has an order, both ways.
func orderTypes(t T, s repository.Store) {
	records := odd()
	store(t, s, things(), records...)
	for field := range things().Fields {
		if !things().Fields[field].Sortable() || field == fieldID {
			continue
		}
		for _, desc := range []bool{false, true} {
			wantOrder(t, s, records, query.Expr{}, query.Key{Field: field, Desc: desc}, query.Key{Field: fieldID, Desc: desc})
		}
	}
}

// wantOrder reads the records that match in the order, and reports differences
// from what Compare says.
func wantOrder(t T, s repository.Store, records []record.Record, filter query.Expr, order ...query.Key) {
	t.Helper()
	var want []record.Record
	for _, r := range records {
		if query.Match(filter, r.Fields) {
			want = append(want, r)
		}
	}
	slices.SortFunc(want, func(a, b record.Record) int { return query.Compare(order, a.Fields, b.Fields) })
	q := query.Query{View: everything(things(), filter), Order: order}
	rows, ok := collect(t, s, q, func() int { return 7 })
	if ok {
		wantRows(t, fmt.Sprintf("in the order of %v", order), q.View, rows, want...)
	}
}

func orderOctets(t T, s repository.Store) {
	var records []record.Record
	for i, text := range oddTexts() {
		records = append(records, thing(fmt.Sprintf("%03d", i), set{fieldText: record.String(text)}))
	}
	records = append(records, thing("null", nil))
	store(t, s, things(), records...)
	wantOrder(t, s, records, query.Expr{}, query.Key{Field: fieldText}, query.Key{Field: fieldID})
	wantOrder(t, s, records, query.Expr{}, query.Key{Field: fieldText, Desc: true}, query.Key{Field: fieldID, Desc: true})
}

func orderIDs(t T, s repository.Store) {
	records := wholes(oddIDs()...)
	store(t, s, things(), records...)
	wantOrder(t, s, records, query.Expr{}, query.Key{Field: fieldID})
	wantOrder(t, s, records, query.Expr{}, query.Key{Field: fieldID, Desc: true})
	for _, r := range records[:10] {
		for _, op := range []query.Op{query.Eq, query.Ne, query.Lt, query.Ge} {
			wantOrder(t, s, records, comparison(op, fieldID, r.Fields[fieldID]), query.Key{Field: fieldID})
		}
	}
}

func orderIntIDs(t T, s repository.Store) {
	var records []record.Record
	for _, id := range []int64{1, 2, 9, 10, 11, 99, 100, 101, 1 << 40, math.MaxInt64} {
		records = append(records, number(id, "tie"))
	}
	store(t, s, numbers(), records...)
	backward := slices.Clone(records)
	slices.Reverse(backward)
	for _, tt := range []struct {
		order []query.Key
		want  []record.Record
	}{
		{[]query.Key{{Field: 0}}, records},
		{[]query.Key{{Field: 0, Desc: true}}, backward},
		{[]query.Key{{Field: 1}, {Field: 0}}, records},
		{[]query.Key{{Field: 1, Desc: true}, {Field: 0, Desc: true}}, backward},
	} {
		q := query.Query{View: everything(numbers(), query.Expr{}), Order: tt.order}
		if rows, ok := collect(t, s, q, func() int { return 3 }); ok {
			wantRows(t, fmt.Sprintf("int ids in the order of %v", tt.order), q.View, rows, tt.want...)
		}
	}
}

// orderKeys orders by two keys, in all directions.
func orderKeys(t T, s repository.Store) {
	records := odd()
	store(t, s, things(), records...)
	for _, fields := range [][2]int{{fieldInt, fieldText}, {fieldBool, fieldInt}, {fieldText, fieldFloat}, {fieldTime, fieldBool}} {
		for directions := range 8 {
			first, second, last := directions&1 > 0, directions&2 > 0, directions&4 > 0
			wantOrder(t, s, records, query.Expr{},
				query.Key{Field: fields[0], Desc: first}, query.Key{Field: fields[1], Desc: second}, query.Key{Field: fieldID, Desc: last})
		}
	}
}

// orderPinned orders by what a declared index has behind the field that the
// filter pins, and by what it has not.
func orderPinned(t T, s repository.Store) {
	records := odd()
	store(t, s, things(), records...)
	for _, pin := range []record.Value{record.Int(1), record.Int(math.MaxInt64), record.Null} {
		for _, desc := range []bool{false, true} {
			for _, field := range []int{fieldText, fieldFloat} {
				wantOrder(t, s, records, eq(fieldInt, pin),
					query.Key{Field: field, Desc: desc}, query.Key{Field: fieldID, Desc: desc})
			}
			wantOrder(t, s, records, eq(fieldInt, pin), query.Key{Field: fieldID, Desc: desc})
			wantOrder(t, s, records, eq(fieldInt, pin), query.Key{Field: fieldInt}, query.Key{Field: fieldText, Desc: desc}, query.Key{Field: fieldID, Desc: desc})
		}
	}
}
