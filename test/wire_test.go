package test

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestWire sends what a request may be taken for another by, over connections of
// their own: of each the server sees as many requests as it answers, and what is
// behind one that it refuses it never sees.
func TestWire(t *testing.T) {
	at := strings.TrimPrefix(serve(t, t.TempDir(), write(t, t.TempDir(), "portolan.yaml", wireConfig)), "http://")
	const behind = "GET /v1/things/hidden HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
	get := "GET /v1/things HTTP/1.1\r\nHost: a\r\n"
	post := "POST /v1/things HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
	for _, tt := range []struct {
		name string
		sent string
		want []int // the answers
	}{
		{"two requests", get + "\r\n" + behind, []int{200, 404}},
		{"two lengths", post + "Content-Length: 2\r\nContent-Length: 0\r\n\r\n[]" + behind, []int{400}},
		{"two lengths in one", post + "Content-Length: 2, 0\r\n\r\n[]" + behind, []int{400}},
		{"a length with a sign", post + "Content-Length: +2\r\n\r\n[]" + behind, []int{400}},
		{"a negative length", post + "Content-Length: -1\r\n\r\n" + behind, []int{400}},
		{"a length in hexadecimal", post + "Content-Length: 0x2\r\n\r\n[]" + behind, []int{400}},
		{"a length with a space before the colon", post + "Content-Length : 2\r\n\r\n[]" + behind, []int{400}},
		{"a length beyond all numbers", post + "Content-Length: 99999999999999999999\r\n\r\n[]" + behind, []int{400}},
		{"a length that is too large", post + "Content-Length: 9999999\r\n\r\n[]", []int{413}},
		{"an encoding that is not known", post + "Transfer-Encoding: gzip\r\n\r\n[]" + behind, []int{501}},
		{"an encoding before chunked", post + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n" + behind, []int{501}},
		{"an encoding behind chunked", post + "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n" + behind, []int{501}},
		{"chunked with a tab", post + "Transfer-Encoding:\x0bchunked\r\n\r\n0\r\n\r\n" + behind, []int{400}},
		{"chunked twice", post + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + behind, []int{501}},
		{"chunked and an encoding", post + "Transfer-Encoding: chunked\r\nTransfer-Encoding: cow\r\n\r\n0\r\n\r\n" + behind, []int{501}},
		{"a name with a space", get + "X Y: 1\r\n\r\n" + behind, []int{400}},
		{"a name with a control", get + "X\x01Y: 1\r\n\r\n" + behind, []int{400}},
		{"a value with NUL", get + "X: a\x00b\r\n\r\n" + behind, []int{400}},
		{"a value with CR alone", get + "X: a\rTransfer-Encoding: chunked\r\n\r\n" + behind, []int{400}},
		{"a first line that is folded", "GET /v1/things HTTP/1.1\r\n Host: a\r\n\r\n" + behind, []int{400}},
		{"no name", get + ": 1\r\n\r\n" + behind, []int{400}},
		{"two hosts", get + "Host: b\r\n\r\n" + behind, []int{400}},
		{"no host", "GET /v1/things HTTP/1.1\r\n\r\n" + behind, []int{400}},
		{"a host with a path", "GET /v1/things HTTP/1.1\r\nHost: a/b\r\n\r\n" + behind, []int{400}},
		{"a later minor version", "GET /v1/things HTTP/1.2\r\nHost: a\r\n\r\n" + behind, []int{200, 404}}, // RFC 9110, section 2.5
		{"a later version", "GET /v1/things HTTP/3.0\r\nHost: a\r\n\r\n" + behind, []int{505}},
		{"HTTP/2 without having agreed on it", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + behind, []int{400}},
		{"no protocol", "GET /v1/things\r\n\r\n" + behind, []int{400}},
		{"two spaces in the first line", "GET  /v1/things HTTP/1.1\r\nHost: a\r\n\r\n" + behind, []int{400}},
		{"CR alone as a line end", "GET /v1/things HTTP/1.1\rHost: a\r\r" + behind, []int{400}},
		{"a chunk of no size", post + "Transfer-Encoding: chunked\r\n\r\n\r\n[]\r\n0\r\n\r\n" + behind, []int{400}},
		{"a chunk of a size that is none", post + "Transfer-Encoding: chunked\r\n\r\n2x\r\n[]\r\n0\r\n\r\n" + behind, []int{400}},
		{"a chunk of a negative size", post + "Transfer-Encoding: chunked\r\n\r\n-1\r\n[]\r\n0\r\n\r\n" + behind, []int{400}},
		{"a chunk that is longer than it says", post + "Transfer-Encoding: chunked\r\n\r\n1\r\n[]\r\n0\r\n\r\n" + behind, []int{400}},
		{"a chunk of a size beyond all numbers", post + "Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n[]\r\n0\r\n\r\n" + behind, []int{400}},
		// docs/design.md, "What the HTTP server of the standard library does its own way"
		{"both a length and chunked", post + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + behind, []int{400, 404}},
		{"a line that is folded", get + "X: a\r\n Content-Length: 200\r\n\r\n" + behind, []int{200, 404}},
		{"LF alone as a line end", "GET /v1/things HTTP/1.1\nHost: a\n\n" + behind, []int{200, 404}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := exchange(t, at, tt.sent); !slices.Equal(got, tt.want) {
				t.Errorf("it is answered with %d, want %d", got, tt.want)
			}
		})
	}
	response, err := http.Get("http://" + at + "/v1/things")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		t.Errorf("afterwards the server answers with %s", response.Status)
	}
}

const wireConfig = `service: {listen: "127.0.0.1:${PORT}", admin: off}
repository: {driver: memory}
collections:
  things:
    id: id
    fields: {id: {type: string, max: 16}}
    access: {anonymous: {all: true}}
`

// exchange sends all of it over a new connection, and returns the states of the
// answers until the server closes that or says nothing any more.
func exchange(t *testing.T, at, sent string) (states []int) {
	t.Helper()
	conn, err := net.Dial("tcp", at)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Write([]byte(sent)); err != nil {
		t.Fatal(err)
	}
	reader := bufio.NewReader(conn)
	for {
		if err := conn.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
			t.Fatal(err)
		}
		response, err := http.ReadResponse(reader, nil)
		if err != nil {
			if !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Logf("after %d: %v", states, err)
			}
			return states
		}
		states = append(states, response.StatusCode)
		if _, err := io.Copy(io.Discard, response.Body); err != nil {
			return states
		}
		_ = response.Body.Close() // it was read
	}
}
