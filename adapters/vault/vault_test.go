package vault_test

import (
	"context"
	"encoding/pem"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/portolan-io/portolan/adapters/vault"
	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/ports/secrets"
)

const hidden = "hidden-value"

var db = secrets.Ref{Name: "team/db", Field: "password"}

// open opens a source over the fake, which has a secret.
func open(t *testing.T, f *fake, cfg vault.Config) *vault.Source {
	t.Helper()
	f.with(func(f *fake) { f.engines["secret"]["team/db"] = []any{map[string]any{"password": hidden}} })
	if cfg.Address == "" {
		cfg.Address = f.URL
	}
	source, err := vault.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { source.Close() })
	return source
}

func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// logins are all ways in, each with what is right.
func logins(t *testing.T) map[string]vault.Config {
	return map[string]vault.Config{
		"token":          {Access: vault.Access{Login: "token", Token: secrets.Fixed(root)}},
		"token file":     {Access: vault.Access{Login: "token", TokenFile: write(t, root+"\n")}},
		"approle":        {Access: vault.Access{Login: "approle", RoleID: "shop", SecretID: secrets.Fixed("hidden-secret-id")}},
		"approle file":   {Access: vault.Access{Login: "approle", RoleID: "shop", SecretIDFile: write(t, "hidden-secret-id\n")}},
		"kubernetes":     {Access: vault.Access{Login: "kubernetes", Role: "shop", JWTFile: write(t, "service-account.for.vault")}},
		"jwt":            {Access: vault.Access{Login: "jwt", Role: "shop", JWTFile: write(t, "workload.for.vault")}},
		"jwt, elsewhere": {Access: vault.Access{Login: "jwt", AuthMount: "kubernetes", Role: "shop", JWTFile: write(t, "service-account.for.vault")}},
	}
}

func TestLogins(t *testing.T) {
	t.Setenv("VAULT_TOKEN", "hvs.of-somebody-else")
	t.Setenv("VAULT_NAMESPACE", "elsewhere")
	for name, cfg := range logins(t) {
		t.Run(name, func(t *testing.T) {
			if got, err := open(t, newFake(t), cfg).Secret(t.Context(), db); err != nil || got != hidden {
				t.Errorf("Secret = %q, %v; want %s", got, err, hidden)
			}
		})
	}
}

// TestRefusedLogins shows credentials that Vault does not take, among them a token for
// another audience. Neither the error nor what it tells a log shows any of them.
func TestRefusedLogins(t *testing.T) {
	for name, cfg := range map[string]vault.Config{
		"token":           {Access: vault.Access{Login: "token", Token: secrets.Fixed("hidden-token")}},
		"approle":         {Access: vault.Access{Login: "approle", RoleID: "shop", SecretID: secrets.Fixed("hidden-other")}},
		"another mount":   {Access: vault.Access{Login: "approle", AuthMount: "absent", RoleID: "shop", SecretID: secrets.Fixed("hidden-secret-id")}},
		"wrong audience":  {Access: vault.Access{Login: "jwt", Role: "shop", JWTFile: write(t, "hidden.for.somebody-else")}},
		"no file":         {Access: vault.Access{Login: "jwt", Role: "shop", JWTFile: "/absent"}},
		"an empty secret": {Access: vault.Access{Login: "approle", RoleID: "shop", SecretID: secrets.Fixed("\n")}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := open(t, newFake(t), cfg).Secret(t.Context(), db)
			if kind := fault.KindOf(err); kind != fault.Unavailable && kind != fault.Invalid || fault.Of(err).Detail == "" {
				t.Errorf("Secret = %v, want a %s", err, fault.Unavailable)
			}
			if text := everything(err); strings.Contains(text, "hidden") {
				t.Errorf("the error shows a credential: %s", text)
			}
		})
	}
}

// everything returns what an error and its causes say.
func everything(err error) string {
	var text strings.Builder
	for ; err != nil; err = errors.Unwrap(err) {
		text.WriteString(err.Error() + " " + fault.Of(err).Detail + " " + fault.Of(err).Hint + "\n")
	}
	return text.String()
}

