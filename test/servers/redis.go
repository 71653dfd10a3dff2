package servers

import (
	"bufio"
	"context"
	"errors"
	"net"
	"os/exec"
	"strings"
	"testing"
	"time"
)

var redis = running{}

// Redis returns the host:port of a server that PORTOLAN_TEST_REDIS names, or that is
// started. Tests keep apart by prefixes of their own.
func Redis(t testing.TB) string {
	t.Helper()
	return redis.wanted(t, "Redis", "PORTOLAN_TEST_REDIS", func() (*Server, error) { return StartRedis() })
}

// StartRedis starts a server that keeps everything in memory, with further settings as its
// command line takes them: "--maxmemory", "10mb".
func StartRedis(settings ...string) (*Server, error) {
	port, err := FreePort(context.Background())
	if err != nil {
		return nil, err
	}
	return startRedis(port, settings)
}

func startRedis(at int, settings []string) (*Server, error) {
	program, err := exec.LookPath("redis-server")
	if err != nil {
		return nil, ErrAbsent
	}
	return startForgetfulAt(at, "Redis", func(port, dir string) *exec.Cmd {
		args := []string{"--bind", "127.0.0.1", "--port", port, "--save", "", "--appendonly", "no", "--dir", dir,
			"--repl-diskless-sync-delay", "0"} // no replica waits for others
		run := exec.CommandContext(context.Background(), program, append(args, settings...)...)
		run.Env = []string{"PATH=/usr/bin:/bin", "LC_ALL=C.UTF-8", "HOME=" + dir}
		return run
	}, func(at string) error { return errors.Join(listens(at), pongs(at)) })
}

// pongs asks the server whether it answers.
func pongs(at string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", at)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }() // nothing is left to send
	if _, err := conn.Write([]byte("PING\r\n")); err != nil {
		return err
	}
	said, err := bufio.NewReader(conn).ReadString('\n')
	if err == nil && strings.TrimSpace(said) != "+PONG" {
		err = errors.New(said)
	}
	return err
}
