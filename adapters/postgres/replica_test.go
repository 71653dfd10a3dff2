package postgres

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/portolan-io/portolan/core/query"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/core/schema"
	"github.com/portolan-io/portolan/ports/repository"
	"github.com/portolan-io/portolan/ports/secrets"
	"github.com/portolan-io/portolan/test/servers"
)

// often is how often tests sample, so that they need not wait long.
const often = 10 * time.Millisecond

// A pair is a store with a replica, and a store of somebody else over the same
// database, whose writes the first knows nothing of.
type pair struct {
	*Store
	t       *testing.T
	other   *Store
	c       *schema.Collection
	dsn, at string // of the primary and the replica
	standby *servers.Standby
}

// openPair returns stores over a new database in which counter 1 is 1.
func openPair(t *testing.T, cfg Config) *pair {
	t.Helper()
	p := &pair{t: t, c: counters(t), dsn: servers.PostgreSQL(t)}
	p.standby = servers.StandbyOf(t, p.dsn)
	p.at = p.standby.At(p.dsn)
	p.other = openAt(t, p.dsn)
	if err := p.other.Ensure(t.Context(), []*schema.Collection{p.c}); err != nil {
		t.Fatal(err)
	}
	write(t, p.other, p.c, 1)
	cfg.DSN, cfg.every = secrets.Fixed(p.dsn), often
	if cfg.ReplicaDSN == nil {
		cfg.ReplicaDSN = secrets.Fixed(p.at)
	}
	var err error
	if p.Store, err = Open(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close() })
	return p
}

// write puts n into counter 1.
func write(t testing.TB, s *Store, c *schema.Collection, n int64) {
	t.Helper()
	if _, err := s.Apply(t.Context(), []repository.Mutation{counter(c, 1, n, repository.Always)}); err != nil {
		t.Fatal(err)
	}
}

// answers returns what counter 1 is by every way to ask.
func (p *pair) answers(stale time.Duration) (answers [4]int64) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), 20*time.Second)
	defer cancel()
	view := query.View{Collection: p.c, Needs: []int{1}, Stale: stale}
	many := []record.ID{"1"}
	for i := range maxMany {
		many = append(many, record.ID(fmt.Sprint(i+2)))
	}
	for i, ids := range [][]record.ID{{"1"}, many} {
		rows, err := p.Get(ctx, view, ids)
		if err != nil || len(rows) != 1 {
			p.t.Fatalf("Get of %d: got %d rows and %v", len(ids), len(rows), err)
		}
		answers[i] = rows[0].Values[0].AsInt()
	}
	page, err := p.Find(ctx, query.Query{View: view, Order: []query.Key{{Field: 0}}, Limit: 10})
	if err != nil || len(page.Rows) != 1 {
		p.t.Fatalf("Find: got %d rows and %v", len(page.Rows), err)
	}
	answers[2] = page.Rows[0].Values[0].AsInt()
	groups, err := p.Aggregate(ctx, query.Aggregation{
		Collection: p.c, Measures: []query.Measure{{Func: query.Maximum, Field: 1}}, Limit: 1, Stale: stale,
	})
	if err != nil {
		p.t.Fatal(err)
	}
	answers[3] = groups[0].Measures[0].AsInt()
	return answers
}

// maxMany is more ids than one statement asks for.
const maxMany = 600

// all is the answer n, by every way to ask.
func all(n int64) [4]int64 { return [4]int64{n, n, n, n} }

// want asks in every way.
func (p *pair) want(what string, stale time.Duration, n int64) {
	p.t.Helper()
	if got := p.answers(stale); got != all(n) {
		p.t.Errorf("%s: got %v, want %d everywhere", what, got, n)
	}
}

// until waits until something is so.
func until(t testing.TB, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(60 * time.Second); !is(); time.Sleep(often) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain until %s", what)
		}
	}
}

// settle waits until the replica answers in every way, and says n.
func (p *pair) settle(n int64) {
	p.t.Helper()
	until(p.t, fmt.Sprintf("the replica says %d", n), func() bool {
		before := p.engine.replica.answered.Load()
		return p.answers(time.Hour) == all(n) && p.engine.replica.answered.Load() == before+4
	})
}

// replay has the replica replay what the primary does, or not.
func (p *pair) replay(on bool) {
	p.t.Helper()
	if on {
		byHand(p.t, p.at, "SELECT pg_wal_replay_resume()")
		return
	}
	byHand(p.t, p.at, "SELECT pg_wal_replay_pause()")
	until(p.t, "replay is paused", func() bool { return byHand(p.t, p.at, "SELECT pg_get_wal_replay_pause_state()") == "paused" })
}

