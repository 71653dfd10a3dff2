package local_test

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/portolan-io/portolan/adapters/local"
	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/policy"
	"github.com/portolan-io/portolan/ports/auth"
	"github.com/portolan-io/portolan/ports/auth/authtest"
	"github.com/portolan-io/portolan/ports/contract"
	"github.com/portolan-io/portolan/ports/secrets"
)

var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// A fixture is an authenticator with its key and its clock.
type fixture struct {
	*local.Authenticator
	key   ed25519.PrivateKey
	clock time.Time
}

func open(t *testing.T) *fixture {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	f := &fixture{key: key, clock: now}
	f.Authenticator, err = local.Open(t.Context(), local.Config{
		Key: secrets.Fixed(encode(t, key)),
		Now: func() time.Time { return f.clock },
	})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func encode(t *testing.T, key any) string {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

// claims returns the claims of a valid token, changed by pairs of a name and a
// value; a nil value removes the claim.
func claims(changes ...any) jwt.MapClaims {
	c := jwt.MapClaims{
		"iss": "portolan", "aud": "portolan", "sub": "anna", "iat": now.Unix(), "exp": now.Add(time.Hour).Unix(),
	}
	for i := 0; i < len(changes); i += 2 {
		if changes[i+1] == nil {
			delete(c, changes[i].(string))
			continue
		}
		c[changes[i].(string)] = changes[i+1]
	}
	return c
}

// signed returns a token with the typ of an access token, and with more header
// parameters in pairs of a name and a value.
func signed(t contract.T, method jwt.SigningMethod, key any, c jwt.MapClaims, header ...any) string {
	t.Helper()
	token := jwt.NewWithClaims(method, c)
	token.Header["typ"] = "at+jwt"
	for i := 0; i < len(header); i += 2 {
		if header[i+1] == nil {
			delete(token.Header, header[i].(string))
			continue
		}
		token.Header[header[i].(string)] = header[i+1]
	}
	text, err := token.SignedString(key)
	if err != nil {
		t.Fatalf("signing: %v", err)
	}
	return text
}

func bearer(token string) auth.Credential {
	return auth.Credential{Scheme: auth.Bearer, Token: token}
}

func TestSuite(t *testing.T) {
	authtest.Run(t, func(t *testing.T) authtest.Harness {
		f := open(t)
		return authtest.Harness{
			Authenticator: f,
			Valid: func(ct contract.T) (auth.Credential, policy.Principal) {
				token := signed(ct, jwt.SigningMethodEdDSA, f.key,
					claims("roles", []string{policy.Anonymous, "clerk", policy.Authenticated}))
				return bearer(token), policy.Principal{
					Issuer: "portolan", Subject: "anna", Roles: []string{"clerk"}, Expires: now.Add(time.Hour),
				}
			},
			Refused: func(ct contract.T) map[string]auth.Credential {
				_, other, _ := ed25519.GenerateKey(rand.Reader)
				return map[string]auth.Credential{
					"forged":      bearer(signed(ct, jwt.SigningMethodEdDSA, other, claims())),
					"expired":     bearer(signed(ct, jwt.SigningMethodEdDSA, f.key, claims("exp", now.Add(-2*time.Minute).Unix()))),
					"not yet":     bearer(signed(ct, jwt.SigningMethodEdDSA, f.key, claims("nbf", now.Add(2*time.Minute).Unix()))),
					"no subject":  bearer(signed(ct, jwt.SigningMethodEdDSA, f.key, claims("sub", nil))),
					"no audience": bearer(signed(ct, jwt.SigningMethodEdDSA, f.key, claims("aud", nil))),
				}
			},
			Foreign: func(ct contract.T) map[string]auth.Credential {
				return map[string]auth.Credential{
					"another issuer": bearer(signed(ct, jwt.SigningMethodEdDSA, f.key, claims("iss", "https://login.example"))),
					"an API key":     {Scheme: auth.APIKey, Token: "pk_0123456789abcdef"},
				}
			},
		}
	})
}

// TestUnavailable is the suite's clause for a key that was never read.
func TestUnavailable(t *testing.T) {
	down := func(context.Context) (string, error) {
		return "", fault.New(fault.Unavailable, "test", "the vault is down")
	}
	if _, err := local.Open(t.Context(), local.Config{Key: down}); !errors.Is(err, fault.Unavailable) {
		t.Errorf("Open without its key = %v, want %s", err, fault.Unavailable)
	}
}

// TestAlgorithms: the algorithm is ours to choose, never the token's.
func TestAlgorithms(t *testing.T) {
	f := open(t)
	public := f.key.Public().(ed25519.PublicKey)
	spki, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	asPEM := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: spki})
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	unsigned := signed(t, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, claims())
	body := strings.SplitN(signed(t, jwt.SigningMethodEdDSA, f.key, claims()), ".", 3)
	for _, alg := range []string{`"None"`, `"nOnE"`, `"NONE"`, `""`, `null`, `"none "`, `["EdDSA"]`, `"eddsa"`} {
		header := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":` + alg + `,"typ":"at+jwt"}`))
		refused(t, f, "alg "+alg+" unsigned", header+"."+body[1]+".")
		refused(t, f, "alg "+alg+" signed", header+"."+body[1]+"."+body[2])
	}
	for name, token := range map[string]string{
		"none":                            unsigned,
		"HS256 with the public key":       signed(t, jwt.SigningMethodHS256, []byte(public), claims()),
		"HS256 with the public key's DER": signed(t, jwt.SigningMethodHS256, spki, claims()),
		"HS256 with the public key's PEM": signed(t, jwt.SigningMethodHS256, asPEM, claims()),
		"RS256":                           signed(t, jwt.SigningMethodRS256, rsaKey, claims()),
		"no signature":                    body[0] + "." + body[1] + ".",
	} {
		refused(t, f, name, token)
	}
}

