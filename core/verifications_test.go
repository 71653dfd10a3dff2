package core_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/portolan-io/portolan/core"
	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/ports/mail"
)

// A pigeonhole keeps the mail that is sent.
type pigeonhole struct {
	mu    sync.Mutex
	mails []mail.Message
	fails error
}

func (p *pigeonhole) Send(_ context.Context, message mail.Message) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.fails != nil {
		return p.fails
	}
	p.mails = append(p.mails, message)
	return mail.Check("pigeonhole", message)
}

func (p *pigeonhole) Close() error { return nil }

// take returns the mail that came since it was last called, having waited for it.
func (p *pigeonhole) take(t *testing.T) []mail.Message {
	t.Helper()
	synctest.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	taken := p.mails
	p.mails = nil
	return taken
}

// code returns the code of the one mail that came, whose subject begins so.
func (p *pigeonhole) code(t *testing.T, subject string) string {
	t.Helper()
	mails := p.take(t)
	if len(mails) != 1 || !strings.HasPrefix(mails[0].Subject, subject) {
		t.Fatalf("the mails are %+v, want one with the subject %s", mails, subject)
	}
	for line := range strings.Lines(mails[0].Text) {
		if strings.HasPrefix(line, "ptc_") {
			return strings.TrimSpace(line)
		}
	}
	t.Fatalf("there is no code in %s", mails[0].Text)
	return ""
}

func mailing(p *pigeonhole) func(*core.AccountsConfig) {
	return func(c *core.AccountsConfig) { c.Mail, c.Verify, c.Page = p, true, "https://app.example.com/code" }
}

// TestSignUpWithMail: an account is used when its owner has shown that the address is
// theirs.
func TestSignUpWithMail(t *testing.T) {
	p := &pigeonhole{}
	inHouse(t, 0, func(t *testing.T, h *house) {
		ctx := t.Context()
		if made, err := h.SignUp(ctx, home, ann, secret); err != nil || made.ID != "" {
			t.Fatalf("SignUp = %+v, %v", made, err)
		}
		code := p.code(t, "Verify")
		_, err := h.LogIn(ctx, home, ann, secret, core.LoginToken)
		wantFault(t, err, fault.Forbidden, "unverified")
		_, err = h.LogIn(ctx, home, ann, "wrong", core.LoginToken)
		wantFault(t, err, fault.Unauthenticated, "wrong-password")
		wantFault(t, h.Verify(ctx, home, code, "wrong"), fault.Unauthenticated, "bad-code")
		wantFault(t, h.SetPassword(ctx, home, code, "another password"), fault.Unauthenticated, "bad-code")
		if err := h.RequestVerification(ctx, home, ann); err != nil {
			t.Fatal(err)
		}
		second := p.code(t, "Verify")
		if err := h.Verify(ctx, home, second, secret); err != nil {
			t.Fatal(err)
		}
		wantFault(t, h.Verify(ctx, home, second, secret), fault.Unauthenticated, "bad-code")
		if login := h.logIn(t, core.LoginToken); !login.Account.Verified {
			t.Error("the address is not verified")
		}
		if err := h.RequestVerification(ctx, home, ann); err != nil || len(p.take(t)) != 0 {
			t.Errorf("who is verified is asked again: %v", err)
		}
	}, mailing(p))
}

// TestSignUpForAnother: who signs up with the address of somebody else gets nothing,
// whether that is before its owner does or after, and whichever mail the owner follows.
func TestSignUpForAnother(t *testing.T) {
	p := &pigeonhole{}
	const theirs = "the password of a thief"
	for _, thiefFirst := range []bool{true, false} {
		inHouse(t, 0, func(t *testing.T, h *house) {
			ctx := t.Context()
			passwords := []string{secret, theirs}
			if thiefFirst {
				passwords = []string{theirs, secret}
			}
			if _, err := h.SignUp(ctx, home, ann, passwords[0]); err != nil {
				t.Fatal(err)
			}
			first := p.code(t, "Verify")
			if _, err := h.SignUp(ctx, home, ann, passwords[1]); err != nil {
				t.Fatal(err)
			}
			second := p.code(t, "You have an account already")
			if err := h.Verify(ctx, home, first, secret); (err == nil) == thiefFirst {
				t.Errorf("the owner verifies with the first code, which the thief asked for (%t): %v", thiefFirst, err)
			}
			if err := h.SetPassword(ctx, home, second, secret); err != nil {
				t.Errorf("the owner sets a password with the second code: %v", err)
			}
			h.logIn(t, core.LoginToken)
			_, err := h.LogIn(ctx, abroad, ann, theirs, core.LoginToken)
			wantFault(t, err, fault.Unauthenticated, "wrong-password")
		}, mailing(p))
	}
}

