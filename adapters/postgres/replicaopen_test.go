package postgres

import (
	"context"
	"io"
	"net"
	"net/url"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/ports/secrets"
	"github.com/portolan-io/portolan/test/servers"
)

// TestReplicaRefused says in one sentence why a server is no replica.
func TestReplicaRefused(t *testing.T) {
	p := openPair(t, Config{})
	stranger, err := servers.StartPostgreSQL()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := stranger.Stop(); err != nil {
			t.Error(err)
		}
	})
	with := func(change func(*url.URL)) string {
		at, err := url.Parse(p.at)
		if err != nil {
			t.Fatal(err)
		}
		change(at)
		return at.String()
	}
	for _, tt := range []struct{ name, dsn, code, says string }{
		{"no DSN", "postgres://me:s3cret@host:port/x", "bad-dsn", "replica_dsn cannot be read"},
		{"another cluster", stranger.Address, "bad-replica", "another cluster"},
		{"a replica of another cluster", servers.StandbyOf(t, stranger.Address).At(stranger.Address), "bad-replica", "another cluster"},
		{"another database", with(func(u *url.URL) { u.Path = "/postgres" }), "bad-replica", "another database"},
		{"no such database", with(func(u *url.URL) { u.Path = "/nowhere" }), "bad-replica", "no such database"},
		{"no such user", with(func(u *url.URL) { u.User = url.UserPassword("stranger", "s3cret") }), "bad-replica", "let this user in"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Open(t.Context(), Config{DSN: secrets.Fixed(p.dsn), ReplicaDSN: secrets.Fixed(tt.dsn)})
			wantRefusal(t, err, fault.Invalid, tt.code, tt.says)
			if f := fault.Of(err); f != nil && f.Hint == "" {
				t.Error("nothing says what to do")
			}
		})
	}
}

// TestReplicaNotUsed opens what may be a replica another time: it is not read until it
// is one.
func TestReplicaNotUsed(t *testing.T) {
	p := openPair(t, Config{})
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
	byHand(t, p.dsn, "CREATE ROLE other_schemas LOGIN SUPERUSER")
	byHand(t, p.dsn, "CREATE SCHEMA other_schemas")
	t.Cleanup(func() { byHand(t, p.dsn, "DROP ROLE other_schemas") })
	at, err := url.Parse(p.at)
	if err != nil {
		t.Fatal(err)
	}
	at.User = url.User("other_schemas")
	until(t, "the replica has the schema", func() bool {
		return byHand(t, p.at, "SELECT to_regnamespace('other_schemas') IS NOT NULL") == "t"
	})
	for name, dsn := range map[string]string{
		"the primary itself": p.dsn, "nobody listens": "postgres://me@" + closed.Addr().String() + "/shop",
		"nobody answers": "postgres://me@" + silent.Addr().String() + "/shop", "other schemas": at.String(),
	} {
		t.Run(name, func(t *testing.T) {
			p.Store = reopened(t, p, Config{DSN: secrets.Fixed(p.dsn), ReplicaDSN: secrets.Fixed(dsn), every: often})
			r := p.engine.replica
			for range 3 {
				r.rests.Store(nil)
				p.want("what may be stale", time.Hour, 1)
			}
			if r.answered.Load() > 0 || r.declined.Load() == 0 {
				t.Errorf("it answered %d reads and declined %d", r.answered.Load(), r.declined.Load())
			}
		})
	}
}

// TestReplicaPlainUser: a replica is read, too, for a user who may not see what it receives.
func TestReplicaPlainUser(t *testing.T) {
	p := openPair(t, Config{})
	byHand(t, p.dsn, "CREATE ROLE plain_user LOGIN")
	byHand(t, p.dsn, "GRANT SELECT ON counters TO plain_user")
	t.Cleanup(func() {
		byHand(t, p.dsn, "DROP OWNED BY plain_user")
		byHand(t, p.dsn, "DROP ROLE plain_user")
	})
	at, err := url.Parse(p.at)
	if err != nil {
		t.Fatal(err)
	}
	at.User = url.User("plain_user")
	until(t, "the replica has the user", func() bool {
		return byHand(t, p.at, "SELECT count(*) FROM pg_roles WHERE rolname = 'plain_user'") == "1"
	})
	if got := byHand(t, at.String(), "SELECT (count(*), count(received_tli))::text FROM pg_stat_wal_receiver"); got != "(1,0)" {
		t.Fatalf("the replica says %s of its receivers and their timelines, and is to hide these", got)
	}
	p.Store = reopened(t, p, Config{DSN: secrets.Fixed(p.dsn), ReplicaDSN: secrets.Fixed(at.String()), every: often})
	p.settle(1)
}

// TestReplicaSilent: a connection that is not answered is given up, also if nobody waits
// for it any more.
func TestReplicaSilent(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	lasted := make(chan time.Duration, 1)
	go func() {
		conn, err := silent.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		began := time.Now()
		_, _ = io.Copy(io.Discard, conn)
		lasted <- time.Since(began)
	}()
	store, err := Open(t.Context(), Config{
		DSN: secrets.Fixed(servers.PostgreSQL(t)), ReplicaDSN: secrets.Fixed("postgres://me@" + silent.Addr().String() + "/shop?sslmode=disable"),
		AcquireTimeout: time.Minute,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	select {
	case took := <-lasted:
		if took > 2*dialWithin {
			t.Errorf("it was waited for %v", took)
		}
	case <-time.After(3 * dialWithin):
		t.Error("it is waited for still")
		_ = silent.Close()
	}
}

// TestReplicaPassword: the replica's DSN may have a password of its own.
func TestReplicaPassword(t *testing.T) {
	t.Setenv("PGPASSWORD", "")
	t.Setenv("PGPASSFILE", t.TempDir()+"/none")
	for dsn, want := range map[string]string{"postgres://me@host/x": "common", "postgres://me:own@host/x": "own"} {
		cfg := Config{ReplicaDSN: secrets.Fixed(dsn), Password: secrets.Fixed("common")}
		var conn pgx.ConnConfig
		if err := cfg.replicaCredentials(context.Background(), &conn); err != nil || conn.Password != want || conn.Host != "host" {
			t.Errorf("%s: got the password %q and the host %q, %v; want %q", dsn, conn.Password, conn.Host, err, want)
		}
	}
}

// TestReplicaScratch: a place for the suite has no replica, and Close may be called again.
func TestReplicaScratch(t *testing.T) {
	p := openPair(t, Config{})
	fresh, err := p.Scratch(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if fresh.Capabilities().Replica {
		t.Error("it has a replica")
	}
	for range 2 {
		if err := fresh.Close(); err != nil {
			t.Error(err)
		}
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	}
}
