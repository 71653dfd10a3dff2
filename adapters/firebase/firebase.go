// Package firebase authenticates with ID tokens of Firebase Authentication and
// of Google Cloud Identity Platform, and keeps accounts there. Start at [Open]; what
// is asked of Google is in toolkit.go.
package firebase

import (
	"context"
	"net/netip"
	"regexp"
	"slices"
	"time"

	"github.com/portolan-io/portolan/adapters/internal/bearer"
	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/policy"
	"github.com/portolan-io/portolan/ports/auth"
	"github.com/portolan-io/portolan/ports/secrets"
)

// Config says whose tokens are accepted, and what their claims mean.
type Config struct {
	Project    string            `yaml:"project" jsonschema:"required"` // the id of the project, which is in iss and aud. Required.
	RolesClaim string            `yaml:"roles_claim"`                   // where roles are: a custom claim, or a path into one; empty is roles
	RoleMap    map[string]string `yaml:"role_map"`                      // roles here by those of the token; if it is given, no others are roles
	Tenants    []string          `yaml:"tenants"`                       // ids of tenants of Identity Platform whose users may come; empty is users of no tenant
	Anonymous  bool              `yaml:"anonymous"`                     // whether somebody who signed in anonymously is somebody; false refuses their tokens
	Leeway     time.Duration     `yaml:"leeway"`                        // for exp, nbf, iat and auth_time; 0 is 60s, which is also the most
	MaxStale   time.Duration     `yaml:"max_stale"`                     // how long keys are used after Google was last heard of; 0 is 24h, at least 2h and at most 168h

	// CheckRevoked asks Google of each user, at most once a second, whether he is
	// disabled or his tokens were revoked. It needs Application Default Credentials with
	// the role roles/firebaseauth.admin.
	CheckRevoked bool `yaml:"check_revoked"`

	// APIKey is the Web API Key of the project, with which accounts of this project sign
	// up and log in here. It needs CheckRevoked, without which nobody could log out.
	APIKey secrets.Value `yaml:"api_key"`

	// Emulator is the host:port of the Auth emulator on this machine, as in
	// 127.0.0.1:9099, in place of Google: whatever tokens say is believed then, because
	// the emulator signs none. FIREBASE_AUTH_EMULATOR_HOST is not read.
	Emulator string `yaml:"emulator"`

	// Now is the clock that the times of tokens are compared with; nil is time.Now.
	Now func() time.Time `yaml:"-"`
}

const (
	// issuer is what comes before the project in iss
	// (https://firebase.google.com/docs/auth/admin/verify-id-tokens).
	issuer = "https://securetoken.google.com/"

	// keysURL is where the keys are that sign the tokens of all projects.
	keysURL = "https://www.googleapis.com/service_accounts/v1/jwk/securetoken@system.gserviceaccount.com"

	maxSubject = 128 // octets of a uid
)

// projectID is what a project may be called; that of an old one begins with a
// domain.
var projectID = regexp.MustCompile(`^([a-z0-9.-]+:)?[a-z][a-z0-9-]{4,28}[a-z0-9]$`)

// An Authenticator is an auth.Authenticator for the ID tokens of one project, and the
// auth.Directory of its users.
type Authenticator struct {
	cfg     Config
	tokens  *bearer.Verifier
	google  *toolkit
	revoked revocations
}

// Open returns an authenticator, having asked Google for the keys.
//
// Open returns fault.Invalid if something in cfg is wrong. That Google does not
// answer is no error: it is asked again in the background, and until it answers
// tokens are fault.Unavailable. The tokens of the Auth emulator, which nobody
// signs, are accepted only if cfg.Emulator is given, and no others are then.
func Open(ctx context.Context, cfg Config) (*Authenticator, error) {
	return open(ctx, cfg, keysURL)
}

