package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/portolan-io/portolan/core/fault"
)

func ask(t *testing.T, cfg AdminConfig, method, path string) *httptest.ResponseRecorder {
	t.Helper()
	cfg.Log = slog.New(slog.NewTextHandler(io.Discard, nil))
	admin, err := NewAdmin(cfg)
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	admin.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), method, path, nil))
	return w
}

func TestAdminReadiness(t *testing.T) {
	well := func(context.Context) error { return nil }
	ill := func(context.Context) error { return fault.New(fault.Unavailable, "x", "db.internal is down") }
	odd := func(context.Context) error { return errors.New("odd") }
	tests := []struct {
		name   string
		cfg    AdminConfig
		status int
		want   readyStatus
	}{
		{"no ports", AdminConfig{}, 200, readyStatus{"ok", []portStatus{}}},
		{
			"all well", AdminConfig{Ports: []Port{{Name: "repository", Driver: "memory", Ping: well}}, Ready: well}, 200,
			readyStatus{"ok", []portStatus{{Name: "repository", Driver: "memory", Status: "ok"}}},
		},
		{
			"some ill", AdminConfig{Ports: []Port{{Name: "repository", Driver: "sqlite", Ping: ill}, {Name: "secrets", Driver: "env", Ping: well}, {Name: "auth", Driver: "local", Ping: odd}}}, 503,
			readyStatus{"failing", []portStatus{
				{Name: "repository", Driver: "sqlite", Status: "failing", Error: fault.Unavailable},
				{Name: "secrets", Driver: "env", Status: "ok"},
				{Name: "auth", Driver: "local", Status: "failing", Error: fault.Internal},
			}},
		},
		{
			"what is optional is ill", AdminConfig{Ports: []Port{{Name: "repository", Driver: "memory", Ping: well}}, Optional: []Port{{Name: "cache", Driver: "redis", Ping: ill}}}, 200,
			readyStatus{"ok", []portStatus{
				{Name: "repository", Driver: "memory", Status: "ok"},
				{Name: "cache", Driver: "redis", Status: "failing", Error: fault.Unavailable},
			}},
		},
		{
			"draining", AdminConfig{Ports: []Port{{Name: "repository", Driver: "memory", Ping: well}}, Ready: ill}, 503,
			readyStatus{"not ready", []portStatus{{Name: "repository", Driver: "memory", Status: "ok"}}},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := ask(t, tt.cfg, "GET", "/readyz")
			var got readyStatus
			if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
				t.Fatal(err)
			}
			for i := range got.Ports {
				port := &got.Ports[i]
				if port.Needed != (i < len(tt.cfg.Ports)) || port.ThresholdMS != 2000 {
					t.Errorf("%s is needed: %v, within %d ms", port.Name, port.Needed, port.ThresholdMS)
				}
				port.LatencyMS, port.Needed, port.ThresholdMS = 0, false, 0
			}
			if diff := cmp.Diff(tt.want, got); diff != "" || w.Code != tt.status {
				t.Errorf("got %d, want %d (-want +got):\n%s", w.Code, tt.status, diff)
			}
			if strings.Contains(w.Body.String(), "db.internal") {
				t.Errorf("the body tells the cause: %s", w.Body)
			}
		})
	}
}

// TestLastUsed: a port that is not asked is told of by its last use, as it was then, and by the last
// that failed, whenever that was and whether or not somebody asked in between.
func TestLastUsed(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	well := Call{At: at, Took: 12 * time.Millisecond}
	failed := Call{At: at.Add(-time.Hour), Took: 12 * time.Millisecond, Err: fault.New(fault.Unavailable, "x", "kms.internal is down")}
	call := func(c Call) func() Call { return func() Call { return c } }
	w := ask(t, AdminConfig{Optional: []Port{
		{Name: "mail", Driver: "smtp", Last: call(Call{}), Failed: call(Call{})},
		{Name: "auth.0", Driver: "oidc", Last: call(well), Failed: call(failed)},
		{Name: "keys", Driver: "vault", Last: call(failed), Failed: call(failed)},
		{Name: "telemetry.0", Driver: "otel", Ping: func(context.Context) error { return nil }, Failed: call(failed)},
	}}, "GET", "/readyz")
	var got readyStatus
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	for i := range got.Ports {
		if got.Ports[i].LastUsed == nil {
			got.Ports[i].LatencyMS = 0
		}
	}
	then := &failure{fault.Unavailable, failed.At}
	want := readyStatus{"ok", []portStatus{
		{Name: "mail", Driver: "smtp", Status: "unused", ThresholdMS: 2000},
		{Name: "auth.0", Driver: "oidc", Status: "ok", LatencyMS: 12, ThresholdMS: 2000, LastUsed: &at, LastError: then},
		{Name: "keys", Driver: "vault", Status: "failing", LatencyMS: 12, ThresholdMS: 2000, Error: fault.Unavailable, LastUsed: &failed.At, LastError: then},
		{Name: "telemetry.0", Driver: "otel", Status: "ok", ThresholdMS: 2000, LastError: then},
	}}
	if diff := cmp.Diff(want, got); diff != "" || w.Code != http.StatusOK {
		t.Errorf("got %d (-want +got):\n%s", w.Code, diff)
	}
}

