package httpapi

import (
	"bufio"
	"compress/gzip"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestMediaTypeOf(t *testing.T) {
	tests := []struct {
		lines []string
		want  string
	}{
		{[]string{"application/json"}, "application/json"},
		{[]string{"Application/JSON; charset=UTF-8"}, "application/json"},
		{[]string{"application/x-ndjson"}, "application/x-ndjson"},
		{nil, codeMediaType},
		{[]string{""}, codeMediaType},
		{[]string{"text/json"}, codeMediaType},
		{[]string{"application/json; charset=latin1"}, codeMediaType},
		{[]string{"application/json; profile=x"}, codeMediaType},
		{[]string{"application/jsonx"}, codeMediaType},
		{[]string{"application/json", "application/json"}, codeMediaType},
		{[]string{"application/json, text/plain"}, codeMediaType},
	}
	for _, tt := range tests {
		got, err := mediaTypeOf(tt.lines, []string{typeJSON, typeNDJSON})
		if err != nil {
			got = codeOf(err)
		}
		if got != tt.want {
			t.Errorf("mediaTypeOf(%q): got %q, want %q", tt.lines, got, tt.want)
		}
	}
}

// TestTooLargeBodyOnConnection sends everything before it reads the answer, as
// many clients do. What is a little over the limit keeps its connection.
func TestTooLargeBodyOnConnection(t *testing.T) {
	const limit = 1 << 20
	server := httptest.NewServer(newFixture(t, func(c *Config) { c.MaxBody = limit }))
	t.Cleanup(server.Close)
	zipped := shrunkToQuarter(t, 3*limit)
	for _, tt := range []struct {
		name, header string
		length       int
		body         string
		closes       bool
	}{
		{"one octet over", "", limit + 1, strings.Repeat(" ", limit+1), false},
		{"twice the limit", "", 2 * limit, strings.Repeat(" ", 2*limit), false},
		{"one octet over twice", "", 2*limit + 1, "", true},
		{"waiting for 100 Continue", "Expect: 100-continue\r\n", limit + 1, "", true},
		{"over when decompressed", "Content-Encoding: gzip\r\n", len(zipped), zipped, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			conn, err := net.Dial("tcp", server.Listener.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			_, err = fmt.Fprintf(conn, "POST /v1/categories HTTP/1.1\r\nHost: x\r\nX-API-Key: ada\r\n"+
				"Content-Type: application/json\r\nContent-Length: %d\r\n%s\r\n%s", tt.length, tt.header, tt.body)
			if err != nil {
				t.Fatalf("the body cannot be sent: %v", err)
			}
			lines := bufio.NewReader(conn)
			answer, err := http.ReadResponse(lines, nil)
			if err != nil {
				t.Fatal(err)
			}
			defer answer.Body.Close()
			if _, err := io.Copy(io.Discard, answer.Body); err != nil {
				t.Errorf("the answer breaks off: %v", err)
			}
			if answer.StatusCode != http.StatusRequestEntityTooLarge || answer.Close != tt.closes {
				t.Fatalf("got %s, closing %t; want 413, closing %t", answer.Status, answer.Close, tt.closes)
			}
			if tt.closes {
				return
			}
			_, _ = io.WriteString(conn, "GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
			next, err := http.ReadResponse(lines, nil)
			if err != nil {
				t.Fatalf("the next request on the connection: %v", err)
			}
			defer next.Body.Close()
			if next.StatusCode != http.StatusOK {
				t.Errorf("the next request on the connection: got %s, want 200", next.Status)
			}
		})
	}
}

// shrunkToQuarter returns white space of n octets, compressed to about a quarter.
func shrunkToQuarter(t *testing.T, n int) string {
	t.Helper()
	random := rand.New(rand.NewPCG(1, 2))
	noise := make([]byte, n)
	for i := range noise {
		noise[i] = " \t\n\r"[random.IntN(4)]
	}
	var packed strings.Builder
	z, err := gzip.NewWriterLevel(&packed, gzip.HuffmanOnly)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := z.Write(noise); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return packed.String()
}
