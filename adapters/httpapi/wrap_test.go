package httpapi

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/query"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/ports/repository"
	"github.com/portolan-io/portolan/ports/telemetry"
)

// paths has one path for each of the routes, and some that lead nowhere.
var paths = []string{
	"/livez", "/readyz", "/docs", "/docs/", "/openapi.json", "/v1/categories", "/v1/categories/1",
	"/v1/categories/$query", "/v1/categories/$aggregate", "/v1/categories/$import", "/v1/jobs/x", "/docs/none",
	"/docs/initializer.js", "/v1/categories/$delete", "/v1/categories/$nothing", "/v1/nothing", "/v1/vault/x", "/",
	"/v1", "/v1/a/b/c", "//", "/v1/../x", "/v1/%zz",
}

// TestWalk sends every method to every path: each answer is a proper one or a
// problem, has the headers that all have, and none is a plain text of mux's or
// net/http's.
func TestWalk(t *testing.T) {
	f := newFixture(t, nil)
	for _, path := range paths {
		for _, method := range append(methods, "BREW") {
			for _, who := range []string{"", "Bearer ada", "Bearer nobody"} {
				r := httptest.NewRequestWithContext(t.Context(), method, "/", strings.NewReader("{}"))
				r.URL.Path, r.URL.RawPath = path, ""
				r.Header.Set("Content-Type", "application/json")
				if who != "" {
					r.Header.Set("Authorization", who)
				}
				w := httptest.NewRecorder()
				f.ServeHTTP(w, r)
				checkAnswer(t, method+" "+path, w)
			}
		}
	}
}

func checkAnswer(t *testing.T, name string, w *httptest.ResponseRecorder) {
	t.Helper()
	h := w.Header()
	if w.Code >= 400 {
		if h.Get("Content-Type") != problemType {
			t.Errorf("%s: %d is %q, want a problem", name, w.Code, h.Get("Content-Type"))
		}
		if body := w.Body.Bytes(); !strings.HasPrefix(name, "HEAD ") && !json.Valid(body) {
			t.Errorf("%s: %d has the body %q", name, w.Code, body)
		}
	}
	if w.Code == http.StatusMethodNotAllowed && h.Get("Allow") == "" {
		t.Errorf("%s: 405 without Allow", name)
	}
	if w.Code == http.StatusUnauthorized && h.Get("WWW-Authenticate") == "" {
		t.Errorf("%s: 401 without WWW-Authenticate", name)
	}
	if w.Code >= 500 {
		t.Errorf("%s: %d %s", name, w.Code, w.Body)
	}
	for _, header := range []string{
		"X-Request-Id", "X-Content-Type-Options", "Content-Security-Policy", "Cache-Control", "Vary",
	} {
		if h.Get(header) == "" {
			t.Errorf("%s: %d without %s", name, w.Code, header)
		}
	}
	if server := h.Get("Server"); server != "" {
		t.Errorf("%s: Server is %q", name, server)
	}
}

// TestGuard states the headers that every answer has, in full, on an answer of
// each sort.
func TestGuard(t *testing.T) {
	f := newFixture(t, nil, failing("boom"))
	want := http.Header{
		"X-Content-Type-Options":       {"nosniff"},
		"Content-Security-Policy":      {"default-src 'none'; frame-ancestors 'none'"},
		"Cross-Origin-Resource-Policy": {"same-origin"},
		"Cache-Control":                {"private, no-cache"},
		"Vary":                         {"Accept, Accept-Encoding, Authorization, X-API-Key"},
		"X-Request-Id":                 {"given-1"},
	}
	tests := []struct {
		method, path string
		status       int
	}{
		{"GET", "/v1/products/B001", 200},
		{"OPTIONS", "/v1/products/B001", 204},
		{"GET", "/v1//", 400},
		{"GET", "/v1/notes", 401},
		{"GET", "/nothing", 404},
		{"BREW", "/v1/products", 405},
		{"GET", "/v1/products", 500},
	}
	for _, tt := range tests {
		w := f.do(t, tt.method, tt.path, "", "X-Request-Id", "given-1")
		if w.Code != tt.status {
			t.Errorf("%s %s: got %d, want %d", tt.method, tt.path, w.Code, tt.status)
		}
		got := maps.Clone(w.Header())
		maps.DeleteFunc(got, func(name string, _ []string) bool { return want[name] == nil })
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s %s (-want +got):\n%s", tt.method, tt.path, diff)
		}
	}
}

