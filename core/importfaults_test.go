package core_test

import (
	"context"
	"errors"
	"io"
	"testing"

	"github.com/portolan-io/portolan/core"
	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/ingest"
)

// Whatever breaks an import off, its checkpoint knows of nothing that is not
// stored or rejected: once all is well, resuming ends as an import that nothing
// happened to.
func TestImportsThatAreBrokenOff(t *testing.T) {
	const rejected = "asin,title,stars,price,category_id\nB2,,4.5,1.00,91\n" // nothing of it is to be stored
	gone := fault.New(fault.NotFound, "faulty", "what is referred to is gone")
	unreadable := errors.New("the disk is broken")
	for _, tt := range []struct {
		name   string
		text   string
		breaks func(*faulty, *core.ImportRequest)
		kind   fault.Kind
		code   string
	}{
		{"the checkpoint cannot be read", products, func(s *faulty, _ *core.ImportRequest) { s.get, s.of = errDown, "_jobs" }, fault.Unavailable, "down"},
		{"the job cannot be claimed", products, func(s *faulty, _ *core.ImportRequest) { s.apply = errDown }, fault.Unavailable, "down"},
		{"references cannot be looked up", products, func(s *faulty, _ *core.ImportRequest) { s.get, s.of = errDown, "categories" }, fault.Unavailable, "down"},
		{"rows cannot be stored", products, func(s *faulty, _ *core.ImportRequest) { s.load = errDown }, fault.Unavailable, "down"},
		{"references vanish whenever they were found", products, func(s *faulty, _ *core.ImportRequest) { s.load = gone }, fault.Unavailable, "busy"},
		{"the source cannot be opened", products, func(_ *faulty, req *core.ImportRequest) {
			req.Source.Open = func(context.Context) (io.ReadCloser, error) { return nil, errDown }
		}, fault.Unavailable, "down"},
		{"the source cannot be read", products, func(_ *faulty, req *core.ImportRequest) {
			req.Source.Open = func(context.Context) (io.ReadCloser, error) { return io.NopCloser(broken{unreadable}), nil }
		}, fault.Unavailable, "source-unreadable"},
		{"the rejects of a batch without rows cannot be written", rejected, func(_ *faulty, req *core.ImportRequest) {
			req.Rejects.(*memoryFile).broken = io.ErrShortWrite
		}, fault.Unavailable, "rejects-unwritable"},
		{"the rejects that are too many cannot be written", products, func(_ *faulty, req *core.ImportRequest) {
			req.Rejects.(*memoryFile).broken, req.MaxRejects = io.ErrShortWrite, 0
		}, fault.Unavailable, "rejects-unwritable"},
		{"there are too many rejects", products, func(_ *faulty, req *core.ImportRequest) { req.MaxRejects = 3 }, fault.Refused, "too-many-rejects"},
		{"one id too many occurs again", products, func(_ *faulty, req *core.ImportRequest) { req.MaxRejects = 4 }, fault.Refused, "too-many-rejects"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			calm, wantRejects := newAPI(t, newStore(t)), &memoryFile{}
			req := core.ImportRequest{
				Collection: "products", Source: source("p.csv", tt.text), MaxRejects: -1, Resume: true, Rejects: wantRejects,
			}
			want, err := calm.Import(t.Context(), operator, req)
			if err != nil {
				t.Fatal(err)
			}

			store := &faulty{Store: newStore(t)}
			api, rejects := newAPI(t, store), &memoryFile{}
			req.Rejects = rejects
			attempt := req
			tt.breaks(store, &attempt)
			_, err = api.Import(t.Context(), operator, attempt)
			wantFault(t, err, tt.kind, tt.code)

			*store, rejects.broken = faulty{Store: store.Store}, nil
			got, err := api.Import(t.Context(), operator, req)
			if err != nil || got.Loaded != want.Loaded || got.Rejected != want.Rejected {
				t.Errorf("resumed: got %+v, %v, want %+v", got, err, want)
			}
			if got, want := string(rejects.octets), string(wantRejects.octets); got != want {
				t.Errorf("rejects: got\n%s\nwant\n%s", got, want)
			}
			if got, want := export(t, api, "products", ingest.CSV), export(t, calm, "products", ingest.CSV); got != want {
				t.Errorf("records: got\n%s\nwant\n%s", got, want)
			}
		})
	}
}

// broken is a reader that fails.
type broken struct{ err error }

func (b broken) Read([]byte) (int, error) { return 0, b.err }
