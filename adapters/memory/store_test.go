package memory_test

import (
	"testing"

	"github.com/portolan-io/portolan/adapters/memory"
	"github.com/portolan-io/portolan/ports/repository"
	"github.com/portolan-io/portolan/ports/repository/repositorytest"
)

func TestContract(t *testing.T) {
	repositorytest.Run(t, func(t *testing.T) repository.Store {
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
	})
}
