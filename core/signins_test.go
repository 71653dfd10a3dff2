package core_test

import (
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/portolan-io/portolan/core"
	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/policy"
)

// elsewhere is somebody of a provider who says that this is their address.
func elsewhere(subject, email string, verified bool) policy.Principal {
	return policy.Principal{
		Issuer: "https://login.example.com", Subject: subject, Claims: map[string]any{"email": email, "email_verified": verified},
	}
}

// TestSignInIsNobodyElses: somebody of a provider is issuer and subject. An e-mail address
// gives no account of somebody else's, whoever says that it is verified.
func TestSignInIsNobodyElses(t *testing.T) {
	inHouse(t, 0, func(t *testing.T, h *house) {
		local, err := h.SignUp(t.Context(), home, ann, secret)
		if err != nil {
			t.Fatal(err)
		}
		first, err := h.SignIn(t.Context(), elsewhere("1", ann, true), core.LoginCookie)
		if err != nil || first.Account.ID == local.ID || first.Account.Email != ann || !first.Account.Verified || len(first.Account.Roles) != 0 {
			t.Fatalf("SignIn = %+v, %v, beside %s", first.Account, err, local.ID)
		}
		again, err := h.SignIn(t.Context(), elsewhere("1", "other@example.com", true), core.LoginToken)
		if err != nil || again.Account.ID != first.Account.ID || again.Account.Email != "other@example.com" || again.Access == "" {
			t.Errorf("the same subject is %+v, %v", again.Account, err)
		}
		second, err := h.SignIn(t.Context(), elsewhere("2", ann, false), core.LoginCookie)
		if err != nil || second.Account.ID == first.Account.ID || second.Account.Email != "" || second.Account.Verified {
			t.Errorf("another subject is %+v, %v", second.Account, err)
		}
		other := elsewhere("1", ann, true)
		other.Issuer = "https://other.example.com"
		third, err := h.SignIn(t.Context(), other, core.LoginCookie)
		if err != nil || third.Account.ID == first.Account.ID {
			t.Errorf("the subject of another issuer is %+v, %v", third.Account, err)
		}
		mine, err := h.LogIn(t.Context(), home, ann, secret, core.LoginCookie)
		if err != nil || mine.Account.ID != local.ID {
			t.Errorf("the local account is %+v, %v", mine.Account, err)
		}
	})
}

// TestUnsaidIsUnverified: an address of which a provider does not say that it was verified,
// or says so in another form, is not kept.
func TestUnsaidIsUnverified(t *testing.T) {
	inHouse(t, 0, func(t *testing.T, h *house) {
		for i, claims := range []map[string]any{
			{"email": ann}, {"email": ann, "email_verified": nil}, {"email": ann, "email_verified": 1}, {"email": ann, "email_verified": []any{true}},
		} {
			from := policy.Principal{Issuer: "https://login.example.com", Subject: strconv.Itoa(i), Claims: claims}
			got, err := h.SignIn(t.Context(), from, core.LoginCookie)
			if err != nil || got.Account.Email != "" || got.Account.Verified {
				t.Errorf("%v: the account is %+v, %v", claims, got.Account, err)
			}
		}
	})
}

// TestSignInOff: where accounts are made by the operator alone, nobody gets one by signing
// in elsewhere.
func TestSignInOff(t *testing.T) {
	inHouse(t, 0, func(t *testing.T, h *house) {
		_, err := h.SignIn(t.Context(), elsewhere("1", ann, true), core.LoginCookie)
		if fault.KindOf(err) != fault.Forbidden || fault.Of(err).Code != "signup-off" {
			t.Errorf("SignIn = %v", err)
		}
		for _, from := range []policy.Principal{{Issuer: "https://login.example.com"}, {Subject: "1"}} {
			if _, err := h.SignIn(t.Context(), from, core.LoginCookie); fault.Of(err).Code != "no-identity" {
				t.Errorf("nobody: SignIn = %v", err)
			}
		}
	}, func(c *core.AccountsConfig) { c.SignUp = false })
}