// TestAdminIsNotForPages: what a page of another site can have a browser send is refused, by
// where it comes from or by the name that it asks for.
func TestAdminIsNotForPages(t *testing.T) {
	reloads := 0
	admin, err := NewAdmin(AdminConfig{Loopback: true, Handlers: map[string]http.Handler{
		"/-/reload": http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reloads++ }),
	}})
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name, method, host string
		header             http.Header
		status             int
	}{
		{"curl", "POST", "127.0.0.1:9090", nil, 200},
		{"by name", "POST", "LocalHost:9090", nil, 200},
		{"IPv6", "POST", "[::1]:9090", nil, 200},
		{"without a port", "POST", "[::1]", nil, 200},
		{"a page of another site", "POST", "127.0.0.1:9090", http.Header{"Sec-Fetch-Site": {"cross-site"}}, 403},
		{"an old browser", "POST", "127.0.0.1:9090", http.Header{"Origin": {"https://evil.example"}}, 403},
		{"a page in a sandbox", "POST", "127.0.0.1:9090", http.Header{"Origin": {"null"}}, 403},
		{"a name that leads here", "POST", "evil.example:9090", http.Header{"Sec-Fetch-Site": {"same-origin"}}, 403},
		{"and reads", "GET", "evil.example:9090", nil, 403},
		{"an image", "GET", "127.0.0.1:9090", http.Header{"Sec-Fetch-Site": {"cross-site"}, "Sec-Fetch-Mode": {"no-cors"}, "Sec-Fetch-Dest": {"image"}}, 403},
		{"a frame", "GET", "127.0.0.1:9090", http.Header{"Sec-Fetch-Site": {"same-site"}, "Sec-Fetch-Mode": {"navigate"}, "Sec-Fetch-Dest": {"iframe"}}, 403},
		{"a link", "GET", "127.0.0.1:9090", http.Header{"Sec-Fetch-Site": {"cross-site"}, "Sec-Fetch-Mode": {"navigate"}, "Sec-Fetch-Dest": {"document"}, "Sec-Fetch-User": {"?1"}}, 200},
		{"a form", "POST", "127.0.0.1:9090", http.Header{"Sec-Fetch-Site": {"cross-site"}, "Sec-Fetch-Mode": {"navigate"}, "Sec-Fetch-Dest": {"document"}, "Sec-Fetch-User": {"?1"}}, 403},
		{"a page that goes there by itself", "GET", "127.0.0.1:9090", http.Header{"Sec-Fetch-Site": {"cross-site"}, "Sec-Fetch-Mode": {"navigate"}, "Sec-Fetch-Dest": {"document"}}, 403},
		{"a page that is fetched ahead", "GET", "127.0.0.1:9090", http.Header{"Sec-Fetch-Site": {"cross-site"}, "Sec-Fetch-Mode": {"navigate"}, "Sec-Fetch-Dest": {"document"}, "Sec-Fetch-User": {"?1"}, "Sec-Purpose": {"prefetch;prerender"}}, 403},
		{"typed in", "GET", "127.0.0.1:9090", http.Header{"Sec-Fetch-Site": {"none"}}, 200},
		{"what its own page has", "GET", "127.0.0.1:9090", http.Header{"Sec-Fetch-Site": {"same-origin"}, "Sec-Fetch-Dest": {"script"}}, 200},
		{"a probe of HTTP/1.0", "GET", "", nil, 200},
		{"by name, with its dot", "GET", "localhost.:9090", nil, 200},
		{"a name that ends so", "GET", "evil.localhost:9090", nil, 403},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			before := reloads
			r := httptest.NewRequestWithContext(t.Context(), tt.method, "/-/reload", nil)
			r.Host, r.Header = tt.host, tt.header
			w := httptest.NewRecorder()
			admin.ServeHTTP(w, r)
			if w.Code != tt.status || (reloads > before) != (tt.status == 200) {
				t.Errorf("got %d %s, reloaded %d times", w.Code, w.Body, reloads-before)
			}
		})
	}
}

// TestAdminHandlers shows that the longest path wins, and that the rest is a problem.
func TestAdminHandlers(t *testing.T) {
	says := func(text string) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, text) })
	}
	cfg := AdminConfig{Handlers: map[string]http.Handler{
		"/metrics": says("metrics"), "/debug/pprof/": says("index"), "/debug/pprof/trace": says("trace"),
	}}
	for path, want := range map[string]string{
		"/metrics": "metrics", "/debug/pprof/": "index", "/debug/pprof/heap": "index", "/debug/pprof/trace": "trace", "/livez": `{"status":"ok"}`,
	} {
		if got := ask(t, cfg, "GET", path).Body.String(); got != want {
			t.Errorf("%s: got %q, want %q", path, got, want)
		}
	}
	for _, path := range []string{"/", "/metrics/x", "/v1/products", "/debug"} {
		if w := ask(t, cfg, "GET", path); w.Code != http.StatusNotFound || w.Header().Get("Content-Type") != problemType {
			t.Errorf("%s: got %d %s, want a problem of 404", path, w.Code, w.Header().Get("Content-Type"))
		}
	}
	if w := ask(t, cfg, "DELETE", "/metrics"); w.Code != http.StatusMethodNotAllowed {
		t.Errorf("DELETE: got %d, want 405", w.Code)
	}
}
