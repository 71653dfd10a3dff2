package postgres

import (
	"context"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/query"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/ports/repository"
	"github.com/portolan-io/portolan/ports/repository/repositorytest"
	"github.com/portolan-io/portolan/ports/secrets"
	"github.com/portolan-io/portolan/test/servers"
)

// staleReads is a store whose reads may all be stale. It waits until the replica can
// answer them, as far as it will.
type staleReads struct{ *Store }

func (s staleReads) Get(ctx context.Context, view query.View, ids []record.ID) ([]record.Row, error) {
	s.wait(ctx, view)
	view.Stale = max(view.Stale, time.Hour)
	return s.Store.Get(ctx, view, ids)
}

func (s staleReads) Find(ctx context.Context, q query.Query) (repository.Page, error) {
	s.wait(ctx, q.View)
	q.Stale = max(q.Stale, time.Hour)
	return s.Store.Find(ctx, q)
}

func (s staleReads) Aggregate(ctx context.Context, a query.Aggregation) ([]query.Group, error) {
	s.wait(ctx, query.View{Collection: a.Collection, Stale: a.Stale})
	a.Stale = max(a.Stale, time.Hour)
	return s.Store.Aggregate(ctx, a)
}

// wait waits a little until there is a sample behind the last write, if the caller
// itself does not ask for what may be stale.
func (s staleReads) wait(ctx context.Context, view query.View) {
	r := s.engine.replica
	for range 20 {
		if view.Collection == nil {
			return // of a call that is wrong
		}
		n := need{called: time.Now(), stale: time.Hour, wrote: r.writes.last(view.Collection)}
		if view.Stale > 0 || ctx.Err() != nil || s.engine.Closed() || n.meets(r.samples.newest()) {
			return
		}
		time.Sleep(r.every)
	}
}

// TestContractReplica runs the suite over a store that reads from the replica what it
// can. Each case has a schema of its own.
func TestContractReplica(t *testing.T) {
	dsn := servers.PostgreSQL(t)
	standby := servers.StandbyOf(t, dsn)
	at := standby.At(dsn)
	admin := openAt(t, dsn)
	var answered, declined int64
	repositorytest.Run(t, func(t *testing.T) repository.Store {
		fresh, err := admin.Scratch(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = fresh.Close() })
		cfg := fresh.(*scratch).cfg
		cfg.ReplicaDSN, cfg.every = secrets.Fixed(at), 2*time.Millisecond
		until(t, "the replica has the schema", func() bool {
			return byHand(t, at, "SELECT to_regnamespace('"+cfg.schema+"') IS NOT NULL") == "t"
		})
		store, err := Open(t.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			_ = store.Close()
			answered += store.engine.replica.answered.Load()
			declined += store.engine.replica.declined.Load()
		})
		return staleReads{store}
	})
	t.Logf("the replica answered %d reads, and declined %d", answered, declined)
	if answered < 1000 || declined < 100 {
		t.Errorf("the replica answered %d reads and declined %d, which proves little", answered, declined)
	}
}

// TestReplicaAway stops the replica: no read fails, and it is used again when it is back.
func TestReplicaAway(t *testing.T) {
	p := openPair(t, Config{})
	for n := int64(1); n < 3; n++ {
		p.settle(n)
		p.standby.Stop()
		write(t, p.other, p.c, n+1)
		for range 20 {
			p.want("without the replica", time.Hour, n+1)
		}
		p.standby.Start()
	}
	p.settle(3)
}

// TestReplicaFaults loses the replica in every other way.
func TestReplicaFaults(t *testing.T) {
	var faults *servers.Faults
	p := openPair(t, Config{MaxConns: 4, ReplicaDSN: func(context.Context) (string, error) { return "postgres://127.0.0.1:1/away", nil }})
	at, err := url.Parse(p.at)
	if err != nil {
		t.Fatal(err)
	}
	faults = servers.FaultsTo(t, at.Host)
	at.Host = faults.Address
	p.Store = reopened(t, p, Config{DSN: secrets.Fixed(p.dsn), ReplicaDSN: secrets.Fixed(at.String()), MaxConns: 4, every: often})
	for name, begin := range map[string]func(){
		"cut": faults.Cut, "reset": faults.Reset, "hang": faults.Hang, "answers cut short": func() { faults.Lose(40) },
	} {
		p.settle(1)
		begin()
		for range 8 {
			ctx, cancel := context.WithTimeout(t.Context(), 4*time.Second)
			rows, err := p.Get(ctx, query.View{Collection: p.c, Stale: time.Hour}, []record.ID{"1"})
			cancel()
			if err != nil || len(rows) != 1 {
				t.Errorf("%s: got %d rows, %v", name, len(rows), err)
			}
		}
		faults.Restore()
	}
	p.settle(1)
}

