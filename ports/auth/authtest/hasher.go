package authtest

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/ports/auth"
	"github.com/portolan-io/portolan/ports/contract"
)

// A HasherHarness is a Hasher with what is needed to test it.
type HasherHarness struct {
	Hasher auth.Hasher

	// Stale is a hash of the password "weaker than today" by parameters that are
	// weaker than those of Hash.
	Stale string

	// Busy gives the hasher as much to do as it takes at once, until the returned
	// function is called.
	Busy func(t contract.T) (over func())
}

// RunHasher runs the suite over the hashers that open returns, a new one for each
// case.
func RunHasher(t *testing.T, open func(t *testing.T) HasherHarness) {
	t.Helper()
	contract.Run(t, HasherCases, open)
}

// HasherCases are the cases of the suite of hashers.
var HasherCases = []contract.Case[HasherHarness]{
	{Name: "Hash", Clause: "Hash returns a hash of the password, of at most MaxHash octets.", Run: hashed},
	{Name: "Salt", Clause: "Two hashes of one password are not the same.", Run: salted},
	{Name: "Form", Clause: "A hash begins with a name of how it was made, and has everything that Verify needs but the password.", Run: named},
	{Name: "Octets", Clause: "Every octet of the password counts, up to MaxPassword; a longer one is fault.TooLarge.", Run: octets},
	{Name: "Busy", Clause: "Hash returns fault.Unavailable with the code too-many-logins if there is too much to do now, and so does Verify.", Run: busy},
	{Name: "Verify", Clause: "Verify reports whether the hash is of the password.", Run: verified},
	{Name: "Stale", Clause: "Stale says that the hash matches, but that Hash would make a stronger one today.", Run: stale},
	{Name: "Unreadable", Clause: "A hash that the Hasher cannot read matches nothing, and is no error.", Run: unreadable},
	{Name: "Long", Clause: "A password that is longer than MaxPassword matches nothing either.", Run: tooLong},
	{Name: "Kinds", Clause: "Every error it returns has a fault.Kind", Run: octets},
	{Name: "Done", Clause: "except that a done context's error is returned as it is.", Run: hashDone},
	{Name: "Quiet", Clause: "No error holds any part of a password or of a hash.", Run: hashQuiet},
	{Name: "Concurrent", Clause: "A Hasher is safe for concurrent use.", Run: hashConcurrent},
}

const secret = "correct horse battery staple"

func hash(t contract.T, h HasherHarness, password string) string {
	t.Helper()
	text, err := h.Hasher.Hash(t.Context(), password)
	if err != nil {
		t.Fatalf("Hash: %v", err)
	}
	return text
}

func matches(t contract.T, h HasherHarness, hash, password string) (matches, stale bool) {
	t.Helper()
	matches, stale, err := h.Hasher.Verify(t.Context(), hash, password)
	if err != nil {
		t.Errorf("Verify: %v", err)
	}
	return matches, stale
}

func hashed(t contract.T, h HasherHarness) {
	for _, password := range []string{secret, "", "pässwörd ☃ 𝄞", "with\x00nul", strings.Repeat("x", auth.MaxPassword)} {
		text := hash(t, h, password)
		if len(text) == 0 || len(text) > auth.MaxHash {
			t.Errorf("the hash has %d octets, want 1 to %d", len(text), auth.MaxHash)
		}
		if len(password) > 4 && strings.Contains(text, password) {
			t.Errorf("the hash holds the password")
		}
		if ok, old := matches(t, h, text, password); !ok || old {
			t.Errorf("Verify of a password of %d octets = %t, stale %t; want true and not stale", len(password), ok, old)
		}
	}
}

func salted(t contract.T, h HasherHarness) {
	if first, second := hash(t, h, secret), hash(t, h, secret); first == second {
		t.Errorf("two hashes of one password are the same")
	}
}

func named(t contract.T, h HasherHarness) {
	text := hash(t, h, secret)
	name, _, ok := strings.Cut(strings.TrimPrefix(text, "$"), "$")
	if !ok || name == "" || text[0] != '$' {
		t.Errorf("the hash does not begin with $name$")
	}
}

func octets(t contract.T, h HasherHarness) {
	for _, n := range []int{63, 64, 65, 71, 72, 73, 127, 128, 255, 256, auth.MaxPassword} {
		password := strings.Repeat("p", n)
		text := hash(t, h, password)
		if ok, _ := matches(t, h, text, password[:n-1]+"q"); ok {
			t.Errorf("of %d octets the last does not count", n)
		}
		if ok, _ := matches(t, h, text, password[:n-1]); ok {
			t.Errorf("of %d octets the last may be left out", n)
		}
	}
	if text, err := h.Hasher.Hash(t.Context(), strings.Repeat("p", auth.MaxPassword+1)); !errors.Is(err, fault.TooLarge) || text != "" {
		t.Errorf("Hash of more than MaxPassword octets = %v, want %s", err, fault.TooLarge)
	}
}

