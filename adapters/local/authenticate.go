package local

import (
	"context"
	"errors"
	"strings"

	"github.com/golang-jwt/jwt/v5"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/policy"
	"github.com/portolan-io/portolan/ports/auth"
)

// tokenType is the typ of an access token (RFC 9068 §2.1): an ID token, which
// has another, is nobody's credential.
const tokenType = "at+jwt"

const opAuthenticate = "local.Authenticate"

// Authenticate returns the principal of a token that this issuer signed.
//
// Of the header only alg, typ and kid are looked at: a key, or the address of
// one, that a token brings along (jwk, jku, x5c, x5u) is as if it were not there,
// and a kid is compared with the names of the few keys there are.
func (a *Authenticator) Authenticate(ctx context.Context, credential auth.Credential) (policy.Principal, error) {
	if err := ctx.Err(); err != nil {
		return policy.Principal{}, err
	}
	if credential.Scheme != auth.Bearer {
		return policy.Principal{}, fault.New(fault.Unsupported, opAuthenticate, "this is not a bearer token")
	}
	if len(credential.Token) > MaxTokenBytes {
		return policy.Principal{}, refuse("the token is longer than %d bytes", MaxTokenBytes)
	}
	kid, err := a.claim(credential.Token)
	if err != nil {
		return policy.Principal{}, err
	}
	keys, err := a.keysFor(ctx, kid)
	if err != nil {
		return policy.Principal{}, unreadable(ctx, opAuthenticate, err)
	}
	claims := jwt.MapClaims{}
	token, err := a.parser.ParseWithClaims(credential.Token, claims, keys.verifying)
	if err != nil {
		return policy.Principal{}, explain(err)
	}
	if typ, _ := token.Header["typ"].(string); typ != tokenType && typ != "application/"+tokenType {
		return policy.Principal{}, refuse("the token is not an access token: its typ must be %s", tokenType)
	}
	if _, critical := token.Header["crit"]; critical {
		return policy.Principal{}, refuse("the token asks for an extension that is not known here")
	}
	return principal(claims)
}

// claim decides whether the token is this issuer's to judge, before its
// signature is looked at: the issuer it names is what others are asked by. It
// returns the name of the key as the token gives it, nil if it gives none.
func (a *Authenticator) claim(text string) (kid any, err error) {
	if strings.ContainsAny(text, "\r\n") { // which the base64 decoder skips: one token would have many spellings
		return nil, refuse("the token is malformed")
	}
	claims := jwt.MapClaims{}
	token, _, err := a.parser.ParseUnverified(text, claims)
	if err != nil && !errors.Is(err, jwt.ErrTokenUnverifiable) {
		return nil, refuse("the token is malformed")
	}
	switch issuer, _ := claims["iss"].(string); issuer {
	case a.cfg.Issuer:
		if token == nil {
			return nil, nil
		}
		return token.Header["kid"], nil
	case "":
		return nil, refuse("the token names no issuer")
	}
	return nil, fault.New(fault.Unsupported, opAuthenticate, "the token is of another issuer")
}

// principal returns whom verified claims name.
func principal(claims jwt.MapClaims) (policy.Principal, error) {
	issuer, _ := claims.GetIssuer()
	subject, _ := claims.GetSubject()
	expires, err := claims.GetExpirationTime()
	if subject == "" || err != nil || expires == nil {
		return policy.Principal{}, refuse("the token names no subject")
	}
	roles, ok := rolesOf(claims["roles"])
	if !ok {
		return policy.Principal{}, refuse("the roles of the token are not a list of names")
	}
	return policy.Principal{
		Issuer: issuer, Subject: subject, Roles: roles, Claims: claims, Expires: expires.Time,
	}, nil
}

// rolesOf reads the claim roles, without the roles that are implied.
func rolesOf(claim any) ([]string, bool) {
	if claim == nil {
		return nil, true
	}
	items, ok := claim.([]any)
	if !ok {
		return nil, false
	}
	var roles []string
	for _, item := range items {
		role, ok := item.(string)
		if !ok {
			return nil, false
		}
		if !implied(role) {
			roles = append(roles, role)
		}
	}
	return roles, true
}

func implied(role string) bool { return role == policy.Anonymous || role == policy.Authenticated }

// explain says why the parser refused a token. What is wrong with a time may be
// told to whoever signed rightly; all else is told to nobody in detail.
func explain(err error) error {
	switch {
	case errors.Is(err, jwt.ErrTokenSignatureInvalid), errors.Is(err, jwt.ErrTokenUnverifiable), errors.Is(err, jwt.ErrTokenMalformed):
		return refuse("the token is not signed by its issuer")
	case errors.Is(err, jwt.ErrTokenExpired):
		return refuse("the token has expired").Coded("token-expired").Hinting("sign in again")
	case errors.Is(err, jwt.ErrTokenNotValidYet), errors.Is(err, jwt.ErrTokenUsedBeforeIssued):
		return refuse("the token is not valid yet")
	case errors.Is(err, jwt.ErrTokenInvalidAudience):
		return refuse("the token is meant for another audience")
	}
	return refuse("the claims of the token are not what they must be").Hinting("it needs iss, sub, aud and exp")
}

// refuse never has a cause: the causes of the parser quote the token.
func refuse(format string, args ...any) *fault.Error {
	return fault.New(fault.Unauthenticated, opAuthenticate, format, args...).Coded("bad-token")
}
