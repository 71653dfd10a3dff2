// Package keystest is the suite that proves a keys.Keeper. Start at [Run].
package keystest

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/portolan-io/portolan/core/envelope"
	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/ports/contract"
	"github.com/portolan-io/portolan/ports/keys"
)

// A Harness is a Keeper with what is needed to test it.
type Harness struct {
	Keeper keys.Keeper

	// Again opens another keeper with the same key.
	Again func(t contract.T) keys.Keeper

	// Rotated opens a keeper with a newer key, which still has the one of Keeper.
	Rotated func(t contract.T) keys.Keeper

	// Without opens a keeper that has not the key of Keeper.
	Without func(t contract.T) keys.Keeper

	// Forbid makes the key one that may not be used. It is nil if that cannot be
	// arranged.
	Forbid func(t contract.T)

	// Break makes the key one that cannot be used now. It is nil if that cannot be
	// arranged.
	Break func(t contract.T)
}

// Run runs the suite over the keepers that open returns, a new one for each case. What
// open and the harness open they also close, with t.Cleanup.
func Run(t *testing.T, open func(t *testing.T) Harness) {
	t.Helper()
	contract.Run(t, Cases, open)
}

// Cases are the cases of the suite.
var Cases = []contract.Case[Harness]{
	{Name: "Newest", Clause: "Wrap encrypts a data key under the newest key.", Run: rotated},
	{Name: "Bounds", Clause: "What it returns is at most envelope.MaxWrapped octets, with a name of at most envelope.MaxName.", Run: bounds},
	{Name: "Sizes", Clause: "A data key has 1 to MaxDataKey octets, else it is fault.Invalid.", Run: sizes},
	{Name: "Reference", Clause: "Wrap keeps no reference to the data key.", Run: reference},
	{Name: "Forbidden", Clause: "Wrap returns fault.Forbidden if the key may not be used", Run: forbidden},
	{Name: "Unavailable", Clause: "and fault.Unavailable if it cannot be used now.", Run: unavailable},
	{Name: "Unwrap", Clause: "Unwrap returns the data key that Wrap was given, by this Keeper or by another that has the same key.", Run: unwrap},
	{Name: "Older", Clause: "Older keys that the keeper still has unwrap what they wrapped.", Run: rotated},
	{Name: "NotFound", Clause: "Unwrap returns fault.NotFound if the keeper has no key of the name", Run: notFound},
	{Name: "Tampered", Clause: "and fault.Invalid if the octets are not what Wrap returned with it.", Run: tampered},
	{Name: "Others", Clause: "The other errors are those of Wrap.", Run: unavailable},
	{Name: "Ownership", Clause: "The caller owns what it returns, and may wipe it.", Run: ownership},
	{Name: "Kinds", Clause: "Every error it returns has a fault.Kind", Run: tampered},
	{Name: "Done", Clause: "except that a done context's error is returned as it is.", Run: done},
	{Name: "Quiet", Clause: "No error holds a data key.", Run: quiet},
	{Name: "Concurrent", Clause: "A Keeper is safe for concurrent use.", Run: concurrent},
	{Name: "Close", Clause: "Close lets go of everything the keeper holds. Calling it again does nothing.", Run: closeTwice},
}

const sample = "thirty-two octets of a data key."

func wrap(t contract.T, k keys.Keeper, dataKey string) envelope.Wrapped {
	t.Helper()
	wrapped, err := k.Wrap(t.Context(), []byte(dataKey))
	if err != nil {
		t.Fatalf("Wrap: %v", err)
	}
	return wrapped
}

func wantUnwrapped(t contract.T, k keys.Keeper, wrapped envelope.Wrapped, want string) {
	t.Helper()
	if got, err := k.Unwrap(t.Context(), wrapped); err != nil || string(got) != want {
		t.Errorf("Unwrap = %d octets, %v, want the %d that were wrapped", len(got), err, len(want))
	}
}

func unwrap(t contract.T, h Harness) {
	wrapped := wrap(t, h.Keeper, sample)
	if bytes.Contains(wrapped.Octets, []byte(sample)) {
		t.Errorf("the wrapped key holds the data key as it is")
	}
	wantUnwrapped(t, h.Keeper, wrapped, sample)
	wantUnwrapped(t, h.Again(t), wrapped, sample)
}

// rotated: the newer keeper wraps under its new key, which the older has not, and still
// unwraps what the older did.
func rotated(t contract.T, h Harness) {
	before := wrap(t, h.Keeper, sample)
	newer := h.Rotated(t)
	wantUnwrapped(t, newer, before, sample)
	after := wrap(t, newer, sample)
	wantUnwrapped(t, newer, after, sample)
	if after.Key == before.Key {
		t.Errorf("after the rotation the key is still called %s", after.Key)
	}
}

func bounds(t contract.T, h Harness) {
	wrapped := wrap(t, h.Keeper, strings.Repeat("k", keys.MaxDataKey))
	if len(wrapped.Octets) > envelope.MaxWrapped || len(wrapped.Key) > envelope.MaxName || wrapped.Key == "" {
		t.Errorf("Wrap = %d octets under a name of %d", len(wrapped.Octets), len(wrapped.Key))
	}
}

