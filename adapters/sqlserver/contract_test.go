package sqlserver

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/query"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/core/schema"
	"github.com/portolan-io/portolan/ports/repository"
	"github.com/portolan-io/portolan/ports/repository/repositorytest"
	"github.com/portolan-io/portolan/ports/secrets"
	"github.com/portolan-io/portolan/test/servers"
)

// What a database allows. Azure makes them with both.
const (
	snapshots   = "ALLOW_SNAPSHOT_ISOLATION ON"
	noSnapshots = "ALLOW_SNAPSHOT_ISOLATION OFF"
	committed   = "READ_COMMITTED_SNAPSHOT ON"
	uncommitted = "READ_COMMITTED_SNAPSHOT OFF"
)

// serverFor returns a new database, with UTF-8 if cfg wants it.
func serverFor(t *testing.T, cfg Config, options ...string) string {
	t.Helper()
	if cfg.NVarchar {
		return servers.SQLServer(t, options...)
	}
	return servers.SQLServerUTF8(t, options...)
}

// A place is a schema of a database, in which a store has its tables.
type place struct{ dsn, schema string }

// newPlace makes a schema of the database, which goes with the test. Schemas are made
// faster than databases.
func newPlace(t testing.TB, dsn string) place {
	t.Helper()
	p := place{dsn, "test_" + strings.ToLower(rand.Text())}
	p.byHand(t, "CREATE SCHEMA "+p.schema)
	t.Cleanup(func() { p.byHand(t, dropSchema(p.schema)) })
	return p
}

// byHand runs statements past the store.
func (p place) byHand(t testing.TB, statements ...string) {
	t.Helper()
	db := sql.OpenDB(&connector{cfg: Config{DSN: secrets.Fixed(p.dsn)}})
	defer func() { _ = db.Close() }()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), time.Minute)
	defer cancel()
	for _, statement := range statements {
		if _, err := db.ExecContext(ctx, statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
}

// open opens a store.
func (p place) open(t repositorytest.T, cfg Config) *Store {
	t.Helper()
	cfg.DSN, cfg.schema = secrets.Fixed(p.dsn), p.schema
	store, err := Open(t.Context(), cfg)
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Errorf("Close: got %v, want nil", err)
		}
	})
	return store
}

// modes are how texts are kept, and how reads see one state of the database.
var modes = []struct {
	name     string
	cfg      Config
	database []string
	reads    reading
}{
	{"varchar and snapshots", Config{}, []string{snapshots}, bySnapshot},
	{"varchar and committed snapshots", Config{}, []string{noSnapshots, committed}, byStatement},
	{"nvarchar and snapshots", Config{NVarchar: true}, []string{snapshots}, bySnapshot},
	{"nvarchar and locks", Config{NVarchar: true}, []string{noSnapshots, uncommitted}, byLocks},
}

func TestContract(t *testing.T) {
	for _, mode := range modes {
		t.Run(mode.name, func(t *testing.T) {
			dsn := serverFor(t, mode.cfg, mode.database...)
			repositorytest.Run(t, func(t *testing.T) repository.Store {
				store := newPlace(t, dsn).open(t, mode.cfg)
				if store.engine.reads != mode.reads {
					t.Fatalf("it reads %s, want %s", store.engine.reads.one, mode.reads.one)
				}
				return store
			})
		})
	}
}

// TestContractDurable gives each directory a schema of its own.
func TestContractDurable(t *testing.T) {
	for _, cfg := range []Config{{MaxConns: 4}, {MaxConns: 4, NVarchar: true}} {
		t.Run(fmt.Sprintf("nvarchar %t", cfg.NVarchar), func(t *testing.T) {
			dsn := serverFor(t, cfg, snapshots)
			var mu sync.Mutex
			places := map[string]place{}
			repositorytest.RunDurable(t, func(each repositorytest.T, directory string) repository.Store {
				mu.Lock()
				p, known := places[directory]
				if !known {
					p = newPlace(t, dsn)
					places[directory] = p
				}
				mu.Unlock()
				return p.open(each, cfg)
			})
		})
	}
}

