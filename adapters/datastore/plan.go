package datastore

import (
	"slices"
	"strconv"
	"strings"

	"github.com/portolan-io/portolan/core/query"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/core/schema"
)

// This file decides which part of a query Datastore evaluates, from the declared
// indexes alone: the emulator runs queries that production refuses. These are what
// production has, or gets by index.yaml (indexes.go)
// (https://cloud.google.com/datastore/docs/concepts/indexes):
//
//   - for equalities alone, whatever their number, in the order of the keys: the
//     indexes of single properties, which it merges;
//   - for one property, its ranges and its ascending order: the index of it;
//   - for all else a declared index, whose first fields are pinned by equalities and
//     whose others are the order. Ranges may be of any of those.
//
// What is not ordered that way is sorted here, and bounded by the collection's
// MaxScan.

// maxIn is how many values Datastore takes for one in, and how many combinations for
// several (https://cloud.google.com/datastore/docs/concepts/queries#limitations).
const maxIn = 30

// maxRanges is how many comparisons that are no equality a query has at most, but for the
// one of a cursor (https://cloud.google.com/datastore/docs/multiple-range-fields).
const maxRanges = 9

// maxAlternatives is how many queries one is made into at most: as many as the longest
// list takes.
const maxAlternatives = 17

// A condition is a filter on one field, which must be indexed, or on the id.
type condition struct {
	field int
	op    string // =, in, <, <=, >, >=
	value record.Value
	among []record.Value // of in
}

// A part is an expression that Datastore can evaluate: as conditions on one field.
type part struct {
	expr       query.Expr
	field      int
	conditions []condition
}

// pins reports whether the part is an equality.
func (p *part) pins() bool { return p.conditions[0].op == "=" || p.conditions[0].op == "in" }

// partOf returns the expression as conditions, and false if it is none.
func partOf(c *schema.Collection, e query.Expr) (part, bool) {
	if e.Op <= query.Not || e.Field != c.ID && !indexed(c, e.Field) {
		return part{}, false
	}
	for _, v := range e.Values {
		if len(v.AsString()) >= maxIndexed { // a text of one more is compared with by startswith
			return part{}, false
		}
	}
	made := part{expr: e, field: e.Field}
	if e.Field == c.ID && !keyed(e.Values[0]) {
		return part{}, false
	}
	add := func(op string, v record.Value) {
		made.conditions = append(made.conditions, condition{field: e.Field, op: op, value: v})
	}
	something := func() { // null comes before every other value
		if e.Field != c.ID {
			add(">", record.Null)
		}
	}
	switch v := e.Values; {
	case e.Op == query.In && len(v) <= maxIn && e.Field != c.ID:
		made.conditions = []condition{{field: e.Field, op: "in", among: v}}
	case e.Op == query.Eq:
		add("=", v[0])
	case e.Op == query.Ne && v[0].IsNull() && e.Field != c.ID:
		something()
	case e.Op == query.Lt:
		something()
		add("<", v[0])
	case e.Op == query.Le:
		something()
		add("<=", v[0])
	case e.Op == query.Gt:
		add(">", v[0])
	case e.Op == query.Ge:
		add(">=", v[0])
	case e.Op == query.StartsWith && v[0].AsString() != "":
		add(">=", v[0])
		if next := after(v[0].AsString()); next != "" {
			add("<", record.String(next))
		}
	default:
		return part{}, false
	}
	return made, true
}

// keyed reports whether there is a key of the value, with which keys can be compared.
func keyed(v record.Value) bool {
	return v.Type() == record.IntType && v.AsInt() > 0 || v.Type() == record.StringType && v.AsString() != "" && !reserved(v.AsString())
}

// after returns the least text, by octets, that comes after all texts that begin with
// prefix; empty if none does.
func after(prefix string) string {
	runes := []rune(strings.TrimRight(prefix, "\U0010FFFF"))
	if len(runes) == 0 {
		return ""
	}
	last := &runes[len(runes)-1]
	if *last++; *last == 0xD800 { // surrogates are no characters
		*last = 0xE000
	}
	return string(runes)
}

// A path is a way to read the records that match some parts.
type path struct {
	used   []part
	come   []query.Key  // the order in which they come, up to the id
	index  schema.Index // the declared index that it needs; nil if those of single properties serve
	sorted bool         // that is the order asked for, but for keys that have one value
}

