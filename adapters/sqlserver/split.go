package sqlserver

import (
	"unicode/utf16"

	"github.com/portolan-io/portolan/core/query"
)

// What one statement takes
// (https://learn.microsoft.com/sql/sql-server/maximum-capacity-specifications-for-sql-server).
// A statement has 2,100 parameters at most, and the values of a cursor are some of them.
const (
	maxOperands = 1500
	maxSought   = 4000 // code units of what CHARINDEX looks for
)

// split leaves to the core what is too much for one statement.
func split(q query.Query) (native, rest query.Expr, err error) {
	kids := []query.Expr{q.Filter}
	if q.Filter.Op == query.And {
		kids = q.Filter.Kids
	}
	var taken, left []query.Expr
	room := maxOperands
	for _, kid := range kids {
		if n, possible := operands(kid); possible && n <= room {
			room -= n
			taken = append(taken, kid)
		} else {
			left = append(left, kid)
		}
	}
	return all(taken), all(left), nil
}

// all returns the expression that each of the kids holds.
func all(kids []query.Expr) query.Expr {
	switch len(kids) {
	case 0:
		return query.Expr{Op: query.All}
	case 1:
		return kids[0]
	}
	return query.Expr{Op: query.And, Kids: kids}
}

// operands returns how many parameters e has at most, and false if it has one that is
// too long.
func operands(e query.Expr) (n int, possible bool) {
	possible = true
	for _, kid := range e.Kids {
		more, ok := operands(kid)
		n, possible = n+more, possible && ok
	}
	switch e.Op {
	case query.In:
		n = 1
		for n < len(e.Values) {
			n *= 2 // as gormstore fills them up
		}
	case query.StartsWith:
		n = 2
	case query.Contains:
		return 1, len(utf16.Encode([]rune(e.Values[0].AsString()))) <= maxSought
	default:
		n += len(e.Values)
	}
	return n, possible
}
