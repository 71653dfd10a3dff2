package record_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/record"
)

func nested(depth int) string {
	return strings.Repeat("[", depth) + strings.Repeat("]", depth)
}

func array(items int) string {
	return "[" + strings.Repeat("0,", items-1) + "0]"
}

func TestCanonical(t *testing.T) {
	tests := []struct {
		name, text, want string
	}{
		{"literals", " [ true , false,null ] ", `[true,false,null]`},
		{"keys by octets", `{"b":1, "a":{"d":1,"c":2}, "é":0, "B":3, "":4}`, `{"":4,"B":3,"a":{"c":2,"d":1},"b":1,"é":0}`},
		{"keys that sort by their meaning", `{"\u0062":1,"a":2}`, `{"a":2,"b":1}`},
		{"numbers as written", `[9007199254740993, 1.0, -0, 1E+2, 0.10]`, `[9007199254740993,1.0,-0,1E+2,0.10]`},
		{"escapes that need not be", `"\u0041\/\u00e9\ud83d\ude00\b\f"`, `"A/é😀\u0008\u000c"`},
		{"escapes that must be", `"\"\\\n\r\t\u001f"`, `"\"\\\n\r\t\u001f"`},
		{"U+FFFD itself", "\"\uFFFD\"", "\"\uFFFD\""},
		{"as deep as may be", nested(64), nested(64)},
		{"as many members as may be", array(10_000), array(10_000)},
		{"empty", `{ }`, `{}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := record.Canonical([]byte(tt.text))
			if err != nil || got != tt.want {
				t.Fatalf("got %s, %v, want %s", got, err, tt.want)
			}
			if again, err := record.Canonical([]byte(got)); err != nil || again != got {
				t.Errorf("of its own result: got %s, %v, want %s", again, err, got)
			}
		})
	}
}

func TestCanonicalRefuses(t *testing.T) {
	tests := []struct {
		name, text, code, pointer string
	}{
		{"nothing", ``, "malformed-json", ""},
		{"white space alone", " \n", "malformed-json", ""},
		{"a word", `nul`, "malformed-json", ""},
		{"a byte order mark", "\uFEFF{}", "malformed-json", ""},
		{"an open object", `{"a":1`, "malformed-json", "/a"},
		{"an open string", `"a`, "malformed-json", ""},
		{"an open escape", `"a\`, "malformed-json", ""},
		{"a trailing comma", `[1,]`, "malformed-json", "/1"},
		{"a trailing comma in an object", `{"a":1,}`, "malformed-json", "/a"},
		{"no comma", `[1 2]`, "malformed-json", "/0"},
		{"no colon", `{"a" 1}`, "malformed-json", "/a"},
		{"a key without quotes", `{a:1}`, "malformed-json", ""},
		{"quotes of the wrong kind", `['a']`, "malformed-json", "/0"},
		{"a comment", `[/*a*/]`, "malformed-json", "/0"},
		{"an unknown escape", `"\x41"`, "malformed-json", ""},
		{"an escape of three digits", `"\u004"`, "malformed-json", ""},
		{"an escape with a sign", `"\u+041"`, "malformed-json", ""},
		{"a raw control", "\"a\nb\"", "malformed-json", ""},
		{"a raw control behind an escape", "\"\\t\x01\"", "malformed-json", ""},
		{"a leading zero", `01`, "malformed-json", ""},
		{"a leading plus", `+1`, "malformed-json", ""},
		{"no digits before the point", `.5`, "malformed-json", ""},
		{"no digits behind the point", `1.`, "malformed-json", ""},
		{"no exponent", `1e`, "malformed-json", ""},
		{"a sign alone", `-`, "malformed-json", ""},
		{"hexadecimal", `0x1`, "trailing-data", ""},
		{"trailing data", `{} {}`, "trailing-data", ""},
		{"a trailing bracket", `[]]`, "trailing-data", ""},
		{"a duplicate key", `{"a":{"b":1,"c":2,"b":3}}`, "duplicate-key", "/a/b"},
		{"a duplicate key by escapes", `{"a/~":1,"\u0061/~":2}`, "duplicate-key", "/a~1~0"},
		{"a duplicate key among the sorted", `{"a":1,"a":2}`, "duplicate-key", "/a"},
		{"invalid UTF-8", "{\"a\":[0,\"\xff\"]}", "invalid-utf8", "/a/1"},
		{"a surrogate in UTF-8", "\"\xed\xa0\x80\"", "invalid-utf8", ""},
		{"an overlong form", "\"\xc0\xaf\"", "invalid-utf8", ""},
		{"invalid UTF-8 behind an escape", "\"\\n\xff\"", "invalid-utf8", ""},
		{"invalid UTF-8 in a key", "{\"a\":1,\"\xff\":1}", "invalid-utf8", ""},
		{"a lone high surrogate", `["\ud83d"]`, "lone-surrogate", "/0"},
		{"a lone low surrogate", `"\ude00"`, "lone-surrogate", ""},
		{"surrogates the wrong way round", `"\ude00\ud83d"`, "lone-surrogate", ""},
		{"a high surrogate before a letter", `"\ud83d\u0041"`, "lone-surrogate", ""},
		{"a lone surrogate in a key", `{"\ud83d":1}`, "lone-surrogate", ""},
		{"an escaped NUL", `{"a":"\u0000"}`, "nul-character", "/a"},
		{"a raw NUL", "{\"a\":\"\x00\"}", "nul-character", "/a"},
		{"NaN", `{"a":NaN}`, "not-finite", "/a"},
		{"Infinity", `[Infinity]`, "not-finite", "/0"},
		{"-Infinity", `[-Infinity]`, "not-finite", "/0"},
		{"one too deep", nested(65), "too-deep", strings.Repeat("/0", 64)},
		{"one member too many", array(10_001), "too-many-members", "/10000"},
		{"too many members in several objects", `[` + array(5_000) + `,` + array(4_999) + `]`, "too-many-members", "/1/4998"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := record.Canonical([]byte(tt.text))
			refused := fault.Of(err)
			if refused == nil {
				t.Fatalf("got %s, want an error", got)
			}
			if refused.Kind != fault.Invalid || refused.Code != tt.code {
				t.Errorf("got %v with code %q, want %q", err, refused.Code, tt.code)
			}
			if len(refused.Places) != 1 || refused.Places[0].Pointer != tt.pointer || refused.Places[0].Code != tt.code {
				t.Errorf("places: got %+v, want one at %q", refused.Places, tt.pointer)
			}
		})
	}
}

func TestReaderByHand(t *testing.T) {
	r := record.NewReader([]byte(`{"a":[1,{"x":null}],"b":"é","c":true}`))
	var pointers []string
	note := func() { pointers = append(pointers, r.Pointer()) }
	note()
	r.EnterObject()
	for key, ok := r.NextMember(); ok; key, ok = r.NextMember() {
		note()
		switch key {
		case "a":
			r.EnterArray()
			for r.NextItem() {
				note()
				r.Skip()
			}
		case "b":
			if got := r.Text(); got != "é" {
				t.Errorf("Text: got %q, want é", got)
			}
		default:
			if !r.Bool() {
				t.Error("Bool: got false, want true")
			}
		}
	}
	note()
	if err := r.End(); err != nil {
		t.Fatal(err)
	}
	if got, want := strings.Join(pointers, " "), " /a /a/0 /a/1 /b /c "; got != want {
		t.Errorf("pointers: got %q, want %q", got, want)
	}
}

func TestReaderStopsAtTheFirstMistake(t *testing.T) {
	r := record.NewReader([]byte(`"text"`))
	if got := r.Number(); got != "" || fault.Of(r.Err()).Code != "wrong-type" {
		t.Fatalf("Number of a string: got %q, %v, want the code wrong-type", got, r.Err())
	}
	r.EnterObject()
	_, member := r.NextMember()
	if r.Peek() != 0 || r.Bool() || r.Text() != "" || member || r.NextItem() {
		t.Error("something was read after a mistake")
	}
	if fault.Of(r.End()).Code != "wrong-type" {
		t.Errorf("End: got %v, want the first mistake", r.End())
	}
}

func TestMergePatch(t *testing.T) {
	// The test cases of RFC 7396, appendix A, in canonical text.
	tests := []struct{ target, patch, want string }{
		{`{"a":"b"}`, `{"a":"c"}`, `{"a":"c"}`},
		{`{"a":"b"}`, `{"b":"c"}`, `{"a":"b","b":"c"}`},
		{`{"a":"b"}`, `{"a":null}`, `{}`},
		{`{"a":"b","b":"c"}`, `{"a":null}`, `{"b":"c"}`},
		{`{"a":["b"]}`, `{"a":"c"}`, `{"a":"c"}`},
		{`{"a":"c"}`, `{"a":["b"]}`, `{"a":["b"]}`},
		{`{"a":{"b":"c"}}`, `{"a":{"b":"d","c":null}}`, `{"a":{"b":"d"}}`},
		{`{"a":{"b":1,"c":2}}`, `{"a":{"b":3}}`, `{"a":{"b":3,"c":2}}`},
		{`{"a":[{"b":"c"}]}`, `{"a":[1]}`, `{"a":[1]}`},
		{`["a","b"]`, `["c","d"]`, `["c","d"]`},
		{`{"a":"b"}`, `["c"]`, `["c"]`},
		{`{"a":"foo"}`, `null`, `null`},
		{`{"a":"foo"}`, `"bar"`, `"bar"`},
		{`{"e":null}`, `{"a":1}`, `{"a":1,"e":null}`},
		{`[1,2]`, `{"a":"b","c":null}`, `{"a":"b"}`},
		{`{}`, `{"a":{"bb":{"ccc":null}}}`, `{"a":{"bb":{}}}`},
		{``, `{"a":1,"b":null}`, `{"a":1}`},
		{`{"b":1,"d":2}`, `{"a":0,"c":[null],"e":3}`, `{"a":0,"b":1,"c":[null],"d":2,"e":3}`},
	}
	for _, tt := range tests {
		if got, err := record.MergePatch(tt.target, tt.patch); err != nil || got != tt.want {
			t.Errorf("MergePatch(%s, %s): got %s, %v, want %s", tt.target, tt.patch, got, err, tt.want)
		}
	}
	_, err := record.MergePatch(`{"a":`+array(9_000)+`}`, `{"b":`+array(9_000)+`}`)
	if fault.Of(err) == nil || fault.Of(err).Code != "too-many-members" {
		t.Errorf("a result of 18002 members: got %v, want the code too-many-members", err)
	}
}

func TestParseScaled(t *testing.T) {
	tests := []struct {
		text  string
		scale int
		want  int64
		fit   record.Fit
	}{
		{"0", 0, 0, record.Fits},
		{"-0", 0, 0, record.Fits},
		{"-0.000e99", 0, 0, record.Fits},
		{"9007199254740993", 0, 1<<53 + 1, record.Fits},
		{"1e3", 0, 1000, record.Fits},
		{"10.0", 0, 10, record.Fits},
		{"1.50e1", 0, 15, record.Fits},
		{"100E-2", 0, 1, record.Fits},
		{"1.5", 0, 0, record.TooFine},
		{"1e-1", 0, 0, record.TooFine},
		{"1e-99999999999999999999", 18, 0, record.TooFine},
		{"9223372036854775807", 0, 1<<63 - 1, record.Fits},
		{"9223372036854775808", 0, 0, record.TooLarge},
		{"-9223372036854775808", 0, -1 << 63, record.Fits},
		{"-9223372036854775809", 0, 0, record.TooLarge},
		{"18446744073709551616", 0, 0, record.TooLarge},
		{"1e19", 0, 0, record.TooLarge},
		{"1e99999999999999999999", 0, 0, record.TooLarge},
		{"12.34", 2, 1234, record.Fits},
		{"-12.3", 2, -1230, record.Fits},
		{"12.340", 2, 1234, record.Fits},
		{"12.345", 2, 0, record.TooFine},
		{"0.000000000000000001", 18, 1, record.Fits},
		{"90071992547409.93", 2, 1<<53 + 1, record.Fits},
		{"10", 18, 0, record.TooLarge},
		{"", 0, 0, record.NoNumber},
		{"1 ", 0, 0, record.NoNumber},
		{"+1", 0, 0, record.NoNumber},
		{"01", 0, 0, record.NoNumber},
		{"0x1", 0, 0, record.NoNumber},
		{"1_000", 0, 0, record.NoNumber},
		{"Inf", 0, 0, record.NoNumber},
	}
	for _, tt := range tests {
		if got, fit := record.ParseScaled(tt.text, tt.scale); got != tt.want || fit != tt.fit {
			t.Errorf("ParseScaled(%q, %d): got %d, %d, want %d, %d", tt.text, tt.scale, got, fit, tt.want, tt.fit)
		}
	}
}

func FuzzReader(f *testing.F) {
	for _, seed := range []string{
		`{"b":[1,2.50,-0,1e9,null,true,false],"a":{"\u0061":"\ud83d\ude00\n"}}`, `{"a":1,"a":2}`, "\"\xff\"", `"\ud800"`,
		`[NaN]`, nested(65), ` "\u0000" `, `[1,]`, `{"z":{},"y":[],"x":""}`, `1 2`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		got, err := record.Canonical(text)
		if err != nil {
			if len(fault.Of(err).Places) != 1 {
				t.Fatalf("Canonical(%q): got %v, want one place", text, err)
			}
			return
		}
		if !json.Valid(text) || !json.Valid([]byte(got)) {
			t.Fatalf("Canonical(%q) is %q, and encoding/json refuses one of them", text, got)
		}
		if again, err := record.Canonical([]byte(got)); err != nil || again != got {
			t.Fatalf("Canonical(%q): got %q, %v, want itself", got, again, err)
		}
		sameMeaning(t, text, []byte(got))
	})
}

// sameMeaning fails unless encoding/json reads a and b alike, numbers as written.
func sameMeaning(t *testing.T, a, b []byte) {
	t.Helper()
	var first, second any
	for _, one := range []struct {
		text []byte
		into *any
	}{{a, &first}, {b, &second}} {
		d := json.NewDecoder(strings.NewReader(string(one.text)))
		d.UseNumber()
		if err := d.Decode(one.into); err != nil {
			t.Fatalf("encoding/json refuses %q: %v", one.text, err)
		}
	}
	x, _ := json.Marshal(first)
	y, _ := json.Marshal(second)
	if string(x) != string(y) {
		t.Fatalf("%q means %s, but its canonical text %s", a, x, y)
	}
}

func BenchmarkCanonical(b *testing.B) {
	e, values := product()
	text := e.Append(nil, values)
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := record.Canonical(text); err != nil {
			b.Fatal(err)
		}
	}
}
