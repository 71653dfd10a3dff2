package core_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/portolan-io/portolan/adapters/local"
	"github.com/portolan-io/portolan/core"
	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/policy"
	"github.com/portolan-io/portolan/ports/auth"
)

var kinds = []core.LoginKind{core.LoginToken, core.LoginCookie}

// TestLogInAndOut: who logs in is who signed up, with the roles that were given, and
// nobody after logging out.
func TestLogInAndOut(t *testing.T) {
	for _, instances := range []int{0, 2} {
		for _, kind := range kinds {
			inHouse(t, instances, func(t *testing.T, h *house) {
				made := h.join(t, ann, secret, "clerk")
				login, other := h.logIn(t, kind), h.logIn(t, kind)
				who := h.who(t, login)
				if who.Issuer != h.issuer.Name() || who.Subject != made.ID || !who.Has("clerk") || who.Local || who.Claims["email"] != nil {
					t.Errorf("the login is of %+v, want of %s with the role clerk", who, made.ID)
				}
				if own, err := h.Me(t.Context(), who); err != nil || own.Email != ann {
					t.Errorf("Me = %+v, %v", own, err)
				}
				if err := h.LogOut(t.Context(), who, false); err != nil {
					t.Fatal(err)
				}
				h.wantEnded(t, "logged out", login)
				h.who(t, other)
				if err := h.LogOut(t.Context(), who, false); err != nil {
					t.Errorf("logging out again: %v", err)
				}
				if err := h.LogOut(t.Context(), who, true); err != nil {
					t.Fatal(err)
				}
				h.wantEnded(t, "logged out everywhere", other)
			})
		}
	}
}

// TestWhatEndsLogins is SECURITY 23 and 30: it holds on every instance for the next
// request, for sessions and for tokens that are good by themselves.
func TestWhatEndsLogins(t *testing.T) {
	for _, kind := range kinds {
		for name, end := range map[string]func(h *house, ctx context.Context, who policy.Principal) error{
			"logging out":            func(h *house, ctx context.Context, who policy.Principal) error { return h.LogOut(ctx, who, false) },
			"logging out everywhere": func(h *house, ctx context.Context, who policy.Principal) error { return h.LogOut(ctx, who, true) },
			"disabling": func(h *house, ctx context.Context, _ policy.Principal) error {
				_, err := h.SetDisabled(ctx, operator, ann, true)
				return err
			},
			"disabling and enabling": func(h *house, ctx context.Context, _ policy.Principal) error {
				if _, err := h.SetDisabled(ctx, operator, ann, true); err != nil {
					return err
				}
				_, err := h.SetDisabled(ctx, operator, ann, false)
				return err
			},
			"deleting": func(h *house, ctx context.Context, _ policy.Principal) error { return h.DeleteUser(ctx, operator, ann) },
			"another password": func(h *house, ctx context.Context, who policy.Principal) error {
				_, err := h.ChangePassword(ctx, who, secret, "another long password", kind)
				return err
			},
			"a password by code": func(h *house, ctx context.Context, _ policy.Principal) error {
				code, err := h.IssueCode(ctx, operator, ann)
				if err != nil {
					return err
				}
				return h.SetPassword(ctx, operator, code, "another long password")
			},
		} {
			inHouse(t, 2, func(t *testing.T, h *house) {
				h.join(t, ann, secret)
				login := h.logIn(t, kind)
				who := h.who(t, login)
				if err := end(h, t.Context(), who); err != nil {
					t.Fatalf("%s: %v", name, err)
				}
				h.wantEnded(t, name, login)
				if kind == core.LoginToken {
					_, err := h.other.Refresh(t.Context(), home, login.Refresh)
					wantFault(t, err, fault.Unauthenticated, "bad-refresh-token")
				}
			})
		}
	}
}

