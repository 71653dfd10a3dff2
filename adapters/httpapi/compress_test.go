package httpapi

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

func TestAcceptance(t *testing.T) {
	tests := []struct {
		header string
		best   coding
		plain  bool
	}{
		{"gzip", codingGzip, true},
		{"X-GZIP", codingGzip, true},
		{"zstd", codingZstd, true},
		{"gzip, deflate, br, zstd", codingZstd, true},
		{"gzip;q=1.0, zstd;q=0.9", codingGzip, true},
		{"gzip;q=0.5, zstd;q=0.5", codingZstd, true},
		{"zstd;q=0, gzip;q=0.001", codingGzip, true},
		{"gzip ; q=0.8 , *;q=0.1", codingGzip, true},
		{"*", codingZstd, true},
		{"*;q=0.5, zstd;q=0", codingGzip, true},
		{"*;q=0, gzip", codingGzip, false},
		{"*;q=0, identity;q=0.1", identity, true},
		{"identity", identity, true},
		{"identity;q=0.5, gzip;q=0.4", identity, true},
		{"identity;q=0.5, gzip;q=0.6", codingGzip, true},
		{"gzip;q=0.5, identity;q=0.5", codingGzip, true},
		{"identity;q=0, zstd", codingZstd, false},
		{"identity;q=0", identity, false},
		{"*;q=0", identity, false},
		{"gzip;q=0, zstd;q=0", identity, true},
		{"br, deflate", identity, true},
		{"", identity, true},
		{"gzip;q=2", identity, true},
		{"gzip;q=x", identity, true},
		{"gzip;level=9;q=0", identity, true},
	}
	for _, tt := range tests {
		got := acceptanceOf([]string{tt.header})
		if got.best != tt.best || got.plain != tt.plain {
			t.Errorf("%q: got %s, plain %v, want %s, plain %v", tt.header, got.best, got.plain, tt.best, tt.plain)
		}
		if allocs := testing.AllocsPerRun(10, func() { acceptanceOf([]string{tt.header}) }); allocs > 0 && !strings.Contains(tt.header, "q=x") {
			t.Errorf("%q: it is read with %v allocations", tt.header, allocs)
		}
	}
}

// manyProducts returns a fixture whose list of products is of some KiB.
func manyProducts(t *testing.T, change func(*Config)) fixture {
	t.Helper()
	f := newFixture(t, change)
	for i := range 60 {
		body := fmt.Sprintf(`{"asin":"M%03d","title":"A product with a long name, number %d of many","price":%d,"category_id":2}`, i, i, i)
		if w := f.do(t, "POST", "/v1/products", body, "Authorization", "Bearer ada", "Content-Type", "application/json"); w.Code != http.StatusCreated {
			t.Fatal(w.Code, w.Body)
		}
	}
	return f
}

// decoded returns the body without the coding that the header names.
func decoded(t *testing.T, h http.Header, body []byte) []byte {
	t.Helper()
	var r io.Reader = bytes.NewReader(body)
	var err error
	switch name := h.Get("Content-Encoding"); name {
	case "gzip":
		r, err = gzip.NewReader(r)
	case "zstd":
		r, err = zstd.NewReader(r, zstd.WithDecoderMaxWindow(8<<20))
	case "":
	default:
		t.Fatalf("Content-Encoding is %q", name)
	}
	if err != nil {
		t.Fatal(err)
	}
	plain, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return plain
}

