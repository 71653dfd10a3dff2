// Package secretstest is the suite that proves a secrets.Source. Start at [Run].
package secretstest

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/ports/contract"
	"github.com/portolan-io/portolan/ports/secrets"
)

// A Harness is a Source with what is needed to test it.
type Harness struct {
	Source secrets.Source

	// Set keeps value as the secret of the given name, or changes it.
	Set func(t contract.T, name, value string)

	// Forbid makes the secret unreadable. It is nil if that cannot be arranged.
	Forbid func(t contract.T, name string)

	// Break makes every secret unreadable for now. It is nil if that cannot be
	// arranged.
	Break func(t contract.T)

	// Mend ends what Break began. It is nil if Break is.
	Mend func(t contract.T)

	// Delete removes the secret. It is nil if that cannot be arranged.
	Delete func(t contract.T, name string)

	// Newest returns the version of the secret that was set last. It is nil if the
	// source keeps no versions.
	Newest func(t contract.T, name string) string

	// Pass lets time pass for the source. It is nil if the source sees every change
	// at once.
	Pass func(t contract.T, d time.Duration)
}

// Run runs the suite over the sources that open returns, a new one for each
// case. What open opens it also closes, with t.Cleanup.
func Run(t *testing.T, open func(t *testing.T) Harness) {
	t.Helper()
	contract.Run(t, Cases, open)
}

// Cases are the cases of the suite.
var Cases = []contract.Case[Harness]{
	{Name: "Value", Clause: "Secret returns the value of the secret that ref names.", Run: value},
	{Name: "Exact", Clause: "A value is returned as it is kept, but for one line end at its end.", Run: exact},
	{Name: "Missing", Clause: "Secret returns fault.NotFound if there is no such secret", Run: missing},
	{Name: "MissingOddly", Clause: "Every error it returns has a fault.Kind", Run: missingOddly},
	{Name: "Forbidden", Clause: "fault.Forbidden if it may not be read", Run: forbidden},
	{Name: "Unavailable", Clause: "fault.Unavailable if it cannot be read now.", Run: unavailable},
	{Name: "Field", Clause: "Of a ref with a field it returns that field of the value, as Ref.Of does.", Run: field},
	{Name: "Version", Clause: "Of a ref with a version it returns what the secret was in that version, fault.NotFound if there is none, and fault.Unsupported if the source keeps no versions.", Run: version},
	{Name: "Cases", Clause: "Names that differ in case alone may be one secret, or one of them none, but neither is ever the other's if both are kept.", Run: spellings},
	{Name: "Change", Clause: "A change of the secret is seen by calls made at most a minute later.", Run: change},
	{Name: "Outage", Clause: "While a secret cannot be read, what it was at most an hour before may be returned; what is gone or forbidden is not.", Run: outage},
	{Name: "Gone", Clause: "what is gone or forbidden is not.", Run: gone},
	{Name: "Quiet", Clause: "No error holds the value of a secret.", Run: quiet},
	{Name: "Done", Clause: "except that a done context's error is returned as it is.", Run: done},
	{Name: "Concurrent", Clause: "A Source is safe for concurrent use.", Run: concurrent},
	{Name: "Close", Clause: "Close lets go of everything the source holds. Calling it again does nothing.", Run: closeTwice},
}

// value also checks that names that begin alike, or differ by a digit, are
// different secrets.
func value(t contract.T, h Harness) {
	want := map[string]string{"db-dsn": "one", "db": "two", "db-dsn-2": "three"}
	for name, text := range want {
		h.Set(t, name, text)
	}
	for name, text := range want {
		expect(t, h, name, text)
	}
}

// exact checks the values that are easily harmed.
func exact(t contract.T, h Harness) {
	for _, tt := range []struct{ kept, want string }{
		{"plain", "plain"},
		{" spaces around\t", " spaces around\t"},
		{"ends in a line\n", "ends in a line"},
		{"ends in a long line\r\n", "ends in a long line"},
		{"ends in two\n\n", "ends in two\n"},
		{"-----BEGIN KEY-----\nMIIB\n-----END KEY-----\n", "-----BEGIN KEY-----\nMIIB\n-----END KEY-----"},
		{"a=b;c='d'\"$e", "a=b;c='d'\"$e"},
		{"größer 🔑", "größer 🔑"},
		{strings.Repeat("k", 10_000), strings.Repeat("k", 10_000)},
	} {
		h.Set(t, "exact", tt.kept)
		h.pass(t, secrets.Fresh)
		expect(t, h, "exact", tt.want)
	}
}