func sizes(t contract.T, h Harness) {
	for _, n := range []int{1, 16, 32, keys.MaxDataKey} {
		wantUnwrapped(t, h.Keeper, wrap(t, h.Keeper, strings.Repeat("k", n)), strings.Repeat("k", n))
	}
	for _, n := range []int{0, keys.MaxDataKey + 1} {
		if _, err := h.Keeper.Wrap(t.Context(), make([]byte, n)); !errors.Is(err, fault.Invalid) {
			t.Errorf("Wrap of %d octets = %v, want %s", n, err, fault.Invalid)
		}
	}
}

func reference(t contract.T, h Harness) {
	dataKey := []byte(sample)
	wrapped, err := h.Keeper.Wrap(t.Context(), dataKey)
	if err != nil {
		t.Fatalf("Wrap: %v", err)
	}
	clear(dataKey)
	wantUnwrapped(t, h.Keeper, wrapped, sample)
}

func ownership(t contract.T, h Harness) {
	wrapped := wrap(t, h.Keeper, sample)
	got, err := h.Keeper.Unwrap(t.Context(), wrapped)
	if err != nil {
		t.Fatalf("Unwrap: %v", err)
	}
	clear(got)
	wantUnwrapped(t, h.Keeper, wrapped, sample)
}

func notFound(t contract.T, h Harness) {
	if _, err := h.Without(t).Unwrap(t.Context(), wrap(t, h.Keeper, sample)); !errors.Is(err, fault.NotFound) {
		t.Errorf("Unwrap without the key = %v, want %s", err, fault.NotFound)
	}
}

// tampered changes every octet in turn, and the length.
func tampered(t contract.T, h Harness) {
	wrapped := wrap(t, h.Keeper, sample)
	wrong := [][]byte{nil, wrapped.Octets[:1], wrapped.Octets[:len(wrapped.Octets)-1], append(bytes.Clone(wrapped.Octets), 0)}
	for i := range wrapped.Octets {
		changed := bytes.Clone(wrapped.Octets)
		changed[i] ^= 1
		wrong = append(wrong, changed)
	}
	for _, octets := range wrong {
		got, err := h.Keeper.Unwrap(t.Context(), envelope.Wrapped{Key: wrapped.Key, Octets: octets})
		if !errors.Is(err, fault.Invalid) {
			t.Errorf("Unwrap of %x = %d octets, %v, want %s", octets, len(got), err, fault.Invalid)
		}
	}
}

// failing calls both methods, after what the test arranged, and wants the kind of both.
func failing(t contract.T, h Harness, arrange func(contract.T), kind fault.Kind) {
	t.Helper()
	wrapped := wrap(t, h.Keeper, sample)
	if arrange == nil {
		t.Logf("this cannot be arranged of the keeper")
		wantUnwrapped(t, h.Keeper, wrapped, sample)
		return
	}
	arrange(t)
	if _, err := h.Keeper.Wrap(t.Context(), []byte(sample)); !errors.Is(err, kind) {
		t.Errorf("Wrap = %v, want %s", err, kind)
	}
	if _, err := h.Keeper.Unwrap(t.Context(), wrapped); !errors.Is(err, kind) {
		t.Errorf("Unwrap = %v, want %s", err, kind)
	}
}

func forbidden(t contract.T, h Harness) { failing(t, h, h.Forbid, fault.Forbidden) }

func unavailable(t contract.T, h Harness) { failing(t, h, h.Break, fault.Unavailable) }

func done(t contract.T, h Harness) {
	wrapped := wrap(t, h.Keeper, sample)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := h.Keeper.Wrap(ctx, []byte(sample)); err != context.Canceled { //nolint:errorlint // as it is, not wrapped
		t.Errorf("Wrap with a cancelled context = %v, want %v as it is", err, context.Canceled)
	}
	if _, err := h.Keeper.Unwrap(ctx, wrapped); err != context.Canceled { //nolint:errorlint // as it is, not wrapped
		t.Errorf("Unwrap with a cancelled context = %v, want %v as it is", err, context.Canceled)
	}
}

func quiet(t contract.T, h Harness) {
	const secret = "a data key that is too long, because it has more octets than allowed"
	wrapped := wrap(t, h.Keeper, sample)
	_, long := h.Keeper.Wrap(t.Context(), []byte(secret))
	_, gone := h.Without(t).Unwrap(t.Context(), wrapped)
	errs := []error{long, gone}
	if h.Break != nil {
		h.Break(t)
		_, broken := h.Keeper.Wrap(t.Context(), []byte(sample))
		errs = append(errs, broken)
	}
	for _, err := range errs {
		if err == nil || strings.Contains(err.Error(), secret) || strings.Contains(err.Error(), sample) {
			t.Errorf("the error is %v, want one without the data key", err)
		}
	}
}

func concurrent(t contract.T, h Harness) {
	var group sync.WaitGroup
	for _, letter := range []string{"a", "b", "c", "d"} {
		group.Go(func() {
			dataKey := strings.Repeat(letter, 32)
			wrapped, err := h.Keeper.Wrap(t.Context(), []byte(dataKey))
			if err != nil {
				t.Errorf("Wrap from several goroutines: %v", err)
				return
			}
			wantUnwrapped(t, h.Keeper, wrapped, dataKey)
		})
	}
	group.Wait()
}

func closeTwice(t contract.T, h Harness) {
	for i := range 2 {
		if err := h.Keeper.Close(); err != nil {
			t.Errorf("Close, call %d: %v", i+1, err)
		}
	}
}
