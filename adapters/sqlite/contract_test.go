package sqlite

import (
	"path/filepath"
	"testing"

	"github.com/portolan-io/portolan/ports/repository"
	"github.com/portolan-io/portolan/ports/repository/repositorytest"
)

func TestContract(t *testing.T) {
	repositorytest.Run(t, func(t *testing.T) repository.Store {
		return openTest(t, testPath(t))
	})
}

func TestContractDurable(t *testing.T) {
	repositorytest.RunDurable(t, func(t repositorytest.T, directory string) repository.Store {
		store, err := Open(t.Context(), Config{Path: filepath.Join(directory, "test.db"), Synchronous: "normal"})
		if err != nil {
			t.Fatalf("Open: %v", err)
		}
		t.Cleanup(func() { store.Close() })
		return store
	})
}

func TestContractInMemory(t *testing.T) {
	repositorytest.Run(t, func(t *testing.T) repository.Store { return openTest(t, memory) })
}
