package postgres

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/query"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/core/schema"
	"github.com/portolan-io/portolan/ports/repository"
	"github.com/portolan-io/portolan/ports/secrets"
	"github.com/portolan-io/portolan/test/servers"
)

// counters is a collection of numbers.
func counters(t testing.TB) *schema.Collection {
	t.Helper()
	c, err := schema.New(schema.Spec{Name: "counters", ID: "id", Fields: []schema.FieldSpec{{Name: "id", Type: "int"}, {Name: "n", Type: "int"}}})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// counter is the mutation that puts n into a counter.
func counter(c *schema.Collection, id int, n int64, condition repository.Precondition) repository.Mutation {
	return repository.Mutation{
		Op: repository.Put, Collection: c, ID: record.ID(fmt.Sprint(id)), If: condition,
		Revision: record.Revision(fmt.Sprint("r", n)), Fields: []record.Value{record.Int(int64(id)), record.Int(n)},
	}
}

// faulty returns a store that reaches its database by a way on which things go
// wrong.
func faulty(t *testing.T, cfg Config) (*Store, *servers.Faults, *schema.Collection) {
	t.Helper()
	at, err := url.Parse(servers.PostgreSQL(t))
	if err != nil {
		t.Fatal(err)
	}
	faults := servers.FaultsTo(t, at.Host)
	at.Host = faults.Address
	cfg.DSN = secrets.Fixed(at.String())
	store, err := Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		faults.Restore()
		_ = store.Close()
	})
	c := counters(t)
	if err := store.Ensure(t.Context(), []*schema.Collection{c}); err != nil {
		t.Fatal(err)
	}
	return store, faults, c
}

// TestOutages loses the server in every way there is. What is asked meanwhile is
// fault.Unavailable, or ends with its context; what is asked afterwards succeeds
// without a restart, and what was acknowledged is there.
func TestOutages(t *testing.T) {
	for name, begin := range map[string]func(*servers.Faults){
		"cut":               (*servers.Faults).Cut,
		"reset":             (*servers.Faults).Reset,
		"hang":              (*servers.Faults).Hang,
		"answers cut short": func(f *servers.Faults) { f.Lose(40) },
	} {
		t.Run(name, func(t *testing.T) {
			store, faults, c := faulty(t, Config{MaxConns: 4, AcquireTimeout: 500 * time.Millisecond})
			acknowledged := int64(0)
			write := func(n int64) error {
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				_, err := store.Apply(ctx, []repository.Mutation{counter(c, 1, n, repository.Always)})
				if err == nil {
					acknowledged = n
				}
				return err
			}
			read := func() (int64, error) {
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				rows, err := store.Get(ctx, query.View{Collection: c, Needs: []int{1}}, []record.ID{"1"})
				if err != nil || len(rows) == 0 {
					return 0, err
				}
				return rows[0].Values[0].AsInt(), nil
			}
			if err := write(1); err != nil {
				t.Fatal(err)
			}
			last := int64(1)
			for round := range 2 {
				begin(faults)
				failures := 0
				for range 6 {
					last++
					for _, err := range []error{write(last), func() error { _, err := read(); return err }()} {
						switch {
						case err == nil:
						case fault.KindOf(err) != fault.Unavailable && !errors.Is(err, context.DeadlineExceeded):
							t.Errorf("round %d: got %v, want it unavailable", round, err)
						default:
							failures++
						}
					}
				}
				if failures == 0 {
					t.Errorf("round %d: nothing failed, so nothing was tested", round)
				}
				faults.Restore()
				now, err := read()
				for tries := 0; err != nil && tries < 20; tries++ {
					now, err = read()
				}
				if err != nil || now < acknowledged {
					t.Fatalf("round %d: afterwards there is %d, %v, and %d was acknowledged", round, now, err, acknowledged)
				}
				last++
				err = write(last)
				for tries := 0; err != nil && tries < 4; tries++ { // one for each connection that is broken
					err = write(last)
				}
				if err != nil {
					t.Errorf("round %d: afterwards nothing can be written: %v", round, err)
				}
			}
		})
	}
}

// TestSlow has a server that answers late: what waits longer than it may is told so,
// and its connection serves the next.
func TestSlow(t *testing.T) {
	store, faults, c := faulty(t, Config{MaxConns: 2})
	faults.Delay(300 * time.Millisecond)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := store.Get(ctx, query.View{Collection: c, Needs: []int{1}}, []record.ID{"1"}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want %v", err, context.DeadlineExceeded)
	}
	if _, err := store.Get(t.Context(), query.View{Collection: c, Needs: []int{1}}, []record.ID{"1"}); err != nil {
		t.Errorf("without a deadline: %v", err)
	}
}

