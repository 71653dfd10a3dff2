package httpapi

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/portolan-io/portolan/core/record"
)

// compressed returns text as gzip.
func compressed(t *testing.T, text []byte) []byte {
	t.Helper()
	var buf bytes.Buffer
	z := gzip.NewWriter(&buf)
	if _, err := z.Write(text); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

// category returns the JSON of a category that is size octets long.
func category(size int) string {
	const frame = `{"id":77,"name":"x"}`
	return `{"id":77,"name":"x"` + strings.Repeat(" ", size-len(frame)) + "}"
}

// TestBodyLimit sends bodies of the limit and one octet more, with and without
// Content-Length, plain and compressed.
func TestBodyLimit(t *testing.T) {
	const limit = 100_000
	f := newFixture(t, func(c *Config) { c.MaxBody = limit })
	plain := func(size int) io.Reader { return strings.NewReader(category(size)) }
	chunked := func(size int) io.Reader { return io.MultiReader(plain(size)) } // hides the length
	zipped := func(size int) io.Reader {
		// Noise, so that the limit decides and not the ratio.
		random := rand.New(rand.NewPCG(1, 2))
		noise := make([]byte, size-200)
		for i := range noise {
			noise[i] = " \t\n\r"[random.IntN(4)]
		}
		text := `{"id":77,"name":"x"` + string(noise)
		return bytes.NewReader(compressed(t, []byte(text+strings.Repeat(" ", size-len(text)-1)+"}")))
	}
	tests := []struct {
		name     string
		body     func(int) io.Reader
		encoding string
		length   bool
	}{
		{"with its length", plain, "", true},
		{"without its length", chunked, "", false},
		{"compressed", zipped, "gzip", true},
	}
	for _, tt := range tests {
		for size, want := range map[int]int{limit: http.StatusOK, limit + 1: http.StatusRequestEntityTooLarge} {
			r := httptest.NewRequestWithContext(t.Context(), "PUT", "/v1/categories/77", tt.body(size))
			if tt.length == (r.ContentLength < 0) {
				t.Fatalf("%s: the length is %d", tt.name, r.ContentLength)
			}
			r.Header.Set("Authorization", "Bearer ada")
			r.Header.Set("Content-Type", "application/json")
			r.Header.Set("Content-Encoding", tt.encoding)
			w := httptest.NewRecorder()
			f.ServeHTTP(w, r)
			if w.Code == http.StatusCreated {
				w.Code = http.StatusOK
			}
			if w.Code != want {
				t.Errorf("%s, %d octets: got %d %s, want %d", tt.name, size, w.Code, w.Body, want)
			}
		}
	}
}

// An endless body tells how much of it was read.
type endless struct {
	first []byte
	read  int
}

func (e *endless) Read(p []byte) (int, error) {
	n := copy(p, e.first)
	e.first = e.first[n:]
	for ; n < len(p); n++ {
		p[n] = ' '
	}
	e.read += n
	return n, nil
}

// TestEndlessBody shows that no more is read than the limit, and nothing at all
// of what says that it is too long or comes from a stranger.
func TestEndlessBody(t *testing.T) {
	const limit = 100_000
	f := newFixture(t, func(c *Config) { c.MaxBody = limit })
	tests := []struct {
		name, who    string
		length       int64
		status, most int
	}{
		{"without a length", "Bearer ada", -1, 413, limit + 1},
		{"with a length", "Bearer ada", 1 << 40, 413, 0},
		{"of a stranger", "", -1, 401, 0},
	}
	for _, tt := range tests {
		body := &endless{first: []byte(`{"id":77,`)}
		r := httptest.NewRequestWithContext(t.Context(), "POST", "/v1/categories", body)
		r.ContentLength = tt.length
		r.Header.Set("Content-Type", "application/json")
		if tt.who != "" {
			r.Header.Set("Authorization", tt.who)
		}
		w := httptest.NewRecorder()
		f.ServeHTTP(w, r)
		if w.Code != tt.status || body.read > tt.most {
			t.Errorf("%s: got %d after %d octets, want %d after %d at most", tt.name, w.Code, body.read, tt.status, tt.most)
		}
	}
}

// bomb returns the beginning of a gzip stream of n octets of spaces, which is a
// thousand times shorter.
func bomb(t *testing.T, n int) []byte {
	t.Helper()
	var buf bytes.Buffer
	z, err := gzip.NewWriterLevel(&buf, gzip.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	block := bytes.Repeat([]byte(" "), 1<<20)
	for written := 0; written < n; written += len(block) {
		if _, err := z.Write(block); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

// TestGzipBomb sends 64 MiB of nothing as 64 KiB: it is refused after a few
// octets of it, and without memory for what it would become.
func TestGzipBomb(t *testing.T) {
	f := newFixture(t, nil)
	packed := bomb(t, 64<<20)
	body := bytes.NewReader(packed)
	r := httptest.NewRequestWithContext(t.Context(), "POST", "/v1/categories", body)
	r.Header.Set("Authorization", "Bearer ada")
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Content-Encoding", "gzip")
	w := httptest.NewRecorder()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f.ServeHTTP(w, r)
	runtime.ReadMemStats(&after)
	if w.Code != http.StatusRequestEntityTooLarge || !strings.Contains(w.Body.String(), "too-compressed") {
		t.Errorf("got %d %s, want 413 for its ratio", w.Code, w.Body)
	}
	if read := len(packed) - body.Len(); read > 8<<10 {
		t.Errorf("%d octets of it were read, want 8 KiB at most", read)
	}
	if grown := after.TotalAlloc - before.TotalAlloc; grown > 2<<20 {
		t.Errorf("%d octets were allocated, want 2 MiB at most", grown)
	}
}

func TestInflate(t *testing.T) {
	regular := []byte(strings.Repeat("regular ", inflateSlack/8)) // small enough to be as regular as it likes
	broken := errors.New("the line broke")
	for c, pack := range map[coding]func(*testing.T, []byte) []byte{codingGzip: compressed, codingZstd: zstdOf} {
		packed, wide := pack(t, regular), pack(t, bytes.Repeat([]byte("x"), 4*inflateSlack))
		for _, tt := range []struct {
			name  string
			input io.Reader
			limit int64
			want  error
		}{
			{"regular and small", bytes.NewReader(packed), inflateSlack, nil},
			{"two members", bytes.NewReader(append(pack(t, []byte("a")), pack(t, []byte("b"))...)), 2, nil},
			{"one octet over the limit", bytes.NewReader(packed), inflateSlack - 1, errTooLarge},
			{"out of proportion", bytes.NewReader(wide), 8 * inflateSlack, errRatio},
			{"cut short", bytes.NewReader(packed[:len(packed)-9]), inflateSlack, errBroken},
			{"wrong checksum", bytes.NewReader(append(bytes.Clone(packed[:len(packed)-4]), 0, 0, 0, 0)), inflateSlack, errBroken},
			{"something behind", bytes.NewReader(append(bytes.Clone(packed), "behind"...)), inflateSlack, errBroken},
			{"nothing", strings.NewReader(""), 1, errBroken},
			{"the line breaks", io.MultiReader(bytes.NewReader(packed[:20]), failingReader{broken}), inflateSlack, broken},
		} {
			if _, err := inflate(c, tt.input, tt.limit); !errors.Is(err, tt.want) || errors.Is(err, errBroken) != errors.Is(tt.want, errBroken) {
				t.Errorf("%s, %s: got %v, want %v", c.String(), tt.name, err, tt.want)
			}
		}
	}
}

// TestZstdWindow: what would have to be held to look back on is refused.
func TestZstdWindow(t *testing.T) {
	var b bytes.Buffer
	z, err := zstd.NewWriter(&b, zstd.WithWindowSize(2*maxZstdWindow), zstd.WithEncoderConcurrency(1))
	if err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(1, 2))
	piece := make([]byte, 1<<20)
	for range 20 {
		for i := range piece {
			piece[i] = byte(random.Uint32())
		}
		if _, err := z.Write(piece); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := inflate(codingZstd, &b, 64<<20); !errors.Is(err, errBroken) {
		t.Errorf("got %v, want that it is refused", err)
	}
}

type failingReader struct{ err error }

func (r failingReader) Read([]byte) (int, error) { return 0, r.err }

// TestRecordAndListLimits sends what is of the limit, and one more.
func TestRecordAndListLimits(t *testing.T) {
	f := newFixture(t, nil)
	list := func(from, n int) string {
		var items []string
		for i := range n {
			items = append(items, fmt.Sprintf(`{"id":%d,"name":"n"}`, from+i))
		}
		return "[" + strings.Join(items, ",") + "]"
	}
	ids := func(n int) string { return `{"ids":[` + strings.TrimSuffix(strings.Repeat("1,", n), ",") + "]}" }
	filter := func(size int) string {
		const frame = "name eq ''"
		return `{"filter":"name eq '` + strings.Repeat("x", size-len(frame)) + `'"}`
	}
	text := func(n int) string {
		return `{"owner":"sid","text":"` + strings.Repeat("é", n) + `"}`
	}
	tests := []struct {
		name, path, body string
		status           int
		code             string
	}{
		{"200 records", "/v1/categories", list(1000, 200), 201, ""},
		{"201 records", "/v1/categories", list(2000, 201), 413, "too-many-records"},
		{"500 ids", "/v1/categories/$query", ids(500), 200, ""},
		{"501 ids", "/v1/categories/$query", ids(501), 400, "too-many-items"},
		{"a filter of 64 KiB", "/v1/categories/$query", filter(64 << 10), 200, ""},
		{"a filter of 64 KiB and one", "/v1/categories/$query", filter(64<<10 + 1), 400, "too-long"},
		{"1,000 characters", "/v1/notes", text(1000), 201, ""},
		{"1,001 characters", "/v1/notes", text(1001), 400, "invalid-record"},
		{"depth 65", "/v1/notes", strings.Repeat("[", record.MaxDepth+1) + "1" + strings.Repeat("]", record.MaxDepth+1), 400, ""},
	}
	for _, tt := range tests {
		who := "Bearer ada"
		if strings.Contains(tt.path, "notes") {
			who = "Bearer sid"
		}
		w := f.do(t, "POST", tt.path, tt.body, "Authorization", who, "Content-Type", "application/json")
		var got problem
		_ = json.Unmarshal(w.Body.Bytes(), &got)
		if w.Code != tt.status || tt.code != "" && got.Code != tt.code {
			t.Errorf("%s: got %d %.200s, want %d %s", tt.name, w.Code, w.Body, tt.status, tt.code)
		}
	}
	long := "/v1/categories?$filter=name%20eq%20'" + strings.Repeat("x", 4<<10) + "'"
	if w := f.do(t, "GET", long, ""); w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), "too-long") {
		t.Errorf("a filter of more than 4 KiB in a URL: got %d %s", w.Code, w.Body)
	}
}

// TestRealServer serves over a connection: what is broken below HTTP gets no
// further, and what net/http refuses is refused.
func TestRealServer(t *testing.T) {
	server := httptest.NewUnstartedServer(newFixture(t, nil))
	server.Config.MaxHeaderBytes = 16 << 10
	server.Start()
	t.Cleanup(server.Close)
	tests := []struct{ name, raw, want string }{
		{"a proper request", "GET /livez HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 200 "},
		{"an oversized header", "GET /livez HTTP/1.1\r\nHost: x\r\nX: " + strings.Repeat("x", 32<<10) + "\r\n\r\n", "HTTP/1.1 431 "},
		{"two lengths", "POST /v1/categories HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx", "HTTP/1.1 400 "},
		{"length and chunks", "POST /v1/categories HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "HTTP/1.1 4"},
		{"a space before the colon", "GET /livez HTTP/1.1\r\nHost : x\r\n\r\n", "HTTP/1.1 400 "},
		{"a body that is cut short", "POST /v1/categories HTTP/1.1\r\nHost: x\r\nX-API-Key: ada\r\nContent-Type: application/json\r\nContent-Length: 50\r\n\r\n{", "HTTP/1.1 400 "},
		{"a chunk that is none", "POST /v1/categories HTTP/1.1\r\nHost: x\r\nX-API-Key: ada\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "HTTP/1.1 400 "},
		{"bytes that are no UTF-8 in the query", "GET /v1/categories?$filter=\xff HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 400 "},
		{"an absolute target", "GET http://other/v1/categories/1 HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 200 "},
	}
	for _, tt := range tests {
		conn, err := net.Dial("tcp", server.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(conn, tt.raw)
		_ = conn.(*net.TCPConn).CloseWrite()
		answer, _ := io.ReadAll(conn)
		_ = conn.Close()
		if !strings.HasPrefix(string(answer), tt.want) {
			t.Errorf("%s: got %.300q, want %s", tt.name, answer, tt.want)
		}
	}
}

// TestSlowHeader shows that a client that never ends its header holds a
// connection no longer than the server lets it, and never reaches the handler.
func TestSlowHeader(t *testing.T) {
	f := newFixture(t, nil)
	server := httptest.NewUnstartedServer(f)
	server.Config.ReadHeaderTimeout = 20 * time.Millisecond
	server.Start()
	t.Cleanup(server.Close)
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_, _ = io.WriteString(conn, "GET /v1/categories HTTP/1.1\r\nHost: x\r\n")
	answer, err := io.ReadAll(conn) // ends when the server closes
	if err != nil || len(answer) > 0 && !strings.HasPrefix(string(answer), "HTTP/1.1 408 ") {
		t.Errorf("got %q, %v, want the connection closed", answer, err)
	}
	if log := f.log.String(); log != "" {
		t.Errorf("the handler was reached: %s", log)
	}
}
