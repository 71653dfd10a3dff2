package core_test

import (
	"io"
	"strings"
	"testing"

	"github.com/portolan-io/portolan/core/ingest"
	"github.com/portolan-io/portolan/core/policy"
)

// TestWhatWasExportedIsTakenBack moves records whose ids the server made: an
// administrator gives them to another server, by a caller's upload, and there they
// keep their ids.
func TestWhatWasExportedIsTakenBack(t *testing.T) {
	admin := policy.Principal{Issuer: "test", Subject: "ada", Roles: []string{"admin"}}
	from := newAPI(t, newStore(t))
	create(t, from, "notes", `{"owner":"ada","text":"tea"}`, `{"owner":"sid","text":null}`)
	for _, format := range []ingest.Format{ingest.CSV, ingest.NDJSON} {
		t.Run(string(format), func(t *testing.T) {
			rows := export(t, from, "notes", format)
			to := newAPI(t, newStore(t))
			uploads := newUploads(t, to, t.TempDir())
			up, err := uploads.Receive(t.Context(), admin, "notes", format)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := io.Copy(up, strings.NewReader(rows)); err != nil {
				t.Fatal(err)
			}
			job, err := up.Job()
			if err != nil {
				t.Fatal(err)
			}
			if _, err := up.Submit(t.Context(), nil); err != nil {
				t.Fatal(err)
			}
			if done := work(t, to, uploads, job.ID)[0]; done.State != "finished" || done.Loaded != 2 {
				t.Fatalf("the job is %+v", done)
			}
			if got := export(t, to, "notes", format); got != rows {
				t.Errorf("%s were taken for\n%s", rows, got)
			}
		})
	}
}
