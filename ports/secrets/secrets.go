// Package secrets is the port to where passwords and keys are kept. Start at
// [Source]; the suite that proves an implementation is in secretstest.
package secrets

import "context"

// A Source gives out secrets by name.
//
// A Source is safe for concurrent use. Every error it returns has a fault.Kind,
// except that a done context's error is returned as it is. No error holds the
// value of a secret.
type Source interface {
	// Secret returns the value of the secret with the given name.
	//
	// Secret returns fault.NotFound if there is no such secret, fault.Forbidden
	// if it may not be read and fault.Unavailable if it cannot be read now.
	// A value is returned as it is kept, but for one line end at its end.
	// A change of the secret is seen by calls made at most a minute later.
	Secret(ctx context.Context, name string) (string, error)

	// Close lets go of everything the source holds. Calling it again does nothing.
	Close() error
}

// A Value is a secret that may rotate: whoever uses it asks each time.
type Value func(ctx context.Context) (string, error)

// Fixed returns the Value that is always text.
func Fixed(text string) Value {
	return func(context.Context) (string, error) { return text, nil }
}
