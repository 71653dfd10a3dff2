package oidc_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/portolan-io/portolan/adapters/internal/bearer/bearertest"
	"github.com/portolan-io/portolan/adapters/oidc"
	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/policy"
	"github.com/portolan-io/portolan/ports/auth"
	"github.com/portolan-io/portolan/ports/auth/authtest"
	"github.com/portolan-io/portolan/ports/contract"
)

var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// A fixture is an authenticator with its issuer.
type fixture struct {
	auth.Authenticator
	issuer *bearertest.Issuer
	key    bearertest.Key
}

// open opens the authenticator of an issuer; change may change its settings.
func open(t *testing.T, change func(cfg *oidc.Config)) *fixture {
	t.Helper()
	f := &fixture{issuer: bearertest.New(t), key: bearertest.NewKey(t, "key-1", "ES256")}
	f.issuer.Publish(f.key)
	cfg := oidc.Config{Issuer: f.issuer.URL, Audiences: []string{"api"}, Now: func() time.Time { return now }}
	if change != nil {
		change(&cfg)
	}
	f.reopen(t, cfg)
	return f
}

func (f *fixture) reopen(t testing.TB, cfg oidc.Config) {
	a, err := oidc.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close() })
	f.Authenticator = a
}

func (f *fixture) claims(changes ...any) bearertest.Claims {
	return bearertest.Claims{
		"iss": f.issuer.URL, "aud": "api", "sub": "anna", "iat": now.Unix(), "exp": now.Add(time.Hour).Unix(),
	}.With(changes...)
}

func TestSuite(t *testing.T) {
	authtest.Run(t, func(t *testing.T) authtest.Harness {
		f := open(t, nil)
		sign := func(ct contract.T, changes ...any) auth.Credential {
			return bearertest.Bearer(f.key.Sign(ct, f.claims(changes...)))
		}
		return authtest.Harness{
			Authenticator: f,
			Valid: func(ct contract.T) (auth.Credential, policy.Principal) {
				return sign(ct, "roles", []string{policy.Anonymous, "clerk", policy.Authenticated}), policy.Principal{
					Issuer: f.issuer.URL, Subject: "anna", Roles: []string{"clerk"}, Expires: now.Add(time.Hour),
				}
			},
			Refused: func(ct contract.T) map[string]auth.Credential {
				return map[string]auth.Credential{
					"forged":      bearertest.Bearer(bearertest.NewKey(t, "key-1", "ES256").Sign(ct, f.claims())),
					"unknown key": bearertest.Bearer(bearertest.NewKey(t, "key-2", "ES256").Sign(ct, f.claims())),
					"expired":     sign(ct, "exp", now.Add(-2*time.Minute).Unix()),
					"not yet":     sign(ct, "nbf", now.Add(2*time.Minute).Unix()),
					"no subject":  sign(ct, "sub", nil),
					"long":        sign(ct, "sub", strings.Repeat("a", 256)),
					"no audience": sign(ct, "aud", nil),
					"an ID token": sign(ct, "nonce", "n-0S6_WzA2Mj"),
					"odd roles":   sign(ct, "roles", 7),
				}
			},
			Foreign: func(ct contract.T) map[string]auth.Credential {
				return map[string]auth.Credential{
					"another issuer": sign(ct, "iss", "https://login.example"),
					"an API key":     {Scheme: auth.APIKey, Token: "pk_0123456789abcdef"},
				}
			},
			Break: func(contract.T) { // as one is that never heard of its issuer
				f.issuer.Answer(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) })
				f.reopen(t, oidc.Config{Issuer: f.issuer.URL, Audiences: []string{"api"}, Now: func() time.Time { return now }})
			},
		}
	})
}

