package core

import (
	"slices"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/policy"
	"github.com/portolan-io/portolan/core/query"
)

// A view is a collection that shows the records of another one, its base, with
// fields and rights of its own. What callers write of a view is read in the
// view's names; from there on it is a query of the base, so that stores and the
// cache know of views only what names they give to members of rows.

// stored returns the collection whose records c shows: c, unless it is a view.
func (c *collection) stored() *collection {
	if c.base != nil {
		return c.base
	}
	return c
}

// shownAs returns the view of c's records as one of the collection that stores
// them, with the names that c gives to the fields.
func (c *collection) shownAs(view query.View) query.View {
	if c.base == nil {
		return view
	}
	view.As = c.Names(view.Fields)
	view.Collection = c.Base
	view.Filter = view.Filter.Mapped(c.From)
	view.Fields = c.positions(view.Fields)
	view.Needs = c.positions(view.Needs)
	return view
}

// sorted returns the order of c's records as one of those that are stored.
func (c *collection) sorted(order []query.Key) []query.Key {
	if c.base == nil {
		return order
	}
	order = slices.Clone(order)
	for i := range order {
		order[i].Field = c.From[order[i].Field]
	}
	return order
}

// aggregation returns the aggregation of c's records as one of those that are
// stored.
func (c *collection) aggregation(wanted query.Aggregation) query.Aggregation {
	if c.base == nil {
		return wanted
	}
	wanted.Collection = c.Base
	wanted.Filter = wanted.Filter.Mapped(c.From)
	wanted.GroupBy = c.positions(wanted.GroupBy)
	wanted.Measures = slices.Clone(wanted.Measures)
	for i := range wanted.Measures {
		wanted.Measures[i].Field = c.position(wanted.Measures[i].Field)
	}
	return wanted
}

// position returns where the field is in the collection that stores it.
func (c *collection) position(field int) int {
	if c.base == nil {
		return field
	}
	return c.From[field]
}

func (c *collection) positions(fields []int) []int {
	if fields == nil {
		return nil
	}
	positions := make([]int, len(fields))
	for i, field := range fields {
		positions[i] = c.position(field)
	}
	return positions
}

// readOnly is the error for a write to a view. Who may not even read it is told
// what it would be told of any collection, and the base is named only to who may
// do there what was asked for.
func (a *API) readOnly(who policy.Principal, c *collection, action policy.Action) error {
	if _, ok := c.access.For(who, c.Collection, policy.Read); !ok {
		return refused(who, action.String()+" "+c.Name)
	}
	err := fault.New(fault.Invalid, "core.gate", "%s is a view, through which nothing is written", c.Name).Coded("view-read-only")
	if _, ok := c.base.access.For(who, c.Base, action); ok {
		return err.Hinting("write to %s", c.base.Name)
	}
	return err
}

// findBase finds the collection that a view shows.
func (a *API) findBase(c *collection) error {
	if c.Base == nil {
		return nil
	}
	c.base = a.collections[c.Base.Name]
	if c.base == nil || c.base.Collection != c.Base {
		return fault.New(fault.Invalid, "core.New", "%s is a view of %s, which is no collection", c.Name, c.Base.Name)
	}
	return nil
}