// TestGuardOfEmbedding: what nobody in particular asked for may not be embedded by
// pages of other origins. What was asked for with a credential was not embedded.
func TestGuardOfEmbedding(t *testing.T) {
	f := newFixture(t, nil)
	for _, tt := range []struct {
		path       string
		credential []string
		want       string
	}{
		{"/v1/products/B001", nil, "same-origin"},
		{"/v1/products/B999", nil, "same-origin"},
		{"/v1/products/B001", []string{"X-API-Key", "ada"}, ""},
		{"/v1/products/B999", []string{"X-API-Key", "ada"}, ""},
		{"/v1/products/B001", []string{"X-API-Key", "wrong"}, "same-origin"},
		{"/v1/products/B001", []string{"Authorization", "Basic YWRhOmFkYQ=="}, "same-origin"}, // which browsers add by themselves
		{"/livez", []string{"X-API-Key", "ada"}, "same-origin"},
		{"/docs", nil, "same-origin"},
	} {
		w := f.do(t, "GET", tt.path, "", tt.credential...)
		if got := w.Header().Get("Cross-Origin-Resource-Policy"); got != tt.want {
			t.Errorf("%s with %q: %d with the policy %q, want %q", tt.path, tt.credential, w.Code, got, tt.want)
		}
	}
}

func TestStrictTransportSecurity(t *testing.T) {
	f := newFixture(t, func(c *Config) { c.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")} })
	tests := []struct {
		name, remote, proto string
		tls                 *tls.ConnectionState
		want                bool
	}{
		{"plain", "192.0.2.1:1", "", nil, false},
		{"TLS", "192.0.2.1:1", "", &tls.ConnectionState{}, true},
		{"a stranger says so", "192.0.2.1:1", "https", nil, false},
		{"a proxy says so", "10.0.0.1:1", "https", nil, true},
	}
	for _, tt := range tests {
		r := httptest.NewRequestWithContext(t.Context(), "GET", "/livez", nil)
		r.RemoteAddr, r.TLS = tt.remote, tt.tls
		if tt.proto != "" {
			r.Header.Set("X-Forwarded-Proto", tt.proto)
		}
		w := httptest.NewRecorder()
		f.ServeHTTP(w, r)
		if got := w.Header().Get("Strict-Transport-Security") != ""; got != tt.want {
			t.Errorf("%s: got %v, want %v", tt.name, got, tt.want)
		}
	}
}

func TestRequestID(t *testing.T) {
	f := newFixture(t, nil)
	for given, kept := range map[string]bool{
		"abc-123_X.y": true, strings.Repeat("a", 128): true, strings.Repeat("a", 129): false,
		"a b": false, "a\x1b[31mb": false, "a\u2028b": false, "": false, "<script>": false,
	} {
		w := f.do(t, "GET", "/nowhere", "", "X-Request-Id", given)
		got := w.Header().Get("X-Request-Id")
		if got == "" || (got == given) != kept {
			t.Errorf("%q: got %q, want it kept: %v", given, got, kept)
		}
		if !strings.Contains(w.Body.String(), `"requestId":"`+got+`"`) {
			t.Errorf("the body does not name %q: %s", got, w.Body)
		}
	}
}

// A broken store does something else than Find says.
type broken struct {
	repository.Store
	find func(ctx context.Context) error
}

func (s broken) Find(ctx context.Context, _ query.Query) (repository.Page, error) {
	return repository.Page{}, s.find(ctx)
}

func finding(find func(ctx context.Context) error) func(repository.Store) repository.Store {
	return func(s repository.Store) repository.Store { return broken{s, find} }
}

func failing(text string) func(repository.Store) repository.Store {
	return finding(func(context.Context) error { return errors.New(text) })
}

// TestPanic shows that a defect costs one answer, tells nothing, and is logged.
func TestPanic(t *testing.T) {
	f := newFixture(t, nil, finding(func(context.Context) error { panic("secret state") }))
	for range 2 {
		w := f.do(t, "GET", "/v1/products", "")
		checkPanic(t, w)
	}
	if w := f.do(t, "GET", "/v1/products/B001", ""); w.Code != http.StatusOK {
		t.Errorf("afterwards: got %d, want 200", w.Code)
	}
	if log := f.log.String(); !strings.Contains(log, "secret state") || !strings.Contains(log, `"code":"panic"`) {
		t.Errorf("the log does not tell of the panic: %s", log)
	}
}

func checkPanic(t *testing.T, w *httptest.ResponseRecorder) {
	t.Helper()
	if w.Code != http.StatusInternalServerError || w.Header().Get("Content-Type") != problemType {
		t.Errorf("got %d %s, want a problem of 500", w.Code, w.Header().Get("Content-Type"))
	}
	for _, leaked := range []string{"secret state", "goroutine", ".go:"} {
		if strings.Contains(w.Body.String(), leaked) {
			t.Errorf("the answer tells %q: %s", leaked, w.Body)
		}
	}
}

// TestPanicLeavesNoHeaders shows that a problem does not carry what spoke of
// the answer that was begun instead.
func TestPanicLeavesNoHeaders(t *testing.T) {
	begun := []string{"ETag", "Link", "Location", "Preference-Applied", "Content-Encoding"}
	w := ask(t, AdminConfig{Handlers: map[string]http.Handler{
		"/x": http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			for _, name := range begun {
				w.Header().Set(name, "x")
			}
			panic("secret state")
		}),
	}}, "GET", "/x")
	checkPanic(t, w)
	for _, name := range begun {
		if got := w.Header().Get(name); got != "" {
			t.Errorf("%s is still %q", name, got)
		}
	}
}