// TestRoles: where roles and groups are, and what they are here.
func TestRoles(t *testing.T) {
	token := []any{
		"roles", []string{"clerk", "boss"},
		"realm_access", map[string]any{"roles": []string{"editor", "clerk", "editor", "anonymous", ""}},
		"https://api.example.com/roles", "admin",
		"groups", []string{"/staff/editors", "/staff/admins"},
	}
	for _, tt := range []struct {
		name   string
		config oidc.Config
		want   []string // nil: the token is refused
	}{
		{"the claim roles", oidc.Config{}, []string{"clerk", "boss"}},
		{"a path", oidc.Config{RolesClaim: "realm_access.roles"}, []string{"editor", "clerk"}},
		{"a name with dots, and one text", oidc.Config{RolesClaim: "https://api.example.com/roles"}, []string{"admin"}},
		{"none there", oidc.Config{RolesClaim: "resource_access.api.roles"}, []string{}},
		{"a path into a list", oidc.Config{RolesClaim: "roles.clerk"}, []string{}},
		{"an object", oidc.Config{RolesClaim: "realm_access"}, nil},
		{"mapped, others dropped", oidc.Config{RoleMap: map[string]string{"boss": "admin"}}, []string{"admin"}},
		{"groups count only as mapped", oidc.Config{GroupsClaim: "groups", GroupRoles: map[string]string{"/staff/editors": "editor"}},
			[]string{"clerk", "boss", "editor"}},
		{"two ways to one role", oidc.Config{GroupsClaim: "groups", GroupRoles: map[string]string{"/staff/editors": "boss", "/staff/admins": "boss"}},
			[]string{"clerk", "boss"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := open(t, func(cfg *oidc.Config) {
				cfg.RolesClaim, cfg.RoleMap = tt.config.RolesClaim, tt.config.RoleMap
				cfg.GroupsClaim, cfg.GroupRoles = tt.config.GroupsClaim, tt.config.GroupRoles
			})
			who, err := f.Authenticate(t.Context(), bearertest.Bearer(f.key.Sign(t, f.claims(token...))))
			if tt.want == nil {
				if !errors.Is(err, fault.Unauthenticated) {
					t.Errorf("Authenticate = %q, %v, want %s", who.Roles, err, fault.Unauthenticated)
				}
				return
			}
			if diff := cmp.Diff(tt.want, append([]string{}, who.Roles...)); err != nil || diff != "" {
				t.Errorf("%v, the roles are (-want +got):\n%s", err, diff)
			}
		})
	}
}

// TestKinds: a matrix of tokens as providers make them, against what is accepted.
func TestKinds(t *testing.T) {
	kinds := []struct {
		name       string
		typ        any // nil is none
		claims     []any
		access, id bool
		atJWT      bool // accepted with token_type at+jwt
	}{
		{"RFC 9068", "at+jwt", []any{"client_id", "web"}, true, false, true},
		{"RFC 9068 in full", "application/at+jwt", nil, true, false, true},
		{"RFC 9068 in capitals", "AT+JWT", nil, true, false, true},
		{"plain", "JWT", nil, true, true, false},
		{"no typ", nil, nil, true, true, false},
		{"with scope", "JWT", []any{"scope", "openid api"}, true, false, false},
		{"Keycloak access", "JWT", []any{"typ", "Bearer", "azp", "web"}, true, false, false},
		{"Keycloak ID", "JWT", []any{"typ", "ID", "azp", "api"}, false, true, false},
		{"Keycloak refresh", "JWT", []any{"typ", "Refresh"}, false, false, false},
		{"Keycloak offline", "JWT", []any{"typ", "Offline"}, false, false, false},
		{"Cognito access", "JWT", []any{"token_use", "access"}, true, false, false},
		{"Cognito ID", "JWT", []any{"token_use", "id"}, false, true, false},
		{"ID of the code flow", "JWT", []any{"nonce", "n", "at_hash", "h"}, false, true, false},
		{"ID with a hash alone", "JWT", []any{"at_hash", "h"}, false, true, false},
		{"ID issued to another", "JWT", []any{"azp", "web", "nonce", "n"}, false, false, false},
		{"ID for two, issued to one", "JWT", []any{"aud", []string{"api", "web"}, "azp", "api", "nonce", "n"}, false, true, false},
		{"ID for two, issued to nobody", "JWT", []any{"aud", []string{"api", "web"}, "nonce", "n"}, false, false, false},
		{"logout by typ", "logout+jwt", nil, false, false, false},
		{"logout by its events", "JWT", []any{"events", map[string]any{"http://schemas.openid.net/event/backchannel-logout": map[string]any{}}}, false, false, false},
		{"security event", "secevent+jwt", nil, false, false, false},
		{"DPoP proof", "dpop+jwt", nil, false, false, false},
		{"typ that is no text", 7, nil, false, false, false},
		{"typ that is empty", "", nil, false, false, false},
	}
	access := open(t, nil)
	id := open(t, func(cfg *oidc.Config) { cfg.Tokens = "id" })
	strict := open(t, func(cfg *oidc.Config) { cfg.TokenType = "application/at+jwt" })
	for _, tt := range kinds {
		for name, c := range map[string]struct {
			f    *fixture
			want bool
		}{"access": {access, tt.access}, "id": {id, tt.id}, "at+jwt": {strict, tt.atJWT}} {
			token := c.f.key.Sign(t, c.f.claims(tt.claims...), "typ", tt.typ)
			who, err := c.f.Authenticate(t.Context(), bearertest.Bearer(token))
			if c.want != (err == nil) || err != nil && !errors.Is(err, fault.Unauthenticated) || c.want != who.Known() {
				t.Errorf("%s where %s tokens are accepted: %v, want accepted: %t", tt.name, name, err, c.want)
			}
		}
	}
}

