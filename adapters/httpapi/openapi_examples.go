package httpapi

import (
	"encoding/json"
	"strings"

	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/core/schema"
)

// example returns a record with a value for each field that is wanted and that
// an example is known of.
func (c *documented) example(wanted func(i int) bool) object {
	shown := object{}
	for i := range c.Fields {
		if !wanted(i) {
			continue
		}
		if value, ok := example(&c.Fields[i]); ok {
			shown = shown.with(c.Fields[i].Name, value)
		} else if !c.Fields[i].Required {
			shown = shown.with(c.Fields[i].Name, nil)
		}
	}
	return shown
}

// example returns, as JSON, a value that keeps every rule of the field, if one
// is easily found.
func example(f *schema.Field) (json.RawMessage, bool) {
	switch f.Type {
	case record.ListType:
		item, ok := exampleValue(&schema.Field{Name: f.Name, Type: f.Items, Precision: f.Precision, Scale: f.Scale})
		return raw(record.List([]record.Value{item})), ok
	case record.JSONType:
		return json.RawMessage(`{"key":"value"}`), true
	}
	v, ok := exampleValue(f)
	return raw(v), ok
}

// exampleValue is example for a field that is neither a list nor json.
func exampleValue(f *schema.Field) (record.Value, bool) {
	for _, v := range append(candidates(f), f.Min, f.Max) {
		if v.Type() == f.Type && keeps(f, v) {
			return v, true
		}
	}
	return record.Null, false
}

// candidates returns values of the field's type, the most telling first.
func candidates(f *schema.Field) []record.Value {
	switch f.Type {
	case record.BoolType:
		return []record.Value{record.Bool(true)}
	case record.IntType:
		if f.References != "" {
			return []record.Value{record.Int(1)}
		}
		return []record.Value{record.Int(42), record.Int(1), record.Int(0)}
	case record.FloatType:
		return []record.Value{record.Float(4.5), record.Float(0.5), record.Float(0)}
	case record.DecimalType:
		unit := int64(1)
		for range f.Scale {
			unit *= 10
		}
		return []record.Value{
			record.Decimal(20*unit-1, f.Scale), record.Decimal(2*unit-1, f.Scale), record.Decimal(1, f.Scale), record.Decimal(0, f.Scale),
		}
	case record.TimeType:
		const noon = 1_769_860_800_000_000 // 2026-01-31T12:00:00Z
		return []record.Value{record.Micros(noon)}
	case record.BytesType:
		return []record.Value{record.Bytes([]byte("portolan")), record.Bytes([]byte("p"))}
	}
	return texts(f)
}

// texts returns candidates for a string.
func texts(f *schema.Field) []record.Value {
	if len(f.Enum) > 0 {
		return []record.Value{record.String(f.Enum[0])}
	}
	formatted := map[string][]string{
		"uri":   {"https://shop.example/" + f.Name, "http://a.example"},
		"email": {"ann@shop.example", "a@b.example"},
		"uuid":  {"01890a5d-ac96-774b-bcce-b302099a8057"},
		"date":  {"2026-01-31"},
	}
	plain := []string{"example-" + f.Name, f.Name, "a"}
	if given, ok := formatted[f.Format]; ok {
		plain = given
	}
	var values []record.Value
	for _, each := range plain {
		values = append(values, record.String(each))
	}
	return values
}

// keeps reports whether v keeps the rules of the field that may rule a candidate
// out.
func keeps(f *schema.Field, v record.Value) bool {
	switch v.Type() {
	case record.StringType, record.BytesType:
		return f.MaxLength == 0 || len(v.AsString()) <= f.MaxLength
	case record.DecimalType:
		limit := int64(1)
		for range f.Precision {
			limit *= 10
		}
		if unscaled, _ := v.AsDecimal(); unscaled >= limit || unscaled <= -limit {
			return false
		}
	}
	return (f.Min.IsNull() || record.Compare(v, f.Min) >= 0) && (f.Max.IsNull() || record.Compare(v, f.Max) <= 0)
}

// filterExample returns a filter on the first field that one can be shown with.
func (c *documented) filterExample() string {
	for _, f := range c.fields() {
		if !f.Sortable() || f.Name == c.IDField().Name {
			continue
		}
		v, ok := exampleValue(f)
		switch {
		case !ok:
		case f.Type == record.StringType:
			return f.Name + " eq '" + strings.ReplaceAll(v.AsString(), "'", "''") + "'"
		default:
			return f.Name + " eq " + strings.Trim(string(raw(v)), `"`)
		}
	}
	return c.IDField().Name + " ne null"
}
