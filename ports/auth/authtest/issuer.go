package authtest

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/policy"
	"github.com/portolan-io/portolan/ports/auth"
	"github.com/portolan-io/portolan/ports/contract"
)

// An IssuerHarness is an Issuer with what is needed to test it.
type IssuerHarness struct {
	Issuer        auth.Issuer
	Authenticator auth.Authenticator // beside it

	// Secrets are texts that no error may hold: of the keys that it signs with.
	Secrets []string

	// Break makes the issuer unable to sign. It is nil if it needs nothing that
	// could fail.
	Break func(t contract.T)
}

// RunIssuer runs the suite over the issuers that open returns, a new one for each
// case. What open opens it also closes, with t.Cleanup.
func RunIssuer(t *testing.T, open func(t *testing.T) IssuerHarness) {
	t.Helper()
	contract.Run(t, IssuerCases, open)
}

// IssuerCases are the cases of the suite of issuers.
var IssuerCases = []contract.Case[IssuerHarness]{
	{Name: "Issued", Clause: "Issue returns a token that names the principal for ttl from now.", Run: issued},
	{Name: "Principal", Clause: "The Authenticator beside the Issuer returns for the token a principal with the subject, the roles and the claims that were given, whose issuer is Name and which expires after ttl.", Run: issuedPrincipal},
	{Name: "Name", Clause: "Name returns what the tokens name as their issuer.", Run: issuedPrincipal},
	{Name: "Claims", Clause: "What a token says of itself, such as iss or exp, is never taken from the claims.", Run: issuedClaims},
	{Name: "Refusals", Clause: "A principal without a subject and a ttl that is not positive are fault.Invalid.", Run: issueRefusals},
	{Name: "Unavailable", Clause: "Issue returns fault.Unavailable if it cannot sign now.", Run: issueUnavailable},
	{Name: "KeySet", Clause: "KeySet returns the public keys that verify the tokens, as a JSON Web Key Set (RFC 7517).", Run: keySet},
	{Name: "Kid", Clause: "The key that signs is among them, under the kid of the tokens.", Run: keySet},
	{Name: "Private", Clause: "No member of a private key is in it.", Run: keySetPrivate},
	{Name: "Kinds", Clause: "Every error it returns has a fault.Kind", Run: issueRefusals},
	{Name: "Done", Clause: "except that a done context's error is returned as it is.", Run: issueDone},
	{Name: "Quiet", Clause: "No error holds any part of a key or of a token.", Run: issueQuiet},
	{Name: "Concurrent", Clause: "An Issuer is safe for concurrent use.", Run: issueConcurrent},
}

// someone is a principal as an issuer is given it.
func someone() policy.Principal {
	return policy.Principal{
		Subject: "anna", Roles: []string{"clerk", "seller"}, Claims: map[string]any{"shop": "north", "level": 3.0},
	}
}

func issue(t contract.T, h IssuerHarness, who policy.Principal) (string, policy.Principal) {
	t.Helper()
	token, err := h.Issuer.Issue(t.Context(), who, time.Hour)
	if err != nil {
		t.Fatalf("Issue: %v", err)
	}
	got, err := h.Authenticator.Authenticate(t.Context(), auth.Credential{Scheme: auth.Bearer, Token: token})
	if err != nil {
		t.Fatalf("Authenticate of what was issued: %v", err)
	}
	return token, got
}

func issued(t contract.T, h IssuerHarness) {
	first, _ := issue(t, h, someone())
	if second, _ := issue(t, h, someone()); first == second {
		t.Errorf("two tokens are the same, so that one cannot be told from the other")
	}
}

func issuedPrincipal(t contract.T, h IssuerHarness) {
	want := someone()
	before := time.Now()
	_, got := issue(t, h, want)
	if got.Issuer == "" || got.Issuer != h.Issuer.Name() || got.Subject != want.Subject || !reflect.DeepEqual(got.Roles, want.Roles) {
		t.Errorf("the principal is %s %s with the roles %q, want %s %s with %q",
			got.Issuer, got.Subject, got.Roles, h.Issuer.Name(), want.Subject, want.Roles)
	}
	for name, value := range want.Claims {
		if !reflect.DeepEqual(got.Claims[name], value) {
			t.Errorf("the claim %s is %v, want %v", name, got.Claims[name], value)
		}
	}
	if lasts := got.Expires.Sub(before); lasts < time.Hour-time.Minute || lasts > time.Hour+time.Minute {
		t.Errorf("the principal expires after %v, want an hour", lasts)
	}
}

func issuedClaims(t contract.T, h IssuerHarness) {
	who := someone()
	for name, value := range map[string]any{
		"iss": "elsewhere", "sub": "root", "aud": "all", "exp": 1.0, "nbf": 9e9, "iat": 9e9, "roles": []any{"admin"},
	} {
		who.Claims[name] = value
	}
	_, got := issue(t, h, who)
	if got.Issuer != h.Issuer.Name() || got.Subject != "anna" || !reflect.DeepEqual(got.Roles, someone().Roles) {
		t.Errorf("claims made the principal %s %s with the roles %q", got.Issuer, got.Subject, got.Roles)
	}
}