// TestReplica: what may be stale is the replica's, and nothing else is. What this store
// wrote is seen at once, and what others wrote in time.
func TestReplica(t *testing.T) {
	p := openPair(t, Config{})
	r := p.engine.replica
	if !p.Capabilities().Replica || p.other.Capabilities().Replica {
		t.Error("the capabilities do not tell which store has a replica")
	}
	if _, ok := p.Pools()["postgres_replica"]; !ok {
		t.Error("the replica's pool has no figures")
	}
	p.settle(1)
	p.replay(false)
	write(t, p.other, p.c, 2)
	answered, declined := r.answered.Load(), r.declined.Load()
	p.want("without Stale", 0, 2)
	if r.answered.Load() != answered || r.declined.Load() != declined {
		t.Error("a read without Stale asked the replica")
	}
	p.settle(1)
	p.want("that may be a nanosecond old", 1, 2)
	until(t, "the replica is too far behind", func() bool { return p.answers(100*time.Millisecond) == all(2) })
	for range 20 {
		p.want("that may be less old than the replica is", 100*time.Millisecond, 2)
	}
	p.settle(1)

	others, err := schema.New(schema.Spec{Name: "others", ID: "id", Fields: []schema.FieldSpec{{Name: "id", Type: "int"}, {Name: "n", Type: "int"}}})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Ensure(t.Context(), []*schema.Collection{others}); err != nil {
		t.Fatal(err)
	}
	if rows, err := p.Get(t.Context(), query.View{Collection: others, Stale: time.Hour}, []record.ID{"1"}); err != nil || len(rows) > 0 {
		t.Errorf("a table that the replica does not have: got %v, %v", rows, err)
	}
	until(t, "the replica is asked again", func() bool { return p.answers(time.Hour) == all(1) })
	write(t, p.Store, others, 7)
	p.settle(1) // that was another collection
	for i, own := range []struct {
		name  string
		write func(n int64) (seen int64)
	}{
		{"a write", func(n int64) int64 {
			write(t, p.Store, p.c, n)
			return n
		}},
		{"a write that failed", func(n int64) int64 {
			if _, err := p.Apply(t.Context(), []repository.Mutation{counter(p.c, 1, n, repository.Absent)}); err == nil {
				t.Error("a record that is there was created")
			}
			return n - 1
		}},
		{"a Load", func(n int64) int64 {
			run := fmt.Sprintf("run%d-", n)
			row := record.Record{ID: "1", Revision: record.Revision(run), Fields: []record.Value{record.Int(1), record.Int(n)}}
			if _, err := p.Load(t.Context(), repository.Load{Collection: p.c, Run: run, Rows: []record.Record{row}}); err != nil {
				t.Fatal(err)
			}
			return n
		}},
		{"what goes with a Load", func(n int64) int64 {
			run := fmt.Sprintf("run%d-", n)
			row := record.Record{ID: "2", Revision: record.Revision(run), Fields: []record.Value{record.Int(2), record.Int(n)}}
			mark := func(int, []int) []repository.Mutation {
				return []repository.Mutation{counter(p.c, 1, n, repository.Always)}
			}
			if _, err := p.Load(t.Context(), repository.Load{Collection: others, Run: run, Rows: []record.Record{row}, Mark: mark}); err != nil {
				t.Fatal(err)
			}
			return n
		}},
	} {
		n := int64(10 * (i + 1))
		p.replay(true)
		write(t, p.other, p.c, n)
		p.settle(n)
		p.replay(false)
		write(t, p.other, p.c, n+1)
		p.settle(n)
		seen := own.write(n + 2)
		for range 20 {
			p.want("behind "+own.name, time.Hour, seen)
		}
	}
	p.replay(true)
}

// TestReplicaIdle: what is in the primary's log, and nobody commits, keeps no replica from
// being read.
func TestReplicaIdle(t *testing.T) {
	p := openPair(t, Config{})
	p.settle(1)
	holder, err := p.other.engine.pool.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer holder.Release()
	if _, err := holder.Exec(t.Context(), "BEGIN; INSERT INTO counters (id, n, _rev) VALUES (2, 1, 'x')"); err != nil {
		t.Fatal(err)
	}
	defer func() { _, _ = holder.Exec(context.WithoutCancel(t.Context()), "ROLLBACK") }()
	const stale = 500 * time.Millisecond
	time.Sleep(2 * stale)
	before := p.engine.replica.answered.Load()
	for range 10 {
		p.want("beside what is not committed", stale, 1)
	}
	if p.engine.replica.answered.Load() == before {
		t.Error("the replica answers nothing")
	}
}

// acknowledged are when the write of each n had returned.
type acknowledged struct {
	mu sync.Mutex
	at []time.Time
}

func (a *acknowledged) add() (n int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.at = append(a.at, time.Now())
	return int64(len(a.at))
}

// after returns when the write behind that of n had returned, if it has.
func (a *acknowledged) after(n int64) (at time.Time, ok bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if n+1 < int64(len(a.at)) {
		return a.at[n+1], true
	}
	return at, false
}

// TestReplicaIsNeverTooOld reads while somebody else writes and the replica falls behind
// and catches up: every answer shows all that was acknowledged long enough before.
func TestReplicaIsNeverTooOld(t *testing.T) {
	p := openPair(t, Config{})
	p.settle(1)
	const stale, enough = 150 * time.Millisecond, 300
	r, known := p.engine.replica, acknowledged{at: make([]time.Time, 2)} // of 0 and 1 nobody asks
	ctx, end := context.WithCancel(t.Context())
	written := make(chan struct{})
	go func() {
		defer close(written)
		for n := int64(2); ctx.Err() == nil; {
			if _, err := p.other.Apply(ctx, []repository.Mutation{counter(p.c, 1, n, repository.Always)}); err == nil {
				n = known.add()
			}
		}
	}()
	paused, reads := false, 0
	for ; r.answered.Load() < enough || r.declined.Load() < enough; reads++ {
		if reads > 200_000 {
			t.Fatalf("of %d reads the replica answered %d and declined %d", reads, r.answered.Load(), r.declined.Load())
		}
		if turn := reads % 300; turn == 100 || turn == 250 {
			paused = !paused
			p.replay(!paused)
		}
		called := time.Now()
		rows, err := p.Get(ctx, query.View{Collection: p.c, Needs: []int{1}, Stale: stale}, []record.ID{"1"})
		if err != nil {
			t.Fatal(err)
		}
		got := rows[0].Values[0].AsInt()
		if at, ok := known.after(got); ok && at.Before(called.Add(-stale)) {
			t.Errorf("read %d: %d was acknowledged %v before, and the answer is %d", reads, got+1, called.Sub(at), got)
		}
	}
	end()
	<-written
	t.Logf("of %d reads the replica answered %d, and declined %d", reads, r.answered.Load(), r.declined.Load())
}
