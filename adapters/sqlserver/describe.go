package sqlserver

import (
	"strconv"
	"strings"

	"gorm.io/gorm"

	"github.com/portolan-io/portolan/adapters/internal/gormstore"
)

// columnInfo and keyInfo are rows of the catalogue views.
type columnInfo struct {
	Name, Type, Collation string
	Octets                int // how many a value has at most, or -1
	Digits, Scale         int
	Nullable, Defaulted   bool
	Written               bool // by the database alone
	Place                 int  // in the primary key, from 1 on
}

type keyInfo struct {
	Index, Name, Collation    string
	Distinct, Partial, Backed bool // Backed is the other way round
}

// theTable finds a table or a view by its name and its schema, which is the user's own
// if it is empty.
const theTable = `(SELECT o.object_id FROM sys.objects AS o JOIN sys.schemas AS s ON s.schema_id = o.schema_id
	WHERE o.name = ? AND s.name = coalesce(nullif(?, N''), SCHEMA_NAME()) AND o.type IN ('U', 'V'))`

const theColumns = `SELECT c.name AS [name], TYPE_NAME(c.system_type_id) AS [type], coalesce(c.collation_name, '') AS [collation],
		CAST(c.max_length AS int) AS [octets], CAST(c.precision AS int) AS [digits], CAST(c.scale AS int) AS [scale],
		c.is_nullable AS [nullable], CAST(CASE WHEN c.default_object_id <> 0 THEN 1 ELSE 0 END AS bit) AS [defaulted],
		CAST(CASE WHEN c.is_computed = 1 OR c.is_identity = 1 OR c.generated_always_type <> 0 THEN 1 ELSE 0 END AS bit) AS [written],
		coalesce((SELECT CAST(k.key_ordinal AS int) FROM sys.indexes AS i JOIN sys.index_columns AS k
			ON k.object_id = i.object_id AND k.index_id = i.index_id
			WHERE i.object_id = c.object_id AND i.is_primary_key = 1 AND k.column_id = c.column_id), 0) AS [place]
	FROM sys.columns AS c WHERE c.object_id = ` + theTable + ` ORDER BY c.column_id`

const theKeys = `SELECT i.name AS [index], c.name AS [name], coalesce(c.collation_name, '') AS [collation],
		i.is_unique AS [distinct], i.has_filter AS [partial], k.is_descending_key AS [backed]
	FROM sys.indexes AS i JOIN sys.index_columns AS k ON k.object_id = i.object_id AND k.index_id = i.index_id
		JOIN sys.columns AS c ON c.object_id = k.object_id AND c.column_id = k.column_id
	WHERE i.type IN (1, 2) AND i.is_disabled = 0 AND i.is_hypothetical = 0 AND k.key_ordinal > 0
		AND i.object_id = ` + theTable + ` ORDER BY i.name, k.key_ordinal`

// describe asks the catalogue views. A column of octets stands for that of the text.
func describe(db *gorm.DB, table string) (*gormstore.Existing, error) {
	schema, name := "", table
	if i := strings.LastIndexByte(table, '.'); i >= 0 {
		schema, name = table[:i], table[i+1:]
	}
	var columns []columnInfo
	if err := db.Raw(theColumns, name, schema).Scan(&columns).Error; err != nil || len(columns) == 0 {
		return nil, err
	}
	places := map[string]int{}
	for _, c := range columns {
		if text, ok := strings.CutSuffix(c.Name, octetsSuffix); ok {
			places[text] = c.Place
		}
	}
	existing := &gormstore.Existing{Strict: true}
	for _, c := range columns {
		if strings.HasSuffix(c.Name, octetsSuffix) {
			continue
		}
		stamp := c.Type == "timestamp"
		existing.Columns = append(existing.Columns, gormstore.Column{
			Name: c.Name, Type: c.declared(), Key: max(c.Place, places[c.Name]), NotNull: !c.Nullable,
			Mandatory: !c.Nullable && !c.Defaulted && !c.Written && !stamp, Generated: c.Written || stamp,
		})
	}
	var err error
	existing.Indexes, err = describeIndexes(db, name, schema)
	return existing, err
}

// declared returns the type as it is written in CREATE TABLE.
func (c *columnInfo) declared() string {
	switch c.Type {
	case "timestamp":
		return "rowversion"
	case "float":
		if c.Digits <= 24 {
			return "real"
		}
	case "decimal", "numeric":
		return c.Type + "(" + strconv.Itoa(c.Digits) + "," + strconv.Itoa(c.Scale) + ")"
	case "datetime2", "datetimeoffset", "time":
		return c.Type + "(" + strconv.Itoa(c.Scale) + ")"
	case "varchar", "char":
		return sized(c.Type, max(c.Octets, 0)) + " COLLATE " + c.Collation
	case "nvarchar", "nchar":
		return sized(c.Type, max(c.Octets, 0)/2) + " COLLATE " + c.Collation
	case "varbinary", "binary":
		return sized(c.Type, max(c.Octets, 0))
	}
	return c.Type
}

func describeIndexes(db *gorm.DB, name, schema string) ([]gormstore.Keys, error) {
	var keys []keyInfo
	if err := db.Raw(theKeys, name, schema).Scan(&keys).Error; err != nil {
		return nil, err
	}
	var list []gormstore.Keys
	for i, key := range keys {
		if i == 0 || keys[i-1].Index != key.Index {
			list = append(list, gormstore.Keys{Name: key.Index, Unique: key.Distinct, Partial: key.Partial})
		}
		last := &list[len(list)-1]
		last.Columns = append(last.Columns, strings.TrimSuffix(key.Name, octetsSuffix))
		last.Desc = append(last.Desc, key.Backed)
		last.Unordered = last.Unordered || key.Collation != ""
	}
	return list, nil
}
