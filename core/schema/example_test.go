package schema_test

import (
	"fmt"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/core/schema"
)

func ExampleNew() {
	_, err := schema.New(schema.Spec{
		Name: "products",
		Fields: []schema.FieldSpec{
			{Name: "title", Type: "strng"},
			{Name: "price", Type: "decimal", Precision: 4, Scale: 6},
		},
	})
	for _, place := range fault.Of(err).Places {
		fmt.Printf("%s: %s\n", place.Pointer, place.Detail)
	}
	// Output:
	// fields/title/type: there is no type "strng"; did you mean string? (there are string, int, float, decimal, bool, time, json, list, bytes)
	// fields/price/scale: a scale is 0 to the precision of 4 digits, not 6
}

func ExampleCollection_Decode() {
	products, err := schema.New(schema.Spec{
		Name: "products",
		ID:   "asin",
		Fields: []schema.FieldSpec{
			{Name: "asin", Type: "string", Max: "16"},
			{Name: "price", Type: "decimal", Precision: 12, Scale: 2, Min: "0"},
		},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fields, err := products.Decode([]byte(`{"price": 49.9, "asin": "B07XJ8C8F5"}`), nil, nil)
	fmt.Println(string(record.NewEncoder(products.Names(products.All())).Append(nil, fields)), err)

	_, err = products.Decode([]byte(`{"prize": 49.999}`), nil, nil)
	fmt.Println(fault.Of(err).Places[0].Detail)

	fields, _ = products.Decode([]byte(`{"price": -1}`), nil, nil)
	for _, place := range products.Check(fields) {
		fmt.Println(place.Pointer, place.Code, place.Detail)
	}
	// Output:
	// {"asin":"B07XJ8C8F5","price":49.90} <nil>
	// there is no field "prize"; did you mean price?
	// /asin required the id is missing
	// /price out-of-range price must be at least 0
}