// TestExhausted holds all connections: others are told so after a while, and served
// when one is free.
func TestExhausted(t *testing.T) {
	store, _, c := faulty(t, Config{MaxConns: 1, AcquireTimeout: 2 * time.Second})
	if _, err := store.Apply(t.Context(), []repository.Mutation{counter(c, 1, 1, repository.Always)}); err != nil {
		t.Fatal(err)
	}
	held, release := make(chan struct{}), make(chan struct{})
	var running sync.WaitGroup
	running.Go(func() {
		q := query.Query{View: query.View{Collection: c, Needs: []int{0}}, Order: []query.Key{{Field: 0}}, Limit: 5, Scan: 5}
		q.Keep = func([]record.Value) bool {
			close(held)
			<-release
			return true
		}
		if _, err := store.Find(t.Context(), q); err != nil {
			t.Error(err)
		}
	})
	<-held
	_, err := store.Get(t.Context(), query.View{Collection: c}, []record.ID{"1"})
	if f := fault.Of(err); f == nil || f.Code != "connections-exhausted" {
		t.Errorf("got %v, want the code connections-exhausted", err)
	}
	close(release)
	running.Wait()
	if _, err := store.Get(t.Context(), query.View{Collection: c}, []record.ID{"1"}); err != nil {
		t.Error(err)
	}
}

// TestManyWriters has 50 writers count up one record, each by what it read.
func TestManyWriters(t *testing.T) {
	const writers, times = 50, 20
	store, c := openTest(t), counters(t)
	if err := store.Ensure(t.Context(), []*schema.Collection{c}); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Apply(t.Context(), []repository.Mutation{counter(c, 1, 0, repository.Absent)}); err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	for range writers {
		running.Go(func() {
			for done := 0; done < times; {
				rows, err := store.Get(t.Context(), query.View{Collection: c, Needs: []int{1}}, []record.ID{"1"})
				if err == nil {
					_, err = store.Apply(t.Context(), []repository.Mutation{counter(c, 1, rows[0].Values[0].AsInt()+1, repository.At(rows[0].Revision))})
				}
				switch {
				case err == nil:
					done++
				case !errors.Is(err, fault.Stale) && fault.KindOf(err) != fault.Unavailable:
					t.Error(err)
					return
				}
			}
		})
	}
	running.Wait()
	rows, err := store.Get(t.Context(), query.View{Collection: c, Needs: []int{1}}, []record.ID{"1"})
	if err != nil || rows[0].Values[0].AsInt() != writers*times {
		t.Errorf("got %v, %v, want %d", rows, err, writers*times)
	}
}

// TestDeadlock has transactions that lock the same records in opposite orders: all of
// them are stored in the end.
func TestDeadlock(t *testing.T) {
	store, c := openTest(t), counters(t)
	if err := store.Ensure(t.Context(), []*schema.Collection{c}); err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	for writer := range 4 {
		running.Go(func() {
			for n := range 5 {
				batch := []repository.Mutation{counter(c, 1, int64(n), repository.Always), counter(c, 2, int64(n), repository.Always)}
				if writer%2 == 1 {
					batch[0], batch[1] = batch[1], batch[0]
				}
				if _, err := store.Apply(t.Context(), batch); err != nil {
					t.Error(err)
				}
			}
		})
	}
	running.Wait()
}

// TestManyOrders has batches of the same records in whatever orders: none waits for
// another that waits for it, so all are stored.
func TestManyOrders(t *testing.T) {
	store, c := openTest(t), counters(t)
	if err := store.Ensure(t.Context(), []*schema.Collection{c}); err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	for range 8 {
		running.Go(func() {
			for n := range 5 {
				batch := make([]repository.Mutation, 0, 20)
				for _, id := range rand.Perm(50)[:20] {
					batch = append(batch, counter(c, id+1, int64(n), repository.Always))
				}
				if _, err := store.Apply(t.Context(), batch); err != nil {
					t.Error(err)
				}
			}
		})
	}
	running.Wait()
}

// TestOneOfMany has many write the same records in whatever orders: one of them does,
// and the others are told at once why they do not.
func TestOneOfMany(t *testing.T) {
	store, c := openTest(t), counters(t)
	if err := store.Ensure(t.Context(), []*schema.Collection{c}); err != nil {
		t.Fatal(err)
	}
	for n, tt := range []struct {
		condition repository.Precondition
		was       record.Revision
		others    fault.Kind
	}{{repository.Absent, "", fault.Exists}, {repository.At("r0"), "r0", fault.Stale}, {repository.At("r1"), "r1", fault.Stale}} {
		var running sync.WaitGroup
		var written atomic.Int32
		for range 10 {
			running.Go(func() {
				batch := make([]repository.Mutation, 0, 200)
				for _, id := range rand.Perm(200) {
					batch = append(batch, counter(c, id+1, int64(n), tt.condition))
				}
				outcomes, err := store.Apply(t.Context(), batch)
				if err != nil {
					if !errors.Is(err, tt.others) {
						t.Errorf("got %v, want %s", err, tt.others)
					}
					return
				}
				written.Add(1)
				for i, outcome := range outcomes {
					if outcome.Was != tt.was || outcome.Revision != batch[i].Revision {
						t.Errorf("outcome %d: got %+v, want %q after %q", i, outcome, batch[i].Revision, tt.was)
					}
				}
			})
		}
		running.Wait()
		if written.Load() != 1 {
			t.Errorf("%v: %d wrote the records, want 1", tt.condition, written.Load())
		}
	}
}
