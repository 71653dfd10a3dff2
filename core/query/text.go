package query

import (
	"encoding/base64"
	"slices"
	"strings"

	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/core/schema"
)

// operatorTexts are the operators as texts write them.
var operatorTexts = [...]string{
	All: "true", None: "false", And: "and", Or: "or", Not: "not", Eq: "eq", Ne: "ne", Lt: "lt", Le: "le",
	Gt: "gt", Ge: "ge", In: "in", Contains: "contains", StartsWith: "startswith", EndsWith: "endswith", Has: "has",
}

// String returns op as texts write it; of All and None true and false.
func (op Op) String() string { return operatorTexts[op] }

// Text returns the canonical text of e: Parse of it gives the normal form of e,
// and filters of one normal form have one text. It holds no NUL if no operand
// of e does.
func (e Expr) Text(c *schema.Collection) string {
	return string(appendExpr(nil, e.Normal(), c))
}

func appendExpr(dst []byte, e Expr, c *schema.Collection) []byte {
	switch e.Op {
	case All, None:
		return append(dst, e.Op.String()...)
	case And, Or:
		for i, kid := range e.Kids {
			if i > 0 {
				dst = append(dst, " "+e.Op.String()+" "...)
			}
			dst = appendKid(dst, kid, c, e.Op == And && kid.Op == Or)
		}
		return dst
	case Not:
		kid := e.Kids[0]
		return appendKid(append(dst, "not "...), kid, c, kid.Op == And || kid.Op == Or)
	case Contains, StartsWith, EndsWith:
		dst = append(dst, e.Op.String()+"("+name(c, e.Field)+", "...)
		return append(appendOperands(dst, e), ')')
	}
	dst = append(dst, name(c, e.Field)+" "+e.Op.String()+" "...)
	return appendOperands(dst, e)
}

func appendKid(dst []byte, kid Expr, c *schema.Collection, parenthesis bool) []byte {
	if !parenthesis {
		return appendExpr(dst, kid, c)
	}
	return append(appendExpr(append(dst, '('), kid, c), ')')
}

// name returns the name of a field as texts write it.
func name(c *schema.Collection, position int) string {
	name := c.Fields[position].Name
	if slices.Contains(operandWords, name) {
		return `"` + name + `"`
	}
	return name
}

func appendOperands(dst []byte, e Expr) []byte {
	if e.Claim != "" {
		return append(dst, claimPrefix+e.Claim...)
	}
	if e.Op != In {
		return appendLiteral(dst, e.Values[0])
	}
	dst = append(dst, '(')
	for i, v := range e.Values {
		if i > 0 {
			dst = append(dst, ", "...)
		}
		dst = appendLiteral(dst, v)
	}
	return append(dst, ')')
}

// appendLiteral appends v as texts write it.
func appendLiteral(dst []byte, v record.Value) []byte {
	switch v.Type() {
	case record.StringType:
		return appendQuoted(dst, v.AsString())
	case record.BytesType:
		return appendQuoted(dst, base64.StdEncoding.EncodeToString([]byte(v.AsString())))
	case record.TimeType:
		quoted := record.AppendMicros(nil, v.AsMicros())
		return append(dst, quoted[1:len(quoted)-1]...)
	}
	return record.AppendValue(dst, v)
}

func appendQuoted(dst []byte, text string) []byte {
	dst = append(dst, '\'')
	dst = append(dst, strings.ReplaceAll(text, "'", "''")...)
	return append(dst, '\'')
}

// Canonical returns a text that two views share if and only if they ask for the
// same fields of the same records: collection, fields, and the canonical text
// of the filter. Needs and Stale are no part of it.
func (v View) Canonical() string {
	return string(v.appendCanonical(make([]byte, 0, canonicalRoom), nil))
}

// Names returns the names under which rows encode the view's Fields.
func (v View) Names() []string {
	if v.As != nil {
		return v.As
	}
	return v.Collection.Names(v.Fields)
}

// Canonical returns a text that two aggregations share if and only if they ask
// for the same measures, under the same names, of the same groups of the same
// records. Limit and Stale are no part of it.
func (a Aggregation) Canonical() string {
	dst := append([]byte(a.Collection.Name), "?$apply=groupby(("...)
	dst = append(dst, strings.Join(a.Collection.Names(a.GroupBy), ",")...)
	dst = append(dst, "),aggregate("...)
	for i, m := range a.Measures {
		if i > 0 {
			dst = append(dst, ',')
		}
		if m.Func != Count {
			dst = append(dst, a.Collection.Fields[m.Field].Name+" with "...)
		}
		dst = append(dst, m.Func.String()+" as "+m.As...)
	}
	dst = append(dst, "))&$filter="...)
	return string(appendExpr(dst, a.Filter.Normal(), a.Collection))
}

// Canonical returns a text that two queries share if and only if they ask for
// the same fields of the same records in the same order. Limit and After are
// no part of it, so that all pages of a query share it; nor are Needs, Stale,
// Keep and Scan.
func (q Query) Canonical() string {
	return string(q.appendCanonical(make([]byte, 0, canonicalRoom), q.Order))
}

// canonicalRoom is as long as most canonical texts are at most.
const canonicalRoom = 256

// appendCanonical puts what may hold any character, the filter, last: names
// hold none of the separators.
func (v View) appendCanonical(dst []byte, order []Key) []byte {
	dst = append(append(dst, v.Collection.Name...), "?$select="...)
	for i, position := range v.Fields {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, v.Collection.Fields[position].Name...)
	}
	if v.As != nil {
		dst = append(dst, "&as="+strings.Join(v.As, ",")...)
	}
	separator := "&$orderby="
	for _, key := range order {
		dst = append(append(dst, separator...), v.Collection.Fields[key.Field].Name...)
		if key.Desc {
			dst = append(dst, " desc"...)
		}
		separator = ","
	}
	dst = append(dst, "&$filter="...)
	return appendExpr(dst, v.Filter.Normal(), v.Collection)
}
