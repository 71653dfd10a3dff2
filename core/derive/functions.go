package derive

import (
	"errors"
	"math"
	"math/big"
	"strings"
	"unicode/utf8"

	"github.com/portolan-io/portolan/core/query"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/core/schema"
)

// A function is what can be called, or stands between its two operands. Its
// apply never sees a null, nor a kind that it does not take.
type function struct {
	least, most int    // how many arguments
	takes       kind   // what each of them may be
	usage       string // of the arguments, for errors
	gives       kind
	apply       func(arguments []value) (value, error)
}

// functions are those of derived fields.
var functions = map[string]function{
	"slug":    {1, 1, text, "one string", text, onText(slug)},
	"tolower": {1, 1, text, "one string", text, onText(strings.ToLower)},
	"trim":    {1, 1, text, "one string", text, onText(strings.TrimSpace)},
	"concat":  {1, query.MaxItems, text, "strings", text, concat},
	"length":  {1, 1, text | list, "one string or list", number, length},
	"round":   {1, 2, number, "a number, and perhaps how many digits behind the point", number, round},
	"mean":    {1, 1, list, "one list of numbers", number, mean},
	"stdev":   {1, 1, list, "one list of numbers", number, stdev},
	"utc":     {1, 1, text | instant, "one time or string", instant, utc},
}

// arithmetic are the operators between two numbers.
var arithmetic = map[string]function{
	"add": {2, 2, number, "numbers", number, onNumbers((*big.Rat).Add)},
	"sub": {2, 2, number, "numbers", number, onNumbers((*big.Rat).Sub)},
	"mul": {2, 2, number, "numbers", number, onNumbers((*big.Rat).Mul)},
	"div": {2, 2, number, "numbers", number, div},
}

// evaluator returns the call of f with the arguments: null if any of them is.
func (f function) evaluator(name string, arguments []expression) evaluator {
	return func(fields []record.Value) (value, error) {
		values := make([]value, len(arguments))
		missing := false
		for i, argument := range arguments {
			v, err := argument.compute(fields)
			switch {
			case err != nil:
				return value{}, err
			case v.kind == null:
				missing = true
			case v.kind&f.takes == 0:
				return value{}, errors.New(name + " takes " + f.usage + ", not " + v.kind.String())
			}
			values[i] = v
		}
		if missing {
			return value{kind: null}, nil
		}
		return f.apply(values)
	}
}

func onText(apply func(string) string) func([]value) (value, error) {
	return func(arguments []value) (value, error) {
		return value{kind: text, text: apply(arguments[0].text)}, nil
	}
}

func onNumbers(apply func(z, x, y *big.Rat) *big.Rat) func([]value) (value, error) {
	return func(arguments []value) (value, error) {
		return value{kind: number, number: apply(new(big.Rat), arguments[0].number, arguments[1].number)}, nil
	}
}

func div(arguments []value) (value, error) {
	if arguments[1].number.Sign() == 0 {
		return value{}, errors.New("a division by zero")
	}
	return onNumbers((*big.Rat).Quo)(arguments)
}

func concat(arguments []value) (value, error) {
	var all strings.Builder
	for _, argument := range arguments {
		all.WriteString(argument.text)
	}
	return value{kind: text, text: all.String()}, nil
}

// length counts the characters of a string, or the items of a list.
func length(arguments []value) (value, error) {
	n := len(arguments[0].list)
	if arguments[0].kind == text {
		n = utf8.RuneCountInString(arguments[0].text)
	}
	return value{kind: number, number: big.NewRat(int64(n), 1)}, nil
}

// maxRound is the most digits behind the point that round keeps.
const maxRound = 18

// round rounds half to even, as everything here does.
func round(arguments []value) (value, error) {
	digits := 0
	if len(arguments) == 2 {
		n := arguments[1].number
		if !n.IsInt() || n.Sign() < 0 || n.Cmp(big.NewRat(maxRound, 1)) > 0 {
			return value{}, errors.New("round keeps 0 to 18 digits behind the point")
		}
		digits = int(n.Num().Int64())
	}
	n := new(big.Rat).SetFrac(rounded(arguments[0].number, digits), power(digits))
	return value{kind: number, number: n}, nil
}

// mean is the arithmetic mean of the numbers in a list, null if there are none.
func mean(arguments []value) (value, error) {
	numbers, err := numbersOf(arguments[0])
	if err != nil || len(numbers) == 0 {
		return value{kind: null}, err
	}
	return value{kind: number, number: meanOf(numbers)}, nil
}

func meanOf(numbers []*big.Rat) *big.Rat {
	sum := new(big.Rat)
	for _, n := range numbers {
		sum.Add(sum, n)
	}
	return sum.Quo(sum, big.NewRat(int64(len(numbers)), 1))
}

// stdev is the sample standard deviation, with n-1 below the line, of the
// numbers in a list, null if there are fewer than two.
func stdev(arguments []value) (value, error) {
	numbers, err := numbersOf(arguments[0])
	if err != nil || len(numbers) < 2 {
		return value{kind: null}, err
	}
	middle, squares := meanOf(numbers), new(big.Rat)
	for _, n := range numbers {
		off := new(big.Rat).Sub(n, middle)
		squares.Add(squares, off.Mul(off, off))
	}
	variance, _ := squares.Quo(squares, big.NewRat(int64(len(numbers)-1), 1)).Float64()
	deviation := new(big.Rat).SetFloat64(math.Sqrt(variance))
	if deviation == nil {
		return value{}, errOverflow
	}
	return value{kind: number, number: deviation}, nil
}

// numbersOf returns the numbers in a list, in which nulls do not count.
func numbersOf(v value) ([]*big.Rat, error) {
	numbers := make([]*big.Rat, 0, len(v.list))
	for _, item := range v.list {
		switch item.kind {
		case number:
			numbers = append(numbers, item.number)
		case null:
		default:
			return nil, errors.New("the list holds " + item.kind.String() + " among its numbers")
		}
	}
	return numbers, nil
}

// anyTime reads a time as the cell of a file may write it.
var anyTime = schema.Field{Name: "time", Type: record.TimeType}

// utc returns the instant of a time in whatever zone; one without is UTC.
func utc(arguments []value) (value, error) {
	if arguments[0].kind == instant {
		return arguments[0], nil
	}
	v, err := anyTime.FromText(arguments[0].text)
	if err != nil {
		return value{}, errors.New("the string is no time in RFC 3339")
	}
	return value{kind: instant, micros: v.AsMicros()}, nil
}
