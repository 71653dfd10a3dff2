package httpapi

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/portolan-io/portolan/core"
	"github.com/portolan-io/portolan/ports/telemetry"
)

// TestImportOnConnection sends bodies as clients do that break off, lie or are
// slow. What comes to nothing leaves neither a job nor a file.
func TestImportOnConnection(t *testing.T) {
	f := newImportFixture(t, 0, true)
	server := httptest.NewUnstartedServer(f)
	server.Config.ReadTimeout = 200 * time.Millisecond // of a whole request; an import may take longer
	server.Config.WriteTimeout = 200 * time.Millisecond
	server.Start()
	t.Cleanup(server.Close)
	const rows = "id,name\n1,Tea\n"
	chunk := fmt.Sprintf("%x\r\n%s\r\n", len(rows), rows)
	for _, tt := range []struct {
		name, header string
		pieces       []string
		pause        time.Duration // before each piece
		shut         bool          // the client closes its half behind the last piece
		status       int
		code         string
	}{
		{"whole", "Content-Length: 14", []string{rows}, 0, false, 202, ""},
		{"in chunks", "Transfer-Encoding: chunked", []string{chunk, "0\r\n\r\n"}, 0, false, 202, ""},
		{"shorter than its length", "Content-Length: 20", []string{rows}, 0, true, 400, "body-incomplete"},
		{"cut off between chunks", "Transfer-Encoding: chunked", []string{chunk}, 0, true, 400, "body-incomplete"},
		{"cut off within a chunk", "Transfer-Encoding: chunked", []string{chunk[:9]}, 0, true, 400, "body-incomplete"},
		{"broken chunks", "Transfer-Encoding: chunked", []string{chunk, "zz\r\n"}, 0, false, 400, "body-incomplete"},
		{"stalled", "Content-Length: 20", []string{rows}, 0, false, 400, "body-incomplete"},
		{"slow and steady", "Content-Length: 14", strings.Split(rows, ""), 50 * time.Millisecond, false, 202, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			before := len(f.files(t))
			connection, err := net.Dial("tcp", server.Listener.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer connection.Close()
			head := "POST /v1/categories/$import HTTP/1.1\r\nHost: x\r\nX-API-Key: ada\r\nContent-Type: text/csv\r\n" + tt.header + "\r\n\r\n"
			for _, piece := range append([]string{head}, tt.pieces...) {
				time.Sleep(tt.pause)
				if _, err := connection.Write([]byte(piece)); err != nil {
					t.Fatal(err)
				}
			}
			if tt.shut {
				if err := connection.(*net.TCPConn).CloseWrite(); err != nil {
					t.Fatal(err)
				}
			}
			if err := connection.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
				t.Fatal(err)
			}
			response, err := http.ReadResponse(bufio.NewReader(connection), nil)
			if err != nil {
				t.Fatal(err)
			}
			defer response.Body.Close()
			body, err := io.ReadAll(response.Body)
			if err != nil {
				t.Fatal(err)
			}
			if response.StatusCode != tt.status || !strings.Contains(string(body), tt.code) {
				t.Errorf("got %d %s, want %d %s", response.StatusCode, body, tt.status, tt.code)
			}
			if more := len(f.files(t)) - before; (more == 1) != (tt.status == http.StatusAccepted) {
				t.Errorf("%d files more", more)
			}
		})
	}
}

// TestStoppingWithinBody: who still sends a body when the server cuts off is told so, and not that the body
// is incomplete.
func TestStoppingWithinBody(t *testing.T) {
	for name, h2 := range map[string]bool{"HTTP/1.1": false, "HTTP/2": true} {
		t.Run(name, func(t *testing.T) {
			f := newImportFixture(t, 0, true)
			requests, stop := context.WithCancelCause(t.Context())
			defer stop(nil)
			server := httptest.NewUnstartedServer(f)
			server.EnableHTTP2 = h2
			server.Config.BaseContext = func(net.Listener) context.Context { return requests }
			server.StartTLS()
			t.Cleanup(server.Close)
			sent := map[string]http.Header{
				"PUT /v1/categories/1":        {"Content-Type": {typeJSON}},
				"POST /v1/categories":         {"Content-Type": {typeJSON}, "Content-Encoding": {"gzip"}},
				"POST /v1/categories/$import": {"Content-Type": {typeCSV}},
			}
			answers := make(chan string, len(sent))
			packed := compressed(t, []byte("id,name\n"))
			var arrived sync.WaitGroup
			for what, header := range sent {
				method, path, _ := strings.Cut(what, " ")
				body, rest := io.Pipe()
				defer rest.Close()
				request, err := http.NewRequestWithContext(t.Context(), method, server.URL+path, body)
				if err != nil {
					t.Fatal(err)
				}
				request.Header = header
				request.Header.Set("X-API-Key", "ada")
				arrived.Go(func() { _, _ = rest.Write(packed[:12]) }) // when it returns somebody reads
				go func() {
					response, err := server.Client().Do(request)
					if err != nil {
						answers <- what + " " + err.Error()
						return
					}
					defer response.Body.Close()
					text, _ := io.ReadAll(response.Body) // what is missing is seen
					answers <- fmt.Sprintf("%s is answered %s %d %s", what, response.Proto, response.StatusCode, text)
				}()
			}
			arrived.Wait()
			time.Sleep(50 * time.Millisecond) // for the handlers to read on
			stop(telemetry.ErrStopping)
			for range sent {
				select {
				case answer := <-answers:
					if !strings.Contains(answer, " 503 ") || !strings.Contains(answer, `"code":"stopping"`) || strings.Contains(answer, "HTTP/2") != h2 {
						t.Error(answer)
					}
				case <-time.After(10 * time.Second):
					t.Fatal("not all are answered")
				}
			}
		})
	}
}

