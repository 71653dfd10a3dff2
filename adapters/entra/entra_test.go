package entra

import (
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/portolan-io/portolan/adapters/internal/bearer/bearertest"
	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/policy"
	"github.com/portolan-io/portolan/ports/auth"
	"github.com/portolan-io/portolan/ports/auth/authtest"
	"github.com/portolan-io/portolan/ports/contract"
)

var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// Ids as Entra gives them.
const (
	tenant = "11111111-2222-4333-8444-555555555555"
	second = "99999999-8888-4777-8666-555555555555"
	other  = "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee"
	api    = "0a0a0a0a-1b1b-4c2c-8d3d-4e4e4e4e4e4e"
	client = "12121212-3434-4565-8787-909090909090"
	anna   = "a0a0a0a0-0001-4000-8000-000000000001"
	group  = "c0c0c0c0-0001-4000-8000-000000000001"
)

// A fixture is an authenticator of two tenants, each with its own server that
// stands for Entra.
type fixture struct {
	auth.Authenticator
	servers map[string]*bearertest.Issuer // by issuer
	key     bearertest.Key
}

func start(t *testing.T, cfg Config) *fixture {
	t.Helper()
	f := &fixture{servers: map[string]*bearertest.Issuer{}, key: signing(t)}
	for _, id := range []string{tenant, second} {
		server := bearertest.New(t)
		server.Names(issuerOf(id))
		published := f.key.JWK()
		published["issuer"], published["x5t"] = "https://login.microsoftonline.com/{tenantid}/v2.0", f.key.ID
		server.PublishRaw(published)
		f.servers[issuerOf(id)] = server
	}
	if cfg.Tenants == nil {
		cfg.Tenants = []string{tenant, second}
	}
	if cfg.Audiences == nil {
		cfg.Audiences = []string{api, "api://shop"}
	}
	cfg.Now = func() time.Time { return now }
	f.reopen(t, cfg)
	return f
}

func (f *fixture) reopen(t testing.TB, cfg Config) {
	a, err := open(t.Context(), cfg, func(issuer string) string { return f.servers[issuer].URL })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close() })
	f.Authenticator = a
}

// delegated are the claims of the access token of a user.
func delegated(changes ...any) bearertest.Claims {
	return bearertest.Claims{
		"aud": api, "iss": issuerOf(tenant), "iat": now.Unix(), "nbf": now.Unix(), "exp": now.Add(time.Hour).Unix(),
		"aio": "ATQAy/8TAAAA", "azp": client, "azpacr": "0", "name": "Anna", "oid": anna, "preferred_username": "anna@shop.example",
		"rh": "0.AX", "scp": "Records.Read Records.Write", "sub": "HKZpfaHyWadeOouYlitjrI-KffTm222X5rrV3xDqfKQ",
		"tid": tenant, "uti": "fqiBqXLPj0eQa82S-IYFAA", "ver": "2.0",
	}.With(changes...)
}

// application are those of an application, as managed identities have them.
func application(changes ...any) bearertest.Claims {
	return delegated("scp", nil, "name", nil, "preferred_username", nil, "azpacr", "2", "idtyp", "app", "sub", anna,
		"roles", []string{"Records.Import"}).With(changes...)
}

// idToken are those of the ID token of a user that signs in to the API's own
// registration.
func idToken(changes ...any) bearertest.Claims {
	return delegated("scp", nil, "azp", nil, "azpacr", nil, "nonce", "678910", "roles", []string{"Admin"}).With(changes...)
}

// signing returns the key of every fixture: to make one takes as long as many tests.
func signing(t *testing.T) bearertest.Key {
	once.Do(func() { shared = bearertest.NewKey(t, "piVlloQDSMKxh1m2ygqGSVdgFpA", "RS256") })
	return shared
}

var (
	once   sync.Once
	shared bearertest.Key
)

