package cachetest

import (
	"time"

	"github.com/portolan-io/portolan/ports/cache"
	"github.com/portolan-io/portolan/ports/contract"
)

// patience is how long a case waits for what must come before it gives up, and
// moment how long for what may never come.
const (
	patience = 10 * time.Second
	moment   = 20 * time.Millisecond
	long     = time.Hour // a ttl that no case outlives
)

// steps are the words in which the cases are told: each does one thing with the
// Coherent under test, and fails the case if it cannot.
type steps struct {
	contract.T
	cache.Coherent
}

func begin(t contract.T, over Over) (steps, *faulty) {
	below := newFaulty()
	return steps{t, over(below)}, below
}

// key returns a key of the collection things.
func key(text string, tags ...string) cache.Key {
	return cache.Key{Collection: "things", Text: text, Tags: tags}
}

// lease looks and wants a Miss: the permission to fill.
func (s steps) lease(k cache.Key) cache.Lease {
	s.Helper()
	found := s.Look(s.Context(), k)
	if found.State != cache.Miss || found.Lease == "" {
		s.Fatalf("Look(%s) = state %d with the lease %q, want a Miss with one", k.Text, found.State, found.Lease)
	}
	return found.Lease
}

// fill keeps the value under the lease.
func (s steps) fill(k cache.Key, lease cache.Lease, value string) {
	s.Fill(s.Context(), k, lease, []byte(value), long)
}

// keep looks and fills.
func (s steps) keep(k cache.Key, value string) {
	s.Helper()
	s.fill(k, s.lease(k), value)
}

// fence begins a write in the collection things, and returns what ends it.
func (s steps) fence(tags ...string) (publish func(settled bool)) {
	s.Helper()
	return s.fenceIn("things", tags...)
}

func (s steps) fenceIn(collection string, tags ...string) (publish func(settled bool)) {
	s.Helper()
	var fence cache.Fence
	s.soon("Fence", func() {
		var err error
		if fence, err = s.Fence(s.Context(), collection, tags); err != nil {
			s.Errorf("Fence(%v): %v", tags, err)
		}
	})
	if fence.Publish == nil {
		s.Fatalf("Fence(%v) returned no function", tags)
	}
	return func(settled bool) {
		s.Helper()
		s.soon("publish", func() {
			if err := fence.Publish(s.Context(), settled); err != nil {
				s.Errorf("publishing %v: %v", tags, err)
			}
		})
	}
}

// write is a whole write: fence, and publish as settled.
func (s steps) write(tags ...string) {
	s.Helper()
	s.fence(tags...)(true)
}

// soon fails the case if f does not return: what one goroutine does with the
// cache must not wait for what it does next.
func (s steps) soon(what string, f func()) {
	s.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer func() {
			if p := recover(); p != nil {
				s.Errorf("%s panics: %v", what, p)
			}
		}()
		f()
	}()
	select {
	case <-done:
	case <-time.After(patience):
		s.Fatalf("%s does not return", what)
	}
}

// hit wants the value, from the cache.
func (s steps) hit(k cache.Key, want string) {
	s.Helper()
	if found := s.Look(s.Context(), k); found.State != cache.Hit || string(found.Value) != want {
		s.Errorf("Look(%s of %s) = state %d, %q; want a Hit of %q", k.Text, k.Collection, found.State, found.Value, want)
	}
}

// stale wants anything but a Hit.
func (s steps) stale(k cache.Key) {
	s.Helper()
	if found := s.Look(s.Context(), k); found.State == cache.Hit {
		s.Errorf("Look(%s of %s) is a Hit of %q, which was read before a write that was published", k.Text, k.Collection, found.Value)
	}
}

// fenced wants the key to be fenced, without a lease that permits anything.
func (s steps) fenced(k cache.Key) {
	s.Helper()
	found := s.Look(s.Context(), k)
	if found.State != cache.Fenced {
		s.Errorf("Look(%s) = state %d while a tag of it is being written, want Fenced", k.Text, found.State)
	}
}
