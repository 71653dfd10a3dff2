package query_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/query"
	"github.com/portolan-io/portolan/core/query/querytest"
	"github.com/portolan-io/portolan/core/schema"
)

// parse parses a filter over the collection of querytest.
func parse(t *testing.T, c *schema.Collection, text string) query.Expr {
	t.Helper()
	e, err := query.Parse(text, query.Names{Collection: c, Claims: true}, query.MaxBodyBytes)
	if err != nil {
		t.Fatalf("Parse(%q): %v", text, err)
	}
	return e
}

// The canonical text shows what was understood: how operators bind, what types
// literals took, and what normal form made of it.
func TestParse(t *testing.T) {
	c := querytest.Collection()
	for _, tt := range []struct{ name, text, want string }{
		{"empty", "", "true"},
		{"blank", " \t\r\n ", "true"},
		{"or binds looser than and", "count eq 1 or count eq 2 and flag", "flag eq true and count eq 2 or count eq 1"},
		{"and binds looser than not", "not count lt 1 and flag", "not count lt 1 and flag eq true"},
		{"parentheses", "(count lt 1 or count gt 2) and flag", "(count lt 1 or count gt 2) and flag eq true"},
		{"not of a group", "not (flag and count lt 2)", "not (flag eq true and count lt 2)"},
		{"double not", "not not count lt 1", "count lt 1"},
		{"not of eq", "not count eq 1", "count ne 1"},
		{"not of ne", "not count ne null", "count eq null"},
		{"bare bool", "flag", "flag eq true"},
		{"not of a bare bool", "not flag", "flag ne true"},
		{"flat and", "flag and (count lt 1 and (count gt 0 and flag))", "flag eq true and count lt 1 and count gt 0"},
		{"true and false", "flag and true or false", "flag eq true"},
		{"all", "flag or true", "true"},
		{"none", "flag and false", "false"},
		{"null decides", "count lt null or name ge null", "false"},
		{"in is sorted and unique", "count in (3, 1, 3, null)", "count in (null, 1, 3)"},
		{"in of one", "count in (3, 3)", "count eq 3"},
		{"no spaces needed beside punctuation", "(flag)and(count in(1,2))", "flag eq true and count in (1, 2)"},
		{"value first", "5 lt count", "count gt 5"},
		{"null first", "null ne count", "count ne null"},

		{"int as exponent", "count eq 1e3", "count eq 1000"},
		{"least int", "count eq -9223372036854775808", "count eq -9223372036854775808"},
		{"minus zero", "ratio eq -0", "ratio eq 0"},
		{"int for a float", "ratio eq 3", "ratio eq 3"},
		{"float", "ratio gt 1.5E-7", "ratio gt 1.5e-7"},
		{"decimal takes its scale", "price ge 1.5", "price ge 1.50"},
		{"decimal with trailing zeros", "price ge 1.5000", "price ge 1.50"},
		{"quote", "name eq 'it''s'", "name eq 'it''s'"},
		{"time with a zone", "made ge 2026-01-01T01:00:00+01:00", "made ge 2026-01-01T00:00:00Z"},
		{"quoted time", "made ge '2026-01-01T00:00:00.1234567Z'", "made ge 2026-01-01T00:00:00.123456Z"},
		{"bytes", "blob eq 'AP8='", "blob eq 'AP8='"},
		{"functions", "contains(name, 'a') or startswith(name,'b') or endswith( name , '' )",
			"contains(name, 'a') or startswith(name, 'b') or endswith(name, '')"},
		{"has", "tags has 'x' and sizes has 3", "tags has 'x' and sizes has 3"},
		{"json", "extra ne null", "extra ne null"},
		{"list", "tags eq null", "tags eq null"},

		{"a field called like an operator", "and eq true and and", "and eq true"},
		{"a field called like a literal", `"null" eq null and count eq 1`, `count eq 1 and "null" eq null`},
		{"claim", "name eq @claims.sub", "name eq @claims.sub"},
		{"claim in", "not name in @claims.org.groups", "not name in @claims.org.groups"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := parse(t, c, tt.text).Text(c); got != tt.want {
				t.Errorf("Parse(%q)\n got %s\nwant %s", tt.text, got, tt.want)
			}
		})
	}
}

