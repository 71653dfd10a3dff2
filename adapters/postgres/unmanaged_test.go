package postgres

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/query"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/core/schema"
	"github.com/portolan-io/portolan/ports/repository"
	"github.com/portolan-io/portolan/test/servers"
)

// existing is a table as another program made it, with a type of every kind that a
// field is not stored in otherwise.
const existing = `
CREATE SCHEMA amazon;
CREATE TYPE amazon.size AS ENUM ('small', 'large');
CREATE TABLE amazon."Order lines" (
	id uuid PRIMARY KEY, "Name" varchar(40) COLLATE "und-x-icu", size amazon.size, small smallint, whole integer, price numeric, weight real,
	cost double precision, made timestamp, day date, tags text[], counts bigint[], doc jsonb, flag boolean, legacy text NOT NULL DEFAULT 'kept'
);
INSERT INTO amazon."Order lines" (id, "Name", size, small, whole, price, weight, cost, made, day, tags, counts, doc, flag) VALUES
	('0198c9b0-0000-7000-8000-000000000001', 'Lamp', 'large', 1, 10, 19.990, 2, 0.5, '2026-01-02 03:04:05.678901', '2026-01-02', '{a,"b c"}', '{1,2}', '{"b":1,"a":[1.50]}', true),
	('0198c9b0-0000-7000-8000-000000000002', 'lamp', 'small', 2, 20, 5, 0.5, 1.25, '2026-01-02 03:04:05', '2025-12-31', '{}', '{}', null, false),
	('0198c9b0-0000-7000-8000-000000000003', null, null, null, null, null, null, null, null, null, null, null, null, null);
`

