package core_test

import (
	"context"
	"errors"
	"path/filepath"
	"testing"

	"github.com/portolan-io/portolan/adapters/sqlite"
	"github.com/portolan-io/portolan/core"
	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/query"
	"github.com/portolan-io/portolan/ports/cache"
	"github.com/portolan-io/portolan/ports/cache/cachetest"
	"github.com/portolan-io/portolan/ports/repository"
)

func TestMembersSuite(t *testing.T) {
	for _, tt := range []struct {
		name string
		open func(t *testing.T) repository.Store
	}{
		{"memory", func(t *testing.T) repository.Store { return &durable{Store: newStore(t)} }},
		{"sqlite", func(t *testing.T) repository.Store {
			store, err := sqlite.Open(t.Context(), sqlite.Config{Path: filepath.Join(t.TempDir(), "mode.db"), Synchronous: "normal"})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { store.Close() })
			return store
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cachetest.RunModes(t, func(t *testing.T) cachetest.Agreed {
				store := tt.open(t)
				newAPI(t, store)
				api := command(t, store)
				return cachetest.Agreed{Modes: core.NewMembers(store, nil), Store: store, Hold: func(ctx context.Context) (func(context.Context) error, error) {
					return api.Hold(ctx, operator)
				}}
			})
		})
	}
}

// Of two instances one joins while the other ends all memberships: it is no member
// then, or the mode is what it joined.
func TestSwitchWhileSomebodyJoins(t *testing.T) {
	below := newStore(t)
	newAPI(t, below)
	store := &whenFound{Store: below}
	modes := core.NewMembers(store, nil)
	idle := cache.Mode{State: cache.Idle, Epoch: "one"}
	if switched, err := modes.Switch(t.Context(), cache.Mode{}, idle); !switched || err != nil {
		t.Fatal(switched, err)
	}
	var member cache.Member
	store.then = func() { // between the look for members and the end of those that were found
		store.then = nil
		var joined bool
		var err error
		if member, joined, err = core.NewMembers(below, nil).Join(t.Context(), idle); !joined || err != nil {
			t.Error(joined, err)
		}
	}
	if switched, err := modes.Switch(t.Context(), idle, cache.Mode{State: cache.On, Epoch: "two", Server: "s"}); !switched || err != nil {
		t.Fatal(switched, err)
	}
	if store.then != nil {
		t.Fatal("nobody joined")
	}
	if _, err := below.Apply(t.Context(), member.Witness); !errors.Is(err, fault.Stale) {
		t.Errorf("the member that joined meanwhile still writes: %v", err)
	}
}

// A whenFound has something happen when members were looked for.
type whenFound struct {
	repository.Store
	then func()
}

func (w *whenFound) Find(ctx context.Context, q query.Query) (repository.Page, error) {
	page, err := w.Store.Find(ctx, q)
	if w.then != nil && q.Limit == 300 {
		w.then()
	}
	return page, err
}
