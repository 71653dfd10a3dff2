package sqlite

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/portolan-io/portolan/adapters/internal/gormstore"
	"github.com/portolan-io/portolan/core/query"
	"github.com/portolan-io/portolan/core/query/querytest"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/core/schema"
	"github.com/portolan-io/portolan/ports/repository"
)

var update = flag.Bool("update", false, "write the golden files anew")

// A recorder is an engine that notes each statement before it is run.
type recorder struct {
	gormstore.Engine
	log  strings.Builder
	last *gormstore.Statement
	args []gormstore.Arg // of last
}

type recordingSession struct {
	gormstore.Session
	*recorder
}

func (r *recorder) Read(ctx context.Context, how gormstore.Reading, do func(gormstore.Session) error) error {
	return r.Engine.Read(ctx, how, func(s gormstore.Session) error { return do(recordingSession{s, r}) })
}

func (r *recorder) Scan(ctx context.Context, how gormstore.Reading, do func(gormstore.Session) error) error {
	return r.Engine.Scan(ctx, how, func(s gormstore.Session) error { return do(recordingSession{s, r}) })
}

func (r *recorder) Write(ctx context.Context, do func(gormstore.Session) error) error {
	return r.Engine.Write(ctx, func(s gormstore.Session) error { return do(recordingSession{s, r}) })
}

func (s recordingSession) Exec(ctx context.Context, kept *gormstore.Statement, args []gormstore.Arg) (int64, error) {
	s.note(kept, args)
	return s.Session.Exec(ctx, kept, args)
}

func (s recordingSession) Query(ctx context.Context, kept *gormstore.Statement, args []gormstore.Arg, each func(gormstore.Cells) (bool, error)) error {
	s.note(kept, args)
	return s.Session.Query(ctx, kept, args, each)
}

func (s recordingSession) Queue(ctx context.Context, call gormstore.Call) error {
	s.note(call.Statement, call.Args)
	return s.Session.Queue(ctx, call)
}

func (s recordingSession) note(kept *gormstore.Statement, args []gormstore.Arg) {
	s.last, s.args = kept, args
	fmt.Fprintf(&s.log, "%s\n", kept.Text)
	for i, arg := range args {
		value := "null"
		switch arg.Kind {
		case gormstore.IntKind:
			value = fmt.Sprint(arg.Int())
		case gormstore.FloatKind:
			value = fmt.Sprintf("%g", arg.Float())
		case gormstore.TextKind:
			value = fmt.Sprintf("%q", arg.Text())
		case gormstore.BlobKind:
			value = fmt.Sprintf("%x", arg.Text())
		}
		fmt.Fprintf(&s.log, "--   %d: %s\n", i+1, value)
	}
}

// recorded returns a store over a new database with the collections' tables,
// and what its statements are noted in.
func recorded(t *testing.T, collections ...*schema.Collection) (*gormstore.Store, *recorder) {
	t.Helper()
	return recordedAt(t, testPath(t), collections...)
}

// golden compares got with the file, or writes it with -update.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s\nif the change is meant: go test ./adapters/sqlite -update", path, diff)
	}
}

// TestGoldenFilters prints every operator on every type that has it, by itself
// and under not.
func TestGoldenFilters(t *testing.T) {
	c := querytest.Collection()
	store, log := recorded(t, c)
	filters := []string{
		"name eq 'x'", "name ne 'x'", "name lt 'x'", "name le 'x'", "name gt 'x'", "name ge 'x'",
		"name eq null", "name ne null", "name in ('x', 'y')", "name in ('x', 'y', 'z', null)", "name in (null)",
		"contains(name, 'x')", "startswith(name, 'x')", "endswith(name, 'x')",
		"contains(name, '')", "startswith(name, '')", "endswith(name, '')",
		"tags has 'x'", "sizes has 7", "tags eq null", "sizes ne null", "extra eq null",
		"flag", "flag eq false", "count gt 5", "ratio le 1.5", "price ge 1.5", "made lt 2026-01-01T00:00:00Z", "blob eq 'AAE='",
		"id in ('a', 'b')", "flag and (count eq 1 or not (name eq 'x' and price gt 2))",
	}
	var out strings.Builder
	for _, text := range filters {
		for _, text := range []string{text, "not (" + text + ")"} {
			filter, err := query.Parse(text, query.Names{Collection: c}, query.MaxURLBytes)
			if err != nil {
				t.Fatalf("%s: %v", text, err)
			}
			if _, err := store.Find(t.Context(), byID(c, filter)); err != nil {
				t.Fatalf("%s: %v", text, err)
			}
			fmt.Fprintf(&out, "-- %s\n%s\n", text, log.log.String())
			log.log.Reset()
		}
	}
	golden(t, "filters.sql", out.String())
}

// byID asks for the ids of the first records that match.
func byID(c *schema.Collection, filter query.Expr) query.Query {
	return query.Query{View: query.View{Collection: c, Filter: filter}, Order: []query.Key{{Field: c.ID}}, Limit: 2}
}

