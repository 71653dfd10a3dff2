package cachetest

import (
	"context"
	"errors"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/ports/cache"
)

var serverLifeCases = []ServerCase{
	{Name: "ServerPing", Clause: "Ping returns nil if the server answers.", Run: serverPing},
	{Name: "ServerKinds", Clause: "Every error it returns has a fault.Kind", Run: serverKinds},
	{Name: "ServerDone", Clause: "except that a done context's error is returned as it is.", Run: serverDone},
	{Name: "ServerDoneDoesNothing", Clause: "A method that is called with a done context returns its error and does nothing.", Run: serverDoneDoesNothing},
	{Name: "ServerClosed", Clause: "After Close every method but Close returns fault.Unavailable.", Run: serverClosed},
	{Name: "ServerOrder", Clause: "Both come before any other error.", Run: serverOrder},
	{Name: "ServerClose", Clause: "Close lets go of everything that the Server and its Sessions hold.", Run: serverClose},
	{Name: "ServerCloseTwice", Clause: "Close lets go of everything that the Server and its Sessions hold. Calling it again does nothing.", Run: serverCloseTwice},
	{Name: "SessionClose", Clause: "Close lets go of what the Session holds.", Run: sessionClose},
	{Name: "SessionCloseTwice", Clause: "Close lets go of what the Session holds. Calling it again does nothing.", Run: sessionCloseTwice},
}

// sessionMethods call each method of a session that may fail, as one that finds
// nothing wrong with its arguments.
var sessionMethods = []struct {
	name string
	call func(ctx context.Context, s cache.Session) error
}{
	{"Announce", func(ctx context.Context, s cache.Session) error {
		return s.Announce(ctx, []string{goods, others}, lasting)
	}},
	{"Renew", func(ctx context.Context, s cache.Session) error {
		return s.Renew(ctx, []string{goods, others}, lasting)
	}},
	{"Read", func(ctx context.Context, s cache.Session) error {
		marks, err := s.Read(ctx, goods, []string{"a", "b"}, "name")
		if err != nil && (marks.Tags != nil || marks.Value != nil) {
			return errors.New("an error and marks at once")
		}
		return err
	}},
	{"Lease", func(ctx context.Context, s cache.Session) error {
		marks, first, err := s.Lease(ctx, goods, []string{"a", "b"}, "name", "token", lasting)
		if err != nil && (marks != nil || first) {
			return errors.New("an error and marks at once")
		}
		return err
	}},
	{"Fill", func(ctx context.Context, s cache.Session) error {
		return s.Fill(ctx, goods, "name", []byte("value"), lasting)
	}},
	{"Fill of nothing", func(ctx context.Context, s cache.Session) error { return s.Fill(ctx, goods, "name", nil, 0) }},
	{"Fence", func(ctx context.Context, s cache.Session) error {
		return s.Fence(ctx, goods, []string{"a", "b"}, "method")
	}},
	{"Lift", func(ctx context.Context, s cache.Session) error {
		return s.Lift(ctx, goods, []string{"a", "b"}, []string{"method"})
	}},
}

// serverMethods are those of a server.
var serverMethods = []struct {
	name string
	call func(ctx context.Context, s cache.Server) error
}{
	{"Ping", func(ctx context.Context, s cache.Server) error { return s.Ping(ctx) }},
	{"Identity", func(ctx context.Context, s cache.Server) error {
		id, err := s.Identity(ctx)
		if err != nil && id != "" {
			return errors.New("an error and an identity at once")
		}
		return err
	}},
}

func serverPing(t T, s cache.Server) {
	for range 2 {
		if err := s.Ping(t.Context()); err != nil {
			t.Errorf("Ping = %v, want nil", err)
		}
		bind(t, s)
	}
}

// serverKinds looks at the errors that any server can be brought to return.
func serverKinds(t T, s cache.Server) {
	check := func(what string, err error) {
		t.Helper()
		var classified *fault.Error
		if !errors.As(err, &classified) || classified.Kind == "" || fault.KindOf(err) == fault.Internal {
			t.Errorf("%s = %v, of the kind %q; want one that says what is wrong", what, err, fault.KindOf(err))
		}
	}
	session, other := unknown(t, s), s.Bind("an identity that no server has", "epoch")
	_, err := session.Read(t.Context(), goods, nil, "")
	check("Read in an epoch that is not known", err)
	for _, m := range sessionMethods {
		check(m.name+" of a session bound to another identity", m.call(t.Context(), other))
	}
	if err := s.Close(); err != nil {
		check("Close", err)
	}
	for _, m := range serverMethods {
		check(m.name+" after Close", m.call(t.Context(), s))
	}
	for _, m := range sessionMethods {
		check(m.name+" after Close", m.call(t.Context(), session))
	}
}

func serverDone(t T, s cache.Server) {
	session := bind(t, s)
	for want, ctx := range over(t) {
		for _, m := range serverMethods {
			if got := m.call(ctx, s); got != want { //nolint:errorlint // as it is, not wrapped
				t.Errorf("%s with a done context = %v, want %v as it is", m.name, got, want)
			}
		}
		for _, m := range sessionMethods {
			if got := m.call(ctx, session); got != want { //nolint:errorlint // as it is, not wrapped
				t.Errorf("%s with a done context = %v, want %v as it is", m.name, got, want)
			}
		}
	}
}

