package core

import (
	"time"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/policy"
)

// Directives are what a caller asks of the cache, by the names that Cache-Control
// of RFC 9111 has for it. The zero Directives leave everything to the cache.
//
// They count only where the collection lets the caller give them, by
// [Caching.Directives], and are as if they were not there anywhere else.
type Directives struct {
	NoCache      bool // the answer is read from the store now, never from a replica, and kept as usual
	NoStore      bool // the answer is read from the store now, and not kept
	OnlyIfCached bool // the store is not asked: what is not kept, or may not be used, is refused with [CodeNotCached]
}

// Givers are who may give Directives: what they ask for costs the store reads that
// the cache is there to spare.
type Givers uint8

// The Givers.
const (
	GivenByNobody        Givers = iota
	GivenByAuthenticated        // who is known
	GivenByAnybody
)

// String returns the name of the givers, as configurations have it: that of the
// role that they have.
func (g Givers) String() string {
	return [...]string{"none", policy.Authenticated, policy.Anonymous}[g]
}

// Include reports whether who is one of the givers.
func (g Givers) Include(who policy.Principal) bool {
	return g == GivenByAnybody || g == GivenByAuthenticated && who.Known()
}

// CodeNotCached is the code of an answer that is not kept, and must not be read.
const CodeNotCached = "not-cached"

// heeded returns the directives as far as the collection lets who give them.
func (c *collection) heeded(who policy.Principal, d Directives) Directives {
	if d == (Directives{}) || !c.stored().caching.Directives.Include(who) {
		return Directives{}
	}
	return d
}

// staleFor returns how old that may be which is read for an answer.
func (c *collection) staleFor(d Directives) time.Duration {
	if d.NoCache || d.NoStore {
		return 0
	}
	return c.stale
}

// unread returns what is answered where nothing may be read.
func (d Directives) unread() error {
	if !d.OnlyIfCached {
		return nil
	}
	return fault.New(fault.Refused, "core.read", "the answer is not kept, and only-if-cached forbids to read it").
		Coded(CodeNotCached).Hinting("leave only-if-cached out to have it read")
}
