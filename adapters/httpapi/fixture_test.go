package httpapi

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/portolan-io/portolan/adapters/memory"
	"github.com/portolan-io/portolan/core"
	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/policy"
	"github.com/portolan-io/portolan/core/schema"
	"github.com/portolan-io/portolan/ports/auth"
	"github.com/portolan-io/portolan/ports/repository"
)

// people are who the tests know by their bearer tokens and API keys.
var people = map[string]policy.Principal{
	"ada":  {Issuer: "test", Subject: "ada", Roles: []string{"admin"}},
	"acme": {Issuer: "test", Subject: "acme", Roles: []string{"seller"}},
	"sid":  {Issuer: "test", Subject: "sid"},
}

// identify knows people. The credential of anybody else is refused.
func identify(_ context.Context, c auth.Credential) (policy.Principal, error) {
	if who, ok := people[c.Token]; ok {
		return who, nil
	}
	return policy.Principal{}, fault.New(fault.Unauthenticated, "test.identify", "the credential is not valid")
}

// collections are the catalogue of the documentation in short, notes that each
// owner sees alone and whose ids the server makes, and a vault that only
// administrators know.
func collections(t testing.TB) []core.Collection {
	t.Helper()
	everything := &policy.RuleSpec{}
	own := &policy.RuleSpec{Where: "seller eq @claims.sub"}
	owned := &policy.RuleSpec{Where: "owner eq @claims.sub"}
	admin := policy.GrantSpec{Role: "admin", Read: everything, Create: everything, Update: everything, Delete: everything}
	all := []core.Collection{
		collection(t, schema.Spec{Name: "categories", ID: "id", Fields: []schema.FieldSpec{
			{Name: "id", Type: "int"},
			{Name: "name", Type: "string", Required: true, Max: "200"},
			{Name: "slug", Type: "string", Max: "200", Derive: "slug(name)"},
		}}, policy.GrantSpec{Role: policy.Anonymous, Read: everything}, admin),
		collection(t, schema.Spec{Name: "products", ID: "asin", Fields: []schema.FieldSpec{
			{Name: "asin", Type: "string", Max: "16"},
			{Name: "title", Type: "string", Required: true, Max: "500"},
			{Name: "price", Type: "decimal", Precision: 12, Scale: 2, Min: "0"},
			{Name: "category_id", Type: "int", Required: true, References: "categories", Enforce: true},
			{Name: "seller", Type: "string", Max: "64"},
			{Name: "cost", Type: "decimal", Precision: 12, Scale: 2},
		}},
			policy.GrantSpec{Role: policy.Anonymous, Read: everything, Hide: []string{"cost", "seller"}},
			policy.GrantSpec{Role: "seller", Read: everything, Create: own, Update: own, Delete: own},
			admin),
		collection(t, schema.Spec{Name: "notes", Fields: []schema.FieldSpec{
			{Name: "owner", Type: "string", Required: true, Max: "64"},
			{Name: "text", Type: "string", Max: "1000"},
		}}, policy.GrantSpec{Role: policy.Authenticated, Read: owned, Create: owned, Update: owned, Delete: owned}),
		collection(t, schema.Spec{Name: "vault", ID: "name", Fields: []schema.FieldSpec{
			{Name: "name", Type: "string", Max: "64"},
		}}, admin),
	}
	return append(all, wares(t, all[1].Schema))
}

// wares are the products in another shape, of which anybody sees the cheap ones.
func wares(t testing.TB, products *schema.Collection) core.Collection {
	t.Helper()
	view, err := products.View(schema.ViewSpec{Name: "wares", Fields: []schema.ViewField{
		{Name: "id", From: "asin"}, {Name: "name", From: "title"}, {Name: "price"}, {Name: "kind", From: "category_id", Expand: "category"}, {Name: "cost"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	access, err := policy.Compile(view, []policy.GrantSpec{
		{Role: policy.Anonymous, Read: &policy.RuleSpec{Where: "price lt 20"}, Hide: []string{"cost"}},
		{Role: "admin", Read: &policy.RuleSpec{}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return core.Collection{Schema: view, Access: access}
}

func collection(t testing.TB, spec schema.Spec, grants ...policy.GrantSpec) core.Collection {
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

// A fixture is a public handler over a memory store with a few records in it.
type fixture struct {
	http.Handler
	log *lockedBuffer
}

// newFixture returns a fixture whose configuration and store change may alter.
func newFixture(t testing.TB, change func(*Config), layers ...func(repository.Store) repository.Store) fixture {
	t.Helper()
	opened, err := memory.Open(t.Context(), memory.Config{})
	if err != nil {
		t.Fatal(err)
	}
	var store repository.Store = opened
	for _, layer := range layers {
		store = layer(store)
	}
	api, err := core.New(core.Config{Store: store, Collections: collections(t), CursorKey: []byte("a key for the tests alone")})
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Ensure(t.Context(), api.Schemas()); err != nil {
		t.Fatal(err)
	}
	uploads, err := core.NewUploads(core.UploadsConfig{API: api, Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	f := fixture{log: &lockedBuffer{}}
	cfg := Config{
		API: api, Uploads: uploads, Identify: identify, Base: "/v1", Docs: DocsPublic,
		Log: slog.New(slog.NewJSONHandler(f.log, nil)), LogKey: []byte("pseudonyms"),
	}
	if change != nil {
		change(&cfg)
	}
	if f.Handler, err = New(cfg); err != nil {
		t.Fatal(err)
	}
	seed(t, api)
	return f
}

// seed stores three categories and three products.
func seed(t testing.TB, api *core.API) {
	t.Helper()
	store(t, api, "categories", []string{
		`{"id":1,"name":"Audio"}`, `{"id":2,"name":"Smart Home"}`, `{"id":12,"name":"Cables & Co"}`,
	})
	store(t, api, "products", []string{
		`{"asin":"B001","title":"Echo","price":49.90,"category_id":2,"seller":"acme","cost":30}`,
		`{"asin":"B002","title":"Echo case","price":9.90,"category_id":2,"seller":"bolt","cost":2}`,
		`{"asin":"B003","title":"Cable a+b; 2 m","price":5,"category_id":12,"seller":"acme","cost":1}`,
	})
}

func store(t testing.TB, api *core.API, name string, bodies []string) {
	t.Helper()
	raw := make([][]byte, len(bodies))
	for i, body := range bodies {
		raw[i] = []byte(body)
	}
	if _, err := api.Create(t.Context(), people["ada"], name, raw, core.How{}); err != nil {
		t.Fatal(err)
	}
}

// do sends one request, whose header is given in pairs.
func (f fixture) do(t testing.TB, method, target, body string, header ...string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, target, strings.NewReader(body))
	for i := 0; i < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	f.ServeHTTP(w, r)
	return w
}

// A lockedBuffer is a log that may be written and read at once.
type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}
