package bootstrap

import (
	"errors"
	"net"
	"testing"
)

// TestCapConnections accepts a second connection only when the first is closed,
// and ends an Accept that waits.
func TestCapConnections(t *testing.T) {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	listener := capConnections(inner, 1)
	t.Cleanup(func() { listener.Close() })
	for range 2 { // both are in the queue of the operating system
		client, err := net.Dial("tcp", inner.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { client.Close() })
	}
	first, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	accepted := make(chan net.Conn)
	failed := make(chan error)
	accept := func() {
		conn, err := listener.Accept()
		if err != nil {
			failed <- err
			return
		}
		accepted <- conn
	}
	if free := cap(listener.(*cappedListener).slots) - len(listener.(*cappedListener).slots); free != 0 {
		t.Fatalf("%d slots are free", free)
	}
	go accept()
	select {
	case <-accepted:
		t.Fatal("a second connection was accepted beside the first")
	default:
	}
	_ = first.Close()
	_ = first.Close() // gives its slot back once
	second := <-accepted
	defer second.Close()
	go accept()
	if err := listener.Close(); err != nil {
		t.Error(err)
	}
	if err := <-failed; !errors.Is(err, net.ErrClosed) {
		t.Errorf("after Close Accept returns %v", err)
	}
}
