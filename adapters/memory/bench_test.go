package memory

import (
	"fmt"
	"testing"

	"github.com/portolan-io/portolan/core/query"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/ports/repository"
)

const benchRows = 200_000

func BenchmarkGet(b *testing.B) {
	s, c := stocked(b, benchRows)
	view := query.View{Collection: c, Fields: c.All()}
	for i := 0; b.Loop(); i++ {
		id := record.ID(fmt.Sprint(1 + i*7919%benchRows))
		if rows, err := s.Get(b.Context(), view, []record.ID{id}); err != nil || len(rows) != 1 {
			b.Fatalf("%d rows, %v", len(rows), err)
		}
	}
}

func BenchmarkFind20(b *testing.B) {
	s, c := stocked(b, benchRows)
	for name, q := range map[string]query.Query{
		"index": {View: query.View{Filter: eq(fieldStars, 3)}, Order: []query.Key{{Field: fieldID}}},
		"scan":  {View: query.View{Filter: eq(fieldPrice, 3)}, Order: []query.Key{{Field: fieldStars, Desc: true}, {Field: fieldID}}},
	} {
		q.Collection, q.Fields, q.Limit = c, c.All(), 20
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if page, err := s.Find(b.Context(), q); err != nil || len(page.Rows) != 20 {
					b.Fatalf("%d rows, %v", len(page.Rows), err)
				}
			}
		})
	}
}

func BenchmarkApplyOne(b *testing.B) {
	s, c := stocked(b, benchRows)
	for i := 0; b.Loop(); i++ {
		r := product(1 + i*7919%benchRows)
		r.Fields[fieldStars] = record.Int(int64(i % 5))
		_, err := s.Apply(b.Context(), []repository.Mutation{{Op: repository.Put, Collection: c, ID: r.ID, Revision: r.Revision, Fields: r.Fields}})
		if err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkLoad(b *testing.B) {
	for b.Loop() {
		stocked(b, benchRows)
	}
	b.ReportMetric(float64(b.N)*benchRows/b.Elapsed().Seconds(), "rows/s")
}
