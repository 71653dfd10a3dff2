package postgres

import (
	"os"
	"testing"

	"github.com/portolan-io/portolan/ports/repository"
	"github.com/portolan-io/portolan/ports/repository/repositorytest"
	"github.com/portolan-io/portolan/ports/secrets"
	"github.com/portolan-io/portolan/test/servers"
)

func TestMain(m *testing.M) { os.Exit(servers.Main(m)) }

// openTest opens a store over a database of its own, which the test closes.
func openTest(t testing.TB) *Store {
	t.Helper()
	return openAt(t, servers.PostgreSQL(t))
}

func openAt(t testing.TB, dsn string) *Store {
	t.Helper()
	store, err := Open(t.Context(), Config{DSN: secrets.Fixed(dsn)})
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

func TestContract(t *testing.T) {
	repositorytest.Run(t, func(t *testing.T) repository.Store { return openTest(t) })
}
