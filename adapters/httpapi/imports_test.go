package httpapi

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"

	"github.com/portolan-io/portolan/core"
)

// An importFixture is a fixture that imports into a directory of its own.
type importFixture struct {
	fixture
	uploads *core.Uploads
	dir     string
}

// newImportFixture returns a fixture that takes imports of at most so many
// octets, and works on them unless it is idle.
func newImportFixture(t *testing.T, most int64, idle bool) importFixture {
	t.Helper()
	f := importFixture{dir: t.TempDir()}
	f.fixture = newFixture(t, func(c *Config) {
		var err error
		if f.uploads, err = core.NewUploads(core.UploadsConfig{API: c.API, Dir: f.dir, MaxOctets: most}); err != nil {
			t.Fatal(err)
		}
		c.Uploads, c.Stall = f.uploads, 300*time.Millisecond
	})
	if idle {
		return f
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- f.uploads.Work(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return f
}

// files returns the names of the files that wait or are received.
func (f importFixture) files(t *testing.T) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(f.dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	return names
}

// ended returns the job at the location as it is once it has ended.
func (f importFixture) ended(t *testing.T, location string) jobBody {
	t.Helper()
	for range 500 {
		w := f.do(t, http.MethodGet, location, "", "X-API-Key", "ada")
		var job jobBody
		if err := json.Unmarshal(w.Body.Bytes(), &job); err != nil || w.Code != http.StatusOK {
			t.Fatalf("%s answers %d %s", location, w.Code, w.Body)
		}
		ended := job.State == core.JobFinished || job.State == core.JobFailed
		if (w.Header().Get("Retry-After") == "") != ended || w.Header().Get("Cache-Control") != "no-store" {
			t.Errorf("of a job that is %s the headers are %v", job.State, w.Header())
		}
		if ended {
			return job
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("%s does not end", location)
	return jobBody{}
}

func zstdOf(t *testing.T, text []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	z, err := zstd.NewWriter(&b)
	if err == nil {
		_, err = z.Write(text)
	}
	if err == nil {
		err = z.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestImport imports rows of each format and coding, with some that are wrong.
func TestImport(t *testing.T) {
	const csv = "id,name\n71,Tea\n72,\n71,Again\nx,Bad\n73,\"Two\nlines\"\n"
	const ndjson = `{"id":71,"name":"Tea"}` + "\n" + `{"id":72}` + "\n" + `{"id":71,"name":"Again"}` + "\n" + `{"id":"x","name":"Bad"}` + "\n" + `{"id":73,"name":"Two\nlines"}` + "\n"
	for _, tt := range []struct {
		mediaType, coding, plain string
		body                     []byte
	}{
		{"text/csv; charset=utf-8", "", csv, []byte(csv)},
		{typeCSV, "gzip", csv, compressed(t, []byte(csv))},
		{typeNDJSON, "", ndjson, []byte(ndjson)},
		{typeNDJSON, "zstd", ndjson, zstdOf(t, []byte(ndjson))},
		{"application/ndjson", "", ndjson, []byte(ndjson)},
		{"application/jsonl", "", ndjson, []byte(ndjson)},
	} {
		t.Run(tt.mediaType+" "+tt.coding, func(t *testing.T) {
			f := newImportFixture(t, 0, false)
			w := f.do(t, "POST", "/v1/categories/$import", string(tt.body), "X-API-Key", "ada",
				"Content-Type", tt.mediaType, "Content-Encoding", tt.coding, "Prefer", "respond-async")
			if w.Code != http.StatusAccepted || w.Header().Get("Preference-Applied") != "respond-async" {
				t.Fatalf("got %d %v %s", w.Code, w.Header(), w.Body)
			}
			job := f.ended(t, w.Header().Get("Location"))
			lines := make([]string, len(job.Rejects))
			for i, r := range job.Rejects {
				lines[i] = fmt.Sprintf("%d %s %s", r.Line, r.Column, r.Code)
			}
			first := int64(1)
			if strings.HasPrefix(tt.mediaType, typeCSV) {
				first = 2
			}
			want := []string{fmt.Sprintf("%d name required", first+1), fmt.Sprintf("%d id duplicate-id", first+2), fmt.Sprintf("%d id wrong-type", first+3)}
			if diff := cmp.Diff(want, lines); diff != "" || job.State != core.JobFinished || job.Loaded != 2 || job.Rejected != 3 || job.Rows != 5 {
				t.Errorf("the job is %+v %+v, its rejects (-want +got):\n%s", job, job.Error, diff)
			}
			if total := int64(len(tt.plain)); *job.Octets.Total != total || job.Octets.Read != total {
				t.Errorf("%d of %d octets are done, want all %d", job.Octets.Read, *job.Octets.Total, total)
			}
			if w := f.do(t, "GET", "/v1/categories/73", ""); !strings.Contains(w.Body.String(), `Two\nlines`) {
				t.Errorf("the record is %s", w.Body)
			}
			if names := f.files(t); len(names) > 0 {
				t.Errorf("%v are left", names)
			}
		})
	}
}

// TestImportThatCannotSucceed ends as failed, or without a row, and says why.
func TestImportThatCannotSucceed(t *testing.T) {
	f := newImportFixture(t, 0, false)
	for _, tt := range []struct {
		name, body, state, code string
		rejected                int64
	}{
		{"no id", "name\nTea\n", core.JobFailed, "bad-header", 0},
		{"unknown column", "id,nam\n1,Tea\n", core.JobFailed, "bad-header", 0},
		{"every row wrong", "id,name\nx,Tea\ny,Tea\n", core.JobFinished, "", 2},
		{"more wrong than are told", "id,name\n" + strings.Repeat("x,Tea\n", 150), core.JobFinished, "", 150},
		{"UTF-16", "\xFF\xFEi\x00d\x00", core.JobFailed, "not-utf8", 0},
		{"header alone", "id,name\n", core.JobFinished, "", 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := f.do(t, "POST", "/v1/categories/$import", tt.body, "X-API-Key", "ada", "Content-Type", typeCSV)
			job := f.ended(t, w.Header().Get("Location"))
			code := ""
			if job.Error != nil {
				code = job.Error.Code
			}
			if job.State != tt.state || code != tt.code || job.Loaded != 0 || job.Rejected != tt.rejected || int64(len(job.Rejects)) != min(tt.rejected, core.MaxJobRejects) {
				t.Errorf("the job is %+v %+v", job, job.Error)
			}
		})
	}
	if names := f.files(t); len(names) > 0 {
		t.Errorf("%v are left", names)
	}
}

// An unread body fails the test if anybody reads it.
type unread struct{ t *testing.T }

func (u unread) Read([]byte) (int, error) {
	u.t.Error("the body was read")
	return 0, io.EOF
}

// TestImportRefused shows what is refused before the body is read.
func TestImportRefused(t *testing.T) {
	f := newImportFixture(t, 1000, true)
	for _, tt := range []struct {
		name, who, collection string
		header                []string
		length                int64
		status                int
		code                  string
	}{
		{"nobody", "", "categories", nil, 9, 401, "unauthenticated"},
		{"unknown collection", "ada", "nothing", nil, 9, 404, "unknown-collection"},
		{"no right to write", "sid", "categories", nil, 9, 403, "forbidden"},
		{"rights for some rows", "acme", "products", nil, 9, 403, "import-needs-all"},
		{"another type", "ada", "categories", []string{"Content-Type", "application/json"}, 9, 415, codeMediaType},
		{"another coding", "ada", "categories", []string{"Content-Encoding", "br"}, 9, 415, codeMediaType},
		{"two keys", "ada", "categories", []string{"Idempotency-Key", "a", "Idempotency-Key", "b"}, 9, 400, "bad-idempotency-key"},
		{"a trial", "ada", "categories", []string{"Prefer", "tx=rollback"}, 9, 400, "unknown-preference"},
		{"strictly unknown", "ada", "categories", []string{"Prefer", "handling=strict, wait=1"}, 9, 400, "unknown-preference"},
		{"option", "ada", "categories?$first=1", nil, 9, 400, "unknown-option"},
		{"too large", "ada", "categories", nil, 1 << 40, 413, "body-too-large"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			collection, query, _ := strings.Cut(tt.collection, "?")
			r := httptest.NewRequestWithContext(t.Context(), "POST", "/v1/"+collection+"/$import?"+query, unread{t})
			r.ContentLength = tt.length
			r.Header.Set("Content-Type", typeCSV)
			if tt.who != "" {
				r.Header.Set("X-API-Key", tt.who)
			}
			for i := 0; i < len(tt.header); i += 2 {
				if tt.header[i] == "Content-Type" {
					r.Header.Del("Content-Type")
				}
				r.Header.Add(tt.header[i], tt.header[i+1])
			}
			w := httptest.NewRecorder()
			f.ServeHTTP(w, r)
			var p problem
			if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil || w.Code != tt.status || p.Code != tt.code {
				t.Errorf("got %d %s, want %d %s", w.Code, w.Body, tt.status, tt.code)
			}
			if tt.name == "another type" && w.Header().Get("Accept") != "text/csv, application/x-ndjson, application/ndjson, application/jsonl" {
				t.Errorf("Accept is %q", w.Header().Get("Accept"))
			}
		})
	}
	if names := f.files(t); len(names) > 0 {
		t.Errorf("%v are left", names)
	}
}

// TestImportBody shows what is refused of bodies as they are read.
func TestImportBody(t *testing.T) {
	const limit = 100_000
	rows := []byte("id,name\n" + strings.Repeat("1,Tea\n", limit/6))
	rows = append(rows[:limit-1], '\n')
	long := append(bytes.Clone(rows), '\n')
	packed := compressed(t, rows)
	for _, tt := range []struct {
		name, coding string
		body         []byte
		status       int
		code         string
	}{
		{"as large as may be", "", rows, 202, ""},
		{"as large as may be, gzip", "gzip", packed, 202, ""},
		{"as large as may be, zstd", "zstd", zstdOf(t, rows), 202, ""},
		{"one octet more", "", long, 413, "body-too-large"},
		{"one octet more, gzip", "gzip", compressed(t, long), 413, "body-too-large"},
		{"one octet more, zstd", "zstd", zstdOf(t, long), 413, "body-too-large"},
		{"empty", "", nil, 400, "no-body"},
		{"nothing, gzip", "gzip", compressed(t, nil), 400, "no-body"},
		{"cut off, gzip", "gzip", packed[:len(packed)-20], 400, "body-incomplete"},
		{"cut off, zstd", "zstd", zstdOf(t, rows)[:30], 400, "body-incomplete"},
		{"no gzip", "gzip", rows, 400, "bad-gzip"},
		{"no zstd", "zstd", rows, 400, "bad-zstd"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := newImportFixture(t, limit, true)
			r := httptest.NewRequestWithContext(t.Context(), "POST", "/v1/categories/$import", io.MultiReader(bytes.NewReader(tt.body))) // hides the length
			r.Header.Set("X-API-Key", "ada")
			r.Header.Set("Content-Type", typeCSV)
			r.Header.Set("Content-Encoding", tt.coding)
			w := httptest.NewRecorder()
			f.ServeHTTP(w, r)
			var p problem
			if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil || w.Code != tt.status || p.Code != tt.code {
				t.Errorf("got %d %s, want %d %s", w.Code, w.Body, tt.status, tt.code)
			}
			if files := f.files(t); (len(files) == 1) != (tt.status == 202) {
				t.Errorf("%d files are left", len(files))
			}
		})
	}
}

// TestImportCut is told that the body was cut off, wherever that was.
func TestImportCut(t *testing.T) {
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	z.Name, z.Comment, z.Extra = "rows.csv", "exported", []byte("extra")
	if _, err := io.WriteString(z, "id,name\n81,Tea\n"); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	f := newImportFixture(t, 1000, true)
	for _, tt := range []struct {
		coding string
		body   []byte
	}{{"gzip", packed.Bytes()}, {"zstd", zstdOf(t, []byte("id,name\n81,Tea\n"))}} {
		for cut := range len(tt.body) {
			w := f.do(t, "POST", "/v1/categories/$import", string(tt.body[:cut]), "X-API-Key", "ada", "Content-Type", typeCSV, "Content-Encoding", tt.coding)
			if w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), "body-incomplete") {
				t.Errorf("%s cut at %d: got %d %s", tt.coding, cut, w.Code, w.Body)
			}
		}
	}
}