// TestSlash: what a slash was meant to be depends on what stands behind it.
func TestSlash(t *testing.T) {
	for text, hint := range map[string]string{
		"kind/name eq 'x'": "fields of related records cannot be spoken of here",
		"count/2 eq 1":     "did you mean div",
		"count /":          "did you mean div",
	} {
		_, err := query.Parse(text, query.Names{Collection: querytest.Collection()}, query.MaxURLBytes)
		if f := fault.Of(err); f == nil || f.Code != "unknown-operator" || !strings.Contains(f.Hint, hint) {
			t.Errorf("%s: got %v, want the hint %s", text, err, hint)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	c := querytest.Collection()
	hidden := make([]bool, len(c.Fields))
	position, _ := c.Position("price")
	hidden[position] = true
	for _, tt := range []struct{ name, text, code, detail string }{
		{"unknown field", "flag and cuont eq 1", "unknown-field", `at character 10, near "cuont eq 1": there is no field cuont`},
		{"unknown field counts characters", "name eq '😀' and x eq 1", "unknown-field", `at character 17, near "x eq 1"`},
		{"hidden field", "price eq 1", "unknown-field", `at character 1, near "price eq 1": there is no field price`},
		{"hidden field in a function", "contains(price, '1')", "unknown-field", "there is no field price"},
		{"field as operand", "name eq kind", "wrong-type", "not with another field"},
		{"hidden field as operand", "count eq price", "wrong-type", "not with another field"},

		{"fraction for an int", "count eq 10.5", "wrong-type", "count needs a whole number of 64 bits"},
		{"too great an int", "count eq 9223372036854775808", "wrong-type", "count needs a whole number of 64 bits"},
		{"text for an int", "count eq '1'", "wrong-type", "without quotes"},
		{"number for a string", "name eq 1", "wrong-type", "name needs a text in single quotes"},
		{"infinite float", "ratio eq 1e999", "wrong-type", "ratio needs a finite number"},
		{"bool for an int", "count eq true", "wrong-type", "count needs"},
		{"number for a bool", "flag eq 1", "wrong-type", "flag needs true or false"},
		{"bytes that are not base64", "blob eq '*'", "wrong-type", "blob needs base64"},
		{"time that is none", "made eq 'yesterday'", "wrong-type", "made needs a time in RFC 3339"},
		{"year 10000", "made lt 9999-12-31T23:59:59-01:00", "wrong-type", "made needs a time"},
		{"item of a list", "sizes has 'x'", "wrong-type", "sizes needs a whole number"},

		{"less on a bool", "flag lt true", "wrong-type", "it knows only eq, ne and in"},
		{"less on bytes", "blob lt 'AA=='", "wrong-type", "it knows only eq, ne and in"},
		{"eq on json", "extra eq 'x'", "wrong-type", "json knows only"},
		{"in on a list", "tags in ('x')", "wrong-type", "a list knows only has"},
		{"has on a string", "name has 'x'", "wrong-type", "has is for lists"},
		{"contains on an int", "contains(count, '1')", "wrong-type", "contains is for strings"},
		{"contains null", "contains(name, null)", "wrong-type", "never true of null"},
		{"bare int", "count", "wrong-type", "only a bool alone is a condition"},
		{"path", "extra.a eq null", "wrong-type", "a path into a field"},

		{"unknown operator", "count equals 1", "unknown-operator", "there is no operator equals"},
		{"upper case", "flag AND flag", "unknown-operator", "there is no operator AND"},
		{"symbol", "count >= 1", "unknown-operator", `at character 7, near ">= 1": there is no operator >=`},
		{"unknown function", "contain(name, 'x')", "unknown-operator", "there is no function contain"},
		{"derive function", "slug(name)", "unknown-operator", "no function slug for filters"},
		{"arithmetic", "count add 1", "syntax", "add is for derived fields only"},
		{"arithmetic in a comparison", "count add 1 eq 2", "syntax", "a field should stand here"},

		{"missing value", "count eq", "syntax", "at the end: a field or a value is missing"},
		{"missing parenthesis", "(flag", "syntax", "at the end: a ) is missing"},
		{"extra parenthesis", "flag)", "syntax", `at character 5, near ")"`},
		{"missing quote", "name eq 'x", "syntax", "the closing ' is missing"},
		{"value alone", "5", "syntax", "a value alone is no condition"},
		{"two values", "1 eq 1", "syntax", "a field should stand here"},
		{"chain", "1 lt count lt 5", "syntax", "comparisons do not chain"},
		{"empty list", "count in ()", "syntax", "a field or a value should stand here"},
		{"in without a list", "count in 5", "syntax", "in needs a list"},
		{"number with a letter", "count eq 5x", "syntax", "neither a number nor a time"},
		{"leading zero", "count eq 05", "syntax", "neither a number nor a time"},
		{"date", "made eq 2026-01-01", "syntax", "neither a number nor a time"},
		{"lax time", "made eq 2026-01-01T1:02:03Z", "wrong-type", "made needs a time in RFC 3339"},
		{"lax zone", "made eq 2026-01-01T01:02:03+24:00", "wrong-type", "made needs a time in RFC 3339"},
		{"quoted date", "made eq '2026-01-01'", "wrong-type", "made needs a time in RFC 3339"},
		{"unknown character", "count eq 5;", "syntax", "means nothing"},
		{"arguments", "contains(name)", "syntax", "contains takes a field and a text"},
		{"claim", "name eq @claims.sub", "syntax", "for row policies only"},
		{"invalid UTF-8", "name eq '\xff'", "syntax", "not valid UTF-8"},
		{"NUL", "name eq 'é\x00'", "syntax", "at character 11: a NUL"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := query.Parse(tt.text, query.Names{Collection: c, Hidden: hidden}, query.MaxURLBytes)
			checkFault(t, err, tt.code, tt.detail)
		})
	}
}

func checkFault(t *testing.T, err error, code, detail string) {
	t.Helper()
	if err == nil {
		t.Fatalf("got no error, want %s: %s", code, detail)
	}
	got := fault.Of(err)
	if got.Kind != fault.Invalid || got.Code != code || !strings.Contains(got.Detail, detail) {
		t.Errorf("got %s %s: %s\nwant %s %s: … %s …", got.Kind, got.Code, got.Detail, fault.Invalid, code, detail)
	}
}

// What is hidden is in no hint, and the hint names what is near.
func TestUnknownFieldHint(t *testing.T) {
	c := querytest.Collection()
	hidden := make([]bool, len(c.Fields))
	for i := range c.Fields {
		hidden[i] = c.Fields[i].Name != "count" && c.Fields[i].Name != "ratio"
	}
	for text, want := range map[string]string{
		"cuont eq 1":  "did you mean count? the fields are count, ratio",
		"pricee gt 1": "the fields are count, ratio",
		"price gt 1":  "the fields are count, ratio",
	} {
		_, err := query.Parse(text, query.Names{Collection: c, Hidden: hidden}, query.MaxURLBytes)
		if got := fault.Of(err).Hint; got != want {
			t.Errorf("the hint for %q is %q, want %q", text, got, want)
		}
	}
	_, err := query.Parse("count = 1", query.Names{Collection: c}, query.MaxURLBytes)
	if got := fault.Of(err).Hint; !strings.HasPrefix(got, "did you mean eq?") {
		t.Errorf("the hint for = is %q, want eq", got)
	}
}

// Each limit holds to the unit.
func TestLimits(t *testing.T) {
	c := querytest.Collection()
	names := query.Names{Collection: c}
	repeat := func(n int, text, between string) string {
		return strings.TrimSuffix(strings.Repeat(text+between, n), between)
	}
	for _, tt := range []struct {
		name, code string
		text       func(n int) string
		most       int
	}{
		{"octets", "too-long", func(n int) string { return "flag" + strings.Repeat(" ", n-4) }, query.MaxBodyBytes},
		{"parentheses", "too-deep", func(n int) string { return strings.Repeat("(", n) + "flag" + strings.Repeat(")", n) }, query.MaxDepth},
		{"nots", "too-deep", func(n int) string { return strings.Repeat("not ", n) + "flag" }, query.MaxDepth},
		{"conditions", "too-many-nodes", func(n int) string { return repeat(n-1, "flag", " and ") }, query.MaxNodes},
		{"items", "too-many-items", func(n int) string { return "count in (" + repeat(n, "1", ",") + ")" }, query.MaxItems},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := query.Parse(tt.text(tt.most), names, query.MaxBodyBytes); err != nil {
				t.Errorf("%d: got %v, want no error", tt.most, err)
			}
			_, err := query.Parse(tt.text(tt.most+1), names, query.MaxBodyBytes)
			checkFault(t, err, tt.code, "")
		})
	}
}

