package servers

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"time"
)

// startForgetful starts a server that keeps everything in memory, so that it may be
// killed: the command of a port of 127.0.0.1 and a directory. Ready waits until it answers.
func startForgetful(name string, command func(port, dir string) *exec.Cmd, ready func(at string) error) (*Server, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "portolan-server-")
	if err != nil {
		return nil, err
	}
	run := command(strconv.Itoa(port), dir)
	run.Dir, run.SysProcAttr = dir, child(syscall.SIGKILL)
	if err := run.Start(); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	ended := make(chan error, 1)
	go func() { ended <- run.Wait() }()
	stop := func() error {
		killed := run.Process.Kill()
		<-ended
		return errors.Join(killed, os.RemoveAll(dir))
	}
	at := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	if err := ready(at); err != nil {
		return nil, errors.Join(fmt.Errorf("%s does not answer: %w", name, err), stop())
	}
	return &Server{Address: at, PID: run.Process.Pid, Stop: stop}, nil
}

// listens waits until the port takes connections.
func listens(at string) error {
	deadline := time.Now().Add(60 * time.Second)
	for {
		conn, err := (&net.Dialer{Deadline: deadline}).DialContext(context.Background(), "tcp", at)
		if err == nil {
			return conn.Close()
		}
		if time.Now().After(deadline) {
			return err
		}
		time.Sleep(50 * time.Millisecond)
	}
}
