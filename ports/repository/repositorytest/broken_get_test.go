package repositorytest_test

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/portolan-io/portolan/core/query"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/ports/repository"
)

var brokenGets = []broken{
	{"ids are folded", func(s repository.Store) repository.Store {
		fold := func(id record.ID) record.ID { return record.ID(strings.ToLower(string(id))) }
		return hooked{Store: s, get: func(ctx context.Context, view query.View, ids []record.ID) ([]record.Row, error) {
			var rows []record.Row
			for _, id := range ids {
				row, err := s.Get(ctx, view, []record.ID{fold(id)})
				if err != nil {
					return nil, err
				}
				rows = append(rows, row...)
			}
			return rows, nil
		}}
	}, "Get/IDs"},
	{"rows come by id", getting(nil, func(rows []record.Row) []record.Row {
		slices.SortFunc(rows, func(a, b record.Row) int { return strings.Compare(string(a.ID), string(b.ID)) })
		return rows
	}), "Get/Order"},
	{"at most 100 ids are looked for", getting(func(_ *query.View, ids *[]record.ID) {
		*ids = (*ids)[:min(len(*ids), 100)]
	}, nil), "Get/Many"},
	{"an id given twice is returned twice", func(s repository.Store) repository.Store {
		return hooked{Store: s, get: func(ctx context.Context, view query.View, ids []record.ID) ([]record.Row, error) {
			var rows []record.Row
			for _, id := range ids {
				row, err := s.Get(ctx, view, []record.ID{id})
				if err != nil {
					return nil, err
				}
				rows = append(rows, row...)
			}
			return rows, nil
		}}
	}, "Get/Twice"},
	{"Get ignores the filter", getting(func(v *query.View, _ *[]record.ID) { v.Filter = query.Expr{} }, nil), "Get/Matching"},
	{"Values come in declared order", getting(func(v *query.View, _ *[]record.ID) {
		v.Needs = slices.Clone(v.Needs)
		slices.Sort(v.Needs)
	}, nil), "Get/Projection"},
	{"every field is encoded", getting(func(v *query.View, _ *[]record.ID) { v.Fields = v.Collection.All() }, nil), "Get/Projection"},
	{"fields keep their own names", getting(func(v *query.View, _ *[]record.ID) { v.As = nil }, nil), "Get/As"},
	{"floats of all numbers", getting(nil, func(rows []record.Row) []record.Row {
		for _, row := range rows {
			for i, v := range row.Values {
				if v.Type() == record.IntType {
					row.Values[i] = record.Int(int64(float64(v.AsInt())))
				}
			}
		}
		return rows
	}), "Types/Extremes"},
	{"empty strings are null", getting(nil, func(rows []record.Row) []record.Row {
		for _, row := range rows {
			for i, v := range row.Values {
				if v.Type() == record.StringType && v.AsString() == "" {
					row.Values[i] = record.Null
				}
			}
		}
		return rows
	}), "Types/Extremes"},
	{"ids are 32 bits", getting(func(_ *query.View, ids *[]record.ID) {
		for i, id := range *ids {
			if n, err := strconv.ParseInt(string(id), 10, 64); err == nil {
				(*ids)[i] = record.ID(strconv.FormatInt(int64(int32(n)), 10))
			}
		}
	}, nil), "Get/IntIDs"},
	{"a record that is not there is empty", func(s repository.Store) repository.Store {
		return hooked{Store: s, get: func(ctx context.Context, view query.View, ids []record.ID) ([]record.Row, error) {
			rows, err := s.Get(ctx, view, ids)
			if len(ids) > 0 && len(rows) == 0 {
				rows = []record.Row{{ID: ids[0], JSON: []byte("null")}}
			}
			return rows, err
		}}
	}, "Get/None"},
	{"a filter of Get reads null as false", getting(func(v *query.View, _ *[]record.ID) {
		if v.Filter.Op == query.Not {
			kid := v.Filter.Kids[0]
			notNull := query.Expr{Op: query.Ne, Field: kid.Field, Values: []record.Value{record.Null}}
			v.Filter = query.AllOf(v.Filter, notNull)
		}
	}, nil), "Random/Get"},
	{"white space in JSON", getting(nil, func(rows []record.Row) []record.Row {
		for i := range rows {
			rows[i].JSON = []byte(strings.Replace(string(rows[i].JSON), ":", ": ", 1))
		}
		return rows
	}), "Get/Projection"},
}

// getting returns a store that changes what Get is asked, and what it answers.
func getting(before func(*query.View, *[]record.ID), after func([]record.Row) []record.Row) func(repository.Store) repository.Store {
	return func(s repository.Store) repository.Store {
		return hooked{Store: s, get: func(ctx context.Context, view query.View, ids []record.ID) ([]record.Row, error) {
			if before != nil {
				before(&view, &ids)
			}
			rows, err := s.Get(ctx, view, ids)
			if after != nil {
				rows = after(rows)
			}
			return rows, err
		}}
	}
}
