package oidc

import (
	"slices"
	"strings"

	"github.com/portolan-io/portolan/adapters/internal/bearer"
)

// checkKind returns an error unless the token is of the kind that is a
// credential here. A provider signs tokens for several purposes with the same
// keys (RFC 8725 §2.8), and not all of them say which a token is for, so
// everything is looked at by which providers tell them apart.
func (a *Authenticator) checkKind(token bearer.Token) error {
	switch typ := token.Type; {
	case a.cfg.TokenType != "":
		if typ != a.cfg.TokenType {
			return a.tokens.Refuse("token-type", "the typ of the token is not %s", a.cfg.TokenType)
		}
	case typ == "" || typ == "jwt" || typ == "at+jwt" && a.cfg.Tokens == "access":
	default:
		return a.tokens.Refuse("token-type", "the typ of the token is not one of an %s token", a.cfg.Tokens)
	}
	wrong := a.notAccess(token)
	if a.cfg.Tokens == "id" {
		wrong = a.notID(token)
	}
	if wrong {
		return a.tokens.Refuse("token-type", "the token is not an %s token", a.cfg.Tokens)
	}
	return nil
}

// notAccess reports whether the token says that it is not an access token: a
// nonce and hashes of other tokens are in ID tokens alone (OpenID Connect Core
// §2, §3.3.2.11), events in logout and security event tokens (RFC 8417); typ is
// Keycloak's word for it, and token_use that of Cognito.
func (a *Authenticator) notAccess(token bearer.Token) bool {
	return contradicts(token, "typ", "bearer") || contradicts(token, "token_use", "access") ||
		has(token, "nonce", "at_hash", "c_hash", "s_hash", "events")
}

// notID reports whether the token says that it is not an ID token, or not one for
// the audience: the party that it was issued to must be one of the audiences
// too, and be named if there are several (OpenID Connect Core §3.1.3.7).
func (a *Authenticator) notID(token bearer.Token) bool {
	if contradicts(token, "typ", "id") || contradicts(token, "token_use", "id") || has(token, "scope", "scp", "events") {
		return true
	}
	party, given := token.Claims["azp"]
	if !given {
		audiences, several := token.Claims["aud"].([]any)
		return several && len(audiences) > 1
	}
	name, _ := party.(string)
	return !slices.Contains(a.cfg.Audiences, name)
}

// contradicts reports whether the claim is there and says something else.
func contradicts(token bearer.Token, claim, instead string) bool {
	_, given := token.Claims[claim]
	return given && !strings.EqualFold(token.Text(claim), instead)
}

// has reports whether the token has one of the claims.
func has(token bearer.Token, claims ...string) bool {
	return slices.ContainsFunc(claims, func(name string) bool {
		_, given := token.Claims[name]
		return given
	})
}
