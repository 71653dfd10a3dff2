package sqlite

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/query"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/core/schema"
	"github.com/portolan-io/portolan/ports/repository"
)

// existing is a table as another program made it: types that are not STRICT, a
// collation that ignores case, a column that we do not know, and a revision
// that a trigger counts up.
const existing = `
CREATE TABLE "order lines" (
	sku VARCHAR(20) PRIMARY KEY, name NVARCHAR(40) COLLATE NOCASE, price NUMERIC(10, 2), weight DOUBLE,
	made DATETIME, sold BOOLEAN, doc TEXT, legacy TEXT DEFAULT 'kept', version INTEGER NOT NULL DEFAULT 1
);
CREATE TRIGGER counted AFTER UPDATE ON "order lines" BEGIN
	UPDATE "order lines" SET version = old.version + 1 WHERE sku = new.sku AND version = old.version;
END;
INSERT INTO "order lines" (sku, name, price, weight, made, sold, doc) VALUES
	('a1', 'Lamp', 19.99, 2, '2026-01-02 03:04:05.678901', 1, '{ "b": 1, "a": [1.50] }'),
	('A1', 'lamp', 5, 0.5, '2026-01-02T03:04:05Z', 0, NULL),
	('b2', NULL, NULL, NULL, NULL, NULL, NULL);
`

