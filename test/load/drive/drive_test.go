//go:build linux

package drive_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/portolan-io/portolan/test/load/drive"
)

// serve answers with the handler, and returns where.
func serve(t *testing.T, handler http.HandlerFunc) string {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server.Listener.Addr().String()
}

func next(dst []byte) []byte { return append(dst, "GET /x HTTP/1.1\r\nHost: test\r\n\r\n"...) }

// TestRun counts what a server counts, answers of several reads among it.
func TestRun(t *testing.T) {
	var served, failed atomic.Int64
	long := strings.Repeat("long ", 60_000)
	address := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body := "short"
		switch n := served.Add(1); {
		case n%5 == 0:
			failed.Add(1)
			w.WriteHeader(http.StatusTeapot)
		case n%3 == 0:
			body = long
		}
		w.Header().Set("Content-Length", fmt.Sprint(len(body)))
		fmt.Fprint(w, body)
	})
	result, err := drive.Run(t.Context(), drive.Load{Address: address, Connections: 7, Duration: 200 * time.Millisecond, Next: next})
	if err != nil {
		t.Fatal(err)
	}
	if int64(result.Requests) != served.Load() || int64(result.Failed) != failed.Load() || result.Requests < 7 {
		t.Errorf("got %d answers of which %d failed, want %d and %d", result.Requests, result.Failed, served.Load(), failed.Load())
	}
	if !strings.HasPrefix(result.Failure, "HTTP/1.1 418") {
		t.Errorf("the failure is %.40q, want the teapot's", result.Failure)
	}
	if !strings.HasPrefix(result.Last, "HTTP/1.1 ") {
		t.Errorf("the last answer is %.40q", result.Last)
	}
	if result.P50 <= 0 || result.P99 < result.P50 || result.PerSecond() <= 0 || result.Bytes < int64(result.Requests) {
		t.Errorf("the figures make no sense: %+v", result)
	}
}

func TestRunRefuses(t *testing.T) {
	for _, tt := range []struct {
		name  string
		serve http.HandlerFunc
		want  string
	}{
		{"no length", func(w http.ResponseWriter, _ *http.Request) {
			w.(http.Flusher).Flush()
		}, "Content-Length"},
		{"broken off", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			panic(http.ErrAbortHandler)
		}, "EOF"},
		{"another protocol", func(w http.ResponseWriter, _ *http.Request) {
			connection, _, err := w.(http.Hijacker).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			defer connection.Close()
			fmt.Fprint(connection, "SSH-2.0-OpenSSH_9.2\r\n\r\n")
		}, "SSH"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			load := drive.Load{Address: serve(t, tt.serve), Connections: 1, Duration: 50 * time.Millisecond, Next: next}
			if _, err := drive.Run(t.Context(), load); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Run = %v, want an error about %s", err, tt.want)
			}
		})
	}
	if _, err := drive.Run(t.Context(), drive.Load{Address: "localhost:80"}); err == nil {
		t.Error("a name was taken for an address")
	}
}