// TestContractUnmanaged has tables with every kind of revision, and ids of every kind of
// text.
func TestContractUnmanaged(t *testing.T) {
	dsn := serverFor(t, Config{}, snapshots)
	for _, tt := range []struct{ name, columns, trigger, revision string }{
		{"hash", "id nvarchar(450) PRIMARY KEY, a bigint, b nvarchar(100)", "", ""},
		{"rowversion", "id nvarchar(450) COLLATE Latin1_General_100_BIN2 PRIMARY KEY, a int, b nvarchar(max), version rowversion", "", "version"},
		{"counter", "id varchar(450) COLLATE Latin1_General_100_BIN2_UTF8 PRIMARY KEY, a smallint, b varchar(400) COLLATE Latin1_General_100_CI_AS_SC_UTF8, version int", "", "version"},
		{"mandatory counter", "id nvarchar(450) PRIMARY KEY NONCLUSTERED, a bigint, b nvarchar(100), version bigint NOT NULL", "", "version"},
		{"trigger", "id nvarchar(450) PRIMARY KEY, a bigint, b nvarchar(100), version uniqueidentifier DEFAULT NEWID()",
			"CREATE TRIGGER {s}.moves ON {s}.seen AFTER UPDATE AS UPDATE t SET version = NEWID() FROM {s}.seen AS t JOIN inserted AS i ON i.id = t.id", "version"},
		{"code page", "id varchar(450) COLLATE SQL_Latin1_General_CP1_CS_AS PRIMARY KEY, a bigint, b varchar(100) COLLATE SQL_Latin1_General_CP1_CI_AS", "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			repositorytest.RunUnmanaged(t, func(t *testing.T) repositorytest.Existing {
				p := newPlace(t, dsn)
				statements := []string{"CREATE TABLE " + p.schema + ".seen (" + tt.columns + ")"}
				if tt.trigger != "" {
					statements = append(statements, strings.ReplaceAll(tt.trigger, "{s}", p.schema))
				}
				p.byHand(t, statements...)
				return repositorytest.Existing{Store: p.open(t, Config{}),
					Table: schema.Table{Name: p.schema + ".seen", Unmanaged: true, Revision: tt.revision}}
			})
		})
	}
}

// TestUnmanagedTypes writes a record into a table with every type of column that fits,
// reads it as it was written, and finds it by each field.
func TestUnmanagedTypes(t *testing.T) {
	p := newPlace(t, serverFor(t, Config{}, snapshots))
	p.byHand(t, "CREATE TABLE "+p.schema+".lines (id nvarchar(450) PRIMARY KEY, code varchar(40) COLLATE "+latin+", utf varchar(160) COLLATE Latin1_General_100_CI_AS_SC_UTF8,"+
		" guid uniqueidentifier, small smallint, ratio float, cost money, price decimal(12,4), exact decimal(10,2), made datetime2(7), seen datetimeoffset(7),"+
		" blob varbinary(max), tags nvarchar(max), doc varchar(max) COLLATE "+latin+", flag bit, stamp rowversion)")
	c := linesCollection(t)
	c.Table.Name = p.schema + ".lines"
	store := p.open(t, Config{})
	if err := store.Ensure(t.Context(), []*schema.Collection{c}); err != nil {
		t.Fatal(err)
	}
	at := record.Micros(1767323045678901)
	fields := []record.Value{
		record.String("a"), record.String("é "), record.String("ü 😀 "), record.String("0198c9b0-0000-7000-8000-000000000001"), record.Int(7), record.Float(0.1),
		record.Decimal(1999, 2), record.Decimal(-5, 2), record.Decimal(1, 2), at, at, record.Bytes([]byte{1, 0}), record.List([]record.Value{record.String("x y")}),
		record.JSON(`{"a":[1.50]}`), record.Bool(true),
	}
	put := repository.Mutation{Op: repository.Put, Collection: c, ID: "a", If: repository.Absent, Fields: fields}
	outcomes, err := store.Apply(t.Context(), []repository.Mutation{put})
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{
		"code eq 'é '", "code gt 'é'", "utf eq 'ü 😀 '", "endswith(utf, '😀 ')", "contains(utf, '😀')", "guid eq '0198c9b0-0000-7000-8000-000000000001'", "contains(guid, 'c9b0')",
		"small lt 70000", "ratio eq 0.1", "cost eq 19.99", "price lt 0", "exact eq 0.01", "made eq 2026-01-02T03:04:05.678901Z", "seen eq 2026-01-02T03:04:05.678901Z",
		"blob eq 'AQA='", "tags has 'x y'", "flag", "id eq 'a'", "not (id eq 'A')", "not (utf eq 'ü 😀')", "not (blob eq 'AQ==')",
	} {
		page, err := store.Find(t.Context(), query.Query{View: query.View{Collection: c, Filter: parsed(t, c, text), Needs: c.All()}, Order: []query.Key{{Field: c.ID}}, Limit: 2})
		if err != nil || len(page.Rows) != 1 {
			t.Errorf("%s: got %d rows, %v, want 1", text, len(page.Rows), err)
			continue
		}
		for i, v := range page.Rows[0].Values {
			if got, want := record.AppendValue(nil, v), record.AppendValue(nil, fields[i]); string(got) != string(want) {
				t.Errorf("%s came back as %s, want %s", c.Fields[i].Name, got, want)
			}
		}
	}
	fields[1] = record.String("☃") // which the code page lacks
	put.If = repository.At(outcomes[0].Revision)
	if err := apply(t, store, put); fault.KindOf(err) != fault.Invalid {
		t.Errorf("a character that the column cannot hold: got %v, want %s", err, fault.Invalid)
	}
}

