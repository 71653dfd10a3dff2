package layer_test

import (
	"testing"

	"github.com/portolan-io/portolan/adapters/layer"
	"github.com/portolan-io/portolan/adapters/memory"
	"github.com/portolan-io/portolan/ports/repository"
	"github.com/portolan-io/portolan/ports/repository/repositorytest"
)

// TestTraceSuite: a traced store is a store.
func TestTraceSuite(t *testing.T) {
	repositorytest.Run(t, func(t *testing.T) repository.Store {
		store, err := memory.Open(t.Context(), memory.Config{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { store.Close() })
		return layer.Trace(store, newNotebook("n", nil))
	})
}
