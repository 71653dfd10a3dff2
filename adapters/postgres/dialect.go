package postgres

import (
	"strconv"
	"strings"

	"gorm.io/driver/postgres"

	"github.com/portolan-io/portolan/adapters/internal/gormstore"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/core/schema"
)

// dialect is what PostgreSQL says differently. Nothing in it uses LIKE, which has
// wildcards. Texts are compared by their octets, which is what the collation C
// does in a database whose encoding is UTF-8.
//
// Lists are kept as json, which is text that is known to be right: jsonb would
// change it. Texts of a list are found by what json_array_elements_text reads;
// numbers in the text, which is canonical.
var dialect = gormstore.Dialect{
	Name:       "postgres",
	Gorm:       postgres.New(postgres.Config{}),
	Contains:   "strpos({c}, {v}) > 0",
	StartsWith: "{c} >= {v} AND starts_with({c}, {v})",
	EndsWith:   "right({c}, length({v}::text)) = {v}",
	HasText: "EXISTS (SELECT 1 FROM json_array_elements_text(CASE json_typeof({c}) WHEN 'array' THEN {c} END)" +
		" AS item (value) WHERE item.value = {v})",
	HasNumber:  "strpos(',' || substr({c}::text, 2, length({c}::text) - 2) || ',', {i}) > 0",
	Sum:        "sum({c})::text",
	Number:     "{c}::int",
	Ascending:  " NULLS FIRST",
	Descending: " DESC NULLS LAST",
	Lock:       " FOR UPDATE",
	Share:      " FOR SHARE",
	Unless:     " ON CONFLICT ({c}) DO NOTHING",
	Ahead: &gormstore.Ahead{ // one cannot be divided by nothing, and nothing else is divided
		Before:  "WITH met AS (",
		Changed: " RETURNING 1) SELECT 1 / count(*) FROM met",
		Found:   ") SELECT 1 / count(*), max(revision) FROM met",
		None:    [2]string{"SELECT 1 / (1 - count(*)) FROM (", ") AS met"},
		Failed:  divided,
	},
	Prefix:     "left({c}, length({v}::text))",
	Type:       columnType,
	Map:        mapColumn,
	Counts:     counts,
	Revision:   revision,
	Describe:   describe,
	Add:        " ADD COLUMN ",
	Qualifier:  makeSchema,
	IndexName:  indexName,
	IndexTable: func(table, _ string) string { return table },
	Taken:      taken,
	Classify:   classify,
}

// byOctets is the collation of managed texts.
const byOctets = ` COLLATE "C"`

// columnType returns the type of a managed column, as the catalogue calls it.
func columnType(f *schema.Field, _ bool) string {
	switch f.Type {
	case record.BoolType:
		return "boolean"
	case record.IntType:
		return "bigint"
	case record.FloatType:
		return "double precision"
	case record.DecimalType:
		return "numeric(" + strconv.Itoa(f.Precision) + "," + strconv.Itoa(f.Scale) + ")"
	case record.TimeType:
		return "timestamp with time zone"
	case record.BytesType:
		return "bytea"
	case record.ListType, record.JSONType:
		return "json"
	}
	return "text" + byOctets
}

// makeSchema returns what makes the schema of a table.
func makeSchema(name string) string {
	return "CREATE SCHEMA IF NOT EXISTS " + `"` + strings.ReplaceAll(name, `"`, `""`) + `"`
}

// maxName is how many octets a name has at most; PostgreSQL cuts longer ones off.
const maxName = 63

// indexName names an index, which is in the schema of its table. A long name keeps the
// hash at its end, so that two that begin alike stay two.
func indexName(_, index string) string {
	if len(index) <= maxName {
		return index
	}
	hash := index[len(index)-2*gormstore.NameHash-1:]
	return strings.ToValidUTF8(index[:maxName-len(hash)], "") + hash
}

// arrays are the types whose arrays can be lists.
var arrays = map[string][]record.Type{
	"text": {record.StringType}, "character varying": {record.StringType}, "boolean": {record.BoolType},
	"smallint": {record.IntType}, "integer": {record.IntType}, "bigint": {record.IntType}, "double precision": {record.FloatType},
}

