package local_test

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/portolan-io/portolan/adapters/local"
	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/policy"
)

func TestIssue(t *testing.T) {
	f := open(t)
	for _, tt := range []struct {
		name string
		who  policy.Principal
		ttl  time.Duration
		want fault.Kind
	}{
		{"plain", policy.Principal{Subject: "anna"}, time.Hour, ""},
		{"longest", policy.Principal{Subject: "anna"}, local.MaxLifetime, ""},
		{"too long", policy.Principal{Subject: "anna"}, local.MaxLifetime + 1, fault.Invalid},
		{"no time", policy.Principal{Subject: "anna"}, 0, fault.Invalid},
		{"nobody", policy.Principal{Roles: []string{"admin"}}, time.Hour, fault.Invalid},
		{"too large", policy.Principal{Subject: strings.Repeat("s", local.MaxTokenBytes)}, time.Hour, fault.TooLarge},
		{"no JSON", policy.Principal{Subject: "anna", Claims: map[string]any{"f": func() {}}}, time.Hour, fault.Invalid},
	} {
		t.Run(tt.name, func(t *testing.T) {
			token, err := f.Issue(t.Context(), tt.who, tt.ttl)
			if got := fault.KindOf(err); got != tt.want || (err == nil) != (token != "") {
				t.Errorf("Issue = %q, %v; want kind %q", token, err, tt.want)
			}
		})
	}
}

// TestIssuedIsWhoItWas also checks that claims cannot take the place of what a
// token says of itself.
func TestIssuedIsWhoItWas(t *testing.T) {
	f := open(t)
	token, err := f.Issue(t.Context(), policy.Principal{
		Subject: "anna",
		Roles:   []string{policy.Authenticated, "clerk", "seller"},
		Claims: map[string]any{
			"shop": "north", "level": 3.0, "sub": "root", "roles": []string{"admin"}, "exp": 1, "iss": "elsewhere", "nbf": 9e9,
		},
	}, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	who, err := f.Authenticate(t.Context(), bearer(token))
	if err != nil {
		t.Fatal(err)
	}
	if who.Claims["shop"] != "north" || who.Claims["level"] != 3.0 || who.Claims["sub"] != "anna" {
		t.Errorf("the claims are %v, want shop, level and the subject", who.Claims)
	}
	who.Claims = nil
	want := policy.Principal{
		Issuer: "portolan", Subject: "anna", Roles: []string{"clerk", "seller"}, Expires: now.Add(time.Hour),
	}
	who.Expires = who.Expires.UTC()
	if diff := cmp.Diff(want, who, cmp.Comparer(func(a, b policy.Principal) bool {
		return a.Issuer == b.Issuer && a.Subject == b.Subject && cmp.Equal(a.Roles, b.Roles) && a.Expires.Equal(b.Expires) && a.Local == b.Local
	})); diff != "" {
		t.Errorf("the principal (-want +got):\n%s", diff)
	}
}

func TestOpenRefusals(t *testing.T) {
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name   string
		key    string
		leeway time.Duration
		hint   string
	}{
		{"no PEM", "correct horse battery staple", 0, "openssl genpkey"},
		{"no key in the PEM", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", 0, "openssl genpkey"},
		{"an RSA key", encode(t, rsaKey), 0, "openssl genpkey"},
		{"a long leeway", "", 61 * time.Second, ""},
		{"a negative leeway", "", -1, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := local.Open(t.Context(), local.Config{
				Key:    func(context.Context) (string, error) { return tt.key, nil },
				Leeway: tt.leeway,
			})
			if !errors.Is(err, fault.Invalid) || !strings.Contains(fault.Of(err).Hint, tt.hint) {
				t.Errorf("Open = %v, want %s with a hint", err, fault.Invalid)
			}
			if tt.key != "" && strings.Contains(err.Error(), tt.key) {
				t.Errorf("the error holds the key: %v", err)
			}
		})
	}
}

// askedAgain is how long after an outage keys are asked for again.
const askedAgain = time.Second

// TestRotation: a new key serves after at most keyLife, and an outage of its
// source leaves the last one in force.
func TestRotation(t *testing.T) {
	var text string
	var down bool
	clock := now
	rotate := func() {
		_, key, err := ed25519.GenerateKey(rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		text = encode(t, key)
	}
	rotate()
	a, err := local.Open(t.Context(), local.Config{
		Key: func(context.Context) (string, error) {
			if down {
				return "", fault.New(fault.Unavailable, "test", "the vault is down")
			}
			return text, nil
		},
		Now: func() time.Time { return clock },
	})
	if err != nil {
		t.Fatal(err)
	}
	token, err := a.Issue(t.Context(), policy.Principal{Subject: "anna"}, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	check := func(when string, want fault.Kind) {
		t.Helper()
		if _, err := a.Authenticate(t.Context(), bearer(token)); fault.KindOf(err) != want {
			t.Errorf("%s: Authenticate = %v, want kind %q", when, err, want)
		}
	}
	check("at first", "")
	down, clock = true, clock.Add(time.Minute)
	check("while the source is down", "")
	down = false
	rotate()
	clock = clock.Add(askedAgain)
	check("after the rotation", fault.Unauthenticated)
}