// open asks for keys at the given address, which only a test changes.
func open(ctx context.Context, cfg Config, keys string) (*Authenticator, error) {
	const op = "firebase.Open"
	if cfg.RolesClaim == "" {
		cfg.RolesClaim = "roles"
	}
	switch {
	case cfg.Project == "":
		return nil, fault.New(fault.Invalid, op, "project is missing").
			Hinting("name the Project ID, which the project settings in the Firebase console show")
	case !projectID.MatchString(cfg.Project):
		return nil, fault.New(fault.Invalid, op, "project is %q, which is no Project ID, as in shop-4f2a1", cfg.Project)
	case slices.Contains(cfg.Tenants, ""):
		return nil, fault.New(fault.Invalid, op, "tenants has an empty id; leave tenants out for users of no tenant")
	}
	if err := cfg.checkAccounts(op); err != nil {
		return nil, err
	}
	if err := bearer.CheckRoles(op, "role_map", cfg.RoleMap); err != nil {
		return nil, err
	}
	google, err := newToolkit(cfg)
	if err != nil {
		return nil, err
	}
	tokens, err := bearer.Open(ctx, bearer.Config{
		Op: "firebase", Leeway: cfg.Leeway, MaxStale: cfg.MaxStale, Now: cfg.Now,
		Issuers: []bearer.Issuer{{
			Name: issuer + cfg.Project, Keys: keys, Audiences: []string{cfg.Project}, Algorithms: []string{"RS256"},
			Unsigned: cfg.Emulator != "",
		}},
	})
	if err != nil {
		return nil, err
	}
	return &Authenticator{cfg: cfg, tokens: tokens, google: google}, nil
}

// checkAccounts returns an error if what is given cannot work together.
func (c *Config) checkAccounts(op string) error {
	if c.APIKey != nil && !c.CheckRevoked {
		return fault.New(fault.Invalid, op, "api_key is for accounts, and without check_revoked nobody could log out").
			Hinting("write check_revoked: true")
	}
	if c.Emulator == "" {
		return nil
	}
	if at, err := netip.ParseAddrPort(c.Emulator); err != nil || !at.Addr().IsLoopback() || at.Port() == 0 {
		return fault.New(fault.Invalid, op, "emulator is %q, which is no address and port of this machine", c.Emulator).
			Hinting("whatever its tokens say is believed, so it is like 127.0.0.1:9099")
	}
	return nil
}

// Unsigned reports whether tokens that nobody signed are believed.
func (a *Authenticator) Unsigned() bool { return a.cfg.Emulator != "" }

// Revocable reports whether a token may be refused that was accepted a second ago, so
// that nobody may believe one for longer.
func (a *Authenticator) Revocable() bool { return a.cfg.CheckRevoked }

// Close stops asking Google for keys. Calling it again does nothing.
func (a *Authenticator) Close() error { return a.tokens.Close() }

// Authenticate returns the principal of an ID token of the project.
func (a *Authenticator) Authenticate(ctx context.Context, credential auth.Credential) (policy.Principal, error) {
	token, err := a.tokens.Verify(ctx, credential)
	if err != nil {
		return policy.Principal{}, err
	}
	if err := a.checkKind(token); err != nil {
		return policy.Principal{}, err
	}
	if a.cfg.CheckRevoked {
		if err := a.checkRevoked(ctx, token); err != nil {
			return policy.Principal{}, err
		}
	}
	who := policy.Principal{Issuer: token.Issuer, Subject: token.Subject, Claims: token.Claims, Expires: token.Expires}
	claim, _ := who.Claim(a.cfg.RolesClaim)
	if who.Roles, err = a.tokens.Roles(claim, a.cfg.RoleMap); err != nil {
		return policy.Principal{}, err
	}
	return who, nil
}

// checkKind returns an error unless the token is what Google's page on verifying
// ID tokens asks for, and of a user who may come here.
func (a *Authenticator) checkKind(token bearer.Token) error {
	if err := a.tokens.CheckSubject(token, maxSubject); err != nil {
		return err
	}
	own, ok := token.Claims["firebase"].(map[string]any)
	provider, _ := own["sign_in_provider"].(string)
	tenant, given := own["tenant"]
	switch {
	case !ok || provider == "" || token.Type != "" && token.Type != "jwt":
		return a.tokens.Refuse("token-type", "the token is not an ID token of Firebase")
	case token.Issued.IsZero():
		return a.tokens.Refuse("bad-token", "the token does not say when it was issued")
	case !a.tokens.Past(token.Claims["auth_time"]):
		return a.tokens.Refuse("token-early", "the token does not say when its user signed in, or says that it is yet to be")
	case provider == "anonymous" && !a.cfg.Anonymous:
		return a.tokens.Refuse("token-anonymous", "the user of the token signed in anonymously")
	}
	name, _ := tenant.(string)
	if given && !slices.Contains(a.cfg.Tenants, name) || !given && len(a.cfg.Tenants) > 0 {
		return a.tokens.Refuse("token-tenant", "the user of the token is of a tenant that may not come here")
	}
	return nil
}
