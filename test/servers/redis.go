package servers

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
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
	program, err := exec.LookPath("redis-server")
	if err != nil {
		return nil, ErrAbsent
	}
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "portolan-redis-")
	if err != nil {
		return nil, err
	}
	args := []string{"--bind", "127.0.0.1", "--port", strconv.Itoa(port), "--save", "", "--appendonly", "no", "--dir", dir}
	run := exec.CommandContext(context.Background(), program, append(args, settings...)...)
	run.Dir, run.Env = dir, []string{"PATH=/usr/bin:/bin", "LC_ALL=C.UTF-8", "HOME=" + dir}
	run.SysProcAttr = child(syscall.SIGKILL)
	if err := run.Start(); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	ended := make(chan error, 1)
	go func() { ended <- run.Wait() }()
	stop := func() error {
		killed := run.Process.Kill() // it keeps nothing
		<-ended
		return errors.Join(killed, os.RemoveAll(dir))
	}
	at := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	if err := errors.Join(listens(at), pongs(at)); err != nil {
		return nil, errors.Join(fmt.Errorf("Redis does not answer: %w", err), stop())
	}
	return &Server{Address: at, PID: run.Process.Pid, Stop: stop}, nil
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
