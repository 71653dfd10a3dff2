package core_test

import (
	"context"
	"testing"

	"github.com/portolan-io/portolan/adapters/memory"
	"github.com/portolan-io/portolan/core"
	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/policy"
	"github.com/portolan-io/portolan/ports/auth"
)

// A directory keeps one account, and counts what it is asked.
type directory struct {
	password string
	asked    int
}

func (d *directory) SignUp(_ context.Context, email, password string) (auth.Entry, error) {
	d.asked++
	d.password = password
	return auth.Entry{ID: "a", Email: email}, nil
}

func (d *directory) LogIn(_ context.Context, _, password string) (auth.Tokens, error) {
	d.asked++
	if password != d.password {
		return auth.Tokens{}, fault.New(fault.Unauthenticated, "test", "wrong").Coded("wrong-password")
	}
	return auth.Tokens{Subject: "a", Access: "access", Refresh: "refresh"}, nil
}

func (d *directory) Refresh(context.Context, string) (auth.Tokens, error) {
	d.asked++
	return auth.Tokens{Subject: "a", Access: "access"}, nil
}

func (d *directory) SetPassword(_ context.Context, by auth.Proof, next string) error {
	d.asked++
	if by.Access != "access" && by.Code != "code" {
		return fault.New(fault.Unauthenticated, "test", "no proof")
	}
	d.password = next
	return nil
}

func (d *directory) Find(_ context.Context, who policy.Principal) (auth.Entry, error) {
	d.asked++
	return auth.Entry{ID: who.Subject, Email: "ann@example.com"}, nil
}

func (d *directory) Revoke(context.Context, policy.Principal) error {
	d.asked++
	return nil
}

func elsewhere(t *testing.T, signUp bool) (*core.AccountsElsewhere, *directory) {
	t.Helper()
	limiter, err := memory.OpenLimiter(t.Context(), memory.LimiterConfig{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { limiter.Close() })
	d := &directory{}
	accounts, err := core.NewAccountsElsewhere(d, limiter, signUp)
	if err != nil {
		t.Fatal(err)
	}
	return accounts, d
}

const (
	herPassword   = "correct horse battery"
	otherPassword = "another staple of hers"
)

// TestElsewhereRefuses: what is refused here is not asked of the directory.
func TestElsewhereRefuses(t *testing.T) {
	accounts, d := elsewhere(t, false)
	ctx, nobody, ann := t.Context(), policy.Principal{}, policy.Principal{Issuer: "there", Subject: "a"}
	err := func(_ any, err error) error { return err }
	for name, tt := range map[string]struct {
		err  error
		kind fault.Kind
		code string
	}{
		"sign-up that is off":      {err(accounts.SignUp(ctx, nobody, "ann@example.com", herPassword)), fault.Forbidden, "signup-off"},
		"a session":                {err(accounts.LogIn(ctx, nobody, "ann@example.com", herPassword, core.LoginCookie)), fault.Unsupported, "no-sessions"},
		"what is no address":       {err(accounts.LogIn(ctx, nobody, "ann", herPassword, core.LoginToken)), fault.Unauthenticated, "wrong-password"},
		"nobody's account":         {err(accounts.Me(ctx, nobody)), fault.Unauthenticated, ""},
		"nobody's password":        {err(accounts.ChangePassword(ctx, nobody, herPassword, otherPassword, core.LoginToken)), fault.Unauthenticated, ""},
		"nobody's logout":          {accounts.LogOut(ctx, nobody, true), fault.Unauthenticated, ""},
		"a short password by code": {accounts.SetPassword(ctx, nobody, "code", "short"), fault.Invalid, "short-password"},
	} {
		if fault.KindOf(tt.err) != tt.kind || tt.code != "" && fault.Of(tt.err).Code != tt.code {
			t.Errorf("%s: %v, want %s with the code %q", name, tt.err, tt.kind, tt.code)
		}
	}
	if d.asked != 0 {
		t.Errorf("the directory was asked %d times, want never", d.asked)
	}
	if _, err := accounts.ChangePassword(ctx, ann, herPassword, "short", core.LoginToken); fault.Of(err).Code != "short-password" {
		t.Errorf("ChangePassword to a short one = %v, want the code short-password", err)
	}
}

// TestElsewherePassword: the current password is asked for, and the login that is
// returned is of the new one.
func TestElsewherePassword(t *testing.T) {
	accounts, d := elsewhere(t, true)
	ann := policy.Principal{Issuer: "there", Subject: "a"}
	made, err := accounts.SignUp(t.Context(), policy.Principal{}, "Ann@Example.com", herPassword)
	if err != nil || made.Email != "ann@example.com" || made.Roles == nil {
		t.Fatalf("SignUp = %+v, %v", made, err)
	}
	if _, err := accounts.ChangePassword(t.Context(), ann, otherPassword, otherPassword, core.LoginToken); fault.Of(err).Code != "wrong-password" || d.password != herPassword {
		t.Errorf("ChangePassword with a wrong one = %v", err)
	}
	login, err := accounts.ChangePassword(t.Context(), ann, herPassword, otherPassword, core.LoginToken)
	if err != nil || d.password != otherPassword || login.Access == "" || login.Kind != core.LoginToken {
		t.Errorf("ChangePassword = %+v, %v", login, err)
	}
	other := policy.Principal{Issuer: "there", Subject: "b"} // whose address is the one of a by now
	if _, err := accounts.ChangePassword(t.Context(), other, otherPassword, herPassword, core.LoginToken); fault.Of(err).Code != "wrong-password" || d.password != otherPassword {
		t.Errorf("ChangePassword of somebody else's account = %v, want the code wrong-password", err)
	}
}

// TestElsewhereAttempts: who guesses is made to wait before the directory is asked.
func TestElsewhereAttempts(t *testing.T) {
	accounts, d := elsewhere(t, true)
	d.password = herPassword
	for range 10 {
		if _, err := accounts.LogIn(t.Context(), policy.Principal{}, "ann@example.com", otherPassword, core.LoginToken); fault.KindOf(err) != fault.Unauthenticated {
			t.Fatalf("LogIn = %v, want %s", err, fault.Unauthenticated)
		}
	}
	_, err := accounts.LogIn(t.Context(), policy.Principal{}, "ann@example.com", herPassword, core.LoginToken)
	if fault.KindOf(err) != fault.Limited || core.RetryAfter(err) <= 0 || d.asked != 10 {
		t.Errorf("the eleventh LogIn = %v after %d questions, want %s", err, d.asked, fault.Limited)
	}
}
