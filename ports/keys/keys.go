// Package keys is the port to where the keys are that encrypt other keys. Start at
// [Keeper]; the suite that proves an implementation is in keystest.
package keys

import (
	"context"

	"github.com/portolan-io/portolan/core/envelope"
)

// MaxDataKey is the most octets of a data key.
const MaxDataKey = 64

// A Keeper encrypts data keys under keys that it does not give out.
//
// A Keeper is safe for concurrent use. Every error it returns has a fault.Kind, except
// that a done context's error is returned as it is. No error holds a data key.
type Keeper interface {
	// Wrap encrypts a data key under the newest key.
	//
	// What it returns is at most envelope.MaxWrapped octets, with a name of at most
	// envelope.MaxName. A data key has 1 to MaxDataKey octets, else it is
	// fault.Invalid. Wrap keeps no reference to the data key. Wrap returns
	// fault.Forbidden if the key may not be used, and fault.Unavailable if it cannot
	// be used now.
	Wrap(ctx context.Context, dataKey []byte) (envelope.Wrapped, error)

	// Unwrap returns the data key that Wrap was given, by this Keeper or by another
	// that has the same key.
	//
	// Older keys that the keeper still has unwrap what they wrapped. Unwrap returns
	// fault.NotFound if the keeper has no key of the name, and fault.Invalid if the
	// octets are not what Wrap returned with it. The other errors are those of Wrap.
	// The caller owns what it returns, and may wipe it.
	Unwrap(ctx context.Context, wrapped envelope.Wrapped) ([]byte, error)

	// Close lets go of everything the keeper holds. Calling it again does nothing.
	Close() error
}
