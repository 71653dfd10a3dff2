package sqlite

import (
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/query"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/core/schema"
)

// TestScansLeaveRoom holds as many lists as there may be at once, lets another
// list and an aggregate wait for them, and gets a record all the same.
func TestScansLeaveRoom(t *testing.T) {
	store, err := Open(t.Context(), Config{Path: testPath(t), MaxConns: 2})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	c, one := products(t), product(1)
	if err := store.Ensure(t.Context(), []*schema.Collection{c}); err != nil {
		t.Fatal(err)
	}
	if err := apply(t, store, put(c, one.ID, one.Fields...)); err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	var ended atomic.Int64
	began, release := make(chan struct{}, 2), make(chan struct{})
	list := func() {
		q := query.Query{View: query.View{Collection: c, Fields: c.All()}, Order: []query.Key{{Field: c.ID}}, Limit: 10, Scan: 10}
		q.Keep = func([]record.Value) bool {
			began <- struct{}{}
			<-release
			return true
		}
		if _, err := store.Find(t.Context(), q); err != nil {
			t.Error(err)
		}
	}
	aggregate := func() {
		_ = count(t, store, c)
		ended.Add(1)
	}
	running.Go(list)
	<-began
	running.Go(list)
	running.Go(aggregate)
	waiting := &store.engine.waits.readers.count
	for waiting.Load() < 2 && len(began) == 0 && ended.Load() == 0 {
		runtime.Gosched()
	}
	if len(began) > 0 || ended.Load() > 0 {
		t.Error("a second scan took the last of two connections")
	} else if rows, err := store.Get(t.Context(), query.View{Collection: c, Fields: c.All()}, []record.ID{one.ID}); err != nil || len(rows) != 1 {
		t.Errorf("Get behind lists: got %d rows and %v, want 1", len(rows), err)
	}
	close(release)
	running.Wait()
}

// TestPatience lets a write wait for another of the same process. It has the
// rest of its patience left for other processes, and who comes later all of it.
func TestPatience(t *testing.T) {
	e, err := open(t.Context(), Config{Path: testPath(t), MaxConns: 1, Synchronous: "normal", BusyTimeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close() })
	for _, tt := range []struct {
		waited time.Duration
		want   string
	}{
		{0, "busy_timeout 60000"},
		{20 * time.Second, "busy_timeout 40000"},
		{time.Hour, "busy_timeout 0"},
		{0, "busy_timeout 60000"},
	} {
		began, now := time.Now(), time.Duration(0)
		e.now = func() time.Time {
			at := began.Add(now)
			now = tt.waited // at the next look
			return at
		}
		err := e.with(t.Context(), e.writer, func(s *session) error {
			if diff := cmp.Diff([]string{tt.want}, pragmas(t, s, "busy_timeout")); diff != "" {
				t.Errorf("after %s (-want +got):\n%s", tt.waited, diff)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// TestNoConnectionInTime holds every connection: who waits for one is told soon,
// and served when one is free again.
func TestNoConnectionInTime(t *testing.T) {
	store, err := Open(t.Context(), Config{Path: testPath(t), MaxConns: 1, AcquireTimeout: 20 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	c, one := products(t), product(1)
	if err := store.Ensure(t.Context(), []*schema.Collection{c}); err != nil {
		t.Fatal(err)
	}
	everything := query.View{Collection: c, Fields: c.All()}
	calls := map[string]func() error{
		"Get": func() error {
			_, err := store.Get(t.Context(), everything, []record.ID{one.ID})
			return err
		},
		"Find": func() error {
			_, err := store.Find(t.Context(), query.Query{View: everything, Order: []query.Key{{Field: c.ID}}, Limit: 1})
			return err
		},
		"Apply": func() error { return apply(t, store, put(c, one.ID, one.Fields...)) },
	}
	reader, writer := <-store.engine.readers, <-store.engine.writer
	for name, call := range calls {
		if err := call(); fault.KindOf(err) != fault.Unavailable || fault.Of(err).Code != "connections-exhausted" {
			t.Errorf("%s without a free connection: got %v", name, err)
		}
	}
	store.engine.readers <- reader
	store.engine.writer <- writer
	for name, call := range calls {
		if err := call(); err != nil {
			t.Errorf("%s afterwards: %v", name, err)
		}
	}
}