// TestTokenEnds has Vault end every token in mid-flight, under many who ask: each login
// but that of a token that was given comes back by itself, once.
func TestTokenEnds(t *testing.T) {
	for name, cfg := range logins(t) {
		if cfg.Login == "token" {
			continue
		}
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			var time clock
			cfg.Now = time.now
			source := open(t, f, cfg)
			for round := range 3 {
				var group sync.WaitGroup
				for range 20 {
					group.Go(func() {
						if got, err := source.Secret(t.Context(), db); err != nil || got != hidden {
							t.Errorf("Secret = %q, %v; want %s", got, err, hidden)
						}
					})
				}
				group.Wait()
				if made := f.count("made"); made != round+1 {
					t.Errorf("after %d tokens ended there were %d logins", round, made)
				}
				f.revoke()
				time.pass(nil, secrets.Fresh)
			}
		})
	}
}

// TestTokenFileChanges has a token end that somebody else renews in its file.
func TestTokenFileChanges(t *testing.T) {
	f := newFake(t)
	f.with(func(f *fake) { f.tokens["hvs.first"] = &token{}; f.tokens["hvs.second"] = &token{} })
	path := write(t, "hvs.first")
	var time clock
	source := open(t, f, vault.Config{Access: vault.Access{Login: "token", TokenFile: path}, Now: time.now})
	for _, next := range []string{"hvs.second", ""} {
		if got, err := source.Secret(t.Context(), db); err != nil || got != hidden {
			t.Fatalf("Secret = %q, %v; want %s", got, err, hidden)
		}
		if err := os.WriteFile(path, []byte(next), 0o600); err != nil {
			t.Fatal(err)
		}
		f.with(func(f *fake) { delete(f.tokens, "hvs.first") })
		time.pass(nil, secrets.Fresh)
	}
}

// TestRenewal gives tokens a second to live: they are renewed before that, and one that
// may not be is had anew.
func TestRenewal(t *testing.T) {
	for _, renewable := range []bool{true, false} {
		f := newFake(t)
		f.with(func(f *fake) { f.tokens["hvs.short"] = &token{lease: 1, renewable: renewable} })
		source := open(t, f, vault.Config{Access: vault.Access{Login: "token", Token: secrets.Fixed("hvs.short")}})
		if _, err := source.Secret(t.Context(), db); err != nil {
			t.Fatal(err)
		}
		path, before := "auth/token/renew-self", 0
		if !renewable {
			path, before = "auth/token/lookup-self", 1
		}
		for f.count(path) < before+2 {
			if t.Context().Err() != nil {
				t.Fatal(t.Context().Err())
			}
			time.Sleep(20 * time.Millisecond)
		}
	}
}

