package bolt_test

import (
	"path/filepath"
	"testing"

	"github.com/portolan-io/portolan/ports/repository"
	"github.com/portolan-io/portolan/ports/repository/repositorytest"

	"example.com/portolan-bolt/bolt"
)

// open opens a store in the directory.
func open(t repositorytest.T, directory string) *bolt.Store {
	t.Helper()
	s, err := bolt.Open(t.Context(), bolt.Config{Path: filepath.Join(directory, "records.bolt")})
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func TestContract(t *testing.T) {
	repositorytest.Run(t, func(t *testing.T) repository.Store { return open(t, t.TempDir()) })
}

func TestDurable(t *testing.T) {
	repositorytest.RunDurable(t, func(t repositorytest.T, directory string) repository.Store { return open(t, directory) })
}
