package core_test

import (
	"context"
	"errors"
	"path/filepath"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/portolan-io/portolan/adapters/sqlite"
	"github.com/portolan-io/portolan/core"
	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/query"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/ports/auth"
	"github.com/portolan-io/portolan/ports/repository"
	"github.com/portolan-io/portolan/ports/secrets"
)

// A durable store outlives the processes over it, as far as they can tell. It may
// take no writes for a while, or not tell the mode.
type durable struct {
	repository.Store
	down, mute atomic.Bool
}

func (s *durable) Get(ctx context.Context, view query.View, ids []record.ID) ([]record.Row, error) {
	if view.Collection.Name == "_mode" && s.mute.Load() {
		return nil, errDown
	}
	return s.Store.Get(ctx, view, ids)
}

func (s *durable) Capabilities() repository.Capabilities {
	capabilities := s.Store.Capabilities()
	capabilities.Durable = true
	return capabilities
}

func (s *durable) Apply(ctx context.Context, batch []repository.Mutation) ([]repository.Outcome, error) {
	if s.down.Load() {
		return nil, errDown
	}
	return s.Store.Apply(ctx, batch)
}

// A hanging store takes what is written, once it is armed, and answers when nobody waits any more.
type hanging struct {
	*durable
	armed atomic.Bool
}

func (s *hanging) Apply(ctx context.Context, batch []repository.Mutation) ([]repository.Outcome, error) {
	if s.armed.Load() {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return s.durable.Apply(ctx, batch)
}

// TestLeavesInTime: a process that cannot tell the others that it is gone tries for as long as it may.
func TestLeavesInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &hanging{durable: &durable{Store: newStore(t)}}
		newAPI(t, store) // which makes what it stores in
		modal := server(t, store)
		time.Sleep(time.Minute) // until it answers from its cache
		modal.kill()
		store.armed.Store(true)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		begun := time.Now()
		if err := modal.modal.Close(ctx); !errors.Is(err, context.DeadlineExceeded) || time.Since(begun) != time.Second {
			t.Errorf("Close = %v after %s, want %v after a second", err, time.Since(begun), context.DeadlineExceeded)
		}
	})
}

// onStores runs the test, in time of its own, over stores that processes share:
// open returns what one of them opens.
func onStores(t *testing.T, test func(t *testing.T, open func() repository.Store)) {
	t.Run("memory", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			store := &durable{Store: newStore(t)}
			test(t, func() repository.Store { return store })
		})
	})
	t.Run("sqlite", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "shared.db")
			test(t, func() repository.Store {
				store, err := sqlite.Open(t.Context(), sqlite.Config{Path: path})
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { store.Close() })
				return store
			})
		})
	})
}

// A process is an API over a store that others have, too.
type process struct {
	*core.API
	identity *core.Identity
	modal    *core.Modal
	end      func() // in good order
	kill     func()
}

// server returns a process that answers from a cache.
func server(t *testing.T, store repository.Store) process {
	t.Helper()
	modal := core.NewModal(store, newCache(t), nil)
	config := core.Config{Store: store, Collections: catalogue(t), Cache: modal, Pepper: secrets.Fixed("pepper")}
	api, err := core.New(config)
	if err != nil {
		t.Fatal(err)
	}
	if err := modal.Enter(t.Context()); err != nil {
		t.Fatal(err)
	}
	running, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); modal.Run(running) }()
	kill := func() { stop(); <-ended }
	end := func() {
		kill()
		if err := modal.Close(t.Context()); err != nil {
			t.Error(err)
		}
	}
	t.Cleanup(kill)
	return process{api, core.NewIdentity(config, nil), modal, end, kill}
}

// command returns a process that does one thing, as the command line does.
func command(t *testing.T, store repository.Store) *core.API {
	t.Helper()
	api, err := core.New(core.Config{Store: store, Collections: catalogue(t), Pepper: secrets.Fixed("pepper")})
	if err != nil {
		t.Fatal(err)
	}
	return api
}

func importKettle(ctx context.Context, api *core.API, title string) error {
	_, err := api.Import(ctx, operator, core.ImportRequest{
		Collection: "products", Source: source("p.csv", "asin,title,category_id\nA1,"+title+",12\n"),
	})
	return err
}