// TestAilments has Vault answer what it answers when it cannot, and what stands before it.
func TestAilments(t *testing.T) {
	for _, tt := range []struct {
		name   string
		status int
		header http.Header
		body   string
		code   string
		asked  int
	}{
		{"sealed", 503, nil, `{"errors":["Vault is sealed"]}`, "sealed", 3},
		{"throttled", 429, http.Header{"Retry-After": {"60"}}, `{"errors":["request path: rate limit quota exceeded"]}`, "throttled", 1},
		{"throttled until a date", 429, http.Header{"Retry-After": {"Thu, 01 Jan 1970 00:00:20 GMT"}}, `{}`, "throttled", 1},
		{"failing", 500, nil, `{"errors":["internal error ` + hidden + `"]}`, "failed", 3},
		{"a proxy", 502, nil, `<html>` + hidden, "failed", 3},
		{"standby", 473, nil, `{}`, "standby", 3},
		{"no JSON", 200, nil, hidden, "unreachable", 3},
		{"JSON of another kind", 200, nil, `{"lease_duration":"` + hidden + `"}`, "unreachable", 3},
		{"away", 307, http.Header{"Location": {"ftp://127.0.0.1/"}}, ``, "unreachable", 3},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel() // each waits between its attempts
			f := newFake(t)
			f.with(func(f *fake) { f.tokens["hvs.known"] = &token{} })
			told := make(chan error, 10)
			var time clock
			source := open(t, f, vault.Config{Access: vault.Access{Login: "token", Token: secrets.Fixed("hvs.known")}, Now: time.now, Failed: func(err error) { told <- err }})
			if _, err := source.Secret(t.Context(), db); err != nil {
				t.Fatal(err)
			}
			f.with(func(f *fake) { f.status, f.header, f.body = tt.status, tt.header, tt.body })
			time.pass(nil, secrets.Fresh)
			before := f.count("secret/data/team/db")
			if got, err := source.Secret(t.Context(), db); err != nil || got != hidden {
				t.Errorf("while Vault ails Secret = %q, %v; want what it was", got, err)
			}
			if asked := f.count("secret/data/team/db") - before; asked != tt.asked {
				t.Errorf("it was asked %d times, want %d", asked, tt.asked)
			}
			err := <-told
			if fault.KindOf(err) != fault.Unavailable || fault.Of(err).Code != tt.code || fault.Of(err).Hint == "" {
				t.Errorf("the log is told %v (%s), want %s with a hint", err, fault.Of(err).Code, tt.code)
			}
			if text := everything(err); strings.Contains(text, hidden) || strings.Contains(text, "hvs.") {
				t.Errorf("the log is told a secret: %s", text)
			}
		})
	}
}

// TestRetryAfterIsWaitedFor has Vault refuse once, and say when to ask again.
func TestRetryAfterIsWaitedFor(t *testing.T) {
	f := newFake(t)
	source := open(t, f, vault.Config{Access: vault.Access{Login: "approle", RoleID: "shop", SecretID: secrets.Fixed("hidden-secret-id")}})
	f.with(func(f *fake) { f.status, f.header, f.body = 429, http.Header{"Retry-After": {"1"}}, `{}` })
	got := make(chan error, 1)
	go func() {
		_, err := source.Secret(t.Context(), db)
		got <- err
	}()
	for f.count("auth/approle/login") == 0 {
		time.Sleep(time.Millisecond)
	}
	f.with(func(f *fake) { f.status = 0 })
	if err := <-got; err != nil || f.count("auth/approle/login") != 2 {
		t.Errorf("Secret: %v after %d logins, want it after 2", err, f.count("auth/approle/login"))
	}
}

// TestWhoLeaves cancels while Vault takes its time, and closes then.
func TestWhoLeaves(t *testing.T) {
	f := newFake(t)
	source := open(t, f, vault.Config{Access: vault.Access{Login: "token", Token: secrets.Fixed(root)}})
	f.with(func(f *fake) { f.waiting = make(chan struct{}) })
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(20*time.Millisecond, cancel)
	if got, err := source.Secret(ctx, db); err != context.Canceled || got != "" { //nolint:errorlint // as it is, not wrapped
		t.Errorf("Secret = %q, %v; want %v as it is", got, err, context.Canceled)
	}
	if err := source.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
}

// TestNamespaceAndAuthority asks over TLS, by a certificate that nobody else trusts.
func TestNamespaceAndAuthority(t *testing.T) {
	f := newFake(t)
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if got := r.Header.Get("X-Vault-Namespace"); got != "shop/eu" {
			t.Errorf("the namespace is %q, want shop/eu", got)
		}
		f.ServeHTTP(w, r)
	}))
	defer server.Close()
	ca := write(t, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})))
	cfg := vault.Config{Access: vault.Access{Address: server.URL, Namespace: "shop/eu", Login: "token", Token: secrets.Fixed(root), CAFile: ca}}
	if got, err := open(t, f, cfg).Secret(t.Context(), db); err != nil || got != hidden {
		t.Errorf("Secret = %q, %v; want %s", got, err, hidden)
	}
	t.Setenv("VAULT_SKIP_VERIFY", "true")
	cfg.CAFile = ""
	if got, err := open(t, f, cfg).Secret(t.Context(), db); !errors.Is(err, fault.Unavailable) {
		t.Errorf("by a certificate of nobody Secret = %q, %v; want a %s", got, err, fault.Unavailable)
	}
}

