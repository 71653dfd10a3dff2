package layer_test

import (
	"context"
	"testing"

	"github.com/portolan-io/portolan/adapters/layer"
	"github.com/portolan-io/portolan/ports/cache"
	"github.com/portolan-io/portolan/ports/repository"
	"github.com/portolan-io/portolan/ports/telemetry"
)

// systems is an observer that keeps which systems were asked.
type systems struct{ asked []string }

func (s *systems) Start(ctx context.Context, op telemetry.Op) (context.Context, func(error)) {
	s.asked = append(s.asked, op.Port+" "+op.System)
	return ctx, func(error) {}
}

func (s *systems) Close(context.Context) error { return nil }

type namedStore struct{ repository.Store }

func (namedStore) System() string             { return "postgresql" }
func (namedStore) Ping(context.Context) error { return nil }

type namedCache struct{ cache.Cache }

func (namedCache) System() string { return "redis" }

// TestTraceSaysWhoIsAsked shows that operations have the system of a store or a cache that
// says which it is, and none of others.
func TestTraceSaysWhoIsAsked(t *testing.T) {
	told := &systems{}
	_ = layer.Trace(namedStore{}, told).Ping(t.Context())
	_ = layer.Trace(namelessStore{}, told).Ping(t.Context())
	_ = layer.TraceCache(namedCache{openCache(t)}, told).Ping(t.Context())
	_ = layer.TraceCache(openCache(t), told).Ping(t.Context())
	want := []string{"repository postgresql", "repository ", "cache redis", "cache "}
	if len(told.asked) != len(want) {
		t.Fatalf("%d operations were told, want %d", len(told.asked), len(want))
	}
	for i, got := range told.asked {
		if got != want[i] {
			t.Errorf("operation %d is %q, want %q", i, got, want[i])
		}
	}
}

// namelessStore is a store that does not say which it is.
type namelessStore struct{ repository.Store }

func (namelessStore) Ping(context.Context) error { return nil }
