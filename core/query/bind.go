package query

import (
	"slices"
	"strings"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/core/schema"
)

// Parse returns the filter that text says, in normal form. The empty text
// matches everything.
//
// Every error is fault.Invalid and says where, with one of the codes syntax,
// unknown-field, unknown-operator, wrong-type, encrypted-field, too-long, too-deep,
// too-many-nodes and too-many-items.
func Parse(text string, names Names, maxBytes int) (Expr, error) {
	if strings.TrimSpace(text) == "" {
		return Expr{}, nil
	}
	syntax, err := Read(text, maxBytes)
	if err != nil {
		return Expr{}, err
	}
	b := binder{Syntax: syntax, names: names}
	e, err := b.bind(syntax.Root)
	if err != nil {
		return Expr{}, err
	}
	return e.Normal(), nil
}

// A binder types the tree of a filter against a collection.
type binder struct {
	Syntax
	names Names
	nodes int
}

// bind returns the filter that the node says.
func (b *binder) bind(n Node) (Expr, error) {
	if b.nodes++; b.nodes > MaxNodes {
		return Expr{}, b.Fail(n, "too-many-nodes", "more than %d conditions and operators", MaxNodes)
	}
	switch {
	case n.Kind == CallNode:
		return b.call(n)
	case n.Kind == NameNode:
		return b.flag(n)
	case n.Kind == WordNode && n.Text == "true":
		return Expr{Op: All}, nil
	case n.Kind == WordNode && n.Text == "false":
		return Expr{Op: None}, nil
	case n.Kind != OperatorNode:
		return Expr{}, b.Fail(n, "syntax", "a value alone is no condition; compare a field with it")
	case slices.Contains(comparisonWords, n.Text):
		return b.comparison(n)
	case n.Text == "and" || n.Text == "or" || n.Text == "not":
		return b.logic(n)
	}
	return Expr{}, b.Fail(n, "syntax", "%s is for derived fields only", n.Text)
}

func (b *binder) logic(n Node) (Expr, error) {
	e := Expr{Op: map[string]Op{"and": And, "or": Or, "not": Not}[n.Text]}
	for _, kid := range n.Kids {
		bound, err := b.bind(kid)
		if err != nil {
			return Expr{}, err
		}
		e.Kids = append(e.Kids, bound)
	}
	return e, nil
}

// flag binds a bool field that stands alone as a condition.
func (b *binder) flag(n Node) (Expr, error) {
	position, err := b.field(n)
	if err != nil {
		return Expr{}, err
	}
	if f := b.at(position); f.Type != record.BoolType {
		return Expr{}, b.Fail(n, "wrong-type", "%s is of type %s, and only a bool alone is a condition; compare it with a value", f.Name, f.Type)
	}
	return Expr{Op: Eq, Field: position, Values: []record.Value{record.Bool(true)}}, nil
}

// call binds a function that is a condition.
func (b *binder) call(n Node) (Expr, error) {
	op, ok := filterFunctions[n.Text]
	if !ok {
		names := []string{"contains", "startswith", "endswith"}
		err := b.Fail(n, "unknown-operator", "there is no function %s for filters", n.Text)
		if near := fault.Nearest(n.Text, names); near != "" {
			return Expr{}, err.Hinting("did you mean %s? the functions are %s", near, strings.Join(names, ", "))
		}
		return Expr{}, err.Hinting("the functions are %s", strings.Join(names, ", "))
	}
	if len(n.Kids) != 2 {
		return Expr{}, b.Fail(n, "syntax", "%s takes a field and a text, not %d arguments", n.Text, len(n.Kids))
	}
	position, err := b.field(n.Kids[0])
	if err != nil {
		return Expr{}, err
	}
	f := b.at(position)
	if f.Type != record.StringType {
		return Expr{}, b.Fail(n, "wrong-type", "%s is for strings, and %s is of type %s", n.Text, f.Name, f.Type)
	}
	return b.operand(Expr{Op: op, Field: position}, n.Kids[1], f.Type)
}

var comparisons = map[string]Op{"eq": Eq, "ne": Ne, "lt": Lt, "le": Le, "gt": Gt, "ge": Ge, "in": In, "has": Has}

