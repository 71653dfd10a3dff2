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
	"math/rand/v2"
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

// Ports of servers: below those that systems give to connections that go out and to
// listeners that name none, either of which could take a port between the look and
// the server's start, or while a server is restarted.
const lowestPort, endOfPorts = 10_000, 32_768

// FreePort returns a port of 127.0.0.1 that nobody listens on, and that no system
// gives away by itself.
func FreePort(ctx context.Context) (int, error) {
	return freePort(ctx, func(port int) []int { return []int{port} })
}

// freePort returns a port where nobody listens on any that belongs to it.
func freePort(ctx context.Context, belonging func(port int) []int) (port int, err error) {
	for range 1000 {
		port = lowestPort + rand.IntN(endOfPorts-lowestPort)
		if err = free(ctx, belonging(port)); err == nil {
			return port, nil
		}
	}
	return 0, fmt.Errorf("no port is free: %w", err)
}

// free returns an error where one of the ports cannot be listened on.
func free(ctx context.Context, ports []int) error {
	var config net.ListenConfig
	for _, port := range ports {
		if port >= endOfPorts {
			return fmt.Errorf("port %d may be given away", port)
		}
		listener, err := config.Listen(ctx, "tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			return err
		}
		if err := listener.Close(); err != nil {
			return err
		}
	}
	return nil
}
