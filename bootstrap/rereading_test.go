package bootstrap

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/portolan-io/portolan/adapters/layer"
	"github.com/portolan-io/portolan/adapters/memory"
	"github.com/portolan-io/portolan/core"
	"github.com/portolan-io/portolan/core/policy"
	"github.com/portolan-io/portolan/core/schema"
	"github.com/portolan-io/portolan/ports/cache"
)

// unfenced is a cache that no write ends anything of.
type unfenced struct{ cache.Coherent }

func (unfenced) Fence(context.Context, string, []string) (cache.Fence, error) {
	return cache.Fence{Publish: func(context.Context, bool) error { return nil }}, nil
}

// TestStaleReadIsLogged shows that a stale read is one warning, which has the
// collection and nothing of what was read.
func TestStaleReadIsLogged(t *testing.T) {
	kept, err := memory.OpenCache(t.Context(), memory.CacheConfig{})
	if err != nil {
		t.Fatal(err)
	}
	store, err := memory.Open(t.Context(), memory.Config{})
	if err != nil {
		t.Fatal(err)
	}
	things, err := schema.New(schema.Spec{Name: "things", ID: "id", Fields: []schema.FieldSpec{{Name: "id", Type: "string"}, {Name: "n", Type: "int"}}})
	if err != nil {
		t.Fatal(err)
	}
	everything := &policy.RuleSpec{}
	access, err := policy.Compile(things, []policy.GrantSpec{{Role: "admin", Read: everything, Create: everything, Update: everything}})
	if err != nil {
		t.Fatal(err)
	}
	log := &lines{told: make(chan struct{}, 1)}
	s := &settings{Config: Config{Cache: Choice{Driver: "memory"}, Service: Service{Rereads: 1}}}
	rereads := newRereads(s, &watching{}, slog.New(slog.NewJSONHandler(log, nil)))
	api, err := core.New(core.Config{
		Store: store, Cache: unfenced{layer.Coherent(kept)}, Rereads: rereads, Collections: []core.Collection{{Schema: things, Access: access}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Ensure(t.Context(), api.Schemas()); err != nil {
		t.Fatal(err)
	}
	admin := policy.Principal{Issuer: "test", Subject: "ada", Roles: []string{"admin"}}
	for n := range 2 {
		if _, err := api.Replace(t.Context(), admin, "things", "secret", fmt.Appendf(nil, `{"n":%d}`, n), core.How{}); err != nil {
			t.Fatal(err)
		}
		if _, err := api.Get(t.Context(), admin, "things", "secret", core.GetRequest{}); err != nil {
			t.Fatal(err)
		}
	}
	end := rereading(t.Context(), rereads)
	<-log.told
	end()
	var line map[string]any
	if err := json.Unmarshal(log.Bytes(), &line); err != nil {
		t.Fatalf("%v in %s", err, log)
	}
	delete(line, "time")
	want := map[string]any{"level": "WARN", "msg": "the cache answered what a write had changed", "collection": "things"}
	if diff := cmp.Diff(want, line); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// lines are a log that tells when there is the first.
type lines struct {
	bytes.Buffer
	told chan struct{}
}

func (l *lines) Write(p []byte) (int, error) {
	defer func() { l.told <- struct{}{} }()
	return l.Buffer.Write(p)
}