// lines is the collection that the table holds.
func lines(t *testing.T) *schema.Collection {
	t.Helper()
	c, err := schema.New(schema.Spec{Name: "lines", ID: "id", Fields: []schema.FieldSpec{
		{Name: "id", Type: "string", Max: "36"}, {Name: "Name", Type: "string", Max: "40"}, {Name: "size", Type: "string"},
		{Name: "small", Type: "int"}, {Name: "whole", Type: "int"}, {Name: "price", Type: "decimal", Precision: 10, Scale: 2}, {Name: "weight", Type: "float"},
		{Name: "cost", Type: "decimal", Precision: 10, Scale: 2}, {Name: "made", Type: "time"}, {Name: "day", Type: "time"},
		{Name: "tags", Type: "list", Items: "string"}, {Name: "counts", Type: "list", Items: "int"}, {Name: "doc", Type: "json"}, {Name: "flag", Type: "bool"},
	}, Table: schema.Table{Name: "amazon.Order lines", Unmanaged: true, Revision: "xmin"}})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestUnmanagedTypes shows that filters and orders mean on such a table what they
// mean on one of ours, and that a write comes back as it was written.
func TestUnmanagedTypes(t *testing.T) {
	dsn := servers.PostgreSQL(t)
	byHand(t, dsn, existing)
	store, c := openAt(t, dsn), lines(t)
	if err := store.Ensure(t.Context(), []*schema.Collection{c}); err != nil {
		t.Fatal(err)
	}
	first := `{"id":"0198c9b0-0000-7000-8000-000000000001","Name":"Lamp","size":"large","small":1,"whole":10,"price":19.99,"weight":2,"cost":0.50,` +
		`"made":"2026-01-02T03:04:05.678901Z","day":"2026-01-02T00:00:00Z","tags":["a","b c"],"counts":[1,2],"doc":{"a":[1.50],"b":1},"flag":true}`
	for _, tt := range []struct {
		filter, order string
		want          string // the last digits of the ids
	}{
		{"", "", "123"}, {"", "id desc", "321"}, {"Name eq 'lamp'", "", "2"}, {"Name ne 'lamp'", "", "13"}, {"Name gt 'M'", "", "2"},
		{"", "Name", "312"}, {"size eq 'large'", "", "1"}, {"size lt 'm'", "", "1"}, {"", "size desc", "213"},
		{"small eq 70000", "", ""}, {"small lt 70000", "", "12"}, {"whole in (10, 9000000000)", "", "1"}, {"not (whole gt 9000000000)", "", "123"},
		{"price eq 19.99", "", "1"}, {"price lt 19.99", "", "2"}, {"cost ge 1.25", "", "2"}, {"weight eq 0.5", "", "2"}, {"", "price desc", "123"},
		{"made gt 2026-01-02T03:04:05.6789Z", "", "1"}, {"day lt 2026-01-01T00:00:00Z", "", "2"},
		{"tags has 'b c'", "", "1"}, {"counts has 2", "", "1"}, {"not flag", "", "23"}, {"id eq 'no uuid'", "", ""}, {"id ne 'no uuid'", "", "123"},
	} {
		names := query.Names{Collection: c}
		q := query.Query{View: query.View{Collection: c, Fields: c.All()}, Limit: 2}
		var err error
		if q.Filter, err = query.Parse(tt.filter, names, query.MaxURLBytes); err != nil {
			t.Fatal(err)
		}
		if q.Order, err = query.ParseOrder(tt.order, names); err != nil {
			t.Fatal(err)
		}
		got := ""
		for {
			page, err := store.Find(t.Context(), q)
			if err != nil {
				t.Fatalf("%q by %q: %v", tt.filter, tt.order, err)
			}
			for _, row := range page.Rows {
				got += string(row.ID[len(row.ID)-1:])
				if strings.HasSuffix(string(row.ID), "1") {
					if diff := cmp.Diff(first, string(row.JSON)); diff != "" {
						t.Fatalf("the first line (-want +got):\n%s", diff)
					}
				}
			}
			if q.After = page.Next; page.Next == "" {
				break
			}
		}
		if got != tt.want {
			t.Errorf("%q by %q: got %q, want %q", tt.filter, tt.order, got, tt.want)
		}
	}
	rows, err := store.Get(t.Context(), query.View{Collection: c, Fields: c.All(), Needs: c.All()},
		[]record.ID{"0198c9b0-0000-7000-8000-000000000001", "0198C9B0-0000-7000-8000-000000000001", "none"})
	if err != nil || len(rows) != 1 {
		t.Fatalf("Get: got %d rows, %v, want that of the id as it is written", len(rows), err)
	}
	fields := rows[0].Values
	fields[0] = record.String("0198c9b0-0000-7000-8000-000000000009")
	outcomes, err := store.Apply(t.Context(), []repository.Mutation{
		{Op: repository.Put, Collection: c, ID: "0198c9b0-0000-7000-8000-000000000009", If: repository.Absent, Fields: fields},
		{Op: repository.Put, Collection: c, ID: rows[0].ID, If: repository.At(rows[0].Revision), Fields: append([]record.Value{record.String(string(rows[0].ID))}, fields[1:]...)},
	})
	if err != nil || outcomes[1].Revision == rows[0].Revision {
		t.Fatalf("Apply: %+v, %v", outcomes, err)
	}
	now, err := store.Get(t.Context(), query.View{Collection: c, Fields: c.All()}, []record.ID{"0198c9b0-0000-7000-8000-000000000009"})
	if want := strings.Replace(first, "000000000001", "000000000009", 1); err != nil || string(now[0].JSON) != want {
		t.Errorf("what was written came back as\n%s, %v, want\n%s", now[0].JSON, err, want)
	}
}

// TestUnmanagedRefused names all that keeps a table from serving a collection.
func TestUnmanagedRefused(t *testing.T) {
	dsn := servers.PostgreSQL(t)
	byHand(t, dsn, "CREATE TABLE old (id text, total text, twice text GENERATED ALWAYS AS (total || total) STORED, nmae text, net inet)")
	c, err := schema.New(schema.Spec{Name: "things", ID: "id", Fields: []schema.FieldSpec{
		{Name: "id", Type: "string"}, {Name: "total", Type: "int"}, {Name: "twice", Type: "string"}, {Name: "name", Type: "string"}, {Name: "net", Type: "string"},
	}, Table: schema.Table{Name: "old", Unmanaged: true, Revision: "version"}})
	if err != nil {
		t.Fatal(err)
	}
	err = openAt(t, dsn).Ensure(t.Context(), []*schema.Collection{c})
	want := []fault.Place{
		{Pointer: "things/total", Code: "column-type", Detail: "the column total of old is text, which cannot hold a field of type int"},
		{Pointer: "things/twice", Code: "column-type", Detail: "the column twice of old is generated, and a field must be written"},
		{Pointer: "things/name", Code: "column-missing", Detail: "old has no column name; did you mean nmae?"},
		{Pointer: "things/net", Code: "column-type", Detail: "the column net of old is inet, which cannot hold a field of type string"},
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
	dsn := servers.PostgreSQL(t)
	byHand(t, dsn, `CREATE TABLE old (id bigint PRIMARY KEY, ssn text NOT NULL DEFAULT '', file json, note text, mark text,
		ssn_sealed text, file_sealed bytea NOT NULL, mark_sealed bytea)`)
	c, err := schema.New(schema.Spec{Name: "things", ID: "id", Fields: []schema.FieldSpec{
		{Name: "id", Type: "int"}, {Name: "ssn", Type: "string", Max: "11", Encrypted: true}, {Name: "file", Type: "json", Encrypted: true},
		{Name: "note", Type: "string", Max: "40", Encrypted: true}, {Name: "mark", Type: "string", Max: "40", Encrypted: true},
	}, Table: schema.Table{Name: "old", Unmanaged: true}})
	if err != nil {
		t.Fatal(err)
	}
	err = openAt(t, dsn).Ensure(t.Context(), []*schema.Collection{c.AtRest()})
	want := []fault.Place{
		{Pointer: "things/ssn", Code: "column-mandatory", Detail: "the column ssn of old is NOT NULL, and of an encrypted field one of two columns is null"},
		{Pointer: "things/ssn_sealed", Code: "column-type", Detail: "the column ssn_sealed of old is text; what is encrypted of ssn needs it to be bytea and to take null"},
		{Pointer: "things/file_sealed", Code: "column-mandatory", Detail: "the column file_sealed of old is NOT NULL, and of an encrypted field one of two columns is null"},
		{Pointer: "things/note_sealed", Code: "column-missing", Detail: "old has no column note_sealed; what is encrypted of note needs it to be bytea and to take null"},
	}
	if fault.KindOf(err) != fault.Conflict {
		t.Fatalf("Ensure: got %v, want %s", err, fault.Conflict)
	}
	if diff := cmp.Diff(want, fault.Of(err).Places); diff != "" {
		t.Errorf("places (-want +got):\n%s", diff)
	}
}

// TestDeferrable takes no key that tells of a taken id only at the end of a
// transaction, and names it.
func TestDeferrable(t *testing.T) {
	dsn := servers.PostgreSQL(t)
	store := openAt(t, dsn)
	for _, tt := range []struct{ ddl, code string }{
		{"id bigint PRIMARY KEY DEFERRABLE", "id-deferrable"},
		{"id bigint UNIQUE DEFERRABLE INITIALLY DEFERRED", "id-deferrable"},
		{"id bigint PRIMARY KEY DEFERRABLE, CONSTRAINT another UNIQUE (id)", "id-deferrable"}, // both would be asked
		{"id bigint PRIMARY KEY, n bigint UNIQUE DEFERRABLE", ""},
	} {
		byHand(t, dsn, "DROP TABLE IF EXISTS old; CREATE TABLE old ("+tt.ddl+")")
		c, err := schema.New(schema.Spec{Name: "things", ID: "id", Fields: []schema.FieldSpec{{Name: "id", Type: "int"}}, Table: schema.Table{Name: "old", Unmanaged: true}})
		if err != nil {
			t.Fatal(err)
		}
		err = store.Ensure(t.Context(), []*schema.Collection{c})
		if tt.code == "" {
			if err == nil {
				_, err = store.Apply(t.Context(), []repository.Mutation{{Op: repository.Put, Collection: c, ID: "1", Fields: []record.Value{record.Int(1)}}})
			}
			if err != nil {
				t.Errorf("%s: got %v, want a table that serves", tt.ddl, err)
			}
			continue
		}
		if fault.KindOf(err) != fault.Conflict || len(fault.Of(err).Places) != 1 || fault.Of(err).Places[0].Code != tt.code || fault.Of(err).Places[0].Pointer != "things/id" {
			t.Errorf("%s: got %v, want %s at the id", tt.ddl, err, tt.code)
		}
	}
}

// TestTimesBeyond are no times of ours, and are not taken for any.
func TestTimesBeyond(t *testing.T) {
	dsn := servers.PostgreSQL(t)
	store := openAt(t, dsn)
	for _, tt := range []struct{ column, value, want string }{
		{"timestamptz", "0001-01-01 00:00:00+00", `{"at":"0001-01-01T00:00:00Z"}`}, {"timestamptz", "9999-12-31 23:59:59.999999+00", `{"at":"9999-12-31T23:59:59.999999Z"}`},
		{"timestamptz", "0001-12-31 23:59:59.999999+00 BC", ""}, {"timestamptz", "10000-01-01 00:00:00+00", ""}, {"timestamptz", "4713-01-01 00:00:00+00 BC", ""},
		{"timestamptz", "294276-12-31 23:59:59.999999+00", ""}, {"timestamptz", "infinity", ""}, {"timestamptz", "-infinity", ""},
		{"timestamp", "0044-03-15 12:00:00 BC", ""}, {"date", "0044-03-15 BC", ""}, {"date", "infinity", ""}, {"date", "9999-12-31", `{"at":"9999-12-31T00:00:00Z"}`},
	} {
		byHand(t, dsn, "DROP TABLE IF EXISTS old; CREATE TABLE old (id bigint PRIMARY KEY, at "+tt.column+"); INSERT INTO old VALUES (1, '"+tt.value+"')")
		c, err := schema.New(schema.Spec{Name: "things", ID: "id", Fields: []schema.FieldSpec{{Name: "id", Type: "int"}, {Name: "at", Type: "time"}},
			Table: schema.Table{Name: "old", Unmanaged: true}})
		if err != nil {
			t.Fatal(err)
		}
		rows, err := store.Get(t.Context(), query.View{Collection: c, Fields: []int{1}}, []record.ID{"1"})
		switch {
		case tt.want == "":
			if got := fault.Of(err); got == nil || got.Code != "stored-value" {
				t.Errorf("%s %s: got %d rows, %v, want the code stored-value", tt.column, tt.value, len(rows), err)
			}
		case err != nil || len(rows) != 1 || string(rows[0].JSON) != tt.want:
			t.Errorf("%s %s: got %d rows, %v, want %s", tt.column, tt.value, len(rows), err, tt.want)
		}
	}
}

// TestUnserved names the declared indexes that such a table lacks.
func TestUnserved(t *testing.T) {
	dsn := servers.PostgreSQL(t)
	byHand(t, dsn, `CREATE TABLE old (id text COLLATE "C" PRIMARY KEY, name text, octets text COLLATE "C", n bigint NOT NULL, m bigint);
		CREATE INDEX a ON old (name, id); CREATE INDEX b ON old (octets NULLS FIRST, id); CREATE INDEX c ON old (n, id); CREATE INDEX d ON old (m, id)`)
	c, err := schema.New(schema.Spec{Name: "things", ID: "id", Fields: []schema.FieldSpec{
		{Name: "id", Type: "string"}, {Name: "name", Type: "string"}, {Name: "octets", Type: "string"}, {Name: "n", Type: "int"}, {Name: "m", Type: "int"},
	}, Indexes: [][]string{{"octets"}, {"n"}, {"name"}, {"m"}, {"n desc"}}, Table: schema.Table{Name: "old", Unmanaged: true}})
	if err != nil {
		t.Fatal(err)
	}
	got, err := openAt(t, dsn).Unserved(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(c.Indexes[2:], got); diff != "" {
		t.Errorf("the indexes that the table lacks (-want +got):\n%s", diff)
	}
}

// TestManagedRefused changes nothing of tables that do not fit.
func TestManagedRefused(t *testing.T) {
	dsn := servers.PostgreSQL(t)
	store, c := openAt(t, dsn), counters(t)
	byHand(t, dsn, "CREATE TABLE counters (id bigint PRIMARY KEY, n text, _rev text NOT NULL)")
	err := store.Ensure(t.Context(), []*schema.Collection{c})
	places := fault.Of(err).Places
	if fault.KindOf(err) != fault.Conflict || len(places) != 1 || places[0].Detail != `the column n of counters is text, and a field of type int needs bigint` {
		t.Errorf("Ensure: got %v %v", err, places)
	}
	if n := byHand(t, dsn, "SELECT count(*) FROM pg_class WHERE relname = '_portolan_types'"); n != "0" {
		t.Errorf("something was made all the same")
	}
}

// TestLongNames makes indexes whose names would be cut off to the same.
func TestLongNames(t *testing.T) {
	long := strings.Repeat("n", 60)
	c, err := schema.New(schema.Spec{Name: "select", ID: "id", Fields: []schema.FieldSpec{
		{Name: "id", Type: "int"}, {Name: long + "a", Type: "int"}, {Name: long + "b", Type: "int"}, {Name: "User", Type: "int"},
	}, Indexes: [][]string{{long + "a"}, {long + "b"}, {"User"}}})
	if err != nil {
		t.Fatal(err)
	}
	dsn := servers.PostgreSQL(t)
	store := openAt(t, dsn)
	for range 2 {
		if err := store.Ensure(t.Context(), []*schema.Collection{c}); err != nil {
			t.Fatal(err)
		}
	}
	if n := byHand(t, dsn, "SELECT count(*) FROM pg_indexes WHERE tablename = 'select'"); n != "4" {
		t.Errorf("there are %s indexes, want 4", n)
	}
}

// TestIndexNames makes indexes of different tables that are called alike, and says
// which cannot be made because its name is taken.
func TestIndexNames(t *testing.T) {
	var collections []*schema.Collection
	for name, field := range map[string]string{"user": "address_city", "user_address": "city", strings.Repeat("ö", 25): "größe", "o" + strings.Repeat("ö", 25): "größe"} {
		c, err := schema.New(schema.Spec{Name: "things", ID: "id", Fields: []schema.FieldSpec{{Name: "id", Type: "int"}, {Name: "f", Type: "int"}}})
		if err != nil {
			t.Fatal(err)
		}
		c.Name, c.Table.Name, c.Fields[1].Name = name, "public."+name, field
		c.Indexes = []schema.Index{{{Field: 1}}}
		collections = append(collections, c)
	}
	dsn := servers.PostgreSQL(t)
	store := openAt(t, dsn)
	if err := store.Ensure(t.Context(), collections); err != nil {
		t.Fatal(err)
	}
	name := byHand(t, dsn, "SELECT indexname FROM pg_indexes WHERE tablename = 'user' AND indexname LIKE '%city%'")
	byHand(t, dsn, `DROP TABLE "user"; DROP TABLE _portolan_types; CREATE TABLE other (n int); CREATE INDEX `+name+` ON other (n)`)
	err := store.Ensure(t.Context(), collections)
	if places := fault.Of(err).Places; fault.KindOf(err) != fault.Conflict || len(places) != 1 || places[0].Code != "index-name-taken" || places[0].Pointer != "user" {
		t.Errorf("Ensure with the name taken: got %v, %v", err, places)
	}
}

// TestOddNames serves tables whose names would end what quotes them.
func TestOddNames(t *testing.T) {
	for _, name := range []string{`odd "one`, `a"; DROP TABLE counters; --`, "tick`ed", "Ünder", "drop"} {
		t.Run(name, func(t *testing.T) {
			dsn := servers.PostgreSQL(t)
			byHand(t, dsn, `CREATE TABLE counters (id bigint PRIMARY KEY); CREATE TABLE "`+strings.ReplaceAll(name, `"`, `""`)+`" (id bigint PRIMARY KEY, n bigint)`)
			c, err := schema.New(schema.Spec{Name: "odd", ID: "id", Fields: []schema.FieldSpec{{Name: "id", Type: "int"}, {Name: "n", Type: "int"}},
				Table: schema.Table{Name: name, Unmanaged: true}})
			if err != nil {
				t.Fatal(err)
			}
			store := openAt(t, dsn)
			if err := store.Ensure(t.Context(), []*schema.Collection{c}); err != nil {
				t.Fatal(err)
			}
			for i := range 2 {
				_, err := store.Apply(t.Context(), []repository.Mutation{counter(c, 1, int64(i), repository.Always)})
				if err != nil {
					t.Fatal(err)
				}
			}
			rows, err := store.Get(t.Context(), query.View{Collection: c, Fields: c.All()}, []record.ID{"1"})
			if err != nil || len(rows) != 1 || string(rows[0].JSON) != `{"id":1,"n":1}` {
				t.Errorf("got %v, %v", rows, err)
			}
			if n := byHand(t, dsn, "SELECT count(*) FROM pg_class WHERE relname = 'counters'"); n != "1" {
				t.Errorf("the other table is gone")
			}
		})
	}
}

// TestNoLongerEncrypted refuses a field that is encrypted no more as long as the table holds what was.
func TestNoLongerEncrypted(t *testing.T) {
	store := openAt(t, servers.PostgreSQL(t))
	of := func(encrypted bool) *schema.Collection {
		c, err := schema.New(schema.Spec{Name: "sealed", ID: "id", Fields: []schema.FieldSpec{
			{Name: "id", Type: "string"}, {Name: "ssn", Type: "string", Max: "11", Encrypted: encrypted},
		}})
		if err != nil {
			t.Fatal(err)
		}
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
