package core_test

import (
	"context"
	"slices"
	"testing"

	"github.com/portolan-io/portolan/core"
	"github.com/portolan-io/portolan/core/schema"
	"github.com/portolan-io/portolan/ports/cache"
	"github.com/portolan-io/portolan/ports/repository"
)

// A witnessing cache has fences that have ended already, as many as it is told.
type witnessing struct {
	cache.Coherent
	of      *schema.Collection
	ended   int
	begun   int
	settled []bool
	gone    int // of those that were abandoned
}

func (w *witnessing) Fence(ctx context.Context, collection string, tags []string) (cache.Fence, error) {
	fence, err := w.Coherent.Fence(ctx, collection, tags)
	if w.begun++; w.begun <= w.ended {
		fence.Witness = []repository.Mutation{{Op: repository.Check, Collection: w.of, ID: "nobody", If: repository.At("gone")}}
	}
	fence.Abandon = func() {
		w.gone++
		_ = fence.Publish(ctx, true)
	}
	publish := fence.Publish
	fence.Publish = func(ctx context.Context, settled bool) error {
		w.settled = append(w.settled, settled)
		return publish(ctx, settled)
	}
	return fence, err
}

// A write whose fence ended before it was stored is done behind another fence, and
// once.
func TestWritesBehindFencesThatEnded(t *testing.T) {
	for _, tt := range []struct {
		name  string
		write func(t *testing.T, api *core.API) error
	}{
		{"patch", func(t *testing.T, api *core.API) error {
			_, err := api.Patch(t.Context(), admin, "products", "A1", []byte(`{"title":"Samovar"}`), keyed("k", 1))
			return err
		}},
		{"key", func(t *testing.T, api *core.API) error {
			_, _, err := api.CreateKey(t.Context(), operator, core.Key{Subject: "bot"})
			return err
		}},
		{"import", func(t *testing.T, api *core.API) error {
			summary, err := api.Import(t.Context(), operator, core.ImportRequest{
				Collection: "categories", Source: source("c.csv", "id,name\n7,Pots\n8,Pans\n"),
			})
			if summary.Loaded != 2 {
				t.Errorf("loaded %d rows, want 2", summary.Loaded)
			}
			return err
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			store, c := newStore(t), &witnessing{Coherent: newCache(t), ended: 3}
			newAPI(t, store)
			api := readingThrough(t, store, c, core.Caching{}, nil)
			c.of = api.Schemas()[0]
			if err := tt.write(t, api); err != nil {
				t.Fatal(err)
			}
			if c.begun != 4 || c.gone != 3 || len(c.settled) != 4 || slices.Contains(c.settled, false) {
				t.Errorf("got %d fences, %d of them abandoned, and %v, want 4, 3, and all of them settled", c.begun, c.gone, c.settled)
			}
		})
	}
}
