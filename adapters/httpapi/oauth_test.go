package httpapi

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/policy"
	"github.com/portolan-io/portolan/ports/auth"
)

// A trusting provider signs in whom a code names, for the attempt that was begun last.
type trusting struct {
	begun    auth.Attempt
	finished int
	err      error
}

func (p *trusting) Begin(_ context.Context, attempt auth.Attempt) (string, error) {
	p.begun = attempt
	return "https://login.example.com/authorize?state=" + attempt.State, p.err
}

func (p *trusting) Finish(_ context.Context, attempt auth.Attempt, back auth.Return) (policy.Principal, error) {
	p.finished++
	if attempt != p.begun {
		return policy.Principal{}, fault.New(fault.Forbidden, "test", "another attempt").Coded("another-attempt")
	}
	return policy.Principal{Issuer: "https://login.example.com", Subject: back.Code}, p.err
}

// newOAuth returns a fixture with two providers.
func newOAuth(t *testing.T, change ...func(*Config)) (f fixture, one, two *trusting) {
	one, two = &trusting{}, &trusting{}
	f, _ = newAccounts(t, func(c *Config) {
		c.Providers = map[string]Provider{"one": one, "two": two}
		c.CORS = &CORS{Origins: []string{"https://app.example"}, Credentials: true}
		for _, each := range change {
			each(c)
		}
	})
	return f, one, two
}

// begin begins to sign in at the provider, and returns the cookie that the browser has then.
func begin(t *testing.T, f fixture, target string) string {
	t.Helper()
	w := f.ask(t, http.MethodGet, target, "")
	cookies := w.Result().Cookies()
	if w.Code != http.StatusSeeOther || len(cookies) != 1 {
		t.Fatalf("%s: the answer is %d %s with %d cookies", target, w.Code, w.Body, len(cookies))
	}
	return cookies[0].Name + "=" + cookies[0].Value
}

const callback = "/v1/auth/oauth/one/callback?code=anna&state="

// wantNoSession checks that the answer gives no session, and has the browser forget what
// it began.
func wantNoSession(t *testing.T, w *httptest.ResponseRecorder) {
	t.Helper()
	forgot := false
	for _, cookie := range w.Result().Cookies() {
		forgot = forgot || cookie.Name == attemptCookie && cookie.MaxAge < 0
		if cookie.Name == cookieName {
			t.Error("it gives a session")
		}
	}
	if !forgot {
		t.Error("the browser keeps what it began")
	}
}

// TestSignInElsewhere: who is back from a provider has a session, which is a new one, or
// tokens.
func TestSignInElsewhere(t *testing.T) {
	f, one, _ := newOAuth(t)
	w := f.ask(t, http.MethodGet, "/v1/auth/oauth/one", "")
	for _, cookie := range w.Result().Cookies() {
		if cookie.Name != "__Host-portolan-oauth" || !cookie.Secure || !cookie.HttpOnly || cookie.Path != "/" || cookie.Domain != "" ||
			cookie.SameSite != http.SameSiteLaxMode || cookie.MaxAge != 600 || len(cookie.String()) > 4096 {
			t.Errorf("the cookie is %s", cookie)
		}
		for _, text := range []string{one.begun.Verifier, one.begun.Nonce, one.begun.State} {
			if strings.Contains(cookie.Value, text) {
				t.Error("the cookie shows the attempt")
			}
		}
	}
	if w.Header().Get("Cache-Control") != noStore || !strings.HasPrefix(w.Header().Get("Location"), "https://login.example.com/") {
		t.Errorf("the answer has %v", w.Header())
	}
	cookie := begin(t, f, "/v1/auth/oauth/one?redirect=/v1/auth/me")
	w = f.ask(t, http.MethodGet, callback+one.begun.State, "", "Cookie", cookie)
	session := ""
	for _, each := range w.Result().Cookies() {
		if each.Name == cookieName {
			session = each.Name + "=" + each.Value
		}
	}
	if w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/v1/auth/me" || session == "" {
		t.Fatalf("the answer is %d %v %s", w.Code, w.Header(), w.Body)
	}
	var me accountBody
	first := f.ask(t, http.MethodGet, "/v1/auth/me", "", "Cookie", session)
	if err := json.Unmarshal(first.Body.Bytes(), &me); err != nil || me.ID == "" || me.Email != "" {
		t.Errorf("she is %d %s", first.Code, first.Body)
	}
	cookie = begin(t, f, "/v1/auth/oauth/one?session=token")
	got := tokens(t, f.ask(t, http.MethodGet, callback+one.begun.State, "", "Cookie", cookie))
	again := f.ask(t, http.MethodGet, "/v1/auth/me", "", "Authorization", "Bearer "+got.Access)
	if again.Body.String() != first.Body.String() {
		t.Errorf("by tokens she is %s, want %s", again.Body, first.Body)
	}
	if log := f.log.String(); strings.Contains(log, one.begun.State) || strings.Contains(log, "code=anna") {
		t.Error("the log has the state or the code")
	}
}

