package test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// pageOctets is about how many octets the page has that slow readers ask for.
const pageOctets = 3_600_000

// TestSlowClients lets clients be slow in each way there is: with the head of a
// request, with its body, and with reading answers. The server lets go of all of
// them, others are served all the while, and nothing is left behind.
func TestSlowClients(t *testing.T) {
	h := host(t, ", header_timeout: 300ms, read_timeout: 600ms, request_timeout: 500ms, idle_timeout: 1s", "")
	fill(h, 4, pageOctets/4)
	h.warm()
	const crowd, readers = 40, 8
	release := make(chan struct{})
	var slow sync.WaitGroup
	for range crowd {
		slow.Go(func() { h.connect("slow head", slowHead) })
		slow.Go(func() { h.connect("slow body", slowBody) })
	}
	for range readers {
		slow.Go(func() { h.connect("slow reader", slowReader(release)) })
	}
	dropped := make(chan struct{})
	go func() {
		slow.Wait()
		close(dropped)
	}()
	reading := func() int {
		return int(h.metric("portolan_operations_in_flight", `port="http"`, `collection="things"`))
	}
	h.eventually("the slow readers are being answered", func() bool { return reading() >= readers })
	served := 0
	h.eventually("the server gives up readers of whom none reads", func() bool {
		h.must(http.MethodGet, "/v1/things?$select=id&$first=3", nil, http.StatusOK)
		served++
		return reading() == 0
	})
	close(release)
	for waiting := true; waiting; served++ {
		h.must(http.MethodGet, "/v1/things?$select=id&$first=3", nil, http.StatusOK)
		select {
		case <-dropped:
			waiting = false
		case <-time.After(2 * time.Millisecond):
		}
	}
	t.Logf("%d others were served meanwhile", served)
	if got := h.must(http.MethodGet, "/v1/things?$filter=batch%20eq%207&$count", nil, http.StatusOK); !strings.Contains(string(got.body), `"count":0`) {
		t.Errorf("half a body was stored: %s", got.body)
	}
	h.settled()
}

// connect lets a client behave as it does on a connection of its own, which ends
// in any case before the test does.
func (h *hosted) connect(name string, behave func(net.Conn) error) {
	connection, err := net.Dial("tcp", strings.TrimPrefix(h.url, "http://"))
	if err != nil {
		h.t.Error(err)
		return
	}
	defer connection.Close()
	err = connection.SetDeadline(time.Now().Add(30 * time.Second))
	if err == nil {
		err = behave(connection)
	}
	if err != nil {
		h.t.Errorf("%s: %v", name, err)
	}
}

// fill stores n things with a text of the given length.
func fill(h *hosted, n, length int) {
	h.t.Helper()
	for i := range n {
		body := fmt.Sprintf(`{"id":"filled-%04d","batch":0,"text":%q}`, i, strings.Repeat("x", length))
		h.must(http.MethodPost, "/v1/things", []byte(body), http.StatusCreated)
	}
}

// gone reads until the server closes the connection, which it must.
func gone(connection net.Conn) error {
	_, err := io.Copy(io.Discard, connection)
	if timeout := net.Error(nil); errors.As(err, &timeout) && timeout.Timeout() {
		return errors.New("the server keeps the connection")
	}
	return nil
}

// drip writes the octets of the text one by one until the server has had enough.
func drip(connection net.Conn, text string) error {
	done := make(chan error, 1)
	go func() { done <- gone(connection) }()
	for i := range len(text) {
		select {
		case err := <-done:
			return err
		case <-time.After(30 * time.Millisecond):
			if _, err := connection.Write([]byte{text[i]}); err != nil {
				return <-done
			}
		}
	}
	return errors.New("the server took it all")
}

func slowHead(connection net.Conn) error {
	return drip(connection, "GET /v1/things HTTP/1.1\r\nHost: x\r\nX-Slow: "+strings.Repeat("a", 2000))
}

func slowBody(connection net.Conn) error {
	head := "POST /v1/things HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 3000\r\n\r\n"
	if _, err := io.WriteString(connection, head); err != nil {
		return err
	}
	return drip(connection, `{"id":"slow","batch":7,"text":"`+strings.Repeat("a", 2000))
}

