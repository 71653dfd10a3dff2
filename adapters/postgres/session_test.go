package postgres

import (
	"errors"
	"fmt"
	"testing"

	"github.com/portolan-io/portolan/adapters/internal/gormstore"
	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/query"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/core/schema"
	"github.com/portolan-io/portolan/ports/repository"
	"github.com/portolan-io/portolan/ports/secrets"
	"github.com/portolan-io/portolan/test/servers"
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

// TestTableChanges has another program change a column's type, and drop what was
// prepared: a read is told so once, a write does not even notice.
func TestTableChanges(t *testing.T) {
	dsn := servers.PostgreSQL(t)
	store, err := Open(t.Context(), Config{DSN: secrets.Fixed(dsn), MaxConns: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	c := counters(t)
	if err := store.Ensure(t.Context(), []*schema.Collection{c}); err != nil {
		t.Fatal(err)
	}
	read := func() error {
		_, err := store.Get(t.Context(), query.View{Collection: c, Needs: []int{1}}, []record.ID{"1"})
		return err
	}
	write := func(n int64) error {
		m := counter(c, 1, n, repository.Always)
		m.Needs = []int{1}
		_, err := store.Apply(t.Context(), []repository.Mutation{m})
		return err
	}
	if err := errors.Join(write(1), read()); err != nil {
		t.Fatal(err)
	}
	is, other := "bigint", "integer"
	for i, change := range []func(){
		func() {
			byHand(t, dsn, "ALTER TABLE counters ALTER n TYPE "+other)
			is, other = other, is
		},
		func() {
			if err := store.engine.alone(t.Context(), "DEALLOCATE ALL"); err != nil {
				t.Fatal(err)
			}
		},
	} {
		change()
		if err := read(); fault.KindOf(err) != fault.Unavailable {
			t.Errorf("change %d: the first read: got %v, want it unavailable", i, err)
		}
		if err := read(); err != nil {
			t.Errorf("change %d: the second read: %v", i, err)
		}
		change()
		if err := write(int64(i + 2)); err != nil {
			t.Errorf("change %d: a write: %v", i, err)
		}
	}
}
