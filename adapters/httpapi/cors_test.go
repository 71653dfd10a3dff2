package httpapi

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/policy"
	"github.com/portolan-io/portolan/ports/auth"
)

const app = "https://app.example.com"

func withCORS(c CORS) func(*Config) { return func(cfg *Config) { cfg.CORS = &c } }

// TestOrigins shows which origins may read an answer, whatever it is, and that
// nobody is told otherwise by a cache.
func TestOrigins(t *testing.T) {
	f := newFixture(t, withCORS(CORS{Origins: []string{app, "http://localhost:3000"}}))
	for _, path := range []string{"/v1/products", "/v1/nothing", "/nowhere", "/v1/notes", "/v1//", "/livez"} {
		for origin, allowed := range map[string]bool{
			app: true, "http://localhost:3000": true,
			"http://app.example.com": false, "https://app.example.com:8443": false, "https://app.example.com.evil.example": false,
			"https://evil.example/" + app: false, "https://xapp.example.com": false, "https://app.example.co": false,
			"https://sub.app.example.com": false, "https://app-example.com": false, "HTTPS://APP.EXAMPLE.COM": false, "https://App.example.com": false, "null": false, "*": false, "": false, "http://localhost:3001": false,
		} {
			h := f.do(t, "GET", path, "", "Origin", origin).Header()
			want := ""
			if allowed {
				want = origin
			}
			if got := h.Get("Access-Control-Allow-Origin"); got != want {
				t.Errorf("%s from %q: Access-Control-Allow-Origin is %q, want %q", path, origin, got, want)
			}
			for name := range h {
				if strings.HasPrefix(name, "Access-Control-") && !allowed {
					t.Errorf("%s from %q: it has %s", path, origin, name)
				}
			}
			if exposed := h.Get("Access-Control-Expose-Headers"); allowed && !strings.Contains(exposed, "Etag") {
				t.Errorf("%s from %q: exposed are %q", path, origin, exposed)
			}
			if diff := cmp.Diff([]string{vary + ", Origin"}, h["Vary"]); diff != "" {
				t.Errorf("%s from %q: Vary (-want +got):\n%s", path, origin, diff)
			}
			if h.Get("Access-Control-Allow-Credentials") != "" {
				t.Errorf("%s from %q: credentials are allowed", path, origin)
			}
			if h.Get("X-Request-Id") == "" || h.Get("Cross-Origin-Resource-Policy") != "same-origin" {
				t.Errorf("%s from %q: the header is %v", path, origin, h)
			}
		}
	}
	twice := f.do(t, "GET", "/v1/products", "", "Origin", app, "Origin", "https://evil.example").Header()
	if got := twice["Access-Control-Allow-Origin"]; got != nil {
		t.Errorf("two origins are answered %q", got)
	}
	if got := f.do(t, "GET", "/v1/products", "").Header().Get("Vary"); got != vary+", Origin" {
		t.Errorf("without an origin Vary is %q", got)
	}
}

// TestPreflight shows what browsers are told before they ask.
func TestPreflight(t *testing.T) {
	f := newFixture(t, withCORS(CORS{Origins: []string{app}, MaxAge: 10 * time.Minute, Credentials: true}))
	for _, tt := range []struct {
		origin, method, headers string
		allowed                 bool
	}{
		{app, "GET", "", true},
		{app, "PATCH", "authorization,content-type,if-match,prefer", true},
		{app, "POST", "content-type,idempotency-key,x-api-key", true},
		{app, "DELETE", "if-match", true},
		{app, "PUT", "if-none-match,traceparent,x-request-id", true},
		{app, "GET", "x-forwarded-for", false},
		{app, "TRACE", "", false},
		{app, "BREW", "", false},
		{"https://evil.example", "GET", "", false},
		{"null", "GET", "", false},
	} {
		header := []string{"Origin", tt.origin, "Access-Control-Request-Method", tt.method}
		if tt.headers != "" {
			header = append(header, "Access-Control-Request-Headers", tt.headers)
		}
		for _, path := range []string{"/v1/products", "/v1/products/B001", "/nowhere"} {
			w := f.do(t, "OPTIONS", path, "", header...)
			h := w.Header()
			if w.Code != http.StatusNoContent || w.Body.Len() != 0 {
				t.Errorf("%v: got %d %s, want 204", tt, w.Code, w.Body)
			}
			want := map[string]string{}
			if tt.allowed {
				want = map[string]string{
					"Access-Control-Allow-Origin": app, "Access-Control-Allow-Methods": tt.method,
					"Access-Control-Max-Age": "600", "Access-Control-Allow-Credentials": "true",
				}
				if tt.headers != "" {
					want["Access-Control-Allow-Headers"] = tt.headers
				}
			}
			got := map[string]string{}
			for name := range h {
				if strings.HasPrefix(name, "Access-Control-") {
					got[name] = h.Get(name)
				}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%v %s (-want +got):\n%s", tt, path, diff)
			}
			if h.Get("Vary") != "Origin, Access-Control-Request-Method, Access-Control-Request-Headers" || h.Get("X-Request-Id") == "" {
				t.Errorf("%v: the header is %v", tt, h)
			}
		}
	}
}

