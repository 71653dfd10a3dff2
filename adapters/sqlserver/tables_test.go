package sqlserver

import (
	"database/sql/driver"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/query"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/core/schema"
	"github.com/portolan-io/portolan/ports/repository"
)

// A column is a row of sys.columns.
type column struct {
	name, kind, collation string
	octets, digits, scale int64
	null, usual, written  bool
	place                 int64
}

// described answers what the catalogue views are asked about the table, whose first
// column is the key.
func described(table string, columns ...column) []*answer {
	about := &answer{holds: "FROM sys.columns", about: table, types: []string{"NVARCHAR name", "NVARCHAR type", "NVARCHAR collation",
		"INT octets", "INT digits", "INT scale", "BIT nullable", "BIT defaulted", "BIT written", "INT place"}}
	for _, c := range columns {
		about.rows = append(about.rows, []driver.Value{c.name, c.kind, c.collation, c.octets, c.digits, c.scale, c.null, c.usual, c.written, c.place})
	}
	return []*answer{about}
}

const latin = "SQL_Latin1_General_CP1_CI_AS"

// lines is a table of another program, with a column of every type that a field may be
// kept in otherwise than in a table of ours.
func lines() []*answer {
	return described("lines",
		column{name: "id", kind: "nvarchar", collation: latin, octets: 900, place: 1},
		column{name: "code", kind: "varchar", collation: latin, octets: 40, null: true},
		column{name: "utf", kind: "varchar", collation: "Latin1_General_100_CI_AS_SC_UTF8", octets: 40, null: true},
		column{name: "guid", kind: "uniqueidentifier", octets: 16, null: true},
		column{name: "small", kind: "smallint", octets: 2, null: true},
		column{name: "ratio", kind: "float", octets: 8, digits: 53, null: true},
		column{name: "cost", kind: "money", octets: 8, digits: 19, scale: 4, null: true},
		column{name: "price", kind: "decimal", octets: 9, digits: 12, scale: 4, null: true},
		column{name: "exact", kind: "decimal", octets: 9, digits: 10, scale: 2, null: true},
		column{name: "made", kind: "datetime2", octets: 8, digits: 27, scale: 7, null: true},
		column{name: "seen", kind: "datetimeoffset", octets: 10, digits: 34, scale: 7, null: true},
		column{name: "blob", kind: "varbinary", octets: -1, null: true},
		column{name: "tags", kind: "nvarchar", collation: latin, octets: -1, null: true},
		column{name: "doc", kind: "varchar", collation: latin, octets: -1, null: true},
		column{name: "flag", kind: "bit", octets: 1, null: true},
		column{name: "stamp", kind: "timestamp", octets: 8},
	)
}