// reopened opens a store anew.
func reopened(t *testing.T, p *pair, cfg Config) *Store {
	t.Helper()
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	store, err := Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	return store
}

// TestReplicaPromoted makes the replica a primary of its own, and writes to it: nobody is
// told of that.
func TestReplicaPromoted(t *testing.T) {
	p := openPair(t, Config{})
	p.settle(1)
	byHand(t, p.at, "SELECT pg_promote()")
	byHand(t, p.at, "UPDATE counters SET n = 99")
	before := p.engine.replica.answered.Load()
	for range 50 {
		p.want("beside a replica that was promoted", time.Hour, 1)
	}
	p.engine.replica.pool.Reset() // who connects anew is not taken in either
	p.engine.replica.rests.Store(nil)
	p.want("behind a new connection to it", time.Hour, 1)
	if got := p.engine.replica.answered.Load(); got != before {
		t.Errorf("it answered %d reads", got-before)
	}
}

// TestReplicaRepointed has the replica follow another server, which was a replica and is
// a primary beside the first one now. Nobody is told of that, and its log is ahead of none.
func TestReplicaRepointed(t *testing.T) {
	p := openPair(t, Config{})
	p.settle(1)
	rival := servers.StandbyOf(t, p.dsn).At(p.dsn)
	at, err := url.Parse(rival)
	if err != nil {
		t.Fatal(err)
	}
	byHand(t, rival, "SELECT pg_promote()")
	byHand(t, rival, "UPDATE counters SET n = 99")
	byHand(t, p.at, "ALTER SYSTEM SET primary_conninfo = 'host="+at.Hostname()+" port="+at.Port()+" user="+at.User.Username()+"'")
	byHand(t, p.at, "SELECT pg_reload_conf()")
	until(t, "the replica has what the rival has", func() bool { return byHand(t, p.at, "SELECT n FROM counters") == "99" })
	byHand(t, p.dsn, "CREATE TABLE filler AS SELECT generate_series(1, 20000)")
	time.Sleep(5 * often)
	r := p.engine.replica
	before := r.answered.Load()
	for range 20 {
		p.want("beside a replica of another primary", time.Hour, 1)
		r.rests.Store(nil)
		time.Sleep(2 * often)
	}
	if got := r.answered.Load(); got != before {
		t.Errorf("it answered %d reads", got-before)
	}
}

// TestReplicaAtWork: who finds all connections to the replica at work does not wait.
func TestReplicaAtWork(t *testing.T) {
	p := openPair(t, Config{MaxConns: 1})
	p.settle(1)
	held, release := make(chan struct{}), make(chan struct{})
	var running sync.WaitGroup
	running.Go(func() {
		q := query.Query{View: query.View{Collection: p.c, Needs: []int{0}, Stale: time.Hour}, Order: []query.Key{{Field: 0}}, Limit: 5, Scan: 5}
		q.Keep = func([]record.Value) bool {
			close(held)
			<-release
			return true
		}
		if _, err := p.Find(t.Context(), q); err != nil {
			t.Error(err)
		}
	})
	<-held
	p.want("while the replica is at work", time.Hour, 1)
	close(release)
	running.Wait()
	p.settle(1)
}

// TestReplicaRefusal: that a query asks for too much is an answer.
func TestReplicaRefusal(t *testing.T) {
	p := openPair(t, Config{})
	if _, err := p.other.Apply(t.Context(), []repository.Mutation{counter(p.c, 2, 1, repository.Always)}); err != nil {
		t.Fatal(err)
	}
	tooMany := func() string {
		_, err := p.Aggregate(t.Context(), query.Aggregation{Collection: p.c, GroupBy: []int{0}, Limit: 1, Stale: time.Hour})
		if f := fault.Of(err); f != nil {
			return f.Code
		}
		return ""
	}
	until(t, "the replica refuses", func() bool {
		before := p.engine.replica.answered.Load()
		return tooMany() == "too-many-groups" && p.engine.replica.answered.Load() == before+1
	})
}
