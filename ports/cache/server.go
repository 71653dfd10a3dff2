package cache

import (
	"context"
	"time"
)

// A Server keeps what several instances of a service share: answers, and marks by
// which they agree whether an answer is still right. It may lose anything at any
// time, as long as its identity changes when it lost a mark and not all of them.
//
// A Server is safe for concurrent use. Every error it returns has a fault.Kind,
// except that a done context's error is returned as it is. A method that is
// called with a done context returns its error and does nothing. After Close
// every method but Close returns fault.Unavailable. Both come before any other
// error.
type Server interface {
	// Identity returns what names the server and its data.
	//
	// Identity is another one after the server restarted, after another took its
	// place, and whenever it may have lost a part of what it was told. It has at most
	// MaxIdentity octets, and is never empty. A server that cannot promise that
	// returns fault.Refused, and says why.
	Identity(ctx context.Context) (string, error)

	// Bind returns the part of the server that belongs to an epoch, as long as the
	// server has the identity. It does not ask the server.
	Bind(identity, epoch string) Session

	// Ping returns nil if the server answers.
	Ping(ctx context.Context) error

	// Close lets go of everything that the Server and its Sessions hold. Calling it
	// again does nothing.
	Close() error
}

// MaxIdentity is the most octets of an identity.
const MaxIdentity = 4000

// A Session is what a [Server] keeps in one epoch, apart from every other.
//
// What is said of a Server about concurrent use, errors, done contexts and Close
// holds for a Session, too. Every call but Fill is one step, of Announce and Renew
// one for each collection: nobody sees a part of it. If the server has another
// identity than the Session was bound to, every call returns fault.Conflict with
// the code other-server; once a Session has returned that it does so for ever.
// Of a server that has parts, each with some of the collections, a call but Renew
// looks only at those of its own collections; Renew looks at all.
// Tags and names are any octets, at most MaxKey of them together with the
// collection; what a Session keeps of one collection has nothing to do with
// another.
type Session interface {
	// Announce makes the epoch known for the collections, for the time ttl. If it
	// fails it may be known for some of them.
	Announce(ctx context.Context, collections []string, ttl time.Duration) error

	// Renew has the epoch known for the time ttl from now on. If it is not known for
	// one of the collections any more, Renew returns fault.Conflict with the code
	// epoch-lost, and does not make it known again.
	Renew(ctx context.Context, collections []string, ttl time.Duration) error

	// Read returns the marks of the tags, in their order, and the value that is kept
	// under the name. An empty name asks for no value. If the epoch is not known for
	// the collection, Read returns fault.Conflict with the code epoch-lost.
	Read(ctx context.Context, collection string, tags []string, name string) (Marks, error)

	// Lease gives the token to each of the tags that has no mark, and returns the
	// marks of all. First reports whether nobody else was given the same marks for the
	// name within the time before. A tag keeps a token for TokenTTL at most. Where the
	// server has no room for a token, the tag has no mark, and that is no error.
	Lease(ctx context.Context, collection string, tags []string, name, token string, within time.Duration) (marks []string, first bool, err error)

	// Fill keeps value under the name for at most ttl, instead of what was kept. A
	// ttl of 0 or less keeps nothing. A value that the server has no room for is not
	// kept, and is no error: nothing is then kept under the name. Fill keeps no
	// reference to value.
	Fill(ctx context.Context, collection, name string, value []byte, ttl time.Duration) error

	// Fence adds the fence to the mark of each tag, instead of a token. If the epoch
	// is not known for the collection, Fence returns fault.Conflict with the code
	// epoch-lost. Adding a fence again does nothing, so that a Fence whose answer was
	// lost may be repeated. If the server has no room for a fence, Fence returns
	// fault.Unavailable, and adds none. The server never forgets a fence but together
	// with the epoch, or when its identity changes.
	Fence(ctx context.Context, collection string, tags []string, fence string) error

	// Lift takes the fences from the marks of the tags. A tag without a fence that
	// had one has no mark then. A fence that is not there is no error.
	Lift(ctx context.Context, collection string, tags, fences []string) error

	// Close lets go of what the Session holds. Calling it again does nothing.
	Close() error
}

// Marks are what a [Session] holds of some tags and a name.
type Marks struct {
	// Tags are the marks: empty for none, a token as Lease gave it, or the fences
	// that stand as Fences splits them.
	Tags  []string
	Value []byte // nil if nothing is kept; the caller owns it
}

// The codes of what a [Session] returns as fault.Conflict.
const (
	OtherServer = "other-server" // the server is not the one that the Session was bound to
	EpochLost   = "epoch-lost"   // the server does not know the epoch (any more)
)

// TokenTTL is how long a tag keeps a token at most.
const TokenTTL = time.Hour