func serverDoneDoesNothing(t T, s cache.Server) {
	session, quiet := bind(t, s), unknown(t, s)
	fence(t, session, "f", "fenced")
	fill(t, session, "name", []byte("older"), lasting)
	for _, ctx := range over(t) {
		_ = quiet.Announce(ctx, []string{goods}, lasting)
		_ = session.Announce(ctx, []string{goods}, 1)
		_ = session.Renew(ctx, []string{goods}, 1)
		_, _, _ = session.Lease(ctx, goods, []string{"a"}, "name", "token", lasting)
		_ = session.Fill(ctx, goods, "name", []byte("value"), lasting)
		_ = session.Fence(ctx, goods, []string{"b"}, "g")
		_ = session.Lift(ctx, goods, []string{"fenced"}, []string{"f"})
	}
	if known(t, quiet) {
		t.Errorf("Announce with a done context made the epoch known")
	}
	if !known(t, session) {
		t.Fatalf("Announce or Renew with a done context ended the epoch")
	}
	wantMark(t, "after Lease with a done context", session, "a", "")
	wantMark(t, "after Fence with a done context", session, "b", "")
	wantFences(t, "after Lift with a done context", session, "fenced", "f")
	wantValue(t, session, "name", []byte("older"))
	if _, first := lease(t, session, nil, "name", "token"); !first {
		t.Errorf("after Lease with a done context somebody was first")
	}
}

// closedAll checks that each method says that it is closed.
func closedAll(t T, session cache.Session) {
	t.Helper()
	for range 2 {
		for _, m := range sessionMethods {
			if err := m.call(t.Context(), session); !errors.Is(err, fault.Unavailable) {
				t.Errorf("%s after Close = %v, want a %s", m.name, err, fault.Unavailable)
			}
		}
	}
}

func serverClosed(t T, s cache.Server) {
	session := bind(t, s)
	if err := s.Close(); err != nil {
		t.Fatalf("Close = %v", err)
	}
	for _, m := range serverMethods {
		if err := m.call(t.Context(), s); !errors.Is(err, fault.Unavailable) {
			t.Errorf("%s after Close = %v, want a %s", m.name, err, fault.Unavailable)
		}
	}
	closedAll(t, session)
}

// serverOrder closes what would have something else to say.
func serverOrder(t T, s cache.Server) {
	other := s.Bind("an identity that no server has", "epoch")
	for want, ctx := range over(t) {
		for _, m := range sessionMethods {
			if got := m.call(ctx, other); got != want { //nolint:errorlint // as it is, not wrapped
				t.Errorf("%s of another server with a done context = %v, want %v", m.name, got, want)
			}
		}
	}
	wantConflict(t, "Read of another server", sessionMethods[2].call(t.Context(), other), cache.OtherServer)
	if err := s.Close(); err != nil {
		t.Fatalf("Close = %v", err)
	}
	closedAll(t, other)
	for want, ctx := range over(t) {
		for _, m := range serverMethods {
			if got := m.call(ctx, s); got != want { //nolint:errorlint // as it is, not wrapped
				t.Errorf("%s after Close with a done context = %v, want %v", m.name, got, want)
			}
		}
	}
}

// serverClose cannot see connections, only that nothing is asked over them; also
// by a session that is bound afterwards.
func serverClose(t T, s cache.Server) {
	id := identity(t, s)
	one, two := bind(t, s), bind(t, s)
	if err := s.Close(); err != nil {
		t.Fatalf("Close = %v", err)
	}
	closedAll(t, one)
	closedAll(t, two)
	closedAll(t, s.Bind(id, "epoch"))
}

func serverCloseTwice(t T, s cache.Server) {
	bind(t, s)
	for i := range 3 {
		if err := s.Close(); err != nil {
			t.Errorf("Close number %d = %v, want nil", i+1, err)
		}
	}
}

func sessionClose(t T, s cache.Server) { sessionLife(t, s) }

// sessionLife closes one session of two.
func sessionLife(t T, s cache.Server) {
	t.Helper()
	one, two := bind(t, s), bind(t, s)
	if err := one.Close(); err != nil {
		t.Fatalf("Close = %v", err)
	}
	closedAll(t, one)
	fence(t, two, "f", "tag")
	wantFences(t, "after another session was closed", two, "tag", "f")
	if err := s.Ping(t.Context()); err != nil {
		t.Errorf("Ping after a session was closed = %v", err)
	}
}

func sessionCloseTwice(t T, s cache.Server) {
	session := bind(t, s)
	for i := range 3 {
		if err := session.Close(); err != nil {
			t.Errorf("Close number %d = %v, want nil", i+1, err)
		}
	}
	if err := s.Close(); err != nil {
		t.Errorf("Close of the server = %v, want nil", err)
	}
	if err := session.Close(); err != nil {
		t.Errorf("Close after that of the server = %v, want nil", err)
	}
}
