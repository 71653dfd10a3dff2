package httpapi

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/portolan-io/portolan/core/fault"
)

func TestParseQuery(t *testing.T) {
	known := []string{"$filter", "$first", "$count"}
	tests := []struct {
		name, raw string
		want      options
		code      string
	}{
		{"nothing", "", nil, "ok"},
		{"one", "$first=2", options{{"$first", "2", false}}, "ok"},
		{"encoded name", "%24first=2", options{{"$first", "2", false}}, "ok"},
		{"plus is a space", "$filter=a+b%2Bc", options{{"$filter", "a b+c", false}}, "ok"},
		{"plus stays where a space is %20", "$filter=a%20ge%20+02:00", options{{"$filter", "a ge +02:00", false}}, "ok"},
		{"semicolon stays", "$filter=a;b", options{{"$filter", "a;b", false}}, "ok"},
		{"later equals sign stays", "$filter=a=b", options{{"$filter", "a=b", false}}, "ok"},
		{"encoded ampersand", "$filter=a%26b&$first=1", options{{"$filter", "a&b", false}, {"$first", "1", false}}, "ok"},
		{"empty pairs", "&&$first=2&", options{{"$first", "2", false}}, "ok"},
		{"bare count", "$count", options{{"$count", "", true}}, "ok"},
		{"empty count", "$count=", nil, "empty-option"},
		{"empty value", "$filter=", nil, "empty-option"},
		{"bare other", "$filter", nil, "empty-option"},
		{"repeated", "$first=1&$first=1", nil, "repeated-option"},
		{"repeated, written differently", "$first=1&%24first=9999", nil, "repeated-option"},
		{"bad escape", "$filter=%zz", nil, "bad-encoding"},
		{"half an escape", "$filter=%2", nil, "bad-encoding"},
		{"bad escape in a name", "%zz=1", nil, "bad-encoding"},
		{"not UTF-8", "$filter=%ff", nil, "bad-encoding"},
		{"NUL", "$filter=a%00b", nil, "bad-encoding"},
		{"unknown option", "$filtre=1", nil, "unknown-option"},
		{"case counts", "$Filter=1", nil, "unknown-option"},
		{"without dollar", "filter=1", nil, "unknown-option"},
		{"other parameter", "page=1", nil, "unknown-option"},
		{"API key", "api_key=s3cret", nil, "credential-in-url"},
		{"access token", "access_token=s3cret", nil, "credential-in-url"},
		{"token in capitals", "ACCESS_TOKEN=s3cret", nil, "credential-in-url"},
		{"token, encoded", "acces%73_token=s3cret", nil, "credential-in-url"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := parseQuery(tt.raw, known)
			if codeOf(err) != tt.code {
				t.Fatalf("parseQuery(%q): got %v, want %s", tt.raw, err, tt.code)
			}
			if diff := cmp.Diff(tt.want, got, cmp.AllowUnexported(option{})); diff != "" {
				t.Errorf("parseQuery(%q) (-want +got):\n%s", tt.raw, diff)
			}
			if err != nil && strings.Contains(err.Error(), "s3cret") {
				t.Errorf("the error tells the credential: %v", err)
			}
		})
	}
}

func TestUnknownOptionHints(t *testing.T) {
	known := []string{"$filter", "$first"}
	tests := []struct{ raw, want string }{
		{"$filtre=1", "did you mean $filter?"},
		{"filter=1", "did you mean $filter?"},
		{"first=1", "did you mean $first?"},
		{"something=1", "the options are $filter, $first"},
	}
	for _, tt := range tests {
		_, err := parseQuery(tt.raw, known)
		if got := fault.Of(err).Hint; got != tt.want {
			t.Errorf("hint of %s: got %q, want %q", tt.raw, got, tt.want)
		}
	}
}

// FuzzParseQuery checks that what was read and is written again reads the same.
func FuzzParseQuery(f *testing.F) {
	for _, seed := range []string{"$filter=a%20eq%20'b'&$first=1", "%24count", "$after=a+b;c", "$filter=%ff&", "a=b&a=b"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		parsed, err := parseQuery(raw, listOptions)
		if err != nil {
			return
		}
		again, err := parseQuery(parsed.with("$after", "x"), listOptions)
		if err != nil {
			t.Fatalf("%q, written %q: %v", raw, parsed.with("$after", "x"), err)
		}
		for _, each := range parsed {
			if value, ok := again.get(each.name); each.name != "$after" && (!ok || value != each.value) {
				t.Errorf("%q: %s was %q and is %q", raw, each.name, each.value, value)
			}
		}
	})
}
