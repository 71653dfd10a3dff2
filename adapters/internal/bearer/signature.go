package bearer

import (
	"context"
	"maps"
	"slices"

	"github.com/golang-jwt/jwt/v5"

	"github.com/portolan-io/portolan/core/fault"
)

// Algorithms are what an issuer may sign with if nothing is said (RFC 7518 §3.1,
// RFC 8037).
var Algorithms = []string{"RS256", "PS256", "ES256", "EdDSA"}

// methods are the algorithms that an issuer can be allowed to sign with. One
// with a secret that the verifier has too is not among them: it would take a
// public key for the secret (RFC 8725 §2.1).
var methods = map[string]jwt.SigningMethod{
	"RS256": jwt.SigningMethodRS256, "RS384": jwt.SigningMethodRS384, "RS512": jwt.SigningMethodRS512,
	"PS256": jwt.SigningMethodPS256, "PS384": jwt.SigningMethodPS384, "PS512": jwt.SigningMethodPS512,
	"ES256": jwt.SigningMethodES256, "ES384": jwt.SigningMethodES384, "ES512": jwt.SigningMethodES512,
	"EdDSA": jwt.SigningMethodEdDSA,
}

// known returns the names of the methods, in alphabetical order.
func known() []string { return slices.Sorted(maps.Keys(methods)) }

// verifySignature returns an error unless one of the issuer's own keys, which
// the token may name, has signed it with an algorithm that the issuer and the
// key both have. Whatever else the header holds is not looked at: neither a key
// (jwk, x5c) nor where one is (jku, x5u).
func (v *Verifier) verifySignature(ctx context.Context, from *issuer, p parts) error {
	algorithm, _ := p.header["alg"].(string)
	if from.Unsigned {
		if algorithm != "none" || len(p.signature) > 0 {
			return v.Refuse("token-algorithm", "the token is signed, and its issuer here is an emulator, which does not sign")
		}
		return nil
	}
	if len(p.signature) == 0 {
		return v.Refuse("bad-token", "the token is malformed")
	}
	if !slices.Contains(from.Algorithms, algorithm) {
		return v.Refuse("token-algorithm", "the token is signed with an algorithm that its issuer may not use here")
	}
	if _, critical := p.header["crit"]; critical {
		return v.Refuse("bad-token", "the token asks for an extension that is not known here")
	}
	kid, err := v.kidOf(p.header)
	if err != nil {
		return err
	}
	keys, err := from.keys.find(ctx, kid, algorithm)
	switch {
	case err != nil && ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		return fault.New(fault.Unavailable, v.op(), "the keys of the token's issuer cannot be had now").
			Coded("issuer-unavailable").Because(err)
	case len(keys) == 0:
		return v.Refuse("token-key", "the token is not signed with a key of its issuer")
	}
	for _, k := range keys {
		if methods[algorithm].Verify(p.signed, p.signature, k.public) == nil {
			return nil
		}
	}
	return v.Refuse("token-signature", "the token is not signed by its issuer")
}

// kidOf returns the name of the key that a token is signed with, empty if it
// gives none.
func (v *Verifier) kidOf(header map[string]any) (string, error) {
	value, given := header["kid"]
	if !given {
		return "", nil
	}
	kid, ok := value.(string)
	if !ok || kid == "" || len(kid) > MaxKidBytes {
		return "", v.Refuse("token-key", "the token is not signed with a key of its issuer")
	}
	return kid, nil
}
