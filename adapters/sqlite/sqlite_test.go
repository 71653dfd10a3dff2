package sqlite

import (
	"path/filepath"
	"testing"
)

// openTest opens a store over the file, which the test closes.
func openTest(t testing.TB, path string) *Store {
	t.Helper()
	store, err := Open(t.Context(), Config{Path: path, Synchronous: "normal"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Errorf("Close: got %v, want nil", err)
		}
	})
	return store
}

func testPath(t testing.TB) string { return filepath.Join(t.TempDir(), "test.db") }
