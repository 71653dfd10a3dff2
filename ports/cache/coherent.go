package cache

import (
	"context"
	"time"

	"github.com/portolan-io/portolan/ports/repository"
)

// A Coherent cache never answers with what an acknowledged write has changed:
// whoever asks after a write's Publish returned gets nothing that was read before
// that write.
//
// What is kept depends on tags, such as a record or all products of a category.
// A write fences the tags that it changes before it commits, and publishes after;
// in between nobody is answered from the cache, or fills it, by these tags. How
// the instances agree about that is the implementation's: in one process counters
// are enough; several ask a server they share, and switch the cache off when they
// cannot. All keys and tags of one call are of one collection.
//
// A Coherent is safe for concurrent use. It never fails a read: what it cannot
// find out is not cached.
type Coherent interface {
	// Look returns what is kept under the key, if none of its tags was fenced since
	// the lease that it was filled with was granted. Of a Key that is Anew Look passes
	// over what is kept, and finds what it would if nothing were.
	Look(ctx context.Context, key Key) Found

	// Fill keeps value under the key for at most ttl, if none of the key's tags was
	// fenced since Look granted the lease. The value was read after Look returned.
	Fill(ctx context.Context, key Key, lease Lease, value []byte, ttl time.Duration)

	// Fence begins a write of what depends on the tags. It returns before anything
	// of the write is committed, and an error means that it must not be.
	//
	// The write's batch has the Witness among its mutations. If one of these fails,
	// nothing of the write is stored; then Abandon is called instead of Publish, and
	// the write may begin again with a new Fence.
	//
	// Publish ends the write, and is called exactly once, whether it was stored or
	// not. Settled says that what the store made of the write is known; if not, the
	// tags stay fenced for as long as the store may still commit it. The write is
	// acknowledged only if Publish returned no error.
	Fence(ctx context.Context, collection string, tags []string) (Fence, error)
}

// A Fence stands around one write.
type Fence struct {
	Witness []repository.Mutation // Checks that the fence still stands, often none
	Publish func(ctx context.Context, settled bool) error
	Abandon func() // nil if there is no Witness
}

// A Key names what is kept, and what it depends on.
type Key struct {
	Collection string   // whose records it shows
	Text       string   // what was asked, canonically; unique within the collection
	Tags       []string // of what the answer depends on, at least one; unique within the collection
	Anew       bool     // asks Look for a lease to replace what is kept; names nothing
}

// Found is what Look found.
type Found struct {
	State State
	Value []byte // of a Hit; the caller does not change it
	Lease Lease  // of a Miss: what Fill needs
}

// A State is what became of a Look.
type State uint8

// The states.
const (
	Off    State = iota // the cache cannot be used now: read, and do not fill
	Hit                 // Value is right
	Miss                // nothing is kept: read, and fill with Lease
	Fenced              // something that the key depends on is being written: read, and do not fill
)

// String returns the name of the state, as metrics have it.
func (s State) String() string { return [...]string{"off", "hit", "miss", "fenced"}[s] }

// A Lease is the permission to fill a key with what is read from now on. Leases
// of one key are equal only if none of its tags was fenced between them, so
// whoever holds an equal one may share what the other reads. An empty Lease
// permits nothing.
type Lease string
