package datastore

import (
	"crypto/rand"
	"os"
	"strings"
	"testing"

	"github.com/portolan-io/portolan/ports/repository"
	"github.com/portolan-io/portolan/ports/repository/repositorytest"
	"github.com/portolan-io/portolan/test/servers"
)

func TestMain(m *testing.M) { os.Exit(servers.Main(m)) }

// opened returns a store in the namespace.
func opened(t repositorytest.T, cfg Config) *Store {
	t.Helper()
	s, err := Open(t.Context(), cfg)
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// TestContract reads as production does, but where somebody writes meanwhile: there the
// emulator shows half of a commit to who does not lock.
func TestContract(t *testing.T) {
	emulator := servers.Datastore(t)
	repositorytest.Run(t, func(t *testing.T) repository.Store {
		s := opened(t, Config{Emulator: emulator, Namespace: rand.Text()})
		s.locks = strings.Contains(t.Name(), "/Concurrency/")
		return s
	})
}

func TestDurable(t *testing.T) {
	emulator := servers.Datastore(t)
	namespaces := map[string]string{}
	repositorytest.RunDurable(t, func(t repositorytest.T, directory string) repository.Store {
		if namespaces[directory] == "" {
			namespaces[directory] = rand.Text()
		}
		return opened(t, Config{Emulator: emulator, Namespace: namespaces[directory]})
	})
}
