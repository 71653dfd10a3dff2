package ingest

import (
	"context"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/core/schema"
)

// BenchmarkReader frames and cleans rows of the catalogue, a third of them
// with quotes.
func BenchmarkReader(b *testing.B) {
	c := newCollection(b, schema.Spec{Name: "products", ID: "asin", Fields: []schema.FieldSpec{
		{Name: "asin", Type: "string", Max: "16"}, {Name: "title", Type: "string", Required: true, Max: "500"},
		{Name: "imgUrl", Type: "string", Format: "uri", Max: "500"}, {Name: "productURL", Type: "string", Format: "uri", Max: "500"},
		{Name: "stars", Type: "float", Min: "0", Max: "5"}, {Name: "reviews", Type: "int", Min: "0"},
		{Name: "price", Type: "decimal", Precision: 12, Scale: 2, Min: "0"}, {Name: "listPrice", Type: "decimal", Precision: 12, Scale: 2, Min: "0"},
		{Name: "category_id", Type: "int", Required: true}, {Name: "isBestSeller", Type: "bool"}, {Name: "boughtInLastMonth", Type: "int"},
	}})
	var csv, ndjson strings.Builder
	csv.WriteString("asin,title,imgUrl,productURL,stars,reviews,price,listPrice,category_id,isBestSeller,boughtInLastMonth\n")
	const rows = 10_000
	for i := range rows {
		title := strings.Repeat("Portable Kettle ", 6)
		image, page := "https://images.example/I/C0BW5KU2X01._AC_UL320_.jpg", fmt.Sprintf("https://shop.example/dp/B%09d", i)
		fmt.Fprintf(&ndjson, `{"asin":"B%09d","title":%q,"imgUrl":%q,"productURL":%q,"stars":4.5,"reviews":%d,"price":12.99,"listPrice":0.00,"category_id":12,"isBestSeller":false,"boughtInLastMonth":100}`+"\n",
			i, title, image, page, i)
		if i%3 == 0 {
			title = `"` + title + `, 27"" screen"`
		}
		fmt.Fprintf(&csv, "B%09d,%s,%s,%s,4.5,%d,12.99,0.00,12,False,100\n", i, title, image, page, i)
	}
	for _, file := range []Source{text(CSV, csv.String()), text(NDJSON, ndjson.String())} {
		b.Run(string(file.Format), func(b *testing.B) {
			b.SetBytes(file.Size)
			b.ReportAllocs()
			fields := make([]record.Value, len(c.Fields))
			for b.Loop() {
				r, err := Open(context.Background(), file, Target{Collection: c}, Position{})
				if err != nil {
					b.Fatal(err)
				}
				for range rows {
					if row, err := r.Next(fields); err != nil || row.Reject != nil {
						b.Fatal(err, row.Reject)
					}
				}
				if _, err := r.Next(fields); err != io.EOF {
					b.Fatal(err)
				}
				_ = r.Close()
			}
			b.ReportMetric(float64(rows)*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
		})
	}
}