// paths returns the ways to read what matches the parts. One of them, which uses the
// equalities, reads in the order of the ids. Alone says that nothing else is read beside:
// then a key of the order that has one value does not matter.
func paths(c *schema.Collection, parts []part, order []query.Key, alone bool) []path {
	way := func(come []query.Key, use func(*part) bool) path {
		var p path
		combinations, ranges := 1, 0
		for i := range parts {
			n, more := max(len(parts[i].conditions[0].among), 1), 0
			if !parts[i].pins() {
				more = len(parts[i].conditions)
			}
			if use(&parts[i]) && n*combinations <= maxIn && ranges+more <= maxRanges {
				combinations, ranges = n*combinations, ranges+more
				p.used = append(p.used, parts[i])
			}
		}
		p.come, p.sorted = come, slices.Equal(order, come) || alone && p.serves(order, come)
		return p
	}
	found := []path{way([]query.Key{{Field: c.ID}}, func(p *part) bool { return p.pins() || p.field == c.ID })}
	for field := range c.Fields {
		if indexed(c, field) {
			found = append(found, way([]query.Key{{Field: field}, {Field: c.ID}}, func(p *part) bool { return p.field == field && !p.pins() }))
		}
	}
	for _, index := range c.TableIndexes() {
		keys := keysOf(c, index)
		for n := range keys {
			p := way(keys[n:], func(p *part) bool {
				at := slices.IndexFunc(keys, func(key query.Key) bool { return key.Field == p.field })
				return at >= 0 && p.pins() == (at < n)
			})
			if n > 0 && !p.pins(keys[n-1].Field) {
				break // what stands behind is sorted only where this one has one value
			}
			p.index = index
			found = append(found, p)
		}
	}
	return found
}

// pins reports whether a part that the path uses pins the field.
func (p *path) pins(field int) bool {
	return slices.ContainsFunc(p.used, func(p part) bool { return p.field == field && p.pins() })
}

// keysOf returns the keys of an index as Datastore has it, complete with the id; none
// of one that it cannot have.
func keysOf(c *schema.Collection, index schema.Index) []query.Key {
	keys := make([]query.Key, len(index))
	for i, key := range index {
		if key.Field != c.ID && !indexed(c, key.Field) {
			return nil
		}
		keys[i] = query.Key(key)
	}
	return query.Complete(keys, c.ID)
}

// serves reports whether what comes in the one order is in the other, when keys that
// are pinned to one value are left out.
func (p *path) serves(order, come []query.Key) bool {
	left := make([]query.Key, 0, len(order))
	for _, key := range order {
		if !slices.ContainsFunc(p.used, func(p part) bool { return p.field == key.Field && p.conditions[0].op == "=" }) {
			left = append(left, key)
		}
	}
	return slices.Equal(left, come)
}

// A reading is a way to read the records that match a filter.
type reading struct {
	paths     []path     // whose records together are those of the reading
	evaluates query.Expr // what of the filter all of them match
	parts     int        // how much of it that is
}

// A plan is how the records of a query are read. Either of its readings may be nil.
type plan struct {
	ids     []record.ID // not nil: by these, and what else the filter says is done here
	ordered *reading    // in the order of the query
	most    *reading    // evaluates most of the filter
}

// planOf plans the reading of what matches the filter, which is in normal form.
func planOf(c *schema.Collection, filter query.Expr, order []query.Key) plan {
	conjuncts := []query.Expr{filter}
	if filter.Op == query.And {
		conjuncts = filter.Kids
	}
	var parts []part
	var alternatives [][]part
	var or query.Expr
	for _, e := range conjuncts {
		if e.Field == c.ID && (e.Op == query.Eq || e.Op == query.In) {
			return plan{ids: idsOf(e.Values)}
		}
		if e.Op == query.None {
			return plan{ids: []record.ID{}}
		}
		if p, ok := partOf(c, e); ok {
			parts = append(parts, p)
		} else if any := alternativesOf(c, e); any != nil && alternatives == nil {
			alternatives, or = any, e
		}
	}
	var made plan
	if alternatives != nil {
		made = plan{ordered: readingOf(c, parts, alternatives, or, order, true), most: readingOf(c, parts, alternatives, or, order, false)}
	}
	alone := [][]part{nil}
	if made.ordered == nil {
		made.ordered = readingOf(c, parts, alone, query.Expr{}, order, true)
	}
	if made.most == nil {
		made.most = readingOf(c, parts, alone, query.Expr{}, order, false)
	}
	if made.ordered != nil && made.ordered.parts >= made.most.parts {
		made.most = made.ordered
	}
	return made
}

