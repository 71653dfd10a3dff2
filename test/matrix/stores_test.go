package matrix_test

import (
	"crypto/rand"
	"path/filepath"
	"testing"

	"github.com/portolan-io/portolan/adapters/datastore"
	"github.com/portolan-io/portolan/adapters/layer"
	"github.com/portolan-io/portolan/adapters/memory"
	"github.com/portolan-io/portolan/adapters/postgres"
	"github.com/portolan-io/portolan/adapters/sqlite"
	"github.com/portolan-io/portolan/ports/cache"
	"github.com/portolan-io/portolan/ports/repository"
	"github.com/portolan-io/portolan/ports/secrets"
	"github.com/portolan-io/portolan/test/servers"
)

// stores open a new and empty store each that outlives the process.
var stores = map[string]func(t testing.TB) (repository.Store, error){
	"sqlite": func(t testing.TB) (repository.Store, error) {
		return sqlite.Open(t.Context(), sqlite.Config{Path: filepath.Join(t.TempDir(), "matrix.db"), Synchronous: "normal"})
	},
	"postgres": func(t testing.TB) (repository.Store, error) {
		return postgres.Open(t.Context(), postgres.Config{DSN: secrets.Fixed(servers.PostgreSQL(t))})
	},
	"datastore": func(t testing.TB) (repository.Store, error) {
		return datastore.Open(t.Context(), datastore.Config{Emulator: servers.Datastore(t), Namespace: rand.Text()})
	},
}

// opened opens the store of the name, which the test closes.
func opened(t testing.TB, name string) repository.Store {
	t.Helper()
	open := stores[name]
	if name == "memory" {
		return openMemory(t)
	}
	store, err := open(t)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	return store
}

// openMemory opens a store in this process.
func openMemory(t testing.TB) repository.Store {
	t.Helper()
	store, err := memory.Open(t.Context(), memory.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	return store
}

// openCache opens a cache in this process.
func openCache(t testing.TB) cache.Coherent {
	t.Helper()
	below, err := memory.OpenCache(t.Context(), memory.CacheConfig{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { below.Close() })
	return layer.Coherent(below)
}
