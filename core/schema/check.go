package schema

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/record"
)

// Check returns what of a record, whose values are in the order of Fields,
// breaks a rule: required, min and max, length, format, enum, precision, those
// of ids, and the size of a whole record. It returns nil if the record may be
// stored, as far as it alone can tell.
func (c *Collection) Check(fields []record.Value) []fault.Place {
	var places []fault.Place
	size := 2 // an upper bound of the canonical record's octets
	for i := range c.Fields {
		f, v := &c.Fields[i], fields[i]
		size += len(f.Name) + 4 + sizeBound(v)
		place := (*fault.Place)(nil)
		switch {
		case i == c.ID:
			if place = c.checkID(v); place == nil {
				place = f.check(v)
			}
		case !v.IsNull():
			place = f.check(v)
		case f.Required:
			place = f.place("required", "%s is required", f.Name)
		}
		if place != nil {
			places = append(places, *place)
		}
	}
	if size > record.MaxRecordBytes && c.tooLarge(fields) {
		places = append(places, fault.Place{
			Code:   "record-too-large",
			Detail: fmt.Sprintf("a record has at most %d octets of JSON", record.MaxRecordBytes),
		})
	}
	return places
}

// tooLarge measures the record by encoding it.
func (c *Collection) tooLarge(fields []record.Value) bool {
	return len(record.NewEncoder(c.names()).Append(nil, fields)) > record.MaxRecordBytes
}

// sizeBound returns how many octets v has in canonical JSON at most.
func sizeBound(v record.Value) int {
	const widestNumber, widestEscape = 32, 6
	switch v.Type() {
	case record.StringType, record.BytesType:
		return 2 + widestEscape*len(v.AsString())
	case record.JSONType:
		return len(v.AsString())
	case record.ListType:
		size := 2
		for _, item := range v.AsList() {
			size += 1 + sizeBound(item)
		}
		return size
	}
	return widestNumber
}

// check returns which rule of the field v, which is not null, breaks.
func (f *Field) check(v record.Value) *fault.Place {
	if v.Type() != f.Type {
		return f.place("wrong-type", "%s must be %s", f.Name, f.want())
	}
	switch f.Type {
	case record.StringType:
		return f.checkString(v.AsString())
	case record.BytesType:
		return f.checkLength(len(v.AsString()), "octets")
	case record.ListType:
		if place := f.checkLength(len(v.AsList()), "items"); place != nil {
			return place
		}
		return f.checkItems(v.AsList())
	case record.DecimalType:
		if place := f.checkDecimal(v); place != nil {
			return place
		}
	case record.FloatType:
		if n := v.AsFloat(); math.IsNaN(n) || math.IsInf(n, 0) {
			return f.place("out-of-range", "%s must be a finite number", f.Name)
		}
	case record.TimeType:
		if !HoldsMicros(v.AsMicros()) {
			return f.place("out-of-range", "%s must be a time of the years 1 to 9999 in UTC", f.Name)
		}
	}
	return f.checkBounds(v)
}

func (f *Field) checkBounds(v record.Value) *fault.Place {
	if !f.Min.IsNull() && record.Compare(v, f.Min) < 0 {
		return f.place("out-of-range", "%s must be at least %s", f.Name, plain(f.Min))
	}
	if !f.Max.IsNull() && record.Compare(v, f.Max) > 0 {
		return f.place("out-of-range", "%s must be at most %s", f.Name, plain(f.Max))
	}
	return nil
}

// plain returns v as a sentence shows it.
func plain(v record.Value) string { return strings.Trim(string(record.AppendValue(nil, v)), `"`) }

func (f *Field) checkString(text string) *fault.Place {
	// No string has more characters than octets, so most need no counting.
	if f.MaxLength > 0 && len(text) > f.MaxLength {
		if place := f.checkLength(utf8.RuneCountInString(text), "characters"); place != nil {
			return place
		}
	}
	if len(f.Enum) > 0 && !slices.Contains(f.Enum, text) {
		return f.place("not-in-enum", "%s must be one of %s", f.Name, joined(f.Enum))
	}
	if f.Format == "" {
		return nil
	}
	if format := formats[f.Format]; !format.fits(text) {
		return f.place("bad-format", "%s must be %s", f.Name, format.want)
	}
	return nil
}

func (f *Field) checkLength(length int, unit string) *fault.Place {
	if f.MaxLength > 0 && length > f.MaxLength {
		return f.place("too-long", "%s must have at most %d %s, not %d", f.Name, f.MaxLength, unit, length)
	}
	return nil
}

// checkDecimal checks the digits of v, which may be computed rather than read.
func (f *Field) checkDecimal(v record.Value) *fault.Place {
	unscaled, scale := v.AsDecimal()
	if scale != f.Scale {
		return f.place("too-fine", "%s must have %d digits behind the point", f.Name, f.Scale)
	}
	limit := int64(1)
	for range f.Precision {
		limit *= 10
	}
	if unscaled >= limit || unscaled <= -limit {
		return f.place("out-of-range", "%s must have at most %d digits in all", f.Name, f.Precision)
	}
	return nil
}

// checkItems checks the type of items, and the digits of decimals.
func (f *Field) checkItems(items []record.Value) *fault.Place {
	for i, item := range items {
		if item.Type() != f.Items {
			place := f.place("wrong-type", "the items of %s must be %s", f.Name, wants[f.Items])
			place.Pointer += fmt.Sprintf("/%d", i)
			return place
		}
		if f.Items != record.DecimalType {
			continue
		}
		if place := f.checkDecimal(item); place != nil {
			place.Pointer += fmt.Sprintf("/%d", i)
			return place
		}
	}
	return nil
}

// refusal returns the error for the places of a record, nil if there are none.
// Its code is theirs if they have but one.
func refusal(op string, places []fault.Place) *fault.Error {
	if len(places) == 0 {
		return nil
	}
	code, detail := places[0].Code, places[0].Detail
	if len(places) > 1 {
		detail = fmt.Sprintf("the record has %d mistakes", len(places))
	}
	for _, place := range places {
		if place.Code != code {
			code = "invalid-record"
		}
	}
	return fault.New(fault.Invalid, op, "%s", detail).Coded(code).At(places...)
}

// joined lists names in a sentence, the first of them if there are very many.
func joined(names []string) string {
	const most = 40
	if len(names) > most {
		return strings.Join(names[:most], ", ") + " …"
	}
	return strings.Join(names, ", ")
}
