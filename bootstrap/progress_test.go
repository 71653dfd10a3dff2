package bootstrap

import (
	"bytes"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/portolan-io/portolan/core/ingest"
)

// TestProgressLines shows that without a terminal there is a line every now and
// then, however often progress is told.
func TestProgressLines(t *testing.T) {
	var out bytes.Buffer
	now := time.Unix(0, 0)
	p := (&program{err: &out}).newProgress("importing a.csv")
	p.now, p.last = func() time.Time { return now }, now
	for i := range int64(110) {
		p.imported(ingest.Progress{Phase: ingest.Loading, Read: i, Total: 200, Loaded: i * 10, Rejected: 1})
		now = now.Add(100 * time.Millisecond)
	}
	p.end()
	want := "importing a.csv: loading, 500 loaded, 1 rejected, 25 %\nimporting a.csv: loading, 1000 loaded, 1 rejected, 50 %\n"
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("lines (-want +got):\n%s", diff)
	}
}
