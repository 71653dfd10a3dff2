package schema_test

import (
	"testing"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/record"
)

func TestFromText(t *testing.T) {
	c := must(t, products())
	tests := []struct{ field, text, want string }{
		{"title", "", `""`},
		{"title", ` "a", 😀`, `" \"a\", 😀"`},
		{"reviews", "-12", `-12`},
		{"reviews", "9007199254740993", `9007199254740993`},
		{"reviews", "1e3", `1000`},
		{"stars", "4.5", `4.5`},
		{"stars", "-0", `0`},
		{"price", "90071992547409.93", `90071992547409.93`},
		{"isBestSeller", "True", `true`},
		{"isBestSeller", "1", `true`},
		{"isBestSeller", "FALSE", `false`},
		{"isBestSeller", "0", `false`},
		{"created", "2026-01-31T12:00:00.5+01:00", `"2026-01-31T11:00:00.5Z"`},
		{"created", "2026-01-31", `"2026-01-31T00:00:00Z"`},
		{"created", "2026-01-31 12:00:00", `"2026-01-31T12:00:00Z"`},
		{"tags", `["a", "b"]`, `["a","b"]`},
		{"original", `{"b":1,"a":2}`, `{"a":2,"b":1}`},
		{"original", `null`, `null`},
		{"photo", "AAE=", `"AAE="`},
	}
	for _, tt := range tests {
		v, err := field(t, c, tt.field).FromText(tt.text)
		if got := string(record.AppendValue(nil, v)); err != nil || got != tt.want {
			t.Errorf("%s from %q: got %s, %v, want %s", tt.field, tt.text, got, err, tt.want)
		}
	}
}

func TestFromTextRefuses(t *testing.T) {
	c := must(t, products())
	tests := []struct{ field, text, code string }{
		{"title", "a\x00", "nul-character"},
		{"title", "\xff", "invalid-utf8"},
		{"reviews", "", "wrong-type"},
		{"reviews", " 1", "wrong-type"},
		{"reviews", "1,000", "wrong-type"},
		{"reviews", "1.5", "wrong-type"},
		{"reviews", "9223372036854775808", "out-of-range"},
		{"stars", "NaN", "wrong-type"},
		{"stars", "Inf", "wrong-type"},
		{"stars", "0x1p4", "wrong-type"},
		{"stars", "1e309", "out-of-range"},
		{"price", "1.234", "too-fine"},
		{"price", "$1", "wrong-type"},
		{"isBestSeller", "yes", "wrong-type"},
		{"isBestSeller", "", "wrong-type"},
		{"created", "2026-02-30", "wrong-type"},
		{"created", "31/01/2026", "wrong-type"},
		{"created", "0000-01-01", "out-of-range"},
		{"tags", "a,b", "malformed-json"},
		{"tags", `{"a":1}`, "wrong-type"},
		{"original", `{"a":1,"a":2}`, "duplicate-key"},
		{"photo", "A", "wrong-type"},
	}
	for _, tt := range tests {
		v, err := field(t, c, tt.field).FromText(tt.text)
		if fault.KindOf(err) != fault.Invalid || fault.Of(err).Code != tt.code || !v.IsNull() {
			t.Errorf("%s from %q: got %v, %v, want the code %s", tt.field, tt.text, v, err, tt.code)
		}
	}
}

func TestFromJSON(t *testing.T) {
	c := must(t, products())
	v, err := field(t, c, "tags").FromJSON([]byte(` ["a"] `))
	if got := string(record.AppendValue(nil, v)); err != nil || got != `["a"]` {
		t.Errorf("got %s, %v, want the list", got, err)
	}
	for text, want := range map[string]string{`["a",1]`: "/1 wrong-type", `["a"] x`: " trailing-data", `"a"`: " wrong-type"} {
		if _, err := field(t, c, "tags").FromJSON([]byte(text)); len(mistakes(err)) != 1 || mistakes(err)[0] != want {
			t.Errorf("FromJSON(%s): got %q, want %q", text, mistakes(err), want)
		}
	}
}
