package sqlite

import (
	"errors"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/query"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/core/schema"
	"github.com/portolan-io/portolan/ports/repository"
)

// TestTables shows the tables and indexes that are made for a collection, and
// what is added to them.
func TestTables(t *testing.T) {
	path := testPath(t)
	store, db := openTest(t, path), byHand(t, path)
	spec := schema.Spec{Name: "things", ID: "id", Table: schema.Table{Name: "main.my-things"}, Fields: []schema.FieldSpec{
		{Name: "id", Type: "int"}, {Name: "name", Type: "string"}, {Name: "price", Type: "decimal", Scale: 2},
	}, Indexes: [][]string{{"name", "price desc"}}}
	c := collection(t, spec)
	if err := store.Ensure(t.Context(), []*schema.Collection{c}); err != nil {
		t.Fatal(err)
	}
	spec.Fields = append(spec.Fields, schema.FieldSpec{Name: "made", Type: "time"})
	spec.Indexes = append(spec.Indexes, []string{"made"})
	if err := store.Ensure(t.Context(), []*schema.Collection{collection(t, spec)}); err != nil {
		t.Fatal(err)
	}
	rows, err := db.Query("SELECT sql FROM sqlite_master WHERE tbl_name = 'my-things' AND sql IS NOT NULL ORDER BY type DESC, name")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var got []string
	for rows.Next() {
		var text string
		if err := rows.Scan(&text); err != nil {
			t.Fatal(err)
		}
		got = append(got, text)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"CREATE TABLE `my-things` (`id` INTEGER PRIMARY KEY NOT NULL, `name` TEXT, `price` INTEGER, `_rev` TEXT NOT NULL, `made` INTEGER) STRICT",
		"CREATE INDEX `my-things_made_id_c2984383` ON `my-things` (`made`, `id`)",
		"CREATE INDEX `my-things_name_price_desc_id_desc_99f9aaad` ON `my-things` (`name`, `price` DESC, `id` DESC)",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("tables and indexes (-want +got):\n%s", diff)
	}
}

