package sqlserver

import (
	"database/sql/driver"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/portolan-io/portolan/core/query"
	"github.com/portolan-io/portolan/core/query/querytest"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/core/schema"
	"github.com/portolan-io/portolan/ports/repository"
)

var update = flag.Bool("update", false, "write the golden files anew")

// references are what the golden files rest on.
var references = map[string][]string{
	"filters": {"language-elements/comparison-operators-transact-sql", "functions/charindex-transact-sql", "functions/datalength-transact-sql",
		"functions/openjson-transact-sql", "functions/isjson-transact-sql", "functions/cast-and-convert-transact-sql"},
	"pages":      {"queries/top-transact-sql", "queries/from-transact-sql", "language-elements/set-operators-union-transact-sql", "queries/select-order-by-clause-transact-sql"},
	"aggregates": {"functions/sum-transact-sql", "functions/min-transact-sql", "functions/max-transact-sql", "functions/count-transact-sql", "queries/select-group-by-transact-sql", "data-types/precision-scale-and-length-transact-sql"},
	"writes":     {"statements/insert-transact-sql", "queries/update-transact-sql", "statements/delete-transact-sql", "queries/hints-transact-sql-table", "functions/rowcount-big-transact-sql"},
	"load":       {"statements/bulk-insert-transact-sql", "queries/output-clause-transact-sql", "queries/update-transact-sql", "queries/hints-transact-sql-table"},
	"tables": {"statements/create-table-transact-sql", "statements/alter-table-computed-column-definition-transact-sql", "statements/create-index-transact-sql",
		"statements/create-schema-transact-sql", "statements/alter-table-transact-sql"},
	"existing": {"data-types/data-types-transact-sql", "data-types/rowversion-transact-sql", "functions/switchoffset-transact-sql", "functions/try-cast-transact-sql",
		"statements/collations"},
	"nvarchar": {"data-types/nchar-and-nvarchar-transact-sql", "statements/windows-collation-name-transact-sql"},
	"open": {"statements/create-schema-transact-sql", "statements/drop-schema-transact-sql", "language-elements/declare-local-variable-transact-sql",
		"functions/db-name-transact-sql", "functions/collationproperty-transact-sql", "language-elements/execute-transact-sql"},
	"transactions": {"statements/set-transaction-isolation-level-transact-sql", "statements/set-xact-abort-transact-sql", "statements/set-lock-timeout-transact-sql"},
}

// golden compares got with the file, or writes it with -update. Each begins with where
// it is written that T-SQL is so.
func golden(t *testing.T, name, got string) {
	t.Helper()
	var head strings.Builder
	for _, page := range references[name] {
		fmt.Fprintf(&head, "-- https://learn.microsoft.com/sql/t-sql/%s\n", page)
	}
	if head.Len() == 0 {
		t.Fatalf("%s rests on nothing", name)
	}
	got = head.String() + "\n" + got
	path := filepath.Join("testdata", name+".sql")
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
		t.Errorf("%s (-want +got):\n%s\nif the change is meant: go test ./adapters/sqlserver -update", path, diff)
	}
}

// filters are what TestGoldenFilters prints.
var filters = []string{
	"name eq 'x'", "name ne 'x'", "name lt 'x'", "name le 'x'", "name gt 'x'", "name ge 'x'",
	"name eq null", "name ne null", "name in ('x', 'y')", "name in ('x', 'y', 'z', null)", "name in (null)",
	"contains(name, 'x')", "startswith(name, 'x')", "endswith(name, 'x')",
	"contains(name, '')", "startswith(name, '')", "endswith(name, '')",
	"tags has 'x'", "sizes has 7", "tags eq null", "sizes ne null", "extra eq null",
	"flag", "flag eq false", "count gt 5", "ratio le 1.5", "price ge 1.5", "made lt 2026-01-01T00:00:00Z", "blob eq 'AAE='", "blob in ('AAE=', 'AAEA')",
	"count ne 5", "count lt 5", "count le 5", "count ge 5", "count in (5, 6)", "flag ne true", "flag in (true, false)", "extra ne null",
	"ratio eq 1.5", "ratio ne 1.5", "ratio lt 1.5", "ratio gt 1.5", "ratio ge 1.5", "ratio in (1.5, 2.5)",
	"price eq 1.5", "price ne 1.5", "price lt 1.5", "price le 1.5", "price gt 1.5", "price in (1.5, 2.5)",
	"made eq 2026-01-01T00:00:00Z", "made ne 2026-01-01T00:00:00Z", "made le 2026-01-01T00:00:00Z", "made gt 2026-01-01T00:00:00Z", "made ge 2026-01-01T00:00:00Z",
	"made in (2026-01-01T00:00:00Z, 2026-01-02T00:00:00Z)",
	"id in ('a', 'b')", "flag and (count eq 1 or not (name eq 'x' and price gt 2))", "note eq 'a ' or note eq 'b\t'",
}

