package postgres

import (
	"context"
	"errors"
	"net/url"
	"testing"
	"time"

	"github.com/portolan-io/portolan/core/query"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/core/schema"
	"github.com/portolan-io/portolan/ports/repository"
	"github.com/portolan-io/portolan/ports/secrets"
	"github.com/portolan-io/portolan/test/servers"
)

// TestWrites: a write counts for all that it may have changed, whatever that is called.
func TestWrites(t *testing.T) {
	table := func(name string, unmanaged bool) *schema.Collection {
		c, err := schema.New(schema.Spec{
			Name: "of_a_table", Table: schema.Table{Name: name, Unmanaged: unmanaged}, ID: "id",
			Fields: []schema.FieldSpec{{Name: "id", Type: "int"}},
		})
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	for _, tt := range []struct {
		wrote, read *schema.Collection
		counts      bool
	}{
		{table("a", false), table("a", false), true},
		{table("a", false), table("public.a", false), true},
		{table("public.a", false), table("a", false), true},
		{table("a", false), table("b", false), false},
		{table("a", false), table("b", true), true},
		{table("a", true), table("a", true), true},
		{table("a", true), table("b", true), true},
		{table("a", true), table("b", false), true},
	} {
		var w writes
		now := time.Now()
		w.note([]*schema.Collection{tt.wrote}, now)
		w.note([]*schema.Collection{tt.wrote}, now.Add(-time.Second)) // of a call that returned later, of which less is in doubt
		want := time.Time{}
		if tt.counts {
			want = now
		}
		if got := w.last(tt.read); !got.Equal(want) {
			t.Errorf("a write of %+v, and a read of %+v: it was written until %v, want %v", tt.wrote.Table, tt.read.Table, got, want)
		}
	}
}

// TestReplicaDoubt: a write whose end nobody knows may be stored when it has returned for
// long, and is seen then. One that the server refused is not waited for.
func TestReplicaDoubt(t *testing.T) {
	p := openPair(t, Config{})
	at, err := url.Parse(p.dsn)
	if err != nil {
		t.Fatal(err)
	}
	faults := servers.FaultsTo(t, at.Host)
	at.Host = faults.Address
	const longest = 20 * time.Second
	p.Store = reopened(t, p, Config{
		DSN: secrets.Fixed(at.String()), ReplicaDSN: secrets.Fixed(p.at), every: often, LockTimeout: longest, StatementTimeout: longest,
	})
	p.settle(1)
	holder, err := p.other.engine.pool.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer holder.Release()
	by := func(text string) {
		t.Helper()
		if _, err := holder.Exec(context.WithoutCancel(t.Context()), text); err != nil {
			t.Fatal(err)
		}
	}
	by("BEGIN")
	by("INSERT INTO counters (id, n, _rev) VALUES (2, 1, 'x')")
	waits := func(ctx context.Context) error {
		_, err := p.Apply(ctx, []repository.Mutation{counter(p.c, 2, 7, repository.Always)})
		if err == nil {
			t.Fatal("a record was stored that another transaction holds")
		}
		return err
	}
	last := func() time.Time { return p.engine.replica.writes.last(p.c) }

	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if err := waits(ctx); !errors.Is(err, context.DeadlineExceeded) || last().After(time.Now()) {
		t.Errorf("got %v, and it may be stored for %v: the server has ended it", err, time.Until(last()))
	}
	p.settle(1)

	time.AfterFunc(300*time.Millisecond, faults.Cut)
	err = waits(t.Context())
	if left := time.Until(last()); left < longest || left > 3*longest+settlesIn {
		t.Errorf("%v, and it may be stored for %v", err, left)
	}
	time.Sleep(300 * time.Millisecond) // the request to cancel it gets lost, too
	faults.Restore()
	has := func(stale time.Duration) bool {
		t.Helper()
		rows, err := p.Get(t.Context(), query.View{Collection: p.c, Stale: stale}, []record.ID{"2"})
		if err != nil {
			t.Fatal(err)
		}
		return len(rows) == 1
	}
	until(t, "the primary is asked again", func() bool { return time.Since(p.engine.replica.samples.newest()) < 5*often })
	p.replay(false)
	by("ROLLBACK")
	until(t, "it is stored", func() bool { return has(0) })
	for range 20 {
		if !has(time.Hour) {
			t.Fatal("it is stored, and what may be old does not have it")
		}
		time.Sleep(often)
	}
	p.replay(true)
}
