package httpapi

import (
	"net/http"
	"regexp"
	"strings"
	"testing"
)

// TestDocsAreWhole: the page, and everything it loads, is on this server, and
// nothing of it needs more than its policy allows.
func TestDocsAreWhole(t *testing.T) {
	f := newFixture(t, nil)
	page := f.do(t, http.MethodGet, "/docs", "")
	if page.Code != http.StatusOK || !strings.HasPrefix(page.Header().Get("Content-Type"), "text/html") {
		t.Fatalf("/docs answers %d %s", page.Code, page.Header().Get("Content-Type"))
	}
	if got := f.do(t, http.MethodGet, "/docs/", "").Body.String(); got != page.Body.String() {
		t.Errorf("/docs/ is not the page of /docs")
	}
	addresses := regexp.MustCompile(`(?:href|src)="([^"]*)"`).FindAllStringSubmatch(page.Body.String(), -1)
	if len(addresses) < 5 {
		t.Fatalf("the page has only %d addresses", len(addresses))
	}
	for _, address := range addresses {
		w := f.do(t, http.MethodGet, address[1], "")
		if w.Code != http.StatusOK || w.Body.Len() == 0 {
			t.Errorf("%s answers %d with %d octets", address[1], w.Code, w.Body.Len())
		}
	}
	for _, forbidden := range []string{"<script>", "<style", " style=", " onload=", "http://", "https://"} {
		if strings.Contains(page.Body.String(), forbidden) {
			t.Errorf("the page has %q, which its policy would refuse or which leaves this server", forbidden)
		}
	}
	policy := page.Header().Get("Content-Security-Policy")
	for _, part := range []string{"default-src 'none'", "script-src 'self';", "connect-src 'self'", "frame-ancestors 'none'"} {
		if !strings.Contains(policy, part) {
			t.Errorf("the policy %q lacks %s", policy, part)
		}
	}
	for name, part := range map[string]string{
		"X-Content-Type-Options": "nosniff", "Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Resource-Policy": "same-origin",
		"Permissions-Policy": "microphone=()", "Referrer-Policy": "no-referrer",
	} {
		if got := page.Header().Get(name); !strings.Contains(got, part) {
			t.Errorf("the page has %s %q, without %s", name, got, part)
		}
	}
}

func TestDocsRefuse(t *testing.T) {
	f := newFixture(t, nil)
	for _, target := range []string{"/docs/swagger-ui.js.map", "/docs/../docs.go", "/docs/docs/index.html", "/docs/none", "/docs/initializer.js/x"} {
		w := f.do(t, http.MethodGet, target, "")
		if w.Code != http.StatusNotFound && w.Code != http.StatusBadRequest || w.Header().Get("Content-Type") != problemType {
			t.Errorf("%s answers %d %s, want a problem", target, w.Code, w.Header().Get("Content-Type"))
		}
	}
	if w := f.do(t, http.MethodPost, "/docs", "x"); w.Code != http.StatusMethodNotAllowed {
		t.Errorf("POST /docs answers %d, want %d", w.Code, http.StatusMethodNotAllowed)
	}
	off := newFixture(t, func(cfg *Config) { cfg.Docs = DocsOff })
	for _, target := range []string{"/docs", "/docs/", "/openapi.json"} {
		if w := off.do(t, http.MethodGet, target, ""); w.Code != http.StatusNotFound {
			t.Errorf("%s answers %d where documentation is off, want %d", target, w.Code, http.StatusNotFound)
		}
	}
}
