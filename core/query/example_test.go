package query_test

import (
	"fmt"

	"github.com/portolan-io/portolan/core/query"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/core/schema"
)

func products() *schema.Collection {
	c, err := schema.New(schema.Spec{Name: "products", ID: "asin", Fields: []schema.FieldSpec{
		{Name: "asin", Type: "string", Max: "16"},
		{Name: "price", Type: "decimal", Precision: 12, Scale: 2},
		{Name: "stars", Type: "float"},
	}})
	if err != nil {
		panic(err)
	}
	return c
}

func ExampleParse() {
	names := query.Names{Collection: products()}
	e, err := query.Parse("stars ge 4.50 and (price lt 10 or price lt 10.0)", names, query.MaxURLBytes)
	fmt.Println(e.Text(names.Collection), err)

	_, err = query.Parse("stars ge 4 and prize lt 10", names, query.MaxURLBytes)
	fmt.Println(err)
	// Output:
	// price lt 10.00 and stars ge 4.5 <nil>
	// query.Parse: invalid: at character 16, near "prize lt 10": there is no field prize
}

func ExampleMatch() {
	names := query.Names{Collection: products()}
	withoutStars := []record.Value{record.String("B000"), record.Decimal(999, 2), record.Null}
	for _, text := range []string{"stars ge 4", "not stars ge 4", "stars ne 5", "stars eq null"} {
		e, err := query.Parse(text, names, query.MaxURLBytes)
		fmt.Println(text, query.Match(e, withoutStars), err)
	}
	// Output:
	// stars ge 4 false <nil>
	// not stars ge 4 true <nil>
	// stars ne 5 true <nil>
	// stars eq null true <nil>
}

func ExampleComplete() {
	fmt.Println(query.Complete([]query.Key{{Field: 2}, {Field: 1, Desc: true}}, 0))
	fmt.Println(query.Complete([]query.Key{{Field: 2}, {Field: 0}, {Field: 1}}, 0)) // no two records have the same id
	// Output:
	// [{2 false} {1 true} {0 true}]
	// [{2 false} {0 false}]
}
