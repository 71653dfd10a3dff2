package core_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/portolan-io/portolan/adapters/memory"
	"github.com/portolan-io/portolan/core"
	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/policy"
	"github.com/portolan-io/portolan/ports/auth"
	"github.com/portolan-io/portolan/ports/mail"
)

// A directory keeps one account, and counts what it is asked.
type directory struct {
	password string
	asked    int
	mailed   []string // whom it sent a code itself
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
	return auth.Tokens{Who: policy.Principal{Issuer: "there", Subject: "a"}, Access: "access", Refresh: "refresh"}, nil
}

func (d *directory) Refresh(context.Context, string) (auth.Tokens, error) {
	d.asked++
	return auth.Tokens{Who: policy.Principal{Issuer: "there", Subject: "a"}, Access: "access"}, nil
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

func (d *directory) Code(_ context.Context, email string, purpose auth.Purpose) (string, error) {
	d.asked++
	if email != "ann@example.com" {
		return "", fault.New(fault.NotFound, "test", "nobody")
	}
	return [...]string{"code", "verifying"}[purpose], nil
}

func (d *directory) MailReset(_ context.Context, email string) error {
	d.asked++
	d.mailed = append(d.mailed, email)
	return nil
}

func (d *directory) Verify(_ context.Context, code, password string) error {
	d.asked++
	if code != "verifying" || password != d.password {
		return fault.New(fault.Unauthenticated, "test", "no such code").Coded("bad-code")
	}
	return nil
}

func keptElsewhere(t *testing.T, signUp bool) (*core.AccountsElsewhere, *directory) {
	t.Helper()
	limiter, err := memory.OpenLimiter(t.Context(), memory.LimiterConfig{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { limiter.Close() })
	d := &directory{}
	accounts, err := core.NewAccountsElsewhere(core.ElsewhereConfig{Directory: d, Limiter: limiter, SignUp: signUp})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { accounts.Close() })
	return accounts, d
}

const (
	herPassword   = "correct horse battery"
	otherPassword = "another staple of hers"
)

// TestElsewhereRefuses: what is refused here is not asked of the directory.
func TestElsewhereRefuses(t *testing.T) {
	accounts, d := keptElsewhere(t, false)
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
	accounts, d := keptElsewhere(t, true)
	ann := policy.Principal{Issuer: "there", Subject: "a"}
	made, err := accounts.SignUp(t.Context(), policy.Principal{}, "Ann@Example.com", herPassword)
	if err != nil || made.Email != "ann@example.com" || made.Roles == nil {
		t.Fatalf("SignUp = %+v, %v", made, err)
	}
	if _, err := accounts.ChangePassword(t.Context(), ann, otherPassword, otherPassword, core.LoginToken); fault.Of(err).Code != "wrong-password" || d.password != herPassword {
		t.Errorf("ChangePassword with a wrong one = %v", err)
	}
	login, err := accounts.ChangePassword(t.Context(), ann, herPassword, otherPassword, core.LoginToken)
	if err != nil || d.password != otherPassword || login.Access == "" || login.Kind != core.LoginToken || login.Who.Subject != "a" {
		t.Errorf("ChangePassword = %+v, %v", login, err)
	}
	other := policy.Principal{Issuer: "there", Subject: "b"} // whose address is the one of a by now
	if _, err := accounts.ChangePassword(t.Context(), other, otherPassword, herPassword, core.LoginToken); fault.Of(err).Code != "wrong-password" || d.password != otherPassword {
		t.Errorf("ChangePassword of somebody else's account = %v, want the code wrong-password", err)
	}
}

// TestElsewhereAttempts: who guesses is made to wait before the directory is asked.
func TestElsewhereAttempts(t *testing.T) {
	accounts, d := keptElsewhere(t, true)
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

// letters are a mail.Sender that keeps what it is given.
type letters chan mail.Message

func (l letters) Send(_ context.Context, message mail.Message) error {
	l <- message
	return nil
}

func (l letters) Close() error { return nil }

// TestElsewhereMail: codes that the directory makes are mailed here, to whoever has an
// account and not too often; without anybody who mails it is the directory that does what
// it can.
func TestElsewhereMail(t *testing.T) {
	limiter, err := memory.OpenLimiter(t.Context(), memory.LimiterConfig{})
	if err != nil {
		t.Fatal(err)
	}
	defer limiter.Close()
	d, sent, nobody := &directory{password: herPassword}, make(letters, 100), policy.Principal{}
	accounts, err := core.NewAccountsElsewhere(core.ElsewhereConfig{Directory: d, Limiter: limiter, Mail: sent, Page: "https://app.example.com/code"})
	if err != nil {
		t.Fatal(err)
	}
	ask := func(request func(context.Context, policy.Principal, string) error, email string) {
		t.Helper()
		if err := request(t.Context(), nobody, email); err != nil {
			t.Errorf("%s: %v", email, err)
		}
	}
	ask(accounts.RequestReset, "Ann@example.com")
	if got := <-sent; got.To != "ann@example.com" || !strings.Contains(got.Text, "https://app.example.com/code#code=code\n") {
		t.Errorf("a reset is mailed as %+v", got)
	}
	ask(accounts.RequestVerification, "ann@example.com")
	if got := <-sent; got.Subject != "Verify your address" || !strings.Contains(got.Text, "#code=verifying\n") {
		t.Errorf("a verification is mailed as %+v", got)
	}
	for range 5 {
		ask(accounts.RequestReset, "ann@example.com")
	}
	ask(accounts.RequestReset, "otto@example.com")
	if err := errors.Join(accounts.Close(), accounts.Close()); err != nil || len(sent) != 1 {
		t.Errorf("then %d mails were sent, want one until there have been three; %v", len(sent), err)
	}
	if err := accounts.Verify(t.Context(), nobody, "verifying", otherPassword); fault.Of(err).Code != "bad-code" {
		t.Errorf("Verify with another password = %v, want the code bad-code", err)
	}
	if err := accounts.Verify(t.Context(), nobody, "verifying", herPassword); err != nil || accounts.Verifies() {
		t.Errorf("Verify = %v; Verifies is %v", err, accounts.Verifies())
	}

	accounts, d = keptElsewhere(t, false)
	ask(accounts.RequestReset, "otto@example.com")
	if err := accounts.Close(); err != nil { // it waits for what is mailed behind the answer
		t.Error(err)
	}
	if diff := cmp.Diff([]string{"otto@example.com"}, d.mailed); diff != "" {
		t.Errorf("what the directory mails (-want +got):\n%s", diff)
	}
	if err := accounts.RequestVerification(t.Context(), nobody, "ann@example.com"); fault.Of(err).Code != "no-mail" {
		t.Errorf("RequestVerification without mail = %v, want the code no-mail", err)
	}
}

// TestElsewhereRefreshes: many who have one address of the network refresh as often as those
// of accounts that are kept here do, and no more.
func TestElsewhereRefreshes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		accounts, d := keptElsewhere(t, false)
		for range 200 {
			if login, err := accounts.Refresh(t.Context(), policy.Principal{}, "refresh"); err != nil || login.Who.Subject != "a" {
				t.Fatalf("Refresh = %+v, %v after %d", login.Who, err, d.asked)
			}
		}
		_, err := accounts.Refresh(t.Context(), policy.Principal{}, "refresh")
		if fault.KindOf(err) != fault.Limited || core.RetryAfter(err) <= 0 || d.asked != 200 {
			t.Errorf("the next one = %v after %d questions, want %s", err, d.asked, fault.Limited)
		}
	})
}

// slowly is a directory that answers when it is let.
type slowly struct {
	*directory
	let chan struct{}
}

func (s slowly) MailReset(ctx context.Context, email string) error {
	<-s.let
	return s.directory.MailReset(ctx, email)
}

// TestElsewhereResetTellsNothing: who asks for a code is answered before the directory is.
func TestElsewhereResetTellsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		limiter, err := memory.OpenLimiter(t.Context(), memory.LimiterConfig{})
		if err != nil {
			t.Fatal(err)
		}
		defer limiter.Close()
		d := slowly{&directory{}, make(chan struct{})}
		accounts, err := core.NewAccountsElsewhere(core.ElsewhereConfig{Directory: d, Limiter: limiter})
		if err != nil {
			t.Fatal(err)
		}
		defer accounts.Close()
		if err := accounts.RequestReset(t.Context(), policy.Principal{}, "ann@example.com"); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		if len(d.mailed) != 0 {
			t.Error("the directory answered")
		}
		close(d.let)
		synctest.Wait()
		if len(d.mailed) != 1 {
			t.Errorf("%d mails were sent, want one", len(d.mailed))
		}
	})
}
