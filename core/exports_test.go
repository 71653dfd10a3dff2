package core_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/portolan-io/portolan/core"
	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/ingest"
	"github.com/portolan-io/portolan/core/policy"
)

func TestExport(t *testing.T) {
	api := newAPI(t, newStore(t))
	tests := []struct {
		name   string
		who    policy.Principal
		list   core.ListRequest
		format ingest.Format
		want   string
	}{
		{"hidden fields are absent", nobody, core.ListRequest{Filter: "category_id eq 12"}, ingest.CSV,
			"asin,title,stars,price,category_id\r\nA1,Kettle,4.5,20.00,12\r\nA2,Toaster,4,35.00,12\r\n"},
		{"order and fields", admin, core.ListRequest{OrderBy: "price desc", Select: "title,cost"}, ingest.NDJSON,
			"{\"title\":\"Toaster\",\"cost\":20.00}\n{\"title\":\"Kettle\",\"cost\":9.50}\n{\"title\":\"Robot\",\"cost\":5.00}\n{\"title\":\"Kite\",\"cost\":1.00}\n"},
		{"some ids", nobody, core.ListRequest{IDs: []string{"A3", "A9"}, Select: "asin"}, ingest.CSV, "asin\r\nA3\r\n"},
		{"nothing", nobody, core.ListRequest{Filter: "stars gt 5", Select: "asin"}, ingest.CSV, "asin\r\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var b bytes.Buffer
			rows, err := api.Export(t.Context(), tt.who, core.ExportRequest{Collection: "products", List: tt.list, Format: tt.format, To: &b})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, b.String()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			wantRows := int64(strings.Count(tt.want, "\n"))
			if tt.format == ingest.CSV {
				wantRows--
			}
			if rows != wantRows {
				t.Errorf("got %d rows, want %d", rows, wantRows)
			}
		})
	}
	_, err := api.Export(t.Context(), nobody, core.ExportRequest{Collection: "products", Format: "xml", To: io.Discard})
	wantFault(t, err, fault.Invalid, "unknown-format")
	_, err = api.Export(t.Context(), nobody, core.ExportRequest{Collection: "products", Format: ingest.CSV, To: full{}})
	wantFault(t, err, fault.Unavailable, "export-unwritable")
	_, err = api.Export(t.Context(), nobody, core.ExportRequest{Collection: "notes", Format: ingest.CSV, To: io.Discard})
	wantFault(t, err, fault.Unauthenticated, "")
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no space left on device") }

// An export of more than a page is complete, each record once.
func TestExportOfManyPages(t *testing.T) {
	api := newAPI(t, newStore(t))
	var text strings.Builder
	text.WriteString("id,name\n")
	for i := range 2501 {
		fmt.Fprintf(&text, "%d,c\n", 1000+i)
	}
	if _, err := api.Import(t.Context(), operator, core.ImportRequest{Collection: "categories", Source: source("c.csv", text.String())}); err != nil {
		t.Fatal(err)
	}
	ids := make(map[string]bool)
	for line := range strings.Lines(export(t, api, "categories", ingest.CSV)) {
		id, _, _ := strings.Cut(line, ",")
		ids[id] = true
	}
	if len(ids) != 1+2+2501 {
		t.Errorf("got %d different ids, want %d", len(ids)-1, 2503)
	}
}
