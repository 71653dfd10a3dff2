package sqlite

import (
	"errors"
	"strings"
	"testing"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/query"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/core/schema"
	"github.com/portolan-io/portolan/ports/repository"
	"github.com/portolan-io/portolan/ports/repository/repositorytest"
)

// kept is a table as TestUnmanaged wants it, with more columns behind.
const kept = "CREATE TABLE kept (id TEXT PRIMARY KEY, a INTEGER, b TEXT"

// TestUnmanaged runs the suite over tables that tell of changes in every way
// that there is: by the hash of the record, by a number that the store counts
// up, and by what a trigger changes.
func TestUnmanaged(t *testing.T) {
	const triggered = `; CREATE TRIGGER counted AFTER UPDATE ON kept BEGIN
		UPDATE kept SET rv = %s WHERE id = new.id AND rv IS old.rv; END`
	for _, tt := range []struct{ name, table, revision string }{
		{"hash", kept + ")", ""},
		{"number", kept + ", rv INTEGER NOT NULL DEFAULT 1)", "rv"},
		{"number without default", kept + ", rv BIGINT NOT NULL)", "rv"},
		{"number that may be null", kept + ", rv INT)", "rv"},
		{"number and trigger", kept + ", rv INTEGER NOT NULL DEFAULT 1)" + strings.Replace(triggered, "%s", "old.rv + 1", 1), "rv"},
		{"text and trigger", kept + ", rv TEXT DEFAULT 'x')" + strings.Replace(triggered, "%s", "old.rv || 'x'", 1), "rv"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			repositorytest.RunUnmanaged(t, func(t *testing.T) repositorytest.Existing {
				path := testPath(t)
				if _, err := byHand(t, path).ExecContext(t.Context(), tt.table); err != nil {
					t.Fatal(err)
				}
				table := schema.Table{Name: "kept", Unmanaged: true, Revision: tt.revision}
				return repositorytest.Existing{Store: openTest(t, path), Table: table}
			})
		})
	}
}

// overKept returns a store over a table that was made by hand, and a
// collection of it.
func overKept(t *testing.T, ddl, revision string, fields ...schema.FieldSpec) (*Store, *schema.Collection) {
	t.Helper()
	path := testPath(t)
	if _, err := byHand(t, path).ExecContext(t.Context(), ddl); err != nil {
		t.Fatal(err)
	}
	fields = append([]schema.FieldSpec{{Name: "id", Type: "string"}}, fields...)
	table := schema.Table{Name: "kept", Unmanaged: true, Revision: revision}
	return openTest(t, path), collection(t, schema.Spec{Name: "seen", ID: "id", Fields: fields, Table: table})
}

// TestRevisionStandsStill writes to a table whose revisions nothing moves: the
// write is refused and not stored, because another writer could not know of it.
func TestRevisionStandsStill(t *testing.T) {
	store, c := overKept(t, kept+", rv TEXT DEFAULT 'x')", "rv", schema.FieldSpec{Name: "a", Type: "int"})
	if err := apply(t, store, put(c, "x", record.String("x"), record.Int(1))); err != nil {
		t.Fatalf("Apply of a new record: got %v, want nil", err)
	}
	err := apply(t, store, put(c, "x", record.String("x"), record.Int(2)))
	if got := fault.Of(err); !errors.Is(err, fault.Conflict) || got.Code != "revision-stands-still" || got.Hint == "" {
		t.Errorf("Apply: got %v, want %s with the code revision-stands-still and a hint", err, fault.Conflict)
	}
	row := record.Record{ID: "x", Fields: []record.Value{record.String("x"), record.Int(3)}}
	_, err = store.Load(t.Context(), repository.Load{Collection: c, Run: "run-", Rows: []record.Record{row}})
	if got := fault.Of(err); !errors.Is(err, fault.Conflict) || got.Code != "revision-stands-still" {
		t.Errorf("Load: got %v, want %s with the code revision-stands-still", err, fault.Conflict)
	}
	rows, err := store.Get(t.Context(), query.View{Collection: c, Fields: c.All()}, []record.ID{"x"})
	if err != nil || len(rows) != 1 || string(rows[0].JSON) != `{"id":"x","a":1}` {
		t.Errorf("Get afterwards: got %v, %v, want the record as it was", rows, err)
	}
}

// TestRevisionIsAField counts up a column that the collection has as a field,
// too, whatever is written to the field. A statement says so once: other
// engines refuse to be told twice.
func TestRevisionIsAField(t *testing.T) {
	path := testPath(t)
	if _, err := byHand(t, path).ExecContext(t.Context(), kept+", rv INTEGER NOT NULL DEFAULT 1)"); err != nil {
		t.Fatal(err)
	}
	c := collection(t, schema.Spec{Name: "seen", ID: "id", Fields: []schema.FieldSpec{{Name: "id", Type: "string"}, {Name: "rv", Type: "int"}},
		Table: schema.Table{Name: "kept", Unmanaged: true, Revision: "rv"}})
	store, recorder := recordedAt(t, path, c)
	for range 3 {
		if err := apply(t, store, put(c, "x", record.String("x"), record.Int(7))); err != nil {
			t.Fatal(err)
		}
	}
	rows, err := store.Get(t.Context(), query.View{Collection: c, Fields: c.All()}, []record.ID{"x"})
	if err != nil || len(rows) != 1 || string(rows[0].JSON) != `{"id":"x","rv":9}` {
		t.Errorf("Get: got %v, %v, want a revision of 9", rows, err)
	}
	if got := recorder.log.String(); !strings.Contains(got, "SET `rv` = coalesce(`kept`.`rv`, 0) + 1 WHERE") {
		t.Errorf("statements: got\n%s\nwant the column set once, and counted up", got)
	}
}
