package test

import (
	"bufio"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // both read what the tables are made of
	_ "github.com/ncruces/go-sqlite3/driver"

	"github.com/portolan-io/portolan/adapters/postgres"
	"github.com/portolan-io/portolan/adapters/sqlite"
	"github.com/portolan-io/portolan/bootstrap"
	"github.com/portolan-io/portolan/test/servers"
)

// gatedEnv tells the test binary to be the program, with the configuration that it
// names and with stores that are opened when the standard input ends: that of all
// processes of a round is the same pipe.
const gatedEnv = "PORTOLAN_TEST_GATED"

// opening is what a gated program prints once it would open its store.
const opening = "opening"

// gated is main of a program that waits before it opens its store.
func gated(config string) int {
	return bootstrap.Main([]string{"serve", "--config", config}, os.Stdout,
		bootstrap.Repository("gated-sqlite", func(ctx context.Context, cfg sqlite.Config) (*sqlite.Store, error) {
			return behindGate(ctx, cfg, sqlite.Open)
		}),
		bootstrap.Repository("gated-postgres", func(ctx context.Context, cfg postgres.Config) (*postgres.Store, error) {
			return behindGate(ctx, cfg, postgres.Open)
		}))
}

// behindGate opens the store when the gate does.
func behindGate[C, S any](ctx context.Context, cfg C, open func(context.Context, C) (S, error)) (store S, err error) {
	fmt.Println(opening)
	if _, err := io.Copy(io.Discard, os.Stdin); err != nil {
		return store, err
	}
	return open(ctx, cfg)
}

// Two forms of the same collections: the second has more fields, indexes and a
// collection that refers to the first.
const (
	firstForm = `collections:
  things:
    id: id
    fields:
      id: {type: string, max: 40}
      a: {type: int}
      b: {type: string, max: 100}
    indexes: [[a]]
    access: {anonymous: {all: true}}
`
	secondForm = `collections:
  things:
    id: id
    fields:
      id: {type: string, max: 40}
      fresh: {type: decimal, precision: 12, scale: 2}
      b: {type: string, max: 100}
      a: {type: int}
      tags: {type: list, items: string}
    indexes: [[a], [fresh], [b, a desc]]
    access: {anonymous: {all: true}}
  others:
    id: id
    fields:
      id: {type: int}
      thing: {type: string, max: 40, references: things, enforce: true}
    access: {anonymous: {all: true}}
`
)

// A migrated is a database that processes migrate at once.
type migrated struct {
	repository string // the line of the configuration
	tables     func(t *testing.T) string
}

// migrations are how to make an empty one, by store.
func migrations() map[string]func(t *testing.T) migrated {
	return map[string]func(t *testing.T) migrated{
		"sqlite": func(t *testing.T) migrated {
			path := filepath.Join(t.TempDir(), "things.db")
			return migrated{
				fmt.Sprintf("{driver: gated-sqlite, gated-sqlite: {path: %q, synchronous: normal, busy_timeout: 30s}}", path),
				func(t *testing.T) string { return listed(t, "sqlite3", "file:"+path, sqliteTables) },
			}
		},
		"postgres": func(t *testing.T) migrated {
			dsn := servers.PostgreSQL(t)
			return migrated{
				fmt.Sprintf("{driver: gated-postgres, gated-postgres: {dsn: %q, max_conns: 4}}", dsn),
				func(t *testing.T) string { return listed(t, "pgx", dsn, postgresTables) },
			}
		},
	}
}

// TestMigrateAtOnce starts ten processes at once on an empty database, and then ten
// whose collections have grown. All of them become ready, the tables are those that
// one process alone makes, and no record is lost. PORTOLAN_TEST_STARTS asks for so many
// rounds instead of one.
func TestMigrateAtOnce(t *testing.T) {
	const processes = 10
	rounds := 1
	if text := os.Getenv("PORTOLAN_TEST_STARTS"); text != "" {
		var err error
		if rounds, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
	}
	for name, empty := range migrations() {
		t.Run(name, func(t *testing.T) {
			alone := migrate(t, empty(t), 1)
			for round := range rounds {
				together := migrate(t, empty(t), processes)
				for form := range alone {
					if together[form] != alone[form] {
						t.Errorf("round %d: the tables of form %d, made by %d processes, are\n%s\nand by one\n%s",
							round, form+1, processes, together[form], alone[form])
					}
				}
				if t.Failed() {
					return
				}
			}
			t.Logf("%d rounds of %d processes on an empty database, and of %d on one from before: %d starts", rounds, processes, processes, 2*rounds*processes)
		})
	}
}

