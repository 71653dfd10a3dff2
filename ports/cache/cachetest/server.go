package cachetest

import (
	"crypto/rand"
	"slices"
	"testing"
	"time"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/ports/cache"
	"github.com/portolan-io/portolan/ports/contract"
)

// A ServerCase proves a clause of the contract of cache.Server and cache.Session.
// It has epochs of its own, so that what is behind several servers may be one.
type ServerCase = contract.Case[cache.Server]

// An Eventful is a cache.Server to which the suite can do what happens to servers.
// Each method returns when it has happened. Over a server that is none, the cases
// about that log that they prove nothing.
type Eventful interface {
	Replace(t T)         // restarts it, or puts another in its place
	Empty(t T)           // has it lose everything, and stay the same
	Full(t T, full bool) // says whether it has no room for anything new
}

// RunServer runs the suite over the servers that open returns, one for each case.
// What open opens it also closes, with t.Cleanup. It is best if they are Eventful.
func RunServer(t *testing.T, open func(t *testing.T) cache.Server) {
	t.Helper()
	contract.Run(t, ServerCases(), open)
}

// ServerCases returns the cases of the suite.
func ServerCases() []ServerCase {
	return slices.Concat(serverIdentityCases, serverEpochCases, serverMarkCases, serverFenceCases, serverValueCases, serverStepCases, serverLifeCases)
}

// ServerDescriptions are the sentences of the contract that no case proves: they
// describe, permit, or promise what a suite cannot see.
func ServerDescriptions() []string {
	return []string{
		"A Server keeps what several instances of a service share: answers, and marks by which they agree whether an answer is still right",
		"A server that cannot promise that returns fault.Refused, and says why",
		"If it fails it may be known for some of them",
		"A tag keeps a token for TokenTTL at most",
	}
}

// goods is the collection that most cases use, and others another one.
const goods, others = "goods", "others"

// identity asks the server who it is, which must be no error.
func identity(t T, s cache.Server) string {
	t.Helper()
	id, err := s.Identity(t.Context())
	if err != nil {
		t.Fatalf("Identity = %v", err)
	}
	return id
}

// unknown returns a session in an epoch of its own, of which nothing is known.
func unknown(t T, s cache.Server) cache.Session {
	t.Helper()
	session := s.Bind(identity(t, s), rand.Text())
	t.Cleanup(func() { _ = session.Close() })
	return session
}

// bind returns a session in an epoch of its own, which is known for a while.
func bind(t T, s cache.Server) cache.Session {
	t.Helper()
	session := unknown(t, s)
	announce(t, session, lasting, goods, others)
	return session
}

func announce(t T, s cache.Session, ttl time.Duration, collections ...string) {
	t.Helper()
	if err := s.Announce(t.Context(), collections, ttl); err != nil {
		t.Fatalf("Announce(%q, %v) = %v", collections, ttl, err)
	}
}

// look reads the marks and the value, which must be no error.
func look(t T, s cache.Session, tags []string, name string) cache.Marks {
	t.Helper()
	marks, err := s.Read(t.Context(), goods, tags, name)
	if err != nil {
		t.Fatalf("Read(%.40q, %.40q) = %v", tags, name, err)
	}
	if len(marks.Tags) != len(tags) {
		t.Fatalf("Read of %d tags = %d marks", len(tags), len(marks.Tags))
	}
	return marks
}

// mark reads the mark of one tag.
func mark(t T, s cache.Session, tag string) string {
	t.Helper()
	return look(t, s, []string{tag}, "").Tags[0]
}

func wantMark(t T, when string, s cache.Session, tag, want string) {
	t.Helper()
	if got := mark(t, s, tag); got != want {
		t.Errorf("%s the mark of %.40q is %.80q, want %.80q", when, tag, got, want)
	}
}

// wantFences compares the fences of a mark, in whatever order.
func wantFences(t T, when string, s cache.Session, tag string, want ...string) {
	t.Helper()
	got := cache.Fences(mark(t, s, tag))
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("%s the fences of %.40q are %q, want %q", when, tag, got, want)
	}
}

// lease asks for a lease, which must be no error.
func lease(t T, s cache.Session, tags []string, name, token string) (marks []string, first bool) {
	t.Helper()
	marks, first, err := s.Lease(t.Context(), goods, tags, name, token, lasting)
	if err != nil {
		t.Fatalf("Lease(%.40q, %.40q, %q) = %v", tags, name, token, err)
	}
	if len(marks) != len(tags) {
		t.Fatalf("Lease of %d tags = %d marks", len(tags), len(marks))
	}
	return marks, first
}

func fill(t T, s cache.Session, name string, value []byte, ttl time.Duration) {
	t.Helper()
	if err := s.Fill(t.Context(), goods, name, value, ttl); err != nil {
		t.Fatalf("Fill(%.40q, %d octets, %v) = %v", name, len(value), ttl, err)
	}
}

func fence(t T, s cache.Session, fence string, tags ...string) {
	t.Helper()
	if err := s.Fence(t.Context(), goods, tags, fence); err != nil {
		t.Fatalf("Fence(%.40q, %q) = %v", tags, fence, err)
	}
}

func lift(t T, s cache.Session, tags []string, fences ...string) {
	t.Helper()
	if err := s.Lift(t.Context(), goods, tags, fences); err != nil {
		t.Fatalf("Lift(%.40q, %q) = %v", tags, fences, err)
	}
}

// wantConflict checks that the error is a fault.Conflict with the code.
func wantConflict(t T, what string, err error, code string) {
	t.Helper()
	if f := fault.Of(err); err == nil || f.Kind != fault.Conflict || f.Code != code {
		t.Errorf("%s = %v, want a %s with the code %s", what, err, fault.Conflict, code)
	}
}

// eventful returns the server as one to which things can be done, or nil.
func eventful(t T, s cache.Server) Eventful {
	able, ok := s.(Eventful)
	if !ok {
		t.Logf("UNPROVED: nothing can be done to this server")
		return nil
	}
	return able
}
