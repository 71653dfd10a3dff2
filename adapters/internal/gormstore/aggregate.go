package gormstore

import (
	"context"
	"math"
	"math/big"
	"strconv"
	"strings"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/query"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/core/schema"
	"github.com/portolan-io/portolan/ports/repository"
)

// Aggregate computes all measures in one statement.
func (s *Store) Aggregate(ctx context.Context, a query.Aggregation) ([]query.Group, error) {
	if err := s.ready(ctx, "Aggregate"); err != nil {
		return nil, err
	}
	t, err := s.table(ctx, a.Collection)
	if err != nil {
		return nil, err
	}
	r := aggregating(a)
	p := t.plans.find(r.shape, func() *plan { return t.printAggregate(a) })
	var groups []query.Group
	var size repository.GroupSize
	err = s.engine.Scan(ctx, Reading{Collection: a.Collection, Stale: a.Stale}, func(session Session) error {
		groups, size = nil, 0
		return session.Query(ctx, &p.Statement, p.args(r.operands), func(cells Cells) (bool, error) {
			if len(a.GroupBy) > 0 && len(groups) == a.Limit {
				return false, fault.New(fault.Refused, s.op("Aggregate"), "there are more than %d groups", a.Limit).
					Coded("too-many-groups").Hinting("group by fewer fields, or filter")
			}
			group, err := s.group(p, a, cells)
			if err != nil {
				return false, err
			}
			groups = append(groups, group)
			return true, size.Add(s.op("Aggregate"), group)
		})
	})
	if err != nil {
		return nil, s.fail(ctx, "Aggregate", err)
	}
	return groups, nil
}

func aggregating(a query.Aggregation) request {
	r := begin('a')
	r.numbers(a.GroupBy)
	r.number(a.Limit)
	r.number(len(a.Measures))
	for _, m := range a.Measures {
		r.number(int(m.Func))
		r.number(m.Field)
	}
	r.filter(a.Filter)
	return r
}

// printAggregate prints a statement whose rows are the keys of a group, from
// idCell on, and three cells for each measure.
func (t *table) printAggregate(a query.Aggregation) *plan {
	p, out := &plan{table: t, read: a.GroupBy}, t.dialect.print(t)
	keys := make([]query.Key, len(a.GroupBy))
	if len(keys) > 0 {
		out.top(a.Limit + 1) // one more tells that there are too many
	} else {
		out.top(0)
	}
	out.write("''")
	for i, position := range a.GroupBy {
		keys[i].Field = position
		out.write(", ", t.columns[position].read)
	}
	for _, m := range a.Measures {
		out.measure(m)
	}
	out.write(" FROM ", t.name)
	if a.Filter.Op != query.All {
		out.write(" WHERE ")
		out.filter(a.Filter, false)
	}
	if len(keys) > 0 {
		out.write(" GROUP BY ")
		out.list(len(keys), func(i int) { out.write(t.columns[keys[i].Field].read) })
		out.write(" ORDER BY ")
		out.list(len(keys), func(i int) { // by their places, as a measure may be called what a key is
			out.write(strconv.Itoa(i+2), t.dialect.direction(false, keys[i].Field != t.ID && !t.columns[keys[i].Field].notNull))
		})
		out.limit(a.Limit + 1)
	}
	p.Statement = out.statement()
	return p
}

// measure appends the three cells of a measure: its value or the number of
// values, and the two halves of an exact sum. Engines add integers up until
// they overflow; halves of 32 bits cannot.
func (p *printer) measure(m query.Measure) {
	if m.Func == query.Count {
		p.write(", count(*), 0, 0")
		return
	}
	c := p.table.columns[m.Field].read
	if p.table.Fields[m.Field].Type == record.BoolType && p.dialect.Number != "" {
		c = strings.ReplaceAll(p.dialect.Number, "{c}", c)
	}
	exact := p.table.Fields[m.Field].Type != record.FloatType
	switch {
	case m.Func == query.Minimum:
		p.write(", min(", c, "), 0, 0")
	case m.Func == query.Maximum:
		p.write(", max(", c, "), 0, 0")
	case exact && p.dialect.Sum != "":
		p.write(", count(", c, "), ")
		p.template(p.dialect.Sum, c, 0)
		p.write(", 0")
	case exact:
		p.write(", count(", c, "), ")
		p.template(p.dialect.SumHigh, c, 0)
		p.write(", ")
		p.template(p.dialect.SumLow, c, 0)
	case m.Func == query.Sum:
		p.write(", sum(", c, "), 0, 0")
	default:
		p.write(", avg(", c, "), 0, 0")
	}
}

func (s *Store) group(p *plan, a query.Aggregation, cells Cells) (query.Group, error) {
	group := query.Group{
		Keys:     make([]record.Value, len(a.GroupBy)),
		Measures: make([]record.Value, len(a.Measures)),
	}
	var err error
	for i := range a.GroupBy {
		if group.Keys[i], err = p.value(cells, idCell+i); err != nil {
			return group, err
		}
	}
	for i, m := range a.Measures {
		cell := idCell + len(a.GroupBy) + 3*i
		if group.Measures[i], err = s.measured(p, m, cells, cell); err != nil {
			return group, err
		}
	}
	return group, nil
}

// measured returns the value of a measure out of its three cells.
func (s *Store) measured(p *plan, m query.Measure, cells Cells, cell int) (record.Value, error) {
	if m.Func == query.Count {
		return record.Int(cells.Int(cell)), nil
	}
	f := &p.table.Fields[m.Field]
	kind := cells.Kind(cell)
	switch {
	case kind == NullKind:
		return record.Null, nil
	case m.Func == query.Minimum || m.Func == query.Maximum:
		if !s.dialect.readable(f, cells, cell) {
			return record.Null, p.unreadable(f, cells, cell, nil)
		}
		return scalar(f, cells, cell), nil
	case f.Type == record.FloatType:
		sum := cells.Float(cell)
		if math.IsInf(sum, 0) || math.IsNaN(sum) {
			return record.Null, s.overflow(m)
		}
		return record.Float(sum), nil
	}
	count := cells.Int(cell)
	if count == 0 {
		return record.Null, nil
	}
	sum, whole := new(big.Int), true
	if s.dialect.Sum == "" {
		sum.Lsh(big.NewInt(cells.Int(cell+1)), 32).Add(sum, big.NewInt(cells.Int(cell+2)))
	} else {
		sum, whole = sum.SetString(strings.Replace(string(cells.Bytes(cell+1)), ".", "", 1), 10)
	}
	if !whole {
		return record.Null, p.unreadable(f, cells, cell+1, nil)
	}
	return s.exact(f, m, sum, count)
}

// exact returns the sum or the average of count integers or decimals.
func (s *Store) exact(f *schema.Field, m query.Measure, sum *big.Int, count int64) (record.Value, error) {
	if m.Func == query.Average {
		unit := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(f.Scale)), nil)
		mean := new(big.Rat).SetFrac(sum, unit.Mul(unit, big.NewInt(count)))
		nearest, _ := mean.Float64()
		return record.Float(nearest), nil
	}
	if !sum.IsInt64() {
		return record.Null, s.overflow(m)
	}
	if f.Type == record.DecimalType {
		return record.Decimal(sum.Int64(), f.Scale), nil
	}
	return record.Int(sum.Int64()), nil
}

func (s *Store) overflow(m query.Measure) error {
	return fault.New(fault.Refused, s.op("Aggregate"), "the sum called %s is too large for its type", m.As).
		Coded("overflow").Hinting("filter, or group more finely")
}
