package auth

import (
	"context"
	"time"

	"github.com/portolan-io/portolan/core/policy"
)

// An Issuer makes access tokens.
//
// An Issuer is safe for concurrent use. Every error it returns has a fault.Kind,
// except that a done context's error is returned as it is. No error holds any part
// of a key or of a token.
type Issuer interface {
	// Issue returns a token that names the principal for ttl from now.
	//
	// The Authenticator beside the Issuer returns for the token a principal with the
	// subject, the roles and the claims that were given, whose issuer is Name and
	// which expires after ttl. What a token says of itself, such as iss or exp, is
	// never taken from the claims. A principal without a subject and a ttl that is not
	// positive are fault.Invalid. Issue returns fault.Unavailable if it cannot sign
	// now.
	Issue(ctx context.Context, who policy.Principal, ttl time.Duration) (string, error)

	// Name returns what the tokens name as their issuer.
	Name() string

	// KeySet returns the public keys that verify the tokens, as a JSON Web Key Set
	// (RFC 7517).
	//
	// The key that signs is among them, under the kid of the tokens. No member of a
	// private key is in it.
	KeySet(ctx context.Context) ([]byte, error)
}
