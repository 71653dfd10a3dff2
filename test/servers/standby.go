package servers

import (
	"context"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// A Standby is a streaming replica of a PostgreSQL server, which takes no writes.
type Standby struct {
	t        testing.TB
	home     *home
	program  string
	port     int
	settings []string
	server   *Server // nil while it is stopped
}

// StandbyOf returns a replica of the whole server that has the database at the URL.
// It ends with the test, and so does all that it kept.
func StandbyOf(t testing.TB, database string) *Standby {
	t.Helper()
	if os.Getenv("PORTOLAN_TEST_POSTGRES") != "" {
		t.Skip("PORTOLAN_TEST_POSTGRES names a server, and replicas are made only of one that is started here")
	}
	initdb, server, err := programs()
	if err != nil {
		t.Skip(err)
	}
	at, err := url.Parse(database)
	if err != nil {
		t.Fatal(err)
	}
	s := &Standby{t: t, program: server, settings: append([]string{"wal_retrieve_retry_interval=100ms"}, careless...)}
	if s.port, err = FreePort(context.Background()); err != nil {
		t.Fatal(err)
	}
	if s.home, err = newHome(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.Stop()
		if err := s.home.remove(); err != nil {
			t.Error(err)
		}
	})
	copied := s.home.command(besides(initdb, "pg_basebackup"), "-D", s.home.data(), "-h", at.Hostname(), "-p", at.Port(), "-U", at.User.Username(),
		"--write-recovery-conf", "--wal-method=stream", "--checkpoint=fast", "--no-sync", "--no-manifest")
	if said, err := copied.CombinedOutput(); err != nil {
		t.Fatalf("pg_basebackup: %v: %s", err, said)
	}
	s.Start()
	return s
}

// besides returns the path of the program that belongs to the one at the path, which
// may be a link.
func besides(path, program string) string {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		if found, err := exec.LookPath(filepath.Join(filepath.Dir(real), program)); err == nil {
			return found
		}
	}
	return program
}

// At returns the URL of the database of the primary as it is on the replica.
func (s *Standby) At(database string) string {
	s.t.Helper()
	at, err := url.Parse(database)
	if err != nil {
		s.t.Fatal(err)
	}
	own, err := url.Parse(s.server.Address)
	if err != nil {
		s.t.Fatal(err)
	}
	at.Host = own.Host
	return at.String()
}

// Start starts the replica, which was stopped, at the same address.
func (s *Standby) Start() {
	s.t.Helper()
	server, err := s.home.serve(s.program, s.port, s.settings)
	if err != nil {
		s.t.Fatal(err)
	}
	s.server = server
}

// Stop stops the replica, if it runs. What is connected is told so.
func (s *Standby) Stop() {
	s.t.Helper()
	if s.server == nil {
		return
	}
	if err := s.server.Stop(); err != nil {
		s.t.Error(err)
	}
	s.server = nil
}
