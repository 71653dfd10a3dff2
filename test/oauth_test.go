package test

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"

	"github.com/oauth2-proxy/mockoidc"
)

// oauthConfig is a server where people sign in at the provider.
const oauthConfig = `service: {listen: "127.0.0.1:${PORT}", admin: off, public_url: "http://127.0.0.1:${PORT}", key_pepper: "q7Vw2mKx9Tn4Rb8Yc6Ld3Hf5Js1Gz0Pa"}
repository: {driver: memory}
auth: [{driver: local}]
accounts:
  signup: open
  oauth:
    certified:
      issuer: %q
      client_id: portolan
      client_secret: a secret of the server, for tests
      algorithms: [ES256, RS256]
collections:
  things:
    id: id
    fields: {id: {type: string, max: 16}}
    access: {authenticated: {all: true}}
`

// browser returns a client that keeps cookies, and follows where it is sent unless that stops it.
func browser(t *testing.T, stop func(*http.Request) bool) *http.Client {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &http.Client{Jar: jar, CheckRedirect: func(r *http.Request, _ []*http.Request) error {
		if stop(r) {
			return http.ErrUseLastResponse
		}
		return nil
	}}
}

// signIn goes to the provider from the address, signs in and agrees there, and returns the
// last answer.
func signIn(t *testing.T, b *http.Client, address, user string) *http.Response {
	t.Helper()
	page, err := b.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	for _, form := range []url.Values{{"prompt": {"login"}, "login": {user}, "password": {"any"}}, {"prompt": {"consent"}}} {
		_ = page.Body.Close()
		if page, err = b.PostForm(page.Request.URL.String(), form); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { _ = page.Body.Close() })
	return page
}

// TestSignInAtCertifiedProvider signs in at a certified provider with a browser, calls with
// the session's cookie, and logs out; and gets tokens instead.
func TestSignInAtCertifiedProvider(t *testing.T) {
	from := issuer(t)
	server := serve(t, t.TempDir(), write(t, t.TempDir(), "portolan.yaml", fmt.Sprintf(oauthConfig, from)))
	start := server + "/v1/auth/oauth/certified"

	anna := browser(t, func(*http.Request) bool { return false })
	page := signIn(t, anna, start+"?redirect=/v1/auth/me", "anna")
	var me struct {
		ID, Email string
		Verified  bool `json:"email_verified"`
	}
	if err := json.NewDecoder(page.Body).Decode(&me); err != nil || page.Request.URL.Path != "/v1/auth/me" || me.Email != "anna@example.com" || !me.Verified || me.ID == "" {
		t.Fatalf("she ends at %s as %+v, %v", page.Request.URL, me, err)
	}
	call := func(method, path string) int {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), method, server+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Sec-Fetch-Site", "same-origin")
		response, err := anna.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		return response.StatusCode
	}
	if status := call(http.MethodGet, "/v1/things"); status != http.StatusOK {
		t.Errorf("the session calls with %d", status)
	}
	if status := call(http.MethodPost, "/v1/auth/logout"); status != http.StatusNoContent {
		t.Errorf("she logs out with %d", status)
	}
	if status := call(http.MethodGet, "/v1/auth/me"); status != http.StatusUnauthorized {
		t.Errorf("after that she is answered with %d", status)
	}

	otto := browser(t, func(*http.Request) bool { return false })
	page = signIn(t, otto, start+"?session=token", "otto")
	var tokens struct {
		Access  string `json:"access_token"`
		Refresh string `json:"refresh_token"`
	}
	if err := json.NewDecoder(page.Body).Decode(&tokens); err != nil || tokens.Access == "" || tokens.Refresh == "" {
		t.Fatalf("he gets %s, %v", page.Status, err)
	}
	ask(t, http.MethodGet, server+"/v1/things", "", http.StatusOK, "Authorization", "Bearer "+tokens.Access)
	ask(t, http.MethodPost, server+"/v1/auth/refresh", `{"refresh_token":"`+tokens.Refresh+`"}`, http.StatusOK)
}