func busy(t contract.T, h HasherHarness) {
	text := hash(t, h, secret)
	over := h.Busy(t)
	_, hashing := h.Hasher.Hash(t.Context(), secret)
	_, _, verifying := h.Hasher.Verify(t.Context(), text, secret)
	over()
	for name, err := range map[string]error{"Hash": hashing, "Verify": verifying} {
		if !errors.Is(err, fault.Unavailable) || fault.Of(err).Code != auth.CodeTooManyLogins {
			t.Errorf("%s while there is too much to do = %v, want %s", name, err, auth.CodeTooManyLogins)
		}
	}
	if ok, _ := matches(t, h, text, secret); !ok {
		t.Errorf("the password does not match when there is time again")
	}
}

func verified(t contract.T, h HasherHarness) {
	text := hash(t, h, secret)
	for _, wrong := range []string{"", "Correct horse battery staple", secret + " ", " " + secret, secret + "\x00", text} {
		if ok, old := matches(t, h, text, wrong); ok || old {
			t.Errorf("another password matches: %t, stale %t", ok, old)
		}
	}
}

func stale(t contract.T, h HasherHarness) {
	if ok, old := matches(t, h, h.Stale, "weaker than today"); !ok || !old {
		t.Errorf("Verify of an older hash = %t, stale %t; want true twice", ok, old)
	}
	if ok, old := matches(t, h, h.Stale, "weaker than"); ok || old {
		t.Errorf("Verify of another password with an older hash = %t, stale %t; want false twice", ok, old)
	}
}

func unreadable(t contract.T, h HasherHarness) {
	text := hash(t, h, secret)
	for _, wrong := range []string{
		"", "$", "$$$$$", secret, text[:len(text)-1], text[:len(text)/2], text + "$", "$other" + text, strings.ReplaceAll(text, "=", "=9999999"),
		strings.ToUpper(text), "\x00\xff",
	} {
		if ok, old := matches(t, h, wrong, secret); ok || old {
			t.Errorf("a hash that is none matches")
		}
	}
}

func tooLong(t contract.T, h HasherHarness) {
	long := strings.Repeat("p", auth.MaxPassword)
	if ok, _ := matches(t, h, hash(t, h, long), long+"p"); ok {
		t.Errorf("a password that is too long matches")
	}
}

func hashDone(t contract.T, h HasherHarness) {
	text := hash(t, h, secret)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, hashing := h.Hasher.Hash(ctx, secret)
	_, _, verifying := h.Hasher.Verify(ctx, text, secret)
	for name, err := range map[string]error{"Hash": hashing, "Verify": verifying} {
		if err != context.Canceled { //nolint:errorlint // as it is, not wrapped
			t.Errorf("%s with a cancelled context = %v, want %v as it is", name, err, context.Canceled)
		}
	}
}

func hashQuiet(t contract.T, h HasherHarness) {
	text := hash(t, h, secret)
	over := h.Busy(t)
	_, hashing := h.Hasher.Hash(t.Context(), secret)
	_, _, verifying := h.Hasher.Verify(t.Context(), text, secret)
	over()
	_, long := h.Hasher.Hash(t.Context(), strings.Repeat(secret, 100))
	for name, err := range map[string]error{"Hash": hashing, "Verify": verifying, "Hash of a long one": long} {
		switch {
		case err == nil:
			t.Errorf("%s: there is no error", name)
		case strings.Contains(err.Error(), secret), strings.Contains(err.Error(), text):
			t.Errorf("%s: the error holds what it must not", name)
		}
	}
}

func hashConcurrent(t contract.T, h HasherHarness) {
	text := hash(t, h, secret)
	atOnce(func() {
		matches, _, err := h.Hasher.Verify(t.Context(), text, secret)
		if err == nil && !matches {
			t.Errorf("Verify from several goroutines says that the password is wrong")
		}
		if err != nil && !errors.Is(err, fault.Unavailable) {
			t.Errorf("Verify from several goroutines: %v", err)
		}
	})
}

// atOnce calls f from a few goroutines, a few times each.
func atOnce(f func()) {
	f()
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			for range 4 {
				f()
			}
		})
	}
	group.Wait()
}
