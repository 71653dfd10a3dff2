// Package secrets is the port to where passwords and keys are kept. Start at
// [Source]; ref.go says how a secret is named, and the suite that proves an
// implementation is in secretstest.
package secrets

import (
	"context"
	"time"
)

// Bounds of what a Source promises, for those that keep what they have read.
const (
	// Fresh is how long what was read is given without asking again.
	Fresh = time.Minute

	// Outage is how long what was read may be given while it cannot be read again.
	Outage = time.Hour
)

// A Source gives out secrets by name.
//
// A Source is safe for concurrent use. Every error it returns has a fault.Kind,
// except that a done context's error is returned as it is. No error holds the
// value of a secret.
type Source interface {
	// Secret returns the value of the secret that ref names.
	//
	// Secret returns fault.NotFound if there is no such secret, fault.Forbidden
	// if it may not be read and fault.Unavailable if it cannot be read now.
	// Of a ref with a field it returns that field of the value, as Ref.Of does.
	// Of a ref with a version it returns what the secret was in that version,
	// fault.NotFound if there is none, and fault.Unsupported if the source keeps
	// no versions. Names that differ in case alone may be one secret, or one of
	// them none, but neither is ever the other's if both are kept.
	// A value is returned as it is kept, but for one line end at its end.
	// A change of the secret is seen by calls made at most a minute later.
	// While a secret cannot be read, what it was at most an hour before may be
	// returned; what is gone or forbidden is not.
	Secret(ctx context.Context, ref Ref) (string, error)

	// Close lets go of everything the source holds. Calling it again does nothing.
	Close() error
}

// A Value is a secret that may rotate: whoever uses it asks each time.
type Value func(ctx context.Context) (string, error)

// Fixed returns the Value that is always text.
func Fixed(text string) Value {
	return func(context.Context) (string, error) { return text, nil }
}
