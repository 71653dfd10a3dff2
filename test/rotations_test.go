package test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
	goredis "github.com/redis/go-redis/v9"

	"github.com/portolan-io/portolan/test/servers"
)

const rotatedConfig = `service: {listen: "127.0.0.1:${PORT}", admin: off, instances: many, cursor_key: secret://cursors}
secrets: {driver: file, file: {dir: secrets}}
repository: {driver: postgres, postgres: {dsn: secret://dsn, max_conns: 4}}
cache: {driver: redis, redis: {url: secret://redis}}
collections:
  things:
    id: id
    fields: {id: {type: string, max: 32}, n: {type: int}}
    access: {anonymous: {all: true}}
`

// TestCredentialsOfServersRotate gives the server another user of PostgreSQL and another
// password of Redis while clients read and write: no request fails, and when all connections
// are ended it goes on with the new ones, although the old ones let nobody in any more.
// PORTOLAN_TEST_ROTATIONS is how many requests there are at least.
func TestCredentialsOfServersRotate(t *testing.T) {
	dsn, at := servers.PostgreSQL(t), servers.Redis(t)
	admin, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = admin.Close(context.Background()) })
	postgres := func(statement string) {
		t.Helper()
		if _, err := admin.Exec(context.WithoutCancel(t.Context()), statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
	cache := goredis.NewClient(&goredis.Options{Addr: at})
	t.Cleanup(func() { _ = cache.Close() })
	redis := func(args ...any) {
		t.Helper()
		if err := cache.Do(t.Context(), args...).Err(); err != nil {
			t.Fatalf("%v: %v", args, err)
		}
	}
	const user = "rotated_user_"
	as := func(n int) string {
		address, err := url.Parse(dsn)
		if err != nil {
			t.Fatal(err)
		}
		address.User = url.User(user + strconv.Itoa(n))
		return address.String()
	}
	dir := t.TempDir()
	if err := os.Mkdir(dir+"/secrets", 0o700); err != nil {
		t.Fatal(err)
	}
	keep := func(name, text string) { // beside, and then in its place
		t.Helper()
		write(t, dir, "next", text)
		if err := os.Rename(dir+"/next", dir+"/secrets/"+name); err != nil {
			t.Fatal(err)
		}
	}
	for n := range 2 {
		postgres(fmt.Sprintf("CREATE ROLE %s%d LOGIN SUPERUSER", user, n))
		t.Cleanup(func() { postgres(fmt.Sprintf("DROP ROLE %s%d", user, n)) })
	}
	redis("ACL", "SETUSER", "rotated", "on", ">first", "~*", "&*", "+@all")
	keep("dsn", as(0))
	keep("redis", "redis://rotated:first@"+at)
	keep("cursors", "q7Vw2mKx9Tn4Rb8Yc6Ld3Hf5Js1Gz0Pa")
	t.Cleanup(func() { // its tables are the user's, who is dropped then
		postgres(fmt.Sprintf("REASSIGN OWNED BY %s0, %s1 TO CURRENT_USER", user, user))
	})
	server := serve(t, dir, write(t, dir, "portolan.yaml", rotatedConfig))

	under := &requests{t: t, server: server, least: 1000}
	if more, err := strconv.ParseInt(os.Getenv("PORTOLAN_TEST_ROTATIONS"), 10, 64); err == nil {
		under.least = more
	}
	end := under.begin()
	under.more(under.least / 4)
	keep("dsn", as(1))
	redis("ACL", "SETUSER", "rotated", ">second")
	keep("redis", "redis://rotated:second@"+at)
	under.more(under.least / 4)
	postgres(fmt.Sprintf("ALTER ROLE %s0 NOLOGIN", user))
	redis("ACL", "SETUSER", "rotated", "<first")
	under.more(under.least / 4)
	redis("CLIENT", "KILL", "USER", "rotated") // a cache that breaks off fails no request
	under.more(under.least / 4)
	end()
	t.Logf("%d requests while credentials rotated", under.sent.Load())

	postgres(fmt.Sprintf("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename LIKE '%s%%'", user))
	status := 0
	for i := 0; i < 200 && status != http.StatusCreated; i++ { // a connection that is broken off says so once
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPut, server+"/v1/things/last", strings.NewReader(`{"n":1}`))
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Content-Type", "application/json")
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		status = response.StatusCode
	}
	if status != http.StatusCreated {
		t.Errorf("over new connections a write is answered with %d", status)
	}
	var who string
	if err := admin.QueryRow(t.Context(), "SELECT string_agg(DISTINCT usename, ',') FROM pg_stat_activity WHERE usename LIKE $1", user+"%").Scan(&who); err != nil || who != user+"1" {
		t.Errorf("the connections are of %q, %v", who, err)
	}
}

// requests are sent by four clients, each of which writes and reads a record of its own.
type requests struct {
	t      *testing.T
	server string
	least  int64
	sent   atomic.Int64
	grew   sync.Cond
}

// begin begins to send, until the returned function is called.
func (r *requests) begin() (end func()) {
	r.grew.L = &sync.Mutex{}
	done := make(chan struct{})
	var clients sync.WaitGroup
	for c := range 4 {
		clients.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-done:
					return
				default:
				}
				r.write(c, n)
				r.read(c, n)
			}
		})
	}
	return func() {
		close(done)
		clients.Wait()
	}
}

func (r *requests) write(c, n int) {
	request, err := http.NewRequest(http.MethodPut, fmt.Sprintf("%s/v1/things/t%d", r.server, c), strings.NewReader(fmt.Sprintf(`{"n":%d}`, n)))
	if err != nil {
		r.t.Error(err)
		return
	}
	request.Header.Set("Content-Type", "application/json")
	r.wants(request, "")
}

func (r *requests) read(c, n int) {
	request, err := http.NewRequest(http.MethodGet, fmt.Sprintf("%s/v1/things/t%d", r.server, c), nil)
	if err != nil {
		r.t.Error(err)
		return
	}
	r.wants(request, fmt.Sprintf(`"n":%d}`, n))
}

func (r *requests) wants(request *http.Request, holds string) {
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		r.t.Error(err)
		return
	}
	said, err := io.ReadAll(response.Body)
	_ = response.Body.Close()
	if err != nil || response.StatusCode >= http.StatusMultipleChoices || !strings.Contains(string(said), holds) {
		r.t.Errorf("%s %s: %s, %v: %s, want %s", request.Method, request.URL.Path, response.Status, err, said, holds)
	}
	r.grew.L.Lock()
	r.sent.Add(1)
	r.grew.L.Unlock()
	r.grew.Broadcast()
}

// more waits until so many more were sent.
func (r *requests) more(n int64) {
	r.grew.L.Lock()
	defer r.grew.L.Unlock()
	for until := r.sent.Load() + n; r.sent.Load() < until; {
		r.grew.Wait()
	}
}
