package entra

import (
	"slices"
	"strings"

	"github.com/portolan-io/portolan/adapters/internal/bearer"
)

// checkKind returns an error unless the token is an access token of version 2.0,
// of a user or of an application, and names whom it is of.
//
// An ID token, which Entra signs with the same keys, has no azp and no scp
// (https://learn.microsoft.com/entra/identity-platform/access-token-claims-reference).
func (a *Authenticator) checkKind(token bearer.Token) error {
	switch client := token.Text("azp"); {
	case token.Text("ver") != "2.0":
		return a.tokens.Refuse("token-version", "the token is not of version 2.0")
	case token.Type != "jwt" && token.Type != "at+jwt" || has(token, "nonce", "at_hash", "c_hash") || client == "":
		return a.tokens.Refuse("token-type", "the token is not an access token")
	case token.Issuer != issuerOf(token.Text("tid")):
		return a.tokens.Refuse("token-tenant", "the tid of the token is not of the tenant that issued it")
	case !guid.MatchString(token.Text("oid")):
		return a.tokens.Refuse("token-subject", "the token has no oid, which names its subject")
	case len(a.cfg.Clients) > 0 && !slices.Contains(a.cfg.Clients, client):
		return a.tokens.Refuse("token-client", "the token was issued to a program that is not among the clients")
	}
	if token.Text("scp") != "" {
		return a.checkScopes(token)
	}
	return a.checkApplication(token)
}

// checkScopes returns an error unless the user let the client do what is asked
// for here.
func (a *Authenticator) checkScopes(token bearer.Token) error {
	if token.Text("idtyp") == "app" {
		return a.tokens.Refuse("token-type", "the token is of an application and of a user at once")
	}
	for scope := range strings.FieldsSeq(token.Text("scp")) {
		if len(a.cfg.Scopes) == 0 || slices.Contains(a.cfg.Scopes, scope) {
			return nil
		}
	}
	return a.tokens.Refuse("token-scope", "the token has none of the scopes")
}

// checkApplication returns an error unless the token is one that an application
// got for itself, and was given something here. Any application of a tenant gets
// tokens for any API of it, so one that has neither an app role nor a place among
// the clients is a stranger.
func (a *Authenticator) checkApplication(token bearer.Token) error {
	if token.Text("idtyp") != "app" {
		return a.tokens.Refuse("token-type", "the token has neither scp nor idtyp").
			Hinting("add the optional claim idtyp to the access tokens of the API's app registration")
	}
	if roles, _ := token.Claims["roles"].([]any); len(roles) == 0 && len(a.cfg.Clients) == 0 {
		return a.tokens.Refuse("token-roles", "the application has no app role here")
	}
	return nil
}

// roles returns what the token's app roles and groups are here.
//
// Of somebody in more than 200 groups Entra writes none of them into the token,
// but where to ask for them. To do so would take rights in the directory and a
// request to Graph for each token; and to go on without would take roles away
// from somebody for having been given one more. So such a token is refused, if
// groups matter.
func (a *Authenticator) roles(token bearer.Token) ([]string, error) {
	roles, err := a.tokens.Roles(token.Claims["roles"], a.cfg.RoleMap)
	if err != nil || len(a.cfg.GroupRoles) == 0 {
		return roles, err
	}
	elsewhere, _ := token.Claims["_claim_names"].(map[string]any)
	if _, overage := elsewhere["groups"]; overage || has(token, "hasgroups") {
		return nil, a.tokens.Refuse("token-groups", "the token does not hold the groups of its subject, which has too many").
			Hinting("let the app registration emit only groups assigned to the application, or use app roles")
	}
	more, err := a.tokens.Roles(token.Claims["groups"], a.cfg.GroupRoles)
	if err != nil {
		return nil, err
	}
	return bearer.Union(roles, more), nil
}

// has reports whether the token has one of the claims.
func has(token bearer.Token, claims ...string) bool {
	return slices.ContainsFunc(claims, func(name string) bool {
		_, given := token.Claims[name]
		return given
	})
}
