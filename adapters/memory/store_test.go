package memory_test

import (
	"testing"

	"github.com/portolan-io/portolan/adapters/memory"
	"github.com/portolan-io/portolan/core/schema"
	"github.com/portolan-io/portolan/ports/repository"
	"github.com/portolan-io/portolan/ports/repository/repositorytest"
)

func TestContract(t *testing.T) {
	repositorytest.Run(t, func(t *testing.T) repository.Store {
		return openTest(t)
	})
}

// openTest opens a store, which the test closes.
func openTest(t *testing.T) *memory.Store {
	t.Helper()
	s, err := memory.Open(t.Context(), memory.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return s
}

func TestUnmanaged(t *testing.T) {
	repositorytest.RunUnmanaged(t, func(t *testing.T) repositorytest.Existing {
		store := openTest(t)
		owner, err := schema.New(schema.Spec{Name: "owner", ID: "id", Table: schema.Table{Name: "kept"}, Fields: []schema.FieldSpec{
			{Name: "id", Type: "string"}, {Name: "b", Type: "string"}, {Name: "more", Type: "int"}, {Name: "a", Type: "int"},
		}})
		if err != nil {
			t.Fatal(err)
		}
		if err := store.Ensure(t.Context(), []*schema.Collection{owner}); err != nil {
			t.Fatal(err)
		}
		return repositorytest.Existing{Store: store, Table: schema.Table{Name: "kept", Unmanaged: true}}
	})
}
