package test

import (
	"context"
	"testing"

	"github.com/portolan-io/portolan/core"
	"github.com/portolan-io/portolan/core/policy"
	"github.com/portolan-io/portolan/ports/cache/cachetest"
)

// TestModes has the mode that instances share kept in each store that outlives a
// process.
func TestModes(t *testing.T) {
	for name, open := range stores {
		if name == "memory" {
			continue
		}
		t.Run(name, func(t *testing.T) {
			cachetest.RunModes(t, func(t *testing.T) cachetest.Agreed {
				store, err := open(t)
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { store.Close() })
				api, err := core.New(core.Config{Store: store})
				if err != nil {
					t.Fatal(err)
				}
				if err := store.Ensure(t.Context(), api.Schemas()); err != nil {
					t.Fatal(err)
				}
				return cachetest.Agreed{Modes: core.NewMembers(store, nil), Store: store, Hold: func(ctx context.Context) (func(context.Context) error, error) {
					return api.Hold(ctx, policy.Principal{Local: true})
				}}
			})
		})
	}
}