func TestSuite(t *testing.T) {
	authtest.Run(t, func(t *testing.T) authtest.Harness {
		f := start(t, Config{})
		sign := func(ct contract.T, claims bearertest.Claims) auth.Credential {
			return bearertest.Bearer(f.key.Sign(ct, claims))
		}
		return authtest.Harness{
			Authenticator: f,
			Valid: func(ct contract.T) (auth.Credential, policy.Principal) {
				return sign(ct, delegated("roles", []string{policy.Anonymous, "clerk", policy.Authenticated})), policy.Principal{
					Issuer: issuerOf(tenant), Subject: anna, Roles: []string{"clerk"}, Expires: now.Add(time.Hour),
				}
			},
			Refused: func(ct contract.T) map[string]auth.Credential {
				return map[string]auth.Credential{
					"forged":      bearertest.Bearer(bearertest.NewKey(t, f.key.ID, "RS256").Sign(ct, delegated())),
					"expired":     sign(ct, delegated("exp", now.Add(-2*time.Minute).Unix())),
					"not yet":     sign(ct, delegated("nbf", now.Add(2*time.Minute).Unix())),
					"an ID token": sign(ct, idToken()),
					"version 1":   sign(ct, delegated("iss", "https://sts.windows.net/"+tenant+"/", "ver", "1.0")),
				}
			},
			Foreign: func(ct contract.T) map[string]auth.Credential {
				return map[string]auth.Credential{
					"another tenant":            sign(ct, delegated("iss", issuerOf(other), "tid", other)),
					"version 1 of another":      sign(ct, delegated("iss", "https://sts.windows.net/"+other+"/", "tid", other)),
					"the template":              sign(ct, delegated("iss", authority+"{tenantid}/v2.0")),
					"another issuer altogether": sign(ct, delegated("iss", "https://login.example")),
					"an API key":                {Scheme: auth.APIKey, Token: "pk_0123456789abcdef"},
				}
			},
			Break: func(contract.T) {
				for _, server := range f.servers {
					server.Answer(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) })
				}
				f.reopen(t, Config{Tenants: []string{tenant}, Audiences: []string{api}, Now: func() time.Time { return now }})
			},
		}
	})
}

// TestTokens: tokens in the shape of Entra's, and by which code one is refused.
func TestTokens(t *testing.T) {
	plain := Config{}
	clients := Config{Clients: []string{strings.ToUpper(client)}}
	scoped := Config{Scopes: []string{"Records.Admin", "Records.Read"}}
	admins := Config{Scopes: []string{"Records.Admin"}}
	groups := Config{GroupRoles: map[string]string{group: "editor"}, RoleMap: map[string]string{"Records.Import": "importer"}}
	overage := []any{"_claim_names", map[string]any{"groups": "src1"}, "_claim_sources",
		map[string]any{"src1": map[string]any{"endpoint": "https://graph.windows.net/" + tenant + "/users/" + anna + "/getMemberObjects"}}}
	for _, tt := range []struct {
		name   string
		config Config
		claims bearertest.Claims
		code   string // of the refusal, empty if it is accepted
		roles  []string
	}{
		{"a user", plain, delegated(), "", nil},
		{"a user with app roles", plain, delegated("roles", []string{"Admin"}), "", []string{"Admin"}},
		{"a user of the other tenant", plain, delegated("iss", issuerOf(second), "tid", second), "", nil},
		{"a user, said to be one", plain, delegated("idtyp", "user"), "", nil},
		{"for the Application ID URI", plain, delegated("aud", "api://shop"), "", nil},
		{"for another API", plain, delegated("aud", client), "token-audience", nil},
		{"for Graph", plain, delegated("aud", "00000003-0000-0000-c000-000000000000"), "token-audience", nil},
		{"issued by one tenant, of another", plain, delegated("tid", second), "token-tenant", nil},
		{"of no tenant", plain, delegated("tid", nil), "token-tenant", nil},
		{"without oid", plain, delegated("oid", nil), "token-subject", nil},
		{"an oid that is none", plain, delegated("oid", "anna"), "token-subject", nil},
		{"version 1 by ver", plain, delegated("ver", "1.0"), "token-version", nil},
		{"no version", plain, delegated("ver", nil), "token-version", nil},
		{"version 1 by iss", plain, delegated("iss", "https://sts.windows.net/"+tenant+"/", "ver", "1.0"), "token-version", nil},
		{"an ID token", plain, idToken(), "token-type", nil},
		{"an ID token without a nonce", plain, idToken("nonce", nil), "token-type", nil},
		{"an ID token with azp", plain, idToken("nonce", nil, "azp", client), "token-type", nil},
		{"without azp", plain, delegated("azp", nil), "token-type", nil},
		{"a managed identity", plain, application(), "", []string{"Records.Import"}},
		{"an application without an app role", plain, application("roles", nil), "token-roles", nil},
		{"an application with an empty list", plain, application("roles", []string{}), "token-roles", nil},
		{"an application without a role, a client", clients, application("roles", nil), "", nil},
		{"an application without idtyp", plain, application("idtyp", nil), "token-type", nil},
		{"an application with scopes", plain, application("scp", "Records.Read"), "token-type", nil},
		{"by a client", clients, delegated(), "", nil},
		{"by another client", clients, delegated("azp", api), "token-client", nil},
		{"appid instead of azp", clients, delegated("azp", nil, "appid", client), "token-type", nil},
		{"with one of the scopes", scoped, delegated(), "", nil},
		{"with none of the scopes", admins, delegated(), "token-scope", nil},
		{"with a part of a scope", admins, delegated("scp", "Records.AdminX XRecords.Admin"), "token-scope", nil},
		{"an application needs no scope", admins, application(), "", []string{"Records.Import"}},
		{"groups", groups, delegated("groups", []string{group, other}), "", []string{"editor"}},
		{"groups and mapped roles", groups, application("groups", []string{group}), "", []string{"importer", "editor"}},
		{"too many groups", groups, delegated(overage...), "token-groups", nil},
		{"too many groups, implicitly", groups, delegated("hasgroups", true), "token-groups", nil},
		{"too many groups, which do not matter", plain, delegated(overage...), "", nil},
		{"groups, which do not matter", plain, delegated("groups", []string{"Admin"}), "", nil},
		{"roles that are none", plain, delegated("roles", 7), "token-roles", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := start(t, tt.config)
			before := f.requests()
			who, err := f.Authenticate(t.Context(), bearertest.Bearer(f.key.Sign(t, tt.claims)))
			if n := f.requests() - before; n != 0 {
				t.Errorf("%d requests were made for the token", n)
			}
			code := ""
			if err != nil {
				code = fault.Of(err).Code
			}
			if code != tt.code || err != nil && !errors.Is(err, fault.Unauthenticated) || err == nil && who.Subject != anna {
				t.Errorf("Authenticate = %q, %v, want the code %q", who.Subject, err, tt.code)
			}
			if diff := cmp.Diff(tt.roles, who.Roles); diff != "" {
				t.Errorf("the roles are (-want +got):\n%s", diff)
			}
		})
	}
}

