package test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/test/servers"
)

// counts are two collections that others write too, of which one may be old.
const counts = `collections:
  loose:
    id: id
    fields: {id: {type: string, max: 40}, n: {type: int}}
    external_writers: true
    cache: {class: bounded, ttl: %v}
    access: {anonymous: {all: true}}
  exact:
    id: id
    fields: {id: {type: string, max: 40}, n: {type: int}}
    external_writers: true
    cache: {class: none}
    access: {anonymous: {all: true}}
`

// A replicated is a server whose store has a replica, and a program that writes past it.
type replicated struct {
	t                *testing.T
	url              string
	primary, standby *pgx.Conn
}

// serveReplicated starts one. Both collections have the record one, whose n is 1.
func serveReplicated(t *testing.T, ttl time.Duration, sections string) *replicated {
	t.Helper()
	dsn := servers.PostgreSQL(t)
	standby := servers.StandbyOf(t, dsn)
	dir := t.TempDir()
	config := write(t, dir, "c.yaml", "service: {listen: \"127.0.0.1:${PORT}\", admin: \"off\", log_level: error, drain_delay: 0s}\n"+
		fmt.Sprintf("repository: {driver: postgres, postgres: {dsn: %q, replica_dsn: %q}}\n", dsn, standby.At(dsn))+sections+fmt.Sprintf(counts, ttl))
	r := &replicated{t: t, url: serve(t, dir, config)}
	for at, conn := range map[string]**pgx.Conn{dsn: &r.primary, standby.At(dsn): &r.standby} {
		opened, err := pgx.Connect(t.Context(), at)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = opened.Close(t.Context()) })
		*conn = opened
	}
	for _, name := range []string{"loose", "exact"} {
		ask(t, http.MethodPut, r.url+"/v1/"+name+"/one", `{"n":1}`, http.StatusCreated)
	}
	return r
}

// n returns that of the record one, and what the cache had to do with it.
func (r *replicated) n(collection string) (n int64, cache string) {
	r.t.Helper()
	text, head := ask(r.t, http.MethodGet, r.url+"/v1/"+collection+"/one", "", http.StatusOK)
	var one struct{ N int64 }
	if err := json.Unmarshal([]byte(text), &one); err != nil {
		r.t.Fatal(err)
	}
	return one.N, head.Get("Cache-Status")
}

// past writes n past the server.
func (r *replicated) past(collection string, n int64) {
	r.t.Helper()
	if _, err := r.primary.Exec(r.t.Context(), "UPDATE "+collection+" SET n = $1, _rev = $2", n, string(record.NewRevision(time.Now()))); err != nil {
		r.t.Fatal(err)
	}
}

// replay has the replica replay what the primary does, or not.
func (r *replicated) replay(on bool) {
	r.t.Helper()
	function := map[bool]string{true: "pg_wal_replay_resume", false: "pg_wal_replay_pause"}[on]
	if _, err := r.standby.Exec(r.t.Context(), "SELECT "+function+"()"); err != nil {
		r.t.Fatal(err)
	}
}

// fallsBehind has the replica stop at n, and the primary go on to n+1.
func (r *replicated) fallsBehind(n int64) {
	r.t.Helper()
	r.replay(true)
	r.past("loose", n)
	for seen, asked := int64(0), 0; seen != n; asked++ {
		err := r.standby.QueryRow(r.t.Context(), "SELECT n FROM loose").Scan(&seen) // there may be no such table yet
		if asked > 5000 {
			r.t.Fatalf("the replica is at %d, %v", seen, err)
		}
		time.Sleep(2 * time.Millisecond)
	}
	time.Sleep(time.Duration(n) * 10 * time.Millisecond) // longer each time: the server must have asked the primary meanwhile
	r.replay(false)
	r.past("loose", n+1)
}

// TestReplica: a server reads from the replica what may be old, and nothing else, and
// shows what it wrote itself at once.
func TestReplica(t *testing.T) {
	r := serveReplicated(t, time.Hour, "")
	shows := int64(10)
	for r.fallsBehind(shows); ; r.fallsBehind(shows) {
		n, cache := r.n("loose")
		if n == shows {
			if cache != "Portolan; fwd=bypass; detail=off" {
				t.Errorf("without a cache the answer says %q", cache)
			}
			break
		}
		if shows += 10; shows > 200 {
			t.Fatal("the server does not read from the replica")
		}
	}
	r.past("exact", 2)
	if n, _ := r.n("exact"); n != 2 {
		t.Errorf("what is to be exact is %d, want 2", n)
	}
	if n, _ := r.n("loose"); n != shows {
		t.Errorf("what may be an hour old is %d, want %d from the replica", n, shows)
	}
	ask(t, http.MethodPatch, r.url+"/v1/loose/one", `{"n":3}`, http.StatusOK)
	if n, _ := r.n("loose"); n != 3 {
		t.Errorf("behind a write the answer is %d, want 3", n)
	}
	r.replay(true)
}

// TestReplicaBehindACache reads through the cache while somebody writes past the server
// and the replica falls behind: no answer is older than its ttl in all.
func TestReplicaBehindACache(t *testing.T) {
	const ttl = time.Second
	r := serveReplicated(t, ttl, "cache: {driver: bigcache}\n")
	hits, misses := 0, 0
	written := []time.Time{1: time.Now()}
	for round := int64(2); hits < 200 || misses < 12; round++ {
		if round > 5000 {
			t.Fatalf("%d hits and %d misses in %d rounds", hits, misses, round)
		}
		switch round % 200 {
		case 60:
			r.replay(false)
		case 160:
			r.replay(true)
		}
		r.past("loose", round)
		written = append(written, time.Now())
		called := time.Now()
		n, cache := r.n("loose")
		if next := n + 1; next < int64(len(written)) && written[next].Before(called.Add(-ttl)) {
			t.Errorf("round %d: %d was written %v before, and the answer is %d (%s)", round, next, called.Sub(written[next]), n, cache)
		}
		if cache == "Portolan; hit; detail=bounded" {
			hits++
		} else {
			misses++
		}
		time.Sleep(10 * time.Millisecond)
	}
	r.replay(true)
}
