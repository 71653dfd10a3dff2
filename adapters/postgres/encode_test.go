package postgres

import (
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5/pgtype"

	"github.com/portolan-io/portolan/adapters/internal/gormstore"
	"github.com/portolan-io/portolan/core/query"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/core/schema"
	"github.com/portolan-io/portolan/ports/repository"
	"github.com/portolan-io/portolan/ports/secrets"
	"github.com/portolan-io/portolan/test/servers"
)

// TestEncodeEmpty: an empty value is not null, wherever it is among others, and if
// nothing was ever encoded before.
func TestEncodeEmpty(t *testing.T) {
	null, empty, text := gormstore.Arg{}, gormstore.ArgOf(record.String("")), gormstore.ArgOf(record.String("x"))
	for _, args := range [][]gormstore.Arg{{empty}, {null, empty}, {empty, text}, {text, empty, null, empty}} {
		types := make([]uint32, len(args))
		for i := range types {
			types[i] = pgtype.TextOID
		}
		var fresh encoded
		values, err := fresh.encode(types, args)
		if err != nil {
			t.Fatal(err)
		}
		for i, arg := range args {
			if is, want := values[i] == nil, arg.Kind == gormstore.NullKind; is != want {
				t.Errorf("of %d values, the one at %d is null: %v, want %v", len(args), i, is, want)
			}
		}
	}
}

// TestEmptyFirst asks a new connection for an empty text, and for nothing before.
func TestEmptyFirst(t *testing.T) {
	dsn := servers.PostgreSQL(t)
	c, err := schema.New(schema.Spec{Name: "empties", ID: "id", Fields: []schema.FieldSpec{{Name: "id", Type: "int"}, {Name: "text", Type: "string"}}})
	if err != nil {
		t.Fatal(err)
	}
	other := openAt(t, dsn)
	if err := other.Ensure(t.Context(), []*schema.Collection{c}); err != nil {
		t.Fatal(err)
	}
	var batch []repository.Mutation
	for i, text := range []record.Value{record.String(""), record.Null, record.String("x")} {
		id := int64(i + 1)
		batch = append(batch, repository.Mutation{
			Op: repository.Put, Collection: c, ID: record.ID(fmt.Sprint(id)), Revision: "r", Fields: []record.Value{record.Int(id), text},
		})
	}
	if _, err := other.Apply(t.Context(), batch); err != nil {
		t.Fatal(err)
	}
	store, err := Open(t.Context(), Config{DSN: secrets.Fixed(dsn), MaxConns: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	filter := query.Expr{Op: query.Eq, Field: 1, Values: []record.Value{record.String("")}}
	page, err := store.Find(t.Context(), query.Query{
		View: query.View{Collection: c, Needs: []int{1}, Filter: filter}, Order: []query.Key{{Field: 0}}, Limit: 10,
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(page.Rows) != 1 || page.Rows[0].ID != "1" {
		t.Errorf("got %d rows, want the one whose text is empty", len(page.Rows))
	}
}
