package cachetest

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/ports/cache"
)

var lifecycleCases = []Case{
	{Name: "Ping", Clause: "Ping returns nil if the cache answers.", Run: ping},
	{Name: "Done", Clause: "except that a done context's error is returned as it is.", Run: done},
	{Name: "DoneDoesNothing", Clause: "A method that is called with a done context returns its error and does nothing.", Run: doneDoesNothing},
	{Name: "Closed", Clause: "After Close every method but Close returns fault.Unavailable.", Run: closed},
	{Name: "Order", Clause: "Both come before any other error.", Run: order},
	{Name: "Kinds", Clause: "Every error it returns has a fault.Kind", Run: kinds},
	{Name: "Close", Clause: "Close lets go of everything the cache holds.", Run: closes},
	{Name: "CloseTwice", Clause: "Calling it again does nothing.", Run: closeTwice},
}

// tooLong returns a key that Set refuses.
func tooLong() string { return strings.Repeat("k", cache.MaxKey+1) }

// methods call each method that may fail, as one that finds nothing wrong with
// its arguments.
var methods = []struct {
	name string
	call func(ctx context.Context, c cache.Cache) error
}{
	{"Get", func(ctx context.Context, c cache.Cache) error {
		value, found, err := c.Get(ctx, "key")
		if err != nil && (found || len(value) > 0) {
			return errors.New("an error and a value at once")
		}
		return err
	}},
	{"Get of nothing", func(ctx context.Context, c cache.Cache) error {
		_, _, err := c.Get(ctx, "missing")
		return err
	}},
	{"Set", func(ctx context.Context, c cache.Cache) error { return c.Set(ctx, "key", []byte("changed"), lasting) }},
	{"Set without a ttl", func(ctx context.Context, c cache.Cache) error { return c.Set(ctx, "key", []byte("changed"), 0) }},
	{"Delete", func(ctx context.Context, c cache.Cache) error { return c.Delete(ctx, "key") }},
	{"Delete of nothing", func(ctx context.Context, c cache.Cache) error { return c.Delete(ctx) }},
	{"Ping", func(ctx context.Context, c cache.Cache) error { return c.Ping(ctx) }},
}

func ping(t T, c cache.Cache) {
	for range 2 {
		if err := c.Ping(t.Context()); err != nil {
			t.Errorf("Ping = %v, want nil", err)
		}
		keep(t, c, "key", []byte("value"))
	}
}

// over are contexts that are done, and their errors.
func over(t T) map[error]context.Context {
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	late, cancel := context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
	t.Cleanup(cancel)
	return map[error]context.Context{context.Canceled: cancelled, context.DeadlineExceeded: late}
}

func done(t T, c cache.Cache) {
	keep(t, c, "key", []byte("value"))
	for want, ctx := range over(t) {
		for _, m := range methods {
			if got := m.call(ctx, c); got != want { //nolint:errorlint // as it is, not wrapped
				t.Errorf("%s with a done context = %v, want %v as it is", m.name, got, want)
			}
		}
	}
}

func doneDoesNothing(t T, c cache.Cache) {
	for _, ctx := range over(t) {
		left := false
		for range attempts {
			keep(t, c, "key", []byte("value"))
			_ = c.Set(ctx, "key", []byte("changed"), lasting)
			_ = c.Set(ctx, "key", nil, 0)
			_ = c.Delete(ctx, "key")
			_ = c.Set(ctx, "new", []byte("changed"), lasting)
			wantNothing(t, "after a Set with a done context", c, "new")
			got, found := get(t, c, "key")
			if found && string(got) != "value" {
				t.Errorf("after methods with a done context Get = %s, want what was there before", show(got))
			}
			left = left || found
		}
		if !left {
			t.Errorf("after methods with a done context nothing is left of what was there before")
		}
	}
}

func closed(t T, c cache.Cache) {
	keep(t, c, "key", []byte("value"))
	if err := c.Close(); err != nil {
		t.Fatalf("Close = %v", err)
	}
	for range 2 {
		for _, m := range methods {
			if err := m.call(t.Context(), c); !errors.Is(err, fault.Unavailable) {
				t.Errorf("%s after Close = %v, want a %s", m.name, err, fault.Unavailable)
			}
		}
	}
}

func order(t T, c cache.Cache) {
	for want, ctx := range over(t) {
		if got := c.Set(ctx, tooLong(), nil, lasting); got != want { //nolint:errorlint // as it is, not wrapped
			t.Errorf("Set of a key that is too long with a done context = %v, want %v", got, want)
		}
	}
	if err := c.Close(); err != nil {
		t.Fatalf("Close = %v", err)
	}
	if err := c.Set(t.Context(), tooLong(), nil, lasting); !errors.Is(err, fault.Unavailable) {
		t.Errorf("Set of a key that is too long after Close = %v, want a %s", err, fault.Unavailable)
	}
}

// kinds looks at the errors that any cache can be brought to return.
func kinds(t T, c cache.Cache) {
	check := func(what string, err error) {
		var classified *fault.Error
		if !errors.As(err, &classified) || classified.Kind == "" || fault.KindOf(err) == fault.Internal {
			t.Errorf("%s = %v, of the kind %q; want one that says what is wrong", what, err, fault.KindOf(err))
		}
	}
	check("Set of a key that is too long", c.Set(t.Context(), tooLong(), nil, lasting))
	if err := c.Close(); err != nil {
		check("Close", err)
	}
	for _, m := range methods {
		check(m.name+" after Close", m.call(t.Context(), c))
	}
}

// closes cannot see memory, only that nothing is answered with.
func closes(t T, c cache.Cache) {
	for _, key := range []string{"a", "b", "c"} {
		keep(t, c, key, content(key, 1, 10_000))
	}
	if err := c.Close(); err != nil {
		t.Fatalf("Close = %v", err)
	}
	for _, key := range []string{"a", "b", "c"} {
		if value, found, err := c.Get(t.Context(), key); found || value != nil || err == nil {
			t.Errorf("after Close Get(%q) = %s, %t, %v; want nothing but an error", key, show(value), found, err)
		}
	}
}

func closeTwice(t T, c cache.Cache) {
	for i := range 3 {
		if err := c.Close(); err != nil {
			t.Errorf("Close number %d = %v, want nil", i+1, err)
		}
	}
}
