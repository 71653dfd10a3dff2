package repositorytest_test

import (
	"context"
	"slices"
	"testing"

	"github.com/portolan-io/portolan/core/query"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/core/schema"
	"github.com/portolan-io/portolan/ports/contract"
	"github.com/portolan-io/portolan/ports/repository"
	"github.com/portolan-io/portolan/ports/repository/repositorytest"
)

// TestBrokenUnmanagedAreCaught runs the cases of unmanaged tables over stores
// with one thing wrong.
func TestBrokenUnmanagedAreCaught(t *testing.T) {
	for _, b := range []broken{
		{"repeated rows are not reported", loading(nil, func(l *repository.Loaded) { l.Repeated = nil }), "Unmanaged/Load"},
		{"rows of one Load are not told apart", loading(func(l *repository.Load) { l.Run = "\x00" }, nil), "Unmanaged/Load"},
		{"revisions stand still", func(s repository.Store) repository.Store {
			return hooked{Store: s, get: func(ctx context.Context, view query.View, ids []record.ID) ([]record.Row, error) {
				rows, err := s.Get(ctx, view, ids)
				for i := range rows {
					rows[i].Revision = "1"
				}
				return rows, err
			}}
		}, "Unmanaged/Revision"},
		{"preconditions are checked beforehand", checksFirst, "Unmanaged/Conditional"},
	} {
		t.Run(b.name, func(t *testing.T) {
			cases := slices.DeleteFunc(repositorytest.UnmanagedCases(), func(c contract.Case[repositorytest.Existing]) bool {
				return c.Name != b.caught
			})
			failing := contract.Failing(t.Context(), cases, func(t contract.T) repositorytest.Existing {
				s, table := openMemory(t), schema.Table{Name: "kept"}
				makeTable(t, s, table)
				table.Unmanaged = true
				return repositorytest.Existing{Store: b.with(s), Table: table}
			})
			if len(failing) == 0 {
				t.Errorf("the case %s does not fail", b.caught)
			}
		})
	}
}

// makeTable makes the table that the cases want.
func makeTable(t contract.T, s repository.Store, table schema.Table) {
	c, err := schema.New(schema.Spec{Name: "owner", ID: "id", Table: table, Fields: []schema.FieldSpec{
		{Name: "id", Type: "string"}, {Name: "a", Type: "int"}, {Name: "b", Type: "string", Max: "100"},
	}})
	if err == nil {
		err = s.Ensure(t.Context(), []*schema.Collection{c})
	}
	if err != nil {
		t.Fatalf("making the table: %v", err)
	}
}