// TestCompressedAnswers shows that an answer in a coding says the same, tells its
// length, has a tag of its own, and has the same header without its body.
func TestCompressedAnswers(t *testing.T) {
	f := manyProducts(t, nil)
	for _, path := range []string{"/v1/products", "/openapi.json", "/docs", "/docs/swagger-ui.css"} {
		plain := f.do(t, "GET", path, "")
		tags := map[string]bool{plain.Header().Get("ETag"): true}
		if plain.Header().Get("Content-Encoding") != "" || tags[""] {
			t.Errorf("%s: Content-Encoding %q and ETag %q without being asked", path, plain.Header().Get("Content-Encoding"), plain.Header().Get("ETag"))
		}
		for _, name := range []string{"gzip", "zstd"} {
			if path == "/docs" {
				continue // less than a KiB
			}
			w := f.do(t, "GET", path, "", "Accept-Encoding", name)
			h := w.Header()
			if h.Get("Content-Encoding") != name || h.Get("Content-Length") != strconv.Itoa(w.Body.Len()) || w.Body.Len() >= plain.Body.Len() {
				t.Errorf("%s %s: Content-Encoding %q, Content-Length %s of %d octets, %d without", path, name,
					h.Get("Content-Encoding"), h.Get("Content-Length"), w.Body.Len(), plain.Body.Len())
			}
			if !strings.Contains(h.Get("Vary"), "Accept-Encoding") || tags[h.Get("ETag")] {
				t.Errorf("%s %s: Vary is %q, ETag %q is another's too", path, name, h.Get("Vary"), h.Get("ETag"))
			}
			tags[h.Get("ETag")] = true
			if got := decoded(t, h, w.Body.Bytes()); !bytes.Equal(got, plain.Body.Bytes()) {
				t.Errorf("%s %s: the body says something else", path, name)
			}
			head := f.do(t, "HEAD", path, "", "Accept-Encoding", name, "X-Request-Id", h.Get("X-Request-Id"))
			if diff := cmp.Diff(h, head.Header()); diff != "" || head.Body.Len() != 0 {
				t.Errorf("%s %s: HEAD has a body of %d octets and another header (-GET +HEAD):\n%s", path, name, head.Body.Len(), diff)
			}
		}
	}
}

// TestTagsNameTheCoding shows what becomes of the tags of codings in conditional
// requests.
func TestTagsNameTheCoding(t *testing.T) {
	f := manyProducts(t, nil)
	groups := "/v1/products/$aggregate?$apply=groupby((asin,title),aggregate($count%20as%20n))"
	for _, path := range []string{"/v1/products", groups, "/openapi.json", "/docs/swagger-ui.css"} {
		plain := f.do(t, "GET", path, "").Header().Get("ETag")
		coded := f.do(t, "GET", path, "", "Accept-Encoding", "zstd").Header().Get("ETag")
		if want := strings.TrimSuffix(plain, `"`) + `-zstd"`; coded != want {
			t.Errorf("%s: the tag of zstd is %s, want %s", path, coded, want)
		}
		for _, tt := range []struct {
			accept, known string
			status        int
		}{
			{"zstd", coded, 304}, {"zstd", plain, 200}, {"gzip", coded, 200}, {"identity", coded, 200}, {"identity", plain, 304},
			{"zstd", `"x", ` + coded, 304}, {"zstd", "*", 304},
		} {
			w := f.do(t, "GET", path, "", "Accept-Encoding", tt.accept, "If-None-Match", tt.known)
			if w.Code != tt.status {
				t.Errorf("%s: %s for who knows %s: got %d, want %d", path, tt.accept, tt.known, w.Code, tt.status)
			}
			if w.Code != 304 {
				continue
			}
			h := w.Header()
			if w.Body.Len() != 0 || h.Get("Content-Encoding") != "" || h.Get("Content-Type") != "" || h.Get("Content-Length") != "" {
				t.Errorf("%s: 304 with %d octets and %v", path, w.Body.Len(), h)
			}
			if !strings.Contains(tt.known+"*", h.Get("ETag")) && tt.known != "*" || h.Get("Vary") == "" || h.Get("Cache-Control") == "" {
				t.Errorf("%s: 304 for %s has the header %v", path, tt.known, h)
			}
		}
	}
}

