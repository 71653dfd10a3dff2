package core_test

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/portolan-io/portolan/adapters/memory"
	"github.com/portolan-io/portolan/core"
	"github.com/portolan-io/portolan/core/ingest"
	"github.com/portolan-io/portolan/core/policy"
	"github.com/portolan-io/portolan/core/schema"
)

// An import stores the rows that are right and counts the others by reason.
func ExampleAPI_Import() {
	ctx, process := context.Background(), policy.Principal{Local: true}
	api, err := petShop(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	file := "id,name\n1,Rex\n2,\n3,Tom\n1,Kim\n"
	source := ingest.Source{Name: "pets.csv", Format: ingest.CSV, Size: int64(len(file)), Open: func(context.Context) (io.ReadCloser, error) {
		return io.NopCloser(strings.NewReader(file)), nil
	}}
	summary, err := api.Import(ctx, process, core.ImportRequest{Collection: "pets", Source: source, MaxRejects: -1})
	fmt.Println(summary.Rows, summary.Loaded, summary.ByCode, err)

	_, err = api.Export(ctx, process, core.ExportRequest{Collection: "pets", Format: ingest.NDJSON, To: os.Stdout})
	fmt.Println(err)
	// Output:
	// 4 2 map[duplicate-id:1 required:1] <nil>
	// {"id":1,"name":"Rex"}
	// {"id":3,"name":"Tom"}
	// <nil>
}

// petShop returns an API with one collection, in memory.
func petShop(ctx context.Context) (*core.API, error) {
	pets, err := schema.New(schema.Spec{Name: "pets", ID: "id", Fields: []schema.FieldSpec{
		{Name: "id", Type: "int"}, {Name: "name", Type: "string", Required: true},
	}})
	if err != nil {
		return nil, err
	}
	store, err := memory.Open(ctx, memory.Config{})
	if err != nil {
		return nil, err
	}
	api, err := core.New(core.Config{Store: store, Collections: []core.Collection{{Schema: pets}}})
	if err != nil {
		return nil, err
	}
	return api, store.Ensure(ctx, api.Schemas())
}
