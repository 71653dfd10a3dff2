package repositorytest_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/portolan-io/portolan/ports/contract"
	"github.com/portolan-io/portolan/ports/repository"
	"github.com/portolan-io/portolan/ports/repository/repositorytest"
)

// A handle is one of several openings of a store: closing it closes nothing.
type handle struct{ repository.Store }

func (handle) Close() error { return nil }

func (handle) Capabilities() repository.Capabilities {
	return repository.Capabilities{Durable: true}
}

func TestRunDurable(t *testing.T) {
	places := make(map[string]repository.Store)
	repositorytest.RunDurable(t, func(t repositorytest.T, directory string) repository.Store {
		if places[directory] == nil {
			places[directory] = openMemory(t)
		}
		return handle{places[directory]}
	})
}

// A store that forgets, and does not say that it is durable, fails every case.
func TestForgettingStoreIsCaught(t *testing.T) {
	var want []string
	for _, c := range repositorytest.DurableCases() {
		want = append(want, c.Name)
	}
	got := contract.Failing(t.Context(), repositorytest.DurableCases(), func(contract.T) repositorytest.Place {
		return func(t repositorytest.T) repository.Store { return openMemory(t) }
	})
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("cases that fail (-want +got):\n%s", diff)
	}
}
