package test

import (
	"bufio"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/oauth2"
)

// issuedFor is what the tokens of the provider are for.
const issuedFor = "https://api.example.com"

// issuer starts the provider of test/testdata/node/issuer.mjs, which is certified by the
// OpenID Foundation, and returns its name. It ends with the test.
func issuer(t *testing.T) string {
	t.Helper()
	modules := tools(t)
	address := freeAddress(t)
	_, port, _ := net.SplitHostPort(address)
	cmd := exec.Command("node", filepath.Join(filepath.Dir(modules), "issuer.mjs"), port, issuedFor)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it may have ended
		_ = cmd.Wait()         // which says that it was killed
	})
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "ready\n" {
		t.Fatalf("the provider says %q, %v", line, err)
	}
	return "http://" + address
}

// signedIn goes through the authorization code flow with PKCE as the user's browser and the
// shop do, and returns what the shop has then.
func signedIn(t *testing.T, issuer, user string) (*oauth2.Config, *oauth2.Token) {
	t.Helper()
	shop := &oauth2.Config{
		ClientID: "shop", ClientSecret: "a secret of the shop, for tests", RedirectURL: "http://127.0.0.1/callback",
		Endpoint: oauth2.Endpoint{AuthURL: issuer + "/auth", TokenURL: issuer + "/token"}, Scopes: []string{"openid", "email", "offline_access"},
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	browser := &http.Client{Jar: jar, CheckRedirect: func(r *http.Request, _ []*http.Request) error {
		if strings.HasPrefix(r.URL.String(), shop.RedirectURL) {
			return http.ErrUseLastResponse
		}
		return nil
	}}
	verifier, state := oauth2.GenerateVerifier(), rand.Text()
	page, err := browser.Get(shop.AuthCodeURL(state, oauth2.S256ChallengeOption(verifier), oauth2.SetAuthURLParam("prompt", "consent")))
	if err != nil {
		t.Fatal(err)
	}
	for _, form := range []url.Values{{"prompt": {"login"}, "login": {user}, "password": {"any"}}, {"prompt": {"consent"}}} {
		_ = page.Body.Close()
		if page, err = browser.PostForm(page.Request.URL.String(), form); err != nil {
			t.Fatal(err)
		}
	}
	_ = page.Body.Close()
	back, err := page.Location()
	if err != nil {
		t.Fatalf("the provider does not send the browser back: %s, %v", page.Status, err)
	}
	if got := back.Query().Get("state"); got != state {
		t.Fatalf("the state is %q, want %q", got, state)
	}
	token, err := shop.Exchange(t.Context(), back.Query().Get("code"), oauth2.VerifierOption(verifier))
	if err != nil {
		t.Fatal(err)
	}
	return shop, token
}

// TestOIDCProvider signs in at a certified provider, calls, refreshes, and signs out:
// the access token is taken for whom it is, and nothing else that the provider gives.
func TestOIDCProvider(t *testing.T) {
	from := issuer(t)
	server := serve(t, t.TempDir(), write(t, t.TempDir(), "portolan.yaml", fmt.Sprintf(`service: {listen: "127.0.0.1:${PORT}", admin: off}
repository: {driver: memory}
auth: [{driver: oidc, oidc: {issuer: %q, audiences: [%q], algorithms: [ES256]}}]
collections:
  things:
    id: id
    fields: {id: {type: string, max: 16}, owner: {type: string, max: 64}}
    access:
      authenticated: {read: {where: "owner eq @claims.sub"}}
      admin: {all: true}
`, from, issuedFor)))
	wants := func(method, token, body string, status int) string {
		t.Helper()
		text, _ := ask(t, method, server+"/v1/things", body, status, "Authorization", "Bearer "+token)
		return text
	}
	shop, anna := signedIn(t, from, "anna")
	_, otto := signedIn(t, from, "otto")
	wants(http.MethodPost, anna.AccessToken, `{"id":"one","owner":"otto"}`, http.StatusCreated)
	wants(http.MethodPost, anna.AccessToken, `{"id":"two","owner":"anna"}`, http.StatusCreated)
	wants(http.MethodPost, otto.AccessToken, `{"id":"three","owner":"otto"}`, http.StatusForbidden)
	var page struct {
		Value []struct{ ID string }
	}
	if err := json.Unmarshal([]byte(wants(http.MethodGet, otto.AccessToken, "", http.StatusOK)), &page); err != nil || len(page.Value) != 1 || page.Value[0].ID != "one" {
		t.Errorf("he sees %v, %v, and only one is his", page, err)
	}
	id, _ := anna.Extra("id_token").(string)
	// Neither an ID token, nor one that refreshes, nor what is cut.
	wants(http.MethodGet, id, "", http.StatusUnauthorized)
	wants(http.MethodGet, anna.RefreshToken, "", http.StatusUnauthorized)
	wants(http.MethodGet, anna.AccessToken[:len(anna.AccessToken)-2], "", http.StatusUnauthorized)

	again, err := shop.TokenSource(t.Context(), &oauth2.Token{RefreshToken: anna.RefreshToken}).Token()
	if err != nil || again.AccessToken == anna.AccessToken {
		t.Fatalf("it cannot be refreshed: %v", err)
	}
	wants(http.MethodPost, again.AccessToken, `{"id":"four","owner":"anna"}`, http.StatusCreated)
	response, err := http.PostForm(from+"/token/revocation", url.Values{"client_id": {shop.ClientID}, "client_secret": {shop.ClientSecret}, "token": {again.RefreshToken}})
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("it cannot be revoked: %v", err)
	}
	_ = response.Body.Close()
	if _, err := shop.TokenSource(t.Context(), &oauth2.Token{RefreshToken: again.RefreshToken}).Token(); err == nil {
		t.Error("what was revoked is refreshed")
	}
}
