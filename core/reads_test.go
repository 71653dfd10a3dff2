package core_test

import (
	"context"
	"math/rand/v2"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/portolan-io/portolan/adapters/sqlite"
	"github.com/portolan-io/portolan/core"
	"github.com/portolan-io/portolan/core/policy"
	"github.com/portolan-io/portolan/core/query"
	"github.com/portolan-io/portolan/core/query/querytest"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/core/schema"
	"github.com/portolan-io/portolan/ports/cache"
	"github.com/portolan-io/portolan/ports/repository"
)

// onEveryStore runs the test over the stores, and over one that can do little itself.
func onEveryStore(t *testing.T, test func(t *testing.T, store repository.Store)) {
	t.Run("memory", func(t *testing.T) { test(t, newStore(t)) })
	t.Run("sqlite", func(t *testing.T) { test(t, newSQLite(t)) })
	t.Run("weak", func(t *testing.T) { test(t, weak{newStore(t)}) })
}

func newSQLite(t *testing.T) repository.Store {
	t.Helper()
	store, err := sqlite.Open(t.Context(), sqlite.Config{Path: filepath.Join(t.TempDir(), "test.db"), Synchronous: "normal"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	return store
}

// bookshop is books with their authors: critics see only living authors, and no
// notes; others see no authors at all, and none but the admin sees rivals.
func bookshop(t *testing.T) []core.Collection {
	t.Helper()
	everything := &policy.RuleSpec{}
	authors := collection(t, schema.Spec{Name: "authors", ID: "name", Fields: []schema.FieldSpec{
		{Name: "name", Type: "string", Max: "40"}, {Name: "alive", Type: "bool"}, {Name: "note", Type: "string"},
	}}, all("admin", ""), policy.GrantSpec{Role: "critic", Read: &policy.RuleSpec{Where: "alive"}, Hide: []string{"note"}})
	books := collection(t, schema.Spec{Name: "books", ID: "id", MaxScan: 50, Fields: []schema.FieldSpec{
		{Name: "id", Type: "int"},
		{Name: "title", Type: "string"},
		{Name: "authorId", Type: "string", References: "authors"},
		{Name: "sequel_to", Type: "int", References: "books", Expand: "before"},
		{Name: "rival_id", Type: "string", References: "authors"},
		{Name: "price", Type: "decimal", Precision: 18, Scale: 2},
	}}, all("admin", ""),
		policy.GrantSpec{Role: policy.Anonymous, Read: everything, Hide: []string{"rival_id"}})
	shelf, err := books.Schema.View(schema.ViewSpec{Name: "shelf", Fields: []schema.ViewField{
		{Name: "price", From: "title"}, {Name: "number", From: "id"}, {Name: "cost", From: "price"}, {Name: "writer", From: "authorId", Expand: "author"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	access, err := policy.Compile(shelf, []policy.GrantSpec{
		{Role: "admin", Read: everything}, {Role: "critic", Read: &policy.RuleSpec{Where: "number lt 4"}, Hide: []string{"cost"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return []core.Collection{authors, books, {Schema: shelf, Access: access}}
}

var critic = policy.Principal{Issuer: "test", Subject: "cy", Roles: []string{"critic"}}

// newBookshop returns an API over the store, perhaps behind a cache.
func newBookshop(t *testing.T, store repository.Store, c cache.Coherent) *core.API {
	t.Helper()
	api, err := core.New(core.Config{Store: store, Collections: bookshop(t), Cache: c, CursorKey: []byte("of all")})
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Ensure(t.Context(), api.Schemas()); err != nil {
		t.Fatal(err)
	}
	return api
}

// stock stores three authors and five books.
func stock(t *testing.T, api *core.API) {
	t.Helper()
	create(t, api, "authors", `{"name":"Ann","alive":true,"note":"kind"}`, `{"name":"Bob","alive":false}`, `{"name":"Cleo","alive":true}`)
	create(t, api, "books",
		`{"id":1,"title":"One","authorId":"Ann","rival_id":"Bob","price":10.00}`,
		`{"id":2,"title":"Two","authorId":"Bob","sequel_to":1,"price":20.50}`,
		`{"id":3,"title":"Three","authorId":"Ann","sequel_to":99,"price":null}`,
		`{"id":4,"title":"Four","authorId":"nobody","sequel_to":2,"price":1.75}`,
		`{"id":5,"title":"Five"}`)
}

// tallied counts what its store is asked for.
type tallied struct {
	repository.Store
	gets, finds, aggregates atomic.Int64
}

func (s *tallied) Get(ctx context.Context, view query.View, ids []record.ID) ([]record.Row, error) {
	s.gets.Add(1)
	return s.Store.Get(ctx, view, ids)
}

func (s *tallied) Find(ctx context.Context, q query.Query) (repository.Page, error) {
	s.finds.Add(1)
	return s.Store.Find(ctx, q)
}

func (s *tallied) Aggregate(ctx context.Context, a query.Aggregation) ([]query.Group, error) {
	s.aggregates.Add(1)
	return s.Store.Aggregate(ctx, a)
}

// fill stores random records of the collection, of which a third of all values
// that may be are null.
func fill(t *testing.T, store repository.Store, c *schema.Collection, rng *rand.Rand, n int) [][]record.Value {
	t.Helper()
	all := make([][]record.Value, n)
	batch := make([]repository.Mutation, n)
	for i := range all {
		all[i] = querytest.RandomRecord(rng, c, 0.33)
		id, err := c.IDOf(all[i])
		if err != nil {
			t.Fatal(err)
		}
		batch[i] = repository.Mutation{Op: repository.Put, Collection: c, ID: id, Revision: "r", Fields: all[i]}
	}
	if _, err := store.Apply(t.Context(), batch); err != nil {
		t.Fatal(err)
	}
	return all
}
