package querytest

import (
	"math"
	"math/rand/v2"
	"time"
	"unicode/utf8"

	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/core/schema"
)

// The sets that values come from. In UTF-16, 😀 and 𝒳 come before U+FF21; in
// UTF-8 after it.
var (
	ints   = []int64{0, 1, 2, 3, -1, -2, 10, 1<<53 + 1, math.MinInt64, math.MaxInt64}
	floats = []float64{0, 0.5, -0.5, 1, 3, 0.1, 1e-7, -1e21, math.MaxFloat64, math.SmallestNonzeroFloat64}
	cents  = []int64{0, 1, -1, 100, 150, 199, -2500, 1000, 999_999_999_999_999_999, -999_999_999_999_999_999}
	texts  = []string{
		"", "a", "A", "b", "ab", "AB", "Ab", "a ", "a  ", " a", "a%b", "a_b", "%", "_", "it's", "''", `back\slash`, `\`,
		"😀", "𝒳", "\uFF21", "a😀b", "é", "e\u0301", "zebra", "10", "9", "null", "line\nbreak", "[a]", "a*b",
	}
	fragments = []string{"", "a", "A", "b", " ", "%", "_", "'", `\`, "😀", "𝒳", "e", "1", "[", "*", "\n"}
	instants  = []time.Time{
		time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC),
		time.Date(1969, 12, 31, 23, 59, 59, 999_999_000, time.UTC),
		time.Unix(0, 0).UTC(),
		time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC),
		time.Date(2026, 1, 1, 0, 0, 0, 1_000, time.UTC),
		time.Date(2026, 1, 1, 0, 0, 0, 100_000_000, time.UTC),
		time.Date(2026, 7, 1, 12, 30, 0, 0, time.UTC),
		time.Date(9999, 12, 31, 23, 59, 59, 999_999_000, time.UTC),
	}
	octets    = [][]byte{{}, {0}, {0xff}, {0, 0}, []byte("a"), []byte("a ")}
	documents = []string{`{}`, `[]`, `"x"`, `9007199254740993`, `{"a":{"b":[1,2.50]},"z":null}`, `true`}
)

// randomValue returns a random value that the field allows, as far as the sets
// hold any; else its lower bound.
func randomValue(rng *rand.Rand, f *schema.Field) record.Value {
	for range 20 {
		if v := anyValue(rng, f); allowed(f, v) {
			return v
		}
	}
	return f.Min
}

func allowed(f *schema.Field, v record.Value) bool {
	unscaled, _ := v.AsDecimal()
	switch {
	case v.Type() == record.DecimalType && math.Abs(float64(unscaled)) >= math.Pow10(f.Precision) && f.Precision < 18:
		return false
	case v.Type() == record.StringType && f.MaxLength > 0 && utf8.RuneCountInString(v.AsString()) > f.MaxLength:
		return false
	case !f.Min.IsNull() && record.Compare(v, f.Min) < 0:
		return false
	}
	return f.Max.IsNull() || record.Compare(v, f.Max) <= 0
}

func anyValue(rng *rand.Rand, f *schema.Field) record.Value {
	switch f.Type {
	case record.BoolType:
		return record.Bool(rng.IntN(2) == 0)
	case record.IntType:
		return record.Int(pick(rng, ints))
	case record.FloatType:
		return record.Float(pick(rng, floats))
	case record.DecimalType:
		return record.Decimal(pick(rng, cents), f.Scale)
	case record.TimeType:
		return record.Time(pick(rng, instants))
	case record.BytesType:
		return record.Bytes(pick(rng, octets))
	case record.JSONType:
		return record.JSON(pick(rng, documents))
	case record.ListType:
		item := schema.Field{Name: f.Name, Type: f.Items, Scale: f.Scale}
		list := make([]record.Value, rng.IntN(4))
		for i := range list {
			list[i] = anyValue(rng, &item)
		}
		return record.List(list)
	}
	if len(f.Enum) > 0 {
		return record.String(pick(rng, f.Enum))
	}
	return record.String(pick(rng, texts))
}

// idLetters make ids that differ in case only, or in what UTF-16 orders
// differently.
var idLetters = []rune("aAbBzZ059-_'~é😀𝒳\uFF21")

func randomID(rng *rand.Rand, t record.Type) record.Value {
	if t == record.IntType {
		return record.Int(1 + rng.Int64N(1<<uint(10+rng.IntN(53))))
	}
	id := make([]rune, 8)
	for i := range id {
		id[i] = pick(rng, idLetters)
	}
	return record.String(string(id))
}

func pick[T any](rng *rand.Rand, set []T) T { return set[rng.IntN(len(set))] }
