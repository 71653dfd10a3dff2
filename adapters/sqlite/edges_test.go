package sqlite

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/ncruces/go-sqlite3"

	"github.com/portolan-io/portolan/adapters/internal/gormstore"
	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/query"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/core/schema"
	"github.com/portolan-io/portolan/ports/repository"
)

// TestUnfitTables names what keeps one table from holding a collection.
func TestUnfitTables(t *testing.T) {
	n, doc := schema.FieldSpec{Name: "n", Type: "int"}, schema.FieldSpec{Name: "doc", Type: "json"}
	id := schema.FieldSpec{Name: "id", Type: "string"}
	tests := []struct {
		name, ddl string
		unmanaged bool
		field     schema.FieldSpec
		want      fault.Place
	}{
		{"an id that is unique in a part", "CREATE TABLE old (id TEXT NOT NULL, n INTEGER); CREATE UNIQUE INDEX some ON old (id) WHERE n > 0", true, n,
			fault.Place{Pointer: "things/id", Code: "id-not-unique", Detail: "the column id of old is neither its primary key nor alone in a unique index"}},
		{"an id that is unique with another", "CREATE TABLE old (id TEXT NOT NULL, n INTEGER, UNIQUE (id, n))", true, n,
			fault.Place{Pointer: "things/id", Code: "id-not-unique", Detail: "the column id of old is neither its primary key nor alone in a unique index"}},
		{"a column that must have a value", "CREATE TABLE old (id TEXT PRIMARY KEY NOT NULL, n INTEGER, _rev TEXT NOT NULL, must INTEGER NOT NULL) STRICT", false, n,
			fault.Place{Pointer: "things", Code: "column-mandatory", Detail: "the column must of old must have a value, but is no field"}},
		{"a column of JSON", "CREATE TABLE old (id TEXT PRIMARY KEY, doc JSON)", true, doc,
			fault.Place{Pointer: "things/doc", Code: "column-type", Detail: "the column doc of old is JSON, in which SQLite changes texts that look like numbers, and a field of type json needs TEXT"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := testPath(t)
			if _, err := byHand(t, path).ExecContext(t.Context(), tt.ddl); err != nil {
				t.Fatal(err)
			}
			c := collection(t, schema.Spec{Name: "things", ID: "id", Fields: []schema.FieldSpec{id, tt.field},
				Table: schema.Table{Name: "old", Unmanaged: tt.unmanaged}})
			err := openTest(t, path).Ensure(t.Context(), []*schema.Collection{c})
			if !errors.Is(err, fault.Conflict) {
				t.Fatalf("Ensure: got %v, want %s", err, fault.Conflict)
			}
			if diff := cmp.Diff([]fault.Place{tt.want}, fault.Of(err).Places); diff != "" {
				t.Errorf("places (-want +got):\n%s", diff)
			}
		})
	}
}

// TestInfinite reads what JSON cannot say as null, as text and as a value.
func TestInfinite(t *testing.T) {
	ddl := kept + ", r REAL); INSERT INTO kept (id, r) VALUES ('a', 9e999), ('b', -9e999), ('c', 1.5)"
	store, c := overKept(t, ddl, "", schema.FieldSpec{Name: "r", Type: "float"})
	rows, err := store.Get(t.Context(), query.View{Collection: c, Fields: c.All(), Needs: []int{1}}, []record.ID{"a", "b", "c"})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, row := range rows {
		got = append(got, string(record.AppendValue(append(row.JSON, ' '), row.Values[0])))
	}
	want := []string{`{"id":"a","r":null} null`, `{"id":"b","r":null} null`, `{"id":"c","r":1.5} 1.5`}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
}

// TestTimesBeyond are no times of ours, and are not taken for any.
func TestTimesBeyond(t *testing.T) {
	ddl := kept + ", at INTEGER); INSERT INTO kept (id, at) VALUES ('first', -62135596800000000), ('last', 253402300799999999), ('early', -62135596800000001), ('late', 253402300800000000)"
	store, c := overKept(t, ddl, "", schema.FieldSpec{Name: "at", Type: "time"})
	for id, want := range map[record.ID]string{
		"first": `{"id":"first","at":"0001-01-01T00:00:00Z"}`, "last": `{"id":"last","at":"9999-12-31T23:59:59.999999Z"}`, "early": "", "late": "",
	} {
		rows, err := store.Get(t.Context(), query.View{Collection: c, Fields: c.All()}, []record.ID{id})
		if want != "" && (err != nil || len(rows) != 1 || string(rows[0].JSON) != want) {
			t.Errorf("%s: got %d rows, %v, want %s", id, len(rows), err, want)
		}
		only := query.Expr{Op: query.In, Field: c.ID, Values: []record.Value{record.String(string(id))}}
		_, grouped := store.Aggregate(t.Context(), query.Aggregation{Collection: c, Filter: only, GroupBy: []int{1}, Limit: 10})
		_, least := store.Aggregate(t.Context(), query.Aggregation{Collection: c, Filter: only, Measures: []query.Measure{{Func: query.Minimum, Field: 1, As: "m"}}, Limit: 10})
		for how, err := range map[string]error{"Get": err, "a group": grouped, "the least": least} {
			if got := fault.Of(err); want == "" && (got == nil || got.Code != "stored-value") || want != "" && err != nil {
				t.Errorf("%s of %s: got %v", how, id, err)
			}
		}
	}
}