// TestStoppingBehindAnswers cuts off while requests with bodies end: what watches for the cut has no say over a
// writer whose handler has returned, which of HTTP/2 would be a panic that nobody recovers.
func TestStoppingBehindAnswers(t *testing.T) {
	for range 10 {
		f := newImportFixture(t, 0, true)
		requests, stop := context.WithCancelCause(t.Context())
		server := httptest.NewUnstartedServer(f)
		server.EnableHTTP2 = true
		server.Config.BaseContext = func(net.Listener) context.Context { return requests }
		server.Config.ErrorLog = log.New(io.Discard, "", 0) // of handshakes that the cut ends
		server.StartTLS()
		client, stopped := server.Client(), make(chan struct{})
		var senders sync.WaitGroup
		for range 32 {
			senders.Go(func() {
				for {
					select {
					case <-stopped:
						return
					default:
					}
					request, err := http.NewRequestWithContext(t.Context(), http.MethodPut, server.URL+"/v1/categories/1", strings.NewReader(`{"name":"a"}`))
					if err != nil {
						t.Error(err)
						return
					}
					request.Header = http.Header{"X-Api-Key": {"ada"}, "Content-Type": {typeJSON}}
					if response, err := client.Do(request); err == nil { // else it was cut off
						_ = response.Body.Close()
					}
				}
			})
		}
		time.Sleep(30 * time.Millisecond)
		stop(telemetry.ErrStopping)
		time.Sleep(20 * time.Millisecond)
		close(stopped)
		senders.Wait()
		server.Close()
	}
}

// TestPatientStops: behind the cut no more is read, whatever deadline was set last.
func TestPatientStops(t *testing.T) {
	ctx, stop := context.WithCancelCause(t.Context())
	body := &patient{ctx: ctx, body: strings.NewReader("more"), control: http.NewResponseController(httptest.NewRecorder()), stall: time.Minute, end: time.Now().Add(time.Hour)}
	if n, err := body.Read(make([]byte, 1)); n != 1 || err != nil {
		t.Errorf("Read = %d, %v", n, err)
	}
	stop(telemetry.ErrStopping)
	if n, err := body.Read(make([]byte, 1)); n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("behind the cut Read = %d, %v, want %v", n, err, os.ErrDeadlineExceeded)
	}
}

// TestImportsAtOnce: a caller has only so many places; who finds none is told so
// before the body is read, and what is refused gives its place back.
func TestImportsAtOnce(t *testing.T) {
	f := newImportFixture(t, 0, true)
	send := func(body string) *httptest.ResponseRecorder {
		return f.do(t, "POST", "/v1/categories/$import", body, "X-API-Key", "ada", "Content-Type", typeCSV)
	}
	for range 50 {
		if w := send(""); w.Code != http.StatusBadRequest {
			t.Fatalf("got %d %s", w.Code, w.Body)
		}
	}
	accepted := 0
	for ; accepted < 100 && send("id,name\n").Code == http.StatusAccepted; accepted++ {
	}
	r := httptest.NewRequestWithContext(t.Context(), "POST", "/v1/categories/$import", unread{t})
	r.Header.Set("X-API-Key", "ada")
	r.Header.Set("Content-Type", typeCSV)
	w := httptest.NewRecorder()
	f.ServeHTTP(w, r)
	if w.Code != http.StatusServiceUnavailable || !strings.Contains(w.Body.String(), "too-many-imports") || w.Header().Get("Retry-After") == "" {
		t.Errorf("got %d %v %s", w.Code, w.Header(), w.Body)
	}
	if accepted != 3 || len(f.files(t)) != 3 {
		t.Errorf("%d were accepted, %d are there, want 3", accepted, len(f.files(t)))
	}
}

