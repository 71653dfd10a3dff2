// Package derive computes, on each write, the fields that a collection derives
// from its others: slug(title), price mul 1.19, mean(original.data). The syntax
// is that of package query. Start at [Compile].
package derive

import (
	"fmt"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/query"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/core/schema"
)

// A Set is the derived fields of one collection. It is immutable and safe for
// concurrent use. A nil Set derives nothing, and is what a collection without
// derived fields has.
type Set struct {
	fields []derived
}

// derived is one derived field.
type derived struct {
	field    *schema.Field
	position int
	compute  evaluator
}

// Compile returns the derived fields of c, nil if there are none. It returns
// fault.Invalid with a Place for each expression that is wrong; a pointer is of
// the form fields/slug/derive. An expression may read any field but the derived.
func Compile(c *schema.Collection) (*Set, error) {
	var set Set
	var places []fault.Place
	for i := range c.Fields {
		f := &c.Fields[i]
		if f.Derive == "" {
			continue
		}
		compute, err := compile(c, i)
		if err != nil {
			detail := err.Detail
			if err.Hint != "" {
				detail += "; " + err.Hint
			}
			places = append(places, fault.Place{Pointer: "fields/" + f.Name + "/derive", Code: err.Code, Detail: detail})
			continue
		}
		set.fields = append(set.fields, derived{f, i, compute})
	}
	switch {
	case len(places) > 0:
		return nil, fault.New(fault.Invalid, "derive.Compile", "%d derived fields of %s are wrong", len(places), c.Name).
			Coded("bad-derive").At(places...)
	case len(set.fields) == 0:
		return nil, nil
	}
	return &set, nil
}

// compile returns the evaluator of the derived field at the position.
func compile(c *schema.Collection, position int) (evaluator, *fault.Error) {
	f := &c.Fields[position]
	want, ok := results[f.Type]
	if !ok || position == c.ID {
		return nil, fault.New(fault.Invalid, "derive.Compile",
			"%s cannot be derived; only a string, int, float, decimal, bool or time that is not the id can", f.Name).Coded("wrong-type")
	}
	syntax, err := query.Read(f.Derive, query.MaxBodyBytes)
	if err != nil {
		return nil, fault.Of(err)
	}
	k := compiler{Syntax: syntax, collection: c}
	e, failed := k.expression(syntax.Root)
	if failed != nil {
		return nil, failed
	}
	if !e.kinds.mayBe(want) {
		return nil, k.Fail(syntax.Root, "wrong-type", "the result is %s, and %s is of type %s", e.kinds, f.Name, f.Type)
	}
	return e.compute, nil
}

// Apply computes the derived fields from the others and puts them into fields,
// which are aligned with the collection's. It returns a Place with the code
// derive-failed for each that cannot be computed or does not fit its type; that
// field is null then.
//
// A null, or what is missing from a json field, makes the result null.
// Arithmetic is exact, and rounded once, half to even, to what the field holds.
func (s *Set) Apply(fields []record.Value) []fault.Place {
	if s == nil {
		return nil
	}
	var places []fault.Place
	for i := range s.fields {
		d := &s.fields[i]
		v, err := d.compute(fields)
		if err == nil {
			fields[d.position], err = v.as(d.field)
		}
		if err != nil {
			fields[d.position] = record.Null
			places = append(places, fault.Place{
				Pointer: "/" + d.field.Name, Code: "derive-failed",
				Detail: fmt.Sprintf("%s cannot be derived: %v", d.field.Name, err),
			})
		}
	}
	return places
}

// Positions returns the positions of the derived fields, ascending.
func (s *Set) Positions() []int {
	if s == nil {
		return nil
	}
	positions := make([]int, len(s.fields))
	for i := range s.fields {
		positions[i] = s.fields[i].position
	}
	return positions
}
