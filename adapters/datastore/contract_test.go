package datastore_test

import (
	"crypto/rand"
	"os"
	"testing"

	"github.com/portolan-io/portolan/adapters/datastore"
	"github.com/portolan-io/portolan/ports/repository"
	"github.com/portolan-io/portolan/ports/repository/repositorytest"
	"github.com/portolan-io/portolan/test/servers"
)

func TestMain(m *testing.M) { os.Exit(servers.Main(m)) }

// open opens a store in the namespace.
func open(t repositorytest.T, cfg datastore.Config) *datastore.Store {
	t.Helper()
	s, err := datastore.Open(t.Context(), cfg)
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func TestContract(t *testing.T) {
	emulator := servers.Datastore(t)
	repositorytest.Run(t, func(t *testing.T) repository.Store {
		return open(t, datastore.Config{Emulator: emulator, Namespace: rand.Text()})
	})
}

func TestDurable(t *testing.T) {
	emulator := servers.Datastore(t)
	namespaces := map[string]string{}
	repositorytest.RunDurable(t, func(t repositorytest.T, directory string) repository.Store {
		if namespaces[directory] == "" {
			namespaces[directory] = rand.Text()
		}
		return open(t, datastore.Config{Emulator: emulator, Namespace: namespaces[directory]})
	})
}
