package memory

import (
	"context"
	"testing"

	"github.com/portolan-io/portolan/core/query"
	"github.com/portolan-io/portolan/core/schema"
)

// TestScanEnds shows that a scan of which nobody wants the rest stops reading.
func TestScanEnds(t *testing.T) {
	s, c := stocked(t, 5*checkEvery)
	l, err := s.state.Load().lens("", c)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	read := 0
	for range l.matching(ctx, query.Expr{}) {
		read++
		cancel()
	}
	if read >= checkEvery {
		t.Errorf("records read after the context was done: got %d, want fewer than %d", read, checkEvery)
	}
}

// TestAddedFieldsKeepIndexes adds a field to a collection, and nothing else.
func TestAddedFieldsKeepIndexes(t *testing.T) {
	s, c := stocked(t, 50)
	orders := func() (orders [][]query.Key, sizes []int) {
		for _, x := range s.state.Load().tables[c.Name].indexes {
			orders, sizes = append(orders, x.order), append(sizes, x.count(place{}, x.end()))
		}
		return orders, sizes
	}
	before, _ := orders()
	wider, err := schema.New(schema.Spec{Name: c.Name, ID: "id", Fields: []schema.FieldSpec{
		{Name: "id", Type: "int"}, {Name: "category", Type: "int"},
		{Name: "stars", Type: "int"}, {Name: "price", Type: "int"}, {Name: "added", Type: "int"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Ensure(t.Context(), []*schema.Collection{wider}); err != nil {
		t.Fatal(err)
	}
	after, sizes := orders()
	if len(after) != len(before) {
		t.Errorf("indexes after a field was added: got %v, want %v", after, before)
	}
	for i, n := range sizes {
		if n != 50 {
			t.Errorf("the index %v: got %d records, want 50", after[i], n)
		}
	}
}
