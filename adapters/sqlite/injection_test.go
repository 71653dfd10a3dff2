package sqlite

import (
	"strings"
	"testing"

	"github.com/portolan-io/portolan/core/query"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/core/schema"
	"github.com/portolan-io/portolan/ports/repository"
)

// TestInjection stores, finds, pages behind and deletes values that try to end
// the statement they are in. None of them ever is in a statement.
func TestInjection(t *testing.T) {
	c, err := schema.New(schema.Spec{Name: "notes", ID: "id", Fields: []schema.FieldSpec{
		{Name: "id", Type: "string"}, {Name: "text", Type: "string"}, {Name: "tags", Type: "list", Items: "string"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	values := []string{
		`'; DROP TABLE notes; --`, `"; DROP TABLE notes; --`, "`; DROP TABLE notes; --", `]; DROP TABLE notes; --`,
		`' OR '1'='1`, `' UNION ALL SELECT * FROM sqlite_master --`, `%`, `_`, `\`, `?1`, `:id`, `@id`, `$id`, `{c}`, `{v}`,
		"\u2019; DROP TABLE notes", "\uff07; DROP TABLE notes", "\u02bc OR 1", "a\x00b'; DROP TABLE notes", "/*", "--", "\r\n;",
	}
	text, tags := position(t, c, "text"), position(t, c, "tags")
	for _, value := range values {
		t.Run(value, func(t *testing.T) {
			store, log := recorded(t, c)
			v, id := record.String(value), record.ID(value)
			err := apply(t, store,
				put(c, id, v, v, record.List([]record.Value{v})),
				put(c, id+"~", record.String(value+"~"), record.String("else"), record.List(nil)))
			if err != nil {
				t.Fatal(err)
			}
			filters := []query.Expr{
				{Op: query.Eq, Field: c.ID, Values: []record.Value{v}},
				{Op: query.Eq, Field: text, Values: []record.Value{v}},
				{Op: query.In, Field: text, Values: []record.Value{v, record.String("x")}},
				{Op: query.Contains, Field: text, Values: []record.Value{v}},
				{Op: query.StartsWith, Field: text, Values: []record.Value{v}},
				{Op: query.EndsWith, Field: text, Values: []record.Value{v}},
				{Op: query.Has, Field: tags, Values: []record.Value{v}},
			}
			for _, filter := range filters {
				if strings.Contains(value, "\x00") && (filter.Op == query.EndsWith || filter.Op == query.Has) {
					continue // SQLite's length() and json_each() end at NUL, which no field may hold
				}
				page, err := store.Find(t.Context(), byID(c, filter))
				if err != nil || len(page.Rows) != 1 || page.Rows[0].ID != id {
					t.Errorf("operator %d: got %d rows and %v, want the one", filter.Op, len(page.Rows), err)
				}
			}
			q := query.Query{View: query.View{Collection: c}, Order: []query.Key{{Field: text}, {Field: c.ID}}, Limit: 10}
			q.After = repository.EncodeCursor(q, []record.Value{v, v})
			if _, err := store.Find(t.Context(), q); err != nil {
				t.Errorf("behind the record: got %v, want nil", err)
			}
			rows, err := store.Get(t.Context(), query.View{Collection: c}, []record.ID{id})
			if err != nil || len(rows) != 1 {
				t.Errorf("Get: got %d rows and %v, want the one", len(rows), err)
			}
			if err := apply(t, store, repository.Mutation{Op: repository.Delete, Collection: c, ID: id, If: repository.At("r")}); err != nil {
				t.Errorf("Delete: got %v, want nil", err)
			}
			if got := count(t, store, c); got != 1 {
				t.Errorf("records afterwards: got %d, want the other one", got)
			}
			for _, line := range strings.Split(log.log.String(), "\n") {
				if !strings.HasPrefix(line, "--") && len(value) > 2 && strings.Contains(line, value) && !strings.HasPrefix(value, "{") {
					t.Errorf("the value is in a statement: %s", line)
				}
			}
		})
	}
}

func put(c *schema.Collection, id record.ID, fields ...record.Value) repository.Mutation {
	return repository.Mutation{Op: repository.Put, Collection: c, ID: id, Revision: "r", Fields: fields}
}