// TestImportOnce: a key makes one job, however often the import is sent.
func TestImportOnce(t *testing.T) {
	f := newImportFixture(t, 0, false)
	send := func(who, mediaType, body string) *httptest.ResponseRecorder {
		return f.do(t, "POST", "/v1/categories/$import", body, "X-API-Key", who, "Content-Type", mediaType, "Idempotency-Key", "k1")
	}
	const rows = "id,name\n81,Tea\n"
	first := send("ada", typeCSV, rows)
	f.ended(t, first.Header().Get("Location"))
	again := send("ada", typeCSV, rows)
	if again.Code != first.Code || again.Body.String() != first.Body.String() || again.Header().Get("Location") != first.Header().Get("Location") {
		t.Errorf("got %d %s, then %d %s", first.Code, first.Body, again.Code, again.Body)
	}
	if again.Header().Get(headerReplayed) == "" || again.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("the headers of the repetition are %v", again.Header())
	}
	for _, other := range []*httptest.ResponseRecorder{send("ada", typeCSV, rows+"\n"), send("ada", typeNDJSON, rows)} {
		if other.Code != http.StatusUnprocessableEntity || !strings.Contains(other.Body.String(), "idempotency-key-reused") {
			t.Errorf("another import with the key: got %d %s", other.Code, other.Body)
		}
	}
	if names := f.files(t); len(names) > 0 {
		t.Errorf("%v are left", names)
	}
}

// TestImportOnceWhileFull: who asks again needs no place, and takes none.
func TestImportOnceWhileFull(t *testing.T) {
	f := newImportFixture(t, 100, true)
	send := func(key, body string) *httptest.ResponseRecorder {
		return f.do(t, "POST", "/v1/categories/$import", body, "X-API-Key", "ada", "Content-Type", typeCSV, "Idempotency-Key", key)
	}
	const rows = "id,name\n81,Tea\n"
	var first *httptest.ResponseRecorder
	for _, key := range []string{"k1", "k2", "k3"} {
		if first = send(key, rows); first.Code != http.StatusAccepted {
			t.Fatalf("got %d %s", first.Code, first.Body)
		}
	}
	for range 4 {
		again := send("k3", rows)
		if again.Code != first.Code || again.Body.String() != first.Body.String() || again.Header().Get(headerReplayed) == "" {
			t.Errorf("got %d %s, then %d %s", first.Code, first.Body, again.Code, again.Body)
		}
	}
	for _, tt := range []struct {
		name, key, body string
		status          int
		code            string
	}{
		{"another body", "k3", rows + "\n", 422, "idempotency-key-reused"},
		{"another key", "k4", rows, 503, core.CodeTooManyImports},
		{"a long body", "k3", strings.Repeat("x", 101), 413, "body-too-large"},
	} {
		if w := send(tt.key, tt.body); w.Code != tt.status || !strings.Contains(w.Body.String(), tt.code) {
			t.Errorf("%s: got %d %s, want %d %s", tt.name, w.Code, w.Body, tt.status, tt.code)
		}
	}
	if names := f.files(t); len(names) != 3 {
		t.Errorf("%v are there, want 3", names)
	}
}

// TestJobIsItsOwners: to others there is no such job.
func TestJobIsItsOwners(t *testing.T) {
	f := newImportFixture(t, 0, true)
	w := f.do(t, "POST", "/v1/vault/$import", "name\nx\n", "X-API-Key", "ada", "Content-Type", typeCSV)
	location := w.Header().Get("Location")
	for who, want := range map[string]int{"ada": 200, "sid": 404, "acme": 404, "": 404} {
		header := []string{"X-API-Key", who}
		if who == "" {
			header = nil
		}
		w := f.do(t, "GET", location, "", header...)
		if w.Code != want || want == 404 && !strings.Contains(w.Body.String(), "unknown-job") {
			t.Errorf("%q: got %d %s, want %d", who, w.Code, w.Body, want)
		}
	}
	for _, target := range []string{"/v1/jobs/none", "/v1/jobs/" + strings.Repeat("x", 400), "/v1/jobs"} {
		if w := f.do(t, "GET", target, "", "X-API-Key", "ada"); w.Code != http.StatusNotFound {
			t.Errorf("%s answers %d %s", target, w.Code, w.Body)
		}
	}
	if w := f.do(t, "DELETE", location, "", "X-API-Key", "ada"); w.Code != http.StatusMethodNotAllowed {
		t.Errorf("DELETE answers %d", w.Code)
	}
}
