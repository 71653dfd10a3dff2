package core_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/portolan-io/portolan/core"
	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/ingest"
	"github.com/portolan-io/portolan/core/policy"
	"github.com/portolan-io/portolan/ports/repository"
)

// source returns a source that holds text.
func source(name, text string) ingest.Source {
	format, _, err := ingest.FormatOf(name)
	if err != nil {
		panic(err)
	}
	open := func(context.Context) (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(text)), nil }
	return ingest.Source{Name: name, Format: format, Size: int64(len(text)), Open: open}
}

// A memoryFile is a RejectsFile in memory.
type memoryFile struct {
	octets []byte
	at     int64
	broken error
}

func (f *memoryFile) Write(p []byte) (int, error) {
	if f.broken != nil {
		return 0, f.broken
	}
	f.octets = append(f.octets[:min(f.at, int64(len(f.octets)))], append(bytes.Clone(p), f.octets[min(f.at+int64(len(p)), int64(len(f.octets))):]...)...)
	f.at += int64(len(p))
	return len(p), nil
}

func (f *memoryFile) Seek(offset int64, whence int) (int64, error) {
	if whence == io.SeekEnd {
		offset += int64(len(f.octets))
	}
	f.at = offset
	return offset, nil
}

func (f *memoryFile) Truncate(size int64) error {
	f.octets = append(f.octets[:min(size, int64(len(f.octets)))], make([]byte, max(0, size-int64(len(f.octets))))...)
	return nil
}

func (f *memoryFile) Sync() error { return nil }

// lines returns the rejects in the file as line, column and code.
func (f *memoryFile) lines(t *testing.T) []string {
	t.Helper()
	var lines []string
	for line := range strings.Lines(string(f.octets)) {
		var r ingest.Reject
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		lines = append(lines, fmt.Sprintf("%d %s %s", r.Line, r.Column, r.Code))
	}
	return lines
}

