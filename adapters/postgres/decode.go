package postgres

import (
	"encoding/binary"
	"math"

	"github.com/jackc/pgx/v5/pgtype"

	"github.com/portolan-io/portolan/adapters/internal/gormstore"
)

// A cell is how the values of a column are read.
type cell struct {
	kind gormstore.Kind
	form form
}

// A form is the binary format of a type, as far as it is not that of its kind.
type form uint8

const (
	plain   form = iota // of as many octets as there are
	instant             // microseconds since 2000
	decimal             // numeric
	jsonb               // behind its version
)

var forms = map[uint32]cell{
	pgtype.BoolOID: {kind: gormstore.IntKind}, pgtype.Int2OID: {kind: gormstore.IntKind},
	pgtype.Int4OID: {kind: gormstore.IntKind}, pgtype.Int8OID: {kind: gormstore.IntKind},
	pgtype.Float4OID: {kind: gormstore.FloatKind}, pgtype.Float8OID: {kind: gormstore.FloatKind},
	pgtype.TimestampOID: {gormstore.IntKind, instant}, pgtype.TimestamptzOID: {gormstore.IntKind, instant},
	pgtype.NumericOID: {gormstore.IntKind, decimal},
	pgtype.TextOID:    {kind: gormstore.TextKind}, pgtype.VarcharOID: {kind: gormstore.TextKind},
	pgtype.NameOID: {kind: gormstore.TextKind}, pgtype.JSONOID: {kind: gormstore.TextKind},
	pgtype.UnknownOID: {kind: gormstore.TextKind}, pgtype.JSONBOID: {gormstore.TextKind, jsonb},
}

// cellOf returns how values of the type are read; one that no field is of is
// octets.
func cellOf(oid uint32) cell {
	if known, ok := forms[oid]; ok {
		return known
	}
	return cell{kind: gormstore.BlobKind}
}

// cells reads a row, in which a null is nil.
type cells struct {
	values [][]byte
	cells  []cell
}

// Kind returns how the value is stored. A number or a time that no field can hold
// is octets, and so is reported as what it is.
func (c cells) Kind(i int) gormstore.Kind {
	value := c.values[i]
	switch {
	case value == nil:
		return gormstore.NullKind
	case c.cells[i].form == instant && !finite(value):
		return gormstore.BlobKind
	case c.cells[i].form == decimal:
		if _, fits := numeric(value); !fits {
			return gormstore.BlobKind
		}
	}
	return c.cells[i].kind
}

// finite reports whether the time is neither infinity.
func finite(value []byte) bool {
	n := int64(binary.BigEndian.Uint64(value))
	return n != math.MaxInt64 && n != math.MinInt64
}

// Int returns a number, a bool, a time in microseconds or a decimal without its
// point.
func (c cells) Int(i int) int64 {
	value := c.values[i]
	switch c.cells[i].form {
	case decimal:
		n, _ := numeric(value)
		return n
	case instant:
		return int64(binary.BigEndian.Uint64(value)) + epoch
	}
	switch len(value) {
	case 1:
		return int64(value[0])
	case 2:
		return int64(int16(binary.BigEndian.Uint16(value)))
	case 4:
		return int64(int32(binary.BigEndian.Uint32(value)))
	}
	return int64(binary.BigEndian.Uint64(value))
}

// Float returns a float of either size.
func (c cells) Float(i int) float64 {
	if value := c.values[i]; len(value) == 8 {
		return math.Float64frombits(binary.BigEndian.Uint64(value))
	}
	return float64(math.Float32frombits(binary.BigEndian.Uint32(c.values[i])))
}

// Bytes returns a text or octets.
func (c cells) Bytes(i int) []byte {
	if c.cells[i].form == jsonb {
		return c.values[i][1:]
	}
	return c.values[i]
}
