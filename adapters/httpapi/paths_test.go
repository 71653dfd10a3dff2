package httpapi

import (
	"testing"
)

func TestCanonicalPath(t *testing.T) {
	tests := []struct{ path, want string }{
		{"/", "/"},
		{"/v1/products", "/v1/products"},
		{"/v1/products/", "/v1/products/"},
		{"/v1/prod%75cts", "/v1/products"},
		{"/v1/products/%24query", "/v1/products/$query"},
		{"/v1/products/a%20b", "/v1/products/a%20b"},
		{"/v1/products/%C3%A9", "/v1/products/%C3%A9"},
		{"/v1/products/%c3%a9", "/v1/products/%C3%A9"},
		{"/v1/products/100%25", "/v1/products/100%25"},
		{"/v1/products/50%25%20off", "/v1/products/50%25%20off"},
		{"/v1/products/%2541", "/v1/products/%2541"},
		{"/v1/products/...", "/v1/products/..."},
		{"/v1/products/a;b=c", "/v1/products/a%3Bb=c"},
		{"", "bad-path"},
		{"*", "bad-path"},
		{"//v1/products", "bad-path"},
		{"/v1//products", "bad-path"},
		{"/v1/products/a%2fb", "bad-path"},
		{"/v1/products/a%2Fb", "bad-path"},
		{"/v1/products/a%5cb", "bad-path"},
		{"/v1/products/.", "bad-path"},
		{"/v1/products/..", "bad-path"},
		{"/v1/../admin", "bad-path"},
		{"/v1/%2e%2e/admin", "bad-path"},
		{"/v1/%2e/admin", "bad-path"},
		{"/v1/products/%252e%252e", "bad-path"},
		{"/v1/products/a%252fb", "bad-path"},
		{"/v1/products/a%25252fb", "bad-path"},
		{"/v1/products/%2524query", "bad-path"},
		{"/v1/products/a%00", "bad-path"},
		{"/v1/products/a%0d%0ab", "bad-path"},
		{"/v1/products/%ff", "bad-path"},
		{"/v1/products/%zz", "bad-path"},
	}
	for _, tt := range tests {
		_, got, err := canonicalPath(tt.path)
		if err != nil {
			got = codeOf(err)
		}
		if got != tt.want {
			t.Errorf("canonicalPath(%q): got %q, want %q", tt.path, got, tt.want)
		}
	}
}
