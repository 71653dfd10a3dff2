package ingest

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/portolan-io/portolan/core/fault"
)

func TestFormatOf(t *testing.T) {
	tests := []struct {
		name   string
		format Format
		gzip   bool
		ok     bool
	}{
		{"products.csv", CSV, false, true},
		{"dir.json/PRODUCTS.CSV.GZ", CSV, true, true},
		{"a.ndjson", NDJSON, false, true},
		{"a.jsonl.gz", NDJSON, true, true},
		{"a.json", "", false, false},
		{"csv", "", false, false},
		{"a.gz", "", false, false},
		{"", "", false, false},
	}
	for _, tt := range tests {
		format, gzip, err := FormatOf(tt.name)
		if format != tt.format || gzip != tt.gzip || (err == nil) != tt.ok {
			t.Errorf("%q: got %q, %v, %v", tt.name, format, gzip, err)
		}
		if err != nil && fault.Of(err).Code != "unknown-format" {
			t.Errorf("%q: got %v, want unknown-format", tt.name, err)
		}
	}
}

func TestFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pets.txt")
	if _, err := File(path, CSV); fault.KindOf(err) != fault.NotFound {
		t.Errorf("missing: got %v, want not-found", err)
	}
	if _, err := File(filepath.Dir(path), CSV); fault.KindOf(err) != fault.Invalid {
		t.Errorf("a directory: got %v, want invalid", err)
	}
	if err := os.WriteFile(path, []byte("id,name\na,Rex\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := File(path); fault.Of(err).Code != "unknown-format" {
		t.Errorf("without a format: got %v, want unknown-format", err)
	}
	source, err := File(path, CSV)
	if err != nil || source.Size != 14 || source.Name != path || source.Gzip {
		t.Fatalf("got %+v, %v", source, err)
	}
	if names, _ := readNames(t, source); !cmp.Equal(names, []string{"Rex"}) {
		t.Errorf("got %v, want Rex", names)
	}
	var read int64
	digest, err := source.Digest(t.Context(), func(octets int64) { read = octets })
	const want = "bc14cb734d2e1aa506c75527e562685773c733968671df26164199b538076273" // as sha256sum has it
	if err != nil || digest != want || read != 14 {
		t.Errorf("got digest %s of %d octets, %v; want %s of 14", digest, read, err, want)
	}
}

func TestRejectLine(t *testing.T) {
	want := Reject{Line: 7, Column: "price", Code: "out-of-range", Reason: "price must be at least 0", Row: "a,\"b\n\",-1,\xff"}
	line := want.Append(nil)
	var got Reject
	if err := json.Unmarshal(line, &got); err != nil {
		t.Fatalf("%s: %v", line, err)
	}
	want.Row = "a,\"b\n\",-1,\uFFFD"
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if line[len(line)-1] != '\n' {
		t.Errorf("%q does not end its line", line)
	}
}
