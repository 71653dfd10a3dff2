package httpapi

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/portolan-io/portolan/adapters/bigcache"
	"github.com/portolan-io/portolan/adapters/layer"
	"github.com/portolan-io/portolan/adapters/local"
	"github.com/portolan-io/portolan/adapters/prometheus"
	"github.com/portolan-io/portolan/adapters/sqlite"
	"github.com/portolan-io/portolan/core"
	"github.com/portolan-io/portolan/core/policy"
	"github.com/portolan-io/portolan/core/schema"
	"github.com/portolan-io/portolan/ports/auth"
)

// BenchmarkHot measures what is asked most, through the whole handler but without
// net/http: from the cache and from SQLite, by anybody without telemetry, with
// everything that is on where a token, metrics and the access log are. The same
// under load, beside net/http and limits, is in test/load/bench.
func BenchmarkHot(b *testing.B) {
	list := "/v1/products?$filter=" + url.PathEscape("category_id eq 3 and price ge 2") + "&$orderby=stars%20desc&$first=20"
	for _, cached := range []bool{true, false} {
		for _, everything := range []bool{false, true} {
			handler, header := hotHandler(b, cached, everything)
			for name, address := range map[string]string{"get": "/v1/products/B003", "list": list} {
				b.Run(fmt.Sprintf("%s/cached=%t/everything=%t", name, cached, everything), func(b *testing.B) {
					r, err := http.NewRequestWithContext(b.Context(), http.MethodGet, address, nil)
					if err != nil {
						b.Fatal(err)
					}
					r.Header, r.RemoteAddr = header, "127.0.0.1:4711"
					w := &nowhere{header: http.Header{}}
					b.ReportAllocs()
					for b.Loop() {
						clear(w.header)
						if handler.ServeHTTP(w, r); w.status != http.StatusOK {
							b.Fatalf("%s: %d", address, w.status)
						}
					}
				})
			}
		}
	}
}

// nowhere is a http.ResponseWriter that keeps the status alone.
type nowhere struct {
	header http.Header
	status int
}

func (d *nowhere) Header() http.Header         { return d.header }
func (d *nowhere) WriteHeader(status int)      { d.status = status }
func (d *nowhere) Write(p []byte) (int, error) { return len(p), nil }

// hotHandler returns the handler over SQLite with some products, and the header
// that its requests have.
func hotHandler(b *testing.B, cached, everything bool) (http.Handler, http.Header) {
	b.Helper()
	products, access := hotCollection(b)
	store, err := sqlite.Open(b.Context(), sqlite.Config{Path: b.TempDir() + "/hot.db"})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { store.Close() })
	config := core.Config{Store: store, Collections: []core.Collection{{Schema: products, Access: access}}}
	if cached {
		kept, err := bigcache.Open(b.Context(), bigcache.Config{})
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { kept.Close() })
		config.Cache = layer.Coherent(kept)
	}
	site, header := Config{Base: "/v1", Log: slog.New(slog.DiscardHandler)}, http.Header{}
	var authenticators []auth.Authenticator
	if everything {
		observer, err := prometheus.Open(b.Context(), prometheus.Config{})
		if err != nil {
			b.Fatal(err)
		}
		issuer, err := local.Open(b.Context(), local.Config{})
		if err != nil {
			b.Fatal(err)
		}
		token, err := issuer.Issue(b.Context(), policy.Principal{Subject: "anna", Roles: []string{"admin"}}, time.Hour)
		if err != nil {
			b.Fatal(err)
		}
		header.Set("Authorization", "Bearer "+token)
		authenticators = []auth.Authenticator{layer.Remember(layer.TraceAuth(issuer, observer), nil)}
		config.Store = layer.Trace(store, observer)
		site.Observer, site.Log = observer, slog.New(slog.NewJSONHandler(io.Discard, nil))
	}
	if site.API, err = core.New(config); err != nil {
		b.Fatal(err)
	}
	if err := store.Ensure(b.Context(), site.API.Schemas()); err != nil {
		b.Fatal(err)
	}
	for i := range 100 {
		body := fmt.Sprintf(`{"asin":"B%03d","title":"Northwind Foldable Kettle with Automatic Shut-off (Graphite), Cool-touch Handle",`+
			`"imgUrl":"https://images.example/I/AB12CD34EF5._AC_UL320_.jpg","stars":4.%d,"price":%d.99,"category_id":%d}`, i, i%10, 2+i, i%4)
		if _, err := site.API.Create(b.Context(), policy.Principal{Local: true}, "products", [][]byte{[]byte(body)}, core.How{}); err != nil {
			b.Fatal(err)
		}
	}
	site.Identify = core.NewIdentity(config, authenticators).Identify
	handler, err := New(site)
	if err != nil {
		b.Fatal(err)
	}
	return handler, header
}

// hotCollection returns the products, which everybody may read.
func hotCollection(b *testing.B) (*schema.Collection, policy.Access) {
	b.Helper()
	products, err := schema.New(schema.Spec{Name: "products", ID: "asin", Indexes: [][]string{{"category_id", "stars desc"}}, Fields: []schema.FieldSpec{
		{Name: "asin", Type: "string", Max: "16"}, {Name: "title", Type: "string", Required: true}, {Name: "imgUrl", Type: "string"},
		{Name: "productURL", Type: "string"}, {Name: "stars", Type: "float"}, {Name: "reviews", Type: "int"},
		{Name: "price", Type: "decimal", Precision: 12, Scale: 2}, {Name: "listPrice", Type: "decimal", Precision: 12, Scale: 2},
		{Name: "category_id", Type: "int"}, {Name: "isBestSeller", Type: "bool"}, {Name: "boughtInLastMonth", Type: "int"},
		{Name: "seller", Type: "string"}, {Name: "cost", Type: "decimal", Precision: 12, Scale: 2},
	}})
	if err != nil {
		b.Fatal(err)
	}
	rule := &policy.RuleSpec{}
	access, err := policy.Compile(products, []policy.GrantSpec{
		{Role: policy.Anonymous, Read: rule},
		{Role: "seller", Read: rule, Create: &policy.RuleSpec{Where: "seller eq @claims.sub"}},
		{Role: "admin", Read: rule, Create: rule, Update: rule, Delete: rule},
	})
	if err != nil {
		b.Fatal(err)
	}
	return products, access
}