// parsed returns the filter of the text.
func parsed(t testing.TB, c *schema.Collection, text string) query.Expr {
	t.Helper()
	filter, err := query.Parse(text, query.Names{Collection: c}, query.MaxURLBytes)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return filter
}

// TestGoldenFilters prints every operator on every type that has it, by itself and
// under not.
func TestGoldenFilters(t *testing.T) {
	c := querytest.Collection()
	store, log := scripted(t, Config{}, usual())
	var out strings.Builder
	for _, text := range filters {
		for _, text := range []string{text, "not (" + text + ")"} {
			if _, err := store.Find(t.Context(), byID(c, parsed(t, c, text))); err != nil {
				t.Fatalf("%s: %v", text, err)
			}
			fmt.Fprintf(&out, "-- %s\n%s\n", text, strings.ReplaceAll(log.noted(), "SET TRANSACTION ISOLATION LEVEL SNAPSHOT; ", ""))
		}
	}
	golden(t, "filters", out.String())
}

// operations are how each operator is written of a field {f} and of operands {v} and {w}.
var operations = map[query.Op]string{
	query.Eq: "{f} eq {v}", query.Ne: "{f} ne {v}", query.Lt: "{f} lt {v}", query.Le: "{f} le {v}", query.Gt: "{f} gt {v}", query.Ge: "{f} ge {v}",
	query.In: "{f} in ({v}, {w})", query.Contains: "contains({f}, {v})", query.StartsWith: "startswith({f}, {v})", query.EndsWith: "endswith({f}, {v})",
	query.Has: "{f} has {v}",
}

// operandsOf are two operands for a field of each type.
var operandsOf = map[string][2]string{
	"name": {"'x'", "'y'"}, "count": {"5", "6"}, "ratio": {"1.5", "2.5"}, "price": {"1.5", "2.5"}, "flag": {"true", "false"},
	"made": {"2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"}, "blob": {"'AAE='", "'AAEA'"}, "tags": {"'x'", "'y'"}, "sizes": {"7", "8"}, "extra": {"null", "null"},
}

// TestGoldenFiltersAreComplete fails for an operator that no golden statement has, and for
// a type that the operator is allowed on, and that no golden statement has it on.
func TestGoldenFiltersAreComplete(t *testing.T) {
	type use struct {
		op    query.Op
		kind  record.Type
		items record.Type
	}
	c := querytest.Collection()
	useOf := func(e query.Expr) use { return use{e.Op, c.Fields[e.Field].Type, c.Fields[e.Field].Items} }
	seen, used := map[query.Op]bool{query.All: true, query.None: true}, map[use]bool{} // which no text has
	var visit func(query.Expr)
	visit = func(e query.Expr) {
		seen[e.Op], used[useOf(e)] = true, true
		for _, kid := range e.Kids {
			visit(kid)
		}
	}
	for _, text := range filters {
		visit(parsed(t, c, text))
		visit(parsed(t, c, "not ("+text+")"))
	}
	for op, name := range constants(t, "../../core/query/query.go", "Op") {
		if !seen[query.Op(op)] {
			t.Errorf("no golden statement has the operator %s", name)
		}
		if query.Op(op) >= query.Eq && operations[query.Op(op)] == "" {
			t.Errorf("it is not known how the operator %s is written", name)
		}
	}
	types := map[record.Type]bool{}
	for field, operands := range operandsOf {
		types[c.Fields[position(t, c, field)].Type] = true
		for _, operation := range operations {
			text := strings.NewReplacer("{f}", field, "{v}", operands[0], "{w}", operands[1]).Replace(operation)
			e, err := query.Parse(text, query.Names{Collection: c}, query.MaxURLBytes)
			if err == nil && !used[useOf(e)] {
				t.Errorf("no golden statement is like %s", text)
			}
		}
	}
	for kind := record.BoolType; kind <= record.JSONType; kind++ {
		if !types[kind] {
			t.Errorf("no operand is of the type %s", kind)
		}
	}
}

// constants returns the names of the constants of the type that a file counts up.
func constants(t *testing.T, path, of string) (names []string) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, decl := range file.Decls {
		group, ok := decl.(*ast.GenDecl)
		if !ok || group.Tok != token.CONST {
			continue
		}
		if first, ok := group.Specs[0].(*ast.ValueSpec).Type.(*ast.Ident); !ok || first.Name != of {
			continue
		}
		for _, spec := range group.Specs {
			names = append(names, spec.(*ast.ValueSpec).Names[0].Name)
		}
	}
	if len(names) < 3 {
		t.Fatalf("%s has no constants of the type %s", path, of)
	}
	return names
}