// TestGoldenPages prints what comes behind a cursor, for each way of an order
// and with null at each place.
func TestGoldenPages(t *testing.T) {
	c := querytest.Collection()
	store, log := recorded(t, c)
	count, name := record.Int(5), record.String("x")
	tests := []struct {
		order string
		after []record.Value
	}{
		{"id", nil},
		{"id desc", nil},
		{"id", []record.Value{record.String("a")}},
		{"id desc", []record.Value{record.String("a")}},
		{"count", []record.Value{count, record.String("a")}},
		{"count", []record.Value{record.Null, record.String("a")}},
		{"count desc", []record.Value{count, record.String("a")}},
		{"count desc", []record.Value{record.Null, record.String("a")}},
		{"name desc, count", []record.Value{name, count, record.String("a")}},
		{"name desc, count", []record.Value{record.Null, record.Null, record.String("a")}},
	}
	var out strings.Builder
	for _, tt := range tests {
		q := byID(c, query.Expr{Op: query.Eq, Field: position(t, c, "kind"), Values: []record.Value{record.String("b")}})
		var err error
		if q.Order, err = query.ParseOrder(tt.order, query.Names{Collection: c}); err != nil {
			t.Fatal(err)
		}
		if tt.after != nil {
			q.After = repository.EncodeCursor(q, tt.after)
		}
		q.Fields = []int{position(t, c, "price")}
		if _, err := store.Find(t.Context(), q); err != nil {
			t.Fatalf("%s: %v", tt.order, err)
		}
		fmt.Fprintf(&out, "-- kind eq 'b', by %s, behind %s\n%s\n", tt.order, record.AppendValue(nil, record.List(tt.after)), log.log.String())
		log.log.Reset()
	}
	golden(t, "pages.sql", out.String())
}

func position(t testing.TB, c *schema.Collection, field string) int {
	t.Helper()
	i, ok := c.Position(field)
	if !ok {
		t.Fatalf("%s has no field %s", c.Name, field)
	}
	return i
}

// TestGoldenAggregates prints every measure.
func TestGoldenAggregates(t *testing.T) {
	c := querytest.Collection()
	store, log := recorded(t, c)
	var out strings.Builder
	for _, field := range []string{"count", "price", "ratio"} {
		for _, by := range [][]int{nil, {position(t, c, "kind"), position(t, c, "flag")}} {
			at := position(t, c, field)
			_, err := store.Aggregate(t.Context(), query.Aggregation{
				Collection: c, GroupBy: by, Limit: 10,
				Filter: query.Expr{Op: query.Ne, Field: at, Values: []record.Value{record.Null}},
				Measures: []query.Measure{{Func: query.Count}, {Func: query.Sum, Field: at}, {Func: query.Average, Field: at},
					{Func: query.Minimum, Field: at}, {Func: query.Maximum, Field: at}},
			})
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(&out, "-- %s by %v\n%s\n", field, c.Names(by), log.log.String())
			log.log.Reset()
		}
	}
	golden(t, "aggregates.sql", out.String())
}

// TestGoldenWrites prints every mutation, Get and Load.
func TestGoldenWrites(t *testing.T) {
	c := products(t)
	store, log := recorded(t, c)
	p := product(1)
	none := query.Expr{Op: query.Eq, Field: position(t, c, "category_id"), Values: []record.Value{record.Int(9)}}
	put := repository.Mutation{Op: repository.Put, Collection: c, ID: p.ID, Revision: "r1", Fields: p.Fields, Needs: []int{position(t, c, "category_id")}}
	tests := []struct {
		name string
		do   func() error
	}{
		{"put a new record", func() error { return apply(t, store, put) }},
		{"put an old record", func() error { return apply(t, store, put) }},
		{"check that nothing refers", func() error {
			return apply(t, store, repository.Mutation{Op: repository.Check, Collection: c, NoneOf: &none})
		}},
		{"check a revision", func() error {
			return apply(t, store, repository.Mutation{Op: repository.Check, Collection: c, ID: p.ID, If: repository.At("r1")})
		}},
		{"delete", func() error {
			return apply(t, store, repository.Mutation{Op: repository.Delete, Collection: c, ID: p.ID})
		}},
		{"get three", func() error {
			_, err := store.Get(t.Context(), query.View{Collection: c, Filter: none, Fields: []int{1}, Needs: []int{7}}, []record.ID{"a", "b", "c"})
			return err
		}},
		{"load", func() error {
			_, err := store.Load(t.Context(), repository.Load{Collection: c, Rows: []record.Record{p}, Run: "run-"})
			return err
		}},
	}
	var out strings.Builder
	for _, tt := range tests {
		if err := tt.do(); err != nil {
			t.Fatalf("%s: %v", tt.name, err)
		}
		fmt.Fprintf(&out, "-- %s\n%s\n", tt.name, log.log.String())
		log.log.Reset()
	}
	golden(t, "writes.sql", out.String())
}

func apply(t testing.TB, store repository.Store, batch ...repository.Mutation) error {
	t.Helper()
	_, err := store.Apply(t.Context(), batch)
	return err
}