// TestIdentity: one subject and one e-mail address of two issuers are two people,
// each known to its own authenticator alone.
func TestIdentity(t *testing.T) {
	one, two := open(t, nil), open(t, nil)
	var seen []policy.Principal
	for _, f := range []*fixture{one, two} {
		token := bearertest.Bearer(f.key.Sign(t, f.claims("email", "anna@shop.example", "email_verified", true)))
		for _, other := range []*fixture{one, two} {
			who, err := other.Authenticate(t.Context(), token)
			if other == f {
				seen = append(seen, who)
			} else if !errors.Is(err, fault.Unsupported) {
				t.Errorf("the other issuer says %v, want %s", err, fault.Unsupported)
			}
		}
	}
	if seen[0].Issuer == seen[1].Issuer || seen[0].Subject != "anna" || seen[1].Subject != "anna" {
		t.Errorf("they are %s of %s and %s of %s, want anna of two issuers", seen[0].Subject, seen[0].Issuer, seen[1].Subject, seen[1].Issuer)
	}
	borrowed := two.key
	borrowed.ID = one.key.ID
	if _, err := one.Authenticate(t.Context(), bearertest.Bearer(borrowed.Sign(t, one.claims()))); !errors.Is(err, fault.Unauthenticated) {
		t.Errorf("a token signed by the other issuer's key = %v, want %s", err, fault.Unauthenticated)
	}
}

// TestConfig: what cannot be right stops the start with a sentence about the key.
func TestConfig(t *testing.T) {
	issuer := bearertest.New(t)
	issuer.Publish(bearertest.NewKey(t, "k", "EdDSA"))
	good := oidc.Config{Issuer: issuer.URL, Audiences: []string{"api"}}
	for _, tt := range []struct {
		change func(*oidc.Config)
		says   string
	}{
		{func(c *oidc.Config) { c.Issuer = "" }, "issuer is missing"},
		{func(c *oidc.Config) { c.Issuer = "http://login.example.com" }, "issuer must begin with https://"},
		{func(c *oidc.Config) { c.Issuer = "https://a:b@login.example.com" }, "issuer must hold no user"},
		{func(c *oidc.Config) { c.Issuer += "/" }, "they must be the same, to the last slash"},
		{func(c *oidc.Config) { c.Issuer += "/realms/a" }, "answers with 404"},
		{func(c *oidc.Config) { c.Audiences = nil }, "audiences is missing"},
		{func(c *oidc.Config) { c.Tokens = "refresh" }, "tokens is \"refresh\", but must be access or id"},
		{func(c *oidc.Config) { c.Algorithms = []string{"HS256"} }, `algorithms has "HS256", but may have only ES256, ES384`},
		{func(c *oidc.Config) { c.GroupsClaim = "groups" }, "groups_claim needs group_roles"},
		{func(c *oidc.Config) { c.GroupRoles = map[string]string{"a": "b"} }, "group_roles needs groups_claim"},
		{func(c *oidc.Config) { c.RoleMap = map[string]string{"a": "anonymous"} }, `role_map gives "a" the role "anonymous"`},
		{func(c *oidc.Config) { c.RoleMap = map[string]string{"a": ""} }, `role_map gives "a" the role ""`},
		{func(c *oidc.Config) { c.Leeway = time.Hour }, "leeway is 1h0m0s, but must be between 0 and 1m0s"},
		{func(c *oidc.Config) { c.MaxStale = time.Minute }, "max_stale is 1m0s, but must be between 2h0m0s"},
	} {
		cfg := good
		tt.change(&cfg)
		a, err := oidc.Open(t.Context(), cfg)
		if !errors.Is(err, fault.Invalid) || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("Open = %v, want one that says %q", err, tt.says)
		}
		if a != nil {
			t.Errorf("Open = %v with an authenticator", err)
		}
	}
}
