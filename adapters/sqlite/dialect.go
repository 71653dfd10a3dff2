package sqlite

import (
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/gormlite"
	"gorm.io/gorm"

	"github.com/portolan-io/portolan/adapters/internal/gormstore"
	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/core/schema"
)

// dialect is what SQLite says differently. Nothing in it uses LIKE, which has
// wildcards and ignores case; texts are compared by their octets, so that a
// prefix is a range, which an index serves.
//
// Texts of a list are found with json_each, which reads their escapes. Numbers
// are found in the text, which is canonical, because json_each would round them.
var dialect = gormstore.Dialect{
	Name:        "sqlite",
	Gorm:        gormlite.OpenDB(nil),
	Contains:    "instr({c}, {v}) > 0",
	StartsWith:  "{c} >= {v} AND {c} < {s}",
	EndsWith:    "substr({c}, -length({v})) = {v}",
	HasText:     "EXISTS (SELECT 1 FROM json_each({c}) WHERE value = {v})",
	HasNumber:   "instr(',' || substr({c}, 2, length({c}) - 2) || ',', {i}) > 0",
	SumHigh:     "sum({c} >> 32)",
	SumLow:      "sum({c} & 4294967295)",
	Descending:  " DESC",
	Unless:      " ON CONFLICT ({c}) DO NOTHING",
	Prefix:      "substr({c}, 1, length({v}))",
	TableSuffix: " STRICT",
	Add:         " ADD COLUMN ",
	Type:        columnType,
	Map:         mapColumn,
	Counts:      counts,
	Revision:    revision,
	Describe:    describe,
	IndexName:   indexName,
	IndexTable:  func(table, _ string) string { return table[strings.LastIndexByte(table, '.')+1:] },
	Taken:       taken,
	Classify:    classify,
}

// columnType returns one of the types of STRICT tables.
func columnType(f *schema.Field, _ bool) string {
	switch f.Type {
	case record.BoolType, record.IntType, record.DecimalType, record.TimeType:
		return "INTEGER"
	case record.FloatType:
		return "REAL"
	case record.BytesType:
		return "BLOB"
	}
	return "TEXT"
}

// indexName puts the index into the database of its table.
func indexName(table, index string) string {
	if i := strings.LastIndexByte(table, '.'); i >= 0 {
		return table[:i+1] + index
	}
	return index
}

// taken reports whether a table or an index is called so; a file is one database.
func taken(db *gorm.DB, _, index string) (found bool, err error) {
	err = db.Raw("SELECT EXISTS (SELECT 1 FROM sqlite_master WHERE name = ? COLLATE NOCASE)", index).Scan(&found).Error
	return found, err
}

// affinity returns the type that SQLite makes of a declared one, by its rules
// (https://sqlite.org/datatype3.html, section 3.1).
func affinity(declared string) string {
	declared = strings.ToUpper(declared)
	has := func(parts ...string) bool {
		for _, part := range parts {
			if strings.Contains(declared, part) {
				return true
			}
		}
		return false
	}
	switch {
	case has("INT"):
		return "INTEGER"
	case has("CHAR", "CLOB", "TEXT"):
		return "TEXT"
	case declared == "" || has("BLOB"):
		return "BLOB"
	case has("REAL", "FLOA", "DOUB"):
		return "REAL"
	}
	return "NUMERIC"
}

// mapColumn maps by affinity. Numbers and times that are stored otherwise than
// in managed tables are converted to what these store wherever they are read,
// compared or sorted, so that all agree, at the price of their indexes.
func mapColumn(f *schema.Field, existing gormstore.Column) (gormstore.Mapped, string) {
	kind := affinity(existing.Type)
	number := kind == "INTEGER" || kind == "REAL" || kind == "NUMERIC"
	wrong := strings.TrimSpace(existing.Type+", which cannot hold a field of type ") + " " + f.Type.String()
	if existing.Generated {
		return gormstore.Mapped{}, "generated, and a field must be written"
	}
	switch {
	case f.Type == record.JSONType && kind == "NUMERIC":
		return gormstore.Mapped{}, strings.TrimSpace(existing.Type + ", in which SQLite changes texts that look like numbers, and a field of type json needs TEXT")
	case f.Type == record.StringType && kind == "TEXT":
		return gormstore.Mapped{Read: "{c} COLLATE BINARY", Indexed: true}, ""
	case (f.Type == record.ListType || f.Type == record.JSONType) && kind == "TEXT":
		return gormstore.Mapped{}, ""
	case f.Type == record.BytesType && kind == "BLOB":
		return gormstore.Mapped{}, ""
	case (f.Type == record.IntType || f.Type == record.BoolType) && (kind == "INTEGER" || kind == "NUMERIC"):
		return gormstore.Mapped{}, ""
	case f.Type == record.FloatType && number:
		return gormstore.Mapped{Read: "CAST({c} AS REAL)"}, ""
	case f.Type == record.DecimalType && number:
		unit := strconv.FormatFloat(math.Pow10(f.Scale), 'f', 1, 64)
		return gormstore.Mapped{Read: "CAST(round({c} * " + unit + ") AS INTEGER)", Write: "{v} / " + unit, Keeps: keepsDigits}, ""
	case f.Type == record.TimeType && kind == "INTEGER":
		return gormstore.Mapped{}, ""
	case f.Type == record.TimeType && (kind == "TEXT" || kind == "NUMERIC"):
		return gormstore.Mapped{Read: "portolan_micros({c})", Write: "portolan_time({v})"}, ""
	}
	return gormstore.Mapped{}, wrong
}

