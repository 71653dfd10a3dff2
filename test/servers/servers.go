// Package servers starts real servers for tests, as child processes on free ports
// of 127.0.0.1, and stops them. A package whose tests use one has
//
//	func TestMain(m *testing.M) { os.Exit(servers.Main(m)) }
//
// Each server is started once for a package, when it is first wanted. A variable of
// the environment may name one that runs already. What can neither be started nor is
// named is skipped; with PORTOLAN_TEST_ALL set that is a failure, but of what no script
// can install.
package servers

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"testing"
)

// A Server is one that was started.
type Server struct {
	Address string // how it is reached, a URL or host:port
	PID     int
	Stop    func() error // ends it, and removes what it kept
	Restart func() error // of one that keeps everything in memory: kills it, and starts it again at the same address
}

// A running is a server of this process.
type running struct {
	rare   bool // no script can install it: where it is absent, what is over it is unproved
	once   sync.Once
	server *Server
	err    error
}

// ErrAbsent says that there is nothing to start.
var ErrAbsent = errors.New("it is not installed")

// Main runs the tests, and then stops what they started.
func Main(m *testing.M) int {
	code := m.Run()
	for _, server := range []*running{&postgreSQL, &redis, &datastore} {
		if err := server.end(); err != nil {
			fmt.Fprintln(os.Stderr, "a server did not stop:", err)
			code = max(code, 1)
		}
	}
	return code
}

// wanted returns how the server is reached, and starts it if need be.
func (r *running) wanted(t testing.TB, name, variable string, start func() (*Server, error)) string {
	t.Helper()
	if at := os.Getenv(variable); at != "" {
		return at
	}
	everything := os.Getenv("PORTOLAN_TEST_ALL") != ""
	if !everything && os.Getenv("PORTOLAN_TEST_SERVERS") == "" {
		t.Skipf("neither %s nor PORTOLAN_TEST_SERVERS is set; see CONTRIBUTING.md", variable)
	}
	r.once.Do(func() { r.server, r.err = start() })
	switch {
	case errors.Is(r.err, ErrAbsent) && r.rare:
		t.Skipf("UNPROVED: %s cannot be had here", name)
	case errors.Is(r.err, ErrAbsent) && !everything:
		t.Skipf("%s: %v", name, r.err)
	case r.err != nil:
		t.Fatalf("%s could not be started: %v", name, r.err)
	}
	return r.server.Address
}

// end stops the server, if it was started.
func (r *running) end() error {
	if r.server == nil {
		return nil
	}
	return r.server.Stop()
}

// freePort returns a port that nobody listens on.
func freePort() (int, error) {
	var config net.ListenConfig
	listener, err := config.Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	return listener.Addr().(*net.TCPAddr).Port, listener.Close()
}