// wantKettle fails the test unless the title is that, told with that state.
func wantKettle(t *testing.T, when string, api *core.API, title string, state core.Cached) {
	t.Helper()
	if got, gotState := getKettle(t, api); got != `{"title":"`+title+`"}` || gotState != state {
		t.Errorf("%s: got %s with state %d, want %s with state %d", when, got, gotState, title, state)
	}
}

// While another process writes, a server reads; afterwards it answers from its
// cache again, and never with what was there before.
func TestAnotherProcessWrites(t *testing.T) {
	onStores(t, func(t *testing.T, open func() repository.Store) {
		newAPI(t, open())
		serving, importer := server(t, open()), command(t, open())
		wantKettle(t, "first", serving.API, "Kettle", core.CacheMiss)
		wantKettle(t, "then", serving.API, "Kettle", core.CacheHit)
		key, secret, err := importer.CreateKey(t.Context(), operator, core.Key{Subject: "robot"})
		if err != nil {
			t.Fatal(err)
		}
		presented := auth.Credential{Scheme: auth.APIKey, Token: secret}
		for range 2 {
			if _, err := serving.identity.Identify(t.Context(), presented); err != nil {
				t.Fatal(err)
			}
		}

		began := time.Now()
		release, err := importer.Hold(t.Context(), operator)
		if err != nil {
			t.Fatal(err)
		}
		if waited := time.Since(began); waited <= 3*time.Second || waited > 4*time.Second {
			t.Errorf("the hold took %v, want a little more than a reading is relied on", waited)
		}
		if err := importKettle(t.Context(), importer, "Samovar"); err != nil {
			t.Fatal(err)
		}
		wantKettle(t, "while it is held", serving.API, "Samovar", core.CacheOff)
		if err := importer.RevokeKey(t.Context(), operator, key.ID); err != nil {
			t.Fatal(err)
		}
		_, err = serving.identity.Identify(t.Context(), presented)
		wantFault(t, err, fault.Unauthenticated, "bad-key")
		time.Sleep(5 * time.Minute) // it is renewed
		rename(t, serving.API, "Pot")
		wantKettle(t, "a long time later", serving.API, "Pot", core.CacheOff)
		if err := importKettle(t.Context(), importer, "Urn"); err != nil {
			t.Fatal(err)
		}
		if err := release(t.Context()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second)
		wantKettle(t, "when it is released", serving.API, "Urn", core.CacheMiss)
		wantKettle(t, "and again", serving.API, "Urn", core.CacheHit)
	})
}

// A writer that is killed is given up for dead; if it is not, but only stood
// still, its next write fails.
func TestAnotherProcessDies(t *testing.T) {
	onStores(t, func(t *testing.T, open func() repository.Store) {
		newAPI(t, open())
		serving := server(t, open())
		still := &durable{Store: open()}
		importer := command(t, still)
		release, err := importer.Hold(t.Context(), operator)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = release(context.Background()) }() // in the end nothing of it runs on
		still.down.Store(true)                               // it renews nothing
		time.Sleep(30 * time.Second)
		wantKettle(t, "half a minute later", serving.API, "Kettle", core.CacheOff)
		time.Sleep(time.Minute)
		wantKettle(t, "a minute later", serving.API, "Kettle", core.CacheMiss)
		still.down.Store(false)
		wantFault(t, importKettle(t.Context(), importer, "Samovar"), fault.Conflict, "writer-superseded")
		_, err = importer.Patch(t.Context(), operator, "products", "A1", []byte(`{"title":"Samovar"}`), core.How{})
		wantFault(t, err, fault.Conflict, "writer-superseded")
		wantFault(t, importer.RevokeKey(t.Context(), operator, "abcdefgh"), fault.NotFound, "unknown-key")
		wantKettle(t, "after all", serving.API, "Kettle", core.CacheHit)
	})
}

