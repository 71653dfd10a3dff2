package coherence_test

import (
	"context"
	"crypto/rand"
	"io"
	"log/slog"
	"net/http"
	"testing"

	"github.com/portolan-io/portolan/adapters/bigcache"
	"github.com/portolan-io/portolan/adapters/httpapi"
	"github.com/portolan-io/portolan/adapters/layer"
	"github.com/portolan-io/portolan/adapters/memory"
	"github.com/portolan-io/portolan/adapters/postgres"
	"github.com/portolan-io/portolan/adapters/redis"
	"github.com/portolan-io/portolan/adapters/sqlite"
	"github.com/portolan-io/portolan/core"
	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/policy"
	"github.com/portolan-io/portolan/core/schema"
	"github.com/portolan-io/portolan/ports/auth"
	"github.com/portolan-io/portolan/ports/cache"
	"github.com/portolan-io/portolan/ports/repository"
	"github.com/portolan-io/portolan/ports/secrets"
	"github.com/portolan-io/portolan/test/servers"
)

// parts are what a server under test is made of.
type parts struct {
	store    func(t *testing.T) repository.Store
	cache    func(t *testing.T) cache.Cache
	coherent func(c cache.Coherent, store repository.Store) cache.Coherent // what breaks the cache; nil breaks nothing
	layer    func(repository.Store) repository.Store                       // what disturbs the store; nil disturbs nothing
	schemas  func(t *testing.T) []core.Collection                          // nil is items
	apart    []cache.Coherent                                              // of instances that share what is needed; else there is one with cache
	running  []*server                                                     // if there are some already
}

// A server is the whole service in this process, without sockets.
type server struct {
	http.Handler
	api   *core.API
	store repository.Store // without the layer
	looks *looks
	again *core.Rereads // nil of what runs elsewhere
}

// rereadOneIn is of how many hits one is read again by the server itself, which
// must find none that is stale: clients find these.
const rereadOneIn = 8

// operator is the process itself, which seeds.
var operator = policy.Principal{Local: true}

// identify takes whatever token there is for a subject: "admin", or who owns records.
func identify(_ context.Context, c auth.Credential) (policy.Principal, error) {
	if c.Token == "" {
		return policy.Principal{}, fault.New(fault.Unauthenticated, "test.identify", "the credential is not valid")
	}
	role := "owner"
	if c.Token == "admin" {
		role = "admin"
	}
	return policy.Principal{Issuer: "test", Subject: c.Token, Roles: []string{role}}, nil
}

func newServer(t *testing.T, p parts) *server {
	t.Helper()
	return newInstance(t, p, p.store(t), layer.Coherent(p.cache(t)))
}

// newInstances returns the servers of one service.
func newInstances(t *testing.T, p parts) []*server {
	t.Helper()
	switch {
	case p.running != nil:
		return p.running
	case p.apart == nil:
		return []*server{newServer(t, p)}
	}
	store := p.store(t)
	instances := make([]*server, len(p.apart))
	for i, coherent := range p.apart {
		instances[i] = newInstance(t, p, store, coherent)
	}
	return instances
}

func newInstance(t *testing.T, p parts, store repository.Store, coherent cache.Coherent) *server {
	t.Helper()
	s := &server{store: store, looks: &looks{}, again: core.NewRereads(rereadOneIn, nil)}
	if p.layer != nil {
		store = p.layer(store)
	}
	if p.coherent != nil {
		coherent = p.coherent(coherent, s.store)
	}
	s.looks.Coherent = coherent
	if p.schemas == nil {
		p.schemas = items
	}
	var err error
	s.api, err = core.New(core.Config{
		Store: store, Collections: p.schemas(t), Cache: s.looks, CursorKey: []byte("a key for the tests alone"), Rereads: s.again,
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.store.Ensure(t.Context(), s.api.Schemas()); err != nil {
		t.Fatal(err)
	}
	s.Handler, err = httpapi.New(httpapi.Config{
		API: s.api, Identify: identify, Base: "/v1", Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

var itemsSpec = schema.Spec{Name: "items", ID: "id", Fields: []schema.FieldSpec{
	{Name: "id", Type: "string", Max: "16"},
	{Name: "n", Type: "int", Required: true},
	{Name: "shelf", Type: "int", Required: true},
	{Name: "owner", Type: "string", Required: true, Max: "16"},
}}

const shelfField = 2 // its position

// items are what the clients write: each has a number that is written once only,
// and that says where it stands and whose it is.
func items(t *testing.T) []core.Collection {
	everything, own := &policy.RuleSpec{}, &policy.RuleSpec{Where: "owner eq @claims.sub"}
	c := collection(t, itemsSpec,
		policy.GrantSpec{Role: "admin", Read: everything, Create: everything, Update: everything, Delete: everything},
		policy.GrantSpec{Role: "owner", Read: own})
	c.Cache = core.Caching{Class: core.Strict, Scopes: []int{shelfField}}
	return []core.Collection{c}
}

func collection(t *testing.T, spec schema.Spec, grants ...policy.GrantSpec) core.Collection {
	t.Helper()
	c, err := schema.New(spec)
	if err != nil {
		t.Fatal(err)
	}
	access, err := policy.Compile(c, grants)
	if err != nil {
		t.Fatal(err)
	}
	return core.Collection{Schema: c, Access: access}
}

func inMemory(t *testing.T) repository.Store {
	t.Helper()
	s, err := memory.Open(t.Context(), memory.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func inPostgreSQL(t *testing.T) repository.Store {
	t.Helper()
	s, err := postgres.Open(t.Context(), postgres.Config{DSN: secrets.Fixed(servers.PostgreSQL(t))})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func inSQLite(t *testing.T) repository.Store {
	t.Helper()
	s, err := sqlite.Open(t.Context(), sqlite.Config{Path: t.TempDir() + "/items.db", Synchronous: "normal"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func cachedInMemory(t *testing.T) cache.Cache {
	t.Helper()
	c, err := memory.OpenCache(t.Context(), memory.CacheConfig{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func cachedInBigcache(t *testing.T) cache.Cache {
	t.Helper()
	c, err := bigcache.Open(t.Context(), bigcache.Config{MaxMB: 8})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func cachedInRedis(t *testing.T) cache.Cache {
	t.Helper()
	c, err := redis.Open(t.Context(), redis.Config{Addrs: []string{servers.Redis(t)}, Prefix: rand.Text()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}
