package bootstrap

import (
	"context"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"github.com/portolan-io/portolan/adapters/memory"
	"github.com/portolan-io/portolan/core"
	"github.com/portolan-io/portolan/core/query"
	"github.com/portolan-io/portolan/core/schema"
)

// What has expired is removed without anybody asking for it, until the end.
func TestSweeping(t *testing.T) {
	store, err := memory.Open(t.Context(), memory.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	things, err := schema.New(schema.Spec{Name: "things", Fields: []schema.FieldSpec{{Name: "name", Type: "string"}}})
	if err != nil {
		t.Fatal(err)
	}
	var hours atomic.Int64
	api, err := core.New(core.Config{Store: store, Collections: []core.Collection{{Schema: things}}, Now: func() time.Time {
		return time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(hours.Load()) * time.Hour)
	}})
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Ensure(t.Context(), api.Schemas()); err != nil {
		t.Fatal(err)
	}
	how := core.How{Once: &core.Once{Key: "k", Answer: func(core.Written) []byte { return []byte("done") }}}
	if _, err := api.Create(t.Context(), operator(), "things", [][]byte{[]byte(`{"name":"n"}`)}, how); err != nil {
		t.Fatal(err)
	}
	end := sweeping(context.WithoutCancel(t.Context()), api, time.Millisecond, slog.New(slog.DiscardHandler))
	hours.Store(25)
	for range 2000 {
		if answersKept(t, api, store) == 0 {
			break
		}
		time.Sleep(time.Millisecond)
	}
	end()
	if n := answersKept(t, api, store); n != 0 {
		t.Errorf("%d answers are kept", n)
	}
}

func answersKept(t *testing.T, api *core.API, store *memory.Store) int64 {
	t.Helper()
	for _, c := range api.Schemas() {
		if c.Name != "_idempotency" {
			continue
		}
		groups, err := store.Aggregate(t.Context(), query.Aggregation{Collection: c, Measures: []query.Measure{{Func: query.Count}}, Limit: 1})
		if err != nil {
			t.Fatal(err)
		}
		return groups[0].Measures[0].AsInt()
	}
	t.Fatal("there is no collection of answers")
	return 0
}
