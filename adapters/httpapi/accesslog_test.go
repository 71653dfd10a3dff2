package httpapi

import (
	"context"
	"encoding/json"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

// TestAccessLog states what the log has of a request.
func TestAccessLog(t *testing.T) {
	f := newFixture(t, func(c *Config) {
		c.TraceID = func(context.Context) string { return "4bf92f" }
		c.Span = func(context.Context) (string, bool) { return "b7ad6b", true }
	})
	f.do(t, "GET", "/v1/products/B001?$select=asin", "", "X-API-Key", "acme", "X-Request-Id", "r-1")
	var got map[string]any
	if err := json.Unmarshal([]byte(f.log.String()), &got); err != nil {
		t.Fatalf("%v: %s", err, f.log)
	}
	for name, want := range map[string]any{
		"level": "INFO", "msg": "request", "method": "GET", "route": "/v1/{collection}/{id}", "status": 200.0,
		"bytes": float64(len(`{"asin":"B001"}`)), "request_id": "r-1", "trace_id": "4bf92f", "span_id": "b7ad6b", "trace_sampled": true, "collection": "products",
	} {
		if got[name] != want {
			t.Errorf("%s: got %v, want %v", name, got[name], want)
		}
	}
	pseudonym, _ := got["principal"].(string)
	if len(pseudonym) != 16 || strings.Contains(pseudonym, "acme") {
		t.Errorf("the principal is %q, want a pseudonym", pseudonym)
	}
	for name := range got {
		switch name {
		case "time", "level", "msg", "method", "route", "status", "bytes", "duration_ms", "request_id", "trace_id", "span_id", "trace_sampled", "principal", "collection":
		default:
			t.Errorf("the log has %s", name)
		}
	}
	f.do(t, "GET", "/v1/categories", "", "X-API-Key", "acme")
	f.do(t, "GET", "/v1/secretname", "", "X-API-Key", "nobody")
	if strings.Contains(f.log.String(), "secretname") {
		t.Error("the log has a name that is no collection's")
	}
	if n := strings.Count(f.log.String(), pseudonym); n != 2 {
		t.Errorf("the pseudonym is there %d times, want 2", n)
	}
}

// TestRefusalsAreLogged shows failed authentication and authorization in the log.
func TestRefusalsAreLogged(t *testing.T) {
	for name, header := range map[string][]string{
		"/v1/vault":    {"Authorization", "Bearer sid"},
		"/v1/notes":    nil,
		"/v1/products": {"X-API-Key", "mallory"},
	} {
		f := newFixture(t, nil)
		f.do(t, "GET", name, "", header...)
		if log := f.log.String(); !strings.Contains(log, `"level":"WARN"`) || !strings.Contains(log, `"code":"`) {
			t.Errorf("%s: got the log %s, want a warning with its code", name, log)
		}
	}
}

// TestNothingOfTheCallersIsLogged puts canaries wherever a caller can put
// something, lets the requests go well or fail, and finds none in the log.
func TestNothingOfTheCallersIsLogged(t *testing.T) {
	const canary = "c4n4ry"
	f := newFixture(t, nil, failing("a failure below"))
	targets := []string{
		"/v1/products?$filter=title%20eq%20'" + canary + "'", "/v1/products?$filter=" + canary, "/v1/products?" + canary + "=1",
		"/v1/products?api_key=" + canary, "/v1/products?access_token=" + canary, "/v1/products?$after=" + canary,
		"/v1/" + canary, "/v1/products/" + canary, "/" + canary, "/v1/products/" + canary + "%2f", "/v1/products/$" + canary,
		"/v1/products/$query", "/v1/products/$delete", "/v1/categories",
	}
	bodies := []string{`{"name":"` + canary + `"}`, `{"` + canary + `":1}`, canary, `{"filter":"title eq '` + canary + `'"}`, `{"ids":["` + canary + `"]}`}
	n := 0
	for _, target := range targets {
		for _, method := range []string{"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", strings.ToUpper(canary)} {
			for _, body := range bodies {
				n++
				f.do(t, method, target, body, "X-API-Key", "ada", "Content-Type", "application/json", "User-Agent", canary,
					"Prefer", canary, "If-Match", `"`+canary+`"`, "X-"+canary, canary)
				f.do(t, method, target, body, "Authorization", "Bearer "+canary, "Accept", canary, "X-Request-Id", canary+" ")
			}
		}
	}
	log := f.log.String()
	if lines := strings.Count(log, `"msg":"request"`); lines != 2*n {
		t.Errorf("%d requests made %d lines", 2*n, lines)
	}
	if at := strings.Index(strings.ToLower(log), canary); at >= 0 {
		t.Errorf("the log holds what a caller sent: …%s…", log[max(0, at-300):min(len(log), at+50)])
	}
}

// TestLogInjection puts line ends, escapes and separators wherever they fit:
// each request is one line of JSON.
func TestLogInjection(t *testing.T) {
	f := newFixture(t, nil)
	n := 0
	for _, evil := range []string{"a\r\nlevel=ERROR", "a\n{}", "\x1b[31mred", "a\u2028b", "a\u0085b", "\u202eevil", "\x00"} {
		for _, field := range []string{"path", "query", "method", "header", "address"} {
			n++
			r := httptest.NewRequestWithContext(t.Context(), "GET", "/v1/products", nil)
			switch field {
			case "path":
				r.URL = &url.URL{Path: "/v1/" + evil}
			case "query":
				r.URL.RawQuery = "$filter=" + evil
			case "method":
				r.Method = evil
			case "header":
				r.Header["X-Request-Id"] = []string{evil}
				r.Header["X-Api-Key"] = []string{evil}
			case "address":
				r.RemoteAddr = evil
			}
			f.ServeHTTP(httptest.NewRecorder(), r)
		}
	}
	lines := strings.Split(strings.TrimSuffix(f.log.String(), "\n"), "\n")
	if requests := strings.Count(f.log.String(), `"msg":"request"`); requests != n || len(lines) != n+strings.Count(f.log.String(), `"msg":"audit"`) {
		t.Errorf("%d requests made %d lines, %d of them of requests", n, len(lines), requests)
	}
	for _, line := range lines {
		if !json.Valid([]byte(line)) || strings.ContainsAny(line, "\x1b\r\u2028\u0085\u202e") {
			t.Errorf("not one line of plain JSON: %q", line)
		}
	}
}
