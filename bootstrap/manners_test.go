package bootstrap

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/portolan-io/portolan/core"
)

// TestBrokenManners shows what is refused of cors and deprecated, and where.
func TestBrokenManners(t *testing.T) {
	const service, collection = "{listen:", "    id: id"
	cors := func(text string) string { return "{cors: {" + text + "}, listen:" }
	deprecated := func(text string) string { return "    deprecated: {" + text + "}\n    id: id" }
	const at, of = "c.yaml:1: service.cors: ", "c.yaml:5: collections.things.deprecated"
	for _, tt := range []struct{ name, old, new, want string }{
		{"no origins", service, cors(""), at + "origins is missing"},
		{"a list of none", service, cors("origins: []"), at + "there are no origins; write them as in [https://app.example.com], or leave cors out"},
		{"every origin with credentials", service, cors(`origins: ["*"], credentials: true`),
			at + "credentials cannot be allowed to every origin; name the origins instead of *"},
		{"every origin and one", service, cors(`origins: ["*", "https://a.example"]`), at + "* is every origin; leave the others out, or *"},
		{"null", service, cors(`origins: ["null"]`), at + `"null" is no origin: pages of any origin can make themselves null`},
		{"a pattern", service, cors(`origins: ["https://*.example"]`), at + `"https://*.example" is no origin: it takes whole origins alone, or * for every one`},
		{"a path", service, cors(`origins: ["https://a.example/"]`), at + `"https://a.example/" is no origin: nothing follows the host and the port, not even a slash`},
		{"no scheme", service, cors(`origins: [a.example]`), at + `"a.example" is no origin: write scheme, host and perhaps port, as in https://app.example.com`},
		{"the usual port", service, cors(`origins: ["https://a.example:443"]`), at + `"https://a.example:443" is no origin: browsers leave the usual port out`},
		{"capitals", service, cors(`origins: ["https://A.example"]`), at + `"https://A.example" is no origin: browsers write it in lower case`},
		{"no date", collection, deprecated("sunset: 2026-05-01"), of + ": since is missing"},
		{"a date of another form", collection, deprecated("since: 1.5.2026"), of + `.since: "1.5.2026" cannot be read as a date; write one like 2026-01-31, or 2026-01-31T12:00:00Z`},
		{"gone before", collection, deprecated("since: 2026-05-01, sunset: 2026-04-30"),
			of + ".sunset: the collection cannot be gone before it is deprecated, on 2026-05-01"},
		{"no address", collection, deprecated("since: 2026-05-01, link: changes"), of + `.link: "changes" is no address of a page; write one like https://example.com/changes`},
	} {
		if !strings.Contains(right, tt.old) {
			t.Fatalf("%s: the right configuration has no %q", tt.name, tt.old)
		}
		err := check(t, strings.Replace(right, tt.old, tt.new, 1))
		if err == nil {
			t.Errorf("%s: nothing was said", tt.name)
			continue
		}
		if diff := cmp.Diff(tt.want, err.Error()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}

// TestDeprecation reads both forms of a date.
func TestDeprecation(t *testing.T) {
	text := strings.Replace(right, "    id: id",
		"    deprecated: {since: 2026-01-31, sunset: 2026-06-30T12:00:00+02:00, link: https://example.com/changes}\n    id: id", 1)
	doc, err := parseDocument("c.yaml", []byte(text), variables(nil), "")
	if err != nil {
		t.Fatal(err)
	}
	s, err := doc.read(builtin(), variables(nil), nil)
	if err != nil {
		t.Fatal(err)
	}
	served, err := s.collections()
	if err != nil {
		t.Fatal(err)
	}
	want := &core.Deprecation{
		Since: time.Date(2026, 1, 31, 0, 0, 0, 0, time.UTC), Sunset: time.Date(2026, 6, 30, 10, 0, 0, 0, time.UTC), Link: "https://example.com/changes",
	}
	if diff := cmp.Diff(want, served[0].Deprecated); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
