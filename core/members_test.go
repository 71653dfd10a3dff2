package core_test

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/portolan-io/portolan/adapters/sqlite"
	"github.com/portolan-io/portolan/core"
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
