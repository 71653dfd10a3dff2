package firebase

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
	"github.com/portolan-io/portolan/ports/secrets"
)

var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

const (
	project = "shop-4f2a1"
	anna    = "S9mlVdRAxsQDwe0HXLuRqHcPRdN2"
)

// A fixture is an authenticator with the server that stands for Google's.
type fixture struct {
	auth.Authenticator
	google *bearertest.Issuer
	key    bearertest.Key
}

func start(t *testing.T, cfg Config) *fixture {
	t.Helper()
	f := &fixture{google: bearertest.New(t), key: signing(t)}
	f.google.Header("Cache-Control", "public, max-age=19302, must-revalidate, no-transform")
	published := f.key.JWK()
	published["alg"] = "RS256"
	f.google.PublishRaw(published)
	f.reopen(t, cfg)
	return f
}

func (f *fixture) reopen(t testing.TB, cfg Config) {
	cfg.Project, cfg.Now = project, func() time.Time { return now }
	a, err := open(t.Context(), cfg, f.google.URL+bearertest.KeysPath)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close() })
	f.Authenticator = a
}

// claims are those of an ID token of Firebase.
func claims(changes ...any) bearertest.Claims {
	return bearertest.Claims{
		"iss": "https://securetoken.google.com/" + project, "aud": project, "auth_time": now.Add(-time.Hour).Unix(),
		"user_id": anna, "sub": anna, "iat": now.Unix(), "exp": now.Add(time.Hour).Unix(),
		"email": "anna@shop.example", "email_verified": true, "firebase": own("password"),
	}.With(changes...)
}

// own is the claim in which Firebase says how somebody signed in.
func own(provider string, more ...any) bearertest.Claims {
	return bearertest.Claims{
		"identities": map[string]any{"email": []string{"anna@shop.example"}}, "sign_in_provider": provider,
	}.With(more...)
}

// signing returns the key of every fixture: to make one takes as long as many tests.
func signing(t *testing.T) bearertest.Key {
	once.Do(func() { shared = bearertest.NewKey(t, "a1b2c3d4e5f60718293a4b5c6d7e8f9001122334", "RS256") })
	return shared
}

var (
	once   sync.Once
	shared bearertest.Key
)

func TestSuite(t *testing.T) {
	authtest.Run(t, func(t *testing.T) authtest.Harness {
		f := start(t, Config{})
		sign := func(ct contract.T, changes ...any) auth.Credential {
			return bearertest.Bearer(f.key.Sign(ct, claims(changes...)))
		}
		return authtest.Harness{
			Authenticator: f,
			Valid: func(ct contract.T) (auth.Credential, policy.Principal) {
				return sign(ct, "roles", []string{policy.Anonymous, "clerk", policy.Authenticated}), policy.Principal{
					Issuer: issuer + project, Subject: anna, Roles: []string{"clerk"}, Expires: now.Add(time.Hour),
				}
			},
			Refused: func(ct contract.T) map[string]auth.Credential {
				return map[string]auth.Credential{
					"forged":                bearertest.Bearer(bearertest.NewKey(t, f.key.ID, "RS256").Sign(ct, claims())),
					"expired":               sign(ct, "exp", now.Add(-2*time.Minute).Unix()),
					"not yet":               sign(ct, "nbf", now.Add(2*time.Minute).Unix()),
					"signed in anonymously": sign(ct, "firebase", own("anonymous")),
				}
			},
			Foreign: func(ct contract.T) map[string]auth.Credential {
				return map[string]auth.Credential{
					"another project":       sign(ct, "iss", issuer+"other-1234", "aud", "other-1234"),
					"a session cookie":      sign(ct, "iss", "https://session.firebase.google.com/"+project),
					"an ID token of Google": sign(ct, "iss", "https://accounts.google.com"),
					"a custom token": sign(ct, "iss", "firebase-adminsdk-x@"+project+".iam.gserviceaccount.com",
						"aud", "https://identitytoolkit.googleapis.com/google.identity.identitytoolkit.v1.IdentityToolkit"),
					"an API key": {Scheme: auth.APIKey, Token: "pk_0123456789abcdef"},
				}
			},
			Break: func(contract.T) {
				f.google.Answer(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) })
				f.reopen(t, Config{})
			},
		}
	})
}