func linesCollection(t testing.TB) *schema.Collection {
	t.Helper()
	c, err := schema.New(schema.Spec{Name: "lines", ID: "id", Fields: []schema.FieldSpec{
		{Name: "id", Type: "string"}, {Name: "code", Type: "string", Max: "40"}, {Name: "utf", Type: "string", Max: "40"}, {Name: "guid", Type: "string"},
		{Name: "small", Type: "int"}, {Name: "ratio", Type: "float"}, {Name: "cost", Type: "decimal", Precision: 10, Scale: 2},
		{Name: "price", Type: "decimal", Precision: 10, Scale: 2}, {Name: "exact", Type: "decimal", Precision: 10, Scale: 2},
		{Name: "made", Type: "time"}, {Name: "seen", Type: "time"}, {Name: "blob", Type: "bytes"}, {Name: "tags", Type: "list", Items: "string"},
		{Name: "doc", Type: "json"}, {Name: "flag", Type: "bool"},
	}, Table: schema.Table{Name: "old.lines", Unmanaged: true, Revision: "stamp"}})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// unique answers that the table's first column is alone in an index.
func unique() *answer {
	return &answer{holds: "k.is_descending_key", types: []string{"NVARCHAR index", "NVARCHAR name", "NVARCHAR collation", "BIT distinct", "BIT partial", "BIT backed"},
		rows: [][]driver.Value{{"key", "id", latin, true, false, false}}}
}

// TestGoldenTables prints how tables are made, and what is added to one.
func TestGoldenTables(t *testing.T) {
	c := items(t)
	var out strings.Builder
	for _, tt := range []struct {
		name    string
		cfg     Config
		answers []*answer
	}{
		{"from nothing", Config{}, nil},
		{"from nothing, with nvarchar", Config{NVarchar: true}, nil},
		{"from nothing, in a schema of its own", Config{schema: "scratch"}, nil},
		{"from a table with an id and a name", Config{}, described("items",
			column{name: "id", kind: "varchar", collation: strings.TrimPrefix(inUTF8, " COLLATE "), octets: ids},
			column{name: "id$octets", kind: "varbinary", octets: ids, written: true, place: 1},
			column{name: "name", kind: "varchar", collation: strings.TrimPrefix(inUTF8, " COLLATE "), octets: keyed, null: true},
			column{name: "name$octets", kind: "varbinary", octets: keyed, written: true, null: true},
			column{name: "_rev", kind: "varchar", collation: strings.TrimPrefix(inUTF8, " COLLATE "), octets: keyed},
		)},
	} {
		collections := []*schema.Collection{c}
		if tt.cfg.schema != "" {
			collections = append(collections, numbers(t))
		}
		store, log := scripted(t, tt.cfg, append([]*answer{usual()}, tt.answers...)...)
		if err := store.Ensure(t.Context(), collections); err != nil {
			t.Fatalf("%s: %v", tt.name, err)
		}
		fmt.Fprintf(&out, "-- %s\n%s\n", tt.name, log.noted())
	}
	golden(t, "tables", once(once(out.String(), theColumns), theKeys))
}

// once leaves a question to the catalogue views where it is first asked.
func once(log, question string) string {
	for i := range 2 {
		question = strings.Replace(question, "?", fmt.Sprintf("@p%d", i+1), 1)
	}
	first, rest, _ := strings.Cut(log, question)
	return first + question + strings.ReplaceAll(rest, question, "-- as above")
}

// numbers is a collection with an int id, in the schema that its name does not say.
func numbers(t testing.TB) *schema.Collection {
	t.Helper()
	c, err := schema.New(schema.Spec{Name: "numbers", ID: "n", Fields: []schema.FieldSpec{{Name: "n", Type: "int"}}})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestGoldenExisting prints what an existing table is asked and told, of every type of
// column.
func TestGoldenExisting(t *testing.T) {
	c := linesCollection(t)
	found := &answer{holds: "SELECT CONVERT(varchar(max), CAST([stamp]", times: 1, types: []string{"VARCHAR", "VARBINARY"}, rows: [][]driver.Value{{"0x01", []byte("a")}}}
	moved := &answer{holds: "SELECT CONVERT(varchar(max), CAST([stamp]", types: []string{"VARCHAR", "VARBINARY"}, rows: [][]driver.Value{{"0x02", []byte("a")}}}
	store, log := scripted(t, Config{}, append(lines(), usual(), unique(), changedRows(1))...)
	if err := store.Ensure(t.Context(), []*schema.Collection{c}); err != nil {
		t.Fatal(err)
	}
	log.noted()
	var out strings.Builder
	note := func(what string) {
		fmt.Fprintf(&out, "-- %s\n%s\n", what, strings.ReplaceAll(log.noted(), "SET TRANSACTION ISOLATION LEVEL SNAPSHOT; ", ""))
	}
	for _, text := range negated(
		"code eq 'x'", "contains(utf, 'x')", "startswith(guid, '0')", "contains(guid, 'a')", "small gt 70000", "cost le 1.5", "price eq 1.5", "exact eq 1.5",
		"made gt 2026-01-01T00:00:00Z", "seen gt 2026-01-01T00:00:00Z", "tags has 'x'", "flag",
		"blob eq 'AAE='", "endswith(code, 'x')",
	) {
		q := byID(c, parsed(t, c, text))
		q.Fields = c.All()
		if _, err := store.Find(t.Context(), q); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		note(text)
	}
	moreOf(t, store, c, "code desc, made", []record.Value{record.String("x"), record.Micros(1), record.String("a")}, "cost", "code", note)
	gone := &answer{holds: "SELECT CONVERT(varchar(max), CAST([stamp]", times: 1, types: []string{"VARCHAR", "VARBINARY"}, rows: [][]driver.Value{{"0x01", []byte("a")}}}
	log.answers = append(log.answers, gone, found, moved)
	if err := apply(t, store, repository.Mutation{Op: repository.Delete, Collection: c, ID: "a", If: repository.At("0x01")}); err != nil {
		t.Fatal(err)
	}
	note("delete at a revision")
	fields := make([]record.Value, len(c.Fields))
	fields[0] = record.String("a")
	put := repository.Mutation{Op: repository.Put, Collection: c, ID: "a", If: repository.At("0x01"), Fields: fields}
	outcomes, err := store.Apply(t.Context(), []repository.Mutation{put})
	if err != nil || outcomes[0].Revision != "0x02" {
		t.Fatalf("Apply: got %+v, %v, want the revision that the server made", outcomes, err)
	}
	note("put at a revision that the server makes")
	if _, err := store.Load(t.Context(), repository.Load{Collection: c, Run: "r", Rows: []record.Record{{ID: "b", Fields: fields}}}); codeOf(err) != "revision-stands-still" {
		t.Fatalf("Load of a row whose revision stays as it was: got %v", err)
	}
	note("load a row, whose revision stays as it was")
	golden(t, "existing", out.String())
}

// negated returns each filter, and what is under not.
func negated(filters ...string) (all []string) {
	for _, text := range filters {
		all = append(all, text, "not ("+text+")")
	}
	return all
}

// moreOf notes a page behind a cursor, and an aggregate.
func moreOf(t *testing.T, store *Store, c *schema.Collection, order string, after []record.Value, measured, by string, note func(string)) {
	t.Helper()
	q := byID(c, query.Expr{})
	var err error
	if q.Order, err = query.ParseOrder(order, query.Names{Collection: c}); err != nil {
		t.Fatal(err)
	}
	q.After = repository.EncodeCursor(q, after)
	if _, err := store.Find(t.Context(), q); err != nil {
		t.Fatal(err)
	}
	note("by " + order + ", behind a cursor")
	at := position(t, c, measured)
	if _, err := store.Aggregate(t.Context(), query.Aggregation{Collection: c, GroupBy: []int{position(t, c, by)}, Limit: 10,
		Measures: []query.Measure{{Func: query.Count}, {Func: query.Minimum, Field: at}, {Func: query.Sum, Field: at}}}); err != nil {
		t.Fatal(err)
	}
	note("aggregate " + measured + " by " + by)
}

// TestGetParameters asks for many ids and with as many values as are left to one
// statement, and has no more parameters than the server takes.
func TestGetParameters(t *testing.T) {
	c := linesCollection(t)
	store, log := scripted(t, Config{}, append(lines(), usual(), unique())...)
	many := make([]record.ID, 600)
	for i := range many {
		many[i] = record.ID(fmt.Sprint(i))
	}
	filter := query.Expr{Op: query.In, Field: position(t, c, "small")}
	for i := range 1024 {
		filter.Values = append(filter.Values, record.Int(int64(i)))
	}
	others := query.Expr{Op: query.In, Field: filter.Field, Values: filter.Values[:256]}
	view := query.View{Collection: c, Filter: query.Expr{Op: query.And, Kids: []query.Expr{filter, others}}}
	if native, rest, err := split(query.Query{View: view}); err != nil || rest.Op != query.All || len(native.Kids) != 2 {
		t.Fatalf("split: got %v, %v, %v, want that all is native", native, rest, err)
	}
	if err := store.Ensure(t.Context(), []*schema.Collection{c}); err != nil {
		t.Fatal(err)
	}
	log.noted()
	if _, err := store.Get(t.Context(), view, many); err != nil {
		t.Fatal(err)
	}
	asked := 0
	for _, statement := range strings.Split(log.noted(), "SELECT ")[1:] {
		asked++
		if n := strings.Count(statement, "\n--   "); n > 2100 {
			t.Errorf("a statement has %d parameters, want 2,100 at most", n)
		}
	}
	if asked != 3 {
		t.Errorf("%d statements were sent for 600 ids, want 3", asked)
	}
}

// TestEnsureAgain has a table as Ensure makes it, described as the catalogue views
// would: nothing is to be done.
func TestEnsureAgain(t *testing.T) {
	c := items(t)
	for _, tt := range []struct {
		cfg                   Config
		text, collation       string
		id, name, unit, fills int64
	}{
		{Config{}, "varchar", strings.TrimPrefix(inUTF8, " COLLATE "), ids, keyed, 1, 1},
		{Config{NVarchar: true}, "nvarchar", strings.TrimPrefix(inUnits, " COLLATE "), ids, keyed, 2, 0},
	} {
		text := func(name string, size int64) column {
			return column{name: name, kind: tt.text, collation: tt.collation, octets: max(size*tt.unit, -1), null: name != "id" && name != "_rev"}
		}
		octets := func(name string, size, place int64) column {
			return column{name: name + octetsSuffix, kind: "varbinary", octets: size, place: place, written: tt.fills == 1, null: place == 0}
		}
		answers := described("items",
			text("id", tt.id), octets("id", ids, 1), text("name", tt.name), octets("name", keyed, 0), text("note", -1), octets("note", -1, 0),
			column{name: "count", kind: "bigint", octets: 8, digits: 19, null: true}, column{name: "ratio", kind: "float", octets: 8, digits: 53, null: true},
			column{name: "price", kind: "decimal", octets: 9, digits: 10, scale: 2, null: true}, column{name: "flag", kind: "bit", octets: 1, digits: 1, null: true},
			column{name: "made", kind: "datetime2", octets: 8, digits: 26, scale: 6, null: true}, column{name: "blob", kind: "varbinary", octets: -1, null: true},
			text("tags", -1), text("extra", -1), text("_rev", tt.name),
		)
		answers = append(answers, described("_portolan_types", text("tbl", tt.id), text("field", tt.id), text("type", tt.id))...)
		kept := &answer{holds: "SELECT * FROM [_portolan_types]", types: []string{"NVARCHAR tbl", "NVARCHAR field", "NVARCHAR type"}}
		for i, kind := range []string{"string", "string", "string", "int", "float", "decimal(2)", "bool", "time", "bytes", "list(string)", "json"} {
			kept.rows = append(kept.rows, []driver.Value{"shop.items", c.Fields[i].Name, kind})
		}
		index := unique()
		index.about, index.rows = "items", [][]driver.Value{
			{"items_name_desc_count_id", "name$octets", "", false, false, true}, {"items_name_desc_count_id", "count", "", false, false, false},
			{"items_name_desc_count_id", "id$octets", "", false, false, false}, {"PK", "id$octets", "", true, false, false},
		}
		store, log := scripted(t, tt.cfg, append(answers, usual(), kept, index)...)
		if err := store.Ensure(t.Context(), []*schema.Collection{c}); err != nil {
			t.Errorf("with %s: Ensure: %v %v", tt.text, err, fault.Of(err).Places)
		}
		for line := range strings.Lines(log.noted()) {
			for _, word := range []string{"CREATE", "ALTER", "INSERT"} {
				if strings.HasPrefix(line, word) {
					t.Errorf("with %s something is done again: %s", tt.text, line)
				}
			}
		}
		if err := store.Check(t.Context(), []*schema.Collection{c}); err != nil {
			t.Errorf("with %s: Check: %v", tt.text, err)
		}
	}
}

// TestExistingRefused names every difference of a table that would lose something.
func TestExistingRefused(t *testing.T) {
	answers := append(described("old",
		column{name: "id", kind: "int", octets: 4},
		column{name: "title", kind: "nvarchar", collation: latin, octets: 40, null: true},
		column{name: "free", kind: "varchar", collation: latin, octets: 40, null: true},
		column{name: "price", kind: "decimal", octets: 5, digits: 8, scale: 2, null: true},
		column{name: "fine", kind: "decimal", octets: 5, digits: 12, scale: 1, null: true},
		column{name: "rough", kind: "real", octets: 4, digits: 24, null: true},
		column{name: "made", kind: "datetime2", octets: 6, scale: 0, null: true},
		column{name: "older", kind: "datetime", octets: 8, scale: 3, null: true},
		column{name: "blob", kind: "varbinary", octets: 10, null: true},
		column{name: "tags", kind: "nvarchar", collation: latin, octets: 400, null: true},
		column{name: "twice", kind: "nvarchar", collation: latin, octets: 40, null: true, written: true},
		column{name: "padded", kind: "nchar", collation: latin, octets: 40, null: true},
	), usual())
	c, err := schema.New(schema.Spec{Name: "things", ID: "id", Fields: []schema.FieldSpec{
		{Name: "id", Type: "int"}, {Name: "title", Type: "string", Max: "40"}, {Name: "free", Type: "string"}, {Name: "price", Type: "decimal", Precision: 10, Scale: 2},
		{Name: "fine", Type: "decimal", Precision: 10, Scale: 2}, {Name: "rough", Type: "float"}, {Name: "made", Type: "time"}, {Name: "older", Type: "time"},
		{Name: "blob", Type: "bytes", Max: "20"}, {Name: "tags", Type: "list", Items: "int"}, {Name: "twice", Type: "string", Max: "20"}, {Name: "padded", Type: "string", Max: "20"},
		{Name: "titel", Type: "string", Max: "20"},
	}, Table: schema.Table{Name: "old", Unmanaged: true, Revision: "version"}})
	if err != nil {
		t.Fatal(err)
	}
	store, _ := scripted(t, Config{}, answers...)
	err = store.Ensure(t.Context(), []*schema.Collection{c})
	if fault.KindOf(err) != fault.Conflict {
		t.Fatalf("Ensure: got %v, want %s", err, fault.Conflict)
	}
	var got []string
	for _, place := range fault.Of(err).Places {
		got = append(got, place.Pointer+": "+place.Detail)
	}
	want := []string{
		"things/title: the column title of old is nvarchar(20) COLLATE " + latin + ", and the field has a max of 40",
		"things/free: the column free of old is varchar(40) COLLATE " + latin + ", and the field has no max: give it one of 40",
		"things/price: the column price of old is decimal(8,2), which has fewer digits than the field: that needs decimal(10,2)",
		"things/fine: the column fine of old is decimal(12,1), which has fewer digits than the field: that needs decimal(10,2)",
		"things/rough: the column rough of old is real, which keeps fewer digits than a field of type float",
		"things/made: the column made of old is datetime2(0), which is coarser than the microseconds of a field of type time: that needs datetime2(6)",
		"things/older: the column older of old is datetime, which is coarser than the microseconds of a field of type time: that needs datetime2(6)",
		"things/blob: the column blob of old is varbinary(10), and the field has a max of 20",
		"things/tags: the column tags of old is nvarchar(200) COLLATE " + latin + ", which may be too short for a field of type list: that needs nvarchar(max)",
		"things/twice: the column twice of old is written by the database alone, and a field must be written",
		"things/padded: the column padded of old is nchar(20) COLLATE " + latin + ", which cannot hold a field of type string",
		"things/titel: old has no column titel; did you mean title?",
		"things/id: the column id of old is neither its primary key nor alone in a unique index",
		"things: old has no column version",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("places (-want +got):\n%s", diff)
	}
}

// TestUnmanagedUnsealed refuses a table that does not take what is encrypted.
func TestUnmanagedUnsealed(t *testing.T) {
	answers := append(described("old",
		column{name: "id", kind: "bigint", octets: 8, place: 1},
		column{name: "ssn", kind: "varchar", collation: latin, octets: 11},
		column{name: "file", kind: "nvarchar", collation: latin, octets: -1, null: true},
		column{name: "note", kind: "varchar", collation: latin, octets: 40, null: true},
		column{name: "mark", kind: "varchar", collation: latin, octets: 40, null: true},
		column{name: "ssn_sealed", kind: "varbinary", octets: 50, null: true},
		column{name: "file_sealed", kind: "varbinary", octets: -1},
		column{name: "mark_sealed", kind: "varbinary", octets: -1, null: true},
	), usual())
	c, err := schema.New(schema.Spec{Name: "things", ID: "id", Fields: []schema.FieldSpec{
		{Name: "id", Type: "int"}, {Name: "ssn", Type: "string", Max: "11", Encrypted: true}, {Name: "file", Type: "json", Encrypted: true},
		{Name: "note", Type: "string", Max: "40", Encrypted: true}, {Name: "mark", Type: "string", Max: "40", Encrypted: true},
	}, Table: schema.Table{Name: "old", Unmanaged: true}})
	if err != nil {
		t.Fatal(err)
	}
	store, _ := scripted(t, Config{}, answers...)
	err = store.Ensure(t.Context(), []*schema.Collection{c.AtRest()})
	want := []fault.Place{
		{Pointer: "things/ssn", Code: "column-mandatory", Detail: "the column ssn of old is NOT NULL, and of an encrypted field one of two columns is null"},
		{Pointer: "things/ssn_sealed", Code: "column-type", Detail: "the column ssn_sealed of old is varbinary(50); what is encrypted of ssn needs it to be varbinary(max) and to take null"},
		{Pointer: "things/file_sealed", Code: "column-mandatory", Detail: "the column file_sealed of old is NOT NULL, and of an encrypted field one of two columns is null"},
		{Pointer: "things/note_sealed", Code: "column-missing", Detail: "old has no column note_sealed; what is encrypted of note needs it to be varbinary(max) and to take null"},
	}
	if fault.KindOf(err) != fault.Conflict {
		t.Fatalf("Ensure: got %v, want %s", err, fault.Conflict)
	}
	if diff := cmp.Diff(want, fault.Of(err).Places); diff != "" {
		t.Errorf("places (-want +got):\n%s", diff)
	}
}

// TestIndexRefused names a field that no key can have.
func TestIndexRefused(t *testing.T) {
	c, err := schema.New(schema.Spec{Name: "things", ID: "id", Fields: []schema.FieldSpec{{Name: "id", Type: "int"}, {Name: "text", Type: "string"}},
		Indexes: [][]string{{"text"}}})
	if err != nil {
		t.Fatal(err)
	}
	store, log := scripted(t, Config{}, usual())
	err = store.Ensure(t.Context(), []*schema.Collection{c})
	places := fault.Of(err).Places
	if fault.KindOf(err) != fault.Conflict || len(places) != 1 || places[0].Pointer != "things/text" || !strings.Contains(places[0].Detail, "max of 375") {
		t.Errorf("Ensure: got %v %v, want a place for things/text", err, places)
	}
	if strings.Contains(log.noted(), "CREATE") {
		t.Error("something was made all the same")
	}
}

// TestGoldenNVarchar prints what differs on a server without UTF-8.
func TestGoldenNVarchar(t *testing.T) {
	c := items(t)
	store, log := scripted(t, Config{NVarchar: true}, database(0, 0, 140, nil), changedRows(1))
	var out strings.Builder
	for _, text := range []string{"name eq 'x'", "contains(note, 'x')", "tags has 'x'"} {
		if _, err := store.Find(t.Context(), byID(c, parsed(t, c, text))); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&out, "-- %s\n%s\n", text, log.noted())
	}
	r := item("a")
	if err := apply(t, store, repository.Mutation{Op: repository.Put, Collection: c, ID: r.ID, If: repository.Absent, Revision: "r1", Fields: r.Fields}); err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(&out, "-- put if absent\n%s\n", log.noted())
	store, log = scripted(t, Config{NVarchar: true}, database(0, 0, 140, nil), changedRows(1),
		&answer{holds: "SELECT [_rev]", types: []string{"NVARCHAR", "VARBINARY"}, rows: [][]driver.Value{{"r1", []byte("a")}}})
	if err := apply(t, store, repository.Mutation{Op: repository.Put, Collection: c, ID: r.ID, Revision: "r2", Fields: r.Fields}); err != nil {
		t.Fatal(err)
	}
	note := func(what string) { fmt.Fprintf(&out, "-- %s\n%s\n", what, log.noted()) }
	note("put always")
	if err := apply(t, store, repository.Mutation{Op: repository.Delete, Collection: c, ID: r.ID, If: repository.At("r1")}); err != nil {
		t.Fatal(err)
	}
	note("delete at a revision")
	moreOf(t, store, c, "name desc, count", []record.Value{record.String("x"), record.Int(5), record.String("a")}, "price", "name", note)
	golden(t, "nvarchar", out.String())
	refusing, _ := scripted(t, Config{NVarchar: true}, append(lines(), database(0, 0, 140, nil), unique())...)
	err := refusing.Ensure(t.Context(), []*schema.Collection{linesCollection(t)})
	if places := fault.Of(err).Places; len(places) != 4 || !strings.Contains(places[0].Detail, "2019 or later") {
		t.Errorf("Ensure of an existing table with texts: got %v, want its four texts refused", places)
	}
}