// TestTagsOfRecordsNameTheCoding: a large record has a tag for each coding, all
// of which do for If-Match.
func TestTagsOfRecordsNameTheCoding(t *testing.T) {
	f := newFixture(t, nil)
	long := `{"text":"` + strings.Repeat("a long text ", 80) + `"}`
	made := f.do(t, "POST", "/v1/notes", `{"owner":"sid",`+long[1:], "Authorization", "Bearer sid", "Content-Type", "application/json", "Accept-Encoding", "gzip")
	at, tag := made.Header().Get("Location"), made.Header().Get("ETag")
	if made.Code != http.StatusCreated || !strings.HasSuffix(tag, `-gzip"`) || made.Header().Get("Content-Encoding") != "gzip" {
		t.Fatalf("got %d %v", made.Code, made.Header())
	}
	for _, accept := range []string{"gzip", "zstd", "identity"} {
		w := f.do(t, "GET", at, "", "Authorization", "Bearer sid", "Accept-Encoding", accept, "If-None-Match", tag)
		if got := w.Code == http.StatusNotModified; got != (accept == "gzip") {
			t.Errorf("%s: got %d for who knows %s", accept, w.Code, tag)
		}
		w = f.do(t, "PATCH", at, long, "Authorization", "Bearer sid", "Accept-Encoding", accept, "If-Match", tag, "Content-Type", "application/json")
		if w.Code != http.StatusOK {
			t.Errorf("%s: PATCH If-Match %s: got %d %s", accept, tag, w.Code, w.Body)
		}
		tag = w.Header().Get("ETag")
		if accept == "identity" {
			continue
		}
		tag = strings.Replace(tag, accept, "gzip", 1)
	}
}

// TestNotCompressed shows what is sent as it is, and what is refused.
func TestNotCompressed(t *testing.T) {
	f := manyProducts(t, nil)
	tests := []struct {
		method, path, accept, body string
		status                     int
		coding                     string
	}{
		{"GET", "/v1/products/B001", "gzip", "", 200, ""},
		{"GET", "/v1/products/B001", "gzip, identity;q=0", "", 200, "gzip"},
		{"GET", "/livez", "gzip, *;q=0", "", 200, "gzip"},
		{"GET", "/docs/favicon-32x32.png", "gzip", "", 200, ""},
		{"GET", "/v1/products", "br", "", 200, ""},
		{"GET", "/v1/products", "identity;q=0", "", 406, ""},
		{"GET", "/v1/products/B001", "*;q=0", "", 406, ""},
		{"DELETE", "/v1/products/M001", "*;q=0", "", 204, ""},
		{"GET", "/v1/nothing", "gzip", "", 404, ""},
		{"POST", "/v1/products", "gzip", "[" + strings.Repeat(`{"pirce":1},`, 20) + `{}]`, 400, "gzip"},
		{"OPTIONS", "/v1/products", "gzip", "", 204, ""},
	}
	for _, tt := range tests {
		w := f.do(t, tt.method, tt.path, tt.body, "Accept-Encoding", tt.accept, "Authorization", "Bearer ada", "Content-Type", "application/json")
		if w.Code != tt.status || w.Header().Get("Content-Encoding") != tt.coding {
			t.Errorf("%s %s %s: got %d in %q, want %d in %q", tt.method, tt.path, tt.accept, w.Code, w.Header().Get("Content-Encoding"), tt.status, tt.coding)
		}
		if length := w.Header().Get("Content-Length"); length != "" && length != strconv.Itoa(w.Body.Len()) {
			t.Errorf("%s %s %s: Content-Length is %s of %d", tt.method, tt.path, tt.accept, length, w.Body.Len())
		}
		decoded(t, w.Header(), w.Body.Bytes())
	}
}

// TestNoStoreIsNotCompressed: the length of what may hold a credential tells
// nothing.
func TestNoStoreIsNotCompressed(t *testing.T) {
	x := &exchange{w: httptest.NewRecorder(), r: httptest.NewRequest(http.MethodGet, "/", nil)}
	x.r.Header.Set("Accept-Encoding", "gzip")
	if got := x.coding(sentJSON, 10_000); got != codingGzip {
		t.Errorf("an ordinary answer is sent in %s", got)
	}
	x.Header().Set("Cache-Control", "no-store")
	if got := x.coding(sentJSON, 10_000); got != identity {
		t.Errorf("what may not be stored is sent in %s", got)
	}
}

