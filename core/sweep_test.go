package core_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/portolan-io/portolan/core"
	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/query"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/ports/repository"
)

// byIDAlone is a store that gives no order but that of the ids, and filters nothing.
type byIDAlone struct{ repository.Store }

func (s byIDAlone) Capabilities() repository.Capabilities {
	capabilities := s.Store.Capabilities()
	capabilities.Split = func(q query.Query) (native, rest query.Expr, err error) {
		if q.Order[0].Field != q.Collection.ID {
			return native, rest, fault.New(fault.Refused, "byIDAlone.Split", "there is no index").Coded("query-needs-index")
		}
		return native, q.Filter, nil
	}
	return capabilities
}

// What has expired is swept, in more batches than one, and nothing else.
func TestSweep(t *testing.T) {
	t.Run("in the order of the ends", func(t *testing.T) { sweepOf(t, newStore(t)) })
	t.Run("in the order of the ids", func(t *testing.T) { sweepOf(t, byIDAlone{newStore(t)}) })
}

func sweepOf(t *testing.T, store repository.Store) {
	const old, young = 450, 3
	now := newDay()
	api := withClock(t, store, now)
	for i := range old + young {
		if i == old {
			now.pass(time.Hour)
		}
		how := keyed(fmt.Sprint(i), 1)
		how.Each = true
		if _, err := addCategory(t.Context(), api, admin, how, `{}`); err != nil {
			t.Fatal(err)
		}
	}
	now.pass(core.OnceFor - time.Hour)
	for _, want := range []int{old, 0} {
		if n, err := api.Sweep(t.Context()); n != want || err != nil {
			t.Errorf("swept %d, %v, want %d", n, err, want)
		}
	}
	if n := stored(t, api, store, "_idempotency"); n != young {
		t.Errorf("%d are left, want %d", n, young)
	}
	now.pass(time.Hour)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := api.Sweep(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
}

// A replaced store replaces a key between finding it expired and removing it.
type replaced struct {
	repository.Store
	once bool
}

func (s *replaced) Apply(ctx context.Context, batch []repository.Mutation) ([]repository.Outcome, error) {
	if m := batch[0]; m.Op == repository.Delete && !s.once {
		s.once = true
		v := record.String(string(m.ID))
		answer, when := record.Bytes([]byte{1}), record.Time(time.Date(2036, 1, 1, 0, 0, 0, 0, time.UTC))
		if _, err := s.Store.Apply(ctx, []repository.Mutation{{
			Op: repository.Put, Collection: m.Collection, ID: m.ID, Revision: "new", Fields: []record.Value{v, answer, answer, when, when},
		}}); err != nil {
			return nil, err
		}
	}
	return s.Store.Apply(ctx, batch)
}

// A key that is used again while it is swept stays.
func TestSweepLeavesWhatIsUsedAgain(t *testing.T) {
	now, store := newDay(), newStore(t)
	api := withClock(t, &replaced{Store: store}, now)
	for _, key := range []string{"a", "b"} {
		how := keyed(key, 1)
		how.Each = true
		if _, err := addCategory(t.Context(), api, admin, how, `{}`); err != nil {
			t.Fatal(err)
		}
	}
	now.pass(core.OnceFor)
	if n, err := api.Sweep(t.Context()); n != 1 || err != nil {
		t.Errorf("swept %d, %v, want 1", n, err)
	}
	if n := stored(t, api, store, "_idempotency"); n != 1 {
		t.Errorf("%d are left, want 1", n)
	}
}
