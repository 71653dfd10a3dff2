package postgres

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"
	"strings"

	"github.com/jackc/pgx/v5/pgtype"

	"github.com/portolan-io/portolan/adapters/internal/gormstore"
)

// encoded are the values of parameters in the binary format, in one piece of
// memory that is used again.
type encoded struct {
	octets []byte
	ends   []int
	values [][]byte
}

// encode returns the values as parameters of the types. They are valid until the
// next call.
func (e *encoded) encode(types []uint32, args []gormstore.Arg) ([][]byte, error) {
	if e.octets == nil {
		e.octets = make([]byte, 0, 64) // of no memory at all an empty value would be a piece that is nil, and so null
	}
	e.octets, e.ends, e.values = e.octets[:0], e.ends[:0], e.values[:0]
	var err error
	for i, arg := range args {
		if e.octets, err = appendArg(e.octets, types[i], arg); err != nil {
			return nil, err
		}
		e.ends = append(e.ends, len(e.octets))
	}
	begin := 0
	for i, end := range e.ends {
		if args[i].Kind == gormstore.NullKind {
			e.values = append(e.values, nil)
		} else {
			e.values = append(e.values, e.octets[begin:end:end])
		}
		begin = end
	}
	return e.values, nil
}

// epoch is 2000-01-01 in microseconds of Unix time: what PostgreSQL counts from.
const epoch = 946_684_800_000_000

// appendArg appends the value in the binary format of the type, which every
// server has: what the type's send function makes
// (https://www.postgresql.org/docs/current/protocol-overview.html#PROTOCOL-FORMAT-CODES).
func appendArg(dst []byte, oid uint32, arg gormstore.Arg) ([]byte, error) {
	switch arg.Kind {
	case gormstore.NullKind:
		return dst, nil
	case gormstore.TextKind, gormstore.BlobKind:
		switch oid {
		case pgtype.JSONBOID:
			dst = append(dst, 1) // the version of the format
		case pgtype.UUIDOID:
			return hex.AppendDecode(dst, []byte(strings.ReplaceAll(arg.Text(), "-", "")))
		}
		return append(dst, arg.Text()...), nil
	case gormstore.FloatKind:
		if oid == pgtype.Float4OID {
			return binary.BigEndian.AppendUint32(dst, math.Float32bits(float32(arg.Float()))), nil
		}
		return binary.BigEndian.AppendUint64(dst, math.Float64bits(arg.Float())), nil
	}
	n := arg.Int()
	switch oid {
	case pgtype.BoolOID:
		return append(dst, byte(n)), nil
	case pgtype.Int8OID:
		return binary.BigEndian.AppendUint64(dst, uint64(n)), nil
	case pgtype.Int4OID:
		if n != int64(int32(n)) {
			return nil, errRange
		}
		return binary.BigEndian.AppendUint32(dst, uint32(n)), nil
	case pgtype.Int2OID:
		if n != int64(int16(n)) {
			return nil, errRange
		}
		return binary.BigEndian.AppendUint16(dst, uint16(n)), nil
	case pgtype.TimestamptzOID, pgtype.TimestampOID:
		return binary.BigEndian.AppendUint64(dst, uint64(n-epoch)), nil
	case pgtype.NumericOID:
		return appendNumeric(dst, n, arg.Scale()), nil
	}
	return nil, fmt.Errorf("a parameter is of the type %d, for which there are no whole numbers", oid)
}