// TestLinkedAccounts: the operator disables, gives roles to and deletes an account of a
// provider by its id; it has no password and gets none; and the provider's roles replace
// the operator's if the provider has a say.
func TestLinkedAccounts(t *testing.T) {
	inHouse(t, 1, func(t *testing.T, h *house) {
		operator := policy.Principal{Issuer: "cli", Subject: "op", Local: true}
		if _, err := h.SignUp(t.Context(), home, ann, secret); err != nil {
			t.Fatal(err)
		}
		from := elsewhere("1", ann, true)
		login, err := h.SignIn(t.Context(), from, core.LoginCookie)
		if err != nil {
			t.Fatal(err)
		}
		id := login.Account.ID
		if changed, err := h.SetRoles(t.Context(), operator, id, []string{"clerk"}); err != nil || changed.ID != id {
			t.Errorf("SetRoles = %+v, %v", changed, err)
		}
		if login, err = h.SignIn(t.Context(), from, core.LoginCookie); err != nil || len(login.Account.Roles) != 1 {
			t.Errorf("the operator's roles are %v, %v", login.Account.Roles, err)
		}
		from.Roles = []string{}
		if login, err = h.SignIn(t.Context(), from, core.LoginCookie); err != nil || len(login.Account.Roles) != 0 {
			t.Errorf("the provider's roles are %v, %v", login.Account.Roles, err)
		}
		from.Roles = []string{"authenticated"}
		if _, err = h.SignIn(t.Context(), from, core.LoginCookie); fault.Of(err).Code != "invalid-role" {
			t.Errorf("an implied role: %v", err)
		}
		from.Roles = nil
		if _, err := h.IssueCode(t.Context(), operator, id); fault.Of(err).Code != "no-password" {
			t.Errorf("a code for it: %v", err)
		}
		who := policy.Principal{Issuer: h.issuer.Name(), Subject: id}
		if _, err := h.ChangePassword(t.Context(), who, secret, secret+"!", core.LoginCookie); fault.Of(err).Code != "no-password" {
			t.Errorf("a password for it: %v", err)
		}
		if _, err := h.SetDisabled(t.Context(), operator, id, true); err != nil {
			t.Error(err)
		}
		if _, err := h.SignIn(t.Context(), from, core.LoginCookie); fault.Of(err).Code != "account-disabled" {
			t.Errorf("disabled: %v", err)
		}
		if err := h.DeleteUser(t.Context(), operator, id); err != nil {
			t.Error(err)
		}
		if _, err := h.LogIn(t.Context(), home, ann, secret, core.LoginCookie); err != nil {
			t.Errorf("the local account with the same address: %v", err)
		}
		if login, err = h.SignIn(t.Context(), from, core.LoginCookie); err != nil || login.Account.ID == id {
			t.Errorf("after it was deleted: %+v, %v", login.Account, err)
		}
	})
}

// TestFirstSignInsAtOnce: of two first sign-ins of somebody one makes the account.
func TestFirstSignInsAtOnce(t *testing.T) {
	inHouse(t, 2, func(t *testing.T, h *house) {
		var ids sync.Map
		for _, at := range []*core.Accounts{h.Accounts, h.other, h.Accounts, h.other} {
			go func() {
				login, err := at.SignIn(t.Context(), elsewhere("1", ann, true), core.LoginCookie)
				if err != nil {
					t.Error(err)
				}
				ids.Store(login.Account.ID, true)
			}()
		}
		synctest.Wait()
		n := 0
		ids.Range(func(any, any) bool { n++; return true })
		if n != 1 {
			t.Errorf("there are %d accounts", n)
		}
	})
}

// TestAttemptsEnd: a sign-in that was begun is resumed once, on whichever instance, within
// ten minutes, with its own state and at its own provider.
func TestAttemptsEnd(t *testing.T) {
	inHouse(t, 2, func(t *testing.T, h *house) {
		begin := func() (core.SignIn, string) {
			t.Helper()
			begun, shown, err := h.BeginSignIn(t.Context(), home, core.SignIn{Provider: "one", Kind: core.LoginCookie, To: "/"})
			if err != nil {
				t.Fatal(err)
			}
			return begun, shown
		}
		resume := func(what string, at *core.Accounts, provider, state, shown, code string) {
			t.Helper()
			begun, err := at.ResumeSignIn(t.Context(), home, provider, state, shown)
			if err == nil && code == "" && begun.To == "/" && begun.Kind == core.LoginCookie {
				return
			}
			if fault.KindOf(err) != fault.Forbidden || fault.Of(err).Code != code {
				t.Errorf("%s: ResumeSignIn = %+v, %v", what, begun, err)
			}
		}
		begun, shown := begin()
		if len(begun.Attempt.Verifier) < 43 {
			t.Errorf("the verifier has %d characters, of 43 at least (RFC 7636)", len(begun.Attempt.Verifier))
		}
		resume("another provider", h.Accounts, "two", begun.Attempt.State, shown, "bad-state")
		resume("another state", h.Accounts, "one", begun.Attempt.State+"x", shown, "bad-state")
		resume("no state", h.Accounts, "one", "", shown, "bad-state")
		resume("nothing shown", h.Accounts, "one", begun.Attempt.State, "", "bad-state")
		resume("right", h.other, "one", begun.Attempt.State, shown, "")
		resume("again", h.Accounts, "one", begun.Attempt.State, shown, "bad-state")
		begun, shown = begin()
		time.Sleep(core.SignInFor - time.Second)
		resume("just in time", h.Accounts, "one", begun.Attempt.State, shown, "")
		begun, shown = begin()
		time.Sleep(core.SignInFor)
		resume("late", h.Accounts, "one", begun.Attempt.State, shown, "bad-state")
	})
}
