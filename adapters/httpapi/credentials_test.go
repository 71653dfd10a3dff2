package httpapi

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
)

func TestCredentialOf(t *testing.T) {
	tests := []struct {
		name   string
		header http.Header
		scheme string
		token  string
		code   string
	}{
		{"none", http.Header{}, "", "", "ok"},
		{"bearer", http.Header{"Authorization": {"bearer a.b.c"}}, "bearer", "a.b.c", "ok"},
		{"key", http.Header{"X-Api-Key": {"ptl_x_y"}}, "api-key", "ptl_x_y", "ok"},
		{"both", http.Header{"Authorization": {"Bearer a"}, "X-Api-Key": {"k"}}, "", "", "several-credentials"},
		{"twice", http.Header{"Authorization": {"Bearer a", "Bearer a"}}, "", "", "several-credentials"},
		{"two keys", http.Header{"X-Api-Key": {"a", "b"}}, "", "", "several-credentials"},
		{"other scheme", http.Header{"Authorization": {"Basic YTpi"}}, "", "", "unknown-scheme"},
		{"no scheme", http.Header{"Authorization": {"abc"}}, "", "", "unknown-scheme"},
		{"empty", http.Header{"Authorization": {""}}, "", "", "unknown-scheme"},
		{"no token", http.Header{"Authorization": {"Bearer "}}, "", "", "bad-credential"},
		{"two tokens", http.Header{"Authorization": {"Bearer a b"}}, "", "", "bad-credential"},
		{"empty key", http.Header{"X-Api-Key": {""}}, "", "", "bad-credential"},
		{"control in a key", http.Header{"X-Api-Key": {"a\x1bb"}}, "", "", "bad-credential"},
		{"longest", http.Header{"X-Api-Key": {strings.Repeat("k", maxToken)}}, "api-key", strings.Repeat("k", maxToken), "ok"},
		{"too long", http.Header{"X-Api-Key": {strings.Repeat("k", maxToken+1)}}, "", "", "bad-credential"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, given, err := credentialOf(tt.header)
			if codeOf(err) != tt.code {
				t.Fatalf("got %v, want %s", err, tt.code)
			}
			if err == nil && (string(got.Scheme) != tt.scheme && given || got.Token != tt.token || given != (tt.token != "")) {
				t.Errorf("got %v %v, want %s %s", got, given, tt.scheme, tt.token)
			}
		})
	}
}

func TestClientAddress(t *testing.T) {
	trusted := proxies{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}
	tests := []struct {
		name, remote string
		forwarded    []string
		want         string
	}{
		{"direct", "192.0.2.1:99", nil, "192.0.2.1"},
		{"a stranger's header is not believed", "192.0.2.1:99", []string{"198.51.100.1"}, "192.0.2.1"},
		{"through a proxy", "10.0.0.1:99", []string{"198.51.100.1"}, "198.51.100.1"},
		{"the right-most counts", "10.0.0.1:99", []string{"203.0.113.9, 198.51.100.1"}, "198.51.100.1"},
		{"proxies are passed over", "10.0.0.1:99", []string{"203.0.113.9, 198.51.100.1", "10.0.0.2"}, "198.51.100.1"},
		{"only proxies", "10.0.0.1:99", []string{"10.0.0.2"}, "10.0.0.2"},
		{"no header", "10.0.0.1:99", nil, "10.0.0.1"},
		{"with a port", "10.0.0.1:99", []string{"198.51.100.1:4711"}, "198.51.100.1"},
		{"IPv6", "[fd00::1]:99", []string{"[2001:db8::1]:4711"}, "2001:db8::1"},
		{"IPv6 without a port", "[fd00::1]:99", []string{"2001:db8::1"}, "2001:db8::1"},
		{"IPv4 in IPv6", "[::ffff:10.0.0.1]:99", []string{"::ffff:198.51.100.1"}, "198.51.100.1"},
		{"unreadable is nowhere in particular", "10.0.0.1:99", []string{"unknown"}, "::"},
		{"a socket without an address is not this process", "@", nil, "::"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodGet, "/", nil)
			r.RemoteAddr = tt.remote
			r.Header["X-Forwarded-For"] = tt.forwarded
			if got := trusted.client(r).String(); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}
