package repository

import (
	"encoding/base64"
	"encoding/binary"
	"hash/crc32"
	"math"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/query"
	"github.com/portolan-io/portolan/core/record"
)

// EncodeCursor returns the cursor of the page that begins behind the record
// whose values of the query's Order are last, in the order of its keys. Stores
// that page by keyset make their cursors with it, so that these agree.
func EncodeCursor(q query.Query, last []record.Value) string {
	raw := make([]byte, crc32.Size, 32)
	for _, v := range last {
		raw = appendCursorValue(raw, v)
	}
	binary.BigEndian.PutUint32(raw, cursorSum(q, raw[crc32.Size:]))
	return base64.RawURLEncoding.EncodeToString(raw)
}

// DecodeCursor returns the values that EncodeCursor was given for a query of
// the same collection and order as q, out of q.After. It returns fault.Invalid
// with the code bad-cursor for every other text. It guards against mistakes,
// not against forgers: a forged cursor is at worst another place in the order.
func DecodeCursor(op string, q query.Query) ([]record.Value, error) {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(q.After)
	if err != nil || strings.ContainsAny(q.After, "\r\n") || // which base64 skips
		len(raw) < crc32.Size || binary.BigEndian.Uint32(raw) != cursorSum(q, raw[crc32.Size:]) {
		return nil, badCursor(op)
	}
	rest, values := raw[crc32.Size:], make([]record.Value, len(q.Order))
	for i, key := range q.Order {
		field := &q.Collection.Fields[key.Field]
		v, tail, ok := cutCursorValue(rest, field.Type, field.Scale)
		if !ok {
			return nil, badCursor(op)
		}
		values[i], rest = v, tail
	}
	if len(rest) > 0 {
		return nil, badCursor(op)
	}
	return values, nil
}

func badCursor(op string) error {
	return fault.New(fault.Invalid, op, "the cursor is not one of this query").Coded("bad-cursor").
		Hinting("use the cursor of the page before as it was given, with the same query, or begin without one")
}

// cursorSum is the checksum of a cursor's values and of all that they depend on.
func cursorSum(q query.Query, values []byte) uint32 {
	text := append([]byte(q.Collection.Name), 0)
	for _, key := range q.Order {
		field := &q.Collection.Fields[key.Field]
		text = append(text, field.Name...)
		text = append(text, 0, byte(field.Type), byte(field.Scale), 0)
		if key.Desc {
			text[len(text)-1] = 1
		}
	}
	return crc32.Update(crc32.ChecksumIEEE(text), crc32.IEEETable, values)
}

// appendCursorValue appends 0 for null, else 1 and the value.
func appendCursorValue(dst []byte, v record.Value) []byte {
	if v.IsNull() {
		return append(dst, 0)
	}
	dst = append(dst, 1)
	switch v.Type() {
	case record.BoolType:
		if v.AsBool() {
			return append(dst, 1)
		}
		return append(dst, 0)
	case record.FloatType:
		return binary.BigEndian.AppendUint64(dst, math.Float64bits(v.AsFloat()))
	case record.DecimalType:
		unscaled, _ := v.AsDecimal()
		return binary.AppendVarint(dst, unscaled)
	case record.TimeType:
		return binary.AppendVarint(dst, v.AsMicros())
	case record.IntType:
		return binary.AppendVarint(dst, v.AsInt())
	}
	dst = binary.AppendUvarint(dst, uint64(len(v.AsString())))
	return append(dst, v.AsString()...)
}

// cutCursorValue reads what appendCursorValue wrote for a value of the type.
func cutCursorValue(src []byte, t record.Type, scale int) (v record.Value, rest []byte, ok bool) {
	if len(src) == 0 || src[0] > 1 {
		return v, nil, false
	}
	present, src := src[0] == 1, src[1:]
	if !present {
		return record.Null, src, true
	}
	switch t {
	case record.BoolType:
		if len(src) == 0 || src[0] > 1 {
			return v, nil, false
		}
		return record.Bool(src[0] == 1), src[1:], true
	case record.FloatType:
		if len(src) < 8 {
			return v, nil, false
		}
		f := math.Float64frombits(binary.BigEndian.Uint64(src))
		return record.Float(f), src[8:], !math.IsNaN(f) && !math.IsInf(f, 0)
	case record.IntType, record.DecimalType, record.TimeType:
		n, size := binary.Varint(src)
		if size <= 0 {
			return v, nil, false
		}
		return numberValue(n, t, scale), src[size:], t != record.TimeType || earliest <= n && n <= latest
	case record.StringType:
		n, size := binary.Uvarint(src)
		if size <= 0 || n > uint64(len(src)-size) {
			return v, nil, false
		}
		text := src[size : size+int(n)]
		return record.String(string(text)), src[size+int(n):], utf8.Valid(text)
	}
	return v, nil, false // no other type has an order
}

func numberValue(n int64, t record.Type, scale int) record.Value {
	switch t {
	case record.DecimalType:
		return record.Decimal(n, scale)
	case record.TimeType:
		return record.Micros(n)
	}
	return record.Int(n)
}

// The first and the last instant that a time value can be, of the years 1 and 9999.
var (
	earliest = time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC).UnixMicro()
	latest   = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC).UnixMicro() - 1
)
