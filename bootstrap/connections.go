package bootstrap

import (
	"net"
	"sync"
)

// A cappedListener accepts no more than so many connections at once; the rest
// wait in the queue of the operating system.
type cappedListener struct {
	net.Listener
	slots  chan struct{}
	closed chan struct{}
	once   sync.Once
}

func capConnections(listener net.Listener, most int) net.Listener {
	return &cappedListener{Listener: listener, slots: make(chan struct{}, most), closed: make(chan struct{})}
}

// Accept waits for a slot and then for a connection.
func (l *cappedListener) Accept() (net.Conn, error) {
	select {
	case l.slots <- struct{}{}:
	case <-l.closed:
		return nil, net.ErrClosed
	}
	conn, err := l.Listener.Accept()
	if err != nil {
		<-l.slots
		return nil, err
	}
	return &cappedConn{Conn: conn, release: sync.OnceFunc(func() { <-l.slots })}, nil
}

// Close ends the listener, also for an Accept that waits for a slot.
func (l *cappedListener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return l.Listener.Close()
}

// A cappedConn gives its slot back when it is closed.
type cappedConn struct {
	net.Conn
	release func()
}

// Close closes the connection.
func (c *cappedConn) Close() error {
	defer c.release()
	return c.Conn.Close()
}
