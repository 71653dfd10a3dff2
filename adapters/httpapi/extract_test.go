package httpapi

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"
)

// TestExtractKnowsWhoSends: the trace of a request is told to come from a trusted proxy only if
// the connection is one's, whatever its headers say.
func TestExtractKnowsWhoSends(t *testing.T) {
	for from, want := range map[string]bool{"10.1.2.3:4711": true, "[::ffff:10.1.2.3]:4711": true, "192.0.2.7:4711": false, "nonsense": false} {
		for _, proxies := range [][]netip.Prefix{nil, {netip.MustParsePrefix("10.0.0.0/8")}} {
			asked := 0
			handler, err := newSite(Config{TrustedProxies: proxies, Extract: func(ctx context.Context, _ http.Header, trusted bool) context.Context {
				asked++
				if trusted != (want && proxies != nil) {
					t.Errorf("%s is trusted: %t, with the proxies %v", from, trusted, proxies)
				}
				return ctx
			}}, nil)
			if err != nil {
				t.Fatal(err)
			}
			r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
			r.RemoteAddr = from
			r.Header.Set("X-Forwarded-For", "10.9.9.9")
			handler.ServeHTTP(httptest.NewRecorder(), r)
			if asked != 1 {
				t.Errorf("the trace of a request is looked for %d times", asked)
			}
		}
	}
}