// Without a server nobody waits, and a server that stopped in good order leaves
// nothing to wait for.
func TestNobodyToWaitFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &durable{Store: newStore(t)}
		newAPI(t, store)
		hold := func(when string, want time.Duration) {
			t.Helper()
			began := time.Now()
			release, err := command(t, store).Hold(t.Context(), operator)
			if err != nil {
				t.Fatal(err)
			}
			if waited := time.Since(began); waited != want {
				t.Errorf("%s a hold took %v, want %v", when, waited, want)
			}
			if err := release(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		hold("before any server", 0)
		serving := server(t, store)
		time.Sleep(time.Second)
		wantKettle(t, "served", serving.API, "Kettle", core.CacheMiss)
		hold("beside a server", 3500*time.Millisecond)
		time.Sleep(2 * time.Second)
		serving.end()
		hold("after the server", 0)
		serving = server(t, store)
		time.Sleep(time.Second)
		serving.kill()
		hold("after a server that was killed", 3500*time.Millisecond)
		hold("after that", 0)
	})
}

// What a server read is not relied on for longer than it says, also if the store
// does not answer any more.
func TestTheModeCannotBeRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &durable{Store: newStore(t)}
		newAPI(t, store)
		serving := server(t, store)
		synctest.Wait()
		wantKettle(t, "first", serving.API, "Kettle", core.CacheMiss)
		store.mute.Store(true)
		time.Sleep(500 * time.Millisecond)
		wantKettle(t, "for a while", serving.API, "Kettle", core.CacheHit)
		time.Sleep(1600 * time.Millisecond)
		wantKettle(t, "after two seconds", serving.API, "Kettle", core.CacheOff)
		store.mute.Store(false)
		time.Sleep(time.Second)
		wantKettle(t, "when it is read again", serving.API, "Kettle", core.CacheHit)
	})
}

// Of two servers over one store neither answers from its cache, until the other
// is gone.
func TestTwoServers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &durable{Store: newStore(t)}
		newAPI(t, store)
		first := server(t, store)
		time.Sleep(3 * time.Minute)
		wantKettle(t, "the first, alone", first.API, "Kettle", core.CacheMiss)
		second := server(t, store)
		for range 360 {
			wantKettle(t, "the first", first.API, "Kettle", core.CacheOff)
			wantKettle(t, "the second", second.API, "Kettle", core.CacheOff)
			time.Sleep(500 * time.Millisecond)
		}
		rename(t, first.API, "Pot")
		first.end()
		time.Sleep(2 * time.Second)
		wantKettle(t, "the second, alone", second.API, "Pot", core.CacheMiss)
		wantKettle(t, "and again", second.API, "Pot", core.CacheHit)
		second.kill()
		third := server(t, store)
		time.Sleep(30 * time.Second)
		wantKettle(t, "the third, while the second may be alive", third.API, "Pot", core.CacheOff)
		time.Sleep(40 * time.Second)
		wantKettle(t, "the third, alone", third.API, "Pot", core.CacheMiss)
		if n := stored(t, third.API, store, "_mode"); n != 2 {
			t.Errorf("there are %d rows of the mode, want the mode and one writer", n)
		}
	})
}

// A server that stood still until another one took it for dead does not rely on
// what the other set.
func TestServerThatStoodStill(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &durable{Store: newStore(t)}
		newAPI(t, store)
		still := &durable{Store: store}
		first := server(t, still)
		wantKettle(t, "the first", first.API, "Kettle", core.CacheMiss)
		still.down.Store(true)
		second := server(t, store)
		time.Sleep(90 * time.Second)
		wantKettle(t, "the second", second.API, "Kettle", core.CacheMiss)
		wantKettle(t, "the first, which cannot say that it lives", first.API, "Kettle", core.CacheOff)
		still.down.Store(false)
		time.Sleep(5 * time.Second)
		wantKettle(t, "the first, awake", first.API, "Kettle", core.CacheOff)
		wantKettle(t, "the second then", second.API, "Kettle", core.CacheOff)
	})
}

// A store that does not outlive the process has no other writers.
func TestHoldOfWhatIsNotShared(t *testing.T) {
	store := newStore(t)
	api := newAPI(t, store)
	release, err := api.Hold(t.Context(), operator)
	if err != nil {
		t.Fatal(err)
	}
	if n := stored(t, api, store, "_mode"); n != 0 {
		t.Errorf("%d rows of the mode are stored", n)
	}
	if err := errors.Join(release(t.Context()), importKettle(t.Context(), api, "Samovar")); err != nil {
		t.Error(err)
	}
}
