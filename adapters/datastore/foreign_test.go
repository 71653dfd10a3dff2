package datastore

import (
	"crypto/rand"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"cloud.google.com/go/datastore"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/query"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/core/schema"
	"github.com/portolan-io/portolan/ports/repository"
	"github.com/portolan-io/portolan/ports/repository/repositorytest"
	"github.com/portolan-io/portolan/test/servers"
)

// theirs is a collection of the kind that another program made, with the id of the type.
func theirs(t *testing.T, id string, fields ...schema.FieldSpec) *schema.Collection {
	t.Helper()
	c, err := schema.New(schema.Spec{
		Name: "seen", ID: "id", Table: schema.Table{Name: "kept", Unmanaged: true},
		Fields: append([]schema.FieldSpec{{Name: "id", Type: id}}, fields...),
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// drop stores an entity as another program would.
func drop(t *testing.T, s *Store, key *datastore.Key, properties ...datastore.Property) {
	t.Helper()
	key.Namespace = s.cfg.Namespace
	list := datastore.PropertyList(properties)
	if _, err := s.client.Put(t.Context(), key, &list); err != nil {
		t.Fatal(err)
	}
}

func dropped(t *testing.T, s *Store, key *datastore.Key) []datastore.Property {
	t.Helper()
	var list datastore.PropertyList
	if err := s.client.Get(t.Context(), key, &list); err != nil {
		t.Fatal(err)
	}
	return sorted(list)
}

// A kind that is empty by now was there when it was ensured.
func TestUnmanaged(t *testing.T) {
	emulator := servers.Datastore(t)
	repositorytest.RunUnmanaged(t, func(t *testing.T) repositorytest.Existing {
		s := opened(t, Config{Emulator: emulator, Namespace: rand.Text()})
		key := s.key("kept", "first")
		drop(t, s, key, datastore.Property{Name: "a", Value: int64(1)})
		ensure(t, s, theirs(t, "string", schema.FieldSpec{Name: "a", Type: "int"}, schema.FieldSpec{Name: "b", Type: "string", Max: "100"}))
		if err := s.client.Delete(t.Context(), key); err != nil {
			t.Fatal(err)
		}
		return repositorytest.Existing{Store: s, Table: schema.Table{Name: "kept", Unmanaged: true}}
	})
}

// What another program stores is served as it is: numbers as ids, properties that are
// missing, numbers of the other type, arrays and what is embedded. A write changes of it
// what it is about alone.
func TestForeignEntities(t *testing.T) {
	s := opened(t, Config{Emulator: servers.Datastore(t), Namespace: rand.Text()})
	c := theirs(t, "int",
		schema.FieldSpec{Name: "title", Type: "string", Max: "100"}, schema.FieldSpec{Name: "mean", Type: "float"},
		schema.FieldSpec{Name: "n", Type: "int"}, schema.FieldSpec{Name: "at", Type: "time"},
		schema.FieldSpec{Name: "tags", Type: "list", Items: "string"}, schema.FieldSpec{Name: "original", Type: "json"}, schema.FieldSpec{Name: "text", Type: "json"})
	at := time.Date(2026, 1, 2, 3, 4, 5, 678000, time.UTC)
	first, second := datastore.IDKey("kept", 5, nil), datastore.IDKey("kept", 5_629_499_534_213_120, nil)
	original := &datastore.Entity{Properties: []datastore.Property{
		{Name: "data", Value: []any{int64(1), 2.5, &datastore.Entity{Properties: []datastore.Property{{Name: "at", Value: at, NoIndex: true}}}}, NoIndex: true},
		{Name: "by", Value: nil},
	}}
	drop(t, s, first,
		datastore.Property{Name: "title", Value: "five", NoIndex: true}, datastore.Property{Name: "mean", Value: int64(2)},
		datastore.Property{Name: "n", Value: 3.0}, datastore.Property{Name: "at", Value: at}, datastore.Property{Name: "tags", Value: []any{"a", "b"}},
		datastore.Property{Name: "original", Value: original}, datastore.Property{Name: "text", Value: `{"b":1, "a":[]}`, NoIndex: true},
		datastore.Property{Name: "owner", Value: datastore.NameKey("users", "me", nil)}, datastore.Property{Name: "id", Value: "their own"})
	drop(t, s, second, datastore.Property{Name: "title", Value: "many"})
	ensure(t, s, c)

	page, err := s.Find(t.Context(), query.Query{View: query.View{Collection: c, Fields: c.All(), Needs: c.All()}, Order: []query.Key{{Field: 0}}, Limit: 10})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		`{"id":5,"title":"five","mean":2,"n":3,"at":"2026-01-02T03:04:05.000678Z","tags":["a","b"],"original":{"by":null,"data":[1,2.5,{"at":"2026-01-02T03:04:05.000678Z"}]},"text":{"a":[],"b":1}}`,
		`{"id":5629499534213120,"title":"many","mean":null,"n":null,"at":null,"tags":null,"original":null,"text":null}`,
	}
	for i := range want {
		if i >= len(page.Rows) || string(page.Rows[i].JSON) != want[i] {
			t.Fatalf("row %d is %s, want %s", i, page.Rows[i].JSON, want[i])
		}
	}

	before := dropped(t, s, first)
	put := func(fields []record.Value, revision record.Revision) (record.Revision, error) {
		outcomes, err := s.Apply(t.Context(), []repository.Mutation{{
			Op: repository.Put, Collection: c, ID: "5", Revision: "ours", Fields: fields, If: repository.At(revision),
		}})
		if err != nil {
			return "", err
		}
		return outcomes[0].Revision, nil
	}
	fields := page.Rows[0].Values
	same, err := put(fields, page.Rows[0].Revision)
	if err != nil || same != page.Rows[0].Revision {
		t.Errorf("a write of what is there: the revision %s, %v, want %s", same, err, page.Rows[0].Revision)
	}
	if after := dropped(t, s, first); digest(&schema.Table{}, after) != digest(&schema.Table{}, before) || after[slices.IndexFunc(after, named("mean"))].Value != any(int64(2)) {
		t.Errorf("a write of what is there makes it\n%v\nwant\n%v", after, before)
	}
	changed := slices.Clone(fields)
	changed[1], changed[2], changed[5] = record.String("5"), record.Float(2.5), record.List([]record.Value{record.String("c")})
	now, err := put(changed, same)
	if err != nil || now == same {
		t.Fatalf("a change: the revision %s, %v, want another one", now, err)
	}
	for i, p := range dropped(t, s, first) {
		was := before[i]
		switch p.Name {
		case "title", "mean", "tags":
		default:
			if digest(&schema.Table{}, []datastore.Property{p}) != digest(&schema.Table{}, []datastore.Property{was}) {
				t.Errorf("%s was %v, and is %v", p.Name, was.Value, p.Value)
			}
		}
		if p.NoIndex != was.NoIndex {
			t.Errorf("%s has an index: %v, want %v", p.Name, !p.NoIndex, !was.NoIndex)
		}
	}
	other := slices.Clone(changed)
	other[6] = record.JSON(`{"data":[]}`)
	if _, err := put(other, now); !errors.Is(err, fault.Invalid) || fault.Of(err).Code != "not-kept" {
		t.Errorf("another value where something is embedded: %v, want the code not-kept", err)
	}

	// One without properties is one of theirs, too.
	drop(t, s, second)
	rows, err := s.Get(t.Context(), query.View{Collection: c}, []record.ID{"5629499534213120"})
	if err != nil || len(rows) != 1 {
		t.Fatalf("an entity without properties: %v, %v", rows, err)
	}
	many := make([]record.Value, len(fields))
	many[0], many[1] = record.Int(second.ID), record.String("many")
	_, err = s.Apply(t.Context(), []repository.Mutation{{Op: repository.Put, Collection: c, ID: rows[0].ID, Revision: "ours", Fields: many, If: repository.At(rows[0].Revision)}})
	if now := dropped(t, s, second); err != nil || len(now) != 1 || now[0].Name != "title" {
		t.Errorf("what was without properties is %v, %v, want the title alone", now, err)
	}

	// The other program writes what the collection does not know.
	list := datastore.PropertyList(dropped(t, s, first))
	list[slices.IndexFunc(list, named("owner"))].Value = nil
	drop(t, s, first, list...)
	if _, err := put(changed, now); !errors.Is(err, fault.Stale) {
		t.Errorf("a write at the revision before: %v, want %s", err, fault.Stale)
	}
}

func named(name string) func(datastore.Property) bool {
	return func(p datastore.Property) bool { return p.Name == name }
}

// A collection that cannot see the kind is refused at the start with the places; what
// one entity alone has otherwise is refused when it is read.
func TestForeignRefused(t *testing.T) {
	s := opened(t, Config{Emulator: servers.Datastore(t), Namespace: rand.Text()})
	drop(t, s, s.key("kept", "a"), datastore.Property{Name: "n", Value: "five"})
	n := schema.FieldSpec{Name: "n", Type: "int"}
	revised := theirs(t, "string", n)
	revised.Table.Revision = "version"
	managed, err := schema.New(schema.Spec{Name: "kept", ID: "id", Fields: []schema.FieldSpec{{Name: "id", Type: "string"}}})
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, pointer string
		c             *schema.Collection
	}{
		{"names as numbers", "seen/id", theirs(t, "int", n)},
		{"a decimal", "seen/n", theirs(t, "string", schema.FieldSpec{Name: "n", Type: "decimal", Precision: 5, Scale: 2})},
		{"a revision", "seen", revised},
		{"managed", "kept", managed},
	} {
		err := s.Ensure(t.Context(), []*schema.Collection{tt.c})
		if !errors.Is(err, fault.Conflict) || len(fault.Of(err).Places) != 1 || fault.Of(err).Places[0].Pointer != tt.pointer {
			t.Errorf("%s: %v, want %s at %s", tt.name, err, fault.Conflict, tt.pointer)
		}
	}
	c := theirs(t, "string", n)
	ensure(t, s, c)
	if err := s.Ensure(t.Context(), []*schema.Collection{managed}); !errors.Is(err, fault.Conflict) {
		t.Errorf("managed, once it was seen: %v, want %s", err, fault.Conflict)
	}
	drop(t, s, s.key("kept", "c"), datastore.Property{Name: revisionProperty, Value: "r1"}, datastore.Property{Name: "more", Value: "x"})
	_, err = s.Apply(t.Context(), []repository.Mutation{{Op: repository.Put, Collection: c, ID: "c", Revision: "r2", Fields: []record.Value{record.String("c"), record.Int(1)}}})
	if !errors.Is(err, fault.Conflict) || len(dropped(t, s, s.key("kept", "c"))) != 2 {
		t.Errorf("a write of what looks like one of ours: %v, want %s", err, fault.Conflict)
	}
	for _, what := range []string{"a text as a number", "an ancestor"} {
		_, err := ids(t, s, query.Query{View: query.View{Collection: c}, Order: []query.Key{{Field: 0}}, Limit: 1})
		if fault.Of(err).Code != "stored-value" || !strings.Contains(err.Error(), "kept") {
			t.Errorf("%s: %v, want the code stored-value", what, err)
		}
		if err := s.client.Delete(t.Context(), s.key("kept", "a")); err != nil {
			t.Fatal(err)
		}
		child := datastore.NameKey("kept", "b", s.key("parents", "p"))
		drop(t, s, child, datastore.Property{Name: "n", Value: int64(5)})
	}
}
