package httpapi

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// A discard is a writer that keeps only its header.
type discard struct{ header http.Header }

func (d discard) Header() http.Header         { return d.header }
func (d discard) Write(p []byte) (int, error) { return len(p), nil }
func (d discard) WriteHeader(int)             {}

// BenchmarkHandler measures a whole request over the memory store.
func BenchmarkHandler(b *testing.B) {
	f := newFixture(b, func(c *Config) { c.Log = slog.New(slog.NewJSONHandler(io.Discard, nil)) })
	f.addCategories(b, 100)
	for _, bench := range []struct{ name, target string }{
		{"get", "/v1/products/B001"},
		{"list", "/v1/products?$filter=category_id%20eq%202&$first=10"},
		{"page", "/v1/categories?$first=100"},
		{"missing", "/v1/products/B999"},
		{"livez", "/livez"},
	} {
		b.Run(bench.name, func(b *testing.B) {
			b.ReportAllocs()
			r := httptest.NewRequestWithContext(b.Context(), "GET", bench.target, nil)
			for b.Loop() {
				clear(discarded.header)
				f.ServeHTTP(discarded, r)
			}
		})
	}
}

// addCategories stores n categories whose names are 50 octets long.
func (f fixture) addCategories(b *testing.B, n int) {
	b.Helper()
	var lines strings.Builder
	for i := range n {
		fmt.Fprintf(&lines, "{\"id\":%d,\"name\":%q}\n", 1000+i, strings.Repeat("x", 50))
	}
	w := f.do(b, http.MethodPost, "/v1/categories", lines.String(), "X-API-Key", "ada", "Content-Type", "application/x-ndjson")
	if w.Code != http.StatusCreated {
		b.Fatalf("POST of %d categories: got %d %s", n, w.Code, w.Body)
	}
}

var discarded = discard{make(http.Header)}
