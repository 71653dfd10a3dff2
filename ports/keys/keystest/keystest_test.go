package keystest_test

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strconv"
	"sync"
	"testing"

	"github.com/portolan-io/portolan/core/envelope"
	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/ports/contract"
	"github.com/portolan-io/portolan/ports/keys"
	"github.com/portolan-io/portolan/ports/keys/keystest"
)

// A world is where the keys of a test are, and whether they can be used.
type world struct {
	mu        sync.Mutex
	wrong     string
	given     map[string][]byte // data keys by what they are wrapped as
	forbidden bool
	down      bool
}

// A ring has the keys of the names, the newest first. It is right but for the way in which
// its world is wrong.
type ring struct {
	*world
	names  []string
	closed bool
}

func (r *ring) fails(ctx context.Context) error {
	switch {
	case ctx.Err() != nil && r.wrong == "wraps":
		return fault.New(fault.Unavailable, "ring", "the context is done")
	case ctx.Err() != nil:
		return ctx.Err()
	case r.forbidden && r.wrong != "lenient":
		return fault.New(fault.Forbidden, "ring", "no")
	case r.down && r.wrong != "confident":
		return fault.New(fault.Unavailable, "ring", "nobody is there")
	}
	return nil
}

func (r *ring) Wrap(ctx context.Context, dataKey []byte) (envelope.Wrapped, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.fails(ctx); err != nil {
		return envelope.Wrapped{}, err
	}
	if n := len(dataKey); (n == 0 || n > keys.MaxDataKey) && r.wrong != "lax" {
		if r.wrong == "loud" {
			return envelope.Wrapped{}, fault.New(fault.Invalid, "ring", "%s is too long", dataKey)
		}
		return envelope.Wrapped{}, fault.New(fault.Invalid, "ring", "a data key has too many octets")
	}
	name := r.names[0]
	switch r.wrong {
	case "oldest":
		name = r.names[len(r.names)-1]
	case "plain":
		r.given[name+"\x00"+string(dataKey)] = bytes.Clone(dataKey)
		return envelope.Wrapped{Key: name, Octets: bytes.Clone(dataKey)}, nil
	case "long":
		name = string(bytes.Repeat([]byte("n"), envelope.MaxName+1))
	}
	octets := []byte("wrapped " + strconv.Itoa(len(r.given)))
	if r.wrong != "lends" {
		dataKey = bytes.Clone(dataKey)
	}
	r.given[name+"\x00"+string(octets)] = dataKey
	return envelope.Wrapped{Key: name, Octets: octets}, nil
}

func (r *ring) Unwrap(ctx context.Context, wrapped envelope.Wrapped) ([]byte, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.fails(ctx); err != nil {
		return nil, err
	}
	known := r.names
	if r.wrong == "forgetful" {
		known = known[:1]
	}
	if !slices.Contains(known, wrapped.Key) && r.wrong != "all-knowing" && r.wrong != "long" {
		return nil, fault.New(fault.NotFound, "ring", "there is no such key")
	}
	dataKey, ok := r.given[wrapped.Key+"\x00"+string(wrapped.Octets)]
	switch {
	case !ok && r.wrong == "vague":
		return nil, errors.New("no")
	case !ok && r.wrong == "gullible":
		return []byte("another data key"), nil
	case !ok:
		return nil, fault.New(fault.Invalid, "ring", "this was not wrapped")
	case r.wrong == "shares":
		return dataKey, nil
	}
	return bytes.Clone(dataKey), nil
}

func (r *ring) Close() error {
	if r.closed && r.wrong == "once" {
		return errors.New("closed already")
	}
	r.closed = true
	return nil
}

func harness(wrong string) keystest.Harness {
	w := &world{wrong: wrong, given: map[string][]byte{}}
	open := func(names ...string) func(contract.T) keys.Keeper {
		return func(contract.T) keys.Keeper { return &ring{world: w, names: names} }
	}
	return keystest.Harness{
		Keeper: &ring{world: w, names: []string{"one"}},
		Again:  open("one"), Rotated: open("two", "one"), Without: open("two"),
		Forbid: func(contract.T) { w.forbidden = true },
		Break:  func(contract.T) { w.down = true },
	}
}

func TestRight(t *testing.T) {
	keystest.Run(t, func(*testing.T) keystest.Harness { return harness("") })
}

// TestWrong runs the suite over keepers that each break one clause.
func TestWrong(t *testing.T) {
	for wrong, catcher := range map[string]string{
		"wraps":       "Done",
		"lenient":     "Forbidden",
		"confident":   "Unavailable",
		"lax":         "Sizes",
		"loud":        "Quiet",
		"oldest":      "Newest",
		"plain":       "Unwrap",
		"long":        "Bounds",
		"lends":       "Reference",
		"forgetful":   "Older",
		"all-knowing": "NotFound",
		"vague":       "Kinds",
		"gullible":    "Tampered",
		"shares":      "Ownership",
		"once":        "Close",
	} {
		t.Run(wrong, func(t *testing.T) {
			caught := contract.Failing(t.Context(), keystest.Cases, func(contract.T) keystest.Harness { return harness(wrong) })
			if !slices.Contains(caught, catcher) {
				t.Errorf("the suite failed at %v, want %s among them", caught, catcher)
			}
		})
	}
}

// TestEveryCaseCatches runs the suite without a keeper.
func TestEveryCaseCatches(t *testing.T) {
	caught := contract.Failing(t.Context(), slices.DeleteFunc(slices.Clone(keystest.Cases), func(c contract.Case[keystest.Harness]) bool {
		return c.Name == "Concurrent" // which would panic in a goroutine of its own
	}), func(contract.T) keystest.Harness {
		h := harness("")
		h.Keeper = nil
		return h
	})
	if len(caught) != len(keystest.Cases)-1 {
		t.Errorf("%d of %d cases fail without a keeper: %v", len(caught), len(keystest.Cases)-1, caught)
	}
}

func TestClauses(t *testing.T) {
	lines, err := contract.Disagreements("../keys.go", keystest.Cases, "A Keeper encrypts data keys under keys that it does not give out")
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range lines {
		t.Error(line)
	}
}
