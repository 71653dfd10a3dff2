package test

import (
	"crypto/rand"
	"path/filepath"
	"testing"

	"github.com/portolan-io/portolan/adapters/datastore"
	"github.com/portolan-io/portolan/adapters/memory"
	"github.com/portolan-io/portolan/adapters/postgres"
	"github.com/portolan-io/portolan/adapters/sqlite"
	"github.com/portolan-io/portolan/adapters/sqlserver"
	"github.com/portolan-io/portolan/core/query"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/core/schema"
	"github.com/portolan-io/portolan/ports/repository"
	"github.com/portolan-io/portolan/ports/repository/repositorytest"
	"github.com/portolan-io/portolan/ports/secrets"
	"github.com/portolan-io/portolan/test/servers"
)

// stores opens a new and empty store of each kind.
var stores = map[string]func(t *testing.T) (repository.Store, error){
	"memory": func(t *testing.T) (repository.Store, error) { return memory.Open(t.Context(), memory.Config{}) },
	"sqlite": func(t *testing.T) (repository.Store, error) {
		return sqlite.Open(t.Context(), sqlite.Config{Path: filepath.Join(t.TempDir(), "test.db"), Synchronous: "normal"})
	},
	"postgres": func(t *testing.T) (repository.Store, error) {
		return postgres.Open(t.Context(), postgres.Config{DSN: secrets.Fixed(servers.PostgreSQL(t))})
	},
	"datastore": func(t *testing.T) (repository.Store, error) {
		return datastore.Open(t.Context(), datastore.Config{Emulator: servers.Datastore(t), Namespace: rand.Text()})
	},
	"sqlserver": func(t *testing.T) (repository.Store, error) {
		return sqlserver.Open(t.Context(), sqlserver.Config{DSN: secrets.Fixed(servers.SQLServerUTF8(t))})
	},
}

// TestTypesSurviveTheTrip moves a value of every extreme from each store to each
// other, by Load and by Apply, and finds the same octets there.
func TestTypesSurviveTheTrip(t *testing.T) {
	c, records := repositorytest.Extremes()
	for from, openFrom := range stores {
		for to, openTo := range stores {
			t.Run(from+" to "+to, func(t *testing.T) {
				source, target := opened(t, openFrom, c), opened(t, openTo, c)
				if _, err := source.Load(t.Context(), repository.Load{Collection: c, Rows: inRun("run-1", records), Run: "run-"}); err != nil {
					t.Fatal(err)
				}
				sent := everything(t, source, c)
				moved := make([]record.Record, len(sent))
				for i, row := range sent {
					moved[i] = record.Record{ID: row.ID, Revision: "run-2", Fields: row.Values}
				}
				half := len(moved) / 2
				if _, err := target.Load(t.Context(), repository.Load{Collection: c, Rows: moved[:half], Run: "run-"}); err != nil {
					t.Fatal(err)
				}
				for _, r := range moved[half:] {
					_, err := target.Apply(t.Context(), []repository.Mutation{{
						Op: repository.Put, Collection: c, ID: r.ID, If: repository.Absent, Revision: r.Revision, Fields: r.Fields,
					}})
					if err != nil {
						t.Fatal(err)
					}
				}
				arrived := everything(t, target, c)
				if len(arrived) != len(records) || len(sent) != len(records) {
					t.Fatalf("of %d records %d were sent and %d arrived", len(records), len(sent), len(arrived))
				}
				for i := range sent {
					if string(sent[i].JSON) != string(arrived[i].JSON) {
						t.Errorf("%s arrived as\n%.300s, and was\n%.300s", sent[i].ID, arrived[i].JSON, sent[i].JSON)
					}
				}
			})
		}
	}
}

// opened returns a store that has the collection.
func opened(t *testing.T, open func(t *testing.T) (repository.Store, error), c *schema.Collection) repository.Store {
	t.Helper()
	store, err := open(t)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	if err := store.Ensure(t.Context(), []*schema.Collection{c}); err != nil {
		t.Fatal(err)
	}
	return store
}

func inRun(revision record.Revision, records []record.Record) []record.Record {
	revised := make([]record.Record, len(records))
	for i, r := range records {
		revised[i] = r
		revised[i].Revision = revision
	}
	return revised
}

// everything returns all records by id.
func everything(t *testing.T, store repository.Store, c *schema.Collection) (rows []record.Row) {
	t.Helper()
	q := query.Query{View: query.View{Collection: c, Fields: c.All(), Needs: c.All()}, Order: []query.Key{{Field: c.ID}}, Limit: 50}
	for {
		page, err := store.Find(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		rows = append(rows, page.Rows...)
		if q.After = page.Next; page.Next == "" {
			return rows
		}
	}
}
