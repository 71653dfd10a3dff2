package datastore

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
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
	"github.com/portolan-io/portolan/test/servers"
)

// What cannot be opened is said in one sentence, and with what would help.
func TestOpenRefuses(t *testing.T) {
	var config net.ListenConfig
	nobody, err := config.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := nobody.Close(); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name string
		cfg  Config
		kind fault.Kind
		code string
	}{
		{"nobody listens", Config{Emulator: nobody.Addr().String()}, fault.Unavailable, "unreachable"},
		{"a namespace that Datastore does not take", Config{Emulator: nobody.Addr().String(), Namespace: "a b"}, fault.Invalid, "invalid"},
		{"a negative timeout", Config{Timeout: -time.Second}, fault.Invalid, "invalid"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Open(t.Context(), tt.cfg)
			if fault.KindOf(err) != tt.kind || fault.Of(err).Code != tt.code {
				t.Errorf("Open = %v, want %s with the code %s", err, tt.kind, tt.code)
			}
		})
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Open(ctx, Config{Emulator: nobody.Addr().String()}); !errors.Is(err, context.Canceled) {
		t.Errorf("Open with a done context = %v, want its error", err)
	}
}

// notes is a collection of texts, of which some have an index.
func notes(t *testing.T, maxScan int, fields ...schema.FieldSpec) *schema.Collection {
	t.Helper()
	fields = append([]schema.FieldSpec{{Name: "id", Type: "string"}}, fields...)
	c, err := schema.New(schema.Spec{Name: "notes", ID: "id", MaxScan: maxScan, Fields: fields})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func put(t *testing.T, s repository.Store, c *schema.Collection, id string, values ...record.Value) {
	t.Helper()
	_, err := s.Apply(t.Context(), []repository.Mutation{{
		Op: repository.Put, Collection: c, ID: record.ID(id), Revision: "r1", Fields: append([]record.Value{record.String(id)}, values...),
	}})
	if err != nil {
		t.Fatal(err)
	}
}

func ensure(t *testing.T, s repository.Store, c *schema.Collection) {
	t.Helper()
	if err := s.Ensure(t.Context(), []*schema.Collection{c}); err != nil {
		t.Fatal(err)
	}
}

// ids returns the ids that the query finds, a page after the other.
func ids(t *testing.T, s repository.Store, q query.Query) (found []string, err error) {
	t.Helper()
	for {
		page, err := s.Find(t.Context(), q)
		if err != nil {
			return found, err
		}
		for _, row := range page.Rows {
			found = append(found, string(row.ID))
		}
		if q.After = page.Next; q.After == "" {
			return found, nil
		}
	}
}

// A field that is added, or begins to be indexed, is found by in what was there before,
// and in what a server of the older version writes since.
func TestAddedFieldsAreFound(t *testing.T) {
	s := opened(t, Config{Emulator: servers.Datastore(t), Namespace: rand.Text()})
	text := schema.FieldSpec{Name: "text", Type: "string"}
	long := notes(t, 0, text)
	ensure(t, s, long)
	for _, id := range []string{"a", "b", "c"} {
		put(t, s, long, id, record.String("x"))
	}
	text.Max = "100"
	short := notes(t, 0, text, schema.FieldSpec{Name: "stars", Type: "int"})
	ensure(t, s, short)
	put(t, s, long, "d", record.String("x")) // by who does not know
	put(t, s, long, "a", record.String("y"))
	for _, tt := range []struct {
		filter query.Expr
		want   string
	}{
		{query.Expr{Op: query.Eq, Field: 1, Values: []record.Value{record.String("x")}}, "b c d"},
		{query.Expr{Op: query.Eq, Field: 2, Values: []record.Value{record.Null}}, "a b c d"},
	} {
		q := query.Query{View: query.View{Collection: short, Filter: tt.filter}, Order: []query.Key{{Field: 0}}, Limit: 2}
		if native, _, err := s.Capabilities().Split(q); err != nil || native.Op == query.All {
			t.Fatalf("the filter on %s is not native: %v", short.Fields[tt.filter.Field].Name, err)
		}
		found, err := ids(t, s, q)
		if err != nil || strings.Join(found, " ") != tt.want {
			t.Errorf("by %s: %v, %v, want %s", short.Fields[tt.filter.Field].Name, found, err, tt.want)
		}
	}
}

// Alternatives are merged, page by page, whatever each of them pins of the order.
func TestAlternatives(t *testing.T) {
	s := opened(t, Config{Emulator: servers.Datastore(t), Namespace: rand.Text()})
	c, err := schema.New(schema.Spec{
		Name: "merged", ID: "id", Indexes: [][]string{{"cat", "stars desc"}, {"cat", "n"}},
		Fields: []schema.FieldSpec{{Name: "id", Type: "string"}, {Name: "cat", Type: "int"}, {Name: "stars", Type: "int"}, {Name: "n", Type: "int"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	ensure(t, s, c)
	var all [][]record.Value
	for i := range 40 {
		fields := []record.Value{record.String(fmt.Sprintf("%02d", i*7%40)), record.Int(int64(i % 4)), record.Int(int64(i * 3 % 7)), record.Int(int64(i % 3))}
		if i%5 == 0 {
			fields[3] = record.Null
		}
		all = append(all, fields)
		put(t, s, c, fields[0].AsString(), fields[1:]...)
	}
	for _, tt := range []struct{ filter, order string }{
		{"cat eq 1 or cat eq 2", "cat"}, {"cat eq 1 or cat eq 2", ""}, {"cat eq 1 or cat eq 2", "cat,stars desc"}, {"cat eq 1 or cat eq 2", "stars desc"},
		{"cat in (1,2)", "cat,stars desc"}, {"(cat eq 1 and n eq null) or (cat eq 2 and n eq 1)", "cat,id"}, {"(cat eq 2 and n eq null) or (cat eq 1 and n eq 1)", "n,id"},
		{"cat eq 1 or n eq 1", "cat,id"}, {"cat eq 1 or n eq null", "n,id"}, {"cat eq 3 or cat gt 1", "cat,id"}, {"cat lt 1 or n eq 2", "n"}, {"cat in (0,1) or cat eq 3", "cat,n"},
		{"stars eq 3 and (cat eq 1 or n eq 1)", "stars,cat"}, {"n eq 1 and (cat eq 1 or cat eq 2)", "n,cat"},
	} {
		for _, limit := range []int{1, 3} {
			q := asked(t, c, tt.filter, tt.order)
			q.Limit = limit
			var want []string
			slices.SortFunc(all, func(a, b []record.Value) int { return query.Compare(q.Order, a, b) })
			for _, fields := range all {
				if query.Match(q.Filter, fields) {
					want = append(want, fields[0].AsString())
				}
			}
			found, err := ids(t, s, q)
			if err != nil || !slices.Equal(found, want) {
				t.Errorf("%s by %s in pages of %d: %v, %v, want %v", tt.filter, tt.order, limit, found, err, want)
			}
		}
	}
}

// A kind of another program is left to it.
func TestForeignKind(t *testing.T) {
	s := opened(t, Config{Emulator: servers.Datastore(t), Namespace: rand.Text()})
	c := notes(t, 0, schema.FieldSpec{Name: "stars", Type: "int"})
	if _, err := s.client.Put(t.Context(), s.key("notes", "theirs"), &datastore.PropertyList{{Name: "stars", Value: "five"}}); err != nil {
		t.Fatal(err)
	}
	if err := s.Ensure(t.Context(), []*schema.Collection{c}); fault.KindOf(err) != fault.Conflict || len(fault.Of(err).Places) != 1 {
		t.Errorf("Ensure over it: %v, want %s with a place", err, fault.Conflict)
	}
}

// An index, once it is there, stays: a server of another version may use it. A text that
// is too long for it refuses who wants it, and nobody else.
func TestIndexesStay(t *testing.T) {
	s := opened(t, Config{Emulator: servers.Datastore(t), Namespace: rand.Text()})
	long, short := notes(t, 0, schema.FieldSpec{Name: "text", Type: "string"}), notes(t, 0, schema.FieldSpec{Name: "text", Type: "string", Max: "100"})
	ensure(t, s, short)
	put(t, s, short, "a", record.String("x"))
	ensure(t, s, long)
	put(t, s, long, "b", record.String("x"))
	q := query.Query{
		View:  query.View{Collection: short, Filter: query.Expr{Op: query.Eq, Field: 1, Values: []record.Value{record.String("x")}}},
		Order: []query.Key{{Field: 0}}, Limit: 10,
	}
	if found, err := ids(t, s, q); err != nil || strings.Join(found, "") != "ab" {
		t.Errorf("beside a version without the index %v are found, %v", found, err)
	}
	put(t, s, long, "c", record.String(strings.Repeat("x", 2000)))
	ensure(t, s, long)

	other := opened(t, Config{Emulator: s.cfg.Emulator, Namespace: rand.Text()})
	ensure(t, other, long)
	put(t, other, long, "c", record.String(strings.Repeat("x", 2000)))
	err := other.Ensure(t.Context(), []*schema.Collection{short})
	if fault.KindOf(err) != fault.Conflict || len(fault.Of(err).Places) != 1 || fault.Of(err).Places[0].Pointer != "notes/text" {
		t.Errorf("Ensure of an index over a long text: %v, want %s at notes/text", err, fault.Conflict)
	}
	put(t, other, long, "d", record.String(strings.Repeat("y", 2000)))
}

// Who writes a record through a collection that knows less of it leaves the rest.
func TestOtherFieldsStay(t *testing.T) {
	s := opened(t, Config{Emulator: servers.Datastore(t), Namespace: rand.Text()})
	whole := notes(t, 0, schema.FieldSpec{Name: "x", Type: "int"}, schema.FieldSpec{Name: "y", Type: "int"})
	part, err := schema.New(schema.Spec{
		Name: "part", ID: "id", Table: schema.Table{Name: "notes", Unmanaged: true},
		Fields: []schema.FieldSpec{{Name: "id", Type: "string"}, {Name: "x", Type: "int"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Ensure(t.Context(), []*schema.Collection{whole, part}); err != nil {
		t.Fatal(err)
	}
	put(t, s, whole, "a", record.Int(1), record.Int(2))
	_, err = s.Apply(t.Context(), []repository.Mutation{
		{Op: repository.Check, Collection: whole, ID: "a", If: repository.Present},
		{Op: repository.Put, Collection: part, ID: "a", Revision: "r2", Fields: []record.Value{record.String("a"), record.Int(3)}},
	})
	if err != nil {
		t.Fatal(err)
	}
	rows, err := s.Get(t.Context(), query.View{Collection: whole, Fields: whole.All()}, []record.ID{"a"})
	if err != nil || len(rows) != 1 || string(rows[0].JSON) != `{"id":"a","x":3,"y":2}` {
		t.Errorf("it is %s, %v", rows[0].JSON, err)
	}
}

// A Load parts what is too many octets for a transaction, lists too.
func TestLongListsAreLoaded(t *testing.T) {
	s := opened(t, Config{Emulator: servers.Datastore(t), Namespace: rand.Text()})
	c := notes(t, 0, schema.FieldSpec{Name: "tags", Type: "list", Items: "string"})
	ensure(t, s, c)
	tags := record.List([]record.Value{record.String(strings.Repeat("x", 40_000))})
	rows := make([]record.Record, 200)
	for i := range rows {
		id := fmt.Sprintf("%03d", i)
		rows[i] = record.Record{ID: record.ID(id), Revision: "run-1", Fields: []record.Value{record.String(id), tags}}
	}
	done, err := s.Load(t.Context(), repository.Load{Collection: c, Rows: rows, Run: "run-"})
	if err != nil || done.Done != len(rows) {
		t.Errorf("%d of %d rows were loaded, %v", done.Done, len(rows), err)
	}
}

// Records that are too many octets for one transaction are filled in by several.
func TestLargeRecordsAreFilled(t *testing.T) {
	s := opened(t, Config{Emulator: servers.Datastore(t), Namespace: rand.Text()})
	text := schema.FieldSpec{Name: "text", Type: "string"}
	before := notes(t, 0, text)
	ensure(t, s, before)
	long := strings.Repeat("x", 900_000)
	var want []string
	for i := range 15 {
		id := string(rune('a' + i))
		want = append(want, id)
		put(t, s, before, id, record.String(long))
	}
	now := notes(t, 0, text, schema.FieldSpec{Name: "stars", Type: "int"})
	ensure(t, s, now)
	q := query.Query{
		View:  query.View{Collection: now, Filter: query.Expr{Op: query.Eq, Field: 2, Values: []record.Value{record.Null}}},
		Order: []query.Key{{Field: 0}}, Limit: 100,
	}
	found, err := ids(t, s, q)
	if err != nil || strings.Join(found, "") != strings.Join(want, "") {
		t.Errorf("by the new field: %v, %v, want %v", found, err, want)
	}
}

// What has no index is sorted up to the bound, and refused by name beyond it; a range in
// the order of the ids goes on as a scan.
func TestBound(t *testing.T) {
	s := opened(t, Config{Emulator: servers.Datastore(t), Namespace: rand.Text()})
	c := notes(t, 5, schema.FieldSpec{Name: "stars", Type: "int"}, schema.FieldSpec{Name: "text", Type: "string", Max: "10"})
	ensure(t, s, c)
	add := func(id string, stars int64) { put(t, s, c, id, record.Int(stars), record.String("x")) }
	for i, id := range []string{"a", "b", "c", "d", "e"} {
		add(id, int64(9-i))
	}
	unserved := query.Query{View: query.View{Collection: c}, Order: []query.Key{{Field: 2}, {Field: 1}, {Field: 0}}, Limit: 2}
	if found, err := ids(t, s, unserved); err != nil || strings.Join(found, "") != "edcba" {
		t.Errorf("five records in an order without an index: %v, %v", found, err)
	}
	add("f", 4)
	if _, err := ids(t, s, unserved); fault.KindOf(err) != fault.Refused || fault.Of(err).Code != "query-needs-index" {
		t.Errorf("six records in an order without an index: %v, want query-needs-index", err)
	}
	for _, least := range []int64{0, 6, 9} { // six, four and one of six
		q := query.Query{
			View:  query.View{Collection: c, Filter: query.Expr{Op: query.Ge, Field: 1, Values: []record.Value{record.Int(least)}}},
			Order: []query.Key{{Field: 0}}, Limit: 2,
		}
		found, err := ids(t, s, q)
		if want := "abcdef"[:min(10-least, 6)]; err != nil || strings.Join(found, "") != want {
			t.Errorf("stars ge %d by id: %v, %v, want %s", least, found, err, want)
		}
	}
	_, err := s.Aggregate(t.Context(), query.Aggregation{Collection: c, GroupBy: []int{2}, Limit: 10, Measures: []query.Measure{{Func: query.Count, As: "n"}}})
	if fault.KindOf(err) != fault.Refused || fault.Of(err).Code != "query-needs-index" {
		t.Errorf("groups of six records: %v, want query-needs-index", err)
	}
	groups, err := s.Aggregate(t.Context(), query.Aggregation{Collection: c, Limit: 1, Measures: []query.Measure{{Func: query.Count, As: "n"}, {Func: query.Sum, Field: 1, As: "s"}}})
	if err != nil || groups[0].Measures[0].AsInt() != 6 || groups[0].Measures[1].AsInt() != 39 {
		t.Errorf("the count and the sum of six records: %v, %v", groups, err)
	}
}

// A field of another type is refused, also where it would begin to have an index.
func TestOtherTypeIsRefused(t *testing.T) {
	s := opened(t, Config{Emulator: servers.Datastore(t), Namespace: rand.Text()})
	ensure(t, s, notes(t, 0, schema.FieldSpec{Name: "text", Type: "string"}))
	err := s.Ensure(t.Context(), []*schema.Collection{notes(t, 0, schema.FieldSpec{Name: "text", Type: "int"})})
	if fault.KindOf(err) != fault.Conflict || len(fault.Of(err).Places) != 1 || fault.Of(err).Places[0].Pointer != "notes/text" {
		t.Errorf("Ensure of a text as an int: %v, want %s at notes/text", err, fault.Conflict)
	}
}
