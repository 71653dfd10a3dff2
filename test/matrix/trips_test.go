package matrix_test

import (
	"io"
	"net"
	"net/url"
	"sync"
	"testing"

	"github.com/portolan-io/portolan/adapters/postgres"
	"github.com/portolan-io/portolan/core"
	"github.com/portolan-io/portolan/core/policy"
	"github.com/portolan-io/portolan/ports/auth"
	"github.com/portolan-io/portolan/ports/secrets"
	"github.com/portolan-io/portolan/test/servers"
)

// Trips pass on what a client and a server say, and count how often the client speaks
// when it was the server that spoke last: how often it waits for an answer.
type trips struct {
	mu     sync.Mutex
	n      int
	server bool // spoke last
}

func (t *trips) said(server bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.server && !server {
		t.n++
	}
	t.server = server
}

// count returns how many there were since it was asked last.
func (t *trips) count() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := t.n
	t.n = 0
	return n
}

// counted returns the URL with the address of one that counts what goes to that of it.
func (t *trips) counted(test *testing.T, to string) string {
	test.Helper()
	at, err := url.Parse(to)
	if err != nil {
		test.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		test.Fatal(err)
	}
	test.Cleanup(func() { listener.Close() })
	go func(server string) {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			go t.pass(client, server)
		}
	}(at.Host)
	at.Host = listener.Addr().String()
	return at.String()
}

func (t *trips) pass(client net.Conn, server string) {
	defer client.Close()
	behind, err := net.Dial("tcp", server)
	if err != nil {
		return
	}
	defer behind.Close()
	go func() {
		_, _ = io.Copy(client, heard{behind, func() { t.said(true) }})
		_ = client.Close() // the server has no more to say
	}()
	_, _ = io.Copy(behind, heard{client, func() { t.said(false) }})
}

// heard tells that something was read.
type heard struct {
	io.Reader
	read func()
}

func (r heard) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	if n > 0 {
		r.read()
	}
	return n, err
}

// TestALoginCostsNoRoundTrip: what a write requires of a login goes to PostgreSQL with
// the write itself.
func TestALoginCostsNoRoundTrip(t *testing.T) {
	var between trips
	store, err := postgres.Open(t.Context(), postgres.Config{DSN: secrets.Fixed(between.counted(t, servers.PostgreSQL(t)))})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	w := newWorld(t, store, nil)
	of := newPeople(t, w.api, store)
	login := of.known(t, auth.Credential{Scheme: auth.Session, Token: of.logIn(t, core.LoginCookie).Cookie})
	fewest := func(who policy.Principal) int {
		least := 0
		for i := range 20 { // the first prepare their statements, and the pool has its own to say
			between.count()
			if _, err := w.api.Patch(t.Context(), who, "things", "own", []byte(`{"title":"Again"}`), core.How{}); err != nil {
				t.Fatal(err)
			}
			if n := between.count(); i == 0 || n < least {
				least = n
			}
		}
		return least
	}
	if without, with := fewest(boss.principal()), fewest(login); without == 0 || with != without {
		t.Errorf("a PATCH waits %d times for PostgreSQL with a login, and %d times without", with, without)
	} else {
		t.Logf("a PATCH waits %d times", with)
	}
}
