package servers

import (
	"errors"
	"net"
	"net/url"
	"os"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

func TestMain(m *testing.M) { os.Exit(Main(m)) }

// Each server can be wanted more than once, and is one; one that is stopped is gone.
func TestServersStart(t *testing.T) {
	for name, server := range map[string]struct {
		shared func(testing.TB) string
		start  func() (*Server, error)
	}{
		"PostgreSQL": {func(t testing.TB) string { return hostOf(t, PostgreSQL(t)) }, func() (*Server, error) { return StartPostgreSQL() }},
		"Redis":      {Redis, func() (*Server, error) { return StartRedis() }},
		"Datastore":  {Datastore, StartDatastore},
	} {
		t.Run(name, func(t *testing.T) {
			if first, second := server.shared(t), server.shared(t); first != second || first == "" {
				t.Errorf("the shared server is at %q, and then at %q", first, second)
			}
			own, err := server.start()
			if err != nil {
				t.Fatal(err)
			}
			at := own.Address
			if name == "PostgreSQL" {
				at = hostOf(t, at)
			}
			if at == server.shared(t) {
				t.Errorf("a server of the test's own is the shared one at %s", at)
			}
			if err := own.Stop(); err != nil {
				t.Error(err)
			}
			if conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", at); err == nil {
				_ = conn.Close()
				t.Errorf("somebody still listens at %s", at)
			}
		})
	}
}

// TestStandby: what is written to the primary is seen on a replica, which comes back
// where it was, and takes no writes.
func TestStandby(t *testing.T) {
	database := PostgreSQL(t)
	standby := StandbyOf(t, database)
	administer(t, database, "CREATE TABLE seen ()")
	at := standby.At(database)
	for range 2 {
		for asked := 0; !holds(t, at, "SELECT to_regclass('seen') IS NOT NULL AND pg_is_in_recovery()"); asked++ {
			if asked > 1000 {
				t.Fatal("what was written is not there")
			}
			time.Sleep(10 * time.Millisecond)
		}
		standby.Stop()
		standby.Start()
		if again := standby.At(database); again != at {
			t.Errorf("it is at %s, and was at %s", again, at)
		}
	}
}

// holds returns the answer to a question.
func holds(t *testing.T, database, question string) (yes bool) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), database)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(t.Context()) }()
	if err := conn.QueryRow(t.Context(), question).Scan(&yes); err != nil {
		t.Fatal(err)
	}
	return yes
}

// What is made of several servers is whole, and one of them can be replaced.
func TestRedisServersTogether(t *testing.T) {
	Redis(t) // or nothing can be started
	nodes, err := StartRedisCluster()
	if err != nil {
		t.Fatal(err)
	}
	primary, err := StartRedis()
	if err != nil {
		t.Fatal(err)
	}
	replica, err := StartRedisReplica(primary)
	if err != nil {
		t.Fatal(err)
	}
	sentinel, err := StartRedisSentinel("test", primary)
	if err != nil {
		t.Fatal(err)
	}
	before := nodes[2].PID
	if err := errors.Join(nodes[2].Restart(), AwaitRedisCluster(nodes)); err != nil || nodes[2].PID == before {
		t.Errorf("a node that was restarted has the process %d, after %d: %v", nodes[2].PID, before, err)
	}
	for _, server := range append(nodes, primary, replica, sentinel) {
		if err := server.Stop(); err != nil {
			t.Error(err)
		}
		if conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", server.Address); err == nil {
			_ = conn.Close()
			t.Errorf("somebody still listens at %s", server.Address)
		}
	}
}

// hostOf returns where the URL leads.
func hostOf(t testing.TB, address string) string {
	t.Helper()
	at, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	return at.Host
}