// readingOf returns the way that evaluates the whole of each alternative and most of
// the parts; nil if there is none in the order, if that is asked for.
func readingOf(c *schema.Collection, parts []part, alternatives [][]part, or query.Expr, order []query.Key, sorted bool) *reading {
	made := &reading{paths: make([]path, len(alternatives))}
	common := make([]int, len(parts)) // how many alternatives use the part
	for i, alternative := range alternatives {
		most := -1
		for _, p := range paths(c, slices.Concat(alternative, parts), order, len(alternatives) == 1) {
			if sorted && !p.sorted || !p.uses(alternative) || len(p.used) <= most {
				continue
			}
			most, made.paths[i] = len(p.used), p
		}
		if most < 0 {
			return nil
		}
		for j := range parts {
			if made.paths[i].uses(parts[j : j+1]) {
				common[j]++
			}
		}
	}
	evaluates := []query.Expr{or}
	for j, n := range common {
		if n == len(alternatives) {
			evaluates = append(evaluates, parts[j].expr)
			made.parts++
		}
	}
	if or.Op != query.All {
		made.parts++
	}
	made.evaluates = query.AllOf(evaluates...)
	return made
}

// uses reports whether the path uses all of the parts.
func (p *path) uses(parts []part) bool {
	for _, wanted := range parts {
		if !slices.ContainsFunc(p.used, func(p part) bool { return same(p.expr, wanted.expr) }) {
			return false
		}
	}
	return true
}

// same reports whether two expressions are the same one.
func same(a, b query.Expr) bool {
	return a.Op == b.Op && a.Field == b.Field && slices.EqualFunc(a.Values, b.Values, record.Equal)
}

// alternativesOf returns the parts of each alternative of an or, or of a list that is
// too long for Datastore; nil if it cannot evaluate them all.
func alternativesOf(c *schema.Collection, e query.Expr) (any [][]part) {
	var alternatives []query.Expr
	switch e.Op {
	case query.Or:
		alternatives = e.Kids
	case query.In:
		for values := range slices.Chunk(e.Values, maxIn) {
			alternatives = append(alternatives, query.Expr{Op: query.In, Field: e.Field, Values: values}.Normal())
		}
	}
	if len(alternatives) > maxAlternatives {
		return nil
	}
	for _, alternative := range alternatives {
		conjuncts := []query.Expr{alternative}
		if alternative.Op == query.And {
			conjuncts = alternative.Kids
		}
		var parts []part
		for _, conjunct := range conjuncts {
			p, ok := partOf(c, conjunct)
			if !ok {
				return nil
			}
			parts = append(parts, p)
		}
		any = append(any, parts)
	}
	return any
}

// idsOf returns the ids whose values they are.
func idsOf(values []record.Value) []record.ID {
	ids := make([]record.ID, 0, len(values))
	for _, v := range values {
		switch v.Type() {
		case record.IntType:
			ids = append(ids, record.ID(strconv.FormatInt(v.AsInt(), 10)))
		case record.StringType:
			ids = append(ids, record.ID(v.AsString()))
		}
	}
	return ids
}

// split divides the filter of a query as Capabilities.Split does.
func split(q query.Query) (native, rest query.Expr, err error) {
	filter := q.Filter.Normal()
	p := planOf(q.Collection, filter, q.Order)
	if p.ids != nil {
		return filter, query.Expr{}, nil
	}
	native = p.most.evaluates
	conjuncts := []query.Expr{filter}
	if filter.Op == query.And {
		conjuncts = filter.Kids
	}
	var left []query.Expr
	evaluated := []query.Expr{native}
	if native.Op == query.And {
		evaluated = native.Kids
	}
	for _, e := range conjuncts {
		if !slices.ContainsFunc(evaluated, func(n query.Expr) bool { return equal(n, e) }) {
			left = append(left, e)
		}
	}
	return native, query.AllOf(left...), nil
}

// equal reports whether two expressions in normal form are equal.
func equal(a, b query.Expr) bool { return same(a, b) && slices.EqualFunc(a.Kids, b.Kids, equal) }