func (f *fixture) requests() int {
	all := 0
	for _, server := range f.servers {
		all += server.Requests("")
	}
	return all
}

// TestKeysOfOthers: a key that is said to be of another issuer is none of this
// one's, even where its keys are.
func TestKeysOfOthers(t *testing.T) {
	f := start(t, Config{Tenants: []string{tenant}})
	key := bearertest.NewKey(t, "b2c", "RS256")
	published := key.JWK()
	published["issuer"] = "https://login.microsoftonline.com/" + other + "/v2.0"
	f.servers[issuerOf(tenant)].PublishRaw(published, f.key.JWK())
	f.reopen(t, Config{Tenants: []string{tenant}, Audiences: []string{api}, Now: func() time.Time { return now }})
	if _, err := f.Authenticate(t.Context(), bearertest.Bearer(key.Sign(t, delegated()))); !errors.Is(err, fault.Unauthenticated) {
		t.Errorf("Authenticate = %v, want %s", err, fault.Unauthenticated)
	}
}

// TestAddresses: what is asked in the public cloud, if no test says otherwise.
func TestAddresses(t *testing.T) {
	if got, want := issuerOf(tenant), "https://login.microsoftonline.com/"+tenant+"/v2.0"; got != want {
		t.Errorf("the issuer is %s, want %s", got, want)
	}
}

func TestConfig(t *testing.T) {
	for says, cfg := range map[string]Config{
		"tenants is missing":                     {Audiences: []string{api}},
		`tenants has "common", which is no id`:   {Tenants: []string{"common"}, Audiences: []string{api}},
		`tenants has "shop.example", which is`:   {Tenants: []string{"shop.example"}, Audiences: []string{api}},
		"tenants has " + tenant + " twice":       {Tenants: []string{tenant, strings.ToUpper(tenant)}, Audiences: []string{api}},
		`clients has "web", which is no id`:      {Tenants: []string{tenant}, Audiences: []string{api}, Clients: []string{"web"}},
		"audiences is missing":                   {Tenants: []string{tenant}},
		`role_map gives "a" the role "anonymous`: {Tenants: []string{tenant}, Audiences: []string{api}, RoleMap: map[string]string{"a": "anonymous"}},
		`group_roles gives "a" the role ""`:      {Tenants: []string{tenant}, Audiences: []string{api}, GroupRoles: map[string]string{"a": ""}},
	} {
		a, err := Open(t.Context(), cfg)
		if a != nil || !errors.Is(err, fault.Invalid) || !strings.Contains(err.Error(), says) {
			t.Errorf("Open = %v, want one that says %q", err, says)
		}
	}
}

// TestNoSuchTenant: Entra says of a directory that there is not that the request
// is bad, which stops the start.
func TestNoSuchTenant(t *testing.T) {
	server := bearertest.New(t)
	server.Answer(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadRequest) })
	_, err := open(t.Context(), Config{Tenants: []string{tenant}, Audiences: []string{api}}, func(string) string { return server.URL })
	if !errors.Is(err, fault.Invalid) || !strings.Contains(err.Error(), issuerOf(tenant)+" answers with 400") {
		t.Errorf("Open = %v, want one that says so", err)
	}
}
