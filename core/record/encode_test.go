package record_test

import (
	"bytes"
	"encoding/json"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/portolan-io/portolan/core/record"
)

func TestAppendValue(t *testing.T) {
	tests := []struct {
		name  string
		value record.Value
		want  string
	}{
		{"null", record.Null, `null`},
		{"true", record.Bool(true), `true`},
		{"false", record.Bool(false), `false`},
		{"int beyond 2^53", record.Int(1<<53 + 1), `9007199254740993`},
		{"least int", record.Int(math.MinInt64), `-9223372036854775808`},
		{"float without fraction", record.Float(3), `3`},
		{"negative zero", record.Float(math.Copysign(0, -1)), `0`},
		{"small float", record.Float(1e-7), `1e-7`},
		{"large float", record.Float(1e21), `1e+21`},
		{"decimal pads its fraction", record.Decimal(5, 2), `0.05`},
		{"negative decimal", record.Decimal(-5, 2), `-0.05`},
		{"decimal without scale", record.Decimal(-7, 0), `-7`},
		{"least decimal", record.Decimal(math.MinInt64, 18), `-9.223372036854775808`},
		{"largest decimal", record.Decimal(math.MaxInt64, 18), `9.223372036854775807`},
		{"string", record.String("a\"\\/\n\r\t\x01\x1f\u2028<😀"), `"a\"\\/\n\r\t\u0001\u001f` + "\u2028" + `<😀"`},
		{"string that is not UTF-8", record.String("a\xffb\xe2\x82"), "\"a\uFFFDb\uFFFD\uFFFD\""},
		{"time", record.Micros(0), `"1970-01-01T00:00:00Z"`},
		{"time with fraction", record.Micros(1_500_000), `"1970-01-01T00:00:01.5Z"`},
		{"first time", record.Time(time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC)), `"0001-01-01T00:00:00Z"`},
		{"last time", record.Time(time.Date(9999, 12, 31, 23, 59, 59, 999999999, time.UTC)), `"9999-12-31T23:59:59.999999Z"`},
		{"bytes", record.Bytes([]byte{0, 1, 255, 254}), `"AAH//g=="`},
		{"no bytes", record.Bytes(nil), `""`},
		{"empty list", record.List(nil), `[]`},
		{"list", record.List([]record.Value{record.String("a"), record.Null, record.Int(1)}), `["a",null,1]`},
		{"json", record.JSON(`{"a":1.0}`), `{"a":1.0}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := string(record.AppendValue([]byte("x"), tt.value)); got != "x"+tt.want {
				t.Errorf("got %s, want x%s", got, tt.want)
			}
		})
	}
}

func TestEncoder(t *testing.T) {
	e := record.NewEncoder([]string{"a", `b"`})
	want := `{"a":1,"b\"":null}`
	if got := string(e.Append(nil, []record.Value{record.Int(1), record.Null})); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	byHand := record.AppendString(e.Key(record.AppendFloat(e.Key(nil, 0), 0.5), 1), []byte("x"))
	if got, want := string(e.End(byHand)), `{"a":0.5,"b\"":"x"}`; got != want {
		t.Errorf("by hand: got %s, want %s", got, want)
	}
	if got := string(record.NewEncoder(nil).Append(nil, nil)); got != `{}` {
		t.Errorf("without fields: got %s, want {}", got)
	}
}

func TestAppendFloatAgreesWithEncodingJSON(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	check := func(f float64) {
		want, err := json.Marshal(f)
		if err != nil {
			t.Fatal(err)
		}
		if f == 0 {
			want = []byte("0") // ours has no negative zero
		}
		if got := record.AppendFloat(nil, f); !bytes.Equal(got, want) {
			t.Fatalf("AppendFloat(%b): got %s, want %s", f, got, want)
		}
	}
	for _, f := range []float64{0, math.Copysign(0, -1), 1e-6, 9.999e-7, 1e20, 1e21, 1e-9, 1e-10, 1e100, math.MaxFloat64, math.SmallestNonzeroFloat64} {
		check(f)
		check(-f)
	}
	for range 100_000 {
		f := math.Float64frombits(rng.Uint64())
		if !math.IsNaN(f) && !math.IsInf(f, 0) {
			check(f)
		}
		check(rng.NormFloat64() * math.Pow(10, float64(rng.IntN(48)-24)))
	}
}

func TestAppendStringAgreesWithEncodingJSON(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	alphabet := []string{"a", "z", " ", `"`, `\`, "/", "\n", "\r", "\t", "\b", "\x00", "\x1f", "\x7f", "<", "&", "é", "\u2028", "\uFFFD", "𝒳", "😀", "\xff", "\xed\xa0\x80"}
	for range 20_000 {
		var b strings.Builder
		for range rng.IntN(12) {
			b.WriteString(alphabet[rng.IntN(len(alphabet))])
		}
		s := b.String()
		var got string
		encoded := record.AppendString(nil, s)
		if !utf8.Valid(encoded) {
			t.Fatalf("AppendString(%q): got %q, which is not UTF-8", s, encoded)
		}
		if err := json.Unmarshal(encoded, &got); err != nil {
			t.Fatalf("AppendString(%q): got %s, which encoding/json refuses: %v", s, encoded, err)
		}
		var theirs bytes.Buffer
		enc := json.NewEncoder(&theirs)
		enc.SetEscapeHTML(false)
		var want string
		if err := enc.Encode(s); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(theirs.Bytes(), &want); err != nil {
			t.Fatal(err)
		}
		if got != want {
			t.Fatalf("AppendString(%q) reads back as %q, want %q", s, got, want)
		}
		if again := record.AppendString(nil, []byte(s)); !bytes.Equal(again, encoded) {
			t.Fatalf("AppendString of octets %q: got %s, want %s", s, again, encoded)
		}
	}
}

func TestEncodingDoesNotAllocate(t *testing.T) {
	dst := make([]byte, 0, 4096)
	e, values := product()
	text := []byte("Echo “Dot” 😀 \n")
	if got := testing.AllocsPerRun(100, func() { dst = record.AppendString(dst[:0], text) }); got != 0 {
		t.Errorf("AppendString: got %v allocations, want 0", got)
	}
	if got := testing.AllocsPerRun(100, func() { dst = e.Append(dst[:0], values) }); got != 0 {
		t.Errorf("Encoder.Append: got %v allocations, want 0", got)
	}
}

// product returns a record of the catalogue and its encoder.
func product() (*record.Encoder, []record.Value) {
	names := []string{"asin", "title", "imgUrl", "productURL", "stars", "reviews", "price", "category_id", "isBestSeller", "created", "photo"}
	values := []record.Value{
		record.String("B07XJ8C8F5"),
		record.String("Echo Dot (4th Gen, 2020 release) | Smart speaker with Alexa — “Charcoal”, with a longer title than most of them have"),
		record.String("https://m.media-example.com/images/I/714Rq4k05UL._AC_UL320_.jpg"),
		record.String("https://www.example.com/dp/B07XJ8C8F5"),
		record.Float(4.7), record.Int(128_374), record.Decimal(4999, 2), record.Int(71), record.Bool(true),
		record.Micros(1_769_860_800_000_000), record.Bytes([]byte("0123456789")),
	}
	return record.NewEncoder(names), values
}

func BenchmarkEncoder(b *testing.B) {
	e, values := product()
	dst := make([]byte, 0, 4096)
	b.SetBytes(int64(len(e.Append(dst, values))))
	b.ReportAllocs()
	for b.Loop() {
		dst = e.Append(dst[:0], values)
	}
}

func BenchmarkAppendString(b *testing.B) {
	for name, text := range map[string]string{
		"ascii":   strings.Repeat("The quick brown fox. ", 5),
		"unicode": strings.Repeat("Größe “XL” 😀 ", 6),
		"escapes": strings.Repeat("a \"word\"\n", 10),
	} {
		b.Run(name, func(b *testing.B) {
			octets, dst := []byte(text), make([]byte, 0, 1024)
			b.SetBytes(int64(len(octets)))
			b.ReportAllocs()
			for b.Loop() {
				dst = record.AppendString(dst[:0], octets)
			}
		})
	}
}
