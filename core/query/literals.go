package query

import (
	"encoding/base64"
	"math"
	"strconv"
	"strings"

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
		return "a whole number of 64 bits, without quotes"
	case record.FloatType:
		return "a finite number, without quotes"
	case record.DecimalType:
		return "a number of at most 18 digits, at most " + strconv.Itoa(f.Scale) + " of them behind the point, without quotes"
	case record.TimeType:
		return "a time in RFC 3339 such as 2026-01-31T12:00:00Z"
	case record.BytesType:
		return "base64 in single quotes"
	}
	return "a text in single quotes"
}

func intLiteral(text string) (record.Value, bool) {
	n, fit := record.ParseScaled(text, 0)
	return record.Int(n), fit == record.Fits
}

func floatLiteral(text string) (record.Value, bool) {
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsInf(f, 0) || math.IsNaN(f) {
		return record.Null, false
	}
	return record.Float(f), true
}

// maxDecimal is the greatest unscaled decimal: 18 digits.
const maxDecimal = 999_999_999_999_999_999

func decimalLiteral(text string, scale int) (record.Value, bool) {
	n, fit := record.ParseScaled(text, scale)
	return record.Decimal(n, scale), fit == record.Fits && -maxDecimal <= n && n <= maxDecimal
}

// anyTime is a field that takes every time.
var anyTime = schema.Field{Type: record.TimeType}

// timeLiteral reads a time as records do, but RFC 3339 alone: a field also
// takes dates and times without T and zone, which files hold.
func timeLiteral(text string) (record.Value, bool) {
	v, err := anyTime.FromText(text)
	return v, err == nil && strings.Contains(text, "T")
}
