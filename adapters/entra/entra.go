// Package entra authenticates with access tokens of Microsoft Entra ID, of users
// and of applications, managed identities among them. Start at [Open].
package entra

import (
	"context"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/portolan-io/portolan/adapters/internal/bearer"
	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/policy"
	"github.com/portolan-io/portolan/ports/auth"
)

// Config says which tokens are accepted, and what their claims mean.
type Config struct {
	Tenants    []string          `yaml:"tenants" jsonschema:"required"`   // ids of the directories whose users and applications may come: GUIDs, since a domain may change hands. Required.
	Audiences  []string          `yaml:"audiences" jsonschema:"required"` // what aud must have one of, exactly: the Application (client) ID of this API, as tokens of version 2.0 have it, or its Application ID URI, as api://…. Required.
	Clients    []string          `yaml:"clients"`                         // Application (client) IDs of the programs that tokens may be issued to (azp); empty is all
	Scopes     []string          `yaml:"scopes"`                          // of which the token of a user must have one (scp); empty is any
	RoleMap    map[string]string `yaml:"role_map"`                        // roles here by app roles; if it is given, no others are roles
	GroupRoles map[string]string `yaml:"group_roles"`                     // roles here by Object IDs of groups; without it groups are not looked at
	Leeway     time.Duration     `yaml:"leeway"`                          // for exp, nbf and iat; 0 is 60s, which is also the most
	MaxStale   time.Duration     `yaml:"max_stale"`                       // how long keys are used after Entra was last heard of; 0 is 24h, at least 2h and at most 168h

	// Now is the clock that the times of tokens are compared with; nil is time.Now.
	Now func() time.Time `yaml:"-"`
}

// authority is the one that issues tokens in the public cloud. The issuers are
// built from it and the list of tenants alone, never from a token.
const authority = "https://login.microsoftonline.com/"

// An Authenticator is an auth.Authenticator for the access tokens of some tenants.
type Authenticator struct {
	cfg    Config
	tokens *bearer.Verifier
}

// Open returns an authenticator, having asked Entra for the keys of each tenant.
//
// Open returns fault.Invalid if something in cfg is wrong, or if there is no such
// tenant. That Entra does not answer is no error: it is asked again in the
// background, and until it answers tokens are fault.Unavailable.
func Open(ctx context.Context, cfg Config) (*Authenticator, error) {
	return open(ctx, cfg, func(string) string { return "" })
}

// open asks for the discovery document of an issuer where discovery says, which
// only a test does elsewhere than at the issuer.
func open(ctx context.Context, cfg Config, discovery func(issuer string) string) (*Authenticator, error) {
	const op = "entra.Open"
	if err := cfg.check(op); err != nil {
		return nil, err
	}
	settings := bearer.Config{Op: "entra", Leeway: cfg.Leeway, MaxStale: cfg.MaxStale, Now: cfg.Now, Disowned: map[string]string{}}
	for _, tenant := range cfg.Tenants {
		name := issuerOf(tenant)
		settings.Issuers = append(settings.Issuers, bearer.Issuer{
			Name: name, Discovery: discovery(name), Audiences: cfg.Audiences, Algorithms: []string{"RS256"},
			KeyIssuers: []string{name, authority + "{tenantid}/v2.0"},
		})
		settings.Disowned["https://sts.windows.net/"+tenant+"/"] = "the token is of version 1.0; " +
			"set requestedAccessTokenVersion to 2 in the manifest of the API's app registration"
	}
	tokens, err := bearer.Open(ctx, settings)
	if err != nil {
		return nil, err
	}
	return &Authenticator{cfg: cfg, tokens: tokens}, nil
}

// issuerOf returns the iss of the tokens of version 2.0 of a tenant.
func issuerOf(tenant string) string { return authority + tenant + "/v2.0" }

var guid = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)

// check returns an error if something is wrong. It writes ids as tokens do.
func (c *Config) check(op string) error {
	if len(c.Tenants) == 0 {
		return fault.New(fault.Invalid, op, "tenants is missing").
			Hinting("name the Directory (tenant) ID of each tenant, which the overview of the directory shows")
	}
	for setting, ids := range map[string]*[]string{"tenants": &c.Tenants, "clients": &c.Clients} {
		lower := make([]string, 0, len(*ids))
		for _, id := range *ids {
			id = strings.ToLower(id)
			switch {
			case !guid.MatchString(id):
				return fault.New(fault.Invalid, op, "%s has %q, which is no id, as in 72f988bf-86f1-41af-91ab-2d7cd011db47", setting, id)
			case slices.Contains(lower, id):
				return fault.New(fault.Invalid, op, "%s has %s twice", setting, id)
			}
			lower = append(lower, id)
		}
		*ids = lower
	}
	if err := bearer.CheckRoles(op, "role_map", c.RoleMap); err != nil {
		return err
	}
	return bearer.CheckRoles(op, "group_roles", c.GroupRoles)
}

// Close stops asking Entra for keys. Calling it again does nothing.
func (a *Authenticator) Close() error { return a.tokens.Close() }

// Authenticate returns the principal of an access token that Entra signed for
// one of the tenants.
func (a *Authenticator) Authenticate(ctx context.Context, credential auth.Credential) (policy.Principal, error) {
	token, err := a.tokens.Verify(ctx, credential)
	if err != nil {
		return policy.Principal{}, err
	}
	if err := a.checkKind(token); err != nil {
		return policy.Principal{}, err
	}
	roles, err := a.roles(token)
	if err != nil {
		return policy.Principal{}, err
	}
	return policy.Principal{
		Issuer: token.Issuer, Subject: token.Text("oid"), Roles: roles, Claims: token.Claims, Expires: token.Expires,
	}, nil
}
