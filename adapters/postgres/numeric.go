package postgres

import (
	"encoding/binary"
	"math"
	"math/bits"
)

// A numeric on the wire is four numbers of 16 bits, how many digits there are, the
// weight of the first, the sign and how many decimals are shown, and then the digits,
// of base 10,000: the first of weight w counts 10,000 to the power of w.

// negative is the sign of numbers below zero.
const negative = 0x4000

// powers are those of ten.
var powers = func() (list [19]uint64) {
	list[0] = 1
	for i := 1; i < len(list); i++ {
		list[i] = 10 * list[i-1]
	}
	return list
}()

// appendNumeric appends a decimal of at most 18 digits behind the point.
func appendNumeric(dst []byte, unscaled int64, scale int) []byte {
	rest, sign := uint64(unscaled), uint16(0)
	if unscaled < 0 {
		rest, sign = -rest, negative
	}
	var digits [10]uint16 // the last one first; 19 decimals and those that fill up
	count, weight := 0, -(scale+3)/4
	for decimals := scale % 4; rest > 0; decimals = 4 {
		if decimals == 0 {
			decimals = 4
		}
		digit := rest % powers[decimals] * powers[4-decimals] // the last one is filled up
		rest /= powers[decimals]
		if digit == 0 && count == 0 { // zeros behind the last digit are left out
			weight++
			continue
		}
		digits[count] = uint16(digit)
		count++
	}
	if count == 0 {
		weight = 0
	}
	dst = binary.BigEndian.AppendUint16(dst, uint16(count))
	dst = binary.BigEndian.AppendUint16(dst, uint16(int16(max(weight+count-1, weight))))
	dst = binary.BigEndian.AppendUint16(dst, sign)
	dst = binary.BigEndian.AppendUint16(dst, uint16(scale))
	for i := count - 1; i >= 0; i-- {
		dst = binary.BigEndian.AppendUint16(dst, digits[i])
	}
	return dst
}

// numeric reads a decimal without its point, and whether it is a number that fits.
func numeric(value []byte) (unscaled int64, fits bool) {
	if len(value) < 8 || len(value) != 8+2*int(binary.BigEndian.Uint16(value)) {
		return 0, false
	}
	weight, sign := int(int16(binary.BigEndian.Uint16(value[2:]))), binary.BigEndian.Uint16(value[4:])
	scale := int(binary.BigEndian.Uint16(value[6:]))
	if sign != 0 && sign != negative { // not a number, or infinite
		return 0, false
	}
	var sum uint64
	for i, digits := 0, value[8:]; len(digits) > 0; i, digits = i+1, digits[2:] {
		digit := uint64(binary.BigEndian.Uint16(digits))
		place := 4*(weight-i) + scale // of the digit's last decimal, in digits of the result
		switch {
		case digit == 0:
			continue
		case place <= -4:
			return 0, false
		case place < 0:
			digit /= powers[-place] // what is behind the scale is not shown, and zero
		case place >= len(powers):
			return 0, false
		default:
			high, low := bits.Mul64(digit, powers[place])
			if high != 0 {
				return 0, false
			}
			digit = low
		}
		if sum += digit; sum > math.MaxInt64 || digit > math.MaxInt64 {
			return 0, false
		}
	}
	if sign == negative {
		return -int64(sum), true
	}
	return int64(sum), true
}
