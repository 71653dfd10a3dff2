package core_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/portolan-io/portolan/core"
	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/ports/repository"
)

// A blocked store holds one Apply back until it is told to go on.
type blocked struct {
	repository.Store
	entered, goOn chan struct{}
}

func (s *blocked) Apply(ctx context.Context, batch []repository.Mutation) ([]repository.Outcome, error) {
	if s.entered != nil {
		close(s.entered)
		s.entered = nil
		<-s.goOn
	}
	return s.Store.Apply(ctx, batch)
}

// While a request is answered, the same one is refused, and nothing waits.
func TestOnceWhileItIsDone(t *testing.T) {
	store := &blocked{Store: newStore(t)}
	api := withClock(t, store, newDay())
	entered := make(chan struct{})
	store.entered, store.goOn = entered, make(chan struct{})
	done := make(chan error)
	go func() {
		_, err := addCategory(t.Context(), api, admin, keyed("k", 1))
		done <- err
	}()
	<-entered
	_, err := addCategory(t.Context(), api, admin, keyed("k", 1))
	wantFault(t, err, fault.Conflict, "idempotency-in-progress")
	close(store.goOn)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if again, err := addCategory(t.Context(), api, admin, keyed("k", 1)); err != nil || !again.Repeated {
		t.Errorf("afterwards got %+v, %v", again, err)
	}
}

// An interposed store lets something happen before the next Apply that stores a
// key, or fails after it was done.
type interposed struct {
	repository.Store
	before func()
	after  error
}

func (s *interposed) Apply(ctx context.Context, batch []repository.Mutation) ([]repository.Outcome, error) {
	if before := s.before; before != nil && batch[0].Collection.Name == "_idempotency" {
		s.before = nil
		before()
	}
	outcomes, err := s.Store.Apply(ctx, batch)
	if s.after != nil && err == nil {
		return nil, s.after
	}
	return outcomes, err
}

// Two instances that do the same write at once do it once; the slower one answers
// what the faster one stored, or refuses if that was another request.
func TestOnceOnTwoInstances(t *testing.T) {
	for _, tt := range []struct {
		name string
		do   func(context.Context, *core.API, byte) (core.Written, error)
	}{
		{"create", func(ctx context.Context, api *core.API, digest byte) (core.Written, error) {
			return addCategory(ctx, api, admin, keyed("k", digest))
		}},
		{"patch", func(ctx context.Context, api *core.API, digest byte) (core.Written, error) {
			return api.Patch(ctx, admin, "categories", "12", []byte(`{"name":"n"}`), keyed("k", digest))
		}},
		{"delete many", func(ctx context.Context, api *core.API, digest byte) (core.Written, error) {
			return api.DeleteMany(ctx, admin, "products", core.ListRequest{Filter: "price lt 20"}, 10, keyed("k", digest))
		}},
	} {
		for digest, kind := range map[byte]fault.Kind{1: "", 2: fault.Refused} {
			t.Run(fmt.Sprint(tt.name, digest), func(t *testing.T) {
				shared := newStore(t)
				fast := newAPI(t, shared)
				store := &interposed{Store: shared}
				slow := withClock(t, store, newDay())
				var first core.Written
				store.before = func() {
					var err error
					if first, err = tt.do(t.Context(), fast, 1); err != nil {
						t.Error(err)
					}
				}
				second, err := tt.do(t.Context(), slow, digest)
				if fault.KindOf(err) != kind {
					t.Fatalf("got %v, want kind %q", err, kind)
				}
				if err == nil && (!second.Repeated || string(second.Answer) != string(first.Answer)) {
					t.Errorf("got %+v\nwant the answer %s", second, first.Answer)
				}
				if n := stored(t, slow, shared, "_idempotency"); n != 1 {
					t.Errorf("%d answers are stored", n)
				}
			})
		}
	}
}

// Two instances that use an expired key again at once use it once.
func TestOnceOnTwoInstancesAfterItExpired(t *testing.T) {
	now, shared := newDay(), newStore(t)
	store := &interposed{Store: shared}
	fast, slow := withClock(t, shared, now), withClock(t, store, now)
	if _, err := addCategory(t.Context(), fast, admin, keyed("k", 1)); err != nil {
		t.Fatal(err)
	}
	now.pass(core.OnceFor)
	store.before = func() {
		if _, err := fast.Create(t.Context(), admin, "notes", [][]byte{[]byte(`{"owner":"fast"}`)}, keyed("k", 2)); err != nil {
			t.Error(err)
		}
	}
	second, err := slow.Create(t.Context(), admin, "notes", [][]byte{[]byte(`{"owner":"fast"}`)}, keyed("k", 2))
	if err != nil || !second.Repeated {
		t.Errorf("got %+v, %v, want what the other answered", second, err)
	}
	if n := stored(t, slow, shared, "notes"); n != 1 {
		t.Errorf("%d notes are stored, want 1", n)
	}
}

// A key that is taken by who is not done yet, or is gone again, is not waited for.
func TestOnceOfAKeyThatIsTaken(t *testing.T) {
	store := &faulty{Store: newStore(t)}
	api := newAPI(t, store)
	store.apply = &repository.BatchError{Err: fault.New(fault.Exists, "faulty", "there is a record with this id already")}
	_, err := api.Patch(t.Context(), admin, "categories", "12", []byte(`{"name":"n"}`), keyed("k", 1))
	wantFault(t, err, fault.Conflict, "idempotency-in-progress")
	if store.applied != 1 {
		t.Errorf("it was tried %d times, want once", store.applied)
	}
}

// A write of which it is not known whether it was stored is looked for, and
// answered if it was.
func TestOnceOfUnknownOutcome(t *testing.T) {
	store := &interposed{Store: newStore(t)}
	api := withClock(t, store, newDay())
	store.after = errDown
	written, err := addCategory(t.Context(), api, admin, keyed("k", 1))
	if err != nil || written.Repeated || !strings.HasPrefix(string(written.Answer), "7@") {
		t.Errorf("got %+v, %v, want the answer that was stored", written, err)
	}
	store.after = nil
	again, err := addCategory(t.Context(), api, admin, keyed("k", 1))
	if err != nil || !again.Repeated || string(again.Answer) != string(written.Answer) {
		t.Errorf("again got %+v, %v, want the same answer", again, err)
	}
}