func missing(t contract.T, h Harness) {
	h.Set(t, "present", "here")
	for _, name := range []string{"absent", "presen", "present-2"} {
		got, err := h.Source.Secret(t.Context(), secrets.Ref{Name: name})
		if !errors.Is(err, fault.NotFound) || got != "" {
			t.Errorf("Secret(%q) = %q, %v; want a %s", name, got, err, fault.NotFound)
		}
	}
}

// missingOddly asks for names that no source can hold, or that would lead a
// careless one elsewhere.
func missingOddly(t contract.T, h Harness) {
	h.Set(t, "present", "here")
	for _, name := range []string{"", ".", "..", "../present", "./present", "a/../present", "/etc/passwd", "a\x00b", "a\\b", strings.Repeat("n", 5000)} {
		got, err := h.Source.Secret(t.Context(), secrets.Ref{Name: name})
		if !errors.Is(err, fault.NotFound) && !errors.Is(err, fault.Invalid) || got != "" {
			t.Errorf("Secret(%.20q) = %q, %v; want a %s or %s", name, got, err, fault.NotFound, fault.Invalid)
		}
	}
}

func forbidden(t contract.T, h Harness) {
	if h.Forbid == nil {
		t.Logf("this source cannot be made to forbid a secret")
		return
	}
	h.Set(t, "closed", "hidden-value")
	h.Forbid(t, "closed")
	h.pass(t, secrets.Fresh)
	if got, err := h.Source.Secret(t.Context(), secrets.Ref{Name: "closed"}); !errors.Is(err, fault.Forbidden) || got != "" {
		t.Errorf("Secret of what may not be read = %q, %v; want a %s", got, err, fault.Forbidden)
	}
}

func unavailable(t contract.T, h Harness) {
	if h.Break == nil {
		t.Logf("this source cannot be made unavailable")
		return
	}
	h.Set(t, "away", "hidden-value")
	h.Break(t)
	h.pass(t, secrets.Fresh)
	if got, err := h.Source.Secret(t.Context(), secrets.Ref{Name: "away"}); !errors.Is(err, fault.Unavailable) || got != "" {
		t.Errorf("Secret of a source that is down = %q, %v; want a %s", got, err, fault.Unavailable)
	}
}

// change sets values of one length too, which a source that watches sizes would
// take for the same.
func change(t contract.T, h Harness) {
	for _, text := range []string{"first", "other", "third one", "other"} {
		h.Set(t, "rotating", text)
		h.pass(t, secrets.Fresh)
		expect(t, h, "rotating", text)
	}
}

func quiet(t contract.T, h Harness) {
	const text = "the-most-secret-value"
	h.Set(t, "quiet", text)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	check := func(err error) {
		if err != nil && strings.Contains(err.Error(), text) {
			t.Errorf("an error holds the value of a secret: %v", err)
		}
	}
	_, err := h.Source.Secret(ctx, secrets.Ref{Name: "quiet"})
	check(err)
	if h.Forbid != nil {
		h.Forbid(t, "quiet")
		h.pass(t, secrets.Fresh)
	}
	for _, name := range []string{"quiet", "quite", "quiet-2"} {
		_, err := h.Source.Secret(t.Context(), secrets.Ref{Name: name})
		check(err)
	}
}

func done(t contract.T, h Harness) {
	h.Set(t, "late", "value")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if got, err := h.Source.Secret(ctx, secrets.Ref{Name: "late"}); err != context.Canceled && (err != nil || got != "value") { //nolint:errorlint // as it is, not wrapped
		t.Errorf("Secret with a cancelled context = %q, %v; want %v as it is", got, err, context.Canceled)
	}
}

func concurrent(t contract.T, h Harness) {
	h.Set(t, "shared", "value")
	expect(t, h, "shared", "value")
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for range 50 {
				if got, err := h.Source.Secret(t.Context(), secrets.Ref{Name: "shared"}); err != nil || got != "value" {
					t.Errorf("Secret from several goroutines = %q, %v; want value", got, err)
					return
				}
			}
		})
	}
	group.Wait()
}

func closeTwice(t contract.T, h Harness) {
	for i := range 2 {
		if err := h.Source.Close(); err != nil {
			t.Errorf("Close, call %d: %v", i+1, err)
		}
	}
}

// pass lets time pass where that is needed.
func (h Harness) pass(t contract.T, d time.Duration) {
	if h.Pass != nil {
		h.Pass(t, d)
	}
}

func expect(t contract.T, h Harness, name, want string) {
	t.Helper()
	if got, err := h.Source.Secret(t.Context(), secrets.Ref{Name: name}); err != nil || got != want {
		t.Errorf("Secret(%q) = %.80q, %v; want %.80q", name, got, err, want)
	}
}