// TestStolenReturn: where a provider sends one browser back is of no use in another, and
// of none twice.
func TestStolenReturn(t *testing.T) {
	from := issuer(t)
	server := serve(t, t.TempDir(), write(t, t.TempDir(), "portolan.yaml", fmt.Sprintf(oauthConfig, from)))
	anna := browser(t, func(r *http.Request) bool { return strings.HasSuffix(r.URL.Path, "/callback") })
	page := signIn(t, anna, server+"/v1/auth/oauth/certified", "anna")
	back, err := page.Location()
	if err != nil {
		t.Fatalf("the provider does not send her back: %s, %v", page.Status, err)
	}
	visit := func(who string, b *http.Client, want int) {
		t.Helper()
		response, err := b.Get(back.String())
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		if response.StatusCode != want {
			t.Errorf("%s is answered with %s, want %d", who, response.Status, want)
		}
	}
	visit("another browser", http.DefaultClient, http.StatusForbidden)
	visit("her browser", anna, http.StatusOK)
	visit("her browser again", anna, http.StatusForbidden)
}

// TestSignInAtMockoidc signs in at another provider, which asks for nothing: for tokens, with
// which somebody calls, gets new ones, and logs out.
func TestSignInAtMockoidc(t *testing.T) {
	mock, err := mockoidc.NewServer(nil)
	if err != nil {
		t.Fatal(err)
	}
	err = mock.AddMiddleware(func(next http.Handler) http.Handler { // it says that it takes Basic, and looks at the body alone
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if id, secret, ok := r.BasicAuth(); ok && r.ParseForm() == nil {
				r.Form.Set("client_id", id)
				r.Form.Set("client_secret", secret)
			}
			next.ServeHTTP(w, r)
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	var listening net.ListenConfig
	listener, err := listening.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := mock.Start(listener, nil); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = mock.Shutdown() })
	mock.QueueUser(&mockoidc.MockUser{Subject: "ann", Email: "ann@example.com", EmailVerified: true})
	config := strings.NewReplacer("certified:", "mock:", "client_id: portolan", "client_id: "+mock.ClientID,
		"client_secret: a secret of the server, for tests", "client_secret: "+mock.ClientSecret).Replace(fmt.Sprintf(oauthConfig, mock.Issuer()))
	server := serve(t, t.TempDir(), write(t, t.TempDir(), "portolan.yaml", config))

	page, err := browser(t, func(*http.Request) bool { return false }).Get(server + "/v1/auth/oauth/mock?session=token")
	if err != nil {
		t.Fatal(err)
	}
	defer page.Body.Close()
	var login shown
	if err := json.NewDecoder(page.Body).Decode(&login); err != nil || page.StatusCode != http.StatusOK || login.Access == "" {
		t.Fatalf("she ends at %s with %s, %v", page.Request.URL.Path, page.Status, err)
	}
	ask(t, http.MethodPost, server+"/v1/things", `{"id":"one"}`, http.StatusCreated, "Authorization", "Bearer "+login.Access)
	login = enter(t, server, "refresh", fmt.Sprintf(`{"refresh_token":%q}`, login.Refresh))
	if text, _ := ask(t, http.MethodGet, server+"/v1/auth/me", "", http.StatusOK, "Authorization", "Bearer "+login.Access); !strings.Contains(text, "ann@example.com") {
		t.Errorf("me is %s", text)
	}
	ask(t, http.MethodPost, server+"/v1/auth/logout", "", http.StatusNoContent, "Authorization", "Bearer "+login.Access)
	ask(t, http.MethodGet, server+"/v1/things/one", "", http.StatusUnauthorized, "Authorization", "Bearer "+login.Access)
	refusing(t, server)("refresh", fmt.Sprintf(`{"refresh_token":%q}`, login.Refresh), "bad-refresh-token", http.StatusUnauthorized)
}
