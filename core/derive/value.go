package derive

import (
	"encoding/json"
	"errors"
	"math"
	"math/big"
	"strconv"
	"strings"

	"github.com/portolan-io/portolan/core/query"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/core/schema"
)

// A kind is what a value is; kinds are a set of them.
type kind uint8

const (
	null kind = 1 << iota
	text
	number
	instant
	truth
	list
	object
	anything = text | number | instant | truth | list | object
)

var kindNames = []string{"null", "a string", "a number", "a time", "a bool", "a list", "an object"}

// String names the kinds of the set, without null unless there is no other.
func (k kind) String() string {
	if k&anything == anything {
		return "a part of json"
	}
	if k != null {
		k &^= null
	}
	var names []string
	for i, name := range kindNames {
		if k&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	return strings.Join(names, " or ")
}

// mayBe reports whether a value of k can be one of wanted, or is null at any
// rate.
func (k kind) mayBe(wanted kind) bool { return k&wanted != 0 || k == null }

// A value is what an expression computes.
type value struct {
	kind   kind
	text   string
	number *big.Rat // never changed
	micros int64
	truth  bool
	list   []value
}

// sources are the kinds of the fields that an expression may read; json may hold anything.
var sources = map[record.Type]kind{
	record.BoolType: truth, record.IntType: number, record.FloatType: number, record.DecimalType: number,
	record.StringType: text, record.TimeType: instant, record.ListType: list,
}

// results are the kinds that become the types of derived fields.
var results = map[record.Type]kind{
	record.BoolType: truth, record.IntType: number, record.FloatType: number, record.DecimalType: number,
	record.StringType: text, record.TimeType: instant,
}

// valueOf returns what a field holds.
func valueOf(v record.Value) value {
	switch v.Type() {
	case record.BoolType:
		return value{kind: truth, truth: v.AsBool()}
	case record.IntType:
		return value{kind: number, number: new(big.Rat).SetInt64(v.AsInt())}
	case record.FloatType:
		return value{kind: number, number: new(big.Rat).SetFloat64(v.AsFloat())}
	case record.DecimalType:
		unscaled, scale := v.AsDecimal()
		return value{kind: number, number: new(big.Rat).SetFrac(big.NewInt(unscaled), power(scale))}
	case record.StringType:
		return value{kind: text, text: v.AsString()}
	case record.TimeType:
		return value{kind: instant, micros: v.AsMicros()}
	case record.ListType:
		items := make([]value, len(v.AsList()))
		for i, item := range v.AsList() {
			items[i] = valueOf(item)
		}
		return value{kind: list, list: items}
	}
	return value{kind: null}
}

var errOverflow = errors.New("the result is greater than its type can hold")

// as returns v as a value of the field's type.
func (v value) as(f *schema.Field) (record.Value, error) {
	switch {
	case v.kind == null:
		return record.Null, nil
	case v.kind != results[f.Type]:
		return record.Null, errors.New("the result is " + v.kind.String() + ", not " + results[f.Type].String())
	}
	switch f.Type {
	case record.BoolType:
		return record.Bool(v.truth), nil
	case record.IntType:
		n := rounded(v.number, 0)
		if !n.IsInt64() {
			return record.Null, errOverflow
		}
		return record.Int(n.Int64()), nil
	case record.FloatType:
		float, _ := v.number.Float64()
		if math.IsInf(float, 0) {
			return record.Null, errOverflow
		}
		return record.Float(float), nil
	case record.DecimalType:
		n := rounded(v.number, f.Scale)
		if n.CmpAbs(power(f.Precision)) >= 0 {
			return record.Null, errOverflow
		}
		return record.Decimal(n.Int64(), f.Scale), nil
	case record.TimeType:
		return record.Micros(v.micros), nil
	}
	return record.String(v.text), nil
}

// power returns 10^n.
func power(n int) *big.Int { return new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(n)), nil) }

// rounded returns r × 10^scale, rounded half to even.
func rounded(r *big.Rat, scale int) *big.Int {
	numerator := new(big.Int).Mul(r.Num(), power(scale))
	quotient, remainder := new(big.Int).QuoRem(numerator, r.Denom(), new(big.Int))
	switch twice := new(big.Int).Lsh(remainder, 1).CmpAbs(r.Denom()); {
	case twice > 0, twice == 0 && quotient.Bit(0) == 1:
		quotient.Add(quotient, big.NewInt(int64(numerator.Sign())))
	}
	return quotient
}

// Bounds of a number that arithmetic takes: a rational of one with a huge
// exponent would fill the memory.
const (
	maxNumberLength = 400
	maxExponent     = 400
)

// numberFrom returns the number that text writes in JSON's grammar.
func numberFrom(written string) (value, error) {
	exponent := 0
	if e := strings.IndexAny(written, "eE"); e >= 0 {
		var err error
		if exponent, err = strconv.Atoi(written[e+1:]); err != nil {
			exponent = math.MaxInt
		}
	}
	if len(written) > maxNumberLength || exponent < -maxExponent || exponent > maxExponent {
		return value{}, errors.New("a number has more digits than arithmetic takes")
	}
	r, ok := new(big.Rat).SetString(written)
	if !ok {
		return value{}, errors.New("this is not a number")
	}
	return value{kind: number, number: r}, nil
}

// lookUp returns what is at the path in a json value, null if nothing is.
func lookUp(v record.Value, path []query.Node) (value, error) {
	if v.IsNull() {
		return value{kind: null}, nil
	}
	current := json.RawMessage(v.AsString())
	for _, name := range path {
		var members map[string]json.RawMessage
		if json.Unmarshal(current, &members) != nil {
			return value{kind: null}, nil
		}
		member, ok := members[name.Text]
		if !ok {
			return value{kind: null}, nil
		}
		current = member
	}
	return parsed(current)
}

// parsed returns what valid JSON text writes. What is inside an object is not
// looked at.
func parsed(raw json.RawMessage) (value, error) {
	switch raw[0] {
	case 'n':
		return value{kind: null}, nil
	case 't', 'f':
		return value{kind: truth, truth: raw[0] == 't'}, nil
	case '{':
		return value{kind: object}, nil
	case '"':
		v := value{kind: text}
		return v, json.Unmarshal(raw, &v.text)
	case '[':
		var items []json.RawMessage
		if err := json.Unmarshal(raw, &items); err != nil {
			return value{}, err
		}
		v := value{kind: list, list: make([]value, len(items))}
		for i, item := range items {
			var err error
			if v.list[i], err = parsed(item); err != nil {
				return value{}, err
			}
		}
		return v, nil
	}
	return numberFrom(string(raw))
}