// TestUnreadable shows that the log says where a value is that cannot be read,
// and that the caller is not shown which record has it.
func TestUnreadable(t *testing.T) {
	ddl := kept + `, doc TEXT); INSERT INTO kept VALUES ('first', 1, 'b', NULL), ('secret', 'many', 'b', '{"x":')`
	for _, field := range []schema.FieldSpec{{Name: "a", Type: "int"}, {Name: "doc", Type: "json"}} {
		for _, needs := range [][]int{nil, {1}} {
			store, c := overKept(t, ddl, "", field)
			q := query.Query{View: query.View{Collection: c, Needs: needs}, Order: []query.Key{{Field: c.ID}}, Limit: 10}
			if needs == nil {
				q.Fields = c.All()
			}
			_, err := store.Find(t.Context(), q)
			got := fault.Of(err)
			if got == nil || got.Code != "stored-value" || strings.Contains(got.Detail+got.Hint, "secret") {
				t.Errorf("Find of %s: got %v, want the code stored-value, and no id in the detail", field.Name, err)
				continue
			}
			if place := "kept." + field.Name + ` holds a text in the record "secret"`; !strings.Contains(got.Error(), place) {
				t.Errorf("Find of %s: got %q for the log, want in it %q", field.Name, got.Error(), place)
			}
		}
	}
	store, c := overKept(t, ddl, "", schema.FieldSpec{Name: "a", Type: "int"})
	_, err := store.Aggregate(t.Context(), query.Aggregation{Collection: c, GroupBy: []int{1}, Limit: 10})
	if got := fault.Of(err); got == nil || got.Code != "stored-value" || !strings.HasSuffix(got.Error(), "kept.a holds a text") {
		t.Errorf("Aggregate: got %v, want the code stored-value and where it is", err)
	}
}

// A meddling engine calls before with the number of each statement that
// changes something, and does not run the statement if that fails.
type meddling struct {
	*engine
	before func(n int) error
	ran    int
}

type meddlingSession struct {
	gormstore.Session
	*meddling
}

func (m *meddling) Write(ctx context.Context, do func(gormstore.Session) error) error {
	return m.engine.Write(ctx, func(s gormstore.Session) error { return do(meddlingSession{s, m}) })
}

func (s meddlingSession) Exec(ctx context.Context, kept *gormstore.Statement, args []gormstore.Arg) (int64, error) {
	s.ran++
	if err := s.before(s.ran); err != nil {
		return 0, err
	}
	return s.Session.Exec(ctx, kept, args)
}

func (s meddlingSession) Queue(ctx context.Context, call gormstore.Call) error {
	if call.Row != nil {
		return s.Session.Queue(ctx, call)
	}
	changed, err := s.Exec(ctx, call.Statement, call.Args)
	return call.Done(changed, err)
}

// meddled returns a store with a collection over such an engine.
func meddled(t *testing.T, before func(n int) error) (*gormstore.Store, *schema.Collection, *meddling) {
	t.Helper()
	e, err := open(t.Context(), Config{Path: testPath(t), MaxConns: 1, Synchronous: "normal"})
	if err != nil {
		t.Fatal(err)
	}
	m := &meddling{engine: e, before: before}
	store, c := gormstore.New(&dialect, m), products(t)
	t.Cleanup(func() { _ = store.Close() })
	if err := store.Ensure(t.Context(), []*schema.Collection{c}); err != nil {
		t.Fatal(err)
	}
	return store, c, m
}

