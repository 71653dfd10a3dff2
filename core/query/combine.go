package query

import (
	"cmp"
	"slices"
	"strings"

	"github.com/portolan-io/portolan/core/record"
)

// AllOf returns the filter that matches what all of exprs match, in normal form
// if they are; of none of them it is All.
func AllOf(exprs ...Expr) Expr { return join(And, All, None, exprs) }

// AnyOf returns the filter that matches what any of exprs matches, in normal
// form if they are; of none of them it is None.
func AnyOf(exprs ...Expr) Expr { return join(Or, None, All, exprs) }

// join makes one op of exprs: neutral operands are dropped, one that dominates
// is the result, and operands that are themselves op lend their own.
func join(op, neutral, dominant Op, exprs []Expr) Expr {
	kids := make([]Expr, 0, len(exprs))
	for _, e := range exprs {
		switch e.Op {
		case dominant:
			return Expr{Op: dominant}
		case neutral:
		case op:
			kids = append(kids, e.Kids...)
		default:
			kids = append(kids, e)
		}
	}
	slices.SortFunc(kids, compareExprs)
	kids = slices.CompactFunc(kids, func(a, b Expr) bool { return compareExprs(a, b) == 0 })
	switch len(kids) {
	case 0:
		return Expr{Op: neutral}
	case 1:
		return kids[0]
	}
	return Expr{Op: op, Kids: kids}
}

// Normal returns the normal form of e, which matches the same records: And and
// Or are flat, sorted and without repetition; In is sorted, unique and has at
// least two operands; Not stands before neither Not, Eq, Ne, All nor None; no
// comparison that null decides is left. Filters that differ only so have one
// normal form. Parse, AllOf, AnyOf and Bind return it.
func (e Expr) Normal() Expr {
	switch e.Op {
	case All, None:
		return Expr{Op: e.Op}
	case And, Or:
		kids := make([]Expr, len(e.Kids))
		for i, kid := range e.Kids {
			kids[i] = kid.Normal()
		}
		if e.Op == And {
			return AllOf(kids...)
		}
		return AnyOf(kids...)
	case Not:
		return negate(e.Kids[0].Normal())
	}
	if e.Claim != "" {
		return e
	}
	return normalComparison(e)
}

// negate returns the normal form of not e, where e is in normal form.
func negate(e Expr) Expr {
	switch e.Op {
	case All:
		return Expr{Op: None}
	case None:
		return Expr{Op: All}
	case Not:
		return e.Kids[0]
	case Eq:
		e.Op = Ne
		return e
	case Ne:
		e.Op = Eq
		return e
	}
	return Expr{Op: Not, Kids: []Expr{e}}
}

func normalComparison(e Expr) Expr {
	switch e.Op {
	case Eq, Ne:
		return e
	case In:
		values := slices.Clone(e.Values)
		slices.SortFunc(values, record.Compare)
		values = slices.CompactFunc(values, record.Equal)
		switch len(values) {
		case 0:
			return Expr{Op: None}
		case 1:
			return Expr{Op: Eq, Field: e.Field, Values: values}
		}
		return Expr{Op: In, Field: e.Field, Values: values}
	}
	if e.Values[0].IsNull() {
		return Expr{Op: None}
	}
	return e
}

// Mapped returns e as it speaks of another collection, where the field that e
// knows at position i is at to[i], in normal form.
func (e Expr) Mapped(to []int) Expr { return e.mapped(to).Normal() }

func (e Expr) mapped(to []int) Expr {
	if e.Op > Not {
		e.Field = to[e.Field]
		return e
	}
	kids := make([]Expr, len(e.Kids))
	for i, kid := range e.Kids {
		kids[i] = kid.mapped(to)
	}
	e.Kids = kids
	return e
}

// Positions returns the positions of the fields that e reads, sorted and each
// once.
func (e Expr) Positions() []int {
	positions := e.appendPositions(nil)
	slices.Sort(positions)
	return slices.Compact(positions)
}

func (e Expr) appendPositions(positions []int) []int {
	for _, kid := range e.Kids {
		positions = kid.appendPositions(positions)
	}
	if e.Op > Not {
		positions = append(positions, e.Field)
	}
	return positions
}

// compareExprs is the order of operands in normal form: any total order serves.
func compareExprs(a, b Expr) int {
	return cmp.Or(
		cmp.Compare(a.Field, b.Field),
		cmp.Compare(a.Op, b.Op),
		strings.Compare(a.Claim, b.Claim),
		slices.CompareFunc(a.Values, b.Values, record.Compare),
		slices.CompareFunc(a.Kids, b.Kids, compareExprs),
	)
}
