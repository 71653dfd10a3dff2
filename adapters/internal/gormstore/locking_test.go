package gormstore

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/ports/repository"
)

// TestSendingOrder sorts the writes that nothing else stands between.
func TestSendingOrder(t *testing.T) {
	managed, other, existing := &table{path: "b", stored: "_rev"}, &table{path: "a", stored: "_rev"}, &table{path: "c"}
	type step struct {
		op    repository.Op
		table *table
		id    record.ID
	}
	const put, remove, check = repository.Put, repository.Delete, repository.Check
	for _, tt := range []struct {
		name  string
		batch []step
		want  []int
	}{
		{"nothing", nil, []int{}},
		{"writes", []step{{put, managed, "c"}, {remove, managed, "a"}, {put, managed, "b"}}, []int{1, 2, 0}},
		{"a check between", []step{{put, managed, "c"}, {check, managed, "c"}, {put, managed, "b"}, {put, managed, "a"}}, []int{0, 1, 3, 2}},
		{"checks", []step{{check, managed, "c"}, {check, managed, "a"}}, []int{0, 1}},
		{"another table between", []step{{put, managed, "c"}, {put, other, "b"}, {put, other, "a"}, {put, managed, "a"}}, []int{0, 2, 1, 3}},
		{"an unmanaged table", []step{{put, existing, "c"}, {put, existing, "a"}, {put, managed, "b"}, {put, managed, "a"}}, []int{0, 1, 3, 2}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var tables []*table
			var batch []repository.Mutation
			for _, s := range tt.batch {
				tables = append(tables, s.table)
				batch = append(batch, repository.Mutation{Op: s.op, ID: s.id})
			}
			if diff := cmp.Diff(tt.want, sendingOrder(tables, batch)); diff != "" {
				t.Errorf("order (-want +got):\n%s", diff)
			}
		})
	}
}
