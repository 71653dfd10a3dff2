package query

import (
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/core/schema"
)

// Bind returns e with the values of the caller's claims in the places of their
// names, in normal form.
//
// It returns false if the caller lacks a claim, or if a claim cannot have the
// type of its field: then the policy grants nothing, also where the claim
// stands under not. A null claim is one that the caller lacks. A string can be
// an int, decimal or time that is written as a record would write it; a list
// stands behind in alone, has at most MaxItems items and no null among them,
// and a single value there is a list of one.
func Bind(e Expr, c *schema.Collection, claim func(name string) (any, bool)) (Expr, bool) {
	bound, ok := bindClaims(e, c, claim)
	if !ok {
		return Expr{Op: None}, false
	}
	return bound.Normal(), true
}

func bindClaims(e Expr, c *schema.Collection, claim func(string) (any, bool)) (Expr, bool) {
	if len(e.Kids) > 0 {
		kids := make([]Expr, len(e.Kids))
		for i, kid := range e.Kids {
			var ok bool
			if kids[i], ok = bindClaims(kid, c, claim); !ok {
				return Expr{}, false
			}
		}
		e.Kids = kids
		return e, true
	}
	if e.Claim == "" {
		return e, true
	}
	raw, ok := claim(e.Claim)
	if !ok {
		return Expr{}, false
	}
	values, ok := claimValues(raw, e.Op, &c.Fields[e.Field])
	return Expr{Op: e.Op, Field: e.Field, Values: values}, ok
}

// claimValues returns the operands that the claim supplies to op.
func claimValues(raw any, op Op, f *schema.Field) ([]record.Value, bool) {
	items := []any{raw}
	if op == In {
		switch list := raw.(type) {
		case []any:
			items = list
		case []string:
			items = make([]any, len(list))
			for i, text := range list {
				items[i] = text
			}
		}
	}
	if len(items) > MaxItems {
		return nil, false
	}
	t := f.Type
	if op == Has {
		t = f.Items
	}
	values := make([]record.Value, len(items))
	for i, item := range items {
		var ok bool
		if values[i], ok = claimValue(item, f, t); !ok {
			return nil, false
		}
	}
	return values, true
}

// claimValue returns the value of type t that a single claim is.
func claimValue(raw any, f *schema.Field, t record.Type) (record.Value, bool) {
	switch v := raw.(type) {
	case bool:
		return record.Bool(v), t == record.BoolType
	case string:
		return claimText(v, f, t)
	case json.Number:
		return claimNumber(v.String(), f, t)
	case float64:
		if math.IsInf(v, 0) || math.IsNaN(v) {
			return record.Null, false
		}
		if t == record.IntType && math.Abs(v) > 1<<53 {
			return record.Null, false // it may stand for several ints
		}
		return claimNumber(string(record.AppendFloat(nil, v)), f, t)
	case int:
		return claimNumber(strconv.Itoa(v), f, t)
	case int64:
		return claimNumber(strconv.FormatInt(v, 10), f, t)
	case time.Time:
		return record.Time(v), t == record.TimeType
	}
	return record.Null, false
}

func claimNumber(text string, f *schema.Field, t record.Type) (record.Value, bool) {
	switch t {
	case record.IntType:
		return intLiteral(text)
	case record.FloatType:
		return floatLiteral(text)
	case record.DecimalType:
		return decimalLiteral(text, f.Scale)
	}
	return record.Null, false
}

// claimText reads a claim that is a string. A number must be written in the one
// way in which records write it, so that no two callers share a value by
// writing it differently.
func claimText(text string, f *schema.Field, t record.Type) (v record.Value, ok bool) {
	if !utf8.ValidString(text) || strings.IndexByte(text, 0) >= 0 {
		return record.Null, false
	}
	switch t {
	case record.StringType:
		return record.String(text), true
	case record.IntType, record.DecimalType:
		if v, ok = claimNumber(text, f, t); !ok {
			return record.Null, false
		}
		return v, string(record.AppendValue(nil, v)) == text
	case record.TimeType:
		return timeLiteral(text)
	}
	return record.Null, false
}
