package postgres

import (
	"fmt"
	"testing"

	"github.com/portolan-io/portolan/adapters/internal/gormstore"
)

// TestManyStatements sends more statements at once than a connection keeps, and more
// again one by one.
func TestManyStatements(t *testing.T) {
	store := openTest(t)
	statements := make([]gormstore.Statement, maxKept+50)
	for i := range statements {
		statements[i].Text = fmt.Sprintf("SELECT %d::bigint", i)
	}
	for round := range 2 {
		err := store.engine.Write(t.Context(), func(s gormstore.Session) error {
			for i := range statements {
				err := s.Queue(t.Context(), gormstore.Call{Statement: &statements[i], Row: func(cells gormstore.Cells) error {
					if cells.Int(0) != int64(i) {
						t.Errorf("round %d: statement %d answers %d", round, i, cells.Int(0))
					}
					return nil
				}})
				if err != nil {
					return err
				}
				if round == 1 {
					if err := s.Flush(t.Context()); err != nil {
						return err
					}
				}
			}
			return nil
		})
		if err != nil {
			t.Errorf("round %d: %v", round, err)
		}
	}
}