// TestHeaders: keys and addresses of keys that a token brings are not looked at.
func TestHeaders(t *testing.T) {
	f := open(t)
	var asked atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	defer server.Close()
	public, other, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	jwk := map[string]string{"kty": "OKP", "crv": "Ed25519", "x": base64.RawURLEncoding.EncodeToString(public)}
	for name, header := range map[string][]any{
		"jwk":                {"jwk", jwk},
		"jku":                {"jku", server.URL},
		"x5u":                {"x5u", server.URL},
		"x5c":                {"x5c", []string{base64.StdEncoding.EncodeToString(public)}},
		"kid of a file":      {"kid", "../../../../dev/null"},
		"kid of a query":     {"kid", "x' UNION SELECT 'key' --"},
		"kid that is large":  {"kid", strings.Repeat("k", 6<<10)},
		"kid of no name":     {"kid", 7},
		"kid of an object":   {"kid", jwk},
		"typ of an ID token": {"typ", "JWT"},
		"no typ":             {"typ", nil},
		"crit":               {"crit", []string{"exp"}},
	} {
		refused(t, f, name+" with another key", signed(t, jwt.SigningMethodEdDSA, other, claims(), header...))
		token := signed(t, jwt.SigningMethodEdDSA, f.key, claims(), header...)
		if strings.HasPrefix(name, "j") || strings.HasPrefix(name, "x") {
			if _, err := f.Authenticate(t.Context(), bearer(token)); err != nil {
				t.Errorf("%s with the right key: %v, want no attention to it", name, err)
			}
			continue
		}
		refused(t, f, name, token)
	}
	if n := asked.Load(); n != 0 {
		t.Errorf("%d requests were made for a token's sake, want none", n)
	}
}

func TestTimes(t *testing.T) {
	f := open(t)
	at := func(d time.Duration) int64 { return now.Add(d).Unix() }
	for _, tt := range []struct {
		name   string
		claims jwt.MapClaims
		valid  bool
	}{
		{"an hour", claims(), true},
		{"expired within the leeway", claims("exp", at(-59*time.Second)), true},
		{"expired at the leeway", claims("exp", at(-60*time.Second)), false},
		{"expired", claims("exp", at(-time.Hour)), false},
		{"no exp", claims("exp", nil), false},
		{"exp as text", claims("exp", "2030-01-01T00:00:00Z"), false},
		{"exp zero", claims("exp", 0), false},
		{"exp negative", claims("exp", -1), false},
		{"nbf now", claims("nbf", at(0)), true},
		{"nbf within the leeway", claims("nbf", at(60*time.Second)), true},
		{"nbf beyond the leeway", claims("nbf", at(61*time.Second)), false},
		{"iat within the leeway", claims("iat", at(60*time.Second)), true},
		{"iat in the future", claims("iat", at(61*time.Second)), false},
		{"no iat", claims("iat", nil), true},
		{"iat as text", claims("iat", "now"), false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			token := signed(t, jwt.SigningMethodEdDSA, f.key, tt.claims)
			if !tt.valid {
				refused(t, f, tt.name, token)
			} else if _, err := f.Authenticate(t.Context(), bearer(token)); err != nil {
				t.Errorf("Authenticate = %v, want a principal", err)
			}
		})
	}
}

