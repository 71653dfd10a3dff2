package keeper_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/portolan-io/portolan/adapters/keeper"
	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/ports/contract"
	"github.com/portolan-io/portolan/ports/keys"
	"github.com/portolan-io/portolan/ports/keys/keystest"
	"github.com/portolan-io/portolan/ports/secrets"
)

const (
	oneSecret   = "yfPZmXN0Ck1u0oYw1mW0hF3Ksd9nTt2uTOPtWJ7Z0Cg="
	otherSecret = "C6Xy0d8y2Yq3rB5m1Gk9sVw4HjL7eTzNaQxUfIoPbRc="
)

func openLocal(t contract.T, key secrets.Value, previous ...secrets.Value) keys.Keeper {
	t.Helper()
	k, err := keeper.OpenLocal(t.Context(), keeper.LocalConfig{Key: key, Previous: previous})
	if err != nil {
		t.Fatalf("OpenLocal: %v", err)
	}
	t.Cleanup(func() { k.Close() })
	return k
}

func TestLocalSuite(t *testing.T) {
	keystest.Run(t, func(t *testing.T) keystest.Harness {
		var failure error
		one := func(context.Context) (string, error) { return oneSecret, failure }
		other := secrets.Fixed(otherSecret)
		return keystest.Harness{
			Keeper:  openLocal(t, one),
			Again:   func(t contract.T) keys.Keeper { return openLocal(t, one) },
			Rotated: func(t contract.T) keys.Keeper { return openLocal(t, other, one) },
			Without: func(t contract.T) keys.Keeper { return openLocal(t, other) },
			Forbid:  func(contract.T) { failure = fault.New(fault.Forbidden, "test", "it may not be read") },
			Break:   func(contract.T) { failure = fault.New(fault.Unavailable, "test", "nobody is there") },
		}
	})
}

func TestLocalOpen(t *testing.T) {
	gone := func(context.Context) (string, error) { return "", fault.New(fault.NotFound, "test", "no secret") }
	for _, tt := range []struct {
		name   string
		config keeper.LocalConfig
		want   fault.Kind
	}{
		{"no key", keeper.LocalConfig{}, fault.Invalid},
		{"a short key", keeper.LocalConfig{Key: secrets.Fixed(strings.Repeat("k", 31))}, fault.Invalid},
		{"a short one before", keeper.LocalConfig{Key: secrets.Fixed(oneSecret), Previous: []secrets.Value{secrets.Fixed("k")}}, fault.Invalid},
		{"a secret that is not there", keeper.LocalConfig{Key: gone}, fault.Unavailable},
	} {
		_, err := keeper.OpenLocal(t.Context(), tt.config)
		if !errors.Is(err, tt.want) || strings.Contains(err.Error(), "kkk") {
			t.Errorf("%s: OpenLocal = %v, want %s without the secret", tt.name, err, tt.want)
		}
	}
}

// TestLocalRotates: a secret that changes is the new key at once, and what the old one
// wrapped can be read while it is among the previous, and not after.
func TestLocalRotates(t *testing.T) {
	now := oneSecret
	key := func(context.Context) (string, error) { return now, nil }
	kept := openLocal(t, key, secrets.Fixed(oneSecret))
	left := openLocal(t, key)
	wrapped, err := kept.Wrap(t.Context(), []byte("data key"))
	if err != nil {
		t.Fatalf("Wrap: %v", err)
	}
	now = otherSecret
	if got, err := kept.Unwrap(t.Context(), wrapped); string(got) != "data key" {
		t.Errorf("Unwrap with the previous secret = %q, %v", got, err)
	}
	if _, err := left.Unwrap(t.Context(), wrapped); !errors.Is(err, fault.NotFound) {
		t.Errorf("Unwrap without it = %v, want %s", err, fault.NotFound)
	}
	if again, err := kept.Wrap(t.Context(), []byte("data key")); err != nil || again.Key == wrapped.Key {
		t.Errorf("Wrap after the rotation = %s, %v, want another key than %s", again.Key, err, wrapped.Key)
	}
}
