package record

import "math"

// A Fit says how a number fits what it is to become.
type Fit uint8

// The fits.
const (
	Fits     Fit = iota // exactly
	NoNumber            // the text is not a number as JSON writes them
	TooFine             // it has digits behind the last one that can be kept
	TooLarge            // it is beyond the range
)

// ParseScaled returns the JSON number text × 10^scale as an integer, exactly
// or not at all. With scale 0 it reads ints, whatever their notation: 1e3 is
// 1000 and 10.0 is 10. -0 is 0.
func ParseScaled(text string, scale int) (int64, Fit) {
	if text == "" || numberLength(text) != len(text) {
		return 0, NoNumber
	}
	number := text
	negative := number[0] == '-'
	if negative {
		number = number[1:]
	}
	mantissa, exponent := splitExponent(number)
	significant, fraction := measure(mantissa)
	if significant == 0 {
		return 0, Fits
	}
	shift := exponent + scale - fraction
	if shift < 0 {
		return 0, TooFine
	}
	magnitude, ok := magnitudeOf(mantissa[:significant], shift)
	switch {
	case !ok, negative && magnitude > 1<<63, !negative && magnitude > math.MaxInt64:
		return 0, TooLarge
	case negative:
		return int64(-magnitude), Fits
	}
	return int64(magnitude), Fits
}

// splitExponent splits a number without sign. An exponent beyond ±2^40, which
// no text that fits memory makes up for, is that.
func splitExponent(number string) (mantissa string, exponent int) {
	for i := range len(number) {
		if number[i] != 'e' && number[i] != 'E' {
			continue
		}
		mantissa, number = number[:i], number[i+1:]
		negative := number[0] == '-'
		if negative || number[0] == '+' {
			number = number[1:]
		}
		for j := range len(number) {
			exponent = min(exponent*10+int(number[j]-'0'), 1<<40)
		}
		if negative {
			exponent = -exponent
		}
		return mantissa, exponent
	}
	return number, 0
}

// measure returns the length of the mantissa up to its last digit that is not
// zero, 0 if all are, and how many digits of that stand behind the point,
// negative if zeros of the integer part were left off.
func measure(mantissa string) (significant, fraction int) {
	point := len(mantissa)
	for i := range len(mantissa) {
		switch {
		case mantissa[i] == '.':
			point = i
		case mantissa[i] != '0':
			significant = i + 1
		}
	}
	if significant > point {
		return significant, significant - point - 1
	}
	return significant, significant - point
}

// magnitudeOf returns the digits of the mantissa × 10^shift, and false if that
// is beyond 64 bits.
func magnitudeOf(mantissa string, shift int) (uint64, bool) {
	const most = math.MaxUint64 / 10
	var magnitude uint64
	for i := range len(mantissa) {
		if mantissa[i] == '.' {
			continue
		}
		digit := uint64(mantissa[i] - '0')
		if magnitude > most || magnitude == most && digit > math.MaxUint64%10 {
			return 0, false
		}
		magnitude = magnitude*10 + digit
	}
	for ; shift > 0; shift-- {
		if magnitude > most {
			return 0, false
		}
		magnitude *= 10
	}
	return magnitude, true
}

// IsNumber reports whether text is a number as JSON writes them.
func IsNumber(text string) bool { return text != "" && numberLength(text) == len(text) }
