package httpapi

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSplitRecords(t *testing.T) {
	many := func(n int, sep string) string { return strings.TrimSuffix(strings.Repeat("{}"+sep, n), sep) }
	tests := []struct {
		name, mediaType, body string
		want                  []string
		code                  string
	}{
		{"object", typeJSON, ` {"a":1} `, []string{` {"a":1} `}, "ok"},
		{"array", typeJSON, ` [ {"a":1} , {"b":[1,2]} ] `, []string{`{"a":1}`, `{"b":[1,2]}`}, "ok"},
		{"brackets in strings", typeJSON, `[{"a":"],\"}"},{"b":"\\"}]`, []string{`{"a":"],\"}"}`, `{"b":"\\"}`}, "ok"},
		{"empty array", typeJSON, `[]`, nil, "bad-json"},
		{"comma at the end", typeJSON, `[{},]`, nil, "bad-json"},
		{"comma at the beginning", typeJSON, `[,{}]`, nil, "bad-json"},
		{"two commas", typeJSON, `[{},,{}]`, nil, "bad-json"},
		{"not closed", typeJSON, `[{}`, nil, "bad-json"},
		{"string not closed", typeJSON, `["a`, nil, "bad-json"},
		{"closed otherwise", typeJSON, `[{}}`, nil, "bad-json"},
		{"something behind", typeJSON, `[{}] {}`, nil, "bad-json"},
		{"200", typeJSON, "[" + many(200, ",") + "]", slicesOf("{}", 200), "ok"},
		{"201", typeJSON, "[" + many(201, ",") + "]", nil, "too-many-records"},
		{"lines", typeNDJSON, "{\"a\":1}\r\n\n{}\n", []string{`{"a":1}`, `{}`}, "ok"},
		{"last line without an end", typeNDJSON, "{}\n{}", []string{"{}", "{}"}, "ok"},
		{"no lines", typeNDJSON, "\n\n", nil, "bad-json"},
		{"200 lines", typeNDJSON, many(200, "\n"), slicesOf("{}", 200), "ok"},
		{"201 lines", typeNDJSON, many(201, "\n"), nil, "too-many-records"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			records, _, err := splitRecords(tt.mediaType, []byte(tt.body))
			if codeOf(err) != tt.code {
				t.Fatalf("got %v, want %s", err, tt.code)
			}
			var got []string
			for _, each := range records {
				got = append(got, string(each))
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func slicesOf(item string, n int) []string {
	items := make([]string, n)
	for i := range items {
		items[i] = item
	}
	return items
}
