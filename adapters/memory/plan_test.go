package memory

import (
	"context"
	"fmt"
	"testing"

	"github.com/portolan-io/portolan/core/query"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/core/schema"
	"github.com/portolan-io/portolan/ports/repository"
)

// Positions of the fields of products.
const (
	fieldID = iota
	fieldCategory
	fieldStars
	fieldPrice
)

// stocked returns a store with n products: ten in each category, with stars of
// 0 to 4.
func stocked(t testing.TB, n int) (*Store, *schema.Collection) {
	t.Helper()
	c, err := schema.New(schema.Spec{
		Name: "products", ID: "id",
		Fields: []schema.FieldSpec{
			{Name: "id", Type: "int"}, {Name: "category", Type: "int"},
			{Name: "stars", Type: "int"}, {Name: "price", Type: "int"},
		},
		Indexes: [][]string{{"category", "stars desc"}, {"stars"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	s, err := Open(context.Background(), Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	if err := s.Ensure(context.Background(), []*schema.Collection{c}); err != nil {
		t.Fatal(err)
	}
	rows := make([]record.Record, n)
	for i := range rows {
		rows[i] = product(i + 1)
	}
	if _, err := s.Load(context.Background(), repository.Load{Collection: c, Rows: rows, Run: "run"}); err != nil {
		t.Fatal(err)
	}
	return s, c
}

func product(id int) record.Record {
	fields := []record.Value{record.Int(int64(id)), record.Int(int64(id / 10)), record.Int(int64(id % 5)), record.Int(int64(id % 97))}
	return record.Record{ID: record.ID(fmt.Sprint(id)), Revision: "run1", Fields: fields}
}

func eq(field int, n int64) query.Expr {
	return query.Expr{Op: query.Eq, Field: field, Values: []record.Value{record.Int(n)}}
}

func TestPlan(t *testing.T) {
	const n = 5000
	s, c := stocked(t, n)
	l, err := s.state.Load().lens("test", c)
	if err != nil {
		t.Fatal(err)
	}
	up, down := func(f int) query.Key { return query.Key{Field: f} }, func(f int) query.Key { return query.Key{Field: f, Desc: true} }
	for _, tt := range []struct {
		name    string
		filter  query.Expr
		order   []query.Key
		index   int
		size    int
		ordered bool
		reverse bool
	}{
		{"by id", query.Expr{}, []query.Key{up(fieldID)}, 0, n, true, false},
		{"by id, downwards", query.Expr{}, []query.Key{down(fieldID)}, 0, n, true, true},
		{"one id", eq(fieldID, 77), []query.Key{up(fieldPrice), up(fieldID)}, 0, 1, false, false},
		{"one id, by id", eq(fieldID, 77), []query.Key{up(fieldID)}, 0, 1, true, false},
		{"an id that is not there", eq(fieldID, n+1), []query.Key{up(fieldStars), up(fieldID)}, 0, 0, false, false},
		{"by an index", query.Expr{}, []query.Key{up(fieldStars), up(fieldID)}, 2, n, true, false},
		{"against an index", query.Expr{}, []query.Key{down(fieldStars), down(fieldID)}, 2, n, true, true},
		{"across an index", query.Expr{}, []query.Key{down(fieldStars), up(fieldID)}, 0, n, false, false},
		{"by no index", query.Expr{}, []query.Key{up(fieldPrice), up(fieldID)}, 0, n, false, false},
		{"a category", eq(fieldCategory, 7), []query.Key{up(fieldID)}, 1, 10, false, false},
		{"a category by its index", eq(fieldCategory, 7), []query.Key{down(fieldStars), down(fieldID)}, 1, 10, true, false},
		{"a category against its index", eq(fieldCategory, 7), []query.Key{up(fieldStars), up(fieldID)}, 1, 10, true, true},
		{"a category and what pins it", eq(fieldCategory, 7), []query.Key{up(fieldCategory), down(fieldStars), down(fieldID)}, 1, 10, true, false},
		{"a category and stars", query.AllOf(eq(fieldCategory, 7), eq(fieldStars, 2)), []query.Key{up(fieldID)}, 1, 2, true, true},
		{"stars, which a fifth has", eq(fieldStars, 2), []query.Key{up(fieldID)}, 2, n / 5, true, false},
		{"stars in the order of ids with a price", query.AllOf(eq(fieldStars, 2), eq(fieldPrice, 3)), []query.Key{up(fieldID)}, 2, n / 5, true, false},
		{"either of two", query.AnyOf(eq(fieldCategory, 7), eq(fieldCategory, 8)), []query.Key{up(fieldID)}, 0, n, true, false},
	} {
		p := l.plan(tt.filter, tt.order, 21)
		index := 0
		for i := range l.table.indexes {
			if p.index == &l.table.indexes[i] {
				index = i
			}
		}
		if index != tt.index || p.size != tt.size || p.ordered != tt.ordered || p.reverse != tt.reverse {
			t.Errorf("%s: index %d, %d records, ordered %t, reverse %t; want index %d, %d, %t, %t", tt.name,
				index, p.size, p.ordered, p.reverse, tt.index, tt.size, tt.ordered, tt.reverse)
		}
	}
}

// A page deep in reads no more than its own rows and the one behind them.
func TestDeepPageReadsItsRows(t *testing.T) {
	s, c := stocked(t, 5000)
	l, err := s.state.Load().lens("test", c)
	if err != nil {
		t.Fatal(err)
	}
	for name, q := range map[string]query.Query{
		"by id":           {Order: []query.Key{{Field: fieldID}}},
		"by id, down":     {Order: []query.Key{{Field: fieldID, Desc: true}}},
		"by an index":     {Order: []query.Key{{Field: fieldStars}, {Field: fieldID}}},
		"within a filter": {View: query.View{Filter: eq(fieldStars, 3)}, Order: []query.Key{{Field: fieldID}}},
	} {
		q.Collection, q.Limit = c, 20
		for range 30 {
			page, err := s.Find(t.Context(), q)
			if err != nil {
				t.Fatal(err)
			}
			q.After = page.Next
		}
		after := make([]record.Value, len(c.Fields))
		values, err := repository.DecodeCursor("test", q)
		if err != nil {
			t.Fatal(err)
		}
		for i, key := range q.Order {
			after[key.Field] = values[i]
		}
		p := l.plan(q.Filter, q.Order, reach(q)).behind(after, l.pinned(q.Filter))
		read := 0
		entries := p.index.between(p.from, p.to)
		if p.reverse {
			entries = p.index.backward(p.from, p.to)
		}
		l.page(q, l.filtered(t.Context(), q.Filter, func(yield func(*entry) bool) {
			for e := range entries {
				read++
				if !yield(e) {
					return
				}
			}
		}))
		if read != q.Limit+1 {
			t.Errorf("%s: page 31 reads %d records, want %d", name, read, q.Limit+1)
		}
	}
}

// A reader sees one state however long it reads, and nobody waits for it.
func TestWriteDuringRead(t *testing.T) {
	s, c := stocked(t, 100)
	writes := 0
	q := query.Query{View: query.View{Collection: c, Needs: []int{fieldPrice}}, Order: []query.Key{{Field: fieldID}}, Limit: 1000, Scan: 1000}
	q.Keep = func([]record.Value) bool {
		writes++
		next := product(1000 + writes)
		_, err := s.Apply(t.Context(), []repository.Mutation{
			{Op: repository.Put, Collection: c, ID: next.ID, Revision: next.Revision, Fields: next.Fields},
			{Op: repository.Delete, Collection: c, ID: record.ID(fmt.Sprint(101 - writes))},
		})
		if err != nil {
			t.Error(err)
		}
		return true
	}
	page, err := s.Find(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	if len(page.Rows) != 100 || writes != 100 {
		t.Errorf("a page that is read during %d writes has %d rows, want 100", writes, len(page.Rows))
	}
	q.Keep = nil
	if page, err = s.Find(t.Context(), q); err != nil || len(page.Rows) != 100 || page.Rows[0].ID != "1001" {
		t.Errorf("the page after the writes has %d rows and the error %v", len(page.Rows), err)
	}
}

// An enforced reference has an index, which finds who refers to one record.
func TestEnforcedReferenceIsIndexed(t *testing.T) {
	s, before := stocked(t, 1000)
	fields := []schema.FieldSpec{
		{Name: "id", Type: "int"}, {Name: "category", Type: "int", References: "categories", Enforce: true},
		{Name: "stars", Type: "int"}, {Name: "price", Type: "int", References: "prices", Enforce: true},
	}
	c, err := schema.New(schema.Spec{Name: before.Name, ID: "id", Fields: fields, Indexes: [][]string{{"category", "stars desc"}, {"stars"}}})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Ensure(t.Context(), []*schema.Collection{c}); err != nil {
		t.Fatal(err)
	}
	l, err := s.state.Load().lens("test", c)
	if err != nil {
		t.Fatal(err)
	}
	if got := len(l.table.indexes); got != 4 {
		t.Errorf("indexes: got %d, want that of the id, the two declared and that of price", got)
	}
	referring := query.Expr{Op: query.In, Field: fieldPrice, Values: []record.Value{record.Int(3)}}
	if got := l.plan(referring, nil, l.table.size()).size; got != 11 {
		t.Errorf("records read to find who refers to one: got %d, want the 11 that do", got)
	}
}
