package sqlserver

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"strings"

	"gorm.io/driver/sqlserver"
	"gorm.io/gorm/clause"

	"github.com/portolan-io/portolan/adapters/internal/gormstore"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/core/schema"
)

// The collations of managed texts, and that by which the code units of any text are
// compared.
const (
	inUTF8  = " COLLATE Latin1_General_100_BIN2_UTF8"
	inUnits = " COLLATE Latin1_General_100_BIN2"
)

// newDialect returns what T-SQL says differently.
//
// No text is compared as a text: T-SQL fills the shorter of two up with spaces, in
// every collation, so that 'a' equals 'a ' and comes behind what goes on with a tab.
// Octets are filled up with zeros, which no text holds, so they are compared as the
// contract wants it. Each managed text has a column of its octets beside it, of which
// all but contains makes use; there is no LIKE, which has wildcards. Octets that may
// themselves end in zeros are compared with one more behind them.
//
// Parameters are nvarchar or varbinary, never varchar, which a client that has not
// asked for UTF-8 would send in the code page of the database.
func newDialect(nvarchar bool, tablesIn string) *gormstore.Dialect {
	d := &gormstore.Dialect{
		Name:       "sqlserver",
		Gorm:       dialector{sqlserver.Dialector{Config: &sqlserver.Config{}}},
		Contains:   "CHARINDEX({v}, CAST({n} AS nvarchar(max))" + inUnits + ") > 0",
		StartsWith: "{c} >= {o} AND {c} < {e}",
		EndsWith:   "DATALENGTH({c}) >= DATALENGTH({o}) AND SUBSTRING({c}, DATALENGTH({c}) - DATALENGTH({o}) + 1, DATALENGTH({o})) = {o}",
		HasText: "EXISTS (SELECT 1 FROM OPENJSON(CASE WHEN ISJSON({c}) = 1 THEN {c} END) AS item" +
			" WHERE item.[type] = 1 AND item.[value]" + inUnits + " = {v} AND DATALENGTH(item.[value]) = DATALENGTH({v}))",
		HasNumber: "EXISTS (SELECT 1 FROM OPENJSON(CASE WHEN ISJSON({c}) = 1 THEN {c} END) AS item" +
			" WHERE item.[type] IN (2, 3) AND (N',' + item.[value] + N',')" + inUnits + " = {i})",
		Sum:        "CAST(SUM({c} * CAST(1 AS decimal(1, 0))) AS varchar(60))",
		Number:     "CAST({c} AS int)",
		Descending: " DESC",
		Top:        true,
		Named:      true,
		Octets:     true,
		Schema:     tablesIn,
		Type:       columnType,
		Managed:    managed,
		Beside:     computed,
		Map:        mapColumn,
		Counts:     counts,
		Revision:   revision,
		Describe:   describe,
		Add:        " ADD ",
		Qualifier:  makeSchema,
		Indexed:    indexed,
		IndexName:  indexName,
		IndexTable: func(table, _ string) string { return table },
		Classify:   classify,
		Duplicate:  func(err error) bool { return number(err) == keyTaken },
	}
	// What is to be changed is locked exclusively, as the shared lock of a check lets
	// others lock for an update. The range of a check keeps what is absent absent.
	d.Hints.Lock = " WITH (XLOCK, ROWLOCK, READCOMMITTEDLOCK)"
	d.Hints.Share = " WITH (HOLDLOCK, ROWLOCK)"
	if nvarchar {
		d.Type, d.Beside, d.Map = wideType, written, mapWide
	}
	return d
}

// A dialector is gorm's, but quotes names so that nothing in them ends the quotation.
type dialector struct{ sqlserver.Dialector }

// QuoteTo writes a name, each part of a qualified one by itself.
func (dialector) QuoteTo(w clause.Writer, name string) {
	for i, part := range strings.Split(name, ".") {
		if i > 0 {
			_ = w.WriteByte('.')
		}
		_, _ = w.WriteString(quoted(part))
	}
}

// quoted returns a name without parts as it is quoted.
func quoted(name string) string { return "[" + strings.ReplaceAll(name, "]", "]]") + "]" }

// literal returns a text in a statement.
func literal(text string) string { return "N'" + strings.ReplaceAll(text, "'", "''") + "'" }

// Texts that a key may have, and those that are longer: the name of the column does
// not say how long a field may be, so that this can change.
const (
	keyed = 1500 // octets; as many as a text has that stores sort by
	ids   = 450
)

// octetsOf returns how many octets the texts of the field have at most, or 0 if that
// is more than a key may have.
func octetsOf(f *schema.Field, id bool) int {
	switch {
	case id:
		return ids
	case f.MaxLength > 0 && 4*f.MaxLength <= keyed:
		return keyed
	}
	return 0
}

