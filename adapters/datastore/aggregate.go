package datastore

import (
	"context"
	"fmt"
	"math"

	"cloud.google.com/go/datastore"
	pb "cloud.google.com/go/datastore/apiv1/datastorepb"

	"github.com/portolan-io/portolan/core/query"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/ports/repository"
)

// maxAggregations is how many results one question gives at most.
const maxAggregations = 5

// Aggregate has Datastore count, and add up where it has an index for it. All else is
// computed here, from MaxScan records at most.
func (s *Store) Aggregate(ctx context.Context, a query.Aggregation) ([]query.Group, error) {
	const op = "datastore.Aggregate"
	if err := s.ready(ctx, op); err != nil {
		return nil, err
	}
	var groups []query.Group
	err := s.read(ctx, op, func(v snapshot) (err error) {
		r := &reader{snapshot: v, store: s, of: a.Collection, limit: a.Collection.MaxScan + 1}
		filter := a.Filter.Normal()
		p := planOf(a.Collection, filter, []query.Key{{Field: a.Collection.ID}})
		if p.ids == nil && equal(p.most.evaluates, filter) && len(p.most.paths) == 1 {
			var done bool
			if groups, done, err = r.natively(a, &p.most.paths[0]); done || err != nil {
				return err
			}
		}
		groups, err = r.fold(a, p)
		return err
	})
	if err != nil {
		return nil, err
	}
	return groups, repository.CheckGroups(op, groups)
}

// fold reads what matches, and computes.
func (r *reader) fold(a query.Aggregation, p plan) ([]query.Group, error) {
	var from stream
	if p.ids != nil {
		from = r.lookups(p.ids)
	} else {
		from = r.all(p.most)
	}
	fold := query.NewFold(a)
	for read := 0; ; read++ {
		e, err := from()
		switch {
		case err != nil:
			return nil, err
		case e == nil:
			return fold.Groups()
		case read == r.of.MaxScan && p.ids == nil:
			return nil, needsIndex("Aggregate", r.of, "the aggregation")
		}
		if err := fold.Add(e.values); err != nil {
			return nil, err
		}
	}
}

// natively has Datastore compute the one group; it is false of what Datastore cannot.
// Numbers are added up natively where nothing is filtered, as that takes no index but
// theirs. An average tells whether there was anything but nulls.
func (r *reader) natively(a query.Aggregation, p *path) ([]query.Group, bool, error) {
	if len(a.GroupBy) > 0 {
		return nil, false, nil
	}
	unlimited := *r
	unlimited.limit = -1
	asked, results := unlimited.matching(p, nil).NewAggregationQuery(), 0
	added := -1 // the one field of which sums or averages are asked: several would need an index of them
	for i, m := range a.Measures {
		switch m.Func {
		case query.Count:
			asked = asked.WithCount(fmt.Sprint("n", i))
			results++
		case query.Sum, query.Average:
			if a.Filter.Op != query.All || !indexed(r.of, m.Field) || added >= 0 && added != m.Field {
				return nil, false, nil
			}
			added = m.Field
			name := r.property(m.Field)
			asked = asked.WithAvg(name, fmt.Sprint("n", i))
			if results++; m.Func == query.Sum {
				asked = asked.WithSum(name, fmt.Sprint("s", i))
				results++
			}
		default:
			return nil, false, nil
		}
	}
	if results == 0 || results > maxAggregations {
		return nil, false, nil
	}
	computed, err := r.aggregate(asked)
	if err != nil {
		return nil, false, err
	}
	group := query.Group{Measures: make([]record.Value, len(a.Measures))}
	for i, m := range a.Measures {
		v, ok := r.measure(m, computed[fmt.Sprint("n", i)], computed[fmt.Sprint("s", i)])
		if !ok {
			return nil, false, nil
		}
		group.Measures[i] = v
	}
	return []query.Group{group}, true, nil
}

// measure reads what Datastore computed; it is false of what is not exact.
func (r *reader) measure(m query.Measure, first, sum *pb.Value) (record.Value, bool) {
	if m.Func == query.Count {
		return record.Int(first.GetIntegerValue()), true
	}
	mean, some := first.GetValueType().(*pb.Value_DoubleValue)
	if !some {
		return record.Null, true
	}
	f := &r.of.Fields[m.Field]
	if m.Func == query.Average {
		v := mean.DoubleValue
		if f.Type == record.DecimalType {
			v /= math.Pow10(f.Scale)
		}
		return record.Float(v), !math.IsInf(v, 0) && !math.IsNaN(v)
	}
	switch total := sum.GetValueType().(type) {
	case *pb.Value_IntegerValue:
		if f.Type == record.DecimalType {
			return record.Decimal(total.IntegerValue, f.Scale), true
		}
		return record.Int(total.IntegerValue), f.Type == record.IntType
	case *pb.Value_DoubleValue:
		return record.Float(total.DoubleValue), f.Type == record.FloatType && !math.IsInf(total.DoubleValue, 0) && !math.IsNaN(total.DoubleValue)
	}
	return record.Null, false
}

// aggregate asks for the results, by their names.
func (r *reader) aggregate(asked *datastore.AggregationQuery) (map[string]*pb.Value, error) {
	results, err := r.store.client.RunAggregationQuery(r.ctx, asked)
	if err != nil {
		return nil, err
	}
	computed := make(map[string]*pb.Value, len(results))
	for name, v := range results {
		computed[name], _ = v.(*pb.Value)
	}
	return computed, nil
}
