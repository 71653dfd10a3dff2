package sqlserver

import (
	"strconv"
	"strings"

	"github.com/portolan-io/portolan/adapters/internal/gormstore"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/core/schema"
)

// A kind is a column's type in its parts.
type kind struct {
	base      string // "decimal"
	size      int    // "varchar(40)"; 0 is max
	scale     int    // of a decimal, or how many digits of a second there are
	collation string
}

// parse takes a type as describe calls it apart.
func parse(text string) kind {
	text, collation, _ := strings.Cut(text, " COLLATE ")
	k := kind{base: text, collation: collation}
	base, inner, found := strings.Cut(text, "(")
	if !found {
		return k
	}
	k.base = base
	size, scale, two := strings.Cut(strings.TrimSuffix(inner, ")"), ",")
	k.size, _ = strconv.Atoi(size) // max is 0
	if k.scale = k.size; two {
		k.scale, _ = strconv.Atoi(scale)
	}
	return k
}

// octets reports whether a varchar holds UTF-8.
func (k kind) octets() bool { return strings.HasSuffix(k.collation, "_UTF8") }

// wholeDigits are how many digits whole numbers have that surely fit.
var wholeDigits = map[string]int{"tinyint": 2, "smallint": 4, "int": 9, "bigint": 18}

// mapColumn maps by the type's name. A column that would lose something of what the
// field may hold is refused. What is stored otherwise than in managed tables is
// converted wherever it is read, compared or sorted, at the price of its indexes; ids
// are found by theirs all the same.
func mapColumn(f *schema.Field, existing gormstore.Column) (gormstore.Mapped, string) {
	if existing.Generated {
		return gormstore.Mapped{}, "written by the database alone, and a field must be written"
	}
	k, why := parse(existing.Type), ""
	mapped, fits := gormstore.Mapped{}, false
	switch f.Type {
	case record.StringType:
		mapped, why, fits = mapText(f, k)
	case record.IntType:
		fits = wholeDigits[k.base] > 0
	case record.BoolType:
		mapped, fits = managed(f), k.base == "bit"
	case record.FloatType:
		if fits = k.base == "float"; k.base == "real" {
			why = "which keeps fewer digits than a field of type float"
		}
	case record.DecimalType:
		mapped, why, fits = mapDecimal(f, k)
	case record.TimeType:
		mapped, why, fits = mapTime(f, k)
	case record.BytesType:
		mapped, fits = managed(f), k.base == "varbinary"
		why = shorter(f, k)
	default:
		if fits = k.base == "nvarchar" || k.base == "varchar"; fits && k.size > 0 {
			why = "which may be too short for a field of type " + f.Type.String() + ": that needs " + k.base + "(max)"
		}
		mapped = gormstore.Mapped{Read: "CAST({c} AS nvarchar(max))", Write: k.checked()}
	}
	switch {
	case why != "":
		return gormstore.Mapped{}, existing.Type + ", " + why
	case !fits:
		return gormstore.Mapped{}, existing.Type + ", which cannot hold a field of type " + f.Type.String()
	}
	return mapped, ""
}

// shorter says how a column is too short for the field.
func shorter(f *schema.Field, k kind) string {
	switch {
	case k.size == 0 || f.MaxLength > 0 && f.MaxLength <= k.size:
		return ""
	case f.MaxLength == 0:
		return "and the field has no max: give it one of " + strconv.Itoa(k.size)
	}
	return "and the field has a max of " + strconv.Itoa(f.MaxLength)
}

// checked returns a template of a text that is stored as it is, or not at all: a code
// page has not all characters, and the server would store question marks. What it lacks
// is made a number that is none, whatever the text is.
func (k kind) checked() string {
	if k.base == "nvarchar" || k.octets() {
		return "{v}"
	}
	return "CASE WHEN CAST(CAST({v} COLLATE " + k.collation + " AS varchar(max)) AS nvarchar(max))" + inUnits +
		" = {v} THEN {v} ELSE CAST(CAST(N'x' + {v} AS int) AS nvarchar(11)) END"
}

