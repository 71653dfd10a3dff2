package repository_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/portolan-io/portolan/adapters/memory"
	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/query"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/core/schema"
	"github.com/portolan-io/portolan/ports/repository"
)

// Two pets are stored, read in an order, and one of them is replaced by whoever
// knows its revision.
func ExampleStore() {
	pets, err := schema.New(schema.Spec{Name: "pets", ID: "name", Fields: []schema.FieldSpec{
		{Name: "name", Type: "string"}, {Name: "legs", Type: "int"},
	}})
	if err != nil {
		fmt.Println(err)
		return
	}
	pet := func(name string, legs int64, revision record.Revision, condition repository.Precondition) repository.Mutation {
		return repository.Mutation{
			Op: repository.Put, Collection: pets, ID: record.ID(name), Revision: revision, If: condition,
			Fields: []record.Value{record.String(name), record.Int(legs)},
		}
	}
	ctx := context.Background()
	store, err := memory.Open(ctx, memory.Config{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer store.Close()
	fmt.Println(store.Ensure(ctx, []*schema.Collection{pets}))

	_, err = store.Apply(ctx, []repository.Mutation{
		pet("rex", 4, "r1", repository.Absent),
		pet("tweety", 2, "r2", repository.Absent),
	})
	fmt.Println(err)

	page, err := store.Find(ctx, query.Query{
		View:  query.View{Collection: pets, Fields: pets.All()},
		Order: []query.Key{{Field: 1}, {Field: 0}},
		Limit: 10,
	})
	for _, row := range page.Rows {
		fmt.Println(row.Revision, string(row.JSON))
	}
	fmt.Println(err)

	_, err = store.Apply(ctx, []repository.Mutation{pet("rex", 3, "r3", repository.At("r0"))})
	fmt.Println(errors.Is(err, fault.Stale))

	// Output:
	// <nil>
	// <nil>
	// r2 {"name":"tweety","legs":2}
	// r1 {"name":"rex","legs":4}
	// <nil>
	// true
}