// slowReader returns a client that asks for more than the buffers on the way can
// take, and reads nothing until it is released.
func slowReader(release <-chan struct{}) func(net.Conn) error {
	return func(connection net.Conn) error {
		const requests = 8
		if _, err := io.WriteString(connection, strings.Repeat("GET /v1/things?$orderby=batch HTTP/1.1\r\nHost: x\r\n\r\n", requests)); err != nil {
			return err
		}
		<-release
		rest, err := io.Copy(io.Discard, connection)
		if timeout := net.Error(nil); errors.As(err, &timeout) && timeout.Timeout() {
			return errors.New("the server keeps the connection")
		}
		if rest >= requests*pageOctets {
			return fmt.Errorf("the server waited until all %d octets were read", rest)
		}
		return nil
	}
}

// TestCancelledRequests cancels 1,000 requests at random moments. None of them
// leaves a goroutine, a connection to the store, half a batch or a fence behind.
func TestCancelledRequests(t *testing.T) {
	h := host(t, "", ", max_conns: 2")
	fill(h, 20, 10)
	h.warm()
	h.store.holding(func(context.Context, string) error { // so that there are moments to be cancelled at
		time.Sleep(time.Duration(rand.IntN(400)) * time.Microsecond)
		return nil
	})
	const clients, each = 20, 50
	var cancelled, finished [clients]int
	var group sync.WaitGroup
	for client := range clients {
		group.Go(func() {
			random := rand.New(rand.NewPCG(uint64(client), 7))
			for n := range each {
				ctx, cancel := context.WithTimeout(t.Context(), time.Duration(random.IntN(4000))*time.Microsecond)
				method, path, body := someRequest(random, client*each+n)
				if _, err := h.do(ctx, method, path, body); err != nil {
					cancelled[client]++
				} else {
					finished[client]++
				}
				cancel()
			}
		})
	}
	group.Wait()
	h.store.holding(nil)
	h.client.CloseIdleConnections()
	h.eventually("the requests end", func() bool {
		return h.metric("portolan_operations_in_flight", `port="http"`, `collection="things"`) == 0
	})
	all := 0
	for client := range clients {
		all += cancelled[client]
	}
	if all < clients*each/10 || all == clients*each {
		t.Errorf("%d of %d requests were cancelled: the test proves too little", all, clients*each)
	}
	checkBatches(h)
	checkFences(h)
	h.settled()
	t.Logf("%d of %d requests were cancelled", all, clients*each)
}

// someRequest returns a read, a write of one record or one of five.
func someRequest(random *rand.Rand, n int) (method, path string, body []byte) {
	filled := fmt.Sprintf("/v1/things/filled-%04d", random.IntN(20))
	switch random.IntN(4) {
	case 0:
		return http.MethodGet, filled, nil
	case 1:
		return http.MethodGet, fmt.Sprintf("/v1/things?$filter=batch%%20eq%%20%d&$count", random.IntN(20)), nil
	case 2:
		return http.MethodPatch, filled, fmt.Appendf(nil, `{"text":"written by %d"}`, n)
	}
	var batch []string
	for i := range 5 {
		batch = append(batch, fmt.Sprintf(`{"id":"b%d-%d","batch":%d}`, n, i, n+1))
	}
	return http.MethodPost, "/v1/things", []byte("[" + strings.Join(batch, ",") + "]")
}

// checkBatches shows that each batch was stored whole or not at all.
func checkBatches(h *hosted) {
	h.t.Helper()
	whole := 0
	for n := range 1000 {
		got := h.must(http.MethodGet, fmt.Sprintf("/v1/things?$filter=batch%%20eq%%20%d&$count&$first=1", n+1), nil, http.StatusOK)
		switch text := string(got.body); {
		case strings.Contains(text, `"count":5}`):
			whole++
		case !strings.Contains(text, `"count":0}`):
			h.t.Errorf("of batch %d there is a part: %s", n, text)
		}
	}
	if whole == 0 {
		h.t.Error("no batch was stored: the test proves too little")
	}
}

// checkFences shows that what is written afterwards is seen at once, and kept: no
// write that was given up still fences it.
func checkFences(h *hosted) {
	h.t.Helper()
	for i := range 20 {
		path, text := fmt.Sprintf("/v1/things/filled-%04d", i), fmt.Sprintf(`"text":"after %d"`, i)
		h.must(http.MethodPatch, path, []byte("{"+text+"}"), http.StatusOK)
		first := h.must(http.MethodGet, path, nil, http.StatusOK)
		again := h.must(http.MethodGet, path, nil, http.StatusOK)
		if !strings.Contains(string(first.body), text) || !strings.Contains(again.header.Get("Cache-Status"), "hit") {
			h.t.Errorf("%s: %s, and then Cache-Status is %q", path, first.body, again.header.Get("Cache-Status"))
		}
	}
}