func sized(kind string, size int) string {
	if size == 0 {
		return kind + "(max)"
	}
	return kind + "(" + strconv.Itoa(size) + ")"
}

// columnType returns the type of a managed column, as describe calls it.
func columnType(f *schema.Field, id bool) string {
	switch f.Type {
	case record.StringType:
		return sized("varchar", octetsOf(f, id)) + inUTF8
	case record.ListType, record.JSONType:
		return "varchar(max)" + inUTF8
	}
	return scalarType(f)
}

// wideType is columnType for nvarchar, whose size is that in UTF-16.
func wideType(f *schema.Field, id bool) string {
	switch f.Type {
	case record.StringType:
		return sized("nvarchar", octetsOf(f, id)) + inUnits
	case record.ListType, record.JSONType:
		return "nvarchar(max)" + inUnits
	}
	return scalarType(f)
}

func scalarType(f *schema.Field) string {
	switch f.Type {
	case record.BoolType:
		return "bit"
	case record.FloatType:
		return "float"
	case record.DecimalType:
		return "decimal(" + strconv.Itoa(f.Precision) + "," + strconv.Itoa(f.Scale) + ")"
	case record.TimeType:
		return "datetime2(6)"
	case record.BytesType:
		return "varbinary(max)"
	}
	return "bigint"
}

// octetsSuffix ends the names of columns of octets. No field's name holds a dollar.
const octetsSuffix = "$octets"

func octetsColumn(f *schema.Field) string { return quoted(f.Name + octetsSuffix) }

// computed returns the column that the server fills with the octets of a text in UTF-8.
// It is not stored, but where it is a key.
func computed(f *schema.Field, id bool) gormstore.Beside {
	if f.Type != record.StringType {
		return gormstore.Beside{}
	}
	beside := gormstore.Beside{
		Name:       octetsColumn(f),
		Definition: "AS CAST(" + quoted(f.Name) + " AS " + sized("varbinary", octetsOf(f, id)) + ")",
	}
	if id {
		beside.Definition += " PERSISTED"
	}
	return beside
}

// written returns the column that each write fills with the octets of a text, which
// the server cannot make of nvarchar: the order of UTF-16 is another one.
func written(f *schema.Field, id bool) gormstore.Beside {
	if f.Type != record.StringType {
		return gormstore.Beside{}
	}
	return gormstore.Beside{Name: octetsColumn(f), Definition: sized("varbinary", octetsOf(f, id)), Write: asOctets("{o}")}
}

// asOctets returns octets, or null of whatever type.
func asOctets(v string) string { return "CONVERT(varbinary(max), " + v + ")" }

const asTime = "CONVERT(datetime2(6), {t}, 126)"

// asDecimal returns a template of a decimal: whatever a record holds has 19 digits.
func asDecimal(v string, f *schema.Field) string {
	return "CAST(" + v + " AS decimal(19," + strconv.Itoa(f.Scale) + "))"
}

// managed returns how the columns of managed tables serve.
func managed(f *schema.Field) gormstore.Mapped {
	switch f.Type {
	case record.StringType:
		return gormstore.Mapped{Read: octetsColumn(f), Operand: "{o}"}
	case record.BoolType:
		return gormstore.Mapped{Operand: "CAST({v} AS bit)"}
	case record.DecimalType:
		return gormstore.Mapped{Operand: asDecimal("{v}", f), Write: asDecimal("{v}", f)}
	case record.TimeType:
		return gormstore.Mapped{Operand: asTime, Write: asTime}
	case record.BytesType: // what is not (max) would be cut off at 8,000 octets, and lose the one behind it
		return gormstore.Mapped{Same: "(" + asOctets("{c}") + " + 0x01)", Operand: "(" + asOctets("{v}") + " + 0x01)", Write: asOctets("{v}")}
	case record.ListType, record.JSONType:
		return gormstore.Mapped{Read: "CAST({c} AS nvarchar(max))"}
	}
	return gormstore.Mapped{}
}

// indexed says why no index can have the field.
func indexed(f *schema.Field) string {
	if f.Type == record.StringType && octetsOf(f, false) == 0 {
		return "too long for a key: give it a max of " + strconv.Itoa(keyed/4) + " or less"
	}
	return ""
}

// makeSchema returns what makes a schema. CREATE SCHEMA has to be alone in its batch.
func makeSchema(name string) string {
	return "IF SCHEMA_ID(" + literal(name) + ") IS NULL EXEC (" + literal("CREATE SCHEMA "+quoted(name)) + ")"
}

// maxName is how many characters a name has at most.
const maxName = 128

// indexName names an index, which is one of its table. A long name ends in a hash, so
// that two that begin alike stay two.
func indexName(table, index string) string {
	if len(index) <= maxName {
		return index
	}
	sum := sha256.Sum256([]byte(table + "." + index))
	return index[:maxName-9] + "_" + hex.EncodeToString(sum[:4])
}