// byID asks for the ids of the first records that match.
func byID(c *schema.Collection, filter query.Expr) query.Query {
	return query.Query{View: query.View{Collection: c, Filter: filter}, Order: []query.Key{{Field: c.ID}}, Limit: 2}
}

// TestGoldenPages prints what comes behind a cursor, for each way of an order and with
// null at each place.
func TestGoldenPages(t *testing.T) {
	c := querytest.Collection()
	store, log := scripted(t, Config{}, usual())
	count, name, id := record.Int(5), record.String("x"), record.String("a")
	tests := []struct {
		order string
		after []record.Value
	}{
		{"id", nil}, {"id desc", nil}, {"id", []record.Value{id}}, {"id desc", []record.Value{id}},
		{"count", nil}, {"count desc", nil},
		{"count", []record.Value{count, id}}, {"count", []record.Value{record.Null, id}},
		{"count desc", []record.Value{count, id}}, {"count desc", []record.Value{record.Null, id}},
		{"flag desc", []record.Value{record.Bool(true), id}}, {"ratio", []record.Value{record.Float(1.5), id}},
		{"price", []record.Value{record.Decimal(150, 2), id}}, {"made", []record.Value{record.Micros(1), id}},
		{"name desc, count", []record.Value{name, count, id}}, {"name desc, count", []record.Value{record.Null, record.Null, id}},
	}
	var out strings.Builder
	for _, tt := range tests {
		q := byID(c, parsed(t, c, "kind eq 'b'"))
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
		fmt.Fprintf(&out, "-- kind eq 'b', by %s, behind %s\n%s\n", tt.order, record.AppendValue(nil, record.List(tt.after)),
			strings.ReplaceAll(log.noted(), "SET TRANSACTION ISOLATION LEVEL SNAPSHOT; ", ""))
	}
	golden(t, "pages", out.String())
}

func position(t testing.TB, c *schema.Collection, field string) int {
	t.Helper()
	i, ok := c.Position(field)
	if !ok {
		t.Fatalf("%s has no field %s", c.Name, field)
	}
	return i
}

// TestGoldenAggregates prints every measure of every type.
func TestGoldenAggregates(t *testing.T) {
	c := querytest.Collection()
	store, log := scripted(t, Config{}, usual(), &answer{holds: "count(*)", types: []string{"VARCHAR"}})
	var out strings.Builder
	for _, tt := range []struct {
		field string
		sums  bool
	}{{"count", true}, {"price", true}, {"ratio", true}, {"name", false}, {"flag", false}, {"made", false}} {
		for _, by := range [][]int{nil, {position(t, c, "kind"), position(t, c, "flag"), position(t, c, "made")}} {
			at := position(t, c, tt.field)
			a := query.Aggregation{Collection: c, GroupBy: by, Limit: 10, Filter: parsed(t, c, tt.field+" ne null"),
				Measures: []query.Measure{{Func: query.Count}, {Func: query.Minimum, Field: at}, {Func: query.Maximum, Field: at}}}
			if tt.sums {
				a.Measures = append(a.Measures, query.Measure{Func: query.Sum, Field: at}, query.Measure{Func: query.Average, Field: at})
			}
			if _, err := store.Aggregate(t.Context(), a); err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(&out, "-- %s by %v\n%s\n", tt.field, c.Names(by), strings.ReplaceAll(log.noted(), "SET TRANSACTION ISOLATION LEVEL SNAPSHOT; ", ""))
		}
	}
	golden(t, "aggregates", out.String())
}

