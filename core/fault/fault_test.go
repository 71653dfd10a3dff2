package fault_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/portolan-io/portolan/core/fault"
)

func TestKindOf(t *testing.T) {
	missing := fault.New(fault.NotFound, "memory.Get", "there is no such record")
	tests := []struct {
		name string
		err  error
		want fault.Kind
	}{
		{"nothing", nil, ""},
		{"classified", missing, fault.NotFound},
		{"wrapped", fmt.Errorf("reading: %w", missing), fault.NotFound},
		{"the outermost counts", fault.New(fault.Conflict, "core.Delete", "x").Because(missing), fault.Conflict},
		{"a kind alone", fmt.Errorf("x: %w", fault.Stale), fault.Stale},
		{"cancelled", context.Canceled, fault.Unavailable},
		{"too late", fmt.Errorf("x: %w", context.DeadlineExceeded), fault.Unavailable},
		{"unclassified", io.ErrUnexpectedEOF, fault.Internal},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := fault.KindOf(tt.err); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestKindsAreErrors(t *testing.T) {
	seen := map[fault.Kind]bool{}
	for _, kind := range fault.Kinds {
		if seen[kind] {
			t.Errorf("%s is listed twice", kind)
		}
		seen[kind] = true
		err := fmt.Errorf("x: %w", fault.New(kind, "op", "detail"))
		if !errors.Is(err, kind) {
			t.Errorf("errors.Is(err, %s): got false", kind)
		}
		if errors.Is(err, fault.Kind("other")) {
			t.Errorf("an error of kind %s is of another kind, too", kind)
		}
	}
}

func TestEveryKindHasWords(t *testing.T) {
	for _, kind := range fault.Kinds {
		if got := fault.Of(kind).Detail; got == "" {
			t.Errorf("Of(%s): got no detail", kind)
		}
	}
}

func TestErrorBuilders(t *testing.T) {
	cause := errors.New("connection refused by 10.0.0.7")
	err := fault.New(fault.Invalid, "schema.Decode", "the record has %d mistakes", 2).
		Coded("invalid-record").Hinting("the fields are %s", "a, b").
		At(fault.Place{Pointer: "/a", Code: "required", Detail: "a is required"}).
		At(fault.Place{Pointer: "/b", Code: "too-long", Detail: "b is too long"}).
		Because(cause)
	if fault.New(fault.Stale, "op", "x").Code != "stale" {
		t.Error("the code of a new error is not its kind")
	}
	if err.Code != "invalid-record" || err.Hint != "the fields are a, b" || len(err.Places) != 2 || !errors.Is(err, cause) {
		t.Errorf("got %+v, want what the builders were given", err)
	}
	for _, part := range []string{"schema.Decode", "invalid", "2 mistakes", "/b", "b is too long", "10.0.0.7"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("the text for logs: got %q, want %q in it", err, part)
		}
	}
}

func TestOfKeepsTheCauseFromTheCaller(t *testing.T) {
	if fault.Of(nil) != nil {
		t.Error("Of(nil) is not nil")
	}
	classified := fault.New(fault.Exists, "op", "taken")
	if got := fault.Of(fmt.Errorf("x: %w", classified)); got != classified {
		t.Errorf("got %v, want the classified error itself", got)
	}
	for err, kind := range map[error]fault.Kind{
		errors.New("pq: password of user root"):                      fault.Internal,
		fmt.Errorf("secret statement: %w", context.Canceled):         fault.Unavailable,
		fmt.Errorf("secret statement: %w", context.DeadlineExceeded): fault.Unavailable,
		fmt.Errorf("secret statement: %w", io.ErrUnexpectedEOF):      fault.Internal,
		fmt.Errorf("secret statement: %w", fault.NotFound):           fault.NotFound,
	} {
		got := fault.Of(err)
		if got.Kind != kind || got.Code != string(kind) {
			t.Errorf("Of(%v): got kind %s and code %s, want %s", err, got.Kind, got.Code, kind)
		}
		if strings.Contains(got.Detail+got.Hint, "secret") || strings.Contains(got.Detail, "password") {
			t.Errorf("Of(%v): got the detail %q, which shows the cause", err, got.Detail)
		}
		if got.Detail == "" {
			t.Errorf("Of(%v): got no detail", err)
		}
		if !errors.Is(got, err) {
			t.Errorf("Of(%v): the cause is lost", err)
		}
	}
}

func TestNearest(t *testing.T) {
	names := []string{"price", "listPrice", "stars", "category_id", "id"}
	tests := []struct{ name, want string }{
		{"pric", "price"},
		{"prcie", "price"},
		{"PRICE", "price"},
		{"listprice", "listPrice"},
		{"categoryId", "category_id"},
		{"star", "stars"},
		{"di", "id"},
		{"colour", ""},
		{"", ""},
		{strings.Repeat("price", 30), ""},
	}
	for _, tt := range tests {
		if got := fault.Nearest(tt.name, names); got != tt.want {
			t.Errorf("Nearest(%q): got %q, want %q", tt.name, got, tt.want)
		}
	}
	if got := fault.Nearest("price", nil); got != "" {
		t.Errorf("without candidates: got %q", got)
	}
}