// keepsDigits says it of a decimal in a column of floats.
func keepsDigits(v record.Value) string {
	if n, _ := v.AsDecimal(); n <= -1e15 || n >= 1e15 {
		return "must have at most 15 digits: more are not kept"
	}
	return ""
}

// counts reports whether the column holds whole numbers that can be written.
func counts(existing gormstore.Column) bool {
	return affinity(existing.Type) == "INTEGER" && !existing.Generated
}

// revision tells apart whatever the column may hold.
func revision(name string, existing gormstore.Column) string {
	if counts(existing) {
		return "hex(coalesce(" + name + ", 0))"
	}
	return "hex(" + name + ")"
}

// layouts are the forms of a time that SQLite's own functions read.
var layouts = []string{
	time.RFC3339Nano, "2006-01-02 15:04:05.999999999Z07:00", "2006-01-02 15:04:05.999999999",
	"2006-01-02T15:04:05.999999999", "2006-01-02 15:04", "2006-01-02T15:04", "2006-01-02",
}

// microsOf is the SQL function that reads a time as text, in UTC unless it says
// otherwise, into microseconds. What is no time stays what it is, which reading
// it then reports.
func microsOf(ctx sqlite3.Context, arg ...sqlite3.Value) {
	if arg[0].Type() == sqlite3.TEXT {
		for _, layout := range layouts {
			if t, err := time.Parse(layout, arg[0].Text()); err == nil {
				ctx.ResultInt64(t.UnixMicro())
				return
			}
		}
	}
	ctx.ResultValue(arg[0])
}

// timeOf is the SQL function that writes microseconds as SQLite's own functions
// write a time.
func timeOf(ctx sqlite3.Context, arg ...sqlite3.Value) {
	if arg[0].Type() != sqlite3.INTEGER {
		ctx.ResultValue(arg[0])
		return
	}
	ctx.ResultText(time.UnixMicro(arg[0].Int64()).UTC().Format("2006-01-02 15:04:05.999999"))
}

// tableInfo, indexInfo and columnInfo are what the pragmas return.
type tableInfo struct {
	Name, Type  string
	Notnull, Pk int
	Hidden      int
	HasDefault  bool
}

type indexInfo struct {
	Name    string
	Unique  bool
	Partial bool
}

type columnInfo struct {
	Name string
	Desc bool
	Coll string
}

// describe asks the pragmas; gorm's own look at a table parses the text of its
// CREATE TABLE, which does not know every form.
func describe(db *gorm.DB, table string) (*gormstore.Existing, error) {
	database, name := "main", table
	if i := strings.LastIndexByte(table, '.'); i >= 0 {
		database, name = table[:i], table[i+1:]
	}
	var known int
	err := db.Raw("SELECT count(*) FROM pragma_database_list WHERE name = ? COLLATE NOCASE", database).Scan(&known).Error
	if err == nil && known == 0 {
		return nil, fault.New(fault.Conflict, "sqlite.Ensure", "the table %s cannot be kept: a file is one database, which is called main", table).
			Coded("schema-mismatch").Hinting("leave out %q, or write main in its place", database)
	}
	if err != nil {
		return nil, err
	}
	var strict []bool
	err = db.Raw("SELECT strict FROM pragma_table_list WHERE schema = ? COLLATE NOCASE AND name = ? COLLATE NOCASE", database, name).
		Scan(&strict).Error
	if err != nil || len(strict) == 0 {
		return nil, err
	}
	var columns []tableInfo
	err = db.Raw(`SELECT name, type, "notnull", pk, hidden, dflt_value IS NOT NULL AS has_default
		FROM pragma_table_xinfo(?, ?) ORDER BY cid`, name, database).Scan(&columns).Error
	if err != nil {
		return nil, err
	}
	existing := &gormstore.Existing{Strict: strict[0]}
	for _, column := range columns {
		existing.Columns = append(existing.Columns, gormstore.Column{
			Name: column.Name, Type: column.Type, Key: column.Pk, NotNull: column.Notnull != 0,
			Mandatory: column.Notnull != 0 && !column.HasDefault && column.Hidden == 0,
			Generated: column.Hidden == 2 || column.Hidden == 3,
		})
	}
	existing.Indexes, err = describeIndexes(db, database, name)
	return existing, err
}

func describeIndexes(db *gorm.DB, database, table string) ([]gormstore.Keys, error) {
	var indexes []indexInfo
	err := db.Raw(`SELECT name, "unique", partial FROM pragma_index_list(?, ?)`, table, database).Scan(&indexes).Error
	if err != nil {
		return nil, err
	}
	list := make([]gormstore.Keys, 0, len(indexes))
	for _, index := range indexes {
		var columns []columnInfo
		err := db.Raw(`SELECT coalesce(name, '') AS name, "desc", coll FROM pragma_index_xinfo(?, ?) WHERE key ORDER BY seqno`,
			index.Name, database).Scan(&columns).Error
		if err != nil {
			return nil, err
		}
		keys := gormstore.Keys{Name: index.Name, Unique: index.Unique, Partial: index.Partial}
		for _, column := range columns {
			keys.Columns = append(keys.Columns, column.Name)
			keys.Desc = append(keys.Desc, column.Desc)
			keys.Folded = keys.Folded || column.Coll != "BINARY"
		}
		list = append(list, keys)
	}
	return list, nil
}