// TestPanicAfterTheBeginning shows that half an answer is broken off, so that
// nobody takes it for a whole one.
func TestPanicAfterTheBeginning(t *testing.T) {
	admin, err := NewAdmin(AdminConfig{Handlers: map[string]http.Handler{
		"/half": http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte("half"))
			panic("halfway")
		}),
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if p := recover(); p != http.ErrAbortHandler { //nolint:errorlint // a panic's value, which net/http compares as it is
			t.Errorf("got %v, want the connection broken off", p)
		}
	}()
	admin.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), "GET", "/half", nil))
}

// TestTimeout shows that work ends with the request's time, and with 503.
func TestTimeout(t *testing.T) {
	wait := func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
	f := newFixture(t, func(c *Config) { c.Timeout = time.Millisecond }, finding(wait))
	w := f.do(t, "GET", "/v1/products", "")
	if w.Code != http.StatusServiceUnavailable || !strings.Contains(w.Body.String(), `"code":"timeout"`) || w.Header().Get("Retry-After") == "" {
		t.Errorf("got %d %v %s, want 503, timeout and Retry-After", w.Code, w.Header(), w.Body)
	}
}

// TestClientGone shows that work ends when the client goes, without noise, and
// that what is left of the connection does not carry a 200.
func TestClientGone(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	wait := func(inner context.Context) error { cancel(); <-inner.Done(); return inner.Err() }
	f := newFixture(t, nil, finding(wait))
	w := httptest.NewRecorder()
	f.ServeHTTP(w, httptest.NewRequestWithContext(ctx, "GET", "/v1/products", nil))
	if w.Code != http.StatusServiceUnavailable {
		t.Errorf("got %d, want 503", w.Code)
	}
	if log := f.log.String(); !strings.Contains(log, `"status":499`) || strings.Contains(log, "ERROR") {
		t.Errorf("got the log %s, want 499 and no error", log)
	}
}

// TestStopping shows that a request that the server cuts off is told so, and blamed on nobody else.
func TestStopping(t *testing.T) {
	ctx, stop := context.WithCancelCause(t.Context())
	wait := func(inner context.Context) error { stop(telemetry.ErrStopping); <-inner.Done(); return inner.Err() }
	f := newFixture(t, nil, finding(wait))
	w := httptest.NewRecorder()
	f.ServeHTTP(w, httptest.NewRequestWithContext(ctx, "GET", "/v1/products", nil))
	if w.Code != http.StatusServiceUnavailable || !strings.Contains(w.Body.String(), `"code":"stopping"`) || w.Header().Get("Retry-After") == "" {
		t.Errorf("got %d %v %s, want 503, stopping and Retry-After", w.Code, w.Header(), w.Body)
	}
	if log := f.log.String(); !strings.Contains(log, `"status":503`) {
		t.Errorf("got the log %s, want 503", log)
	}
}