// TestReplayedState: what a browser brings back is good once, even if it kept its cookie.
func TestReplayedState(t *testing.T) {
	f, one, _ := newOAuth(t)
	cookie := begin(t, f, "/v1/auth/oauth/one")
	wantAnswer(t, "the first time", f.ask(t, http.MethodGet, callback+one.begun.State, "", "Cookie", cookie), http.StatusOK, "")
	w := f.ask(t, http.MethodGet, callback+one.begun.State, "", "Cookie", cookie)
	wantAnswer(t, "the second time", w, http.StatusForbidden, "bad-state")
	wantNoSession(t, w)
	if one.finished != 1 {
		t.Errorf("the code was used %d times", one.finished)
	}
}

// TestForeignBrowser: a browser that did not begin so is given nothing, and the code is not
// used: neither with no cookie, nor with that of another attempt. That is login CSRF too:
// a page that sends somebody's browser to the callback with a code of its own.
func TestForeignBrowser(t *testing.T) {
	f, one, _ := newOAuth(t)
	victim := begin(t, f, "/v1/auth/oauth/one")
	begin(t, f, "/v1/auth/oauth/one")
	attackers := one.begun.State
	for name, cookie := range map[string]string{
		"no cookie":         "other=1",
		"of another":        victim,
		"two":               victim + "; " + victim,
		"made up":           attemptCookie + "=bm90IHNlYWxlZA",
		"cut":               victim[:len(victim)-3],
		"that of a laptop":  strings.Replace(victim, attemptCookie, laptopAttemptCookie, 1),
		"that of a session": strings.Replace(victim, attemptCookie, cookieName, 1),
	} {
		w := f.ask(t, http.MethodGet, callback+attackers, "", "Cookie", cookie)
		wantAnswer(t, name, w, http.StatusForbidden, "bad-state")
		wantNoSession(t, w)
	}
	wantAnswer(t, "no state", f.ask(t, http.MethodGet, strings.TrimSuffix(callback, "&state="), "", "Cookie", victim), http.StatusForbidden, "bad-state")
	if one.finished != 0 {
		t.Errorf("a code was used %d times", one.finished)
	}
}

// TestTwoProviders: what was begun at one provider does not end at another.
func TestTwoProviders(t *testing.T) {
	f, one, two := newOAuth(t)
	cookie := begin(t, f, "/v1/auth/oauth/one")
	w := f.ask(t, http.MethodGet, strings.Replace(callback, "one", "two", 1)+one.begun.State, "", "Cookie", cookie)
	wantAnswer(t, "at the other", w, http.StatusForbidden, "bad-state")
	wantNoSession(t, w)
	if two.finished != 0 {
		t.Error("the other provider was given the code")
	}
}

// TestOpenRedirects: a browser goes to a path of ours or to a page that is trusted, and
// nowhere else.
func TestOpenRedirects(t *testing.T) {
	f, one, _ := newOAuth(t)
	for _, to := range []string{"/", "/things?a=b", "https://app.example/home", "https://app.example"} {
		w := f.ask(t, http.MethodGet, "/v1/auth/oauth/one?redirect="+escape(to), "")
		wantAnswer(t, to, w, http.StatusSeeOther, "")
		cookie := w.Result().Cookies()[0]
		w = f.ask(t, http.MethodGet, callback+one.begun.State, "", "Cookie", cookie.Name+"="+cookie.Value)
		if w.Code != http.StatusSeeOther || w.Header().Get("Location") != to {
			t.Errorf("%s: the browser is sent to %q with %d", to, w.Header().Get("Location"), w.Code)
		}
	}
	for _, to := range []string{
		"https://evil.example", "//evil.example", "/\\evil.example", "\\\\evil.example", "///evil.example", "/\t/evil.example", "/ /evil.example",
		"http://app.example", "https://app.example.evil.example", "https://app.example@evil.example", "https://a@app.example", "javascript:alert(1)",
		"data:text/html,x", "evil", "https:evil.example", "https:/evil.example", "HTTPS://EVIL.example", "/\u2028", "/" + strings.Repeat("a", maxRedirect),
	} {
		w := f.ask(t, http.MethodGet, "/v1/auth/oauth/one?redirect="+escape(to), "")
		wantAnswer(t, to, w, http.StatusBadRequest, "bad-redirect")
		if len(w.Result().Cookies()) != 0 {
			t.Errorf("%s: it was begun", to)
		}
	}
	wantAnswer(t, "with tokens", f.ask(t, http.MethodGet, "/v1/auth/oauth/one?session=token&redirect=/", ""), http.StatusBadRequest, "bad-redirect")
}

func escape(text string) string {
	const hex = "0123456789ABCDEF"
	escaped := make([]byte, 0, 3*len(text))
	for i := range len(text) {
		escaped = append(escaped, '%', hex[text[i]>>4], hex[text[i]&15])
	}
	return string(escaped)
}

