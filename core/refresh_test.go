package core_test

import (
	"strings"
	"testing"
	"time"

	"github.com/portolan-io/portolan/core"
	"github.com/portolan-io/portolan/core/fault"
)

// TestRefresh: each refresh replaces the token, and the login lives on.
func TestRefresh(t *testing.T) {
	inHouse(t, 2, func(t *testing.T, h *house) {
		h.join(t, ann, secret, "clerk")
		login := h.logIn(t, core.LoginToken)
		for range 5 {
			time.Sleep(16 * time.Minute)
			wantExpired(t, h, login)
			next, err := h.other.Refresh(t.Context(), home, login.Refresh)
			if err != nil {
				t.Fatal(err)
			}
			if next.Refresh == login.Refresh || next.Access == login.Access || next.Lasts != 15*time.Minute {
				t.Errorf("the refresh gives the same again, or a token for %v", next.Lasts)
			}
			h.who(t, next)
			login = next
		}
		time.Sleep(3 * time.Hour)
		_, err := h.Refresh(t.Context(), home, login.Refresh)
		wantFault(t, err, fault.Unauthenticated, "bad-refresh-token")
	}, func(c *core.AccountsConfig) { c.Timing.Refresh = 3 * time.Hour })
}

func wantExpired(t *testing.T, h *house, login core.Login) {
	t.Helper()
	_, err := h.Identify(t.Context(), credential(login))
	wantFault(t, err, fault.Unauthenticated, "token-expired")
}

// TestRefreshAgain: two tabs that refresh at once, or one that got no answer, get the
// same token; and whoever shows it later ends the login for everybody.
func TestRefreshAgain(t *testing.T) {
	inHouse(t, 2, func(t *testing.T, h *house) {
		h.join(t, ann, secret)
		first := h.logIn(t, core.LoginToken)
		time.Sleep(time.Minute)
		answers := make(chan core.Login)
		for i := range 8 {
			by := []*core.Accounts{h.Accounts, h.other}[i%2]
			go func() {
				next, err := by.Refresh(t.Context(), home, first.Refresh)
				if err != nil {
					t.Errorf("refreshing at once: %v", err)
				}
				answers <- next
			}()
		}
		second := <-answers
		for range 7 {
			if next := <-answers; next.Refresh != second.Refresh {
				t.Error("the same token was replaced by two")
			}
		}
		time.Sleep(9 * time.Second)
		if next, err := h.Refresh(t.Context(), home, first.Refresh); err != nil || next.Refresh != second.Refresh {
			t.Errorf("nine seconds later: %v", err)
		}
		if len(h.reused) != 0 {
			t.Error("two tabs were taken for a thief")
		}
		time.Sleep(2 * time.Second)
		_, err := h.Refresh(t.Context(), home, first.Refresh)
		wantFault(t, err, fault.Unauthenticated, "bad-refresh-token")
		h.wantEnded(t, "the token was shown again", second)
		_, err = h.other.Refresh(t.Context(), home, second.Refresh)
		wantFault(t, err, fault.Unauthenticated, "bad-refresh-token")
		if len(h.reused) != 1 {
			t.Errorf("it was told of %d times", len(h.reused))
		}
	})
}

// TestStolenRefreshToken: the thief who is first goes on refreshing; when the owner
// shows what was stolen, however many turns ago that was, the thief's login ends.
func TestStolenRefreshToken(t *testing.T) {
	inHouse(t, 0, func(t *testing.T, h *house) {
		h.join(t, ann, secret)
		stolen := h.logIn(t, core.LoginToken)
		thief := stolen
		for range 25 {
			time.Sleep(15 * time.Minute)
			var err error
			if thief, err = h.Refresh(t.Context(), abroad, thief.Refresh); err != nil {
				t.Fatal(err)
			}
		}
		h.who(t, thief)
		_, err := h.Refresh(t.Context(), home, stolen.Refresh)
		wantFault(t, err, fault.Unauthenticated, "bad-refresh-token")
		h.wantEnded(t, "the owner showed what was stolen", thief)
		_, err = h.Refresh(t.Context(), abroad, thief.Refresh)
		wantFault(t, err, fault.Unauthenticated, "bad-refresh-token")
	})
}

// TestForgedRefreshTokens: what was never given ends nobody's login.
func TestForgedRefreshTokens(t *testing.T) {
	inHouse(t, 0, func(t *testing.T, h *house) {
		h.join(t, ann, secret)
		login, cookie := h.logIn(t, core.LoginToken), h.logIn(t, core.LoginCookie)
		other := h.logIn(t, core.LoginToken)
		time.Sleep(time.Minute)
		next, err := h.Refresh(t.Context(), home, login.Refresh)
		if err != nil {
			t.Fatal(err)
		}
		id, hex := next.Refresh[4:20], next.Refresh[strings.LastIndexByte(next.Refresh, '_'):]
		for _, forged := range []string{
			"", "ptr_", "ptr_" + id + "_0" + hex, "ptr_" + id + "_2" + hex, "ptr_" + id + "_-1" + hex, "ptr_" + id + "_00" + hex, "ptr_" + id + "_zzzzzzzzzzzz" + hex,
			next.Refresh + "a", strings.ToUpper(next.Refresh), "ptr_" + other.Refresh[4:20] + "_0" + hex, cookie.Cookie, login.Access,
			"ptr_" + cookie.Cookie[4:20] + "_0_" + cookie.Cookie[21:], strings.Repeat("a", 10_000),
		} {
			_, err := h.Refresh(t.Context(), home, forged)
			wantFault(t, err, fault.Unauthenticated, "bad-refresh-token")
		}
		h.who(t, next)
		h.who(t, other)
		if len(h.reused) != 0 {
			t.Error("a forged token was taken for one that was used up")
		}
	})
}

// TestRefreshesAreBounded: what looking for old tokens costs is bounded for an address,
// and takes nothing from the attempts to log in there.
func TestRefreshesAreBounded(t *testing.T) {
	inHouse(t, 0, func(t *testing.T, h *house) {
		h.join(t, ann, secret)
		login := h.logIn(t, core.LoginToken)
		limited := 0
		for range 300 {
			if _, err := h.Refresh(t.Context(), abroad, "ptr_"+login.Refresh[4:20]+"_0_"+strings.Repeat("a", 32)); fault.KindOf(err) == fault.Limited {
				limited++
			}
		}
		if limited != 100 {
			t.Errorf("%d of 300 forged tokens had to wait, want 100", limited)
		}
		if _, err := h.LogIn(t.Context(), abroad, ann, secret, core.LoginToken); err != nil {
			t.Errorf("a login from there: %v", err)
		}
	})
}
