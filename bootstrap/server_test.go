package bootstrap

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/portolan-io/portolan/ports/telemetry"
)

// TestStopCutsOff: a request that is not finished when the stop has to be is told so, and has the time
// to say it, and to be told of as one that was not answered; one that has no ear for it holds nothing up.
func TestStopCutsOff(t *testing.T) {
	hung, begun := make(chan struct{}), make(chan struct{})
	settings := &settings{}
	settings.Service.Listen, settings.Service.MaxConnections = "127.0.0.1:0", 8
	g := &generation{served: &served{settings: settings}, log: slog.New(slog.DiscardHandler)}
	g.public = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		begun <- struct{}{}
		if r.URL.Path == "/hung" {
			<-hung
			return
		}
		<-r.Context().Done()
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = io.WriteString(w, string(telemetry.KindOf(r.Context(), r.Context().Err()))) // read by the test
	})
	s := newServer(t.Context(), g, new(atomic.Bool))
	if err := s.start(t.Context()); err != nil {
		t.Fatal(err)
	}
	answers := map[string]chan string{"/": make(chan string, 1), "/hung": make(chan string, 1)}
	for path, answer := range answers {
		go func() {
			request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.public.url()+path, nil)
			if err != nil {
				answer <- err.Error()
				return
			}
			response, err := http.DefaultClient.Do(request)
			if err != nil {
				answer <- "cut off"
				return
			}
			defer response.Body.Close()
			text, _ := io.ReadAll(response.Body) // what is missing is seen
			answer <- response.Status + " " + string(text)
		}()
		select {
		case <-begun:
		case got := <-answer:
			t.Fatalf("%s is answered %q", path, got)
		case <-time.After(10 * time.Second):
			t.Fatalf("%s does not arrive", path)
		}
	}
	within, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if err := s.stop(within); err != nil {
		t.Error(err)
	}
	for path, want := range map[string]string{"/": "503 Service Unavailable unavailable", "/hung": "cut off"} {
		select {
		case got := <-answers[path]:
			if got != want {
				t.Errorf("%s is answered %q, want %q", path, got, want)
			}
		case <-time.After(10 * time.Second):
			t.Errorf("%s is not answered", path)
		}
	}
	close(hung)
}
