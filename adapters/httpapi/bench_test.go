package httpapi

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
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
	for _, bench := range []struct{ name, target string }{
		{"get", "/v1/products/B001"},
		{"list", "/v1/products?$filter=category_id%20eq%202&$first=10"},
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

var discarded = discard{make(http.Header)}
