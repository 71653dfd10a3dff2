package postgres

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/jackc/pgx/v5/pgtype"
)

// TestNumeric writes decimals as the library does, and reads them back.
func TestNumeric(t *testing.T) {
	numbers := []int64{0, 1, -1, 9, 10, 9999, 10_000, 10_001, 99_999_999, 100_000_000, 12_340_000, 999_999_999_999_999_999, -999_999_999_999_999_999, math.MaxInt64, -math.MaxInt64}
	for range 2000 {
		size := rand.IntN(63)
		numbers = append(numbers, rand.Int64N(1<<size), -rand.Int64N(1<<size))
	}
	types := pgtype.NewMap()
	for _, n := range numbers {
		for scale := range 19 {
			got := appendNumeric(nil, n, scale)
			var read pgtype.Numeric
			if err := types.Scan(pgtype.NumericOID, pgtype.BinaryFormatCode, got, &read); err != nil {
				t.Fatalf("%d of scale %d: %v", n, scale, err)
			}
			want, err := types.Encode(pgtype.NumericOID, pgtype.TextFormatCode, read, nil)
			if err != nil {
				t.Fatal(err)
			}
			if text := decimalText(n, scale); !same(t, types, string(want), text) {
				t.Errorf("%d of scale %d is %s, want %s", n, scale, want, text)
			}
			if back, fits := numeric(got); !fits || back != n {
				t.Errorf("%d of scale %d came back as %d, %v", n, scale, back, fits)
			}
		}
	}
}

// decimalText returns the decimal in digits.
func decimalText(unscaled int64, scale int) string {
	digits := []byte{}
	negative, rest := unscaled < 0, uint64(unscaled)
	if negative {
		rest = -rest
	}
	for i := 0; rest > 0 || i <= scale; i++ {
		if i == scale && scale > 0 {
			digits = append([]byte{'.'}, digits...)
		}
		digits = append([]byte{byte('0' + rest%10)}, digits...)
		rest /= 10
	}
	if negative {
		digits = append([]byte{'-'}, digits...)
	}
	return string(digits)
}

// same reports whether two texts are the same number.
func same(t *testing.T, types *pgtype.Map, a, b string) bool {
	t.Helper()
	var x, y pgtype.Numeric
	for text, to := range map[string]*pgtype.Numeric{a: &x, b: &y} {
		if err := types.Scan(pgtype.NumericOID, pgtype.TextFormatCode, []byte(text), to); err != nil {
			t.Fatal(err)
		}
	}
	if a == b {
		return true
	}
	f, err := x.Float64Value()
	if err != nil {
		t.Fatal(err)
	}
	g, err := y.Float64Value()
	if err != nil {
		t.Fatal(err)
	}
	return f == g
}

// TestNumericRefused shows what is no decimal that fits.
func TestNumericRefused(t *testing.T) {
	wire := func(weight int16, sign, scale uint16, digits ...uint16) []byte {
		dst := binary.BigEndian.AppendUint16(nil, uint16(len(digits)))
		dst = binary.BigEndian.AppendUint16(dst, uint16(weight))
		dst = binary.BigEndian.AppendUint16(dst, sign)
		dst = binary.BigEndian.AppendUint16(dst, scale)
		for _, digit := range digits {
			dst = binary.BigEndian.AppendUint16(dst, digit)
		}
		return dst
	}
	for name, value := range map[string][]byte{
		"nothing": nil, "cut off": wire(0, 0, 0, 1)[:9], "not a number": wire(0, 0xC000, 0), "infinite": wire(0, 0xD000, 0),
		"20 digits": wire(4, 0, 0, 9999, 0, 0, 0, 0), "40 digits": wire(9, 0, 2, 1), "a little too large": wire(4, 0, 0, 922, 3372, 368, 5477, 5808),
	} {
		if n, fits := numeric(value); fits {
			t.Errorf("%s is %d", name, n)
		}
	}
	if n, fits := numeric(wire(4, 0, 0, 922, 3372, 368, 5477, 5807)); !fits || n != math.MaxInt64 {
		t.Errorf("the largest is %d, %v", n, fits)
	}
}