func orderLines(t *testing.T, revision string) *schema.Collection {
	t.Helper()
	c, err := schema.New(schema.Spec{Name: "lines", ID: "sku", Fields: []schema.FieldSpec{
		{Name: "sku", Type: "string", Max: "20"}, {Name: "name", Type: "string", Max: "40"},
		{Name: "price", Type: "decimal", Precision: 10, Scale: 2}, {Name: "weight", Type: "float"},
		{Name: "made", Type: "time"}, {Name: "sold", Type: "bool"}, {Name: "doc", Type: "json"},
	}, Table: schema.Table{Name: "main.order lines", Unmanaged: true, Revision: revision}})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func unmanaged(t *testing.T, revision string) (*Store, *schema.Collection, func(string) string) {
	t.Helper()
	path := testPath(t)
	db := byHand(t, path)
	if _, err := db.Exec(existing); err != nil {
		t.Fatal(err)
	}
	store, c := openTest(t, path), orderLines(t, revision)
	if err := store.Ensure(t.Context(), []*schema.Collection{c}); err != nil {
		t.Fatal(err)
	}
	return store, c, func(text string) string {
		t.Helper()
		var got string
		if err := db.QueryRow(text).Scan(&got); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		return got
	}
}

// TestUnmanagedReads shows that filters and orders mean on such a table what
// they mean on one of ours.
func TestUnmanagedReads(t *testing.T) {
	store, c, _ := unmanaged(t, "version")
	tests := []struct {
		filter, order string
		want          []string
	}{
		{"", "", []string{
			`{"sku":"A1","name":"lamp","price":5.00,"weight":0.5,"made":"2026-01-02T03:04:05Z","sold":false,"doc":null}`,
			`{"sku":"a1","name":"Lamp","price":19.99,"weight":2,"made":"2026-01-02T03:04:05.678901Z","sold":true,"doc":{"a":[1.50],"b":1}}`,
			`{"sku":"b2","name":null,"price":null,"weight":null,"made":null,"sold":null,"doc":null}`,
		}},
		{"name eq 'lamp'", "", []string{`{"sku":"A1"`}},
		{"name ne 'lamp'", "", []string{`{"sku":"a1"`, `{"sku":"b2"`}},
		{"price eq 19.99", "", []string{`{"sku":"a1"`}},
		{"price lt 19.99", "", []string{`{"sku":"A1"`}},
		{"made gt 2026-01-02T03:04:05.6789Z", "", []string{`{"sku":"a1"`}},
		{"not sold", "", []string{`{"sku":"A1"`, `{"sku":"b2"`}},
		{"", "price desc", []string{`{"sku":"a1"`, `{"sku":"A1"`, `{"sku":"b2"`}},
		{"", "name", []string{`{"sku":"b2"`, `{"sku":"a1"`, `{"sku":"A1"`}},
	}
	for _, tt := range tests {
		names := query.Names{Collection: c}
		q := query.Query{View: query.View{Collection: c, Fields: c.All()}, Limit: 2}
		var err error
		if q.Filter, err = query.Parse(tt.filter, names, query.MaxURLBytes); err != nil {
			t.Fatal(err)
		}
		if q.Order, err = query.ParseOrder(tt.order, names); err != nil {
			t.Fatal(err)
		}
		got := pages(t, store, q)
		for i := range got {
			if i < len(tt.want) {
				got[i] = got[i][:min(len(got[i]), len(tt.want[i]))]
			}
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%q by %q (-want +got):\n%s", tt.filter, tt.order, diff)
		}
	}
}

// TestUnmanagedWrites shows that a write changes its columns alone, keeps the
// forms that the table has, and is refused when the record has changed; with a
// revision column and without one.
func TestUnmanagedWrites(t *testing.T) {
	for _, revision := range []string{"version", ""} {
		t.Run("revision "+revision, func(t *testing.T) {
			store, c, ask := unmanaged(t, revision)
			before := ask("SELECT group_concat(sql) FROM sqlite_master WHERE tbl_name = 'order lines'")
			fields := []record.Value{record.String("a1"), record.String("Torch"), record.Decimal(1234567, 2), record.Float(1.5),
				record.Micros(1767323045000001), record.Bool(false), record.JSON(`{"x":2}`)}
			view := query.View{Collection: c, Fields: c.All()}
			rows, err := store.Get(t.Context(), view, []record.ID{"a1"})
			if err != nil || len(rows) != 1 {
				t.Fatalf("Get: got %d rows and %v, want 1", len(rows), err)
			}
			change := repository.Mutation{Op: repository.Put, Collection: c, ID: "a1", If: repository.At(rows[0].Revision), Fields: fields, Revision: "ignored"}
			outcomes, err := store.Apply(t.Context(), []repository.Mutation{change})
			if err != nil {
				t.Fatal(err)
			}
			if outcomes[0].Was != rows[0].Revision || outcomes[0].Revision == rows[0].Revision {
				t.Errorf("revisions: got %q after %q, want another after %q", outcomes[0].Revision, outcomes[0].Was, rows[0].Revision)
			}
			now, err := store.Get(t.Context(), view, []record.ID{"a1"})
			if err != nil || now[0].Revision != outcomes[0].Revision {
				t.Errorf("the revision that is read: got %q, %v, want %q", now[0].Revision, err, outcomes[0].Revision)
			}
			if _, err := store.Apply(t.Context(), []repository.Mutation{change}); !errors.Is(err, fault.Stale) {
				t.Errorf("the same write again: got %v, want %s", err, fault.Stale)
			}
			got := ask(`SELECT concat_ws('|', name, price, typeof(price), weight, made, sold, doc, legacy) FROM "order lines" WHERE sku = 'a1'`)
			if want := `Torch|12345.67|real|1.5|2026-01-02 03:04:05.000001|0|{"x":2}|kept`; got != want {
				t.Errorf("the stored row: got %s, want %s", got, want)
			}
			if after := ask("SELECT group_concat(sql) FROM sqlite_master WHERE tbl_name = 'order lines'"); after != before {
				t.Errorf("the table was altered: got %s, want %s", after, before)
			}
			load := repository.Load{Collection: c, Run: "run-", Rows: []record.Record{{ID: "a1", Fields: fields}, {ID: "a1", Fields: fields}}}
			loaded, err := store.Load(t.Context(), load)
			if err != nil || loaded.Done != 2 || len(loaded.Repeated) != 1 {
				t.Errorf("Load of a record twice: got %+v, %v, want 2 done and 1 repeated", loaded, err)
			}
		})
	}
}

// TestUnmanagedDigits keeps decimals that a float tells apart, and refuses others by
// name.
func TestUnmanagedDigits(t *testing.T) {
	path := testPath(t)
	if _, err := byHand(t, path).Exec("CREATE TABLE prices (id INTEGER PRIMARY KEY, price NUMERIC)"); err != nil {
		t.Fatal(err)
	}
	c := collection(t, schema.Spec{Name: "prices", ID: "id", Fields: []schema.FieldSpec{{Name: "id", Type: "int"}, {Name: "price", Type: "decimal", Scale: 2}},
		Table: schema.Table{Name: "prices", Unmanaged: true}})
	store := openTest(t, path)
	for _, tt := range []struct {
		unscaled int64
		want     string // as it is read; empty if it is refused
	}{{999_999_999_999_999, "9999999999999.99"}, {-123_456_789_012_345, "-1234567890123.45"}, {9_007_199_254_740_993, ""}, {-1_000_000_000_000_000, ""}} {
		err := apply(t, store, repository.Mutation{Op: repository.Put, Collection: c, ID: "1", Fields: []record.Value{record.Int(1), record.Decimal(tt.unscaled, 2)}})
		if tt.want == "" {
			if !errors.Is(err, fault.Invalid) || len(fault.Of(err).Places) != 1 || fault.Of(err).Places[0].Pointer != "/price" {
				t.Errorf("%d: got %v, want it refused at /price", tt.unscaled, err)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		rows, err := store.Get(t.Context(), query.View{Collection: c, Fields: []int{1}}, []record.ID{"1"})
		if err != nil || len(rows) != 1 || string(rows[0].JSON) != `{"price":`+tt.want+`}` {
			t.Errorf("%d: got %d rows, %v, want %s", tt.unscaled, len(rows), err, tt.want)
		}
	}
}

// TestUnmanagedRefused names all that keeps a table from serving a collection.
func TestUnmanagedRefused(t *testing.T) {
	path := testPath(t)
	if _, err := byHand(t, path).Exec("CREATE TABLE old (id TEXT, total TEXT, twice TEXT AS (total || total), nmae TEXT)"); err != nil {
		t.Fatal(err)
	}
	c, err := schema.New(schema.Spec{Name: "things", ID: "id", Fields: []schema.FieldSpec{
		{Name: "id", Type: "string"}, {Name: "total", Type: "int"}, {Name: "twice", Type: "string"}, {Name: "name", Type: "string"},
	}, Table: schema.Table{Name: "old", Unmanaged: true, Revision: "version"}})
	if err != nil {
		t.Fatal(err)
	}
	err = openTest(t, path).Ensure(t.Context(), []*schema.Collection{c})
	want := []fault.Place{
		{Pointer: "things/total", Code: "column-type", Detail: "the column total of old is TEXT, which cannot hold a field of type int"},
		{Pointer: "things/twice", Code: "column-type", Detail: "the column twice of old is generated, and a field must be written"},
		{Pointer: "things/name", Code: "column-missing", Detail: "old has no column name; did you mean nmae?"},
		{Pointer: "things/id", Code: "id-not-unique", Detail: "the column id of old is neither its primary key nor alone in a unique index"},
		{Pointer: "things", Code: "column-missing", Detail: "old has no column version"},
	}
	if fault.KindOf(err) != fault.Conflict {
		t.Fatalf("Ensure: got %v, want %s", err, fault.Conflict)
	}
	if diff := cmp.Diff(want, fault.Of(err).Places); diff != "" {
		t.Errorf("places (-want +got):\n%s", diff)
	}
}

// TestUnmanagedUnsealed refuses a table that does not take what is encrypted.
func TestUnmanagedUnsealed(t *testing.T) {
	path := testPath(t)
	if _, err := byHand(t, path).Exec(`CREATE TABLE old (id INTEGER PRIMARY KEY, ssn TEXT NOT NULL DEFAULT '', file TEXT, note TEXT, mark TEXT,
		ssn_sealed TEXT, file_sealed BLOB NOT NULL, mark_sealed BLOB)`); err != nil {
		t.Fatal(err)
	}
	c, err := schema.New(schema.Spec{Name: "things", ID: "id", Fields: []schema.FieldSpec{
		{Name: "id", Type: "int"}, {Name: "ssn", Type: "string", Max: "11", Encrypted: true}, {Name: "file", Type: "json", Encrypted: true},
		{Name: "note", Type: "string", Max: "40", Encrypted: true}, {Name: "mark", Type: "string", Max: "40", Encrypted: true},
	}, Table: schema.Table{Name: "old", Unmanaged: true}})
	if err != nil {
		t.Fatal(err)
	}
	err = openTest(t, path).Ensure(t.Context(), []*schema.Collection{c.AtRest()})
	want := []fault.Place{
		{Pointer: "things/ssn", Code: "column-mandatory", Detail: "the column ssn of old is NOT NULL, and of an encrypted field one of two columns is null"},
		{Pointer: "things/ssn_sealed", Code: "column-type", Detail: "the column ssn_sealed of old is TEXT; what is encrypted of ssn needs it to be BLOB and to take null"},
		{Pointer: "things/file_sealed", Code: "column-mandatory", Detail: "the column file_sealed of old is NOT NULL, and of an encrypted field one of two columns is null"},
		{Pointer: "things/note_sealed", Code: "column-missing", Detail: "old has no column note_sealed; what is encrypted of note needs it to be BLOB and to take null"},
	}
	if fault.KindOf(err) != fault.Conflict {
		t.Fatalf("Ensure: got %v, want %s", err, fault.Conflict)
	}
	if diff := cmp.Diff(want, fault.Of(err).Places); diff != "" {
		t.Errorf("places (-want +got):\n%s", diff)
	}
}

// TestUnmanagedCollation refuses an id that ignores case: another record would
// be taken for the one that is meant.
func TestUnmanagedCollation(t *testing.T) {
	path := testPath(t)
	if _, err := byHand(t, path).Exec("CREATE TABLE old (id TEXT COLLATE NOCASE PRIMARY KEY)"); err != nil {
		t.Fatal(err)
	}
	c, err := schema.New(schema.Spec{Name: "things", ID: "id", Fields: []schema.FieldSpec{{Name: "id", Type: "string"}},
		Table: schema.Table{Name: "old", Unmanaged: true}})
	if err != nil {
		t.Fatal(err)
	}
	err = openTest(t, path).Ensure(t.Context(), []*schema.Collection{c})
	if got := fault.Of(err); got == nil || len(got.Places) != 1 || got.Places[0].Code != "id-collation" {
		t.Errorf("Ensure: got %v, want one place with the code id-collation", err)
	}
}

// TestForeignValue reads a value that is not of its column's type.
func TestForeignValue(t *testing.T) {
	path := testPath(t)
	if _, err := byHand(t, path).Exec("CREATE TABLE old (id INTEGER PRIMARY KEY, total INTEGER); INSERT INTO old VALUES (1, 'many')"); err != nil {
		t.Fatal(err)
	}
	c, err := schema.New(schema.Spec{Name: "things", ID: "id", Fields: []schema.FieldSpec{
		{Name: "id", Type: "int"}, {Name: "total", Type: "int"},
	}, Table: schema.Table{Name: "old", Unmanaged: true}})
	if err != nil {
		t.Fatal(err)
	}
	_, err = openTest(t, path).Get(t.Context(), query.View{Collection: c, Fields: c.All()}, []record.ID{"1"})
	if got := fault.Of(err); got == nil || got.Code != "stored-value" {
		t.Errorf("Get of a text in an INTEGER column: got %v, want the code stored-value", err)
	}
}

// TestUnserved names the declared indexes that such a table lacks.
func TestUnserved(t *testing.T) {
	path := testPath(t)
	_, err := byHand(t, path).Exec(`CREATE TABLE old (id TEXT PRIMARY KEY, name TEXT, price REAL, n INTEGER);
		CREATE INDEX a ON old (name, id); CREATE INDEX b ON old (price, id); CREATE INDEX c ON old (n, id) WHERE n > 0`)
	if err != nil {
		t.Fatal(err)
	}
	c, err := schema.New(schema.Spec{Name: "things", ID: "id", Fields: []schema.FieldSpec{
		{Name: "id", Type: "string"}, {Name: "name", Type: "string"}, {Name: "n", Type: "int"},
		{Name: "price", Type: "decimal", Precision: 9, Scale: 2},
	}, Indexes: [][]string{{"name"}, {"name desc"}, {"price"}, {"n"}}, Table: schema.Table{Name: "old", Unmanaged: true}})
	if err != nil {
		t.Fatal(err)
	}
	got, err := openTest(t, path).Unserved(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(c.Indexes[1:], got); diff != "" {
		t.Errorf("the indexes that the table lacks (-want +got):\n%s", diff)
	}
}
