package ingest_test

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/portolan-io/portolan/core/ingest"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/core/schema"
)

// A Reader gives the rows of a source as records, and says where and why one
// is no record.
func ExampleReader() {
	products, err := schema.New(schema.Spec{Name: "products", ID: "asin", Fields: []schema.FieldSpec{
		{Name: "asin", Type: "string", Max: "16"},
		{Name: "title", Type: "string", Required: true},
		{Name: "price", Type: "decimal", Precision: 12, Scale: 2, Min: "0"},
	}})
	if err != nil {
		fmt.Println(err)
		return
	}
	file := "asin,title,price\n" +
		" B1 ,\"Kettle, iron\",20\n" +
		"B2,Kite,-1\n" +
		"B3,\"Robot,5\n" +
		"B4,Toaster,\n"
	source := ingest.Source{Name: "products.csv", Format: ingest.CSV, Open: func(context.Context) (io.ReadCloser, error) {
		return io.NopCloser(strings.NewReader(file)), nil
	}}
	reader, err := ingest.Open(context.Background(), source, ingest.Target{Collection: products}, ingest.Position{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer reader.Close()

	encoder := record.NewEncoder(products.Names(products.All()))
	fields := make([]record.Value, len(products.Fields))
	for {
		row, err := reader.Next(fields)
		switch {
		case err != nil:
			fmt.Println(err)
			return
		case row.Reject != nil:
			fmt.Printf("line %d, %s: %s\n", row.Reject.Line, row.Reject.Code, row.Reject.Reason)
		default:
			fmt.Printf("%s\n", encoder.Append(nil, fields))
		}
	}
	// Output:
	// {"asin":"B1","title":"Kettle, iron","price":20.00}
	// line 3, out-of-range: price must be at least 0
	// line 4, broken-quote: a quote does not end, or stands where none may: a cell that holds a quote is quoted and doubles it
	// {"asin":"B4","title":"Toaster","price":null}
	// EOF
}

// What a Writer writes a Reader reads back equal.
func ExampleWriter() {
	var file strings.Builder
	w := ingest.NewWriter(&file, []string{"id", "name"})
	w.Write([]record.Value{record.Int(1), record.String(`27" screen, flat`)})
	w.Write([]record.Value{record.Int(2), record.String("=1+1")})
	w.Write([]record.Value{record.Int(3), record.String("")})
	w.Write([]record.Value{record.Int(4), record.Null})
	if err := w.Flush(); err != nil {
		fmt.Println(err)
	}
	fmt.Print(strings.ReplaceAll(file.String(), "\r\n", "\n"))
	// Output:
	// id,name
	// 1,"27"" screen, flat"
	// 2,'=1+1
	// 3,""
	// 4,
}