// TestPreflightReadsNothing: neither the query nor a credential nor a body of a
// browser's question is looked at, and no other OPTIONS is one.
func TestPreflightReadsNothing(t *testing.T) {
	asked := 0
	f := newFixture(t, func(cfg *Config) {
		cfg.CORS = &CORS{Origins: []string{app}}
		cfg.Identify = func(context.Context, auth.Credential) (policy.Principal, error) {
			asked++
			return policy.Principal{}, errors.New("asked")
		}
	}, failing("the store was asked"))
	w := f.do(t, "OPTIONS", "/v1/products?$nonsense=1&$filter=%zz", "not JSON", "Origin", app, "Access-Control-Request-Method", "POST",
		"Authorization", "Bearer x", "X-API-Key", "y", "Prefer", "handling=strict, x", "Accept", "no/thing", "Accept-Encoding", "*;q=0")
	if w.Code != http.StatusNoContent || asked != 0 || w.Header().Get("Access-Control-Allow-Origin") != app {
		t.Errorf("got %d %v, and %d credentials were asked about", w.Code, w.Header(), asked)
	}
	for _, header := range [][]string{nil, {"Origin", app}, {"Access-Control-Request-Method", "POST"}} {
		w := f.do(t, "OPTIONS", "/v1/products", "", header...)
		if w.Code != http.StatusNoContent || !strings.Contains(w.Header().Get("Allow"), "POST") {
			t.Errorf("OPTIONS with %v: got %d, Allow %q", header, w.Code, w.Header().Get("Allow"))
		}
	}
}

// TestEveryOrigin shows what a public API says, and a server without CORS.
func TestEveryOrigin(t *testing.T) {
	f := newFixture(t, withCORS(CORS{Origins: []string{"*"}, MaxAge: -1}))
	h := f.do(t, "GET", "/v1/products", "", "Origin", "https://anybody.example").Header()
	if h.Get("Access-Control-Allow-Origin") != "*" || h.Get("Cross-Origin-Resource-Policy") != "cross-origin" {
		t.Errorf("the header is %v", h)
	}
	h = f.do(t, "OPTIONS", "/v1/products", "", "Origin", "https://anybody.example", "Access-Control-Request-Method", "GET").Header()
	if h.Get("Access-Control-Allow-Origin") != "*" || h.Get("Access-Control-Max-Age") != "0" {
		t.Errorf("the header of a preflight is %v", h)
	}
	none := newFixture(t, nil)
	for _, method := range []string{"GET", "OPTIONS"} {
		h := none.do(t, method, "/v1/products", "", "Origin", app, "Access-Control-Request-Method", "GET").Header()
		if h.Get("Access-Control-Allow-Origin") != "" || h.Get("Vary") != vary {
			t.Errorf("%s without CORS: the header is %v", method, h)
		}
	}
}

func TestBadCORS(t *testing.T) {
	for name, c := range map[string]CORS{
		"no origins":             {},
		"all with credentials":   {Origins: []string{"*"}, Credentials: true},
		"all and one":            {Origins: []string{"*", app}},
		"null":                   {Origins: []string{"null"}},
		"a pattern":              {Origins: []string{"https://*.example.com"}},
		"a slash at the end":     {Origins: []string{app + "/"}},
		"a user":                 {Origins: []string{"https://user@app.example.com"}},
		"another scheme":         {Origins: []string{"ftp://app.example.com"}},
		"capitals":               {Origins: []string{"https://App.example.com"}},
		"the usual port":         {Origins: []string{app + ":443"}},
		"the usual port of http": {Origins: []string{"http://app.example.com:80"}},
		"nothing":                {Origins: []string{""}},
	} {
		cfg := Config{}
		newFixture(t, func(complete *Config) { cfg = *complete })
		cfg.CORS = &c
		if _, err := New(cfg); !errors.Is(err, fault.Invalid) {
			t.Errorf("%s: got %v, want fault.Invalid", name, err)
		}
	}
}