func TestIssuersAndAudiences(t *testing.T) {
	f := open(t)
	for _, tt := range []struct {
		name   string
		claims jwt.MapClaims
		want   fault.Kind
	}{
		{"exact", claims(), ""},
		{"aud among others", claims("aud", []string{"shop", "portolan"}), ""},
		{"no aud", claims("aud", nil), fault.Unauthenticated},
		{"empty aud", claims("aud", ""), fault.Unauthenticated},
		{"empty list", claims("aud", []string{}), fault.Unauthenticated},
		{"another aud", claims("aud", "shop"), fault.Unauthenticated},
		{"others", claims("aud", []string{"shop", "portolan2"}), fault.Unauthenticated},
		{"a prefix of aud", claims("aud", "port"), fault.Unauthenticated},
		{"aud longer", claims("aud", "portolan.example"), fault.Unauthenticated},
		{"aud with a slash", claims("aud", "portolan/"), fault.Unauthenticated},
		{"aud in capitals", claims("aud", "Portolan"), fault.Unauthenticated},
		{"aud a number", claims("aud", 7), fault.Unauthenticated},
		{"aud an object", claims("aud", map[string]any{"portolan": true}), fault.Unauthenticated},
		{"no iss", claims("iss", nil), fault.Unauthenticated},
		{"empty iss", claims("iss", ""), fault.Unauthenticated},
		{"iss a list", claims("iss", []string{"portolan"}), fault.Unauthenticated},
		{"iss with a slash", claims("iss", "portolan/"), fault.Unsupported},
		{"another iss", claims("iss", "https://login.example"), fault.Unsupported},
		{"no sub", claims("sub", nil), fault.Unauthenticated},
		{"empty sub", claims("sub", ""), fault.Unauthenticated},
		{"sub a number", claims("sub", 7), fault.Unauthenticated},
		{"roles a text", claims("roles", "admin"), fault.Unauthenticated},
		{"roles of numbers", claims("roles", []any{"clerk", 1}), fault.Unauthenticated},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := f.Authenticate(t.Context(), bearer(signed(t, jwt.SigningMethodEdDSA, f.key, tt.claims)))
			if got := fault.KindOf(err); got != tt.want {
				t.Errorf("Authenticate = %v, want kind %q", err, tt.want)
			}
		})
	}
}

// TestIdentity: who somebody is does not hang on an e-mail address, and one
// subject of two issuers is two people.
func TestIdentity(t *testing.T) {
	var seen []policy.Principal
	for _, issuer := range []string{"one", "two"} {
		a, err := local.Open(t.Context(), local.Config{Issuer: issuer})
		if err != nil {
			t.Fatal(err)
		}
		token, err := a.Issue(t.Context(), policy.Principal{Subject: "anna", Claims: map[string]any{"email": "anna@shop.example"}}, time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		who, err := a.Authenticate(t.Context(), bearer(token))
		if err != nil {
			t.Fatal(err)
		}
		seen = append(seen, who)
	}
	if seen[0].Issuer == seen[1].Issuer || seen[0].Subject != "anna" || seen[1].Subject != "anna" {
		t.Errorf("the principals are %s %s and %s %s, want anna of two issuers",
			seen[0].Issuer, seen[0].Subject, seen[1].Issuer, seen[1].Subject)
	}
}

func refused(t *testing.T, f *fixture, name, token string) {
	t.Helper()
	who, err := f.Authenticate(t.Context(), bearer(token))
	if !errors.Is(err, fault.Unauthenticated) || who.Known() {
		t.Errorf("%s: Authenticate = %q, %v; want %s", name, who.Subject, err, fault.Unauthenticated)
	}
}
