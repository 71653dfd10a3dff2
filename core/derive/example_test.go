package derive_test

import (
	"fmt"

	"github.com/portolan-io/portolan/core/derive"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/core/schema"
)

func ExampleCompile() {
	c, err := schema.New(schema.Spec{Name: "products", ID: "id", Fields: []schema.FieldSpec{
		{Name: "id", Type: "int"},
		{Name: "title", Type: "string"},
		{Name: "slug", Type: "string", Derive: "slug(title)"},
		{Name: "price", Type: "decimal", Precision: 12, Scale: 2},
		{Name: "gross", Type: "decimal", Precision: 12, Scale: 2, Derive: "price mul 1.19"},
	}})
	if err != nil {
		panic(err)
	}
	set, err := derive.Compile(c)
	if err != nil {
		panic(err)
	}
	fields := []record.Value{record.Int(1), record.String("Café au lait"), record.Null, record.Decimal(1000, 2), record.Null}
	places := set.Apply(fields)
	fmt.Println(fields[2].AsString(), string(record.AppendValue(nil, fields[4])), places)
	// Output: cafe-au-lait 11.90 []
}