// TestValues reads what only Vault keeps so: fields that are no texts, a secret without
// the field of references that name none, and a version that was deleted.
func TestValues(t *testing.T) {
	f := newFake(t)
	source := open(t, f, vault.Config{Access: vault.Access{Login: "token", Token: secrets.Fixed(root)}, Field: "pem"})
	f.with(func(f *fake) {
		f.engines["secret"]["tls"] = []any{nil, map[string]any{"pem": "-----BEGIN\nKEY\n", "port": 12345678901234567890.0, "list": []any{1.0}}}
	})
	for _, tt := range []struct {
		ref  string
		want string
		kind fault.Kind
	}{
		{"tls", "-----BEGIN\nKEY", ""},
		{"tls#pem@2", "-----BEGIN\nKEY", ""},
		{"tls#list", "[1]", ""},
		{"tls@1", "", fault.NotFound},
		{"tls@3", "", fault.NotFound},
		{"team/db", "", fault.NotFound},
		{"team/db#password", hidden, ""},
		{"team", "", fault.NotFound},
	} {
		ref, ok := secrets.ParseRef(tt.ref)
		if got, err := source.Secret(t.Context(), ref); !ok || got != tt.want || fault.KindOf(err) != tt.kind {
			t.Errorf("Secret(%s) = %q, %v; want %q, %q", tt.ref, got, err, tt.want, tt.kind)
		}
	}
}

func TestOpenRefusals(t *testing.T) {
	token := secrets.Fixed(root)
	const https = "https://vault.example.com:8200"
	for name, cfg := range map[string]vault.Config{
		"no address":          {Access: vault.Access{Login: "token", Token: token}},
		"no URL":              {Access: vault.Access{Address: "vault.example.com:8200", Login: "token", Token: token}},
		"in the clear":        {Access: vault.Access{Address: "http://vault.example.com:8200", Login: "token", Token: token}},
		"a path":              {Access: vault.Access{Address: https + "/v1/secret", Login: "token", Token: token}},
		"a password":          {Access: vault.Access{Address: "https://me:it@vault.example.com", Login: "token", Token: token}},
		"no login":            {Access: vault.Access{Address: https, Token: token}},
		"another login":       {Access: vault.Access{Address: https, Login: "ldap", Token: token}},
		"no token":            {Access: vault.Access{Address: https, Login: "token"}},
		"two tokens":          {Access: vault.Access{Address: https, Login: "token", Token: token, TokenFile: "/token"}},
		"no role":             {Access: vault.Access{Address: https, Login: "kubernetes"}},
		"no secret id":        {Access: vault.Access{Address: https, Login: "approle", RoleID: "shop"}},
		"two secret ids":      {Access: vault.Access{Address: https, Login: "approle", RoleID: "shop", SecretID: token, SecretIDFile: "/id"}},
		"a mount that climbs": {Access: vault.Access{Address: https, Login: "token", Token: token}, Mount: "../sys"},
		"an auth mount":       {Access: vault.Access{Address: https, Login: "jwt", Role: "shop", AuthMount: "a/../b"}},
		"no authority":        {Access: vault.Access{Address: https, Login: "token", Token: token, CAFile: "/absent"}},
		"an odd authority":    {Access: vault.Access{Address: https, Login: "token", Token: token, CAFile: write(t, "no certificate")}},
	} {
		t.Run(name, func(t *testing.T) {
			if source, err := vault.Open(t.Context(), cfg); !errors.Is(err, fault.Invalid) {
				t.Errorf("Open = %v, %v; want a %s", source, err, fault.Invalid)
			}
		})
	}
}
