package record

import (
	"encoding/base64"
	"math"
	"strconv"
	"time"
	"unicode/utf8"
)

// An Encoder writes records of one projection as canonical JSON: an object
// with every field asked for, in the order given, null where there is no
// value, without white space. It is immutable and safe for concurrent use.
//
// A store writes a row from its driver's values: Key and the Append function of
// the field's type for each field in turn, then End.
type Encoder struct {
	keys []string // `{"asin":`, `,"title":`, …
}

// NewEncoder returns the encoder of the fields with the given names.
func NewEncoder(names []string) *Encoder {
	e := &Encoder{keys: make([]string, len(names))}
	for i, name := range names {
		lead := ","
		if i == 0 {
			lead = "{"
		}
		e.keys[i] = lead + string(AppendString(nil, name)) + ":"
	}
	return e
}

// Key appends what stands before the value of the i-th field.
func (e *Encoder) Key(dst []byte, i int) []byte { return append(dst, e.keys[i]...) }

// End appends what stands after the last value.
func (e *Encoder) End(dst []byte) []byte {
	if len(e.keys) == 0 {
		return append(dst, '{', '}')
	}
	return append(dst, '}')
}

// Append appends a whole record, whose values are in the order of the names.
func (e *Encoder) Append(dst []byte, values []Value) []byte {
	for i, v := range values {
		dst = AppendValue(e.Key(dst, i), v)
	}
	return e.End(dst)
}

// AppendValue appends v as canonical JSON.
func AppendValue(dst []byte, v Value) []byte {
	switch v.typ {
	case BoolType:
		return strconv.AppendBool(dst, v.AsBool())
	case IntType:
		return strconv.AppendInt(dst, v.num, 10)
	case FloatType:
		return AppendFloat(dst, v.AsFloat())
	case DecimalType:
		return AppendDecimal(dst, v.num, int(v.scale))
	case StringType:
		return AppendString(dst, v.str)
	case TimeType:
		return AppendMicros(dst, v.num)
	case BytesType:
		return AppendBytes(dst, v.str)
	case ListType:
		dst = append(dst, '[')
		for i, item := range v.list {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = AppendValue(dst, item)
		}
		return append(dst, ']')
	case JSONType:
		return append(dst, v.str...)
	}
	return append(dst, "null"...)
}

// AppendFloat appends the shortest decimal that reads back as f, in the form
// of ECMAScript's Number::toString. f must be finite.
func AppendFloat(dst []byte, f float64) []byte {
	if f == 0 {
		return append(dst, '0')
	}
	if abs := math.Abs(f); abs >= 1e-6 && abs < 1e21 {
		return strconv.AppendFloat(dst, f, 'f', -1, 64)
	}
	dst = strconv.AppendFloat(dst, f, 'e', -1, 64)
	if n := len(dst); dst[n-4] == 'e' && dst[n-2] == '0' { // e-09 is written e-9
		dst[n-2] = dst[n-1]
		dst = dst[:n-1]
	}
	return dst
}

// AppendDecimal appends unscaled × 10^-scale with exactly scale digits behind
// the point.
func AppendDecimal(dst []byte, unscaled int64, scale int) []byte {
	magnitude := uint64(unscaled)
	if unscaled < 0 {
		dst = append(dst, '-')
		magnitude = -magnitude
	}
	unit := uint64(pow10[scale])
	dst = strconv.AppendUint(dst, magnitude/unit, 10)
	if scale == 0 {
		return dst
	}
	dst = append(dst, '.')
	fraction := magnitude % unit
	for unit /= 10; unit > 0; unit /= 10 {
		dst = append(dst, byte('0'+fraction/unit%10))
	}
	return dst
}

// AppendMicros appends the instant as a string in RFC 3339, in UTC, with up to
// six digits of fraction and none of them a trailing zero.
func AppendMicros(dst []byte, micros int64) []byte {
	dst = append(dst, '"')
	// The zone is UTC and nothing is below a microsecond, so this layout, which
	// the standard library has a fast path for, writes just what we promise.
	dst = time.UnixMicro(micros).UTC().AppendFormat(dst, time.RFC3339Nano)
	return append(dst, '"')
}

// AppendBytes appends octets as a string in standard base64 with padding.
func AppendBytes(dst []byte, octets string) []byte {
	dst = append(dst, '"')
	dst = base64.StdEncoding.AppendEncode(dst, []byte(octets))
	return append(dst, '"')
}

const hexDigits = "0123456789abcdef"

// AppendString appends s as a JSON string that escapes only what must be: the
// quote, the backslash and controls. What is not UTF-8 becomes U+FFFD.
func AppendString[T ~string | ~[]byte](dst []byte, s T) []byte {
	dst = append(dst, '"')
	start := 0
	for i := 0; ; {
		i = passPlain(s, i)
		if i == len(s) {
			break
		}
		c := s[i]
		if c < utf8.RuneSelf {
			dst = append(dst, s[start:i]...)
			dst = appendEscape(dst, c)
			i++
			start = i
			continue
		}
		for i < len(s) && s[i] >= utf8.RuneSelf {
			r, size := utf8.DecodeRuneInString(string(s[i:min(i+utf8.UTFMax, len(s))]))
			if r == utf8.RuneError && size == 1 {
				dst = append(dst, s[start:i]...)
				dst = append(dst, "\uFFFD"...)
				start = i + 1
			}
			i += size
		}
	}
	dst = append(dst, s[start:]...)
	return append(dst, '"')
}

// passPlain returns the position, at or after i, of the first octet of s that
// is no plain part of a JSON string: a quote, a backslash, a control or beyond
// ASCII. It is len(s) if there is none.
func passPlain[T ~string | ~[]byte](s T, i int) int {
	const ones, highs = 0x0101010101010101, 0x8080808080808080
	for ; i+8 <= len(s); i += 8 {
		// Eight octets at once: the high bit of each is set, below, where it is
		// beyond ASCII or a subtraction borrows. A borrow may also mark the octet
		// after the right one, which the loop over single octets sorts out.
		w := uint64(s[i]) | uint64(s[i+1])<<8 | uint64(s[i+2])<<16 | uint64(s[i+3])<<24 |
			uint64(s[i+4])<<32 | uint64(s[i+5])<<40 | uint64(s[i+6])<<48 | uint64(s[i+7])<<56
		if (w|(w-ones*' ')|((w^ones*'"')-ones)|((w^ones*'\\')-ones))&highs != 0 {
			break
		}
	}
	for i < len(s) && s[i] >= ' ' && s[i] != '"' && s[i] != '\\' && s[i] < utf8.RuneSelf {
		i++
	}
	return i
}

func appendEscape(dst []byte, c byte) []byte {
	switch c {
	case '"', '\\':
		return append(dst, '\\', c)
	case '\n':
		return append(dst, '\\', 'n')
	case '\r':
		return append(dst, '\\', 'r')
	case '\t':
		return append(dst, '\\', 't')
	}
	return append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&0xf])
}
