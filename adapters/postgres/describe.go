package postgres

import (
	"strings"

	"gorm.io/gorm"

	"github.com/portolan-io/portolan/adapters/internal/gormstore"
)

// columnInfo and keyInfo are rows of the catalogue.
type columnInfo struct {
	Name, Type, Collation string
	NotNull, Defaulted    bool
	Written               bool // by the database alone
	Enum                  bool
	Place                 int // in the primary key, from 1 on
}

type keyInfo struct {
	Index, Name, Collation string // Name is empty if it is an expression
	Distinct, Valid        bool
	Immediate              bool // not DEFERRABLE
	Partial                bool
	NotNull                bool
	Options                int // the bits 1 for descending, and 2 for nulls first
}

// theTable finds a table by its name and its schema, which is the current one if
// it is empty.
const theTable = `(SELECT c.oid FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
	WHERE c.relname = ? AND n.nspname = coalesce(nullif(?, ''), current_schema()) AND c.relkind IN ('r', 'p', 'f', 'v', 'm'))`

// describe asks the catalogue (https://www.postgresql.org/docs/current/catalogs.html).
func describe(db *gorm.DB, table string) (*gormstore.Existing, error) {
	schema, name := cutSchema(table)
	usual, err := usualCollation(db)
	if err != nil {
		return nil, err
	}
	var columns []columnInfo
	err = db.Raw(`SELECT a.attname AS name, format_type(a.atttypid, a.atttypmod) AS type, coalesce(l.collname, '') AS collation,
			a.attnotnull AS not_null, a.atthasdef OR a.attidentity <> '' AS defaulted, a.attgenerated <> '' OR a.attidentity = 'a' AS written,
			t.typtype = 'e' AS enum, coalesce(array_position(i.indkey::int2[], a.attnum) + 1, 0) AS place
		FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid LEFT JOIN pg_collation l ON l.oid = a.attcollation
			LEFT JOIN pg_index i ON i.indrelid = a.attrelid AND i.indisprimary AND i.indimmediate
		WHERE a.attrelid = `+theTable+` AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum`, name, schema).Scan(&columns).Error
	if err != nil || len(columns) == 0 {
		return nil, err
	}
	existing := &gormstore.Existing{Strict: true}
	for _, c := range columns {
		if sortsOctets(c.Collation, usual) {
			c.Type += byOctets
		}
		existing.Columns = append(existing.Columns, gormstore.Column{
			Name: c.Name, Type: c.Type, Key: c.Place, Enum: c.Enum, NotNull: c.NotNull,
			Mandatory: c.NotNull && !c.Defaulted && !c.Written, Generated: c.Written,
		})
	}
	existing.Columns = append(existing.Columns, gormstore.Column{Name: "xmin", Type: "xid", Generated: true})
	existing.Indexes, err = describeIndexes(db, name, schema, usual)
	return existing, err
}

// cutSchema splits the name of a table into its schema, if one is named, and the rest.
func cutSchema(table string) (schema, name string) {
	if i := strings.LastIndexByte(table, '.'); i >= 0 {
		return table[:i], table[i+1:]
	}
	return "", table
}

// usualCollation returns that of texts of which nothing else is said. The provider
// is a column since PostgreSQL 15.
func usualCollation(db *gorm.DB) (name string, err error) {
	err = db.Raw(`SELECT CASE WHEN coalesce(to_jsonb(d) ->> 'datlocprovider', 'c') = 'c' THEN d.datcollate ELSE '' END
		FROM pg_database d WHERE d.datname = current_database()`).Scan(&name).Error
	return name, err
}

// sortsOctets reports whether texts of the collation are sorted by their octets.
func sortsOctets(collation, usual string) bool {
	if collation == "default" {
		collation = usual
	}
	return collation == "C" || collation == "POSIX" || collation == "ucs_basic"
}

// describeIndexes returns the B-trees of the table.
func describeIndexes(db *gorm.DB, name, schema, usual string) ([]gormstore.Keys, error) {
	var keys []keyInfo
	err := db.Raw(`SELECT x.relname AS index, coalesce(a.attname, '') AS name, coalesce(l.collname, '') AS collation,
			i.indisunique AS distinct, i.indisvalid AS valid, i.indimmediate AS immediate, i.indpred IS NOT NULL AS partial, coalesce(a.attnotnull, false) AS not_null, i.indoption[k.n] AS options
		FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid JOIN pg_am m ON m.oid = x.relam AND m.amname = 'btree'
			CROSS JOIN LATERAL generate_series(0, i.indnkeyatts - 1) AS k (n)
			LEFT JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[k.n] AND a.attnum > 0
			LEFT JOIN pg_collation l ON l.oid = i.indcollation[k.n]
		WHERE i.indrelid = `+theTable+` ORDER BY x.relname, k.n`, name, schema).Scan(&keys).Error
	if err != nil {
		return nil, err
	}
	var list []gormstore.Keys
	for i, key := range keys {
		if i == 0 || keys[i-1].Index != key.Index {
			list = append(list, gormstore.Keys{Name: key.Index, Unique: key.Distinct && key.Valid && key.Immediate, Deferred: key.Distinct && !key.Immediate,
				Partial: key.Partial, Unordered: !key.Valid})
		}
		last := &list[len(list)-1]
		last.Columns = append(last.Columns, key.Name)
		last.Desc = append(last.Desc, key.Options&1 != 0)
		last.Unordered = last.Unordered || key.Collation != "" && !sortsOctets(key.Collation, usual) || !nullsFit(key)
	}
	return list, nil
}

// taken reports whether a table, an index or the like is called so in the table's
// schema.
func taken(db *gorm.DB, table, index string) (found bool, err error) {
	schema, _ := cutSchema(table)
	err = db.Raw(`SELECT EXISTS (SELECT 1 FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE c.relname = ? AND n.nspname = coalesce(nullif(?, ''), current_schema()))`, index, schema).Scan(&found).Error
	return found, err
}

// nullsFit reports whether nulls are where our orders have them: before every
// other value, or nowhere and then as PostgreSQL has them if nothing is said.
func nullsFit(key keyInfo) bool {
	switch key.Options {
	case 1, 2:
		return true
	}
	return key.NotNull
}
