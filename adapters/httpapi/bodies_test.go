package httpapi

import (
	"testing"
)

func TestMediaTypeOf(t *testing.T) {
	tests := []struct {
		lines []string
		want  string
	}{
		{[]string{"application/json"}, "application/json"},
		{[]string{"Application/JSON; charset=UTF-8"}, "application/json"},
		{[]string{"application/x-ndjson"}, "application/x-ndjson"},
		{nil, codeMediaType},
		{[]string{""}, codeMediaType},
		{[]string{"text/json"}, codeMediaType},
		{[]string{"application/json; charset=latin1"}, codeMediaType},
		{[]string{"application/json; profile=x"}, codeMediaType},
		{[]string{"application/jsonx"}, codeMediaType},
		{[]string{"application/json", "application/json"}, codeMediaType},
		{[]string{"application/json, text/plain"}, codeMediaType},
	}
	for _, tt := range tests {
		got, err := mediaTypeOf(tt.lines, []string{typeJSON, typeNDJSON})
		if err != nil {
			got = codeOf(err)
		}
		if got != tt.want {
			t.Errorf("mediaTypeOf(%q): got %q, want %q", tt.lines, got, tt.want)
		}
	}
}
