package servers

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

var postgreSQL running

// PostgreSQL returns the URL of a new and empty database on a server that is named
// by PORTOLAN_TEST_POSTGRES, or is started. The database is removed in the end.
func PostgreSQL(t testing.TB) string {
	t.Helper()
	server := postgreSQL.wanted(t, "PostgreSQL", "PORTOLAN_TEST_POSTGRES", func() (*Server, error) { return StartPostgreSQL() })
	at, err := url.Parse(server)
	if err != nil {
		t.Fatalf("PORTOLAN_TEST_POSTGRES: %v", err)
	}
	name := "test_" + strings.ToLower(rand.Text())
	administer(t, server, "CREATE DATABASE "+name+" ENCODING 'UTF8' TEMPLATE template0")
	t.Cleanup(func() { administer(t, server, "DROP DATABASE "+name+" WITH (FORCE)") })
	at.Path = "/" + name
	return at.String()
}

// administer runs one statement.
func administer(t testing.TB, server, statement string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 30*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, server)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(ctx) }() // what was done is done
	if _, err := conn.Exec(ctx, statement); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

// careless are settings for servers that nobody minds to lose.
var careless = []string{"fsync=off", "synchronous_commit=off", "full_page_writes=off", "max_connections=200"}

// StartPostgreSQL starts a server whose files are in a directory of its own. With
// no settings it has no care for a loss of power.
func StartPostgreSQL(settings ...string) (*Server, error) {
	if len(settings) == 0 {
		settings = careless
	}
	initdb, server, err := programs()
	if err != nil {
		return nil, err
	}
	port, err := FreePort(context.Background())
	if err != nil {
		return nil, err
	}
	h, err := newHome()
	if err != nil {
		return nil, err
	}
	if said, err := h.command(initdb, "-D", h.data(), "-U", "test", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync").CombinedOutput(); err != nil {
		return nil, errors.Join(fmt.Errorf("initdb: %w: %s", err, said), h.remove())
	}
	run, err := h.serve(server, port, settings)
	if err != nil {
		return nil, errors.Join(err, h.remove())
	}
	stop := run.Stop
	run.Stop = func() error { return errors.Join(stop(), h.remove()) }
	return run, nil
}

// A home is a directory in which programs of PostgreSQL run as somebody who may.
type home struct {
	dir        string
	attributes *syscall.SysProcAttr
}

func newHome() (*home, error) {
	dir, err := os.MkdirTemp("", "portolan-postgres-")
	if err != nil {
		return nil, err
	}
	h := &home{dir: dir}
	if h.attributes, err = unprivileged(dir); err != nil {
		return nil, errors.Join(err, h.remove())
	}
	return h, nil
}

func (h *home) remove() error { return os.RemoveAll(h.dir) }

// data is where the files of a server are.
func (h *home) data() string { return filepath.Join(h.dir, "data") }

func (h *home) command(program string, args ...string) *exec.Cmd {
	c := exec.CommandContext(context.Background(), program, args...)
	c.Dir, c.SysProcAttr = h.dir, h.attributes
	c.Env = []string{"PATH=" + filepath.Dir(program) + ":/usr/bin:/bin", "LC_ALL=C.UTF-8", "HOME=" + h.dir}
	return c
}

// serve runs a server over the files until it is stopped.
func (h *home) serve(server string, port int, settings []string) (*Server, error) {
	run := h.command(server, "-D", h.data(), "-p", strconv.Itoa(port), "-h", "127.0.0.1", "-k", "")
	for _, setting := range settings {
		run.Args = append(run.Args, "-c", setting)
	}
	log, err := os.Create(filepath.Join(h.dir, "log"))
	if err != nil {
		return nil, err
	}
	run.Stdout, run.Stderr = log, log
	if err := errors.Join(run.Start(), log.Close()); err != nil {
		return nil, err
	}
	ended := make(chan error, 1)
	go func() { ended <- run.Wait() }()
	stop := func() error {
		_ = run.Process.Signal(syscall.SIGINT) // it may have ended
		select {
		case err := <-ended:
			return err
		case <-time.After(20 * time.Second):
			return errors.Join(errors.New("PostgreSQL did not stop"), run.Process.Kill())
		}
	}
	at := "postgres://test@127.0.0.1:" + strconv.Itoa(port) + "/postgres?sslmode=disable"
	if err := answers(at); err != nil {
		said, _ := os.ReadFile(log.Name())
		return nil, errors.Join(fmt.Errorf("%w: %s", err, said), stop())
	}
	return &Server{Address: at, PID: run.Process.Pid, Stop: stop}, nil
}

// programs returns the paths of initdb and postgres, of the newest version there is.
func programs() (initdb, server string, err error) {
	if initdb, err = exec.LookPath("initdb"); err == nil {
		if server, err = exec.LookPath("postgres"); err == nil {
			return initdb, server, nil
		}
	}
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if err != nil || len(found) == 0 {
		return "", "", ErrAbsent
	}
	initdb = found[len(found)-1]
	return initdb, filepath.Join(filepath.Dir(initdb), "postgres"), nil
}

// unprivileged returns how a program is run as somebody to whom the directory is
// given: PostgreSQL refuses to run as root. It ends with this process.
func unprivileged(dir string) (*syscall.SysProcAttr, error) {
	attributes := child(syscall.SIGQUIT)
	if os.Geteuid() != 0 {
		return attributes, nil
	}
	someone, err := user.Lookup("postgres")
	if err != nil {
		if someone, err = user.Lookup("nobody"); err != nil {
			return nil, err
		}
	}
	uid, err := strconv.Atoi(someone.Uid)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.Atoi(someone.Gid)
	if err != nil {
		return nil, err
	}
	runAs(attributes, uid, gid)
	return attributes, errors.Join(os.Chmod(dir, 0o700), os.Chown(dir, uid, gid))
}

// answers waits until the server lets somebody in: the port is open before.
func answers(at string) error {
	deadline := time.Now().Add(30 * time.Second)
	for {
		ctx, cancel := context.WithDeadline(context.Background(), deadline)
		conn, err := pgx.Connect(ctx, at)
		if err == nil {
			err = conn.Close(ctx)
		}
		cancel()
		if err == nil || time.Now().After(deadline) {
			return err
		}
		time.Sleep(20 * time.Millisecond)
	}
}
