package local_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/portolan-io/portolan/adapters/local"
	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/policy"
	"github.com/portolan-io/portolan/ports/auth/authtest"
	"github.com/portolan-io/portolan/ports/secrets"
)

// makers make a new key of each kind.
var makers = map[string]func(t testing.TB) crypto.Signer{
	"Ed25519": func(t testing.TB) crypto.Signer {
		_, key, err := ed25519.GenerateKey(rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		return key
	},
	"P-256": func(t testing.TB) crypto.Signer { return onCurve(t, elliptic.P256()) },
}

func onCurve(t testing.TB, curve elliptic.Curve) *ecdsa.PrivateKey {
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func TestIssuerSuite(t *testing.T) {
	for name, make := range makers {
		t.Run(name, func(t *testing.T) {
			authtest.RunIssuer(t, func(t *testing.T) authtest.IssuerHarness {
				text := encode(t, make(t))
				a, err := local.Open(t.Context(), local.Config{Key: secrets.Fixed(text)})
				if err != nil {
					t.Fatal(err)
				}
				return authtest.IssuerHarness{Issuer: a, Authenticator: a, Secrets: []string{text, strings.Split(text, "\n")[1]}}
			})
		})
	}
}

func encodePublic(t *testing.T, key crypto.Signer) string {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
}

// TestRotationWithOverlap: a key that signs next is accepted before it signs, and one
// that signed is accepted after, without a restart and without a moment in which a
// token of either is refused; and what signed is refused when it is taken out.
func TestRotationWithOverlap(t *testing.T) {
	one, two := makers["Ed25519"](t), makers["P-256"](t)
	signs, also, clock := encode(t, one), encodePublic(t, two), now
	a, err := local.Open(t.Context(), local.Config{
		Key:      func(context.Context) (string, error) { return signs, nil },
		Previous: []secrets.Value{func(context.Context) (string, error) { return also, nil }},
		Now:      func() time.Time { return clock },
	})
	if err != nil {
		t.Fatal(err)
	}
	issue := func() string {
		t.Helper()
		token, err := a.Issue(t.Context(), policy.Principal{Subject: "anna"}, 24*time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	check := func(when, token string, want fault.Kind) {
		t.Helper()
		if _, err := a.Authenticate(t.Context(), bearer(token)); fault.KindOf(err) != want {
			t.Errorf("%s: Authenticate = %v, want kind %q", when, err, want)
		}
	}
	early := signed(t, jwt.SigningMethodES256, two, claims(), "kid", kids(t, a)[1])
	check("before it signs", early, "")
	old := issue()
	signs, also = encode(t, two), encodePublic(t, one)
	clock = clock.Add(time.Minute)
	young := issue()
	check("the new key", young, "")
	check("the old key in the overlap", old, "")
	if ids := kids(t, a); len(ids) != 2 || ids[0] == ids[1] {
		t.Errorf("the key set names %q, want two keys", ids)
	}
	within := a.Epoch(t.Context())
	if within != 0 {
		t.Errorf("no key is gone, but it is epoch %d", within)
	}
	also = encode(t, two)
	clock = clock.Add(time.Minute)
	if after := a.Epoch(t.Context()); after == within {
		t.Errorf("a key is gone, but it is still epoch %d", after)
	}
	check("the new key after the overlap", young, "")
	check("the old key after the overlap", old, fault.Unauthenticated)
	if ids := kids(t, a); len(ids) != 1 {
		t.Errorf("the key set names %q, want one key", ids)
	}
}

// kids returns the names of the keys that are published.
func kids(t *testing.T, a *local.Authenticator) []string {
	t.Helper()
	text, err := a.KeySet(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var set struct{ Keys []struct{ Kid string } }
	if err := json.Unmarshal(text, &set); err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, k := range set.Keys {
		ids = append(ids, k.Kid)
	}
	return ids
}

// TestUnknownKeyIsLookedForAgain: what another instance signs with a key that this one
// has not read yet is accepted, and a thousand kids of nobody ask for the keys once a
// second at most.
func TestUnknownKeyIsLookedForAgain(t *testing.T) {
	one, two := makers["Ed25519"](t), makers["Ed25519"](t)
	text, clock, asked := encode(t, one), now, 0
	a, err := local.Open(t.Context(), local.Config{
		Key: func(context.Context) (string, error) { asked++; return text, nil },
		Now: func() time.Time { return clock },
	})
	if err != nil {
		t.Fatal(err)
	}
	other, err := local.Open(t.Context(), local.Config{Key: secrets.Fixed(encode(t, two)), Now: func() time.Time { return clock }})
	if err != nil {
		t.Fatal(err)
	}
	token, err := other.Issue(t.Context(), policy.Principal{Subject: "anna"}, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	text = encode(t, two)
	clock = clock.Add(2 * time.Second)
	if _, err := a.Authenticate(t.Context(), bearer(token)); err != nil {
		t.Errorf("a token of the new key is refused two seconds after the rotation: %v", err)
	}
	before := asked
	for range 1000 {
		forged := signed(t, jwt.SigningMethodEdDSA, one, claims(), "kid", rand.Text())
		if _, err := a.Authenticate(t.Context(), bearer(forged)); !errors.Is(err, fault.Unauthenticated) {
			t.Fatalf("a token of an unknown key: %v", err)
		}
	}
	if asked != before {
		t.Errorf("unknown keys asked for the keys %d times within a moment, want none", asked-before)
	}
}

// TestAlgorithmsOfKeys: a key has one algorithm, whatever a token says that names it.
func TestAlgorithmsOfKeys(t *testing.T) {
	edwards, curve := makers["Ed25519"](t), makers["P-256"](t)
	a, err := local.Open(t.Context(), local.Config{
		Key: secrets.Fixed(encode(t, edwards)), Previous: []secrets.Value{secrets.Fixed(encode(t, curve))}, Now: func() time.Time { return now },
	})
	if err != nil {
		t.Fatal(err)
	}
	ids := kids(t, a)
	for name, tt := range map[string]struct {
		method jwt.SigningMethod
		key    any
		kid    string
		valid  bool
	}{
		"Ed25519":                    {jwt.SigningMethodEdDSA, edwards, ids[0], true},
		"ES256":                      {jwt.SigningMethodES256, curve, ids[1], true},
		"ES256 under Ed25519's name": {jwt.SigningMethodES256, curve, ids[0], false},
		"EdDSA under P-256's name":   {jwt.SigningMethodEdDSA, edwards, ids[1], false},
		"HS256 under P-256's name":   {jwt.SigningMethodHS256, []byte(encodePublic(t, curve)), ids[1], false},
	} {
		_, err := a.Authenticate(t.Context(), bearer(signed(t, tt.method, tt.key, claims(), "kid", tt.kid)))
		if (err == nil) != tt.valid || err != nil && !errors.Is(err, fault.Unauthenticated) {
			t.Errorf("%s: Authenticate = %v, want accepted %t", name, err, tt.valid)
		}
	}
	zero := signed(t, jwt.SigningMethodES256, curve, claims(), "kid", ids[1])
	zero = zero[:strings.LastIndexByte(zero, '.')+1] + strings.Repeat("A", 86) // r = s = 0
	if _, err := a.Authenticate(t.Context(), bearer(zero)); !errors.Is(err, fault.Unauthenticated) {
		t.Errorf("a signature of zeros: %v", err)
	}
}

func TestKeysThatCannotBe(t *testing.T) {
	good := encode(t, makers["Ed25519"](t))
	for name, cfg := range map[string]local.Config{
		"the public half signs":  {Key: secrets.Fixed(encodePublic(t, makers["Ed25519"](t)))},
		"another curve":          {Key: secrets.Fixed(encode(t, onCurve(t, elliptic.P384())))},
		"previous without key":   {Previous: []secrets.Value{secrets.Fixed(good)}},
		"previous is no key":     {Key: secrets.Fixed(good), Previous: []secrets.Value{secrets.Fixed("nothing")}},
		"previous of a curve":    {Key: secrets.Fixed(good), Previous: []secrets.Value{secrets.Fixed(encode(t, onCurve(t, elliptic.P521())))}},
		"little memory":          {Passwords: local.Cost{Memory: 19455}},
		"much memory":            {Passwords: local.Cost{Memory: 1<<20 + 1}},
		"one pass":               {Passwords: local.Cost{Passes: 1}},
		"many passes":            {Passwords: local.Cost{Passes: 17}},
		"fewer places than none": {Passwords: local.Cost{AtOnce: -1}},
	} {
		if _, err := local.Open(t.Context(), cfg); !errors.Is(err, fault.Invalid) {
			t.Errorf("%s: Open = %v, want %s", name, err, fault.Invalid)
		}
	}
}
