package httpapi

import (
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/portolan-io/portolan/core/fault"
)

func TestRepresent(t *testing.T) {
	for _, tt := range []struct {
		accept []string
		want   string // empty is none
	}{
		{nil, typeJSON},
		{[]string{"*/*"}, typeJSON},
		{[]string{"text/*"}, typeCSV},
		{[]string{"application/*"}, typeJSON},
		{[]string{"text/csv"}, typeCSV},
		{[]string{"Text/CSV; charset=utf-8; header=present"}, typeCSV},
		{[]string{"application/ndjson"}, "application/ndjson"},
		{[]string{"application/jsonl, application/x-ndjson"}, typeNDJSON},
		{[]string{"application/json;q=0.1, text/csv;q=0.2"}, typeCSV},
		{[]string{"application/json;q=0.1", "text/csv;q=0.2"}, typeCSV},
		{[]string{"text/csv, application/json"}, typeJSON},
		{[]string{"*/*, application/json;q=0"}, typeNDJSON},
		{[]string{"*/*;q=0.1, text/csv;q=0.05, application/json;q=0"}, typeNDJSON},
		{[]string{"text/html, */*;q=0.8"}, typeJSON},
		{[]string{"text/csv;q=0"}, ""},
		{[]string{"text/csv;q=2"}, ""},
		{[]string{"text/csv;q=NaN"}, ""},
		{[]string{"application/problem+json"}, ""},
		{[]string{"text/html, image/*"}, ""},
		{[]string{""}, ""},
	} {
		got, err := represent(tt.accept)
		switch {
		case tt.want == "" && (!errors.Is(err, fault.Invalid) || fault.Of(err).Code != codeAccept):
			t.Errorf("%q: got %v, %v, want none", tt.accept, got, err)
		case tt.want != "" && (err != nil || got.mediaType != tt.want):
			t.Errorf("%q: got %v, %v, want %s", tt.accept, got, err, tt.want)
		}
	}
}

func TestInLines(t *testing.T) {
	wrong := func(pointers ...string) error {
		err := fault.New(fault.Invalid, "test", "it is wrong")
		for _, pointer := range pointers {
			err = err.At(fault.Place{Pointer: pointer})
		}
		return fmt.Errorf("wrapped: %w", err)
	}
	for _, tt := range []struct {
		err   error
		lines []int64
		want  []string
	}{
		{wrong("/0/price", "/1", "/1/tags/0"), []int64{2, 5}, []string{"line 2, price", "line 5", "line 5, tags/0"}},
		{wrong("/price", ""), []int64{3}, []string{"line 3, price", "line 3"}},
		{wrong("/0/price"), nil, []string{"/0/price"}},
		{wrong("/7/price"), []int64{2, 5}, []string{"/7/price"}},
	} {
		var got []string
		for _, place := range fault.Of(inLines(tt.err, tt.lines)).Places {
			got = append(got, place.Pointer)
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
	}
	plain := errors.New("plain")
	if got := inLines(plain, []int64{2}); !errors.Is(got, plain) || inLines(nil, []int64{2}) != nil {
		t.Error("an error without places is another one")
	}
}
