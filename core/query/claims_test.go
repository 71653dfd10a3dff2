package query_test

import (
	"encoding/json"
	"math"
	"testing"

	"github.com/portolan-io/portolan/core/query"
	"github.com/portolan-io/portolan/core/query/querytest"
)

func TestBind(t *testing.T) {
	c := querytest.Collection()
	for _, tt := range []struct {
		name, text string
		claim      any
		want       string // empty: grants nothing
	}{
		{"string", "name eq @claims.x", "it's", "name eq 'it''s'"},
		{"under not", "not name eq @claims.x", "a", "name ne 'a'"},
		{"number", "count eq @claims.x", 7.0, "count eq 7"},
		{"exact number", "count eq @claims.x", json.Number("9007199254740993"), "count eq 9007199254740993"},
		{"number written as records write it", "count eq @claims.x", "42", "count eq 42"},
		{"number written otherwise", "count eq @claims.x", "042", ""},
		{"number written with an exponent", "count eq @claims.x", "42e0", ""},
		{"fraction for an int", "count eq @claims.x", 7.5, ""},
		{"number that stands for several", "count eq @claims.x", float64(1 << 54), ""},
		{"infinity", "ratio eq @claims.x", math.Inf(1), ""},
		{"decimal", "price le @claims.x", 1.5, "price le 1.50"},
		{"too fine a decimal", "price le @claims.x", 1.005, ""},
		{"decimal as a string", "price le @claims.x", "1.50", "price le 1.50"},
		{"bool", "flag eq @claims.x", true, "flag eq true"},
		{"bool for a string", "name eq @claims.x", true, ""},
		{"string for a bool", "flag eq @claims.x", "true", ""},
		{"number for a string", "name eq @claims.x", 7.0, ""},
		{"time", "made gt @claims.x", "2026-01-01T00:00:00Z", "made gt 2026-01-01T00:00:00Z"},
		{"NUL", "name eq @claims.x", "a\x00", ""},
		{"invalid UTF-8", "name eq @claims.x", "\xff", ""},
		{"null", "name eq @claims.x", nil, ""},
		{"null under not", "not name eq @claims.x", nil, ""},
		{"object", "name eq @claims.x", map[string]any{}, ""},
		{"list for eq", "name eq @claims.x", []any{"a"}, ""},
		{"list for in", "name in @claims.x", []any{"b", "a", "a"}, "name in ('a', 'b')"},
		{"strings for in", "name in @claims.x", []string{"b", "a"}, "name in ('a', 'b')"},
		{"one for in", "name in @claims.x", "a", "name eq 'a'"},
		{"empty list for in", "name in @claims.x", []any{}, "false"},
		{"empty list for not in", "not name in @claims.x", []any{}, "true"},
		{"null in a list", "name in @claims.x", []any{"a", nil}, ""},
		{"another type in a list", "name in @claims.x", []any{"a", 1.0}, ""},
		{"too long a list", "name in @claims.x", make([]string, query.MaxItems+1), ""},
		{"item of a list", "tags has @claims.x", "a", "tags has 'a'"},
		{"function", "startswith(name, @claims.x)", "a", "startswith(name, 'a')"},
		{"beside others", "flag and (count lt 5 or name eq @claims.x)", "a", "(count lt 5 or name eq 'a') and flag eq true"},
		{"lacking beside what is always true", "true or name eq @claims.y", "a", "true"},
		{"lacking", "flag or name eq @claims.y", "a", ""},
		{"lacking under not", "not (flag and name eq @claims.y)", "a", ""},
		{"no claim named", "flag", nil, "flag eq true"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			bound, ok := query.Bind(parse(t, c, tt.text), c, func(name string) (any, bool) { return tt.claim, name == "x" })
			if ok != (tt.want != "") {
				t.Fatalf("Bind(%q) with %v granted %t, want %t", tt.text, tt.claim, ok, tt.want != "")
			}
			if got := bound.Text(c); ok && got != tt.want {
				t.Errorf("Bind(%q) with %v\n got %s\nwant %s", tt.text, tt.claim, got, tt.want)
			}
			if !ok && bound.Op != query.None {
				t.Errorf("what grants nothing matches %v, want nothing", bound)
			}
		})
	}
}
