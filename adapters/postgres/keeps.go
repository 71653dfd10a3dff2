package postgres

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/core/schema"
)

// PostgreSQL rounds what is too fine for a column, and cuts off spaces that are too
// many, without a word. What was answered, and tagged, would then not be what is kept.
// So these columns serve reading as they are, and a value that they would change is
// refused.

// keeps returns what says, of a value, what it would have to be for a column of the
// type to keep it; nil of a column that keeps all values of the field.
func keeps(f *schema.Field, base, size string) func(record.Value) string {
	switch {
	case f.Type == record.IntType && base == "smallint":
		return between(math.MinInt16, math.MaxInt16)
	case f.Type == record.IntType && base == "integer":
		return between(math.MinInt32, math.MaxInt32)
	case f.Type == record.FloatType && base == "real":
		return keepsReal
	case f.Type == record.DecimalType:
		return keepsDecimal(f, base, size)
	case f.Type == record.TimeType && base == "date":
		return multiple(24*60*60*1_000_000, "must be midnight in UTC: only the date is kept")
	case f.Type == record.TimeType && size != "":
		if digits, ok := leading(size); ok && digits < 6 {
			return multiple(int64(powers[6-digits]), fmt.Sprintf("must have at most %d digits behind the second: more are not kept", digits))
		}
	case f.Type == record.StringType && base == "uuid":
		return keepsUUID
	case f.Type == record.StringType && base == "character varying":
		return keepsText(size)
	}
	return nil
}

// leading returns the number that a text begins with.
func leading(text string) (n int, ok bool) {
	end := 0
	for end < len(text) && text[end] >= '0' && text[end] <= '9' {
		end++
	}
	n, err := strconv.Atoi(text[:end])
	return n, err == nil
}

func between(least, most int64) func(record.Value) string {
	why := fmt.Sprintf("must be from %d to %d: others are not kept", least, most)
	return func(v record.Value) string {
		if n := v.AsInt(); n < least || n > most {
			return why
		}
		return ""
	}
}

func multiple(of int64, why string) func(record.Value) string {
	return func(v record.Value) string {
		if v.AsMicros()%of != 0 {
			return why
		}
		return ""
	}
}

func keepsReal(v record.Value) string {
	if f := v.AsFloat(); float64(float32(f)) != f {
		return "must be a number of 32 bits: others are not kept"
	}
	return ""
}

func keepsUUID(v record.Value) string {
	if !isUUID(v.AsString()) {
		return "must be a uuid in small letters: others are not kept as they are"
	}
	return ""
}

// keepsText says it of a varchar of the size.
func keepsText(size string) func(record.Value) string {
	most, ok := leading(size)
	if !ok {
		return nil
	}
	why := fmt.Sprintf("must have at most %d characters: more are not kept", most)
	return func(v record.Value) string {
		if utf8.RuneCountInString(v.AsString()) > most {
			return why
		}
		return ""
	}
}

// keepsDecimal says it of the digits before the point.
func keepsDecimal(f *schema.Field, base, size string) func(record.Value) string {
	switch base {
	case "smallint":
		return unscaled(math.MaxInt16, f.Scale)
	case "integer":
		return unscaled(math.MaxInt32, f.Scale)
	case "numeric":
		precision, scale, sized := digitsOf(size)
		if sized && precision-scale < f.Precision-f.Scale {
			return unscaled(int64(powers[max(precision-scale+f.Scale, 0)])-1, f.Scale)
		}
	}
	return nil
}

func unscaled(most int64, scale int) func(record.Value) string {
	why := fmt.Sprintf("must be at most %s: more is not kept", record.AppendDecimal(nil, most, scale))
	return func(v record.Value) string {
		if n, _ := v.AsDecimal(); n < -most || n > most {
			return why
		}
		return ""
	}
}

// digitsOf reads the digits of a numeric, in all and behind the point.
func digitsOf(size string) (precision, scale int, ok bool) {
	_, err := fmt.Sscanf(size, "%d,%d)", &precision, &scale)
	return precision, scale, err == nil
}

// The digits that floats of 64 and 32 bits keep of a decimal.
const doubleDigits, realDigits = 15, 6

// rounds says why a column of the type cannot serve the field, though it is of
// numbers, because it would round most of its values; empty if it would not.
func rounds(f *schema.Field, kind, base, size string) string {
	_, scale, sized := digitsOf(size)
	switch {
	case f.Type == record.FloatType && whole(base):
		return kind + ", which would round a field of type float: one of type int fits"
	case f.Type == record.FloatType && base == "numeric" && sized:
		return kind + ", which would round a field of type float: one of type decimal fits, with scale " + strconv.Itoa(max(scale, 0))
	case f.Type != record.DecimalType:
		return ""
	case whole(base) && f.Scale > 0:
		return kind + ", which would round a field with scale " + strconv.Itoa(f.Scale) + ": one of type int fits"
	case base == "numeric" && sized && scale < f.Scale:
		return kind + ", which would round a field with scale " + strconv.Itoa(f.Scale) + ": one with scale " + strconv.Itoa(max(scale, 0)) + " fits"
	case base == "double precision" && f.Precision > doubleDigits:
		return kind + ", which would round a field with precision " + strconv.Itoa(f.Precision) + ": one with precision 15 fits"
	case base == "real" && f.Precision > realDigits:
		return kind + ", which would round a field with precision " + strconv.Itoa(f.Precision) + ": one with precision 6 fits, or one of type float"
	}
	return ""
}

// isUUID reports whether the text is a uuid as PostgreSQL writes it.
func isUUID(text string) bool {
	if len(text) != 36 {
		return false
	}
	for i := range len(text) {
		c := text[i]
		if dash := i == 8 || i == 13 || i == 18 || i == 23; dash && c != '-' || !dash && !strings.ContainsRune("0123456789abcdef", rune(c)) {
			return false
		}
	}
	return true
}