// TestBatchError tells what is wrong with a mutation from what is wrong with
// the database, for which no mutation can do anything.
func TestBatchError(t *testing.T) {
	for _, tt := range []struct {
		name  string
		cause error
		kind  fault.Kind
		batch bool
	}{
		{"locked", sqlite3.BUSY, fault.Unavailable, false},
		{"full", sqlite3.FULL, fault.Unavailable, false},
		{"unknown", sqlite3.MISUSE, fault.Internal, false},
		{"not unique", sqlite3.CONSTRAINT_UNIQUE, fault.Conflict, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			store, c, _ := meddled(t, func(n int) error {
				if n == 2 {
					return tt.cause
				}
				return nil
			})
			one, two := product(1), product(2)
			_, err := store.Apply(t.Context(), []repository.Mutation{put(c, one.ID, one.Fields...), put(c, two.ID, two.Fields...)})
			if !errors.Is(err, tt.kind) {
				t.Errorf("Apply: got %v, want %s", err, tt.kind)
			}
			batch := (*repository.BatchError)(nil)
			if got := errors.As(err, &batch); got != tt.batch || got && batch.Index != 1 {
				t.Errorf("Apply: got %#v, want a BatchError at 1: %t", err, tt.batch)
			}
		})
	}
}

// TestLoadEnds ends the context among the rows of a Load, which then runs no
// further statement.
func TestLoadEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	store, c, m := meddled(t, func(n int) error {
		if n == 11 {
			cancel()
		}
		return nil
	})
	loaded, err := store.Load(ctx, repository.Load{Collection: c, Rows: productsTo(1000), Run: "run-"})
	if !errors.Is(err, context.Canceled) || loaded.Done != 0 {
		t.Errorf("Load: got %+v, %v, want nothing done and %v", loaded, err, context.Canceled)
	}
	if m.ran != 11 {
		t.Errorf("statements that were begun: got %d, want the 10 before the end and the one that meets it", m.ran)
	}
}

// TestNoLongerEncrypted refuses a field that is encrypted no more as long as the table holds what was.
func TestNoLongerEncrypted(t *testing.T) {
	store := openTest(t, testPath(t))
	of := func(encrypted bool) *schema.Collection {
		c := collection(t, schema.Spec{Name: "sealed", ID: "id", Fields: []schema.FieldSpec{
			{Name: "id", Type: "string"}, {Name: "ssn", Type: "string", Max: "11", Encrypted: encrypted},
		}})
		return c
	}
	before, after := of(true).AtRest(), of(false)
	if err := store.Ensure(t.Context(), []*schema.Collection{before}); err != nil {
		t.Fatal(err)
	}
	if err := store.Ensure(t.Context(), []*schema.Collection{after}); err != nil {
		t.Errorf("while nothing is encrypted: %v", err)
	}
	fields := []record.Value{record.String("a"), record.Null, record.Bytes([]byte{1, 2})}
	outcomes, err := store.Apply(t.Context(), []repository.Mutation{{Op: repository.Put, Collection: before, ID: "a", Revision: "1", Fields: fields}})
	if err != nil {
		t.Fatal(err)
	}
	err = store.Check(t.Context(), []*schema.Collection{after})
	if why := fault.Of(err); why == nil || why.Kind != fault.Conflict || len(why.Places) != 1 || why.Places[0].Pointer != "sealed/ssn" || why.Places[0].Code != "encrypted-values" {
		t.Errorf("Check = %v, want %s at sealed/ssn", err, fault.Conflict)
	}
	if err := store.Ensure(t.Context(), []*schema.Collection{before}); err != nil {
		t.Errorf("while it is encrypted: %v", err)
	}
	if _, err := store.Apply(t.Context(), []repository.Mutation{{Op: repository.Delete, Collection: before, ID: "a", If: repository.At(outcomes[0].Revision)}}); err != nil {
		t.Fatal(err)
	}
	if err := store.Ensure(t.Context(), []*schema.Collection{after}); err != nil {
		t.Errorf("behind the last encrypted value: %v", err)
	}
}

// TestFieldCalledSealed: a column that is left of a field with such a name, which was not encrypted, is in nobody's way.
func TestFieldCalledSealed(t *testing.T) {
	store := openTest(t, testPath(t))
	id, note, sealed := schema.FieldSpec{Name: "id", Type: "string"}, schema.FieldSpec{Name: "note", Type: "string"}, schema.FieldSpec{Name: "note_sealed", Type: "string"}
	both := collection(t, schema.Spec{Name: "things", ID: "id", Fields: []schema.FieldSpec{id, note, sealed}})
	if err := store.Ensure(t.Context(), []*schema.Collection{both}); err != nil {
		t.Fatal(err)
	}
	fields := []record.Value{record.String("a"), record.Null, record.String("with wax")}
	if _, err := store.Apply(t.Context(), []repository.Mutation{{Op: repository.Put, Collection: both, ID: "a", Revision: "1", Fields: fields}}); err != nil {
		t.Fatal(err)
	}
	one := collection(t, schema.Spec{Name: "things", ID: "id", Fields: []schema.FieldSpec{id, note}})
	if err := store.Ensure(t.Context(), []*schema.Collection{one}); err != nil {
		t.Error(err)
	}
}