// TestRolesOfLogins is SECURITY 30: a role that is given or taken counts for the next
// request on every instance, whatever a token says.
func TestRolesOfLogins(t *testing.T) {
	for _, kind := range kinds {
		inHouse(t, 2, func(t *testing.T, h *house) {
			h.join(t, ann, secret, "clerk")
			login := h.logIn(t, kind)
			h.who(t, login)
			for _, roles := range [][]string{{"admin"}, {}, {"clerk", "admin"}} {
				if _, err := h.other.SetRoles(t.Context(), operator, ann, roles); err != nil {
					t.Fatal(err)
				}
				if who := h.who(t, login); strings.Join(who.Roles, " ") != strings.Join(roles, " ") {
					t.Errorf("the %s has the roles %q, want %q", kind, who.Roles, roles)
				}
			}
		})
	}
}

// TestTimeouts is SECURITY 22: a session ends that is not used, and not one that is.
func TestTimeouts(t *testing.T) {
	for _, instances := range []int{0, 2} {
		inHouse(t, instances, func(t *testing.T, h *house) {
			h.join(t, ann, secret)
			idle, used := h.logIn(t, core.LoginCookie), h.logIn(t, core.LoginCookie)
			time.Sleep(12*time.Minute - time.Second)
			h.who(t, used)
			time.Sleep(time.Second)
			h.wantEnded(t, "not used for 12 minutes", idle)
			for range 4 {
				time.Sleep(11 * time.Minute)
				h.who(t, used)
			}
			time.Sleep(4 * time.Minute)
			h.wantEnded(t, "an hour old", used)
		}, func(c *core.AccountsConfig) { c.Timing = core.LoginTiming{Idle: 12 * time.Minute, Absolute: time.Hour} })
	}
}

