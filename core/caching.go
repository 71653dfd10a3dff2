package core

import "time"

// Caching is how the answers of a collection are cached. The zero Caching is
// strict, with [DefaultTTL] and without scopes.
type Caching struct {
	Class  Class
	TTL    time.Duration // how long an answer is kept at most; 0 is DefaultTTL. Of Bounded: how old one may be
	MaxAge time.Duration // how long anybody may keep what is told without asking who they are; 0 is not at all
	Scopes []int         // positions of the fields by whose value pages live and die

	Directives Givers // whose Directives count
}

// A Class says how old an answer from the cache may be.
type Class uint8

// The classes.
const (
	Strict   Class = iota // never older than the last acknowledged write
	Bounded               // at most TTL old, and never older than the last acknowledged write through this instance
	Uncached              // always read from the store
)

// String returns the name of the class, as configurations and answers have it.
func (c Class) String() string { return [...]string{"strict", "bounded", "none"}[c] }

// behind returns how old that may be which is read for an answer, from a store that
// has a replica. If answers are kept, they are so for the other half of the time. If
// they are kept for other instances too, it may not be old at all: a replica may
// lack what the one that finds the answer has written.
func (c Caching) behind(kept, shared bool) time.Duration {
	switch {
	case c.Class != Bounded || shared:
		return 0
	case kept:
		return c.TTL / 2
	}
	return c.TTL
}

// DefaultTTL is how long an answer is kept if a collection does not say.
const DefaultTTL = 10 * time.Minute

// Cached says what the cache had to do with an answer.
type Cached uint8

// What the cache has to do with an answer.
const (
	CacheOff    Cached = iota // there is no cache, or it cannot be used now
	CacheNone                 // the collection, or this kind of request, is not cached
	CacheHit                  // it is from the cache
	CacheMiss                 // it was read, and is kept now
	CacheShared               // it was read by another request at the same time
	CacheFenced               // it was read, and not kept, because something it depends on was being written
	CacheAnew                 // it was read because the caller wants that, and is kept now
	CacheUnkept               // it was read because the caller wants that, and is not kept
	CacheUnread               // it is not kept, and there is none because the caller wants nothing read
)
