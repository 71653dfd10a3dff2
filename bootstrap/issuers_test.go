package bootstrap

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/oauth2-proxy/mockoidc"
)

// A journal is what a server logs, which may be read while it goes on.
type journal struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (j *journal) Write(text []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(text)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}

// provider starts an OpenID Connect provider in this process.
func provider(t *testing.T) *mockoidc.MockOIDC {
	t.Helper()
	m, err := mockoidc.Run()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Shutdown(); err != nil {
			t.Error(err)
		}
	})
	return m
}

// signIn goes through the authorization code flow, and returns the access token
// and the ID token of the user.
func signIn(t *testing.T, m *mockoidc.MockOIDC) (access, id string) {
	t.Helper()
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	ask := url.Values{
		"client_id": {m.ClientID}, "response_type": {"code"}, "scope": {"openid email groups"},
		"state": {"s"}, "nonce": {"n"}, "redirect_uri": {"http://127.0.0.1/callback"},
	}
	answer, err := client.Get(m.AuthorizationEndpoint() + "?" + ask.Encode())
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	back, err := answer.Location()
	if err != nil {
		t.Fatal(err)
	}
	answer, err = client.PostForm(m.TokenEndpoint(), url.Values{
		"client_id": {m.ClientID}, "client_secret": {m.ClientSecret},
		"grant_type": {"authorization_code"}, "code": {back.Query().Get("code")},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	var tokens struct {
		AccessToken string `json:"access_token"`
		IDToken     string `json:"id_token"`
	}
	if err := json.NewDecoder(answer.Body).Decode(&tokens); err != nil || tokens.AccessToken == "" || tokens.IDToken == "" {
		t.Fatalf("the provider answers with %d, %v", answer.StatusCode, err)
	}
	return tokens.AccessToken, tokens.IDToken
}

// TestSeveralIssuers serves for tokens of its own, access tokens of one provider
// and ID tokens of another, all at once; who comes with a token of a fourth is
// nobody.
func TestSeveralIssuers(t *testing.T) {
	t.Chdir(t.TempDir())
	one, two, three := provider(t), provider(t), provider(t)
	one.QueueUser(&mockoidc.MockUser{Subject: "ann"})
	two.QueueUser(&mockoidc.MockUser{Subject: "ann", Groups: []string{"design"}})
	access, _ := signIn(t, one)
	access2, id := signIn(t, two)
	foreign, _ := signIn(t, three)
	key, err := signingKey()
	if err != nil {
		t.Fatal(err)
	}
	write(t, "portolan.yaml", fmt.Sprintf(`service: {listen: "127.0.0.1:0", admin: "127.0.0.1:0", drain_delay: 0s}
repository: {driver: memory}
auth:
  - {driver: local, local: {key: %q}}
  - {driver: oidc, oidc: {issuer: %q, audiences: [%q]}}
  - {driver: oidc, oidc: {issuer: %q, audiences: [%q], tokens: id, groups_claim: groups, group_roles: {design: editor}}}
development: {admin_key: true}
collections:
  own:
    fields: {owner: {type: string, required: true, max: 100}}
    access:
      authenticated: {read: {where: "owner eq @claims.sub"}}
      editor: {read: true, write: true}
`, key, one.Issuer(), one.ClientID, two.Issuer(), two.ClientID))
	local := strings.TrimSpace(newProgram(t).must(t, "keys", "token", "--subject", "ann", "--ttl", "1h"))

	var log journal
	ctx, interrupt := context.WithCancel(t.Context())
	r := run(t, "key", func(out io.Writer) int {
		p := &program{out: out, err: &log, env: os.LookupEnv, drivers: builtin()}
		return p.run(ctx, []string{"serve"})
	})
	t.Cleanup(func() {
		interrupt()
		if code := <-r.exited; code != exitOK {
			t.Errorf("exit code %d: %s", code, log.String())
		}
	})
	api := r.line("API") + "/own"
	tampered := access[:len(access)-8] + "AAAAAAAA"
	for _, tt := range []struct {
		name, method, token string
		status              int
		code                string
	}{
		{"a token of our own", http.MethodGet, local, 200, ""},
		{"an access token", http.MethodGet, access, 200, ""},
		{"an ID token where these are accepted", http.MethodGet, id, 200, ""},
		{"a role by a group", http.MethodPost, id, 201, ""},
		{"no role to write", http.MethodPost, access, 403, "forbidden"},
		{"an access token that nothing tells from an ID token", http.MethodGet, access2, 200, ""},
		{"a third provider's", http.MethodGet, foreign, 401, "unknown-issuer"},
		{"an altered one", http.MethodGet, tampered, 401, "token-signature"},
		{"none", http.MethodPost, "", 401, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			request, err := http.NewRequestWithContext(t.Context(), tt.method, api, strings.NewReader(`{"owner":"ann"}`))
			if err != nil {
				t.Fatal(err)
			}
			request.Header.Set("Content-Type", "application/json")
			challenge := `Bearer realm="portolan"`
			if tt.token != "" {
				request.Header.Set("Authorization", "Bearer "+tt.token)
				challenge += `, error="invalid_token"`
			}
			response, err := r.client.Do(request)
			if err != nil {
				t.Fatal(err)
			}
			defer response.Body.Close()
			var problem struct{ Code string }
			body, err := io.ReadAll(response.Body)
			if err == nil {
				err = json.Unmarshal(body, &problem)
			}
			if err != nil || response.StatusCode != tt.status || tt.code != "" && problem.Code != tt.code {
				t.Errorf("%d %s, %v, want %d %s: %s", response.StatusCode, problem.Code, err, tt.status, tt.code, body)
			}
			if got := response.Header.Get("WWW-Authenticate"); tt.status == 401 && got != challenge {
				t.Errorf("WWW-Authenticate is %q, want %q", got, challenge)
			}
			for _, part := range strings.Split(tt.token, ".") {
				if part != "" && (strings.Contains(string(body), part) || strings.Contains(log.String(), part)) {
					t.Error("the answer or the log holds a part of the token")
				}
			}
		})
	}
	for deadline := time.Now().Add(time.Minute); !strings.Contains(log.String(), "token-signature"); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("the log does not say why a token was refused:\n%s", log.String())
		}
	}
}

