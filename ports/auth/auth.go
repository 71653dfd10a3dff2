// Package auth is the port that turns a credential into a principal. Start at
// [Authenticator]; the suite that proves an implementation is in authtest. An
// [Issuer] makes credentials, and a [Hasher] keeps passwords.
package auth

import (
	"context"
	"net/netip"

	"github.com/portolan-io/portolan/core/policy"
)

// A Scheme is the kind of a credential, told by its shape.
type Scheme string

// The schemes.
const (
	Bearer  Scheme = "bearer"  // a JWT in Authorization
	APIKey  Scheme = "api-key" // the value of X-API-Key
	Basic   Scheme = "basic"   // the name and the password of RFC 7617, decoded, with the colon between them
	Session Scheme = "session" // the value of the cookie of a session
)

// A Credential is what a request carries to say who asks.
type Credential struct {
	Scheme Scheme
	Token  string     // never to be logged, nor put into an error
	From   netip.Addr // where it comes from, so that who guesses can be made to wait; may be invalid
}

// An Authenticator turns credentials into principals.
//
// An Authenticator is safe for concurrent use. Every error it returns has a
// fault.Kind, except that a done context's error is returned as it is. No error
// holds any part of the credential.
type Authenticator interface {
	// Authenticate returns who presents the credential.
	//
	// Authenticate returns fault.Unauthenticated if the credential is malformed,
	// forged, expired, not yet valid or revoked. It returns fault.Unsupported if
	// the credential is not of a kind, or not of an issuer, that it knows, so
	// that another may be asked. It returns fault.Unavailable if it cannot decide
	// now. The principal has an Issuer, a Subject and the Expires of the
	// credential; it has neither of the implied roles among its Roles.
	Authenticate(ctx context.Context, credential Credential) (policy.Principal, error)

	// Close lets go of everything the authenticator holds. Calling it again does
	// nothing.
	Close() error
}
