package query

import (
	"strings"

	"github.com/portolan-io/portolan/core/record"
)

// Match reports whether a record with the given fields, which are aligned with
// the collection's, matches e. It is the specification of the language: a
// store that filters agrees with it on every record.
//
// Logic is two-valued, as in OData 4.01. Null is a value that equals itself
// alone, so Eq and In are false and Ne is true where a field is null and the
// operand is not; every other comparison with null is false, and Not inverts.
// Strings compare by octets, numbers by value, times by instant.
//
// Match allocates nothing and is safe for concurrent use. It panics if e still
// names a claim, because a policy that is not bound means nothing.
func Match(e Expr, fields []record.Value) bool { return match(&e, fields) }

func match(e *Expr, fields []record.Value) bool {
	switch e.Op {
	case All:
		return true
	case None:
		return false
	case And:
		for i := range e.Kids {
			if !match(&e.Kids[i], fields) {
				return false
			}
		}
		return true
	case Or:
		for i := range e.Kids {
			if match(&e.Kids[i], fields) {
				return true
			}
		}
		return false
	case Not:
		return !match(&e.Kids[0], fields)
	}
	if e.Claim != "" {
		panic("query: Match of a filter with a claim that is not bound")
	}
	return compare(e, fields[e.Field])
}

// compare decides a comparison of one field's value.
func compare(e *Expr, value record.Value) bool {
	switch e.Op {
	case In:
		return among(e.Values, value)
	case Eq:
		return record.Equal(value, e.Values[0])
	case Ne:
		return !record.Equal(value, e.Values[0])
	}
	operand := e.Values[0]
	if value.IsNull() || operand.IsNull() {
		return false
	}
	switch e.Op {
	case Lt:
		return record.Compare(value, operand) < 0
	case Le:
		return record.Compare(value, operand) <= 0
	case Gt:
		return record.Compare(value, operand) > 0
	case Ge:
		return record.Compare(value, operand) >= 0
	case Contains:
		return strings.Contains(value.AsString(), operand.AsString())
	case StartsWith:
		return strings.HasPrefix(value.AsString(), operand.AsString())
	case EndsWith:
		return strings.HasSuffix(value.AsString(), operand.AsString())
	}
	return among(value.AsList(), operand) // Has
}

func among(values []record.Value, value record.Value) bool {
	for i := range values {
		if record.Equal(values[i], value) {
			return true
		}
	}
	return false
}

// Compare orders two records by order: negative if a comes first, positive if
// b does, zero if order does not tell them apart. Null comes first in an
// ascending key and last in a descending one. Compare allocates nothing.
func Compare(order []Key, a, b []record.Value) int {
	for _, key := range order {
		c := record.Compare(a[key.Field], b[key.Field])
		if c == 0 {
			continue
		}
		if key.Desc {
			return -c
		}
		return c
	}
	return 0
}