func TestParseOrder(t *testing.T) {
	c := querytest.Collection()
	names := query.Names{Collection: c, Hidden: make([]bool, len(c.Fields))}
	hide, _ := c.Position("price")
	names.Hidden[hide] = true
	at := func(name string, desc bool) query.Key {
		position, ok := c.Position(name)
		if !ok {
			t.Fatalf("no field %s", name)
		}
		return query.Key{Field: position, Desc: desc}
	}
	for _, tt := range []struct {
		text string
		want []query.Key
	}{
		{"", []query.Key{at("id", false)}},
		{"id desc", []query.Key{at("id", true)}},
		{"count", []query.Key{at("count", false), at("id", false)}},
		{" count\tdesc ", []query.Key{at("count", true), at("id", true)}},
		{"count desc,name asc", []query.Key{at("count", true), at("name", false), at("id", false)}},
		{"count, id desc", []query.Key{at("count", false), at("id", true)}},
		{"id, count", []query.Key{at("id", false)}},
		{"null desc", []query.Key{at("null", true), at("id", true)}},
	} {
		got, err := query.ParseOrder(tt.text, names)
		if diff := cmp.Diff(tt.want, got); err != nil || diff != "" {
			t.Errorf("ParseOrder(%q): %v %s", tt.text, err, diff)
		}
	}
	for _, tt := range []struct{ text, code, detail string }{
		{"price", "unknown-field", "there is no field price"},
		{"name, coun", "unknown-field", `at character 7, near "coun": there is no field coun`},
		{"count,count desc", "syntax", "count is there twice"},
		{"id,nothing", "unknown-field", "nothing"},
		{"count up", "syntax", "asc or desc"},
		{"count,", "syntax", "at the end: a field is missing"},
		{"tags", "wrong-type", "has no order"},
		{"extra", "wrong-type", "has no order"},
	} {
		_, err := query.ParseOrder(tt.text, names)
		checkFault(t, err, tt.code, tt.detail)
	}
}

func TestParseSelect(t *testing.T) {
	c := querytest.Collection()
	names := query.Names{Collection: c, Hidden: make([]bool, len(c.Fields))}
	for i := range c.Fields {
		names.Hidden[i] = i > 3
	}
	for _, tt := range []struct {
		text string
		want []int
	}{
		{"", []int{0, 1, 2, 3}},
		{"ratio", []int{3}},
		{" ratio , flag", []int{0, 3}},
	} {
		got, err := query.ParseSelect(tt.text, names)
		if diff := cmp.Diff(tt.want, got); err != nil || diff != "" {
			t.Errorf("ParseSelect(%q): %v %s", tt.text, err, diff)
		}
	}
	for _, tt := range []struct{ text, code, detail string }{
		{"flag,flag", "syntax", "flag is there twice"},
		{"price", "unknown-field", "there is no field price"},
		{"flag,,count", "syntax", `at character 6`},
	} {
		_, err := query.ParseSelect(tt.text, names)
		checkFault(t, err, tt.code, tt.detail)
	}
}