func issueRefusals(t contract.T, h IssuerHarness) {
	for name, tt := range map[string]struct {
		who policy.Principal
		ttl time.Duration
	}{
		"nobody":        {policy.Principal{Roles: []string{"admin"}}, time.Hour},
		"no time":       {someone(), 0},
		"negative time": {someone(), -time.Hour},
	} {
		token, err := h.Issuer.Issue(t.Context(), tt.who, tt.ttl)
		if !errors.Is(err, fault.Invalid) || token != "" {
			t.Errorf("%s: Issue = %t, %v; want %s and no token", name, token != "", err, fault.Invalid)
		}
	}
}

func issueUnavailable(t contract.T, h IssuerHarness) {
	if h.Break == nil {
		t.Logf("this issuer needs nothing that could fail")
		return
	}
	h.Break(t)
	if token, err := h.Issuer.Issue(t.Context(), someone(), time.Hour); !errors.Is(err, fault.Unavailable) || token != "" {
		t.Errorf("Issue without a key = %t, %v; want %s", token != "", err, fault.Unavailable)
	}
}

// keysOf returns the keys of the set.
func keysOf(t contract.T, h IssuerHarness) []map[string]any {
	t.Helper()
	text, err := h.Issuer.KeySet(t.Context())
	if err != nil {
		t.Fatalf("KeySet: %v", err)
	}
	var set struct{ Keys []map[string]any }
	if err := json.Unmarshal(text, &set); err != nil || len(set.Keys) == 0 {
		t.Fatalf("the key set is %s (%v), want a JSON Web Key Set with a key", text, err)
	}
	return set.Keys
}

func keySet(t contract.T, h IssuerHarness) {
	token, _ := issue(t, h, someone())
	head, _, _ := strings.Cut(token, ".")
	raw, err := base64.RawURLEncoding.DecodeString(head)
	var header struct{ Kid, Alg string }
	if err != nil || json.Unmarshal(raw, &header) != nil || header.Kid == "" {
		t.Fatalf("the header of the token names no key: %s", raw)
	}
	for _, key := range keysOf(t, h) {
		if key["kty"] == nil || key["kid"] == nil || key["use"] != "sig" || key["alg"] == nil {
			t.Errorf("a key lacks kty, kid, alg or use sig: %v", key)
		}
		if key["kid"] == header.Kid && key["alg"] == header.Alg {
			return
		}
	}
	t.Errorf("no key of the set is the one that the token names")
}

func keySetPrivate(t contract.T, h IssuerHarness) {
	for _, key := range keysOf(t, h) {
		for _, member := range []string{"d", "p", "q", "dp", "dq", "qi", "k", "oth"} {
			if key[member] != nil {
				t.Errorf("the set has %s, which is private", member)
			}
		}
	}
}

func issueDone(t contract.T, h IssuerHarness) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := h.Issuer.Issue(ctx, someone(), time.Hour); err != context.Canceled && err != nil { //nolint:errorlint // as it is, not wrapped
		t.Errorf("Issue with a cancelled context = %v, want %v as it is, or a token", err, context.Canceled)
	}
}

func issueQuiet(t contract.T, h IssuerHarness) {
	big := someone()
	big.Claims["note"] = strings.Repeat("long", 10_000)
	odd := someone()
	odd.Claims["no JSON"] = func() {}
	errs := map[string]error{}
	_, errs["too large"] = h.Issuer.Issue(t.Context(), big, time.Hour)
	_, errs["no JSON"] = h.Issuer.Issue(t.Context(), odd, time.Hour)
	if h.Break != nil {
		h.Break(t)
		_, errs["broken"] = h.Issuer.Issue(t.Context(), someone(), time.Hour)
	}
	for name, err := range errs {
		if err == nil {
			t.Errorf("%s: there is no error", name)
			continue
		}
		for _, secret := range append([]string{"longlong"}, h.Secrets...) {
			if strings.Contains(err.Error(), secret) {
				t.Errorf("%s: the error holds what it must not", name)
			}
		}
	}
}

func issueConcurrent(t contract.T, h IssuerHarness) {
	check := func() {
		token, err := h.Issuer.Issue(t.Context(), someone(), time.Hour)
		if err != nil {
			t.Errorf("Issue from several goroutines: %v", err)
			return
		}
		if _, err := h.Authenticator.Authenticate(t.Context(), auth.Credential{Scheme: auth.Bearer, Token: token}); err != nil {
			t.Errorf("Authenticate of what was issued beside others: %v", err)
		}
		if _, err := h.Issuer.KeySet(t.Context()); err != nil {
			t.Errorf("KeySet from several goroutines: %v", err)
		}
	}
	atOnce(check)
}
