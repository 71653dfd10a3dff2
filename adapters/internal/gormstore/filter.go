package gormstore

import (
	"github.com/portolan-io/portolan/core/query"
	"github.com/portolan-io/portolan/core/record"
)

// filter appends e, or its opposite if not is set. The engine's logic has three
// values and ours two, so every not is pushed to the leaves, and each leaf says
// itself what it makes of null. Above them are only AND and OR, where the
// engine's unknown is as good as false.
func (p *printer) filter(e query.Expr, not bool) {
	switch e.Op {
	case query.All, query.None:
		if (e.Op == query.All) != not {
			p.write("1 = 1")
		} else {
			p.write("1 = 0")
		}
	case query.And, query.Or:
		joint := " OR "
		if (e.Op == query.And) != not {
			joint = " AND "
		}
		p.write("(")
		for i, kid := range e.Kids {
			if i > 0 {
				p.write(joint)
			}
			p.filter(kid, not)
		}
		p.write(")")
	case query.Not:
		p.filter(e.Kids[0], !not)
	case query.In:
		p.in(e, not)
	default:
		p.leaf(e, not)
	}
}

// opposites are the comparisons, each with what it is under not.
var opposites = [...]struct{ op, opposite string }{
	query.Eq: {" = ", " <> "}, query.Ne: {" <> ", " = "},
	query.Lt: {" < ", " >= "}, query.Le: {" <= ", " > "},
	query.Gt: {" > ", " <= "}, query.Ge: {" >= ", " < "},
}

// leaf appends a comparison or a function of one field.
func (p *printer) leaf(e query.Expr, not bool) {
	column, operand := p.table.columns[e.Field].read, p.next
	p.next++
	equality := e.Op == query.Eq || e.Op == query.Ne
	if equality {
		column = p.table.columns[e.Field].same
	}
	if e.Op == query.Ne {
		e.Op, not = query.Eq, !not
	}
	switch {
	case e.Values[0].IsNull() && equality:
		p.write(column, isNull(!not))
	case e.Values[0].IsNull():
		p.filter(query.Expr{Op: query.None}, not)
	case int(e.Op) >= len(opposites) && emptyText(e.Values[0]) && e.Op != query.Has:
		p.write(column, isNull(not)) // every text holds the empty one
	case int(e.Op) >= len(opposites) && not:
		p.write("(NOT (")
		p.about(p.function(e), column, p.table.columns[e.Field].text, operand)
		p.write(") OR ", column, " IS NULL)")
	case int(e.Op) >= len(opposites):
		p.write("(")
		p.about(p.function(e), column, p.table.columns[e.Field].text, operand)
		p.write(")")
	case not:
		p.write("(", column, opposites[e.Op].opposite)
		p.against(e.Field, operand)
		p.write(" OR ", column, " IS NULL)")
	default:
		p.write(column, opposites[e.Op].op)
		p.against(e.Field, operand)
	}
}

// in appends a comparison with several operands, among which may be null.
func (p *printer) in(e query.Expr, not bool) {
	column, first := p.table.columns[e.Field].same, p.next
	n, null := items(e.Values)
	p.next += n
	if n == 0 {
		if null {
			p.write(column, isNull(!not))
		} else {
			p.filter(query.Expr{Op: query.None}, not)
		}
		return
	}
	alsoNull := null != not // null is one of the operands, or is none of them
	if alsoNull {
		p.write("(")
	}
	p.write(column)
	if not {
		p.write(" NOT")
	}
	p.write(" IN (")
	p.list(n, func(i int) { p.against(e.Field, first+i) })
	p.write(")")
	if alsoNull {
		p.write(" OR ", column, " IS NULL)")
	}
}

// against appends an operand that a column is compared with.
func (p *printer) against(field, operand int) {
	p.template(p.table.columns[field].operand, "", operand)
}

func isNull(null bool) string {
	if null {
		return " IS NULL"
	}
	return " IS NOT NULL"
}

func emptyText(v record.Value) bool { return v.Type() == record.StringType && v.AsString() == "" }

// function returns the dialect's template for e.
func (p *printer) function(e query.Expr) string {
	switch e.Op {
	case query.Contains:
		return p.dialect.Contains
	case query.StartsWith:
		return p.dialect.StartsWith
	case query.EndsWith:
		return p.dialect.EndsWith
	}
	switch p.table.Fields[e.Field].Items {
	case record.BoolType, record.IntType, record.FloatType, record.DecimalType:
		return p.dialect.HasNumber
	}
	return p.dialect.HasText
}

// items returns how many parameters an In of the values has, and whether null
// is among the values. The number is rounded up to a power of two, and the last
// value repeated, so that few lengths make few statements.
func items(values []record.Value) (n int, null bool) {
	for _, v := range values {
		if v.IsNull() {
			null = true
		} else {
			n++
		}
	}
	return padded(n), null
}

// padded returns the least power of two that is not less than n, or 0.
func padded(n int) int {
	size := min(n, 1)
	for size < n {
		size *= 2
	}
	return size
}
