package schema

import (
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/record"
)

// FromJSON returns the value of the field that strict JSON text writes. It
// refuses what is not of the field's type or cannot be kept exactly; the rules
// of the field are for [Collection.Check]. Errors are fault.Invalid with a
// Place, whose pointer begins at the value.
func (f *Field) FromJSON(text []byte) (record.Value, error) {
	r := record.NewReader(text)
	v, place := f.read(r)
	if err := r.End(); err != nil {
		return record.Null, err
	}
	if place != nil {
		return record.Null, refusal("schema.FromJSON", []fault.Place{*place})
	}
	return v, nil
}

// FromText returns the value of the field that plain text writes, as in a cell
// of CSV or a literal of a query: a string as it is, a bool as true, false, 1 or
// 0 in any case, a time also as 2006-01-02 or 2006-01-02 15:04:05 in UTC, bytes
// in base64, list and json as JSON, and numbers as JSON writes them. Errors are
// fault.Invalid with the codes of FromJSON.
func (f *Field) FromText(text string) (record.Value, error) {
	switch f.Type {
	case record.ListType, record.JSONType:
		return f.FromJSON([]byte(text))
	case record.BoolType:
		switch strings.ToLower(text) {
		case "true", "1":
			return record.Bool(true), nil
		case "false", "0":
			return record.Bool(false), nil
		}
	default:
		v, wrong := f.parse(f.Type, text, true)
		if wrong == nil {
			return v, nil
		}
		return record.Null, fault.New(fault.Invalid, "schema.FromText", "%s", wrong.Detail).Coded(wrong.Code)
	}
	return record.Null, fault.New(fault.Invalid, "schema.FromText", "it must be %s", f.want()).Coded("wrong-type")
}

// read consumes the next value and returns it as one of the field, or the
// place of what is wrong with it. A mistake of the JSON is left to the Reader.
func (f *Field) read(r *record.Reader) (record.Value, *fault.Place) {
	if r.Peek() == record.NullKind {
		r.Null()
		return record.Null, nil
	}
	switch f.Type {
	case record.JSONType:
		return record.JSON(string(r.AppendCanonical(nil))), nil
	case record.ListType:
		return f.readList(r)
	}
	return f.readScalar(r, f.Type)
}

// readScalar consumes the next value as one of type t.
func (f *Field) readScalar(r *record.Reader, t record.Type) (record.Value, *fault.Place) {
	kind := r.Peek()
	if !holds(t, kind) {
		place := fault.Place{Pointer: r.Pointer(), Code: "wrong-type", Detail: "it must be " + wants[t] + ", not " + kindNames[kind]}
		r.Skip()
		return record.Null, &place
	}
	var text string
	switch kind {
	case record.TrueKind, record.FalseKind:
		return record.Bool(r.Bool()), nil
	case record.NumberKind:
		text = r.Number()
	case record.StringKind:
		text = r.Text()
	}
	if r.Err() != nil {
		return record.Null, nil
	}
	v, wrong := f.parse(t, text, false)
	if wrong != nil {
		wrong.Pointer = r.Pointer()
	}
	return v, wrong
}

// holds reports whether JSON of the kind may write a value of type t.
func holds(t record.Type, kind byte) bool {
	switch kind {
	case record.TrueKind, record.FalseKind:
		return t == record.BoolType
	case record.NumberKind:
		return t == record.IntType || t == record.FloatType || t == record.DecimalType
	case record.StringKind:
		return t == record.StringType || t == record.TimeType || t == record.BytesType || t == record.DecimalType
	}
	return false
}

// kindNames ends the sentence "…, not a string".
var kindNames = map[byte]string{
	0: "that", record.NullKind: "null", record.TrueKind: "a bool", record.FalseKind: "a bool", record.NumberKind: "a number",
	record.StringKind: "a string", record.ArrayKind: "an array", record.ObjectKind: "an object",
}

// wants ends the sentence "it must be …".
var wants = [...]string{
	record.BoolType:    "true or false",
	record.IntType:     "a whole number",
	record.FloatType:   "a number",
	record.DecimalType: "a decimal number",
	record.StringType:  "a string",
	record.TimeType:    "a time in RFC 3339, 2026-01-31T12:00:00Z",
	record.BytesType:   "octets in base64",
	record.ListType:    "an array",
	record.JSONType:    "JSON",
}