func TestReadiness(t *testing.T) {
	down := fault.New(fault.Unavailable, "x", "db.internal does not answer")
	f := newFixture(t, func(c *Config) { c.Ready = func(context.Context) error { return down } })
	w := f.do(t, "GET", "/readyz", "")
	if w.Code != http.StatusServiceUnavailable || strings.Contains(w.Body.String(), "db.internal") {
		t.Errorf("readyz: got %d %s, want 503 and no reason", w.Code, w.Body)
	}
	if w := f.do(t, "GET", "/livez", ""); w.Code != http.StatusOK || w.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("livez: got %d, want 200, never stored", w.Code)
	}
}

// A watcher remembers what it was told.
type watcher struct {
	mu  sync.Mutex
	saw []string
}

func (o *watcher) Start(ctx context.Context, op telemetry.Op) (context.Context, func(error)) {
	return ctx, func(err error) {
		o.mu.Lock()
		defer o.mu.Unlock()
		o.saw = append(o.saw, op.Port+" "+op.Name+" "+op.Collection+" "+string(fault.KindOf(err)))
	}
}

func (*watcher) Close(context.Context) error { return nil }

// TestObserver shows what metrics are called: by templates, never by anything
// of the caller's.
func TestObserver(t *testing.T) {
	o := &watcher{}
	f := newFixture(t, func(c *Config) { c.Observer = o })
	f.do(t, "GET", "/v1/products/B001", "")
	f.do(t, "GET", "/v1/invented/B001", "")
	f.do(t, "BREW", "/v1/products", "")
	f.do(t, "GET", "/nowhere", "")
	f.do(t, "GET", "/v1/_keys", "")
	want := []string{
		"http GET /v1/{collection}/{id} products ",
		"http GET /v1/{collection}/{id}  not-found",
		"http OTHER /v1/{collection} products invalid",
		"http GET unknown  not-found",
		"http GET /v1/{collection}  not-found",
	}
	if diff := cmp.Diff(want, o.saw); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestAuthenticatorThatIsDown shows that who cannot be told is not let in.
func TestAuthenticatorThatIsDown(t *testing.T) {
	f := newFixture(t, func(c *Config) { c.Identify = nil })
	if w := f.do(t, "GET", "/v1/products", "", "X-API-Key", "acme"); w.Code != http.StatusUnauthorized {
		t.Errorf("without anybody to ask: got %d, want 401", w.Code)
	}
	if w := f.do(t, "GET", "/v1/products", ""); w.Code != http.StatusOK {
		t.Errorf("as nobody: got %d, want 200", w.Code)
	}
}

// TestIDsInPaths writes records under ids with characters that matter in paths,
// and reads them where Location says.
func TestIDsInPaths(t *testing.T) {
	f := newFixture(t, nil)
	ids := []string{"a b", "a+b", "ü", "😀", "a;b", "a&b=c", "100%", "a?b", "a#b", "a:b", "a.b", "@", "a$b", `a"b`, "~", "..."}
	for _, id := range ids {
		body := string(record.AppendString([]byte(`{"name":`), id)) + "}"
		w := f.do(t, "POST", "/v1/vault", body, "Authorization", "Bearer ada", "Content-Type", "application/json")
		if w.Code != http.StatusCreated {
			t.Errorf("%q: got %d %s, want 201", id, w.Code, w.Body)
			continue
		}
		w = f.do(t, "GET", w.Header().Get("Location"), "", "Authorization", "Bearer ada")
		if w.Code != http.StatusOK || w.Body.String() != body {
			t.Errorf("%q: got %d %s, want 200 %s", id, w.Code, w.Body, body)
		}
	}
	for _, id := range []string{"$x", "a/b", `a\b`, ".", "..", "__x__", "a ", "", "a\x00b", "a\nb"} {
		body := string(record.AppendString([]byte(`{"name":`), id)) + "}"
		w := f.do(t, "POST", "/v1/vault", body, "Authorization", "Bearer ada", "Content-Type", "application/json")
		if w.Code != http.StatusBadRequest {
			t.Errorf("%q: got %d %s, want 400", id, w.Code, w.Body)
		}
	}
}

// TestRouteCountIsConstant: routes do not grow with the collections.
func TestRouteCountIsConstant(t *testing.T) {
	var templates []string
	for _, res := range (&server{base: "/v1"}).resources() {
		templates = append(templates, res.template)
	}
	if len(templates) > 10 || slices.ContainsFunc(templates, func(s string) bool { return strings.Contains(s, "products") }) {
		t.Errorf("got %v", templates)
	}
}
