// Package authtest is the suite that proves an auth.Authenticator. Start at [Run].
package authtest

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/policy"
	"github.com/portolan-io/portolan/ports/auth"
	"github.com/portolan-io/portolan/ports/contract"
)

// A Harness is an Authenticator with what is needed to test it.
type Harness struct {
	Authenticator auth.Authenticator

	// Valid returns a credential that the authenticator must accept, and whom it
	// names: issuer, subject, roles and expiry. The credential also claims the
	// roles policy.Anonymous and policy.Authenticated, if its kind carries roles.
	Valid func(t contract.T) (auth.Credential, policy.Principal)

	// Refused returns, by name, credentials that are of a kind and an issuer that
	// the authenticator knows, and must not accept: among them forged, expired,
	// not yet valid and revoked ones, as far as its kind has them.
	Refused func(t contract.T) map[string]auth.Credential

	// Foreign returns, by name, credentials of kinds or issuers that it does not
	// know.
	Foreign func(t contract.T) map[string]auth.Credential

	// Break makes the authenticator unable to decide. It is nil if it needs
	// nothing that could fail.
	Break func(t contract.T)
}

// Run runs the suite over the authenticators that open returns, a new one for
// each case. What open opens it also closes, with t.Cleanup.
func Run(t *testing.T, open func(t *testing.T) Harness) {
	t.Helper()
	contract.Run(t, Cases, open)
}

// Cases are the cases of the suite.
var Cases = []contract.Case[Harness]{
	{Name: "Valid", Clause: "Authenticate returns who presents the credential.", Run: valid},
	{Name: "Principal", Clause: "The principal has an Issuer, a Subject and the Expires of the credential; it has neither of the implied roles among its Roles.", Run: principal},
	{Name: "Refused", Clause: "Authenticate returns fault.Unauthenticated if the credential is malformed, forged, expired, not yet valid or revoked.", Run: refused},
	{Name: "Altered", Clause: "fault.Unauthenticated if the credential is malformed, forged", Run: altered},
	{Name: "Foreign", Clause: "It returns fault.Unsupported if the credential is not of a kind, or not of an issuer, that it knows, so that another may be asked.", Run: foreign},
	{Name: "Unavailable", Clause: "It returns fault.Unavailable if it cannot decide now.", Run: unavailable},
	{Name: "Kinds", Clause: "Every error it returns has a fault.Kind", Run: kinds},
	{Name: "Done", Clause: "except that a done context's error is returned as it is.", Run: done},
	{Name: "Quiet", Clause: "No error holds any part of the credential.", Run: quiet},
	{Name: "Concurrent", Clause: "An Authenticator is safe for concurrent use.", Run: concurrent},
	{Name: "Close", Clause: "Close lets go of everything the authenticator holds. Calling it again does nothing.", Run: closeTwice},
}

func valid(t contract.T, h Harness) {
	credential, want := h.Valid(t)
	got, err := h.Authenticator.Authenticate(t.Context(), credential)
	if err != nil {
		t.Fatalf("Authenticate of a valid credential: %v", err)
	}
	if got.Issuer != want.Issuer || got.Subject != want.Subject || !reflect.DeepEqual(got.Roles, want.Roles) {
		t.Errorf("the principal is %s %s with the roles %q, want %s %s with %q",
			got.Issuer, got.Subject, got.Roles, want.Issuer, want.Subject, want.Roles)
	}
}

func principal(t contract.T, h Harness) {
	credential, want := h.Valid(t)
	got, err := h.Authenticator.Authenticate(t.Context(), credential)
	if err != nil {
		t.Fatalf("Authenticate of a valid credential: %v", err)
	}
	if got.Issuer == "" || got.Subject == "" {
		t.Errorf("the principal has the issuer %q and the subject %q, want both", got.Issuer, got.Subject)
	}
	if !got.Expires.Truncate(time.Second).Equal(want.Expires.Truncate(time.Second)) {
		t.Errorf("the principal expires at %v, want %v", got.Expires, want.Expires)
	}
	for _, role := range got.Roles {
		if role == policy.Anonymous || role == policy.Authenticated {
			t.Errorf("the principal has the implied role %s among %q", role, got.Roles)
		}
	}
	if got.Local {
		t.Errorf("a credential made the principal Local")
	}
}

func refused(t contract.T, h Harness) {
	for name, credential := range h.Refused(t) {
		expect(t, h, name, credential, fault.Unauthenticated)
	}
}

