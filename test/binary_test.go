package test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/portolan-io/portolan/test/servers"
)

// built is the folder of the programs that the tests build once and run.
var built struct {
	sync.Once
	dir string
	err error
}

func TestMain(m *testing.M) {
	if config := os.Getenv(gatedEnv); config != "" {
		os.Exit(gated(config))
	}
	code := servers.Main(m)
	if built.dir != "" {
		if err := os.RemoveAll(built.dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
	}
	os.Exit(code)
}

// program returns the path of the server's binary, or of the generator's.
func program(t *testing.T, name string) string {
	t.Helper()
	built.Do(func() {
		if built.dir, built.err = os.MkdirTemp("", "portolan-test-"); built.err != nil { //nolint:usetesting // it outlives the test that is the first to need it
			return
		}
		for name, pkg := range map[string]string{"portolan": "..", "generate": "./load/generate"} {
			out, err := exec.Command("go", "build", "-o", filepath.Join(built.dir, name), pkg).CombinedOutput()
			if err != nil {
				built.err = fmt.Errorf("go build %s: %w\n%s", pkg, err, out)
				return
			}
		}
	})
	if built.err != nil {
		t.Fatal(built.err)
	}
	return filepath.Join(built.dir, name)
}

// run runs the program to its end and returns what it printed and its exit code.
func run(t *testing.T, dir, name string, args ...string) (output string, code int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, program(t, name), args...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

// mustRun is run for a program that has to succeed.
func mustRun(t *testing.T, dir, name string, args ...string) string {
	t.Helper()
	out, code := run(t, dir, name, args...)
	if code != 0 {
		t.Fatalf("%s %s: exit code %d\n%s", name, strings.Join(args, " "), code, out)
	}
	return out
}

// serve starts the server with the configuration, and returns the address of
// its API. The server is stopped when the test ends.
func serve(t *testing.T, dir, config string, env ...string) string {
	t.Helper()
	return serveAs(t, program(t, "portolan"), dir, config, env...)
}

// serveAs is serve for another program.
func serveAs(t *testing.T, program, dir, config string, env ...string) string {
	t.Helper()
	return serveTo(t, http.DefaultClient, "http://", program, dir, config, env...)
}

// serveTo is serveAs for a client of its own, and the scheme of the address.
func serveTo(t *testing.T, client *http.Client, scheme, program, dir, config string, env ...string) string {
	t.Helper()
	address := freeAddress(t)
	_, port, _ := net.SplitHostPort(address)
	cmd := exec.Command(program, "serve", "--config", config)
	cmd.Dir = dir
	cmd.Env = append(append(os.Environ(), "PORT="+port, "ADMIN_PORT=0"), env...)
	var log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM) // if it has ended, Wait says how
		killer := time.AfterFunc(15*time.Second, func() { _ = cmd.Process.Kill() })
		defer killer.Stop()
		if err := cmd.Wait(); err != nil {
			t.Errorf("the server ended with %v\n%s", err, log.String())
		}
	})
	url := scheme + address
	for range 200 {
		response, err := client.Get(url + "/readyz")
		if err == nil {
			response.Body.Close()
			if response.StatusCode == http.StatusOK {
				return url
			}
		}
		time.Sleep(25 * time.Millisecond)
	}
	t.Fatalf("the server does not become ready\n%s", log.String())
	return ""
}

// freeAddress returns an address of this machine's that nobody listens on.
func freeAddress(t *testing.T) string {
	t.Helper()
	port, err := servers.FreePort(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
}

func write(t *testing.T, dir, name, content string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
