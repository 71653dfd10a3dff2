package datastore

import (
	"context"
	"crypto/rand"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

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