func collection(t testing.TB, spec schema.Spec) *schema.Collection {
	t.Helper()
	c, err := schema.New(spec)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// alike are collections whose indexes are called alike but for the hash.
func alike(t *testing.T) []*schema.Collection {
	id := schema.FieldSpec{Name: "id", Type: "string"}
	fields := func(names ...string) []schema.FieldSpec {
		list := []schema.FieldSpec{id}
		for _, name := range names {
			list = append(list, schema.FieldSpec{Name: name, Type: "int"})
		}
		return list
	}
	return []*schema.Collection{
		collection(t, schema.Spec{Name: "user", ID: "id", Fields: fields("address_city"), Indexes: [][]string{{"address_city"}}}),
		collection(t, schema.Spec{Name: "user_address", ID: "id", Fields: fields("city"), Indexes: [][]string{{"city"}}}),
		collection(t, schema.Spec{Name: "things", ID: "id", Fields: fields("a", "b", "a_b"), Indexes: [][]string{{"a_b"}, {"a", "b"}}}),
		collection(t, schema.Spec{Name: "others", ID: "id", Fields: fields("a", "a_desc"), Indexes: [][]string{{"a desc"}, {"a_desc desc", "id"}, {"a_desc"}, {"a", "id desc"}}}),
	}
}

// TestIndexNames makes indexes of different tables and columns that are called alike,
// and knows one again that is called otherwise.
func TestIndexNames(t *testing.T) {
	path := testPath(t)
	store, db, collections := openTest(t, path), byHand(t, path), alike(t)
	indexes := func() (count int, one string) {
		t.Helper()
		const made = " FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"
		if err := db.QueryRow("SELECT count(*), max(CASE tbl_name WHEN 'user' THEN name END)"+made).Scan(&count, &one); err != nil {
			t.Fatal(err)
		}
		return count, one
	}
	if err := store.Ensure(t.Context(), collections); err != nil {
		t.Fatal(err)
	}
	before, name := indexes()
	if before != 8 {
		t.Fatalf("got %d indexes, want 8", before)
	}
	if _, err := db.Exec("DROP INDEX " + name + "; CREATE INDEX user_address_city_id ON user (address_city, id)"); err != nil {
		t.Fatal(err)
	}
	if err := store.Ensure(t.Context(), collections); err != nil {
		t.Fatal(err)
	}
	if after, name := indexes(); after != 8 || name != "user_address_city_id" {
		t.Errorf("got %d indexes, that of user is %q, want the 8 with that which was made by hand", after, name)
	}
}

// TestIndexNameTaken says which index cannot be made.
func TestIndexNameTaken(t *testing.T) {
	path := testPath(t)
	store, db, collections := openTest(t, path), byHand(t, path), alike(t)[:1]
	if err := store.Ensure(t.Context(), collections); err != nil {
		t.Fatal(err)
	}
	var name string
	if err := db.QueryRow("SELECT name FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL").Scan(&name); err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec("DROP TABLE user; DROP TABLE _portolan_types; CREATE TABLE " + name + " (id TEXT)"); err != nil {
		t.Fatal(err)
	}
	named := collection(t, schema.Spec{Name: "named", ID: "id", Fields: []schema.FieldSpec{{Name: "id", Type: "string"}}, Table: schema.Table{Name: "main." + name}})
	want := []fault.Place{{Pointer: "user", Code: "index-name-taken", Detail: "the index of user over address_city, id is to be called " + name + ", and something else is called so"}}
	for what, ensure := range map[string]func() error{
		"Check":  func() error { return store.Check(t.Context(), collections) },
		"Ensure": func() error { return store.Ensure(t.Context(), collections) },
		"a table that is to be made": func() error {
			if _, err := db.Exec("DROP TABLE IF EXISTS " + name); err != nil {
				t.Fatal(err)
			}
			err := store.Ensure(t.Context(), append(collections, named))
			_, again := db.Exec("CREATE TABLE " + name + " (id TEXT)")
			return errors.Join(err, again)
		},
	} {
		err := ensure()
		if fault.KindOf(err) != fault.Conflict {
			t.Fatalf("%s: got %v, want %s", what, err, fault.Conflict)
		}
		if diff := cmp.Diff(want, fault.Of(err).Places); diff != "" {
			t.Errorf("%s: places (-want +got):\n%s", what, diff)
		}
	}
}

// TestEnforcedReference adds a reference to a table that is there already. From
// then on an index finds who refers to a record.
func TestEnforcedReference(t *testing.T) {
	path := testPath(t)
	reference := schema.FieldSpec{Name: "thing", Type: "string"}
	spec := schema.Spec{Name: "parts", ID: "id", Fields: []schema.FieldSpec{{Name: "id", Type: "string"}, reference}}
	if err := openTest(t, path).Ensure(t.Context(), []*schema.Collection{collection(t, spec)}); err != nil {
		t.Fatal(err)
	}
	spec.Fields[1].References, spec.Fields[1].Enforce = "things", true
	c := collection(t, spec)
	store, log := recordedAt(t, path, c)
	if err := store.Ensure(t.Context(), []*schema.Collection{c}); err != nil { // once more
		t.Fatal(err)
	}
	explain := newCounter(t, path)
	for _, n := range []int{1, 2, 100} {
		where := query.Expr{Op: query.In, Field: 1, Values: make([]record.Value, n)}
		for i := range where.Values {
			where.Values[i] = record.String(strconv.Itoa(i))
		}
		if err := apply(t, store, repository.Mutation{Op: repository.Check, Collection: c, NoneOf: &where}); err != nil {
			t.Fatal(err)
		}
		if got, want := explain.plan(log.last, log.args), "SEARCH parts USING COVERING INDEX parts_thing_id_120d7a49 (thing=?)"; !strings.Contains(got, want) {
			t.Errorf("who refers to one of %d: got the plan %q, want %q, of %s", n, got, want, log.last.Text)
		}
	}
}

// TestTablesRefused names what cannot be a table, and makes none of them.
func TestTablesRefused(t *testing.T) {
	id := schema.FieldSpec{Name: "id", Type: "string"}
	fine := schema.Spec{Name: "fine", ID: "id", Fields: []schema.FieldSpec{id}}
	tests := []struct {
		name  string
		specs []schema.Spec
		codes []string
	}{
		{"one table for two", []schema.Spec{fine, {Name: "things", ID: "id", Fields: []schema.FieldSpec{id}, Table: schema.Table{Name: "fine"}}}, []string{"table-shared"}},
		{"another's table", []schema.Spec{fine, {Name: "taken", ID: "id", Fields: []schema.FieldSpec{id, {Name: "n", Type: "int"}}}},
			[]string{"table-type", "column-missing", "column-type", "id-not-unique", "column-mandatory"}},
		{"another database", []schema.Spec{fine, {Name: "things", ID: "id", Fields: []schema.FieldSpec{id}, Table: schema.Table{Name: "amazon.things"}}}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := testPath(t)
			store, db := openTest(t, path), byHand(t, path)
			if _, err := db.Exec("CREATE TABLE taken (id TEXT, n TEXT, must TEXT NOT NULL)"); err != nil {
				t.Fatal(err)
			}
			var collections []*schema.Collection
			for _, spec := range tt.specs {
				collections = append(collections, collection(t, spec))
			}
			err := store.Ensure(t.Context(), collections)
			if !errors.Is(err, fault.Conflict) {
				t.Fatalf("Ensure: got %v, want %s", err, fault.Conflict)
			}
			var codes []string
			for _, place := range fault.Of(err).Places {
				codes = append(codes, place.Code)
			}
			if diff := cmp.Diff(tt.codes, codes); diff != "" {
				t.Errorf("codes (-want +got):\n%s", diff)
			}
			var tables int
			if err := db.QueryRow("SELECT count(*) FROM sqlite_master WHERE type = 'table'").Scan(&tables); err != nil || tables != 1 {
				t.Errorf("tables afterwards: got %d, %v, want the one that was there", tables, err)
			}
		})
	}
}
