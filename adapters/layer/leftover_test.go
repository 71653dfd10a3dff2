package layer_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/portolan-io/portolan/adapters/layer"
	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/ports/cache"
)

// Of a write that was not done nothing stays: neither where its membership had ended,
// nor where its fence could not be put, though the server has it.
func TestNoFenceIsLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(t)
		one := s.instance()
		fence, err := one.Fence(t.Context(), "products", []string{"r/A1"})
		if err != nil {
			t.Fatal(err)
		}
		one.wants(t, "during the write", cache.Fenced, "")
		fence.Abandon()
		time.Sleep(time.Second)
		one.wants(t, "after it was abandoned", cache.Miss, "")
	})
	synctest.Test(t, func(t *testing.T) {
		s := newService(t)
		server := &forgetfulServer{}
		one := s.instance(func(c *layer.DistributedConfig) {
			server.Server = c.Server
			c.Server = server
		})
		ctx, cancel := context.WithCancel(t.Context())
		server.lose(cancel)
		if _, err := one.Fence(ctx, "products", []string{"r/A1"}); !errors.Is(err, context.Canceled) {
			t.Fatalf("got %v, want that the caller has gone", err)
		}
		server.lose(nil)
		time.Sleep(time.Second)
		one.wants(t, "after the caller has gone", cache.Miss, "")
	})
}

// A forgetfulServer puts fences, and does not say so: whoever asked has gone by then.
type forgetfulServer struct {
	cache.Server
	mu   sync.Mutex
	gone func()
}

func (f *forgetfulServer) lose(gone func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.gone = gone
}

func (f *forgetfulServer) Bind(identity, epoch string) cache.Session {
	return forgetfulSession{f.Server.Bind(identity, epoch), f}
}

type forgetfulSession struct {
	cache.Session
	server *forgetfulServer
}

func (f forgetfulSession) Fence(ctx context.Context, collection string, tags []string, fence string) error {
	err := f.Session.Fence(ctx, collection, tags, fence)
	f.server.mu.Lock()
	gone := f.server.gone
	f.server.mu.Unlock()
	if gone != nil {
		gone()
		return ctx.Err()
	}
	return err
}

// An instance that ends leaves no membership, so that nothing of it is stored later.
func TestNoMemberIsLeft(t *testing.T) {
	s := newService(t)
	one := layer.NewDistributed(layer.DistributedConfig{
		Server: s.shared.Line(nil), Modes: s.modes, Timing: layer.UsualTiming, Collections: map[string]string{"products": "1:"}, Everything: "b",
	})
	if err := one.Enter(t.Context()); err != nil {
		t.Fatal(err)
	}
	fence, err := one.Fence(t.Context(), "products", []string{"r/A1"})
	if err != nil {
		t.Fatal(err)
	}
	if err := one.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := s.store.Apply(t.Context(), fence.Witness); !errors.Is(err, fault.Stale) {
		t.Errorf("an instance that has ended stores something: %v", err)
	}
}
