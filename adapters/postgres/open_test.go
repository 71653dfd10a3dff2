package postgres

import (
	"context"
	"net"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/schema"
	"github.com/portolan-io/portolan/ports/repository"
	"github.com/portolan-io/portolan/ports/secrets"
	"github.com/portolan-io/portolan/test/servers"
)

// TestOpenRefused says in one sentence why a database cannot be opened.
func TestOpenRefused(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0") // accepts, and never answers
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := closed.Close(); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, dsn  string
		kind       fault.Kind
		code, says string
	}{
		{"nobody listens", "postgres://me:s3cret@" + closed.Addr().String() + "/shop", fault.Unavailable, "unreachable", closed.Addr().String() + ", database shop, user me"},
		{"nobody answers", "postgres://me:s3cret@" + silent.Addr().String() + "/shop", fault.Unavailable, "unreachable", "cannot be reached"},
		{"no DSN", "postgres://me:s3cret@host:port/x", fault.Invalid, "bad-dsn", "dsn cannot be read"},
		{"an unknown sslmode", "postgres://me:s3cret@host/x?sslmode=yes", fault.Invalid, "bad-dsn", "dsn cannot be read"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Open(t.Context(), Config{DSN: secrets.Fixed(tt.dsn), AcquireTimeout: 300 * time.Millisecond})
			wantRefusal(t, err, tt.kind, tt.code, tt.says)
		})
	}
}

func wantRefusal(t *testing.T, err error, kind fault.Kind, code, says string) {
	t.Helper()
	f := fault.Of(err)
	if f == nil || f.Kind != kind || f.Code != code || !strings.Contains(f.Detail, says) {
		t.Errorf("got %v, want %s with the code %s that says %q", err, kind, code, says)
	}
	if err != nil && strings.Contains(err.Error(), "s3cret") {
		t.Errorf("the password is in the error: %v", err)
	}
}

// TestOpenDatabases opens what a server refuses.
func TestOpenDatabases(t *testing.T) {
	dsn := servers.PostgreSQL(t)
	byHand(t, dsn, `DO $$ BEGIN IF NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'nobody_in_particular') THEN CREATE ROLE nobody_in_particular; END IF; END $$`)
	with := func(change func(*url.URL)) string {
		at, err := url.Parse(dsn)
		if err != nil {
			t.Fatal(err)
		}
		change(at)
		return at.String()
	}
	latin := servers.PostgreSQL(t)
	name := latin[strings.LastIndexByte(latin, '/')+1:]
	name, _, _ = strings.Cut(name, "?")
	byHand(t, dsn, "DROP DATABASE "+name+"; ")
	byHand(t, dsn, "CREATE DATABASE "+name+" ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")
	for _, tt := range []struct {
		name, dsn  string
		kind       fault.Kind
		code, says string
	}{
		{"no such database", with(func(u *url.URL) { u.Path = "/nowhere" }), fault.Unavailable, "no-database", "database nowhere"},
		{"no such user", with(func(u *url.URL) { u.User = url.UserPassword("stranger", "s3cret") }), fault.Unavailable, "login-refused", "user stranger"},
		{"another encoding", latin, fault.Invalid, "bad-encoding", "not UTF8"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Open(t.Context(), Config{DSN: secrets.Fixed(tt.dsn)})
			wantRefusal(t, err, tt.kind, tt.code, tt.says)
		})
	}
}

// TestOpenConfig refuses what no configuration can mean.
func TestOpenConfig(t *testing.T) {
	dsn := secrets.Fixed("postgres://127.0.0.1:1/x")
	for says, cfg := range map[string]Config{
		"dsn must name":                         {},
		"max_conns":                             {DSN: dsn, MaxConns: -1},
		"acquire_timeout cannot be negative":    {DSN: dsn, AcquireTimeout: -1},
		"statement_timeout must be a milli":     {DSN: dsn, StatementTimeout: 1},
		"lock_timeout must be a millisecond at": {DSN: dsn, LockTimeout: -time.Second},
	} {
		_, err := Open(t.Context(), cfg)
		wantRefusal(t, err, fault.Invalid, fault.Of(err).Code, says)
	}
}

// TestPasswordIsAskedAnew: who connects later connects with what is right then.
func TestPasswordIsAskedAnew(t *testing.T) {
	dsn, asked := servers.PostgreSQL(t), 0
	store, err := Open(t.Context(), Config{DSN: secrets.Fixed(dsn), Password: func(context.Context) (string, error) {
		asked++
		return "s3cret", nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	first := asked
	store.engine.pool.Reset()
	if err := store.Ping(t.Context()); err != nil || first == 0 || asked <= first {
		t.Errorf("asked %d times before, and %d after all connections were closed; %v", first, asked, err)
	}
}

// TestScratch: a place for the suite has nothing of what is there, and nothing of it
// is left.
func TestScratch(t *testing.T) {
	dsn := servers.PostgreSQL(t)
	store, c := openAt(t, dsn), counters(t)
	if err := store.Ensure(t.Context(), []*schema.Collection{c}); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Apply(t.Context(), []repository.Mutation{counter(c, 1, 1, repository.Absent)}); err != nil {
		t.Fatal(err)
	}
	fresh, err := store.Scratch(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := fresh.Ensure(t.Context(), []*schema.Collection{c}); err != nil {
		t.Fatal(err)
	}
	if _, err := fresh.Apply(t.Context(), []repository.Mutation{counter(c, 1, 2, repository.Absent)}); err != nil {
		t.Fatal(err)
	}
	const schemas = "SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'portolan%'"
	if n := byHand(t, dsn, schemas); n != "1" {
		t.Errorf("there are %s schemas, want 1", n)
	}
	for range 2 {
		if err := fresh.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	}
	if n := byHand(t, dsn, schemas+"; SELECT n FROM counters"); n != "1" {
		t.Errorf("the counter is %s, want 1 as before", n)
	}
	if n := byHand(t, dsn, schemas); n != "0" {
		t.Errorf("%s schemas are left", n)
	}
}