// TestErrorsOfProviders: what a provider sends a browser back with is a clear problem, with
// none of its text, and only in the browser that began.
func TestErrorsOfProviders(t *testing.T) {
	f, one, _ := newOAuth(t)
	for why, want := range map[string]struct {
		status int
		code   string
	}{
		"access_denied":           {http.StatusForbidden, "sign-in-refused"},
		"server_error":            {http.StatusServiceUnavailable, "provider-unavailable"},
		"temporarily_unavailable": {http.StatusServiceUnavailable, "provider-unavailable"},
		"invalid_scope":           {http.StatusUnprocessableEntity, "provider-error"},
		"made_up":                 {http.StatusUnprocessableEntity, "provider-error"},
	} {
		cookie := begin(t, f, "/v1/auth/oauth/one")
		target := "/v1/auth/oauth/one/callback?error=" + why + "&error_description=made_up_text&state=" + one.begun.State
		wantAnswer(t, why+" elsewhere", f.ask(t, http.MethodGet, target, ""), http.StatusForbidden, "bad-state")
		w := f.ask(t, http.MethodGet, target, "", "Cookie", cookie)
		wantAnswer(t, why, w, want.status, want.code)
		wantNoSession(t, w)
		if strings.Contains(w.Body.String(), "made_up") {
			t.Errorf("%s: the answer repeats what it was given: %s", why, w.Body)
		}
	}
	for _, query := range []string{"state=a&state=b", "code=a&code=b", "%zz"} {
		wantAnswer(t, query, f.ask(t, http.MethodGet, "/v1/auth/oauth/one/callback?"+query, ""), http.StatusBadRequest, "")
	}
	one.err = fault.New(fault.Unavailable, "test", "it is away").Coded("provider-unavailable")
	wantAnswer(t, "away", f.ask(t, http.MethodGet, "/v1/auth/oauth/one", ""), http.StatusServiceUnavailable, "provider-unavailable")
}

// TestWhoMayBegin: over TLS, at a provider that there is, with what is known.
func TestWhoMayBegin(t *testing.T) {
	f, _, _ := newOAuth(t)
	wantAnswer(t, "plain", f.ask(t, http.MethodGet, "/v1/auth/oauth/one", "", "plain", "192.0.2.1:1"), http.StatusForbidden, "insecure-transport")
	wantAnswer(t, "plain, back", f.ask(t, http.MethodGet, callback+"x", "", "plain", "192.0.2.1:1"), http.StatusForbidden, "insecure-transport")
	wantAnswer(t, "unknown", f.ask(t, http.MethodGet, "/v1/auth/oauth/three", ""), http.StatusNotFound, "unknown-provider")
	wantAnswer(t, "another kind", f.ask(t, http.MethodGet, "/v1/auth/oauth/one?session=all", ""), http.StatusBadRequest, "wrong-value")
	wantAnswer(t, "another option", f.ask(t, http.MethodGet, "/v1/auth/oauth/one?to=/", ""), http.StatusBadRequest, "")
	laptop, one, _ := newOAuth(t, func(c *Config) { c.Loopback, c.TrustedProxies = true, nil })
	w := laptop.ask(t, http.MethodGet, "/v1/auth/oauth/one", "", "plain", "127.0.0.1:1")
	cookie := w.Result().Cookies()[0]
	if cookie.Name != laptopAttemptCookie || cookie.Secure {
		t.Errorf("on a laptop the cookie is %s", cookie)
	}
	w = laptop.ask(t, http.MethodGet, callback+one.begun.State, "", "plain", "127.0.0.1:1", "Cookie", cookie.Name+"="+cookie.Value)
	wantAnswer(t, "on a laptop", w, http.StatusOK, "")
}

// TestDocumentOfProviders: the document has how one signs in where there are providers,
// with their names, and nothing of it elsewhere.
func TestDocumentOfProviders(t *testing.T) {
	for _, some := range []bool{true, false} {
		f, _, _ := newOAuth(t, func(c *Config) {
			if !some {
				c.Providers = nil
			}
		})
		var document struct {
			Paths map[string]struct {
				Get struct {
					Parameters []struct {
						Name   string
						Schema struct{ Enum []string }
					}
				}
			}
		}
		w := f.ask(t, http.MethodGet, "/openapi.json", "")
		if err := json.Unmarshal(w.Body.Bytes(), &document); err != nil {
			t.Fatal(err)
		}
		for _, path := range []string{"/v1/auth/oauth/{id}", "/v1/auth/oauth/{id}/callback"} {
			described, ok := document.Paths[path]
			if ok != some || ok && strings.Join(described.Get.Parameters[0].Schema.Enum, " ") != "one two" {
				t.Errorf("with providers %t: %s is %+v", some, path, described)
			}
		}
	}
}