// mapColumn maps by the type's name. What is stored otherwise than in managed
// tables is converted wherever it is read, compared or sorted, at the price of its
// indexes; that texts are equal does not depend on their collation, so that the
// index of an id serves.
func mapColumn(f *schema.Field, existing gormstore.Column) (gormstore.Mapped, string) {
	if existing.Generated {
		return gormstore.Mapped{}, "generated, and a field must be written"
	}
	kind, _, _ := strings.Cut(existing.Type, " COLLATE ")
	base, size, _ := strings.Cut(kind, "(")
	if item, list := strings.CutSuffix(base, "[]"); list && f.Type == record.ListType {
		for _, items := range arrays[item] {
			if items == f.Items {
				return mapArray(kind), ""
			}
		}
	}
	if why := rounds(f, kind, base, size); why != "" {
		return gormstore.Mapped{}, why
	}
	mapped, fits := gormstore.Mapped{}, false
	switch f.Type {
	case record.StringType:
		mapped, fits = mapText(existing, kind, base)
	case record.IntType:
		if fits = whole(base); base != "bigint" { // a number that is too large for it is compared all the same
			mapped.Operand = "{v}::bigint"
		}
	case record.BoolType:
		fits = base == "boolean"
	case record.FloatType:
		mapped, fits = mapFloat(base)
	case record.DecimalType:
		mapped, fits = mapDecimal(f, base, size)
	case record.TimeType:
		fits = strings.HasPrefix(kind, "timestamp")
		if base == "date" {
			mapped, fits = gormstore.Mapped{Read: "({c})::timestamp", Write: "{v}::timestamp::date"}, true
		}
	case record.BytesType:
		fits = base == "bytea"
	default:
		fits = base == "json"
		if base == "jsonb" || base == "text" {
			mapped, fits = gormstore.Mapped{Read: "({c})::json", Write: "{v}::json::" + base}, true
		}
	}
	if !fits {
		return gormstore.Mapped{}, existing.Type + ", which cannot hold a field of type " + f.Type.String()
	}
	mapped.Keeps = keeps(f, base, size)
	return mapped, ""
}

func whole(base string) bool { return base == "smallint" || base == "integer" || base == "bigint" }

// mapText serves texts of any collation by their octets, enums by their names, and
// uuids, of which an index serves ids.
func mapText(existing gormstore.Column, kind, base string) (gormstore.Mapped, bool) {
	switch {
	case existing.Enum:
		return gormstore.Mapped{Read: "({c}::text" + byOctets + ")", Write: "{v}::text::" + kind}, true
	case base == "uuid":
		return gormstore.Mapped{Read: "({c}::text" + byOctets + ")", Write: "{v}::text::uuid", Key: "{c}", Valid: isUUID}, true
	case base != "text" && base != "character varying":
		return gormstore.Mapped{}, false
	case strings.HasSuffix(existing.Type, byOctets):
		return gormstore.Mapped{}, true
	}
	return gormstore.Mapped{Read: "({c}" + byOctets + ")", Same: "{c}"}, true
}

func mapFloat(base string) (gormstore.Mapped, bool) {
	switch base {
	case "real":
		return gormstore.Mapped{Read: "({c})::double precision", Write: "{v}::double precision"}, true
	case "numeric": // a cast would round to 15 digits, and the text has all
		return gormstore.Mapped{Read: "({c})::double precision", Write: "{v}::double precision::text::numeric"}, true
	}
	return gormstore.Mapped{}, base == "double precision"
}

func mapDecimal(f *schema.Field, base, size string) (gormstore.Mapped, bool) {
	exact := "numeric(38," + strconv.Itoa(f.Scale) + ")"
	switch {
	case base == "numeric" && strings.HasSuffix(size, ","+strconv.Itoa(f.Scale)+")"):
		return gormstore.Mapped{}, true
	case whole(base), base == "numeric", base == "real", base == "double precision":
		return gormstore.Mapped{Read: "({c})::" + exact, Write: "{v}::" + exact}, true
	}
	return gormstore.Mapped{}, false
}

func mapArray(kind string) gormstore.Mapped {
	return gormstore.Mapped{
		Read:  "array_to_json({c})",
		Write: "CASE WHEN {v}::json IS NOT NULL THEN ARRAY(SELECT json_array_elements_text({v}::json))::" + kind + " END",
	}
}

// counts reports whether the column holds whole numbers that can be written.
func counts(existing gormstore.Column) bool { return whole(existing.Type) && !existing.Generated }

// revision returns the text of a column: of xmin, which every table has, too
// (https://www.postgresql.org/docs/current/ddl-system-columns.html).
func revision(name string, existing gormstore.Column) string {
	switch {
	case counts(existing):
		return "coalesce(" + name + ", 0)::text"
	case existing.Type == "bytea":
		return "encode(" + name + ", 'hex')"
	}
	return name + "::text"
}
