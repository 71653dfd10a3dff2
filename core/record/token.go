package record

import (
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// Number consumes a number and returns it as it is written.
func (r *Reader) Number() string {
	if !r.expect(NumberKind) {
		return ""
	}
	length := numberLength(r.text[r.pos:])
	if length == 0 {
		if r.at("-Infinity") {
			r.fail("not-finite", "NaN and Infinity are no numbers in JSON")
		} else {
			r.fail("malformed-json", "the number at octet %d is not written as JSON writes numbers", r.pos+1)
		}
		return ""
	}
	r.pos += length
	return r.text[r.pos-length : r.pos]
}

// numberLength returns the length of the JSON number that text begins with, 0
// if it begins with none. A digit cannot follow the number.
func numberLength(text string) int {
	i := 0
	if i < len(text) && text[i] == '-' {
		i++
	}
	integer := digits(text[i:])
	if integer == 0 || integer > 1 && text[i] == '0' {
		return 0
	}
	i += integer
	if i < len(text) && text[i] == '.' {
		fraction := digits(text[i+1:])
		if fraction == 0 {
			return 0
		}
		i += 1 + fraction
	}
	if i < len(text) && (text[i] == 'e' || text[i] == 'E') {
		i++
		if i < len(text) && (text[i] == '+' || text[i] == '-') {
			i++
		}
		exponent := digits(text[i:])
		if exponent == 0 {
			return 0
		}
		i += exponent
	}
	return i
}

// digits returns how many digits text begins with.
func digits(text string) int {
	n := 0
	for n < len(text) && '0' <= text[n] && text[n] <= '9' {
		n++
	}
	return n
}

// Text consumes a string and returns what it stands for.
func (r *Reader) Text() string {
	if !r.expect(StringKind) {
		return ""
	}
	return r.scanString()
}

// scanString consumes the string whose opening quote is next. One without
// escapes is returned as a part of the text.
func (r *Reader) scanString() string {
	begin, ascii := r.pos+1, true
	for i := passPlain(r.text, begin); i < len(r.text); i = passPlain(r.text, i) {
		switch c := r.text[i]; {
		case c == '"':
			s := r.text[begin:i]
			if !ascii && !utf8.ValidString(s) {
				r.fail("invalid-utf8", "a string is not valid UTF-8")
				return ""
			}
			r.pos = i + 1
			return s
		case c == '\\':
			return r.unescape(begin, i)
		case c < ' ':
			r.failControl(c, i)
			return ""
		}
		ascii = false
		for i < len(r.text) && r.text[i] >= utf8.RuneSelf {
			i++
		}
	}
	r.fail("malformed-json", "the text ends inside a string")
	return ""
}

// unescape consumes the string that begins at begin, whose first escape is at i.
func (r *Reader) unescape(begin, i int) string {
	var out strings.Builder
	out.Grow(i - begin + 32)
	out.WriteString(r.text[begin:i])
	plain := i
	for i < len(r.text) {
		switch c := r.text[i]; {
		case c == '"':
			out.WriteString(r.text[plain:i])
			s := out.String()
			if !utf8.ValidString(s) {
				r.fail("invalid-utf8", "a string is not valid UTF-8")
				return ""
			}
			r.pos = i + 1
			return s
		case c == '\\':
			out.WriteString(r.text[plain:i])
			char, length := r.escape(i)
			if length == 0 {
				return ""
			}
			out.WriteRune(char)
			i += length
			plain = i
		case c < ' ':
			r.failControl(c, i)
			return ""
		default:
			i++
		}
	}
	r.fail("malformed-json", "the text ends inside a string")
	return ""
}

// escape returns what the escape at i stands for and how long it is, 0 if it
// is wrong.
func (r *Reader) escape(i int) (char rune, length int) {
	if i+1 == len(r.text) {
		r.fail("malformed-json", "the text ends inside a string")
		return 0, 0
	}
	switch c := r.text[i+1]; c {
	case '"', '\\', '/':
		return rune(c), 2
	case 'b':
		return '\b', 2
	case 'f':
		return '\f', 2
	case 'n':
		return '\n', 2
	case 'r':
		return '\r', 2
	case 't':
		return '\t', 2
	case 'u':
		return r.escapedUnit(i)
	}
	r.fail("malformed-json", "the escape at octet %d is none of JSON's", i+1)
	return 0, 0
}

// escapedUnit returns the character that \uXXXX at i stands for, or the pair
// of surrogates that begins there.
func (r *Reader) escapedUnit(i int) (char rune, length int) {
	unit, ok := r.unit(i)
	switch {
	case !ok:
		r.fail("malformed-json", "the escape at octet %d has not four hexadecimal digits", i+1)
		return 0, 0
	case unit == 0:
		r.fail("nul-character", "a string holds the NUL character, which no store keeps")
		return 0, 0
	case !utf16.IsSurrogate(unit):
		return unit, 6
	}
	if low, ok := r.unit(i + 6); ok {
		if pair := utf16.DecodeRune(unit, low); pair != utf8.RuneError {
			return pair, 12
		}
	}
	r.fail("lone-surrogate", "the escape at octet %d is half of a surrogate pair", i+1)
	return 0, 0
}

// unit returns the code unit of the escape \uXXXX at i, if there is one.
func (r *Reader) unit(i int) (rune, bool) {
	if i+6 > len(r.text) || r.text[i] != '\\' || r.text[i+1] != 'u' {
		return 0, false
	}
	unit, err := strconv.ParseUint(r.text[i+2:i+6], 16, 16)
	return rune(unit), err == nil
}

func (r *Reader) failControl(c byte, i int) {
	if c == 0 {
		r.fail("nul-character", "a string holds the NUL character, which no store keeps")
		return
	}
	r.fail("malformed-json", "the control character at octet %d of the text is not escaped", i+1)
}
