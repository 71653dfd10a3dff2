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

// A forgetful is a server that keeps everything in memory, so that it may be killed.
type forgetful struct {
	name    string
	command func(port, dir string) *exec.Cmd
	ready   func(at string) error // waits until it answers

	port, dir string
	run       *exec.Cmd
	ended     chan error
}

// startForgetful starts a server: the command of a free port of 127.0.0.1 and a
// directory. Ready waits until it answers.
func startForgetful(name string, command func(port, dir string) *exec.Cmd, ready func(at string) error) (*Server, error) {
	port, err := FreePort(context.Background())
	if err != nil {
		return nil, err
	}
	return startForgetfulAt(port, name, command, ready)
}

func startForgetfulAt(port int, name string, command func(port, dir string) *exec.Cmd, ready func(at string) error) (*Server, error) {
	dir, err := os.MkdirTemp("", "portolan-server-")
	if err != nil {
		return nil, err
	}
	f := &forgetful{name: name, command: command, ready: ready, port: strconv.Itoa(port), dir: dir}
	if err := f.start(); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	server := &Server{Address: f.at(), PID: f.run.Process.Pid}
	server.Stop = func() error { return errors.Join(f.kill(), os.RemoveAll(dir)) }
	server.Restart = func() error {
		if err := f.kill(); err != nil {
			return err
		}
		err := f.start()
		server.PID = f.run.Process.Pid
		return err
	}
	return server, nil
}

func (f *forgetful) at() string { return net.JoinHostPort("127.0.0.1", f.port) }

func (f *forgetful) start() error {
	f.run, f.ended = f.command(f.port, f.dir), make(chan error, 1)
	f.run.Dir, f.run.SysProcAttr = f.dir, child(syscall.SIGKILL)
	if err := f.run.Start(); err != nil {
		return err
	}
	go func(run *exec.Cmd, ended chan error) { ended <- run.Wait() }(f.run, f.ended)
	if err := f.ready(f.at()); err != nil {
		return errors.Join(fmt.Errorf("%s does not answer: %w", f.name, err), f.kill())
	}
	return nil
}

func (f *forgetful) kill() error {
	killed := f.run.Process.Kill()
	<-f.ended
	return killed
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