// export returns a whole collection as a file of the format.
func export(t *testing.T, api *core.API, collection string, format ingest.Format) string {
	t.Helper()
	var b bytes.Buffer
	if _, err := api.Export(t.Context(), operator, core.ExportRequest{Collection: collection, Format: format, To: &b}); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

const products = "asin,title,stars,price,category_id\n" +
	"A1,Kettle of iron,5,21.00,12\n" + // replaces
	"B1,Kite,4.5,1.00,91\n" +
	"B2,,4.5,1.00,91\n" + // null where required
	"B3,Kite,7,1.00,91\n" + // out of range
	"B1,Kite again,4.5,1.00,91\n" + // the id occurs earlier
	"B4,Kite,4.5,1.00,13\n" + // no such category
	"B5,\"Kite,4.5,1.00,91\n" + // broken quote
	"B6,Kite,,,91\n"

var productsRejected = []string{"4 title required", "5 stars out-of-range", "6 asin duplicate-id", "7 category_id reference-missing", "8  broken-quote"}

func TestImport(t *testing.T) {
	for _, rows := range []int{0, 1, 2, 3, 5} {
		t.Run(fmt.Sprintf("batches of %d", rows), func(t *testing.T) {
			api := newAPI(t, newStore(t))
			rejects := &memoryFile{octets: []byte("from another time\n")}
			var last ingest.Progress
			summary, err := api.Import(t.Context(), operator, core.ImportRequest{
				Collection: "products", Source: source("p.csv", products), MaxRejects: -1, Rejects: rejects, BatchRows: rows,
				Progress: func(p ingest.Progress) { last = p },
			})
			if err != nil {
				t.Fatal(err)
			}
			want := ingest.Summary{
				Job: summary.Job, Rows: 8, Loaded: 3, Rejected: 5, Elapsed: summary.Elapsed,
				ByCode: map[string]int64{"required": 1, "out-of-range": 1, "duplicate-id": 1, "reference-missing": 1, "broken-quote": 1},
			}
			if diff := cmp.Diff(want, summary); diff != "" {
				t.Errorf("summary (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(productsRejected, rejects.lines(t)); diff != "" {
				t.Errorf("rejects (-want +got):\n%s", diff)
			}
			size := int64(len(products))
			wantProgress := ingest.Progress{Read: size, Total: size, Rows: 8, Loaded: 3, Rejected: 5, Repeated: 1, Phase: ingest.Loading}
			if diff := cmp.Diff(wantProgress, last); diff != "" {
				t.Errorf("last progress (-want +got):\n%s", diff)
			}
			wantRows := `{"asin":"A1","title":"Kettle of iron","stars":5,"price":21.00,"category_id":12,"seller":null,"cost":null}
{"asin":"B1","title":"Kite","stars":4.5,"price":1.00,"category_id":91,"seller":null,"cost":null}
{"asin":"B6","title":"Kite","stars":null,"price":null,"category_id":91,"seller":null,"cost":null}
`
			var got strings.Builder
			for line := range strings.Lines(export(t, api, "products", ingest.NDJSON)) {
				if strings.Contains(line, `"A1"`) || strings.Contains(line, `"B`) {
					got.WriteString(line)
				}
			}
			if diff := cmp.Diff(wantRows, got.String()); diff != "" {
				t.Errorf("records (-want +got):\n%s", diff)
			}
		})
	}
}

func TestImportDerivesAndMakesIDs(t *testing.T) {
	api := newAPI(t, newStore(t))
	_, err := api.Import(t.Context(), operator, core.ImportRequest{Collection: "categories", Source: source("c.csv", "id,name\n7,Pots & Pans\n")})
	if err != nil {
		t.Fatal(err)
	}
	got, err := api.Get(t.Context(), nobody, "categories", "7", core.GetRequest{})
	if want := `{"id":7,"name":"Pots & Pans","slug":"pots-pans","parent":null}`; err != nil || string(got.JSON) != want {
		t.Errorf("got %s, %v, want %s", got.JSON, err, want)
	}
	if _, err := api.Import(t.Context(), operator, core.ImportRequest{Collection: "notes", Source: source("n.csv", "owner\nann\nbob\n")}); err != nil {
		t.Fatal(err)
	}
	page, err := api.List(t.Context(), operator, "notes", core.ListRequest{Select: "owner"})
	if want := `[{"owner":"ann"},{"owner":"bob"}]`; err != nil || string(page.Body) != want {
		t.Errorf("got %s, %v, want %s", page.Body, err, want)
	}
}

// Rows may refer to rows before them in the same source, but to none behind.
func TestImportRefersToItself(t *testing.T) {
	text := "id,name,parent\n1,a,\n2,b,1\n3,c,4\n4,d,4\n5,e,3\n6,f,2\n"
	for _, rows := range []int{1, 2, 100} {
		api, rejects := newAPI(t, newStore(t)), &memoryFile{}
		_, err := api.Import(t.Context(), operator, core.ImportRequest{
			Collection: "categories", Source: source("c.csv", text), MaxRejects: -1, Rejects: rejects, BatchRows: rows,
		})
		want := []string{"4 parent reference-missing", "6 parent reference-missing"}
		if diff := cmp.Diff(want, rejects.lines(t)); err != nil || diff != "" {
			t.Errorf("batches of %d: %v, rejects (-want +got):\n%s", rows, err, diff)
		}
	}
}

// More different references than one transaction may check are no limit.
func TestImportOfManyReferences(t *testing.T) {
	store := &marking{Store: newStore(t)}
	api := newAPI(t, store)
	var categories, products strings.Builder
	categories.WriteString("id,name\n")
	products.WriteString("asin,title,category_id\n")
	const references = 10_500 // more than are remembered
	for i := range references {
		fmt.Fprintf(&categories, "%d,c\n", 1000+i)
		fmt.Fprintf(&products, "P%d,p,%d\n", i, 1000+i)
	}
	for _, part := range []struct{ collection, text string }{{"categories", categories.String()}, {"products", products.String()}} {
		summary, err := api.Import(t.Context(), operator, core.ImportRequest{Collection: part.collection, Source: source("x.csv", part.text)})
		if err != nil || summary.Loaded != references {
			t.Fatalf("%s: got %+v, %v", part.collection, summary, err)
		}
	}
	if store.most < 300 || store.most > 400 {
		t.Errorf("Mark returned %d mutations, want 300 to 400", store.most)
	}
}

// marking is a store that counts what Mark returns.
type marking struct {
	repository.Store
	most int
}

func (s *marking) Load(ctx context.Context, load repository.Load) (repository.Loaded, error) {
	mark := load.Mark
	load.Mark = func(n int, repeated []int) []repository.Mutation {
		mutations := mark(n, repeated)
		s.most = max(s.most, len(mutations))
		return mutations
	}
	return s.Store.Load(ctx, load)
}

func TestImportOptions(t *testing.T) {
	request := core.ImportRequest{Collection: "products", Source: source("p.csv", products), MaxRejects: -1}

	t.Run("dry run", func(t *testing.T) {
		api := newAPI(t, newStore(t))
		before := export(t, api, "products", ingest.CSV)
		req := request
		rejects := &memoryFile{}
		req.DryRun, req.Rejects = true, rejects
		summary, err := api.Import(t.Context(), operator, req)
		if err != nil || !summary.DryRun || summary.Loaded != 4 || summary.Rejected != 4 {
			t.Errorf("got %+v, %v, want 4 loaded and 4 rejected", summary, err)
		}
		if got := rejects.lines(t); len(got) != 4 {
			t.Errorf("got rejects %v, want 4", got)
		}
		if diff := cmp.Diff(before, export(t, api, "products", ingest.CSV)); diff != "" {
			t.Errorf("a dry run stored something (-before +after):\n%s", diff)
		}
		req.DryRun, req.Resume = false, true
		if summary, err := api.Import(t.Context(), operator, req); err != nil || summary.Resumed || summary.Loaded != 3 {
			t.Errorf("afterwards: got %+v, %v, want an import from the beginning", summary, err)
		}
	})

	t.Run("too many rejects", func(t *testing.T) {
		api, rejects := newAPI(t, newStore(t)), &memoryFile{}
		req := request
		req.MaxRejects, req.BatchRows, req.Rejects = 2, 2, rejects
		summary, err := api.Import(t.Context(), operator, req)
		wantFault(t, err, fault.Refused, "too-many-rejects")
		if summary.Loaded != 2 || summary.Rejected != 2 {
			t.Errorf("got %+v, want 2 loaded and 2 rejected", summary)
		}
		req.MaxRejects, req.Resume = 5, true
		if summary, err = api.Import(t.Context(), operator, req); err != nil || !summary.Resumed || summary.Loaded != 3 || summary.Rejected != 5 {
			t.Errorf("resumed with a higher limit: got %+v, %v", summary, err)
		}
		if diff := cmp.Diff(productsRejected, rejects.lines(t)); diff != "" {
			t.Errorf("rejects (-want +got):\n%s", diff)
		}
	})

	t.Run("a finished import", func(t *testing.T) {
		api := newAPI(t, newStore(t))
		req := request
		if _, err := api.Import(t.Context(), operator, req); err != nil {
			t.Fatal(err)
		}
		create(t, api, "products", `{"asin":"Z9","title":"New","category_id":12}`)
		if err := api.Delete(t.Context(), operator, "products", "B1", core.How{}); err != nil {
			t.Fatal(err)
		}
		req.Resume = true
		summary, err := api.Import(t.Context(), operator, req)
		if err != nil || !summary.Finished || summary.Loaded != 3 || summary.Resumed {
			t.Errorf("resumed: got %+v, %v, want that it had finished", summary, err)
		}
		if _, err := api.Get(t.Context(), operator, "products", "B1", core.GetRequest{}); fault.KindOf(err) != fault.NotFound {
			t.Errorf("resuming did something: %v", err)
		}
		req.Resume = false
		if summary, err = api.Import(t.Context(), operator, req); err != nil || summary.Finished || summary.Anew || summary.Loaded != 3 {
			t.Errorf("again: got %+v, %v", summary, err)
		}
	})
}

func TestImportIsForWhoMayWriteEverything(t *testing.T) {
	api := newAPI(t, newStore(t))
	tests := []struct {
		name string
		who  policy.Principal
		kind fault.Kind
		code string
	}{
		{"nobody", nobody, fault.Unauthenticated, ""},
		{"no right", stranger, fault.Forbidden, "forbidden"},
		{"some rows", acme, fault.Forbidden, "import-needs-all"},
		{"no right to create", clerk, fault.Forbidden, "forbidden"},
		{"everything", admin, "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := api.Import(t.Context(), tt.who, core.ImportRequest{Collection: "products", Source: source("p.csv", products), MaxRejects: -1})
			if tt.kind == "" {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			wantFault(t, err, tt.kind, tt.code)
		})
	}
	// An id that the server could make may be given, as in the path of a PUT.
	summary, err := api.Import(t.Context(), admin, core.ImportRequest{
		Collection: "notes", Source: source("n.csv", "id,owner\n0198c9b0-0000-7000-8000-000000000000,ann\n7,bob\n"), MaxRejects: -1,
	})
	if err != nil || summary.Loaded != 1 || summary.Rejected != 1 {
		t.Errorf("got %+v, %v; want one row of two, as 7 is no such id", summary, err)
	}
}

// What was exported is read back equal, also what only the server sets.
func TestExportComesBack(t *testing.T) {
	api := newAPI(t, newStore(t))
	create(t, api, "notes", `{"owner":"ann","text":" =1+1, \"x\"\r\n"}`, `{"owner":"","text":""}`, `{"owner":"'@","text":null}`)
	for _, collection := range []string{"categories", "products", "notes"} {
		for _, format := range []ingest.Format{ingest.CSV, ingest.NDJSON} {
			other := newAPI(t, newStore(t))
			if collection == "notes" {
				create(t, other, "notes", `{"owner":"old"}`)
			}
			text := export(t, api, collection, format)
			summary, err := other.Import(t.Context(), operator, core.ImportRequest{
				Collection: collection, Source: source("x."+string(format), text),
			})
			if err != nil {
				t.Errorf("%s as %s: %v: %+v", collection, format, err, summary)
				continue
			}
			got := export(t, other, collection, format)
			if collection == "notes" { // the one that was there before comes last, or first
				got = strings.Join(slices.DeleteFunc(slices.Collect(strings.Lines(got)), func(l string) bool { return strings.Contains(l, "old") }), "")
			}
			if diff := cmp.Diff(text, got); diff != "" {
				t.Errorf("%s as %s (-exported +again):\n%s", collection, format, diff)
			}
		}
	}
}
