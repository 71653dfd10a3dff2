package core_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/portolan-io/portolan/adapters/memory"
	"github.com/portolan-io/portolan/core"
	"github.com/portolan-io/portolan/core/policy"
	"github.com/portolan-io/portolan/core/schema"
)

// BenchmarkImport is an import without what storing costs: framing, cleaning,
// references, checkpoints.
func BenchmarkImport(b *testing.B) {
	const rows = 100_000
	var text strings.Builder
	text.WriteString("asin,title,stars,price,category_id\n")
	for i := range rows {
		fmt.Fprintf(&text, "P%d,\"A kite, %s\",4.5,12.99,%d\n", i, strings.Repeat("x", 80), 1+i*31%248)
	}
	for b.Loop() {
		api := benchmarked(b)
		summary, err := api.Import(b.Context(), policy.Principal{Local: true}, core.ImportRequest{
			Collection: "products", Source: source("p.csv", text.String()),
		})
		if err != nil || summary.Loaded != rows {
			b.Fatal(summary, err)
		}
	}
	b.SetBytes(int64(text.Len()))
	b.ReportMetric(rows*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}

// benchmarked returns an API with 248 categories, over a store that keeps no products.
func benchmarked(b *testing.B) *core.API {
	b.Helper()
	store, err := memory.Open(b.Context(), memory.Config{})
	if err != nil {
		b.Fatal(err)
	}
	var collections []core.Collection
	for _, spec := range []schema.Spec{
		{Name: "categories", ID: "id", Fields: []schema.FieldSpec{{Name: "id", Type: "int"}}},
		{Name: "products", ID: "asin", Fields: []schema.FieldSpec{
			{Name: "asin", Type: "string", Max: "16"},
			{Name: "title", Type: "string", Required: true, Max: "500"},
			{Name: "stars", Type: "float", Min: "0", Max: "5"},
			{Name: "price", Type: "decimal", Precision: 12, Scale: 2, Min: "0"},
			{Name: "category_id", Type: "int", Required: true, References: "categories", Enforce: true},
		}},
	} {
		c, err := schema.New(spec)
		if err != nil {
			b.Fatal(err)
		}
		collections = append(collections, core.Collection{Schema: c})
	}
	full, err := core.New(core.Config{Store: store, Collections: collections})
	if err != nil {
		b.Fatal(err)
	}
	if err := store.Ensure(b.Context(), full.Schemas()); err != nil {
		b.Fatal(err)
	}
	var categories strings.Builder
	categories.WriteString("id\n")
	for i := range 248 {
		fmt.Fprintln(&categories, i+1)
	}
	_, err = full.Import(b.Context(), policy.Principal{Local: true}, core.ImportRequest{Collection: "categories", Source: source("c.csv", categories.String())})
	if err != nil {
		b.Fatal(err)
	}
	api, err := core.New(core.Config{Store: nowhere{store}, Collections: collections})
	if err != nil {
		b.Fatal(err)
	}
	return api
}
