package postgres

import (
	"context"
	"crypto/rand"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/portolan-io/portolan/core/query"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/core/schema"
	"github.com/portolan-io/portolan/ports/repository"
	"github.com/portolan-io/portolan/ports/secrets"
	"github.com/portolan-io/portolan/test/servers"
)

// TestRotation goes from one user to another while a thousand reads and writes come, and
// takes the first one's right to connect then: none fails, and new connections are the
// second one's.
func TestRotation(t *testing.T) {
	dsn := servers.PostgreSQL(t)
	admin, c := openAt(t, dsn), counters(t)
	do := func(statement string) {
		t.Helper()
		if _, err := admin.engine.db.ExecContext(context.WithoutCancel(t.Context()), statement); err != nil {
			t.Fatal(err)
		}
	}
	name := "rotating_" + strings.ToLower(rand.Text())
	for _, user := range []string{name + "_1", name + "_2"} {
		do("CREATE ROLE " + user + " LOGIN PASSWORD '" + user + "'")
		t.Cleanup(func() { do("DROP OWNED BY " + user + "; DROP ROLE " + user) })
	}
	do("GRANT " + name + "_1 TO " + name + "_2")
	do("GRANT CREATE, USAGE ON SCHEMA public TO " + name + "_1")
	as := func(user string) string {
		at, err := url.Parse(dsn)
		if err != nil {
			t.Fatal(err)
		}
		at.User = url.UserPassword(user, user)
		return at.String()
	}
	var now atomic.Value
	now.Store(as(name + "_1"))
	store, err := Open(t.Context(), Config{DSN: secrets.Value(func(context.Context) (string, error) { return now.Load().(string), nil })})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	if err := store.Ensure(t.Context(), []*schema.Collection{c}); err != nil {
		t.Fatal(err)
	}
	use(t, store, c, func() {
		now.Store(as(name + "_2"))
		store.engine.pool.Reset()
		do("ALTER ROLE " + name + "_1 NOLOGIN")
		store.engine.pool.Reset()
	})
	var left int
	if err := admin.engine.db.QueryRowContext(t.Context(), "SELECT count(*) FROM pg_stat_activity WHERE usename = $1", name+"_2").Scan(&left); err != nil || left == 0 {
		t.Errorf("the second user has %d connections, %v", left, err)
	}
	now.Store(as(name + "_1"))
	if gone, err := Open(t.Context(), Config{DSN: secrets.Fixed(as(name + "_1"))}); err == nil {
		_ = gone.Close()
		t.Error("the first user may still connect, so nothing was shown")
	}
}

// use reads and writes a thousand times, by four at once, while change happens.
func use(t *testing.T, store *Store, c *schema.Collection, change func()) {
	t.Helper()
	var group sync.WaitGroup
	var changed atomic.Bool
	for n := range 4 {
		group.Go(func() {
			for i := 0; i < 250 || !changed.Load(); i++ {
				id := n*1_000_000 + i
				if _, err := store.Apply(t.Context(), []repository.Mutation{counter(c, id, 1, repository.Absent)}); err != nil {
					t.Errorf("write %d: %v", i, err)
					return
				}
				rows, err := store.Get(t.Context(), query.View{Collection: c, Needs: c.All()}, []record.ID{counter(c, id, 1, repository.Absent).ID})
				if err != nil || len(rows) != 1 {
					t.Errorf("read %d: %d rows, %v", i, len(rows), err)
					return
				}
			}
		})
	}
	change()
	changed.Store(true)
	group.Wait()
}