// TestTokens: tokens in the shape of Firebase's, and by which code one is refused.
func TestTokens(t *testing.T) {
	tenants := Config{Tenants: []string{"shop-a", "shop-b"}}
	for _, tt := range []struct {
		name   string
		config Config
		claims bearertest.Claims
		code   string // of the refusal, empty if it is accepted
		roles  []string
	}{
		{"plain", Config{}, claims(), "", nil},
		{"with custom claims", Config{}, claims("roles", []string{"admin"}), "", []string{"admin"}},
		{"with a path of custom claims", Config{RolesClaim: "shop.roles"}, claims("shop", map[string]any{"roles": []string{"clerk"}}), "", []string{"clerk"}},
		{"mapped", Config{RoleMap: map[string]string{"a": "admin"}}, claims("roles", []string{"a", "b"}), "", []string{"admin"}},
		{"true is no role", Config{RolesClaim: "admin"}, claims("admin", true), "token-roles", nil},
		{"another audience", Config{}, claims("aud", "other-1234"), "token-audience", nil},
		{"the audience of a client", Config{}, claims("aud", "32555940559.apps.googleusercontent.com"), "token-audience", nil},
		{"no subject", Config{}, claims("sub", nil), "token-subject", nil},
		{"an empty subject", Config{}, claims("sub", ""), "token-subject", nil},
		{"the longest subject", Config{}, claims("sub", strings.Repeat("a", 128)), "", nil},
		{"a longer subject", Config{}, claims("sub", strings.Repeat("a", 129)), "token-subject", nil},
		{"signed in just now", Config{}, claims("auth_time", now.Add(time.Minute).Unix()), "", nil},
		{"yet to sign in", Config{}, claims("auth_time", now.Add(61*time.Second).Unix()), "token-early", nil},
		{"never signed in", Config{}, claims("auth_time", nil), "token-early", nil},
		{"signed in at a text", Config{}, claims("auth_time", "yesterday"), "token-early", nil},
		{"never issued", Config{}, claims("iat", nil), "bad-token", nil},
		{"issued in the future", Config{}, claims("iat", now.Add(61*time.Second).Unix()), "token-early", nil},
		{"no word of Firebase's", Config{}, claims("firebase", nil), "token-type", nil},
		{"no provider", Config{}, claims("firebase", map[string]any{}), "token-type", nil},
		{"anonymous", Config{}, claims("firebase", own("anonymous")), "token-anonymous", nil},
		{"anonymous, which may be", Config{Anonymous: true}, claims("firebase", own("anonymous")), "", nil},
		{"of a tenant where none may come", Config{}, claims("firebase", own("password", "tenant", "shop-a")), "token-tenant", nil},
		{"of one of the tenants", tenants, claims("firebase", own("password", "tenant", "shop-b")), "", nil},
		{"of another tenant", tenants, claims("firebase", own("password", "tenant", "shop-c")), "token-tenant", nil},
		{"of no tenant where one must be", tenants, claims(), "token-tenant", nil},
		{"of a tenant that is no text", tenants, claims("firebase", own("password", "tenant", 7)), "token-tenant", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := start(t, tt.config)
			who, err := f.Authenticate(t.Context(), bearertest.Bearer(f.key.Sign(t, tt.claims)))
			code := ""
			if err != nil {
				code = fault.Of(err).Code
			}
			if code != tt.code || err != nil && !errors.Is(err, fault.Unauthenticated) || err == nil && who.Subject != tt.claims["sub"] {
				t.Errorf("Authenticate = %q, %v, want the code %q", who.Subject, err, tt.code)
			}
			if diff := cmp.Diff(tt.roles, who.Roles); diff != "" {
				t.Errorf("the roles are (-want +got):\n%s", diff)
			}
		})
	}
}

// TestEmulator: what the Auth emulator gives is signed by nobody, and is no credential
// unless the configuration names the emulator, whatever the environment says.
func TestEmulator(t *testing.T) {
	emulator := bearertest.New(t)
	t.Setenv("FIREBASE_AUTH_EMULATOR_HOST", strings.TrimPrefix(emulator.URL, "http://"))
	f := start(t, Config{})
	payload := strings.Split(f.key.Sign(t, claims()), ".")[1]
	for _, header := range []string{`{"alg":"none","typ":"JWT"}`, `{"alg":"none","kid":"` + f.key.ID + `","typ":"JWT"}`, `{"alg":"RS256","kid":"` + f.key.ID + `"}`} {
		for _, signature := range []string{"", "AA", "bm9uZQ"} {
			token := bearertest.Part(header) + "." + payload + "." + signature
			if who, err := f.Authenticate(t.Context(), bearertest.Bearer(token)); !errors.Is(err, fault.Unauthenticated) {
				t.Errorf("Authenticate of %s = %q, %v, want %s", header, who.Subject, err, fault.Unauthenticated)
			}
		}
	}
	if n := emulator.Requests(""); n != 0 {
		t.Errorf("the emulator was asked %d times, want never", n)
	}
	if _, err := f.Authenticate(t.Context(), bearertest.Bearer(f.key.Sign(t, claims()))); err != nil {
		t.Errorf("a token of Google's beside the emulator = %v", err)
	}
}

func TestConfig(t *testing.T) {
	for says, cfg := range map[string]Config{
		"project is missing":                     {},
		`project is "Shop", which is no Project`: {Project: "Shop"},
		`project is "https://securetoken.goog`:   {Project: "https://securetoken.google.com/shop-4f2a1"},
		`project is "../other", which is no`:     {Project: "../other"},
		"tenants has an empty id":                {Project: project, Tenants: []string{""}},
		`role_map gives "a" the role ""`:         {Project: project, RoleMap: map[string]string{"a": ""}},
		"leeway is 2m0s, but must be":            {Project: project, Leeway: 2 * time.Minute},
		"without check_revoked nobody":           {Project: project, APIKey: secrets.Fixed("key")},
		`emulator is "10.0.0.1:9099", which`:     {Project: project, Emulator: "10.0.0.1:9099"},
		`emulator is "localhost:9099", which`:    {Project: project, Emulator: "localhost:9099"},
		`emulator is "127.0.0.1:0", which is no`: {Project: project, Emulator: "127.0.0.1:0"},
		`emulator is "http://127.0.0.1", which`:  {Project: project, Emulator: "http://127.0.0.1"},
	} {
		a, err := Open(t.Context(), cfg)
		if a != nil || !errors.Is(err, fault.Invalid) || !strings.Contains(err.Error(), says) {
			t.Errorf("Open = %v, want one that says %q", err, says)
		}
	}
}