// TestReset: who forgot the password sets another one by mail, which ends all logins.
func TestReset(t *testing.T) {
	p := &pigeonhole{}
	inHouse(t, 2, func(t *testing.T, h *house) {
		ctx := t.Context()
		h.join(t, ann, "a forgotten password")
		login, err := h.LogIn(ctx, home, ann, "a forgotten password", core.LoginCookie)
		if err != nil {
			t.Fatal(err)
		}
		h.who(t, login)
		if err := h.RequestReset(ctx, home, "Ann@Example.com"); err != nil {
			t.Fatal(err)
		}
		code := p.code(t, "Set your password")
		h.who(t, login)
		if err := h.SetPassword(ctx, home, code, secret); err != nil {
			t.Fatal(err)
		}
		h.wantEnded(t, "another password", login)
		h.logIn(t, core.LoginCookie)
		if _, err := h.SetDisabled(ctx, operator, ann, true); err != nil {
			t.Fatal(err)
		}
		if err := h.RequestReset(ctx, home, ann); err != nil || len(p.take(t)) != 0 {
			t.Errorf("a disabled account gets a code: %v", err)
		}
	}, mailing(p))
}

// TestNoEnumerationByMail: what is answered is the same for addresses that have an
// account and that have none, and so is the work before the answer.
func TestNoEnumerationByMail(t *testing.T) {
	p := &pigeonhole{}
	inHouse(t, 0, func(t *testing.T, h *house) {
		ctx := t.Context()
		h.join(t, ann, secret)
		for name, ask := range map[string]func(email string) error{
			"sign up": func(email string) error { _, err := h.SignUp(ctx, home, email, secret); return err },
			"reset":   func(email string) error { return h.RequestReset(ctx, home, email) },
			"verify":  func(email string) error { return h.RequestVerification(ctx, home, email) },
		} {
			for _, email := range []string{ann, "eve@example.com"} {
				hashed, verified := h.hasher.hashed.Load(), h.hasher.verified.Load()
				if err := ask(email); err != nil {
					t.Errorf("%s of %s: %v", name, email, err)
				}
				synctest.Wait()
				want := int64(0)
				if name == "sign up" {
					want = 1
				}
				if h.hasher.hashed.Load()-hashed != want || h.hasher.verified.Load() != verified {
					t.Errorf("%s of %s hashes %d passwords, want %d", name, email, h.hasher.hashed.Load()-hashed, want)
				}
			}
		}
	}, mailing(p))
}

// TestMailBombs: an address is sent a few mails, however many ask for them, and the
// codes in these work.
func TestMailBombs(t *testing.T) {
	p := &pigeonhole{}
	inHouse(t, 0, func(t *testing.T, h *house) {
		h.join(t, ann, secret)
		for i := range 100 {
			from := at("192.0.2." + string(rune('0'+i%10)))
			if err := h.RequestReset(t.Context(), from, ann); err != nil && fault.KindOf(err) != fault.Limited {
				t.Fatal(err)
			}
		}
		mails := p.take(t)
		if len(mails) != 3 {
			t.Fatalf("%d mails were sent, want 3", len(mails))
		}
		if !strings.Contains(mails[0].Text, "https://app.example.com/code#code=ptc_") {
			t.Errorf("the mail has no link: %s", mails[0].Text)
		}
		time.Sleep(15 * time.Minute)
		if err := h.RequestReset(t.Context(), home, ann); err != nil {
			t.Fatal(err)
		}
		if err := h.SetPassword(t.Context(), home, p.code(t, "Set"), "another password"); err != nil {
			t.Error(err)
		}
	}, mailing(p))
}

// TestMailThatIsNotSent: that nobody takes mail is told to the operator and not to who
// asks, who would learn from it that there is an account.
func TestMailThatIsNotSent(t *testing.T) {
	p := &pigeonhole{fails: fault.New(fault.Unavailable, "test", "nobody takes mail")}
	var unsent []error
	inHouse(t, 0, func(t *testing.T, h *house) {
		h.join(t, ann, secret)
		if err := h.RequestReset(t.Context(), home, ann); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		if len(unsent) != 1 || strings.Contains(unsent[0].Error(), "ptc_") {
			t.Errorf("it was told of %v", unsent)
		}
		if err := h.Close(); err != nil {
			t.Error(err)
		}
		wantFault(t, h.RequestReset(t.Context(), home, ann), fault.Unavailable, "too-much-mail")
	}, mailing(p), func(c *core.AccountsConfig) { c.Unsent = func(err error) { unsent = append(unsent, err) } })
	inHouse(t, 0, func(t *testing.T, h *house) {
		wantFault(t, h.RequestReset(t.Context(), home, ann), fault.Refused, "no-mail")
	})
}