// TestIssuersAtTheStart: a provider that does not answer keeps nobody from
// starting, and a wrong one does, with one sentence.
func TestIssuersAtTheStart(t *testing.T) {
	t.Chdir(t.TempDir())
	m := provider(t)
	config := func(issuer, more string) {
		write(t, "portolan.yaml", fmt.Sprintf(`service: {listen: "127.0.0.1:0", admin: "127.0.0.1:0", drain_delay: 0s}
repository: {driver: memory}
auth: [{driver: oidc, oidc: {issuer: %q%s}}]
development: {admin_key: true}
collections: {own: {fields: {owner: {type: string, max: 100}}, access: {anonymous: {read: true}}}}
`, issuer, more))
	}
	for _, tt := range []struct{ issuer, more, says string }{
		{m.Issuer() + "/", ", audiences: [a]", "they must be the same, to the last slash"},
		{m.Issuer() + "/elsewhere", ", audiences: [a]", "answers with 404"},
		{m.Issuer(), "", "portolan.yaml:3: auth.oidc: audiences is missing"},
		{m.Issuer(), ", audiences: [a], algorithms: [none]", `algorithms has "none", but may have only ES256`},
		{m.Issuer(), ", audience: [a]", "there is no key audience here; did you mean audiences?"},
		{"http://login.example.com", ", audiences: [a]", "issuer must begin with https://"},
	} {
		config(tt.issuer, tt.more)
		if code, _, errs := newProgram(t).do(t, "serve"); code != exitFailed || !strings.Contains(errs, tt.says) {
			t.Errorf("exit code %d, %q, want one that says %q", code, errs, tt.says)
		}
	}
	access, _ := signIn(t, m)
	m.QueueError(&mockoidc.ServerError{Code: http.StatusServiceUnavailable, Error: "temporarily_unavailable"})
	config(m.Issuer(), fmt.Sprintf(", audiences: [%q]", m.ClientID))
	r, api, _ := serveFor(t, mustRead(t, "portolan.yaml"))
	header := http.Header{"Authorization": {"Bearer " + access}}
	for seen503 := false; ; time.Sleep(20 * time.Millisecond) { // a minute at most, until the issuer is asked again
		switch status, body := r.do(http.MethodGet, api+"/own", "", header); {
		case status == http.StatusServiceUnavailable && strings.Contains(body, "issuer-unavailable"):
			seen503 = true
		case status == http.StatusOK && seen503:
			return
		default:
			t.Fatalf("%d after an outage (503 seen: %t): %s", status, seen503, body)
		}
	}
}

func mustRead(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