// migrate brings the database to the first form and then to the second, by so many
// processes at once, and returns what its tables are after each.
func migrate(t *testing.T, m migrated, processes int) (tables [2]string) {
	t.Helper()
	const stored = `{"value":[{"id":"x","a":1},{"id":"y","a":2}]}`
	for form, collections := range []string{firstForm, secondForm} {
		urls, stop := startAtOnce(t, m.repository, collections, processes)
		if form == 0 {
			ask(t, http.MethodPost, urls[0]+"/v1/things", `[{"id":"x","a":1,"b":"one"},{"id":"y","a":2}]`, http.StatusCreated)
		}
		for _, url := range urls {
			if got, _ := ask(t, http.MethodGet, url+"/v1/things?$select=id,a", "", http.StatusOK); got != stored {
				t.Errorf("form %d: the records are %s, want %s", form+1, got, stored)
			}
		}
		stop()
		tables[form] = m.tables(t)
	}
	return tables
}

// startAtOnce starts the processes, lets all of them open the store at the same time,
// and returns their addresses once each is ready. What stop stops must end well.
func startAtOnce(t *testing.T, repository, collections string, processes int) (urls []string, stop func()) {
	t.Helper()
	dir := t.TempDir()
	gate, opens, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	commands := make([]*exec.Cmd, processes)
	logs := make([]strings.Builder, processes)
	for i := range commands {
		address := freeAddress(t)
		urls = append(urls, "http://"+address)
		config := write(t, dir, fmt.Sprintf("%d.yaml", i), fmt.Sprintf(
			"service: {listen: %q, admin: \"off\", log_level: error, drain_delay: 0s}\nrepository: %s\n%s", address, repository, collections))
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), gatedEnv+"="+config)
		cmd.Stdin, cmd.Stderr = gate, &logs[i]
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		commands[i] = cmd
		t.Cleanup(func() { _ = cmd.Process.Kill() }) // if it was not stopped
		if line, err := bufio.NewReader(out).ReadString('\n'); strings.TrimSpace(line) != opening {
			t.Fatalf("a process says %q, %v\n%s", line, err, &logs[i])
		}
	}
	if err := errors.Join(gate.Close(), opens.Close()); err != nil { // now
		t.Fatal(err)
	}
	for i, url := range urls {
		if err := ready(url); err != nil {
			t.Fatalf("process %d is not ready: %v\n%s", i, err, &logs[i])
		}
	}
	return urls, func() {
		for i, cmd := range commands {
			if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
				t.Error(err)
			}
			if err := cmd.Wait(); err != nil {
				t.Errorf("process %d: %v\n%s", i, err, &logs[i])
			}
		}
	}
}

// ready waits until the server is.
func ready(url string) error {
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		response, err := http.Get(url + "/readyz")
		if err == nil {
			response.Body.Close()
			if response.StatusCode == http.StatusOK {
				return nil
			}
			err = errors.New(response.Status)
		}
		if time.Now().After(deadline) {
			return err
		}
	}
}

// What tells of the tables, their indexes and constraints.
const (
	sqliteTables   = `SELECT type || ' ' || name || ' ' || coalesce(sql, '') FROM sqlite_master ORDER BY type, name`
	postgresTables = `
		SELECT 'column ' || table_name || ' ' || column_name || ' ' || data_type || ' ' || ordinal_position FROM information_schema.columns WHERE table_schema = 'public'
		UNION ALL SELECT 'index ' || indexdef FROM pg_indexes WHERE schemaname = 'public'
		UNION ALL SELECT 'constraint ' || conrelid::regclass || ' ' || pg_get_constraintdef(oid) FROM pg_constraint WHERE connamespace = 'public'::regnamespace
		ORDER BY 1`
)

// listed returns what the query finds, a line each, of which there must be some.
func listed(t *testing.T, driver, dsn, query string) string {
	t.Helper()
	db, err := sql.Open(driver, dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	rows, err := db.QueryContext(t.Context(), query)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var lines []string
	for rows.Next() {
		var line string
		if err := rows.Scan(&line); err != nil {
			t.Fatal(err)
		}
		lines = append(lines, line)
	}
	if err := rows.Err(); err != nil || len(lines) < 10 {
		t.Fatalf("only %d lines tell of the tables, %v", len(lines), err)
	}
	return strings.Join(lines, "\n")
}