// items is a collection with a field of every type that is stored in a way of its own.
func items(t testing.TB) *schema.Collection {
	t.Helper()
	c, err := schema.New(schema.Spec{Name: "items", ID: "id", Fields: []schema.FieldSpec{
		{Name: "id", Type: "string"}, {Name: "name", Type: "string", Max: "40"}, {Name: "note", Type: "string"},
		{Name: "count", Type: "int"}, {Name: "ratio", Type: "float"}, {Name: "price", Type: "decimal", Precision: 10, Scale: 2},
		{Name: "flag", Type: "bool"}, {Name: "made", Type: "time"}, {Name: "blob", Type: "bytes"}, {Name: "tags", Type: "list", Items: "string"},
		{Name: "extra", Type: "json"},
	}, Indexes: [][]string{{"name desc", "count"}}, Table: schema.Table{Name: "shop.items"}})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// item returns a record of items.
func item(id string) record.Record {
	return record.Record{ID: record.ID(id), Revision: "run-1", Fields: []record.Value{
		record.String(id), record.String("ü 😀"), record.Null, record.Int(7), record.Float(0.5), record.Decimal(1999, 2), record.Bool(true),
		record.Micros(1767323045678901), record.Bytes([]byte{0, 1}), record.List([]record.Value{record.String("a")}), record.Null,
	}}
}

// mutations are what TestGoldenWrites prints: each Op under each precondition.
func mutations(c *schema.Collection, id string, none query.Expr) map[string]repository.Mutation {
	made := map[string]repository.Mutation{
		"check that nothing refers": {Op: repository.Check, Collection: c, NoneOf: &none},
	}
	for op, name := range map[repository.Op]string{repository.Put: "put", repository.Delete: "delete", repository.Check: "check"} {
		for condition, when := range map[repository.Precondition]string{
			repository.Always: "always", repository.Absent: "if absent", repository.Present: "if present", repository.At("r1"): "at r1",
		} {
			m := repository.Mutation{Op: op, Collection: c, ID: record.ID(id), If: condition, Needs: []int{1}}
			if op == repository.Put {
				m.Revision, m.Fields = "r2", item(id).Fields
			}
			made[name+" "+when] = m
		}
	}
	return made
}

// TestGoldenWrites prints every mutation, of a record that is there and of one that is
// not.
func TestGoldenWrites(t *testing.T) {
	c := items(t)
	var out strings.Builder
	for _, there := range []bool{true, false} {
		found := &answer{holds: "SELECT [_rev]", types: []string{"NVARCHAR", "VARBINARY", "VARBINARY"}}
		if there {
			found.rows = [][]driver.Value{{"r1", []byte("a"), []byte("ü")}}
		}
		store, log := scripted(t, Config{}, usual(), found, changedRows(1))
		all := mutations(c, "a", parsed(t, c, "count eq 9"))
		names := make([]string, 0, len(all))
		for name := range all {
			names = append(names, name)
		}
		slices.Sort(names)
		for _, name := range names {
			fails := ""
			if err := apply(t, store, all[name]); err != nil {
				fails = ", which fails: " + err.Error()
			}
			fmt.Fprintf(&out, "-- %s, where it is there: %t%s\n%s\n", name, there, fails, log.noted())
		}
	}
	golden(t, "writes", out.String())
}

func apply(t testing.TB, store repository.Store, batch ...repository.Mutation) error {
	t.Helper()
	_, err := store.Apply(t.Context(), batch)
	return err
}

// TestGoldenWritesAreComplete fails for a kind of mutation that no golden statement has.
func TestGoldenWritesAreComplete(t *testing.T) {
	seen := map[repository.Op]int{}
	for _, m := range mutations(items(t), "a", query.Expr{}) {
		seen[m.Op]++
	}
	for op, name := range constants(t, "../../ports/repository/repository.go", "Op") {
		if seen[repository.Op(op)] < 4 {
			t.Errorf("the golden statements have %s under %d preconditions, want 4", name, seen[repository.Op(op)])
		}
	}
}

// TestGoldenLoad prints what a Load with its mark is.
func TestGoldenLoad(t *testing.T) {
	c := items(t)
	var out strings.Builder
	for _, tt := range []struct {
		name string
		cfg  Config
	}{{"varchar", Config{}}, {"nvarchar", Config{NVarchar: true}}} {
		store, log := scripted(t, tt.cfg, usual(), changedRows(1),
			&answer{holds: "DELETE s OUTPUT", types: []string{"INT"}, rows: [][]driver.Value{{int64(2)}}})
		load := repository.Load{Collection: c, Run: "run-", Rows: []record.Record{item("a"), item("b"), item("c"), item("a")},
			Mark: func(n int, repeated []int) []repository.Mutation {
				if diff := cmp.Diff([]int{2, 3}, repeated); diff != "" || n != 4 {
					t.Errorf("Mark(%d, %v) (-want +got):\n%s", n, repeated, diff)
				}
				return []repository.Mutation{{Op: repository.Delete, Collection: c, ID: "mark"}}
			}}
		loaded, err := store.Load(t.Context(), load)
		if err != nil || loaded.Done != 4 {
			t.Fatalf("Load: got %+v, %v", loaded, err)
		}
		fmt.Fprintf(&out, "-- with %s\n%s\n", tt.name, log.noted())
	}
	golden(t, "load", out.String())
}

// TestStagedNumbers has ids that are numbers as the key of staging, too.
func TestStagedNumbers(t *testing.T) {
	store, log := scripted(t, Config{}, usual(), changedRows(1))
	rows := []record.Record{{ID: "2", Fields: []record.Value{record.Int(2)}}, {ID: "1", Fields: []record.Value{record.Int(1)}}}
	if _, err := store.Load(t.Context(), repository.Load{Collection: numbers(t), Run: "r", Rows: rows}); err != nil {
		t.Fatal(err)
	}
	if got, want := log.noted(), "CREATE TABLE #portolan_load (place int NULL, c0 bigint NOT NULL PRIMARY KEY, c1 nvarchar(max) NULL)"; !strings.Contains(got, want) {
		t.Errorf("got %s, want %s", got, want)
	}
}