// want ends the sentence "it must be …" for a value of the field.
func (f *Field) want() string { return wants[f.Type] }

func (f *Field) readList(r *record.Reader) (record.Value, *fault.Place) {
	kind := r.Peek()
	if kind != record.ArrayKind {
		place := fault.Place{Pointer: r.Pointer(), Code: "wrong-type", Detail: "it must be an array, not " + kindNames[kind]}
		r.Skip()
		return record.Null, &place
	}
	items := []record.Value{}
	var first *fault.Place
	r.EnterArray()
	for r.NextItem() {
		item, place := f.readScalar(r, f.Items)
		if first == nil {
			first = place
		}
		items = append(items, item)
	}
	if first != nil {
		return record.Null, first
	}
	return record.List(items), nil
}

// parse returns the value of type t that text, of a number or a string, writes.
// Lax text may write times as other systems do. The place of a mistake has no
// pointer yet.
func (f *Field) parse(t record.Type, text string, lax bool) (record.Value, *fault.Place) {
	switch t {
	case record.IntType, record.DecimalType:
		return f.parseExact(t, text)
	case record.FloatType:
		return parseFloat(text)
	case record.TimeType:
		return parseInstant(text, lax)
	case record.BytesType:
		octets, err := base64.StdEncoding.Strict().DecodeString(text)
		if err != nil || strings.ContainsAny(text, "\r\n") { // which base64 passes over
			return record.Null, mistake("wrong-type", "it must be octets in base64, with padding")
		}
		return record.Bytes(octets), nil
	case record.StringType:
		if !utf8.ValidString(text) {
			return record.Null, mistake("invalid-utf8", "a string is not valid UTF-8")
		}
		if strings.IndexByte(text, 0) >= 0 {
			return record.Null, mistake("nul-character", "a string holds the NUL character, which no store keeps")
		}
		return record.String(text), nil
	}
	return record.Null, mistake("wrong-type", "it must be %s", wants[t])
}

func (f *Field) parseExact(t record.Type, text string) (record.Value, *fault.Place) {
	scale := 0
	if t == record.DecimalType {
		scale = f.Scale
	}
	n, fit := record.ParseScaled(text, scale)
	switch {
	case fit == record.NoNumber, fit == record.TooFine && t == record.IntType:
		return record.Null, mistake("wrong-type", "it must be %s", wants[t])
	case fit == record.TooFine:
		return record.Null, mistake("too-fine", "it must have at most %d digits behind the point", scale)
	case fit == record.TooLarge && t == record.IntType:
		return record.Null, mistake("out-of-range", "it must be a whole number of 64 bits")
	case fit == record.TooLarge:
		return record.Null, mistake("out-of-range", "it must have at most %d digits in all", f.Precision)
	case t == record.IntType:
		return record.Int(n), nil
	}
	return record.Decimal(n, scale), nil
}

func parseFloat(text string) (record.Value, *fault.Place) {
	if !record.IsNumber(text) { // strconv takes more, as Inf and 0x1p-2
		return record.Null, mistake("wrong-type", "it must be a number")
	}
	n, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return record.Null, mistake("out-of-range", "it must be a number within ±1.8e308")
	}
	return record.Float(n), nil
}

func parseInstant(text string, lax bool) (record.Value, *fault.Place) {
	parse := parseTime
	if lax {
		parse = parseLaxTime
	}
	micros, inRange, ok := parse(text)
	switch {
	case !ok:
		return record.Null, mistake("wrong-type", "it must be %s", wants[record.TimeType])
	case !inRange:
		return record.Null, mistake("out-of-range", "it must be a time of the years 1 to 9999 in UTC")
	}
	return record.Micros(micros), nil
}

func mistake(code, format string, args ...any) *fault.Place {
	return &fault.Place{Code: code, Detail: fmt.Sprintf(format, args...)}
}

// place returns a place for something wrong with the field of a record.
func (f *Field) place(code, format string, args ...any) *fault.Place {
	place := mistake(code, format, args...)
	place.Pointer = "/" + f.Name
	return place
}
