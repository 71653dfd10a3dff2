package derive

import (
	"maps"
	"slices"
	"strings"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/query"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/core/schema"
)

// An evaluator computes an expression from a record's fields. Its error is a
// phrase for whoever wrote the record.
type evaluator func(fields []record.Value) (value, error)

// An expression is an evaluator with the kinds that its result may have.
type expression struct {
	compute evaluator
	kinds   kind
}

// A compiler turns the tree of one text into an expression.
type compiler struct {
	query.Syntax
	collection *schema.Collection
	nodes      int
}

func (k *compiler) expression(n query.Node) (expression, *fault.Error) {
	if k.nodes++; k.nodes > query.MaxNodes {
		return expression{}, k.Fail(n, "too-many-nodes", "more than %d calls, operators and values", query.MaxNodes)
	}
	switch n.Kind {
	case query.CallNode:
		return k.call(n, functions)
	case query.OperatorNode:
		if _, ok := arithmetic[n.Text]; !ok {
			return expression{}, k.Fail(n, "unknown-operator", "%s is for filters; a derived field knows add, sub, mul, div and functions", n.Text)
		}
		return k.call(n, arithmetic)
	case query.NameNode:
		return k.field(n)
	}
	return k.constant(n)
}

// call compiles a function or an arithmetic operator.
func (k *compiler) call(n query.Node, known map[string]function) (expression, *fault.Error) {
	f, ok := known[n.Text]
	if !ok {
		names := slices.Sorted(maps.Keys(known))
		err := k.Fail(n, "unknown-function", "there is no function %s", n.Text)
		if near := fault.Nearest(n.Text, names); near != "" {
			return expression{}, err.Hinting("did you mean %s? the functions are %s", near, strings.Join(names, ", "))
		}
		return expression{}, err.Hinting("the functions are %s", strings.Join(names, ", "))
	}
	if len(n.Kids) < f.least || len(n.Kids) > f.most {
		return expression{}, k.Fail(n, "syntax", "%s takes %s", n.Text, f.usage)
	}
	arguments := make([]expression, len(n.Kids))
	for i, kid := range n.Kids {
		argument, err := k.expression(kid)
		if err != nil {
			return expression{}, err
		}
		if !argument.kinds.mayBe(f.takes) {
			return expression{}, k.Fail(kid, "wrong-type", "%s takes %s, and this is %s", n.Text, f.usage, argument.kinds)
		}
		arguments[i] = argument
	}
	return expression{f.evaluator(n.Text, arguments), f.gives | null}, nil
}

// field compiles a field or a path into one.
func (k *compiler) field(n query.Node) (expression, *fault.Error) {
	position, ok := k.collection.Position(n.Text)
	if !ok {
		names := query.Names{Collection: k.collection}
		return expression{}, names.Unknown(k.Fail(n, "unknown-field", "there is no field %s", n.Text), n.Text)
	}
	f := &k.collection.Fields[position]
	switch {
	case f.Encrypted:
		return expression{}, k.Fail(n, "encrypted-field", "%s is encrypted, and what is derived from it would not be", f.Name)
	case f.Derive != "":
		return expression{}, k.Fail(n, "wrong-type", "%s is derived itself, and a derived field reads no other", f.Name)
	case f.Type == record.JSONType:
		return expression{func(fields []record.Value) (value, error) { return lookUp(fields[position], n.Kids) }, anything | null}, nil
	case len(n.Kids) > 0:
		return expression{}, k.Fail(n, "wrong-type", "%s is of type %s, and only json has a path into it", f.Name, f.Type)
	}
	kinds, ok := sources[f.Type]
	if !ok {
		return expression{}, k.Fail(n, "wrong-type", "%s is of type %s, from which nothing can be derived", f.Name, f.Type)
	}
	return expression{func(fields []record.Value) (value, error) { return valueOf(fields[position]), nil }, kinds | null}, nil
}

// constant compiles a value that stands in the text itself.
func (k *compiler) constant(n query.Node) (expression, *fault.Error) {
	var v value
	var err error
	switch n.Kind {
	case query.StringNode:
		v = value{kind: text, text: n.Text}
	case query.NumberNode:
		v, err = numberFrom(n.Text)
	case query.TimeNode:
		v, err = utc([]value{{kind: text, text: n.Text}})
	case query.WordNode:
		v = value{kind: truth, truth: n.Text == "true"}
		if n.Text == "null" {
			v = value{kind: null}
		}
	default:
		return expression{}, k.Fail(n, "syntax", "this cannot stand in a derived field")
	}
	if err != nil {
		return expression{}, k.Fail(n, "wrong-type", "%v", err)
	}
	return expression{func([]record.Value) (value, error) { return v, nil }, v.kind}, nil
}
