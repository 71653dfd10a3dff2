package sqlserver

import (
	"context"
	"slices"
	"strconv"
	"strings"

	mssql "github.com/microsoft/go-mssqldb"

	"github.com/portolan-io/portolan/adapters/internal/gormstore"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/core/schema"
)

// staging is the table of the session that rows are copied into. Its columns are of
// types which a bulk copy sends as they are: the driver would give those of a varchar
// in UTF-8 the code page of the database.
const staging = "#portolan_load"

// Load copies the rows into the table beside
// (https://learn.microsoft.com/sql/t-sql/statements/bulk-insert-transact-sql), and from
// there puts those whose id no record of the run has. What it finds absent it locks, so
// that nobody stores it before.
func (s *session) Load(ctx context.Context, bulk *gormstore.Bulk) (repeated []int, err error) {
	plan := stage(bulk)
	if err := s.run(ctx, plan.create); err != nil {
		return nil, err
	}
	if repeated, err = s.copyRows(ctx, bulk, plan); err != nil {
		return nil, err
	}
	err = s.rows(ctx, plan.merge, []any{bulk.Run}, func(c *cells) (bool, error) {
		repeated = append(repeated, int(c.Int(0)))
		return true, nil
	})
	slices.Sort(repeated)
	return repeated, err
}

// isKey ends the definition of the column that ids are compared by.
const isKey = " NOT NULL PRIMARY KEY"

// A staged says how rows go into staging and on.
type staged struct {
	columns []string // of staging
	octets  []int    // the columns of the bulk that go there once more, as octets
	create  string
	merge   string
}

// stage plans a load. Column i of the bulk is ci of staging; kj is the text of one as
// octets, which ids are compared by, and which some tables keep. What ids are compared by
// is the key, so that loads look rows up, and lock them, in one order.
func stage(bulk *gormstore.Bulk) *staged {
	p := &staged{columns: []string{"place"}}
	types := []string{"place int NULL"}
	into, from := make([]string, 0, len(bulk.Columns)), make([]string, 0, len(bulk.Columns))
	key := "c" + strconv.Itoa(bulk.ID)
	for i, column := range bulk.Columns {
		name, kept, null := "c"+strconv.Itoa(i), "nvarchar(max)", " NULL"
		if i < len(bulk.Fields) {
			kept = stagedType(&bulk.Fields[i])
		}
		if i == bulk.ID && bulk.Besides[i].Name == "" {
			null = isKey
		}
		p.columns, types = append(p.columns, name), append(types, name+" "+kept+null)
		into, from = append(into, column), append(from, "s."+name)
	}
	for i := range bulk.Fields {
		beside := bulk.Besides[i]
		if beside.Write == "" && (i != bulk.ID || beside.Name == "") {
			continue
		}
		name, size, null := "k"+strconv.Itoa(i), 0, " NULL"
		if i == bulk.ID {
			key, size, null = name, ids, isKey
		}
		p.octets = append(p.octets, i)
		p.columns, types = append(p.columns, name), append(types, name+" "+sized("varbinary", size)+null)
		if beside.Write != "" {
			into, from = append(into, beside.Name), append(from, "s."+name)
		}
	}
	p.create = "IF OBJECT_ID(N'tempdb.." + staging + "') IS NOT NULL DROP TABLE " + staging +
		"; CREATE TABLE " + staging + " (" + strings.Join(types, ", ") + ")"
	p.merge = merge(bulk, key, into, from)
	return p
}

// stagedType returns the type in which values of the field are copied.
func stagedType(f *schema.Field) string {
	switch f.Type {
	case record.StringType, record.ListType, record.JSONType:
		return "nvarchar(max)"
	}
	return scalarType(f)
}

// seeking has the server look rows up by their key, few as they may be among many: else
// it might read, and lock, the whole table.
const seeking = " OPTION (LOOP JOIN)"

// merge returns the statements that put rows from staging into the table. The first
// takes away those that the run stored before, and returns where they are.
func merge(bulk *gormstore.Bulk, key string, into, from []string) string {
	same := "t." + bulk.Key + " = s." + key
	var set []string
	for i, column := range into {
		if i != bulk.ID && column != bulk.Key {
			set = append(set, column+" = "+from[i])
		}
	}
	revision := "t." + bulk.Columns[len(bulk.Columns)-1]
	return "DELETE s OUTPUT deleted.place FROM " + staging + " AS s JOIN " + bulk.Table + " AS t WITH (UPDLOCK, HOLDLOCK) ON " + same +
		" WHERE CHARINDEX(@p1, CAST(" + revision + " AS nvarchar(max))" + inUnits + ") = 1" + seeking + "; " +
		"UPDATE t SET " + strings.Join(set, ", ") + " FROM " + bulk.Table + " AS t WITH (UPDLOCK, HOLDLOCK) JOIN " + staging + " AS s ON " + same + seeking + "; " +
		"INSERT INTO " + bulk.Table + " (" + strings.Join(into, ", ") + ") SELECT " + strings.Join(from, ", ") + " FROM " + staging + " AS s" +
		" WHERE NOT EXISTS (SELECT 1 FROM " + bulk.Table + " AS t WITH (UPDLOCK, HOLDLOCK) WHERE " + same + ")" + seeking
}

// copyRows copies the rows into staging, each id once, and returns where the others are.
func (s *session) copyRows(ctx context.Context, bulk *gormstore.Bulk, plan *staged) (repeated []int, err error) {
	ctx, end := s.within(ctx)
	return repeated, end(func() error {
		copying, err := s.tx.PrepareContext(ctx, mssql.CopyIn(staging, mssql.BulkOptions{}, plan.columns...))
		if err != nil {
			return err
		}
		defer func() { _ = copying.Close() }() // what it has to say it said
		type id struct {
			number int64
			text   string
		}
		seen := make(map[id]bool, bulk.Rows)
		var args []gormstore.Arg
		for i := range bulk.Rows {
			args = bulk.Row(i, args[:0])
			this := id{args[bulk.ID].Int(), args[bulk.ID].Text()}
			if seen[this] {
				repeated = append(repeated, i)
				continue
			}
			seen[this] = true
			if _, err := copying.ExecContext(ctx, plan.row(bulk, i, args)...); err != nil {
				return err
			}
		}
		_, err = copying.ExecContext(ctx)
		return err
	}())
}

// row returns the values of a row of staging.
func (p *staged) row(bulk *gormstore.Bulk, i int, args []gormstore.Arg) []any {
	values := append(make([]any, 0, len(p.columns)), int64(i))
	for j, arg := range args {
		if j < len(bulk.Fields) {
			values = append(values, copied(&bulk.Fields[j], arg))
		} else {
			values = append(values, arg.Text())
		}
	}
	for _, j := range p.octets {
		if args[j].Kind == gormstore.NullKind {
			values = append(values, nil)
		} else {
			values = append(values, []byte(args[j].Text()))
		}
	}
	return values
}
