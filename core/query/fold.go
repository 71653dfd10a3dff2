package query

import (
	"math"
	"math/bits"
	"slices"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/record"
)

// A Fold computes an aggregation from records one by one. It is the
// specification of what a store's Aggregate returns. It is not safe for
// concurrent use.
//
// Sums of ints and decimals are exact, whatever the order of the records, and
// are refused only if the result itself does not fit.
type Fold struct {
	aggregation Aggregation
	groups      map[string]*group
	key         []byte // of the record in hand
}

// A group is what a Fold knows of one group.
type group struct {
	keys   []record.Value
	totals []total // one for each measure
}

// NewFold returns a Fold over no records yet.
func NewFold(a Aggregation) *Fold {
	f := &Fold{aggregation: a, groups: make(map[string]*group)}
	if len(a.GroupBy) == 0 {
		f.groups[""] = &group{totals: make([]total, len(a.Measures))}
	}
	return f
}

// Add takes in the record with the given fields, which are aligned with the
// collection's, if it matches the aggregation's filter. It returns
// fault.Refused with the code too-many-groups if there are more groups than
// the limit. Fields are not kept.
func (f *Fold) Add(fields []record.Value) error {
	if !match(&f.aggregation.Filter, fields) {
		return nil
	}
	f.key = f.key[:0]
	for _, position := range f.aggregation.GroupBy {
		f.key = append(record.AppendValue(f.key, fields[position]), ',')
	}
	g := f.groups[string(f.key)]
	if g == nil {
		if len(f.groups) >= f.aggregation.Limit {
			return fault.New(fault.Refused, "query.Fold", "there are more than %d groups", f.aggregation.Limit).
				Coded("too-many-groups").Hinting("filter, or group by fewer fields")
		}
		g = &group{totals: make([]total, len(f.aggregation.Measures))}
		for _, position := range f.aggregation.GroupBy {
			g.keys = append(g.keys, fields[position])
		}
		f.groups[string(f.key)] = g
	}
	for i, m := range f.aggregation.Measures {
		if m.Func == Count {
			g.totals[i].count++
		} else if v := fields[m.Field]; !v.IsNull() {
			g.totals[i].add(m.Func, v)
		}
	}
	return nil
}

// Groups returns the result, ordered by the keys. It returns fault.Refused with
// the code overflow if a sum does not fit its type.
func (f *Fold) Groups() ([]Group, error) {
	groups := make([]Group, 0, len(f.groups))
	for _, g := range f.groups {
		result := Group{Keys: g.keys, Measures: make([]record.Value, len(g.totals))}
		for i, m := range f.aggregation.Measures {
			v, ok := g.totals[i].result(m.Func)
			if !ok {
				return nil, fault.New(fault.Refused, "query.Fold", "the %s called %s is greater than its type can hold", m.Func, m.As).
					Coded("overflow").Hinting("filter, or group by more fields")
			}
			result.Measures[i] = v
		}
		groups = append(groups, result)
	}
	slices.SortFunc(groups, func(a, b Group) int { return slices.CompareFunc(a.Keys, b.Keys, record.Compare) })
	return groups, nil
}

// String returns the name of f as texts write it.
func (f Func) String() string { return [...]string{"count", "sum", "average", "min", "max"}[f] }

// A total is one measure of one group so far.
type total struct {
	count  int64        // records, or values that are not null
	sample record.Value // one of the values; for Minimum and Maximum the one
	low    uint64       // with high: the sum of ints or unscaled decimals in 128 bits
	high   int64
	float  float64 // the sum of floats, with what rounding lost of it (Neumaier)
	lost   float64
}

func (t *total) add(f Func, v record.Value) {
	t.count++
	switch {
	case t.count == 1:
		t.sample = v
	case f == Minimum && record.Compare(v, t.sample) < 0, f == Maximum && record.Compare(v, t.sample) > 0:
		t.sample = v
	}
	if f != Sum && f != Average {
		return
	}
	switch v.Type() {
	case record.IntType:
		t.addInt(v.AsInt())
	case record.DecimalType:
		unscaled, _ := v.AsDecimal()
		t.addInt(unscaled)
	case record.FloatType:
		t.addFloat(v.AsFloat())
	}
}

func (t *total) addInt(n int64) {
	low, carry := bits.Add64(t.low, uint64(n), 0)
	t.low = low
	t.high += n>>63 + int64(carry)
}

func (t *total) addFloat(v float64) {
	sum := t.float + v
	if math.Abs(t.float) >= math.Abs(v) {
		t.lost += t.float - sum + v
	} else {
		t.lost += v - sum + t.float
	}
	t.float = sum
}

// integer returns the sum of ints as the nearest float, near enough. It adds
// the halves of the magnitude, because those of a small negative sum would
// cancel out.
func (t *total) integer() float64 {
	if t.high >= 0 {
		return float64(t.high)*(1<<64) + float64(t.low)
	}
	low, borrow := bits.Sub64(0, t.low, 0)
	return -(float64(-t.high-int64(borrow))*(1<<64) + float64(low))
}

// result returns the measure, and false if it does not fit its type.
func (t *total) result(f Func) (record.Value, bool) {
	switch {
	case f == Count:
		return record.Int(t.count), true
	case t.count == 0:
		return record.Null, true
	case f == Minimum || f == Maximum:
		return t.sample, true
	}
	_, scale := t.sample.AsDecimal()
	if t.sample.Type() == record.FloatType {
		sum := t.float + t.lost
		if f == Average {
			sum /= float64(t.count)
		}
		return record.Float(sum), !math.IsInf(sum, 0) && !math.IsNaN(sum)
	}
	if f == Average {
		return record.Float(t.integer() / float64(t.count) / math.Pow10(scale)), true
	}
	if t.high != int64(t.low)>>63 {
		return record.Null, false
	}
	if t.sample.Type() == record.DecimalType {
		return record.Decimal(int64(t.low), scale), true
	}
	return record.Int(int64(t.low)), true
}