// TestTrailingSpaces keeps apart what T-SQL takes for equal, and sorts it by octets.
func TestTrailingSpaces(t *testing.T) {
	texts := []string{"", " ", "a", "a\t", "a ", "a  ", "a!", "\uffff", "😀"}
	c, err := schema.New(schema.Spec{Name: "texts", ID: "id", Fields: []schema.FieldSpec{{Name: "id", Type: "string"}, {Name: "text", Type: "string", Max: "9"}},
		Indexes: [][]string{{"text"}}})
	if err != nil {
		t.Fatal(err)
	}
	for _, mode := range modes {
		t.Run(mode.name, func(t *testing.T) {
			store := newPlace(t, serverFor(t, mode.cfg, mode.database...)).open(t, mode.cfg)
			if err := store.Ensure(t.Context(), []*schema.Collection{c}); err != nil {
				t.Fatal(err)
			}
			for _, text := range texts {
				id := "x" + text
				if err := apply(t, store, repository.Mutation{Op: repository.Put, Collection: c, ID: record.ID(id), If: repository.Absent, Revision: "r",
					Fields: []record.Value{record.String(id), record.String(text)}}); err != nil {
					t.Fatal(err)
				}
			}
			groups, err := store.Aggregate(t.Context(), query.Aggregation{Collection: c, GroupBy: []int{1}, Measures: []query.Measure{{Func: query.Count}}, Limit: 20})
			if err != nil || len(groups) != len(texts) {
				t.Fatalf("Aggregate: got %d groups, %v, want %d", len(groups), err, len(texts))
			}
			for i, group := range groups {
				if got := group.Keys[0].AsString(); got != texts[i] {
					t.Errorf("group %d: got %q, want %q", i, got, texts[i])
				}
			}
		})
	}
}

// TestLongBytes tells octets apart that differ in a zero at the end, at the size from
// which on they are varbinary(max).
func TestLongBytes(t *testing.T) {
	c, err := schema.New(schema.Spec{Name: "blobs", ID: "id", Fields: []schema.FieldSpec{{Name: "id", Type: "int"}, {Name: "blob", Type: "bytes"}}})
	if err != nil {
		t.Fatal(err)
	}
	store := newPlace(t, servers.SQLServer(t)).open(t, Config{NVarchar: true})
	if err := store.Ensure(t.Context(), []*schema.Collection{c}); err != nil {
		t.Fatal(err)
	}
	for n := 7998; n <= 8002; n++ {
		id := strconv.Itoa(n)
		if err := apply(t, store, repository.Mutation{Op: repository.Put, Collection: c, ID: record.ID(id), Revision: "r",
			Fields: []record.Value{record.Int(int64(n)), record.Bytes(make([]byte, n))}}); err != nil {
			t.Fatal(err)
		}
	}
	for n := 7998; n <= 8002; n++ {
		is := query.Expr{Op: query.Eq, Field: 1, Values: []record.Value{record.Bytes(make([]byte, n))}}
		page, err := store.Find(t.Context(), query.Query{View: query.View{Collection: c, Filter: is}, Order: []query.Key{{Field: 0}}, Limit: 5})
		if err != nil || len(page.Rows) != 1 || page.Rows[0].ID != record.ID(strconv.Itoa(n)) {
			t.Errorf("%d zeros: got %v, %v, want those alone", n, page.Rows, err)
		}
	}
}

// TestOpenExplains says in a sentence what keeps the database from being opened, without
// the password.
func TestOpenExplains(t *testing.T) {
	for _, tt := range []struct{ name, dsn, code string }{
		{"nobody listens", "sqlserver://sa:hunter2@127.0.0.1:1?database=shop&encrypt=disable", "unreachable"},
		{"no dsn", "postgres://x:hunter2@y", "bad-dsn"},
		{"no host", "sqlserver://sa:hunter2@:x?database=shop", "bad-dsn"},
	} {
		_, err := Open(t.Context(), Config{DSN: secrets.Fixed(tt.dsn), AcquireTimeout: 2 * time.Second})
		if codeOf(err) != tt.code {
			t.Errorf("%s: got %v, want the code %s", tt.name, err, tt.code)
			continue
		}
		if said := fault.Of(err).Detail + fault.Of(err).Hint; strings.Contains(said, "hunter2") {
			t.Errorf("%s tells the password: %s", tt.name, said)
		}
	}
	dsn := servers.SQLServer(t)
	if strings.Contains(dsn, "fedauth=") {
		t.Skip("PORTOLAN_TEST_SQLSERVER has no password that could be wrong: with fedauth Entra says who connects")
	}
	dsn, err := with(dsn, "password", "not the password")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), Config{DSN: secrets.Fixed(dsn)}); codeOf(err) != "login-refused" {
		t.Errorf("a wrong password: got %v, want the code login-refused", err)
	}
}

// TestScratch removes what was stored.
func TestScratch(t *testing.T) {
	store := newPlace(t, servers.SQLServer(t)).open(t, Config{NVarchar: true})
	scratch, err := store.Scratch(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	c := numbers(t)
	err = errors.Join(scratch.Ensure(t.Context(), []*schema.Collection{c}), scratch.Close(), scratch.Close())
	if err != nil {
		t.Fatal(err)
	}
	if err := store.engine.alone(t.Context(), "IF EXISTS (SELECT 1 FROM sys.schemas WHERE name LIKE 'portolan[_]contract[_]%') THROW 51000, N'a schema is left', 1"); err != nil {
		t.Errorf("the schema is still there: %v", err)
	}
}