// TestAbsoluteTimeout: however much a session is used, it ends with its thirtieth day;
// and its access token ends with it too.
func TestAbsoluteTimeout(t *testing.T) {
	inHouse(t, 0, func(t *testing.T, h *house) {
		h.join(t, ann, secret)
		cookie, token := h.logIn(t, core.LoginCookie), h.logIn(t, core.LoginToken)
		begun := time.Now()
		for time.Since(begun) < 30*24*time.Hour-10*time.Hour {
			time.Sleep(9 * time.Hour)
			h.who(t, cookie)
			var err error
			if token, err = h.Refresh(t.Context(), home, token.Refresh); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(30*24*time.Hour - time.Since(begun) - 5*time.Minute)
		token, err := h.Refresh(t.Context(), home, token.Refresh)
		if err != nil || token.Lasts > 5*time.Minute {
			t.Errorf("five minutes before its end a login gives a token for %v, %v", token.Lasts, err)
		}
		h.who(t, cookie)
		time.Sleep(5 * time.Minute)
		h.wantEnded(t, "after 30 days", cookie)
		_, err = h.Refresh(t.Context(), home, token.Refresh)
		wantFault(t, err, fault.Unauthenticated, "bad-refresh-token")
	})
}

// TestSessionsAreWrittenSeldom: a session that is used all the time is written ten
// times within the time that it may be idle, and not with every request.
func TestSessionsAreWrittenSeldom(t *testing.T) {
	inHouse(t, 2, func(t *testing.T, h *house) {
		h.join(t, ann, secret)
		login := h.logIn(t, core.LoginCookie)
		seen := map[string]bool{}
		for range 12 * 12 {
			time.Sleep(5 * time.Second)
			h.who(t, login)
			for _, line := range strings.Split(h.dump(t), "\n") {
				if strings.HasPrefix(line, "_sessions") {
					seen[line] = true
				}
			}
		}
		if len(seen) < 9 || len(seen) > 12 {
			t.Errorf("the session was written %d times in 12 minutes, want about 10", len(seen))
		}
	}, func(c *core.AccountsConfig) { c.Timing.Idle = 12 * time.Minute })
}

// TestSessionFixation is SECURITY 21: whatever a client brings, a login has an id that
// nobody knew before; another password gives another one, and the old one is dead.
func TestSessionFixation(t *testing.T) {
	inHouse(t, 2, func(t *testing.T, h *house) {
		h.join(t, ann, secret)
		first, second := h.logIn(t, core.LoginCookie), h.logIn(t, core.LoginCookie)
		if first.Cookie == second.Cookie || len(first.Cookie) < 4+16+1+32 {
			t.Errorf("two logins have the cookies %q and %q", first.Cookie, second.Cookie)
		}
		third, err := h.ChangePassword(t.Context(), h.who(t, first), secret, "another long password", core.LoginCookie)
		if err != nil {
			t.Fatal(err)
		}
		h.wantEnded(t, "the password changed", first)
		h.wantEnded(t, "the password changed", second)
		h.who(t, third)
		for _, forged := range []string{
			"", "pts_", third.Cookie + "a", third.Cookie[:len(third.Cookie)-1], strings.ToUpper(third.Cookie), second.Cookie,
			third.Cookie[:21] + second.Cookie[21:], "pts_aaaaaaaaaaaaaaaa_" + third.Cookie[21:],
		} {
			_, err := h.Identify(t.Context(), auth.Credential{Scheme: auth.Session, Token: forged})
			wantFault(t, err, fault.Unauthenticated, "login-ended")
		}
	})
}

// TestStoreHoldsNoLogin is SECURITY 17 and 21: what is stored of logins, codes and
// passwords helps nobody who steals the store.
func TestStoreHoldsNoLogin(t *testing.T) {
	inHouse(t, 0, func(t *testing.T, h *house) {
		h.join(t, ann, secret)
		cookie, token := h.logIn(t, core.LoginCookie), h.logIn(t, core.LoginToken)
		code, err := h.IssueCode(t.Context(), operator, ann)
		if err != nil {
			t.Fatal(err)
		}
		refreshed, err := h.Refresh(t.Context(), home, token.Refresh)
		if err != nil {
			t.Fatal(err)
		}
		all := h.dump(t)
		for name, text := range map[string]string{
			"cookie": cookie.Cookie, "refresh token": token.Refresh, "its replacement": refreshed.Refresh, "code": code, "password": "__" + secret,
		} {
			if part := text[strings.LastIndexByte(text, '_')+1:]; len(part) < 20 || strings.Contains(all, part) {
				t.Errorf("the store holds the %s", name)
			}
		}
		if !strings.Contains(all, ann) {
			t.Error("the dump does not even hold the address: is it looking in the right place?")
		}
	})
}

// TestUnknownAndWrong is SECURITY 14: that there is no account is told neither by the
// answer nor by the work, which is one verification, of which each costs the same.
func TestUnknownAndWrong(t *testing.T) {
	inHouse(t, 0, func(t *testing.T, h *house) {
		h.join(t, ann, secret)
		if _, _, err := h.CreateUser(t.Context(), operator, "new@example.com", nil); err != nil {
			t.Fatal(err)
		}
		var texts []string
		for _, email := range []string{ann, "bob@example.com", "new@example.com", strings.ToUpper(ann)} {
			verified, hashed := h.hasher.verified.Load(), h.hasher.hashed.Load()
			_, err := h.LogIn(t.Context(), home, email, "wrong", core.LoginToken)
			wantFault(t, err, fault.Unauthenticated, "wrong-password")
			texts = append(texts, err.Error())
			if h.hasher.verified.Load() != verified+1 || h.hasher.hashed.Load() != hashed {
				t.Errorf("%s: %d passwords were verified and %d hashed, want one and none",
					email, h.hasher.verified.Load()-verified, h.hasher.hashed.Load()-hashed)
			}
		}
		for _, text := range texts {
			if text != texts[0] {
				t.Errorf("the answers differ: %q and %q", text, texts[0])
			}
		}
	})
}

// TestBruteForce is SECURITY 15: who guesses has to wait, elsewhere the owner gets in.
func TestBruteForce(t *testing.T) {
	inHouse(t, 0, func(t *testing.T, h *house) {
		h.join(t, ann, secret)
		limited := 0
		for range 100 {
			verified := h.hasher.verified.Load()
			_, err := h.LogIn(t.Context(), abroad, ann, "wrong", core.LoginToken)
			switch fault.KindOf(err) {
			case fault.Limited:
				limited++
				if wait := core.RetryAfter(err); wait < time.Second || wait > 30*time.Second {
					t.Fatalf("the wait is %v", wait)
				}
				if h.hasher.verified.Load() != verified {
					t.Fatal("a password was verified though there were too many")
				}
			case fault.Unauthenticated:
			default:
				t.Fatal(err)
			}
		}
		if limited != 90 {
			t.Errorf("%d of 100 wrong logins had to wait, want 90", limited)
		}
		_, err := h.LogIn(t.Context(), abroad, ann, secret, core.LoginToken)
		wantFault(t, err, fault.Limited, "too-many-attempts")
		if _, err := h.LogIn(t.Context(), home, ann, secret, core.LoginToken); err != nil {
			t.Errorf("the owner does not get in from elsewhere: %v", err)
		}
		time.Sleep(core.RetryAfter(err))
		if _, err := h.LogIn(t.Context(), abroad, ann, secret, core.LoginToken); err != nil {
			t.Errorf("after the wait: %v", err)
		}
		time.Sleep(time.Hour)
		limited = 0
		for i := range 200 { // one password, many accounts
			_, err := h.LogIn(t.Context(), abroad, strings.Repeat("x", 1+i%60)+string(rune('a'+i/60))+"@example.com", "wrong", core.LoginToken)
			if fault.KindOf(err) == fault.Limited {
				limited++
			}
		}
		if limited != 100 {
			t.Errorf("%d of 200 attempts over many accounts had to wait, want 100", limited)
		}
	})
}

// TestNeighbours: who has a network of IPv6 has one address.
func TestNeighbours(t *testing.T) {
	inHouse(t, 0, func(t *testing.T, h *house) {
		for i := range 11 {
			_, err := h.LogIn(t.Context(), at("2001:db8::"+string(rune('1'+i%9))), ann, "wrong", core.LoginToken)
			want := fault.Unauthenticated
			if i == 10 {
				want = fault.Limited
			}
			wantFault(t, err, want, "")
		}
		_, err := h.LogIn(t.Context(), at("2001:db8:0:1::1"), ann, "wrong", core.LoginToken)
		wantFault(t, err, fault.Unauthenticated, "wrong-password")
	})
}

// TestLimiterThatCannotCount: what cannot be counted is not tried (SECURITY 53).
func TestLimiterThatCannotCount(t *testing.T) {
	inHouse(t, 0, func(t *testing.T, h *house) {
		h.join(t, ann, secret)
		verified := h.hasher.verified.Load()
		_, err := h.LogIn(t.Context(), home, ann, secret, core.LoginToken)
		wantFault(t, err, fault.Unavailable, "")
		if h.hasher.verified.Load() != verified {
			t.Error("a password was verified")
		}
	}, func(c *core.AccountsConfig) {
		_ = c.Limiter.Close()
	})
}

// TestNoDefaultAccount is SECURITY 16: a fresh store has no account, and the first
// administrator needs a code that works once and for a day.
func TestNoDefaultAccount(t *testing.T) {
	inHouse(t, 0, func(t *testing.T, h *house) {
		if all, err := h.Users(t.Context(), operator); err != nil || len(all) != 0 {
			t.Fatalf("a fresh store has the accounts %v, %v", all, err)
		}
		for _, name := range []string{"admin", "root", "portolan", "administrator", "test", "user"} {
			for _, password := range []string{"admin", "root", "portolan", "password", "", name} {
				_, err := h.LogIn(t.Context(), operator, name+"@localhost", password, core.LoginToken)
				wantFault(t, err, fault.Unauthenticated, "wrong-password")
			}
		}
		made, code, err := h.CreateUser(t.Context(), operator, ann, []string{"admin"})
		if err != nil {
			t.Fatal(err)
		}
		wantFault(t, h.SetPassword(t.Context(), home, code+"x", secret), fault.Unauthenticated, "bad-code")
		wantFault(t, h.SetPassword(t.Context(), home, code, "password"), fault.Invalid, "frequent-password")
		if err := h.SetPassword(t.Context(), home, code, secret); err != nil {
			t.Fatal(err)
		}
		wantFault(t, h.SetPassword(t.Context(), home, code, "something else"), fault.Unauthenticated, "bad-code")
		if login := h.logIn(t, core.LoginToken); login.Account.ID != made.ID || !h.who(t, login).Has("admin") {
			t.Errorf("the first administrator is %+v", login.Account)
		}
		late, err := h.IssueCode(t.Context(), operator, ann)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(core.CodeFor)
		wantFault(t, h.SetPassword(t.Context(), home, late, "something else"), fault.Unauthenticated, "bad-code")
	})
}

// TestCodesAtOnce: a code that two use at once works for one, and an older one does not
// work after another password was set.
func TestCodesAtOnce(t *testing.T) {
	inHouse(t, 0, func(t *testing.T, h *house) {
		_, first, err := h.CreateUser(t.Context(), operator, ann, nil)
		if err != nil {
			t.Fatal(err)
		}
		second, err := h.IssueCode(t.Context(), operator, ann)
		if err != nil {
			t.Fatal(err)
		}
		done := make(chan error)
		for range 8 {
			go func() { done <- h.SetPassword(t.Context(), operator, second, secret) }()
		}
		worked := 0
		for range 8 {
			if err := <-done; err == nil {
				worked++
			} else {
				wantFault(t, err, fault.Unauthenticated, "bad-code")
			}
		}
		if worked != 1 {
			t.Errorf("a code worked %d times", worked)
		}
		wantFault(t, h.SetPassword(t.Context(), operator, first, "something else"), fault.Unauthenticated, "bad-code")
	})
}

// TestHashAgain is SECURITY 11: when parameters rise the next login keeps a stronger
// hash, and is no less a login.
func TestHashAgain(t *testing.T) {
	inHouse(t, 0, func(t *testing.T, h *house) {
		h.join(t, ann, secret)
		before := h.logIn(t, core.LoginToken)
		h.hasher.strength = 2
		h.logIn(t, core.LoginToken)
		if !strings.Contains(h.dump(t), "$quick$2$") || strings.Contains(h.dump(t), "$quick$1$") {
			t.Error("the hash is not made anew")
		}
		h.who(t, before)
		hashed := h.hasher.hashed.Load()
		h.logIn(t, core.LoginToken)
		if h.hasher.hashed.Load() != hashed {
			t.Error("it is made anew with every login")
		}
	})
}

// TestSignUp: an address has one account, however it is written and whoever is first.
func TestSignUp(t *testing.T) {
	inHouse(t, 0, func(t *testing.T, h *house) {
		for _, tt := range []struct {
			email, password string
			kind            fault.Kind
			code            string
		}{
			{ann, "short", fault.Invalid, "short-password"},
			{"ann", secret, fault.Invalid, "bad-email"},
			{"Ann <ann@example.com>", secret, fault.Invalid, "bad-email"},
			{"ann@example.com\r\nBcc: bob@example.com", secret, fault.Invalid, "bad-email"},
			{"аnn@example.com", secret, fault.Invalid, "bad-email"}, // the first letter is Cyrillic
			{strings.Repeat("a", 251) + "@b.c", secret, fault.Invalid, "bad-email"},
			{"Ann@Example.com", secret, "", ""},
			{ann, "something else", fault.Exists, "account-exists"},
		} {
			made, err := h.SignUp(t.Context(), operator, tt.email, tt.password)
			if tt.kind != "" {
				wantFault(t, err, tt.kind, tt.code)
			} else if err != nil || made.Email != ann || len(made.Roles) != 0 {
				t.Errorf("SignUp of %s = %+v, %v", tt.email, made, err)
			}
		}
		h.logIn(t, core.LoginToken)
		done := make(chan error)
		for range 8 {
			go func() {
				_, err := h.SignUp(t.Context(), operator, "bob@example.com", secret)
				done <- err
			}()
		}
		made := 0
		for range 8 {
			if err := <-done; err == nil {
				made++
			} else {
				wantFault(t, err, fault.Exists, "account-exists")
			}
		}
		if made != 1 {
			t.Errorf("%d accounts were made for one address", made)
		}
	})
	inHouse(t, 0, func(t *testing.T, h *house) {
		_, err := h.SignUp(t.Context(), home, ann, secret)
		wantFault(t, err, fault.Forbidden, "signup-off")
	}, func(c *core.AccountsConfig) { c.SignUp = false })
}

// TestSignUpAgain: who deletes an account lets its address go, and what was of it is
// not of the next one.
func TestSignUpAgain(t *testing.T) {
	inHouse(t, 2, func(t *testing.T, h *house) {
		h.join(t, ann, secret, "admin")
		login := h.logIn(t, core.LoginToken)
		h.who(t, login)
		if err := h.DeleteUser(t.Context(), operator, ann); err != nil {
			t.Fatal(err)
		}
		if _, err := h.SignUp(t.Context(), home, ann, secret); err != nil {
			t.Fatal(err)
		}
		h.wantEnded(t, "the account is another one's", login)
		if who := h.who(t, h.logIn(t, core.LoginToken)); len(who.Roles) != 0 {
			t.Errorf("the next account has the roles %q", who.Roles)
		}
	})
}

// TestOnlyTheOwner: what is about an account only its owner may do, and what is about
// others only the operator.
func TestOnlyTheOwner(t *testing.T) {
	inHouse(t, 0, func(t *testing.T, h *house) {
		h.join(t, ann, secret, "admin")
		who := h.who(t, h.logIn(t, core.LoginToken))
		key := policy.Principal{Issuer: core.KeyIssuer, Subject: who.Subject, Roles: []string{"admin"}}
		ctx := t.Context()
		for _, call := range []func(who policy.Principal) error{
			func(who policy.Principal) error { _, err := h.Me(ctx, who); return err },
			func(who policy.Principal) error { return h.LogOut(ctx, who, true) },
			func(who policy.Principal) error {
				_, err := h.ChangePassword(ctx, who, secret, "something else", core.LoginToken)
				return err
			},
		} {
			wantFault(t, call(nobody), fault.Unauthenticated, "")
			wantFault(t, call(key), fault.Forbidden, "no-account")
			wantFault(t, call(admin), fault.Forbidden, "no-account")
		}
		for _, call := range []func(who policy.Principal) error{
			func(who policy.Principal) error {
				_, _, err := h.CreateUser(ctx, who, "bob@example.com", nil)
				return err
			},
			func(who policy.Principal) error { _, err := h.IssueCode(ctx, who, ann); return err },
			func(who policy.Principal) error { _, err := h.Users(ctx, who); return err },
			func(who policy.Principal) error { _, err := h.SetRoles(ctx, who, ann, nil); return err },
			func(who policy.Principal) error { _, err := h.SetDisabled(ctx, who, ann, true); return err },
			func(who policy.Principal) error { return h.DeleteUser(ctx, who, ann) },
		} {
			wantFault(t, call(nobody), fault.Unauthenticated, "")
			wantFault(t, call(who), fault.Forbidden, "")
		}
		_, err := h.ChangePassword(ctx, who, "wrong", "something else", core.LoginToken)
		wantFault(t, err, fault.Unauthenticated, "wrong-password")
		h.who(t, h.logIn(t, core.LoginToken))
	})
}

// TestUsers: what the operator does to accounts.
func TestUsers(t *testing.T) {
	inHouse(t, 0, func(t *testing.T, h *house) {
		ctx := t.Context()
		h.join(t, "bob@example.com", secret)
		h.join(t, ann, secret, "clerk")
		all, err := h.Users(ctx, operator)
		if err != nil || len(all) != 2 || all[0].Email != ann || !all[0].Verified || all[0].Roles[0] != "clerk" {
			t.Errorf("Users = %+v, %v", all, err)
		}
		for _, roles := range [][]string{{policy.Anonymous}, {policy.Authenticated}, {""}, {"a", "a"}} {
			_, err := h.SetRoles(ctx, operator, ann, roles)
			wantFault(t, err, fault.Invalid, "invalid-role")
		}
		_, err = h.SetRoles(ctx, operator, "nobody@example.com", nil)
		wantFault(t, err, fault.NotFound, "unknown-account")
		if _, err := h.SetDisabled(ctx, operator, ann, true); err != nil {
			t.Fatal(err)
		}
		_, err = h.LogIn(ctx, home, ann, secret, core.LoginToken)
		wantFault(t, err, fault.Forbidden, "account-disabled")
		_, err = h.LogIn(ctx, home, ann, "wrong", core.LoginToken)
		wantFault(t, err, fault.Unauthenticated, "wrong-password")
		if _, err := h.SetDisabled(ctx, operator, ann, false); err != nil {
			t.Fatal(err)
		}
		h.logIn(t, core.LoginToken)
	})
}

// TestTokensOfTheOperator: a token that portolan keys token made is of no login, and
// needs no account.
func TestTokensOfTheOperator(t *testing.T) {
	inHouse(t, 0, func(t *testing.T, h *house) {
		token, err := h.issuer.Issue(t.Context(), policy.Principal{Subject: "robot", Roles: []string{"clerk"}}, time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		who, err := h.Identify(t.Context(), auth.Credential{Scheme: auth.Bearer, Token: token})
		if err != nil || who.Subject != "robot" || !who.Has("clerk") {
			t.Errorf("Identify = %+v, %v", who, err)
		}
		stranger, err := h.issuer.Issue(t.Context(), policy.Principal{Subject: "robot", Claims: map[string]any{"sid": "aaaaaaaaaaaaaaaa"}}, time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		_, err = h.Identify(t.Context(), auth.Credential{Scheme: auth.Bearer, Token: stranger})
		wantFault(t, err, fault.Unauthenticated, "login-ended")
	})
}

// TestAccountsThatCannotBe: what is missing is told at the start.
func TestAccountsThatCannotBe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := newAPI(t, newStore(t))
		issuer, err := local.Open(t.Context(), local.Config{})
		if err != nil {
			t.Fatal(err)
		}
		_, err = core.NewAccounts(t.Context(), core.AccountsConfig{API: api, Issuer: issuer, Hasher: issuer})
		wantFault(t, err, fault.Invalid, "")
	})
}

// TestExpiredLoginsAreSwept: nothing is left of what is over.
func TestExpiredLoginsAreSwept(t *testing.T) {
	inHouse(t, 0, func(t *testing.T, h *house) {
		h.join(t, ann, secret)
		h.logIn(t, core.LoginToken)
		if _, err := h.IssueCode(t.Context(), operator, ann); err != nil {
			t.Fatal(err)
		}
		time.Sleep(29 * 24 * time.Hour)
		h.logIn(t, core.LoginCookie)
		time.Sleep(24 * time.Hour)
		if n, err := h.api.Sweep(t.Context()); err != nil || n != 2 {
			t.Errorf("Sweep = %d, %v; want the login and the code", n, err)
		}
		if all := h.dump(t); strings.Count(all, "_sessions") != 1 || strings.Contains(all, "_codes") {
			t.Errorf("left is:\n%s", all)
		}
	})
}
