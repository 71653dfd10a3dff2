package record

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"time"
)

// A Type is the type of a field and of the values in it.
type Type uint8

// The types. NullType is the type of the null value alone, never of a field.
const (
	NullType Type = iota
	BoolType
	IntType
	FloatType
	DecimalType
	StringType
	TimeType
	BytesType
	ListType
	JSONType
)

var typeNames = [...]string{"null", "bool", "int", "float", "decimal", "string", "time", "bytes", "list", "json"}

// String returns the name of t as configurations write it.
func (t Type) String() string { return typeNames[t] }

// TypeOf returns the field type of the given name, "int" or "json".
func TypeOf(name string) (Type, bool) {
	i := slices.Index(typeNames[1:], name)
	return Type(i + 1), i >= 0
}

// A Value is one typed value. The zero Value is null. Values are immutable and
// may be shared between goroutines.
type Value struct {
	typ   Type
	scale uint8   // of a decimal: digits behind the point
	num   int64   // bool, int, float (its bits), decimal (unscaled), time (microseconds since 1970)
	str   string  // string, bytes, json (canonical text)
	list  []Value // list
}

// Null is the null value.
var Null Value

// Bool returns a bool value.
func Bool(b bool) Value {
	if b {
		return Value{typ: BoolType, num: 1}
	}
	return Value{typ: BoolType}
}

// Int returns an int value.
func Int(n int64) Value { return Value{typ: IntType, num: n} }

// Float returns a float value. A negative zero becomes zero; f must be finite.
func Float(f float64) Value {
	if f == 0 {
		f = 0 // drops the sign of -0
	}
	return Value{typ: FloatType, num: int64(math.Float64bits(f))}
}

// Decimal returns the decimal unscaled × 10^-scale; scale is 0 to 18.
func Decimal(unscaled int64, scale int) Value {
	return Value{typ: DecimalType, num: unscaled, scale: uint8(scale)}
}

// String returns a string value.
func String(s string) Value { return Value{typ: StringType, str: s} }

// Time returns a time value, in UTC and truncated to the microsecond, which is
// what survives every engine.
func Time(t time.Time) Value { return Micros(t.UnixMicro()) }

// Micros returns the time value n microseconds after 1970 in UTC.
func Micros(n int64) Value { return Value{typ: TimeType, num: n} }

// Bytes returns a bytes value holding a copy of b.
func Bytes(b []byte) Value { return Value{typ: BytesType, str: string(b)} }

// List returns a list value. It keeps list, which must not change any more.
func List(list []Value) Value { return Value{typ: ListType, list: list} }

// JSON returns a json value of text that is already canonical, see [Canonical].
func JSON(canonical string) Value { return Value{typ: JSONType, str: canonical} }

// Type returns the type of v, NullType for null.
func (v Value) Type() Type { return v.typ }

// IsNull reports whether v is null.
func (v Value) IsNull() bool { return v.typ == NullType }

// AsBool returns the bool that v holds.
func (v Value) AsBool() bool { return v.num != 0 }

// AsInt returns the int that v holds.
func (v Value) AsInt() int64 { return v.num }

// AsFloat returns the float that v holds.
func (v Value) AsFloat() float64 { return math.Float64frombits(uint64(v.num)) }

// AsDecimal returns the unscaled integer and the scale of the decimal that v holds.
func (v Value) AsDecimal() (unscaled int64, scale int) { return v.num, int(v.scale) }

// AsMicros returns the time that v holds in microseconds since 1970.
func (v Value) AsMicros() int64 { return v.num }

// AsTime returns the time that v holds, in UTC.
func (v Value) AsTime() time.Time { return time.UnixMicro(v.num).UTC() }

// AsString returns the text that v holds: of a string, the octets of bytes,
// or canonical json.
func (v Value) AsString() string { return v.str }

// AsList returns the list that v holds, which must not be changed.
func (v Value) AsList() []Value { return v.list }

// Compare orders a and b: null before everything, bools false first, numbers
// by value, strings, bytes and json by their octets, times by instant, lists
// item by item. Values of one field have one type; values of different types
// are ordered by type, ints, floats and decimals not mixing.
func Compare(a, b Value) int {
	if a.typ != b.typ {
		return cmp.Compare(a.typ, b.typ)
	}
	switch a.typ {
	case FloatType:
		return cmp.Compare(a.AsFloat(), b.AsFloat())
	case DecimalType:
		return compareDecimals(a, b)
	case StringType, BytesType, JSONType:
		return strings.Compare(a.str, b.str)
	case ListType:
		return slices.CompareFunc(a.list, b.list, Compare)
	}
	return cmp.Compare(a.num, b.num)
}

// Equal reports whether a and b are the same value; null equals null alone.
func Equal(a, b Value) bool { return a.typ == b.typ && Compare(a, b) == 0 }

// compareDecimals compares exactly, also where the scales differ: integer
// parts first, then fractions brought to one scale, which cannot overflow.
func compareDecimals(a, b Value) int {
	if a.scale == b.scale {
		return cmp.Compare(a.num, b.num)
	}
	pa, pb := pow10[a.scale], pow10[b.scale]
	if c := cmp.Compare(a.num/pa, b.num/pb); c != 0 {
		return c
	}
	scale := max(a.scale, b.scale)
	return cmp.Compare(a.num%pa*pow10[scale-a.scale], b.num%pb*pow10[scale-b.scale])
}

// pow10 holds the powers of ten that fit an int64.
var pow10 = func() (powers [19]int64) {
	powers[0] = 1
	for i := 1; i < len(powers); i++ {
		powers[i] = powers[i-1] * 10
	}
	return powers
}()
