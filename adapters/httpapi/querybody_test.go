package httpapi

import (
	"net/http"
	"os"
	"regexp"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/portolan-io/portolan/core"
	"github.com/portolan-io/portolan/core/fault"
)

func TestParseQueryBody(t *testing.T) {
	tests := []struct {
		name, body string
		want       core.ListRequest
		code       string
	}{
		{"nothing", `{}`, core.ListRequest{Long: true}, "ok"},
		{
			"everything", `{"filter":"a eq 1","orderby":"a","select":"a","first":5,"after":"x","count":true,"ids":["a",7]}`,
			core.ListRequest{Filter: "a eq 1", OrderBy: "a", Select: "a", First: 5, After: "x", Count: true, IDs: []string{"a", "7"}, Long: true}, "ok",
		},
		{"no ids are not all ids", `{"ids":[]}`, core.ListRequest{IDs: []string{}, Long: true}, "ok"},
		{"unknown", `{"filtre":"a"}`, core.ListRequest{}, "unknown-member"},
		{"as in a URL", `{"$filter":"a"}`, core.ListRequest{}, "unknown-member"},
		{"twice", `{"filter":"a","filter":"b"}`, core.ListRequest{}, "duplicate-key"},
		{"twice, escaped", `{"filter":"a","f\u0069lter":"b"}`, core.ListRequest{}, "duplicate-key"},
		{"empty", `{"filter":""}`, core.ListRequest{}, "empty-option"},
		{"null", `{"filter":null}`, core.ListRequest{}, "wrong-type"},
		{"number for text", `{"filter":1}`, core.ListRequest{}, "wrong-type"},
		{"text for a number", `{"first":"5"}`, core.ListRequest{}, "wrong-type"},
		{"first 0", `{"first":0}`, core.ListRequest{}, "bad-first"},
		{"first -1", `{"first":-1}`, core.ListRequest{}, "bad-first"},
		{"first 1001", `{"first":1001}`, core.ListRequest{}, "bad-first"},
		{"first 1.5", `{"first":1.5}`, core.ListRequest{}, "bad-first"},
		{"count in words", `{"count":"true"}`, core.ListRequest{}, "wrong-type"},
		{"ids that are none", `{"ids":[true]}`, core.ListRequest{}, "wrong-type"},
		{"ids alone", `{"ids":"a"}`, core.ListRequest{}, "wrong-type"},
		{"array", `[]`, core.ListRequest{}, "wrong-type"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := parseQueryBody([]byte(tt.body), queryMembers)
			if codeOf(err) != tt.code {
				t.Fatalf("got %v, want %s", err, tt.code)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" && err == nil {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	for _, body := range []string{`{`, `{}x`, "{\"filter\":\"\xff\"}", `{"filter":"\ud800"}`, `{"ids":[1,]}`, `{"first":01}`, ``, `{"count":tru}`} {
		if _, err := parseQueryBody([]byte(body), queryMembers); fault.KindOf(err) != fault.Invalid {
			t.Errorf("%q: got %v, want it refused", body, err)
		}
	}
}

// TestBodiesInDocumentation sends what docs/api.md shows of $query and $delete, and is
// answered what it says.
func TestBodiesInDocumentation(t *testing.T) {
	page, err := os.ReadFile("../../docs/api.md")
	if err != nil {
		t.Fatal(err)
	}
	examples := regexp.MustCompile("```\nPOST (/v1/products/\\$[a-z]+)\n(?:Prefer: (.*)\n)?(\\{.*)\n(\\{.*)\n```").FindAllStringSubmatch(string(page), -1)
	if len(examples) != 2 {
		t.Fatalf("got %d examples, want 2", len(examples))
	}
	f := newFixture(t, func(*Config) {})
	for _, example := range examples {
		path, prefer, body, want := example[1], example[2], example[3], example[4]
		w := f.do(t, http.MethodPost, path, body, "X-API-Key", "ada", "Content-Type", typeJSON, "Prefer", prefer)
		if w.Code != http.StatusOK || w.Body.String() != want {
			t.Errorf("%s %s: got %d %s, want %s", path, body, w.Code, w.Body, want)
		}
	}
}
