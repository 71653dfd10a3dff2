package core_test

import (
	"context"
	"slices"
	"testing"

	"github.com/portolan-io/portolan/core"
	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/record"
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
	witness []repository.Mutation // in place of one that never holds
	settled []bool
	gone    int // of those that were abandoned
}

func (w *witnessing) Fence(ctx context.Context, collection string, tags []string) (cache.Fence, error) {
	fence, err := w.Coherent.Fence(ctx, collection, tags)
	if w.begun++; w.begun <= w.ended {
		fence.Witness = []repository.Mutation{{Op: repository.Check, Collection: w.of, ID: "nobody", If: repository.At("gone")}}
		if w.witness != nil {
			fence.Witness = w.witness
		}
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

// A cutting store ends a Load after its first row, and what the fence witnesses with
// it; or it fails for another reason.
type cutting struct {
	repository.Store
	cut   func() error
	loads int
}

func (c *cutting) Load(ctx context.Context, load repository.Load) (repository.Loaded, error) {
	if c.loads++; c.loads > 1 {
		return c.Store.Load(ctx, load)
	}
	part := load
	part.Rows = load.Rows[:1]
	loaded, err := c.Store.Load(ctx, part)
	if err != nil {
		return loaded, err
	}
	return loaded, c.cut()
}

// An import goes on behind another fence where its own ended in the middle, with no
// row twice; what failed for another reason is told.
func TestImportsBehindFencesThatEnded(t *testing.T) {
	gone := fault.New(fault.Stale, "test", "the record has changed")
	for _, tt := range []struct {
		name    string
		ends    bool // the fence
		loaded  int64
		wrong   fault.Kind
		fences  int
		abandon int
	}{
		{"the fence ended", true, 3, "", 2, 0},
		{"something else changed", false, 1, fault.Conflict, 1, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			store, c := newStore(t), &witnessing{Coherent: newCache(t), ended: 1}
			newAPI(t, store)
			cut := &cutting{Store: store}
			api := readingThrough(t, cut, c, core.Caching{}, nil)
			c.of = api.Schemas()[3] // the mode
			witness := func(state string) repository.Mutation {
				fields := make([]record.Value, len(c.of.Fields))
				fields[0], fields[1] = record.String("member-x"), record.String(state)
				return repository.Mutation{Op: repository.Put, Collection: c.of, ID: "member-x", Revision: "r1", Fields: fields}
			}
			if _, err := store.Apply(t.Context(), []repository.Mutation{witness("member")}); err != nil {
				t.Fatal(err)
			}
			c.witness = []repository.Mutation{{Op: repository.Check, Collection: c.of, ID: "member-x", If: repository.At("r1")}}
			cut.cut = func() error {
				if tt.ends {
					if _, err := store.Apply(t.Context(), []repository.Mutation{{Op: repository.Delete, Collection: c.of, ID: "member-x"}}); err != nil {
						t.Fatal(err)
					}
				}
				return gone
			}
			summary, err := api.Import(t.Context(), operator, core.ImportRequest{
				Collection: "categories", Source: source("c.csv", "id,name\n7,Pots\n8,Pans\n9,Urns\n"), MaxRejects: -1,
			})
			if summary.Loaded != tt.loaded || summary.Rejected != 0 || (err != nil) != (tt.wrong != "") {
				t.Errorf("loaded %d rows, rejected %d, %v; want %d and none", summary.Loaded, summary.Rejected, err, tt.loaded)
			}
			if c.begun != tt.fences || c.gone != tt.abandon {
				t.Errorf("got %d fences, %d of them abandoned, want %d and %d", c.begun, c.gone, tt.fences, tt.abandon)
			}
		})
	}
}
