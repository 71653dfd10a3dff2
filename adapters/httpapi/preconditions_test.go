package httpapi

import (
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/portolan-io/portolan/core"
	"github.com/portolan-io/portolan/core/record"
)

func TestParseTags(t *testing.T) {
	tests := []struct {
		name  string
		lines []string
		want  tags
		code  string
	}{
		{"no header", nil, tags{}, "ok"},
		{"any", []string{" * "}, tags{any: true}, "ok"},
		{"one", []string{`"a.b"`}, tags{list: []entityTag{{false, "a.b"}}}, "ok"},
		{"weak", []string{`W/"a"`}, tags{list: []entityTag{{true, "a"}}}, "ok"},
		{"list", []string{`"a", W/"b" ,"c"`}, tags{list: []entityTag{{false, "a"}, {true, "b"}, {false, "c"}}}, "ok"},
		{"lines", []string{`"a"`, `"b"`}, tags{list: []entityTag{{false, "a"}, {false, "b"}}}, "ok"},
		{"comma within", []string{`"a,b"`}, tags{list: []entityTag{{false, "a,b"}}}, "ok"},
		{"empty elements", []string{`,"a",,"b",`}, tags{list: []entityTag{{false, "a"}, {false, "b"}}}, "ok"},
		{"empty tag", []string{`""`}, tags{list: []entityTag{{false, ""}}}, "ok"},
		{"nothing", []string{""}, tags{}, "bad-etag"},
		{"no quotes", []string{`a`}, tags{}, "bad-etag"},
		{"half a quote", []string{`"a`}, tags{}, "bad-etag"},
		{"lower-case weak", []string{`w/"a"`}, tags{}, "bad-etag"},
		{"space within", []string{`"a b"`}, tags{}, "bad-etag"},
		{"no comma", []string{`"a" "b"`}, tags{}, "bad-etag"},
		{"any among others", []string{`*, "a"`}, tags{}, "bad-etag"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := parseTags("If-Match", tt.lines)
			if codeOf(err) != tt.code {
				t.Fatalf("got %v, want %s", err, tt.code)
			}
			if diff := cmp.Diff(tt.want, got, cmp.AllowUnexported(tags{}, entityTag{})); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func FuzzParseTags(f *testing.F) {
	for _, seed := range []string{`"a.b"`, `W/"a", "b"`, "*", `"a,b",,`, `"`, `W/`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, line string) {
		parsed, err := parseTags("If-Match", []string{line})
		if err == nil && !parsed.given() {
			t.Errorf("%q is neither wrong nor gives anything", line)
		}
		for _, tag := range parsed.list {
			if !strings.Contains(line, `"`+tag.opaque+`"`) {
				t.Errorf("%q does not hold %q", line, tag.opaque)
			}
		}
	})
}

func TestConditionOf(t *testing.T) {
	tests := []struct {
		name, method, match, none string
		want                      core.Condition
		code                      string
	}{
		{"none", "PUT", "", "", core.Condition{}, "ok"},
		{"revision of a tag", "PUT", `"rev1.v"`, "", core.Condition{Revisions: []record.Revision{"rev1"}}, "ok"},
		{"tag without a variant", "PATCH", `"rev1"`, "", core.Condition{Revisions: []record.Revision{"rev1"}}, "ok"},
		{"weak never matches", "PUT", `W/"rev1.v"`, "", core.Condition{Revisions: []record.Revision{noRevision}}, "ok"},
		{"empty never matches", "DELETE", `""`, "", core.Condition{Revisions: []record.Revision{noRevision}}, "ok"},
		{"replace only", "PUT", "*", "", core.Condition{Exists: true}, "ok"},
		{"create only", "PUT", "", "*", core.Condition{Absent: true}, "ok"},
		{"create only, by patch", "PATCH", "", "*", core.Condition{}, "bad-precondition"},
		{"unless it is this", "PUT", "", `"a.b"`, core.Condition{}, "bad-precondition"},
		{"both", "PUT", "*", "*", core.Condition{}, "bad-precondition"},
		{"malformed", "PUT", "rev1", "", core.Condition{}, "bad-etag"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := httptest.NewRequest(tt.method, "/", nil)
			if tt.match != "" {
				r.Header.Set("If-Match", tt.match)
			}
			if tt.none != "" {
				r.Header.Set("If-None-Match", tt.none)
			}
			got, err := conditionOf(r)
			if codeOf(err) != tt.code {
				t.Fatalf("got %v, want %s", err, tt.code)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" && err == nil {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
