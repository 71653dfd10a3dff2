//go:build linux

package drive

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"runtime"
	"syscall"
	"time"
)

// A loop is the connections of a load, and the epoll that says which of them
// have something to read. It works on the sockets themselves, because a
// goroutine for each would cost more than many a request does.
type loop struct {
	load      Load
	epoll     int
	conns     map[int32]*conn
	pending   int // requests under way
	scratch   []byte
	result    Result
	latencies []time.Duration
}

// A conn is one connection with what has arrived of an answer.
type conn struct {
	fd    int
	begun time.Time
	buf   []byte
	used  int
}

func newLoop(load Load) (*loop, error) {
	address, err := netip.ParseAddrPort(load.Address)
	if err != nil || !address.Addr().Is4() {
		return nil, fmt.Errorf("%q is no IPv4 address with a port", load.Address)
	}
	epoll, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	if err != nil {
		return nil, err
	}
	l := &loop{load: load, epoll: epoll, conns: map[int32]*conn{}}
	for range load.Connections {
		if err := l.connect(address); err != nil {
			l.close()
			return nil, fmt.Errorf("connecting to %s: %w", load.Address, err)
		}
	}
	return l, nil
}

// connect opens one connection.
func (l *loop) connect(address netip.AddrPort) error {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	l.conns[int32(fd)] = &conn{fd: fd, buf: make([]byte, 64<<10)}
	return errors.Join(
		syscall.Connect(fd, &syscall.SockaddrInet4{Port: int(address.Port()), Addr: address.Addr().As4()}),
		syscall.SetsockoptInt(fd, syscall.IPPROTO_TCP, syscall.TCP_NODELAY, 1),
		syscall.SetNonblock(fd, true),
		syscall.EpollCtl(l.epoll, syscall.EPOLL_CTL_ADD, fd, &syscall.EpollEvent{Events: syscall.EPOLLIN, Fd: int32(fd)}))
}

func (l *loop) close() {
	for _, c := range l.conns {
		_ = syscall.Close(c.fd) // nothing is under way that anybody waits for
	}
	_ = syscall.Close(l.epoll)
}

// run sends requests until the deadline, and reads until all are answered.
func (l *loop) run(ctx context.Context, deadline time.Time) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	for _, c := range l.conns {
		if err := l.send(c); err != nil {
			return err
		}
	}
	events := make([]syscall.EpollEvent, len(l.conns))
	for l.pending > 0 {
		n, err := syscall.EpollWait(l.epoll, events, int(patience.Milliseconds()))
		if errors.Is(err, syscall.EINTR) {
			continue
		}
		if err == nil {
			err = ctx.Err()
		}
		if err == nil && n == 0 {
			err = fmt.Errorf("%d requests were not answered within %v", l.pending, patience)
		}
		if err != nil {
			return err
		}
		for _, event := range events[:n] {
			if err := l.receive(l.conns[event.Fd], deadline); err != nil {
				return err
			}
		}
	}
	return nil
}

// send begins the next request on the connection, which has none.
func (l *loop) send(c *conn) error {
	l.scratch = l.load.Next(l.scratch[:0])
	c.begun, c.used = time.Now(), 0
	n, err := syscall.Write(c.fd, l.scratch)
	if err == nil && n < len(l.scratch) {
		err = io.ErrShortWrite // a request is smaller than an empty socket's buffer
	}
	l.pending++
	return err
}

// receive reads what has arrived, and begins the next request if that completes
// an answer and there is time.
func (l *loop) receive(c *conn, deadline time.Time) error {
	if c.used == len(c.buf) {
		c.buf = append(c.buf, make([]byte, len(c.buf))...)
	}
	n, err := syscall.Read(c.fd, c.buf[c.used:])
	switch {
	case errors.Is(err, syscall.EAGAIN), errors.Is(err, syscall.EINTR):
		return nil
	case err != nil:
		return err
	case n == 0:
		return io.ErrUnexpectedEOF
	}
	c.used += n
	a, complete, err := parse(c.buf[:c.used])
	if err != nil || !complete {
		return err
	}
	now := time.Now()
	l.pending--
	l.count(c, a, now)
	if now.Before(deadline) {
		return l.send(c)
	}
	l.result.Last = beginning(c)
	return nil
}

// beginning returns the head of the answer that arrived, and some of its body.
func beginning(c *conn) string { return string(c.buf[:min(c.used, 2000)]) }

// count takes an answer into the result.
func (l *loop) count(c *conn, a answer, now time.Time) {
	l.result.Requests++
	l.result.Bytes += int64(a.body)
	l.latencies = append(l.latencies, now.Sub(c.begun))
	if a.status < 200 || a.status > 299 {
		l.result.Failed++
		if l.result.Failure == "" {
			l.result.Failure = beginning(c)
		}
	}
}