// mapText serves texts of any collation, by their octets in UTF-8.
func mapText(f *schema.Field, k kind) (mapped gormstore.Mapped, why string, fits bool) {
	mapped.Operand = "{o}"
	switch k.base {
	case "uniqueidentifier":
		mapped.Text = "LOWER(CONVERT(varchar(36), {c}))"
		mapped.Read = "CAST(" + mapped.Text + " AS varbinary(36))"
		mapped.Write = "CAST({v} AS uniqueidentifier)"
		mapped.Seek, mapped.SeekOperand = "{c}", "TRY_CAST({v} AS uniqueidentifier)"
		mapped.Valid = isUUID
		return mapped, "", true
	case "nvarchar":
		mapped.Read = "CAST(CAST({c}" + inUTF8 + " AS varchar(max)) AS varbinary(max))"
		mapped.Seek, mapped.SeekOperand = "{c}", "CAST({v} AS "+sized("nvarchar", k.size)+")"
	case "varchar":
		mapped.Read = "CAST({c} AS varbinary(max))"
		if !k.octets() {
			mapped.Read = "CAST(CAST(CAST({c} AS nvarchar(max))" + inUTF8 + " AS varchar(max)) AS varbinary(max))"
		}
		mapped.Seek = "{c}"
		mapped.SeekOperand = "CAST({v} COLLATE " + k.collation + " AS " + sized("varchar", k.size) + ")"
	default:
		return mapped, "", false
	}
	mapped.Write = k.checked()
	return mapped, shorter(f, k), true
}

// isUUID reports whether an id is that of a uniqueidentifier as it is read.
func isUUID(id string) bool {
	if len(id) != 36 {
		return false
	}
	for i := range len(id) {
		c := id[i]
		if dash := i == 8 || i == 13 || i == 18 || i == 23; dash && c != '-' || !dash && !strings.ContainsRune("0123456789abcdef", rune(c)) {
			return false
		}
	}
	return true
}

func mapDecimal(f *schema.Field, k kind) (mapped gormstore.Mapped, why string, fits bool) {
	digits, scale := k.size, k.scale
	switch k.base {
	case "decimal", "numeric":
	case "money":
		digits, scale = 18, 4
	case "smallmoney":
		digits, scale = 9, 4
	default:
		if digits, scale = wholeDigits[k.base], 0; digits == 0 {
			return mapped, "", false
		}
	}
	if scale < f.Scale || digits-scale < f.Precision-f.Scale {
		return mapped, "which has fewer digits than the field: that needs decimal(" +
			strconv.Itoa(f.Precision) + "," + strconv.Itoa(f.Scale) + ")", true
	}
	mapped = managed(f)
	if scale != f.Scale || digits > 19 || k.base != "decimal" && k.base != "numeric" {
		mapped.Read = asDecimal("{c}", f)
	}
	return mapped, "", true
}

func mapTime(f *schema.Field, k kind) (mapped gormstore.Mapped, why string, fits bool) {
	mapped = managed(f)
	switch {
	case k.base == "date" || k.base == "datetime" || k.base == "smalldatetime",
		(k.base == "datetime2" || k.base == "datetimeoffset") && k.scale < 6:
		return mapped, "which is coarser than the microseconds of a field of type time: that needs datetime2(6)", true
	case k.base == "datetime2":
		if k.scale > 6 {
			mapped.Read = "CAST({c} AS datetime2(6))"
		}
		return mapped, "", true
	case k.base == "datetimeoffset":
		mapped.Read = "CAST(SWITCHOFFSET({c}, '+00:00') AS datetime2(6))"
		mapped.Write = "TODATETIMEOFFSET(" + asTime + ", '+00:00')"
		return mapped, "", true
	}
	return mapped, "", false
}

// mapWide is mapColumn for a server that has no UTF-8, in which texts of tables that are
// not its own could neither be compared nor sorted as the contract wants it.
func mapWide(f *schema.Field, existing gormstore.Column) (gormstore.Mapped, string) {
	mapped, why := mapColumn(f, existing)
	if why == "" && f.Type == record.StringType {
		return gormstore.Mapped{}, existing.Type + ", and with nvarchar texts of existing tables cannot be compared: that needs a server of 2019 or later"
	}
	return mapped, why
}

// counts reports whether the column holds whole numbers that can be written.
func counts(existing gormstore.Column) bool {
	return wholeDigits[existing.Type] > 0 && !existing.Generated
}

// revision returns the text of a column: a rowversion in hexadecimal.
func revision(name string, existing gormstore.Column) string {
	switch k := parse(existing.Type); {
	case counts(existing):
		return "CAST(coalesce(" + name + ", 0) AS varchar(20))"
	case k.base == "rowversion" || k.base == "varbinary" || k.base == "binary":
		return "CONVERT(varchar(max), CAST(" + name + " AS varbinary(max)), 1)"
	case strings.HasPrefix(k.base, "date") || k.base == "smalldatetime":
		return "CONVERT(varchar(40), " + name + ", 126)"
	}
	return "CAST(" + name + " AS nvarchar(max))"
}