// TestStreams shows that what is written bit by bit arrives when it is flushed, in
// the coding, and that what broke off does not look whole.
func TestStreams(t *testing.T) {
	next := make(chan bool)
	handler, err := NewAdmin(AdminConfig{Handlers: map[string]http.Handler{"/stream": http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/x-ndjson")
		for line := 0; ; line++ {
			fmt.Fprintf(w, `{"line":%d}`+"\n", line)
			if err := http.NewResponseController(w).Flush(); err != nil {
				t.Error(err)
			}
			if whole, more := <-next; !more {
				panic(http.ErrAbortHandler)
			} else if whole {
				return
			}
		}
	})}})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(handler)
	defer server.Close()
	for _, name := range []string{"gzip", "zstd"} {
		lines, body := openStream(t, server.URL+"/stream", name)
		readLine(t, lines, 0)
		next <- false
		readLine(t, lines, 1)
		next <- true
		if rest, err := io.ReadAll(lines); len(rest) > 0 || err != nil {
			t.Errorf("%s: it goes on with %q and ends with %v", name, rest, err)
		}
		body.Close()
	}
	lines, body := openStream(t, server.URL+"/stream", "gzip")
	defer body.Close()
	readLine(t, lines, 0)
	close(next)
	if rest, err := io.ReadAll(lines); err == nil {
		t.Errorf("a stream that broke off looks whole, and goes on with %q", rest)
	}
}

func openStream(t *testing.T, url, name string) (io.Reader, io.Closer) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second) // what is not flushed never comes
	t.Cleanup(cancel)
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Accept-Encoding", name)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	if got := response.Header.Get("Content-Encoding"); got != name || response.ContentLength != -1 {
		t.Fatalf("the stream is in %q, of length %d", got, response.ContentLength)
	}
	var lines io.Reader
	if name == "gzip" {
		lines, err = gzip.NewReader(response.Body)
	} else {
		lines, err = zstd.NewReader(response.Body, zstd.WithDecoderConcurrency(1))
	}
	if err != nil {
		t.Fatal(err)
	}
	return lines, response.Body
}

func readLine(t *testing.T, lines io.Reader, n int) {
	t.Helper()
	want := fmt.Sprintf(`{"line":%d}`+"\n", n)
	got := make([]byte, len(want))
	if _, err := io.ReadFull(lines, got); err != nil || string(got) != want {
		t.Fatalf("got %q, %v, want %q", got, err, want)
	}
}

// TestCompressionSharesNothing sends large and small answers at once, each of
// which must say what it says alone.
func TestCompressionSharesNothing(t *testing.T) {
	f := manyProducts(t, nil)
	paths := []string{"/v1/products", "/v1/products?$first=20", "/v1/products?$first=40&$orderby=title", "/openapi.json"}
	want := make(map[string]string)
	for _, path := range paths {
		want[path] = f.do(t, "GET", path, "").Body.String()
	}
	done := make(chan string)
	for i := range 8 {
		go func() {
			var wrong string
			for j := range 25 {
				path, name := paths[(i+j)%len(paths)], []string{"gzip", "zstd"}[j%2]
				w := f.do(t, "GET", path, "", "Accept-Encoding", name)
				if got := string(decoded(t, w.Header(), w.Body.Bytes())); got != want[path] {
					wrong = path + " in " + name
				}
			}
			done <- wrong
		}()
	}
	for range 8 {
		if wrong := <-done; wrong != "" {
			t.Errorf("%s says something else among others", wrong)
		}
	}
}

func BenchmarkSendCompressed(b *testing.B) {
	body := []byte(strings.Repeat(`{"asin":"B001","title":"A product with a long name","price":19.99,"category_id":2},`, 100))
	for _, name := range []string{"identity", "gzip", "zstd"} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(body)))
			r := httptest.NewRequest(http.MethodGet, "/", nil)
			r.Header.Set("Accept-Encoding", name)
			for b.Loop() {
				x := &exchange{w: discard{make(http.Header)}, r: r}
				x.send(http.StatusOK, sentJSON, body)
			}
		})
	}
}
