package postgres

import (
	"context"
	"os"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/portolan-io/portolan/core/schema"
	"github.com/portolan-io/portolan/ports/repository"
	"github.com/portolan-io/portolan/ports/repository/repositorytest"
	"github.com/portolan-io/portolan/ports/secrets"
	"github.com/portolan-io/portolan/test/servers"
)

func TestMain(m *testing.M) { os.Exit(servers.Main(m)) }

// openTest opens a store over a database of its own, which the test closes.
func openTest(t testing.TB) *Store {
	t.Helper()
	return openAt(t, servers.PostgreSQL(t))
}

func openAt(t testing.TB, dsn string) *Store {
	t.Helper()
	store, err := Open(t.Context(), Config{DSN: secrets.Fixed(dsn)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Errorf("Close: got %v, want nil", err)
		}
	})
	return store
}

func TestContract(t *testing.T) {
	repositorytest.Run(t, func(t *testing.T) repository.Store { return openTest(t) })
}

// TestContractDurable gives each directory a database of its own.
func TestContractDurable(t *testing.T) {
	servers.PostgreSQL(t) // skips the test if there is no server, which a case of it cannot
	var mu sync.Mutex
	databases := map[string]string{}
	repositorytest.RunDurable(t, func(each repositorytest.T, directory string) repository.Store {
		mu.Lock()
		if databases[directory] == "" {
			databases[directory] = servers.PostgreSQL(t)
		}
		dsn := databases[directory]
		mu.Unlock()
		store, err := Open(each.Context(), Config{DSN: secrets.Fixed(dsn), MaxConns: 4})
		if err != nil {
			each.Fatalf("Open: %v", err)
		}
		each.Cleanup(func() { _ = store.Close() })
		return store
	})
}

// TestContractUnmanaged has tables with every kind of revision, and an id that is
// sorted otherwise than by its octets.
func TestContractUnmanaged(t *testing.T) {
	for _, tt := range []struct{ name, ddl, revision string }{
		{"hash", `CREATE TABLE seen (id text PRIMARY KEY, a bigint, b varchar(100))`, ""},
		{"xmin", `CREATE TABLE seen (id text COLLATE "C" PRIMARY KEY, a integer, b text)`, "xmin"},
		{"counter", `CREATE TABLE seen (id varchar(60) COLLATE "und-x-icu" PRIMARY KEY, a smallint, b text, version integer)`, "version"},
		{"mandatory counter", `CREATE TABLE seen (id text PRIMARY KEY, a bigint, b text COLLATE "C", version bigint NOT NULL)`, "version"},
		{"trigger", `CREATE TABLE seen (id text PRIMARY KEY, a bigint, b text, version uuid DEFAULT gen_random_uuid());
			CREATE FUNCTION another() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.version = gen_random_uuid(); RETURN NEW; END $$;
			CREATE TRIGGER moves BEFORE UPDATE ON seen FOR EACH ROW EXECUTE FUNCTION another()`, "version"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			repositorytest.RunUnmanaged(t, func(t *testing.T) repositorytest.Existing {
				dsn := servers.PostgreSQL(t)
				byHand(t, dsn, tt.ddl)
				return repositorytest.Existing{Store: openAt(t, dsn), Table: schema.Table{Name: "seen", Unmanaged: true, Revision: tt.revision}}
			})
		})
	}
}

// byHand runs statements past the store, and returns the first value of the last.
func byHand(t testing.TB, dsn, text string) string {
	t.Helper()
	ctx := context.WithoutCancel(t.Context())
	conn, err := pgconn.Connect(ctx, dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(ctx) }()
	results, err := conn.Exec(ctx, text).ReadAll()
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	if last := results[len(results)-1]; len(last.Rows) > 0 {
		return string(last.Rows[0][0])
	}
	return ""
}
