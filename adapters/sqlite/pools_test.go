package sqlite

import (
	"context"
	"path/filepath"
	"testing"
)

// TestPools lends a session while another waits for it, and reads the figures.
func TestPools(t *testing.T) {
	store, err := Open(t.Context(), Config{Path: filepath.Join(t.TempDir(), "a.db"), MaxConns: 2})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	pools := store.Pools()
	if got := pools["sqlite-readers"](); got.MaxOpenConnections != 2 || got.Idle != 2 || got.InUse != 0 {
		t.Errorf("readers %+v", got)
	}
	err = store.engine.with(t.Context(), store.engine.writer, func(*session) error {
		if got := pools["sqlite-writer"](); got.InUse != 1 || got.WaitCount != 0 {
			t.Errorf("while it is lent, the writer's figures are %+v", got)
		}
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := store.engine.take(gone, store.engine.writer); err == nil {
			t.Error("the writer was lent twice")
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := pools["sqlite-writer"](); got.InUse != 0 || got.WaitCount != 1 {
		t.Errorf("afterwards the writer's figures are %+v", got)
	}
}
