package envelope_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/portolan-io/portolan/core/envelope"
	"github.com/portolan-io/portolan/core/fault"
)

// A chest wraps data keys by turning their bits around, and counts how often.
type chest struct {
	mu               sync.Mutex
	name             string
	wraps, unwraps   int
	wrapped          [][]byte
	failure          error
	blocked, blocker chan struct{}
	opens            func(context.Context) error // before anything is unwrapped, if it is not nil
}

func (c *chest) Wrap(_ context.Context, dataKey []byte) (envelope.Wrapped, error) {
	if c.blocker != nil {
		close(c.blocked)
		<-c.blocker
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.wraps++
	c.wrapped = append(c.wrapped, dataKey)
	return envelope.Wrapped{Key: c.name, Octets: turned(dataKey)}, c.failure
}

func (c *chest) Unwrap(ctx context.Context, w envelope.Wrapped) ([]byte, error) {
	c.mu.Lock()
	c.unwraps++
	c.mu.Unlock()
	if c.opens != nil {
		if err := c.opens(ctx); err != nil {
			return nil, err
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.failure == nil && w.Key != c.name {
		return nil, fault.New(fault.NotFound, "chest", "there is no such key")
	}
	return turned(w.Octets), c.failure
}

func turned(octets []byte) []byte {
	out := bytes.Clone(octets)
	for i := range out {
		out[i] ^= 0xff
	}
	return out
}

// A clock stands still until it is moved.
type clock struct{ at time.Time }

func (c *clock) now() time.Time { return c.at }

func newSealer(c *chest) (*envelope.Sealer, *clock) {
	if c.name == "" {
		c.name = "k1"
	}
	now := &clock{time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
	return envelope.New(envelope.Config{Wrapper: c, Now: now.now}), now
}

var here = envelope.Place{Collection: "patients", ID: "7", Field: "ssn"}

func seal(t *testing.T, s *envelope.Sealer, value string) []byte {
	t.Helper()
	sealed, err := s.Seal(t.Context(), here, []byte(value))
	if err != nil {
		t.Fatalf("Seal: %v", err)
	}
	return sealed
}

func TestSeal(t *testing.T) {
	s, _ := newSealer(&chest{})
	for _, value := range []string{"", "a", strings.Repeat("long", 1000)} {
		sealed := seal(t, s, value)
		if got, err := s.Open(t.Context(), here, sealed); err != nil || string(got) != value {
			t.Errorf("Open = %q, %v, want %q", got, err, value)
		}
		if bytes.Equal(sealed, seal(t, s, value)) {
			t.Errorf("%q is sealed alike twice", value)
		}
	}
}

// TestOpensNowhereElse tries a sealed value at other places, among them those whose parts
// are the same text when they are put together.
func TestOpensNowhereElse(t *testing.T) {
	s, _ := newSealer(&chest{})
	sealed := seal(t, s, "canary")
	for _, place := range []envelope.Place{
		{Collection: "patients", ID: "8", Field: "ssn"},
		{Collection: "patients", ID: "7", Field: "name"},
		{Collection: "doctors", ID: "7", Field: "ssn"},
		{Collection: "patients7", ID: "", Field: "ssn"},
		{Collection: "patients", ID: "7s", Field: "sn"},
		{Collection: "patients", ID: "", Field: "7ssn"},
	} {
		if got, err := s.Open(t.Context(), place, sealed); fault.Of(err).Code != envelope.CodeDamaged || !errors.Is(err, fault.Internal) {
			t.Errorf("Open at %v = %q, %v, want %s", place, got, err, envelope.CodeDamaged)
		}
	}
}

// TestTampered changes each octet of a sealed value, and cuts it everywhere: it never opens,
// and the error never holds the value.
func TestTampered(t *testing.T) {
	s, _ := newSealer(&chest{})
	sealed := seal(t, s, "canary")
	var wrong [][]byte
	for i := range sealed {
		changed := bytes.Clone(sealed)
		changed[i] ^= 1
		wrong = append(wrong, changed, sealed[:i])
	}
	wrong = append(wrong, append(bytes.Clone(sealed), 0), []byte{1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1})
	for _, each := range wrong {
		got, err := s.Open(t.Context(), here, each)
		code := ""
		if err != nil {
			code = fault.Of(err).Code
		}
		if code != envelope.CodeDamaged && code != envelope.CodeUnavailable || strings.Contains(err.Error(), "canary") {
			t.Errorf("Open of %x = %q, %v, want it refused", each, got, err)
		}
	}
}

// TestFormat opens what was sealed with the key of 32 octets 0x07 by the documentation's
// words alone: what is stored today must be readable by every later version.
func TestFormat(t *testing.T) {
	const stored = "01026b3120f8f8f8f8f8f8f8f8f8f8f8f8f8f8f8f8f8f8f8f8f8f8f8f8f8f8f8f8f8f8f8f8" +
		"000102030405060708090a0b3ab0db43303dec644185dda5c080a560e94d67a799e63590cdb1aa9b44"
	sealed, err := hex.DecodeString(stored)
	if err != nil {
		t.Fatal(err)
	}
	s, _ := newSealer(&chest{})
	if got, err := s.Open(t.Context(), here, sealed); err != nil || string(got) != `"123-45-6789"` {
		t.Errorf("Open = %q, %v", got, err)
	}
}

// TestKeysAreBounded: a data key is used for a bounded time and a bounded number of values,
// and what was unwrapped is known as long.
func TestKeysAreBounded(t *testing.T) {
	c := &chest{}
	s, now := newSealer(c)
	first := seal(t, s, "a")
	for range envelope.KeyUses - 1 {
		if _, err := s.Renewed(t.Context(), first); err != nil { // which counts as a use
			t.Fatal(err)
		}
	}
	if c.wraps != 1 {
		t.Fatalf("%d data keys were made for %d values, want one", c.wraps, envelope.KeyUses)
	}
	seal(t, s, "b")
	if c.wraps != 2 {
		t.Errorf("%d data keys were made, want another for one value more", c.wraps)
	}
	now.at = now.at.Add(envelope.KeyFor)
	seal(t, s, "c")
	if c.wraps != 3 {
		t.Errorf("%d data keys were made, want another after %s", c.wraps, envelope.KeyFor)
	}
	for range 3 {
		if _, err := s.Open(t.Context(), here, first); err != nil {
			t.Fatal(err)
		}
	}
	if c.unwraps != 1 {
		t.Errorf("the key was unwrapped %d times for 3 readings, want once", c.unwraps)
	}
	now.at = now.at.Add(envelope.KeyFor)
	if _, err := s.Open(t.Context(), here, first); err != nil || c.unwraps != 2 {
		t.Errorf("the key was unwrapped %d times, %v, want again after %s", c.unwraps, err, envelope.KeyFor)
	}
}

// TestKnownKeysAreFew: however many data keys there are, few are known.
func TestKnownKeysAreFew(t *testing.T) {
	c := &chest{}
	s, now := newSealer(c)
	var all [][]byte
	for range envelope.MaxKeys + 10 {
		all = append(all, seal(t, s, "a"))
		now.at = now.at.Add(envelope.KeyFor)
	}
	for _, sealed := range all {
		if _, err := s.Open(t.Context(), here, sealed); err != nil {
			t.Fatal(err)
		}
	}
	before := c.unwraps
	for _, sealed := range all {
		if _, err := s.Open(t.Context(), here, sealed); err != nil {
			t.Fatal(err)
		}
	}
	if again := c.unwraps - before; again < 10 || again > envelope.MaxKeys {
		t.Errorf("%d of %d keys were unwrapped again, want about those beyond %d", again, len(all), envelope.MaxKeys)
	}
}

// TestWiped: the octets of a data key that were given to be wrapped are not kept.
func TestWiped(t *testing.T) {
	c := &chest{}
	s, _ := newSealer(c)
	seal(t, s, "a")
	if !bytes.Equal(c.wrapped[0], make([]byte, 32)) {
		t.Errorf("the data key is still there: %x", c.wrapped[0])
	}
}

// TestKeyGone: whatever the reason, it is that the key cannot be had now.
func TestKeyGone(t *testing.T) {
	c := &chest{}
	s, now := newSealer(c)
	sealed := seal(t, s, "canary")
	now.at = now.at.Add(envelope.KeyFor)
	for _, failure := range []error{
		fault.New(fault.Unavailable, "chest", "nobody is there"), fault.New(fault.Forbidden, "chest", "no"),
		fault.New(fault.NotFound, "chest", "no such key"), errors.New("broken"),
	} {
		c.failure = failure
		_, opening := s.Open(t.Context(), here, sealed)
		_, sealing := s.Seal(t.Context(), here, []byte("canary"))
		for _, err := range []error{opening, sealing} {
			if !errors.Is(err, fault.Unavailable) || fault.Of(err).Code != envelope.CodeUnavailable || strings.Contains(err.Error(), "canary") {
				t.Errorf("of a key that is gone (%v): %v, want %s", failure, err, envelope.CodeUnavailable)
			}
		}
	}
	c.failure = context.Canceled
	if _, err := s.Open(t.Context(), here, sealed); err != context.Canceled { //nolint:errorlint // as it is, not wrapped
		t.Errorf("of a context that is done: %v, want it as it is", err)
	}
	c.failure = nil
	if got, err := s.Open(t.Context(), here, sealed); err != nil || string(got) != "canary" {
		t.Errorf("once the key is back: %q, %v", got, err)
	}
}

// TestRotated: under a newer key what an older one sealed is not renewed.
func TestRotated(t *testing.T) {
	c := &chest{}
	s, now := newSealer(c)
	before := seal(t, s, "a")
	if newest, err := s.Renewed(t.Context(), before); !newest {
		t.Errorf("Renewed = %v, %v before the rotation", newest, err)
	}
	c.name = "k2"
	now.at = now.at.Add(envelope.KeyFor)
	if newest, err := s.Renewed(t.Context(), before); newest || err != nil {
		t.Errorf("Renewed = %v, %v after the rotation", newest, err)
	}
	if newest, err := s.Renewed(t.Context(), seal(t, s, "a")); !newest {
		t.Errorf("Renewed = %v, %v of what was sealed after it", newest, err)
	}
}

// TestHeads: what is sealed with one data key has one head, with the name of the key that wraps it; and Try tells
// whether there is a key at all, also while one is known.
func TestHeads(t *testing.T) {
	c := &chest{}
	s, now := newSealer(c)
	first := seal(t, s, "a")
	key, head, ok := envelope.HeadOf(first)
	if !ok || key != "k1" || !bytes.HasPrefix(first, head) || !bytes.HasPrefix(seal(t, s, "b"), head) {
		t.Errorf("HeadOf = %q, %x, %v", key, head, ok)
	}
	now.at = now.at.Add(envelope.KeyFor)
	if bytes.HasPrefix(seal(t, s, "b"), head) {
		t.Errorf("another data key has the same head")
	}
	for _, none := range [][]byte{nil, {}, {2, 0, 0}, first[:4]} {
		if key, head, ok := envelope.HeadOf(none); ok || key != "" || len(head) != 0 {
			t.Errorf("HeadOf(%x) = %q, %x, %v, want none", none, key, head, ok)
		}
	}
	if err := s.Try(t.Context()); err != nil {
		t.Errorf("Try = %v", err)
	}
	c.failure = errors.New("nobody is there")
	if err := s.Try(t.Context()); !errors.Is(err, fault.Unavailable) || fault.Of(err).Code != envelope.CodeUnavailable {
		t.Errorf("Try without keys = %v, want %s", err, envelope.CodeUnavailable)
	}
}

// TestOneMakesTheKey: while a key is made others wait for it, or until their context is done.
func TestOneMakesTheKey(t *testing.T) {
	c := &chest{blocked: make(chan struct{}), blocker: make(chan struct{})}
	s, _ := newSealer(c)
	var group sync.WaitGroup
	group.Go(func() { _, _ = s.Seal(t.Context(), here, nil) })
	<-c.blocked
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Seal(ctx, here, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("Seal with a cancelled context = %v", err)
	}
	for i := range 8 {
		group.Go(func() {
			value := fmt.Sprint(i)
			sealed, err := s.Seal(t.Context(), here, []byte(value))
			if err != nil {
				t.Error(err)
				return
			}
			if got, err := s.Open(t.Context(), here, sealed); err != nil || string(got) != value {
				t.Errorf("Open = %q, %v, want %q", got, err, value)
			}
		})
	}
	close(c.blocker)
	group.Wait()
	if c.wraps != 1 {
		t.Errorf("%d keys were made, want one", c.wraps)
	}
}

// TestOneAsksForAll: while the wrapper is asked for a key, all who need it wait for that answer,
// a failure too; but that the context of who asks is done is nobody else's failure.
func TestOneAsksForAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &chest{}
		s, now := newSealer(c)
		sealed := seal(t, s, "a")
		now.at = now.at.Add(envelope.KeyFor)
		gate := make(chan struct{})
		c.opens = func(ctx context.Context) error {
			select {
			case <-gate:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		hasty, cancel := context.WithCancel(t.Context())
		failed := make(chan error, 1)
		go func() { _, err := s.Open(hasty, here, sealed); failed <- err }()
		synctest.Wait()
		var group sync.WaitGroup
		for range 8 {
			group.Go(func() {
				if got, err := s.Open(t.Context(), here, sealed); err != nil || string(got) != "a" {
					t.Errorf("Open = %q, %v", got, err)
				}
			})
		}
		synctest.Wait()
		cancel()
		if err := <-failed; !errors.Is(err, context.Canceled) {
			t.Errorf("who left is told %v", err)
		}
		close(gate)
		group.Wait()
		if c.unwraps != 2 {
			t.Errorf("the wrapper was asked %d times, want twice: by who left, and for all others", c.unwraps)
		}
		c.failure = fault.New(fault.Unavailable, "chest", "nobody is there")
		now.at = now.at.Add(envelope.KeyFor)
		if _, err := s.Open(t.Context(), here, sealed); fault.Of(err).Code != envelope.CodeUnavailable {
			t.Errorf("Open = %v, want %s", err, envelope.CodeUnavailable)
		}
	})
}

// TestReady: keys of many values are asked for at the same time, but not too many.
func TestReady(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &chest{}
		s, now := newSealer(c)
		var all [][]byte
		for range 20 {
			all = append(all, seal(t, s, "a"), []byte("nothing"))
			now.at = now.at.Add(envelope.KeyFor)
		}
		c.opens = func(context.Context) error { time.Sleep(time.Second); return nil }
		began := time.Now()
		s.Ready(t.Context(), all)
		if took := time.Since(began); took != 3*time.Second || c.unwraps != 20 {
			t.Errorf("%d keys took %s, want 20 in 3 times a second", c.unwraps, took)
		}
		if _, err := s.Open(t.Context(), here, all[0]); err != nil || c.unwraps != 20 {
			t.Errorf("Open asked again: %d, %v", c.unwraps, err)
		}
	})
}

func BenchmarkSeal(b *testing.B) {
	s, _ := newSealer(&chest{})
	value := []byte(strings.Repeat("v", 64))
	for b.Loop() {
		if _, err := s.Seal(b.Context(), here, value); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkOpen(b *testing.B) {
	s, _ := newSealer(&chest{})
	sealed, err := s.Seal(b.Context(), here, []byte(strings.Repeat("v", 64)))
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := s.Open(b.Context(), here, sealed); err != nil {
			b.Fatal(err)
		}
	}
}