// mirrored are the comparisons as they read from right to left.
var mirrored = map[Op]Op{Eq: Eq, Ne: Ne, Lt: Gt, Le: Ge, Gt: Lt, Ge: Le}

func (b *binder) comparison(n Node) (Expr, error) {
	op, left, right := comparisons[n.Text], n.Kids[0], n.Kids[1]
	if other, ok := mirrored[op]; ok && left.Kind != NameNode && right.Kind == NameNode {
		op, left, right = other, right, left
	}
	position, err := b.field(left)
	if err != nil {
		return Expr{}, err
	}
	f := b.at(position)
	null := right.Kind == WordNode && right.Text == "null"
	if reason := unfit(op, f, null); reason != "" {
		return Expr{}, b.Fail(left, "wrong-type", "%s is of type %s, and %s", f.Name, f.Type, reason)
	}
	e := Expr{Op: op, Field: position}
	switch {
	case op == Has:
		return b.operand(e, right, f.Items)
	case op == In && right.Kind == ListNode:
		for _, item := range right.Kids {
			if e, err = b.operand(e, item, f.Type); err != nil {
				return Expr{}, err
			}
		}
		return e, nil
	}
	return b.operand(e, right, f.Type)
}

// unfit says why op cannot be asked of the field, or nothing if it can.
func unfit(op Op, f *schema.Field, null bool) string {
	equality := op == Eq || op == Ne
	switch {
	case op == Has && f.Type != record.ListType:
		return "has is for lists"
	case op == Has, equality && null:
		return ""
	case f.Type == record.ListType:
		return "a list knows only has, eq null and ne null"
	case f.Type == record.JSONType:
		return "json knows only eq null and ne null"
	case equality || op == In:
		return ""
	case f.Type == record.BytesType || f.Type == record.BoolType:
		return "it knows only eq, ne and in"
	}
	return ""
}

// operand adds what the node says to the operands of e: a value of type t, or
// a claim that will be one.
func (b *binder) operand(e Expr, n Node, t record.Type) (Expr, error) {
	f := b.at(e.Field)
	switch {
	case n.Kind == ClaimNode && !b.names.Claims:
		return Expr{}, b.Fail(n, "syntax", "claims are for row policies only")
	case e.Claim != "", n.Kind == ClaimNode && e.Values != nil:
		return Expr{}, b.Fail(n, "syntax", "a claim stands alone behind in, not inside a list")
	case n.Kind == ClaimNode:
		e.Claim = n.Text
		return e, nil
	case n.Kind == NameNode:
		return Expr{}, b.Fail(n, "wrong-type", "a field is compared with a value, not with another field").
			Hinting("a text stands in single quotes, 'like this'")
	case n.Kind == WordNode && n.Text == "null" && e.Op > In:
		return Expr{}, b.Fail(n, "wrong-type", "this is never true of null; compare with eq null or ne null")
	}
	v, reason := literal(n, f, t)
	if reason != "" {
		return Expr{}, b.Fail(n, "wrong-type", "%s needs %s", f.Name, reason)
	}
	e.Values = append(e.Values, v)
	return e, nil
}

// field returns the position of the field that the node names.
func (b *binder) field(n Node) (int, error) {
	if n.Kind != NameNode {
		return 0, b.Fail(n, "syntax", "a field should stand here, and no expression")
	}
	position, ok := b.names.position(n.Text)
	switch {
	case !ok:
		return 0, b.names.Unknown(b.Fail(n, "unknown-field", "there is no field %s", n.Text), n.Text)
	case len(n.Kids) > 0:
		return 0, b.Fail(n, "wrong-type", "a path into a field is for derived fields only")
	case b.at(position).Encrypted:
		return 0, sealed(b.Fail(n, codeEncrypted, "%s is encrypted, so no record is found by it", n.Text))
	}
	return position, nil
}

// codeEncrypted is the code of what would compare the values of an encrypted field.
const codeEncrypted = "encrypted-field"

// sealed adds to err, about an encrypted field, what can be done instead.
func sealed(err *fault.Error) *fault.Error {
	return err.Hinting("use another field; of an encrypted one every value is stored as something else each time, even an equal one")
}

func (b *binder) at(position int) *schema.Field { return &b.names.Collection.Fields[position] }