// altered changes one octet of a valid credential at a time, in places all
// over it. A credential whose issuer cannot be told any more may be foreign.
func altered(t contract.T, h Harness) {
	credential, _ := h.Valid(t)
	token := credential.Token
	for i := 0; i < len(token); i += 1 + len(token)/97 {
		other := byte('A')
		if token[i] == other {
			other = 'Q'
		}
		credential.Token = token[:i] + string(other) + token[i+1:]
		_, err := h.Authenticator.Authenticate(t.Context(), credential)
		if !errors.Is(err, fault.Unauthenticated) && !errors.Is(err, fault.Unsupported) {
			t.Errorf("Authenticate with octet %d changed = %v, want %s", i, err, fault.Unauthenticated)
		}
	}
}

func foreign(t contract.T, h Harness) {
	credentials := h.Foreign(t)
	if len(credentials) == 0 {
		t.Fatalf("the harness has no foreign credentials: every authenticator knows but some schemes")
	}
	for name, credential := range credentials {
		expect(t, h, name, credential, fault.Unsupported)
	}
	expect(t, h, "a scheme that nobody knows", auth.Credential{Scheme: "carrier-pigeon", Token: "coo"}, fault.Unsupported)
}

func unavailable(t contract.T, h Harness) {
	if h.Break == nil {
		t.Logf("this authenticator needs nothing that could fail")
		return
	}
	credential, _ := h.Valid(t)
	h.Break(t)
	expect(t, h, "valid, but nothing can be decided", credential, fault.Unavailable)
}

// kinds asks with what no credential looks like.
func kinds(t contract.T, h Harness) {
	credential, _ := h.Valid(t)
	for _, token := range []string{
		"", " ", ".", "..", "...", "a.b.c", "e30.e30.", "\x00", "\xff\xfe.\xff.\xff", "{}", "null",
		credential.Token + ".", "." + credential.Token, credential.Token + " ", credential.Token + "\n",
		strings.Repeat("a", 100_000), strings.Repeat(".", 100_000), credential.Token + strings.Repeat("A", 20_000),
	} {
		credential.Token = token
		got, err := h.Authenticator.Authenticate(t.Context(), credential)
		if !errors.Is(err, fault.Unauthenticated) && !errors.Is(err, fault.Unsupported) || got.Known() {
			t.Errorf("Authenticate(%.30q) = %q, %v; want %s or %s", token, got.Subject, err, fault.Unauthenticated, fault.Unsupported)
		}
	}
}

func done(t contract.T, h Harness) {
	credential, want := h.Valid(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	got, err := h.Authenticator.Authenticate(ctx, credential)
	if err != context.Canceled && (err != nil || got.Subject != want.Subject) { //nolint:errorlint // as it is, not wrapped
		t.Errorf("Authenticate with a cancelled context = %v, want %v as it is", err, context.Canceled)
	}
}

// quiet looks for any eight octets of a credential in the errors about it.
func quiet(t contract.T, h Harness) {
	refused := h.Refused(t)
	for name, credential := range h.Foreign(t) {
		refused["foreign: "+name] = credential
	}
	for name, credential := range refused {
		_, err := h.Authenticator.Authenticate(t.Context(), credential)
		if err == nil {
			continue
		}
		for i := 0; i+8 <= len(credential.Token); i++ {
			if part := credential.Token[i : i+8]; strings.Contains(err.Error(), part) {
				t.Errorf("%s: the error %q holds a part of the credential", name, err)
				break
			}
		}
	}
}

func concurrent(t contract.T, h Harness) {
	credential, want := h.Valid(t)
	var group sync.WaitGroup
	check := func() {
		got, err := h.Authenticator.Authenticate(t.Context(), credential)
		if err != nil || got.Subject != want.Subject {
			t.Errorf("Authenticate from several goroutines = %q, %v; want %q", got.Subject, err, want.Subject)
		}
	}
	check()
	for range 8 {
		group.Go(func() {
			for range 20 {
				check()
			}
		})
	}
	group.Wait()
}

func closeTwice(t contract.T, h Harness) {
	for i := range 2 {
		if err := h.Authenticator.Close(); err != nil {
			t.Errorf("Close, call %d: %v", i+1, err)
		}
	}
}

func expect(t contract.T, h Harness, name string, credential auth.Credential, want fault.Kind) {
	t.Helper()
	got, err := h.Authenticator.Authenticate(t.Context(), credential)
	if !errors.Is(err, want) || got.Known() {
		t.Errorf("%s: Authenticate = %q, %v; want a %s", name, got.Subject, err, want)
	}
}
