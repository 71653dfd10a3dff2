package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/portolan-io/portolan/adapters/internal/gormstore"
	"github.com/portolan-io/portolan/core/query"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/core/schema"
	"github.com/portolan-io/portolan/ports/repository"
)

// A recorder is an engine that remembers the last statement of a Scan.
type recorder struct {
	*engine
	last *gormstore.Statement
	args []gormstore.Arg
}

type recordingSession struct {
	gormstore.Session
	*recorder
}

func (r *recorder) Scan(ctx context.Context, how gormstore.Reading, do func(gormstore.Session) error) error {
	return r.engine.Scan(ctx, how, func(s gormstore.Session) error { return do(recordingSession{s, r}) })
}

func (s recordingSession) Query(ctx context.Context, kept *gormstore.Statement, args []gormstore.Arg, each func(gormstore.Cells) (bool, error)) error {
	s.last, s.args = kept, args
	return s.Session.Query(ctx, kept, args, each)
}

// A node is a part of a plan that was run.
type node struct {
	Type    string  `json:"Node Type"`
	Rows    float64 `json:"Actual Rows"`
	Loops   float64 `json:"Actual Loops"`
	Removed float64 `json:"Rows Removed by Filter"`
	Plans   []node
}

// read returns how many rows the plan took from tables and indexes.
func (n node) read() float64 {
	sum := 0.0
	if strings.HasSuffix(n.Type, "Scan") && n.Type != "Bitmap Index Scan" {
		sum = n.Loops * (n.Rows + n.Removed)
	}
	for _, kid := range n.Plans {
		sum += kid.read()
	}
	return sum
}

// explained returns the plan of the last statement, as it was run.
func (r *recorder) explained(t *testing.T) (plan node, text string) {
	t.Helper()
	explain := gormstore.Statement{Text: "EXPLAIN (ANALYZE, FORMAT JSON) " + r.last.Text}
	err := r.Read(t.Context(), gormstore.Reading{}, func(s gormstore.Session) error {
		return s.Query(t.Context(), &explain, r.args, func(cells gormstore.Cells) (bool, error) {
			text = string(cells.Bytes(0))
			return true, nil
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	var plans []struct{ Plan node }
	if err := json.Unmarshal([]byte(text), &plans); err != nil {
		t.Fatal(err)
	}
	return plans[0].Plan, text
}

// TestRowsRead pages through orders that an index serves, to the end: no page reads
// more than three rows for each of its own.
func TestRowsRead(t *testing.T) {
	store := openTest(t)
	r := &recorder{engine: store.engine}
	recorded := gormstore.New(&dialect, r)
	c, err := schema.New(schema.Spec{Name: "products", ID: "asin", Fields: []schema.FieldSpec{
		{Name: "asin", Type: "string", Max: "16"}, {Name: "category_id", Type: "int"}, {Name: "stars", Type: "float"}, {Name: "title", Type: "string", Max: "200"},
	}, Indexes: [][]string{{"category_id", "stars desc"}, {"category_id", "stars"}}})
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Ensure(t.Context(), []*schema.Collection{c}); err != nil {
		t.Fatal(err)
	}
	var rows []record.Record
	for i := range 200_000 {
		stars := record.Float(float64(i % 50))
		if i%5 == 0 {
			stars = record.Null
		}
		id := fmt.Sprintf("B%06d", i*7919%200_000) // in no order, as ids of products are
		rows = append(rows, record.Record{ID: record.ID(id), Revision: "run-1", Fields: []record.Value{
			record.String(id), record.Int(int64(i % 4)), stars, record.String("A product that nobody needs"),
		}})
	}
	if _, err := store.Load(t.Context(), repository.Load{Collection: c, Rows: rows, Run: "run-"}); err != nil {
		t.Fatal(err)
	}
	if err := store.engine.Write(t.Context(), func(s gormstore.Session) error {
		_, err := s.Exec(t.Context(), &gormstore.Statement{Text: "ANALYZE products"}, nil)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	category := query.Expr{Op: query.Eq, Field: 1, Values: []record.Value{record.Int(3)}}
	for _, tt := range []struct {
		order  string
		filter query.Expr
		rows   int
	}{
		{"", query.Expr{}, 200_000}, {"asin desc", query.Expr{}, 200_000}, {"stars desc", category, 50_000}, {"stars", category, 50_000},
	} {
		t.Run(tt.order, func(t *testing.T) {
			q := query.Query{View: query.View{Collection: c, Filter: tt.filter, Fields: c.All()}, Limit: 200}
			var err error
			if q.Order, err = query.ParseOrder(tt.order, query.Names{Collection: c}); err != nil {
				t.Fatal(err)
			}
			total, read := 0, 0.0
			for {
				page, err := recorded.Find(t.Context(), q)
				if err != nil {
					t.Fatal(err)
				}
				total += len(page.Rows)
				plan, text := r.explained(t)
				read += plan.read()
				if plan.read() > float64(3*q.Limit) && total < tt.rows-10*q.Limit { // of what little is left, all may be read
					t.Fatalf("a page of %d behind %d rows read %v, want at most %d\n%s\n%s", q.Limit, total, plan.read(), 3*q.Limit, r.last.Text, text)
				}
				if page.Next == "" {
					break
				}
				q.After = page.Next
			}
			if read > float64(3*tt.rows) {
				t.Errorf("rows read for all pages: got %v, want at most three times %d", read, tt.rows)
			}
			if total != tt.rows {
				t.Errorf("rows in all pages: got %d, want %d", total, tt.rows)
			}
		})
	}
}
