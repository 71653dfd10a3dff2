package query

import (
	"encoding/base64"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/core/schema"
)

// literal returns the value of type t that the node writes for field f, or a
// phrase that says what it should be.
func literal(n Node, f *schema.Field, t record.Type) (v record.Value, needs string) {
	if n.Kind == WordNode {
		if n.Text == "null" {
			return record.Null, ""
		}
		if t == record.BoolType {
			return record.Bool(n.Text == "true"), ""
		}
	}
	quoted := n.Kind == StringNode
	var ok bool
	switch t {
	case record.IntType:
		v, ok = intLiteral(n.Text)
		ok = ok && n.Kind == NumberNode
	case record.FloatType:
		v, ok = floatLiteral(n.Text)
		ok = ok && n.Kind == NumberNode
	case record.DecimalType:
		v, ok = decimalLiteral(n.Text, f.Scale)
		ok = ok && n.Kind == NumberNode
	case record.StringType:
		v, ok = record.String(n.Text), quoted
	case record.TimeType:
		v, ok = timeLiteral(n.Text)
		ok = ok && (quoted || n.Kind == TimeNode)
	case record.BytesType:
		octets, err := base64.StdEncoding.DecodeString(n.Text)
		v, ok = record.Bytes(octets), err == nil && quoted
	}
	if !ok {
		return record.Null, wanted(f, t)
	}
	return v, ""
}

// wanted describes the literals of type t.
func wanted(f *schema.Field, t record.Type) string {
	switch t {
	case record.BoolType:
		return "true or false"
	case record.IntType:
		return "a whole number of 64 bits, without point, exponent or quotes"
	case record.FloatType:
		return "a finite number, without quotes"
	case record.DecimalType:
		return "a number of at most " + strconv.Itoa(maxDigits) + " digits, at most " + strconv.Itoa(f.Scale) + " of them behind the point, without quotes"
	case record.TimeType:
		return "a time in RFC 3339 such as 2026-01-31T12:00:00Z"
	case record.BytesType:
		return "base64 in single quotes"
	}
	return "a text in single quotes"
}

func intLiteral(text string) (record.Value, bool) {
	n, err := strconv.ParseInt(text, 10, 64)
	return record.Int(n), err == nil
}

func floatLiteral(text string) (record.Value, bool) {
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsInf(f, 0) || math.IsNaN(f) {
		return record.Null, false
	}
	return record.Float(f), true
}

// maxDigits is the greatest precision of a decimal.
const maxDigits = 18

// decimalLiteral reads a number in JSON's grammar exactly, whatever its form:
// 1.5, 15e-1. It refuses more digits than the scale or an int64 can hold.
func decimalLiteral(text string, scale int) (record.Value, bool) {
	if !isNumber(text) {
		return record.Null, false
	}
	digits, negative := strings.CutPrefix(text, "-")
	exponent := 0
	if e := strings.IndexAny(digits, "eE"); e >= 0 {
		var err error
		if exponent, err = strconv.Atoi(digits[e+1:]); err != nil {
			return record.Null, false
		}
		digits = digits[:e]
	}
	whole, fraction, _ := strings.Cut(digits, ".")
	digits = strings.TrimLeft(whole+fraction, "0")
	exponent += scale - len(fraction)
	trimmed := strings.TrimRight(digits, "0")
	exponent += len(digits) - len(trimmed)
	if trimmed == "" {
		return record.Decimal(0, scale), true
	}
	if exponent < 0 || exponent > maxDigits || len(trimmed)+exponent > maxDigits {
		return record.Null, false
	}
	unscaled, err := strconv.ParseInt(trimmed+strings.Repeat("0", exponent), 10, 64)
	if negative {
		unscaled = -unscaled
	}
	return record.Decimal(unscaled, scale), err == nil
}

// timeLiteral reads RFC 3339, and drops what is smaller than a microsecond.
func timeLiteral(text string) (record.Value, bool) {
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return record.Null, false
	}
	year := t.UTC().Year()
	return record.Time(t), year >= 1 && year <= 9999
}
