// Package querytest makes random records, filters and orders, for tests that
// compare a store with what query.Match and query.Compare say. Values come from
// small sets, so that many are equal, and the sets hold what engines are known
// to treat in their own way: case, trailing spaces, wildcards, supplementary
// characters, the ends of ranges. Start at [Collection] and [RandomExpr].
package querytest

import (
	"math/rand/v2"

	"github.com/portolan-io/portolan/core/query"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/core/schema"
)

// Collection returns a collection with a field of every type, whose id is a
// string. It panics if the schema package refuses it.
func Collection() *schema.Collection { return collection("things", "string") }

// Numbered returns a collection like [Collection] whose id is an int.
func Numbered() *schema.Collection { return collection("numbered", "int") }

func collection(name, id string) *schema.Collection {
	c, err := schema.New(schema.Spec{
		Name: name,
		ID:   "id",
		Fields: []schema.FieldSpec{
			{Name: "flag", Type: "bool"},
			{Name: "count", Type: "int"},
			{Name: "id", Type: id},
			{Name: "ratio", Type: "float"},
			{Name: "price", Type: "decimal", Precision: 18, Scale: 2},
			{Name: "name", Type: "string", Max: "40"},
			{Name: "note", Type: "string", Max: "4000"},
			{Name: "kind", Type: "string", Required: true, Max: "8", Enum: []string{"a", "A", "b", "c"}},
			{Name: "made", Type: "time"},
			{Name: "blob", Type: "bytes"},
			{Name: "tags", Type: "list", Items: "string"},
			{Name: "sizes", Type: "list", Items: "int"},
			{Name: "extra", Type: "json"},
			{Name: "and", Type: "bool"},
			{Name: "null", Type: "int"},
		},
		Indexes: [][]string{{"kind", "count desc"}, {"price"}, {"name desc", "made"}},
	})
	if err != nil {
		panic(err)
	}
	return c
}

// RandomRecord returns the fields of a random record that c allows. A field
// that may be null is so with the probability nullRatio. Ids hardly ever repeat.
func RandomRecord(rng *rand.Rand, c *schema.Collection, nullRatio float64) []record.Value {
	fields := make([]record.Value, len(c.Fields))
	for i := range c.Fields {
		f := &c.Fields[i]
		switch {
		case i == c.ID:
			fields[i] = randomID(rng, f.Type)
		case f.Required || rng.Float64() >= nullRatio:
			fields[i] = randomValue(rng, f)
		}
	}
	return fields
}

// RandomOrder returns a random complete order.
func RandomOrder(rng *rand.Rand, c *schema.Collection) []query.Key {
	var order []query.Key
	for _, position := range rng.Perm(len(c.Fields)) {
		if len(order) == 3 || rng.IntN(3) == 0 {
			break
		}
		if c.Fields[position].Sortable() && position != c.ID {
			order = append(order, query.Key{Field: position, Desc: rng.IntN(2) == 0})
		}
	}
	last := query.Key{Field: c.ID, Desc: rng.IntN(4) == 0}
	if len(order) > 0 {
		last.Desc = order[len(order)-1].Desc
	}
	return append(order, last)
}

// RandomExpr returns a random filter, with every operator that a text can say,
// each also under not. It is not in normal form: operands repeat, lists may be
// empty, null may stand anywhere.
func RandomExpr(rng *rand.Rand, c *schema.Collection) query.Expr {
	return randomExpr(rng, c, rng.IntN(4))
}

func randomExpr(rng *rand.Rand, c *schema.Collection, depth int) query.Expr {
	roll := rng.IntN(10)
	if depth == 0 || roll < 3 {
		return randomComparison(rng, c)
	}
	if roll < 5 {
		return query.Expr{Op: query.Not, Kids: []query.Expr{randomExpr(rng, c, depth-1)}}
	}
	e := query.Expr{Op: query.Or}
	if roll < 7 {
		e.Op = query.And
	}
	for range 2 + rng.IntN(2) {
		e.Kids = append(e.Kids, randomExpr(rng, c, depth-1))
	}
	return e
}

// operators are what may be asked of the fields of a type.
var operators = map[record.Type][]query.Op{
	record.BoolType:    {query.Eq, query.Ne, query.In},
	record.IntType:     {query.Eq, query.Ne, query.Lt, query.Le, query.Gt, query.Ge, query.In},
	record.FloatType:   {query.Eq, query.Ne, query.Lt, query.Le, query.Gt, query.Ge, query.In},
	record.DecimalType: {query.Eq, query.Ne, query.Lt, query.Le, query.Gt, query.Ge, query.In},
	record.TimeType:    {query.Eq, query.Ne, query.Lt, query.Le, query.Gt, query.Ge, query.In},
	record.StringType: {query.Eq, query.Ne, query.Lt, query.Le, query.Gt, query.Ge, query.In,
		query.Contains, query.StartsWith, query.EndsWith},
	record.BytesType: {query.Eq, query.Ne, query.In},
	record.ListType:  {query.Has, query.Has, query.Eq, query.Ne},
	record.JSONType:  {query.Eq, query.Ne},
}

func randomComparison(rng *rand.Rand, c *schema.Collection) query.Expr {
	position := rng.IntN(len(c.Fields))
	f := &c.Fields[position]
	ops := operators[f.Type]
	e := query.Expr{Op: ops[rng.IntN(len(ops))], Field: position}
	switch {
	case e.Op == query.Has:
		item := schema.Field{Name: f.Name, Type: f.Items, Scale: f.Scale}
		e.Values = []record.Value{randomValue(rng, &item)}
	case f.Type == record.ListType || f.Type == record.JSONType:
		e.Values = []record.Value{record.Null}
	case e.Op == query.In:
		for range rng.IntN(5) {
			e.Values = append(e.Values, randomOperand(rng, f, rng.IntN(8) == 0))
		}
	case e.Op == query.Contains || e.Op == query.StartsWith || e.Op == query.EndsWith:
		e.Values = []record.Value{record.String(fragments[rng.IntN(len(fragments))])}
	default:
		e.Values = []record.Value{randomOperand(rng, f, rng.IntN(8) == 0)}
	}
	return e
}

func randomOperand(rng *rand.Rand, f *schema.Field, null bool) record.Value {
	if null {
		return record.Null
	}
	return randomValue(rng, f)
}
