package servers

import (
	"errors"
	"net"
	"net/url"
	"os"
	"testing"
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
