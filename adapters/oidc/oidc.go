// Package oidc authenticates with the tokens of any OpenID Connect provider.
// Start at [Open].
package oidc

import (
	"context"
	"strings"
	"time"

	"github.com/portolan-io/portolan/adapters/internal/bearer"
	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/policy"
	"github.com/portolan-io/portolan/ports/auth"
)

// Config says whose tokens are accepted, and what their claims mean.
type Config struct {
	Issuer      string            `yaml:"issuer" jsonschema:"required"`    // iss, exactly: a URL with https, below which the provider's discovery document is; http is for an issuer on 127.0.0.1, ::1 or localhost. Required.
	Audiences   []string          `yaml:"audiences" jsonschema:"required"` // what aud must have one of, exactly. Required.
	Tokens      string            `yaml:"tokens"`                          // "access" or "id": which tokens are credentials here; empty is access
	TokenType   string            `yaml:"token_type"`                      // what typ must be, as at+jwt of RFC 9068; empty is at+jwt, JWT or none
	RolesClaim  string            `yaml:"roles_claim"`                     // where roles are: a claim, or a path into one, as realm_access.roles; empty is roles
	RoleMap     map[string]string `yaml:"role_map"`                        // roles here by those of the token; if it is given, no others are roles
	GroupsClaim string            `yaml:"groups_claim"`                    // where groups are, as roles_claim; they are roles only by group_roles
	GroupRoles  map[string]string `yaml:"group_roles"`                     // roles here by groups of the token
	Algorithms  []string          `yaml:"algorithms"`                      // what the issuer may sign with; empty is RS256, PS256, ES256 and EdDSA
	Private     bool              `yaml:"private"`                         // the issuer is in a private network, so that what it names may be at addresses of such networks; false is for the internet and this machine
	Leeway      time.Duration     `yaml:"leeway"`                          // for exp, nbf and iat; 0 is 60s, which is also the most
	MaxStale    time.Duration     `yaml:"max_stale"`                       // how long keys are used after the issuer was last heard of; 0 is 24h, at least 2h and at most 168h

	// Now is the clock that the times of tokens are compared with; nil is time.Now.
	Now func() time.Time `yaml:"-"`
}

// maxSubject is how long a subject may be (OpenID Connect Core §2), in octets.
const maxSubject = 255

// An Authenticator is an auth.Authenticator for the tokens of one provider.
type Authenticator struct {
	cfg    Config
	tokens *bearer.Verifier
}

// Open returns an authenticator, having asked the issuer for its keys.
//
// Open returns fault.Invalid if something in cfg is wrong, or if what answers is
// not the issuer. An issuer that does not answer is no error: it is asked again
// in the background, and until it answers its tokens are fault.Unavailable.
func Open(ctx context.Context, cfg Config) (*Authenticator, error) {
	const op = "oidc.Open"
	if cfg.Tokens == "" {
		cfg.Tokens = "access"
	}
	if cfg.RolesClaim == "" {
		cfg.RolesClaim = "roles"
	}
	cfg.TokenType = strings.TrimPrefix(strings.ToLower(cfg.TokenType), "application/")
	switch {
	case cfg.Issuer == "":
		return nil, fault.New(fault.Invalid, op, "issuer is missing").
			Hinting("write it as the provider's discovery document does, as in https://login.example.com/")
	case cfg.Tokens != "access" && cfg.Tokens != "id":
		return nil, fault.New(fault.Invalid, op, "tokens is %q, but must be access or id", cfg.Tokens)
	case cfg.GroupsClaim == "" && len(cfg.GroupRoles) > 0:
		return nil, fault.New(fault.Invalid, op, "group_roles needs groups_claim, which says where groups are")
	case cfg.GroupsClaim != "" && len(cfg.GroupRoles) == 0:
		return nil, fault.New(fault.Invalid, op, "groups_claim needs group_roles, which says what groups are roles")
	}
	if err := bearer.CheckRoles(op, "role_map", cfg.RoleMap); err != nil {
		return nil, err
	}
	if err := bearer.CheckRoles(op, "group_roles", cfg.GroupRoles); err != nil {
		return nil, err
	}
	tokens, err := bearer.Open(ctx, bearer.Config{
		Op: "oidc", Leeway: cfg.Leeway, MaxStale: cfg.MaxStale, Now: cfg.Now,
		Issuers: []bearer.Issuer{{Name: cfg.Issuer, Audiences: cfg.Audiences, Algorithms: cfg.Algorithms, Private: cfg.Private}},
	})
	if err != nil {
		return nil, err
	}
	return &Authenticator{cfg: cfg, tokens: tokens}, nil
}

// Close stops asking the issuer for keys. Calling it again does nothing.
func (a *Authenticator) Close() error { return a.tokens.Close() }

// Authenticate returns the principal of a token that the issuer signed.
func (a *Authenticator) Authenticate(ctx context.Context, credential auth.Credential) (policy.Principal, error) {
	token, err := a.tokens.Verify(ctx, credential)
	if err != nil {
		return policy.Principal{}, err
	}
	if err := a.checkKind(token); err != nil {
		return policy.Principal{}, err
	}
	if err := a.tokens.CheckSubject(token, maxSubject); err != nil {
		return policy.Principal{}, err
	}
	who := policy.Principal{Issuer: token.Issuer, Subject: token.Subject, Claims: token.Claims, Expires: token.Expires}
	if who.Roles, err = a.roles(who); err != nil {
		return policy.Principal{}, err
	}
	return who, nil
}

// roles returns what the token's roles and groups are here.
func (a *Authenticator) roles(who policy.Principal) ([]string, error) {
	claim, _ := who.Claim(a.cfg.RolesClaim)
	roles, err := a.tokens.Roles(claim, a.cfg.RoleMap)
	if err != nil || a.cfg.GroupsClaim == "" {
		return roles, err
	}
	claim, _ = who.Claim(a.cfg.GroupsClaim)
	more, err := a.tokens.Roles(claim, a.cfg.GroupRoles)
	if err != nil {
		return nil, err
	}
	return bearer.Union(roles, more), nil
}
