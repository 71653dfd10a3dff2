package sqlserver

import (
	"database/sql"
	"strconv"
	"strings"
	"time"

	mssql "github.com/microsoft/go-mssqldb"

	"github.com/portolan-io/portolan/adapters/internal/gormstore"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/core/schema"
)

// parameters returns the args as the driver takes them. Texts become nvarchar and
// octets varbinary; null has a type, as the driver declares one that has none as
// nvarchar(1). It declares texts as long as they are, and the server makes a plan for
// each declaration: those of wide statements, which have many, are all nvarchar(max).
func parameters(args []gormstore.Arg, wide bool) []any {
	values := make([]any, len(args))
	for i, arg := range args {
		switch arg.Kind {
		case gormstore.NullKind:
			values[i] = sql.NullString{}
		case gormstore.IntKind:
			values[i] = arg.Int()
			if arg.Scale() > 0 {
				values[i] = string(record.AppendDecimal(nil, arg.Int(), arg.Scale()))
			}
		case gormstore.FloatKind:
			values[i] = arg.Float()
		case gormstore.TextKind:
			values[i] = arg.Text()
		default:
			values[i] = []byte(arg.Text())
		}
		if text, ok := values[i].(string); ok && wide {
			values[i] = mssql.NVarCharMax(text)
		}
	}
	return values
}

// copied returns a value of the field as a bulk copy takes it.
func copied(f *schema.Field, arg gormstore.Arg) any {
	switch {
	case arg.Kind == gormstore.NullKind:
		return nil
	case f.Type == record.BoolType:
		return arg.Int() != 0
	case f.Type == record.TimeType:
		return time.UnixMicro(arg.Int()).UTC()
	case f.Type == record.DecimalType:
		return string(record.AppendDecimal(nil, arg.Int(), arg.Scale()))
	case arg.Kind == gormstore.IntKind:
		return arg.Int()
	case arg.Kind == gormstore.FloatKind:
		return arg.Float()
	case arg.Kind == gormstore.BlobKind:
		return []byte(arg.Text())
	}
	return arg.Text()
}

// cells are a row, whose values are those that the driver makes of a type. Decimals
// it gives as text.
type cells struct {
	values  []any
	decimal []bool // by column
}

func newCells(types []*sql.ColumnType) *cells {
	c := &cells{values: make([]any, len(types)), decimal: make([]bool, len(types))}
	for i, t := range types {
		switch t.DatabaseTypeName() {
		case "DECIMAL", "MONEY", "SMALLMONEY":
			c.decimal[i] = true
		}
	}
	return c
}

// into returns where a row is scanned to.
func (c *cells) into() []any {
	places := make([]any, len(c.values))
	for i := range c.values {
		places[i] = &c.values[i]
	}
	return places
}

// Kind returns how the value is stored. A number that no field can hold is octets, and
// so is reported as what it is.
func (c *cells) Kind(i int) gormstore.Kind {
	switch v := c.values[i].(type) {
	case nil:
		return gormstore.NullKind
	case int64, bool, time.Time:
		return gormstore.IntKind
	case float64:
		return gormstore.FloatKind
	case string:
		return gormstore.TextKind
	case []byte:
		if _, fits := unscaled(v); c.decimal[i] && fits {
			return gormstore.IntKind
		}
	}
	return gormstore.BlobKind
}

// Int returns a number, a bool, a time in microseconds or a decimal without its point.
func (c *cells) Int(i int) int64 {
	switch v := c.values[i].(type) {
	case int64:
		return v
	case bool:
		if v {
			return 1
		}
	case time.Time:
		return v.UnixMicro()
	case []byte:
		n, _ := unscaled(v)
		return n
	}
	return 0
}

// unscaled reads a decimal without its point, and whether it is a number that fits.
func unscaled(text []byte) (n int64, fits bool) {
	n, err := strconv.ParseInt(strings.Replace(string(text), ".", "", 1), 10, 64)
	return n, err == nil
}

// Float returns a float.
func (c *cells) Float(i int) float64 {
	f, _ := c.values[i].(float64)
	return f
}

// Bytes returns a text or octets.
func (c *cells) Bytes(i int) []byte {
	switch v := c.values[i].(type) {
	case string:
		return []byte(v)
	case []byte:
		return v
	}
	return nil
}
