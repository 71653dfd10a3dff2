package bootstrap

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/portolan-io/portolan/ports/mail"
)

// TestBrokenAccounts shows what is refused of accounts, and where.
func TestBrokenAccounts(t *testing.T) {
	const pepper = `service: {key_pepper: "q7Vw2mKx9Tn4Rb8Yc6Ld3Hf5Js1Gz0Pa", listen`
	for _, tt := range []struct{ name, service, new, want string }{
		{"nobody issues", pepper, "accounts: {}",
			"c.yaml:2: accounts: accounts need an authenticator that makes tokens and keeps passwords; add {driver: local} to auth"},
		{"no pepper", "service: {listen", "auth: [{driver: local}]\naccounts: {}",
			"c.yaml:3: accounts: accounts need service.key_pepper, which keys what logins are kept as"},
		{"many keys", strings.Replace(pepper, "{", "{instances: many, ", 1), "auth: [{driver: local}]\naccounts: {}",
			"c.yaml:3: accounts: many instances must sign with one key; give the driver local one, as in key: secret://signing-key"},
		{"an unknown sign-up", pepper, "auth: [{driver: local}]\naccounts: {signup: opn}",
			"c.yaml:3: accounts.signup: \"opn\" is not allowed; did you mean open? The allowed values are off and open"},
		{"no time at all", pepper, "auth: [{driver: local}]\naccounts: {session: {idle: 1s}}",
			"c.yaml:3: accounts.session.idle: it is 1s, but must be between 10s and 720h0m0s"},
		{"idle for longer than it lasts", pepper, "auth: [{driver: local}]\naccounts: {session: {idle: 48h, absolute: 24h}, token: {refresh: 1h}}",
			"c.yaml:3: accounts.session.idle: it is 48h0m0s, but must be between 10s and 24h0m0s"},
		{"nobody to mail", pepper, "auth: [{driver: local}]\naccounts: {verify: true}",
			"c.yaml:3: accounts.verify: nobody sends the codes; write mail: {driver: smtp, …}, or log on a laptop"},
		{"nothing to mail", pepper, "mail: {driver: log}", "c.yaml:2: mail: there is nothing to send; write accounts, or leave this out"},
		{"no page", pepper, "auth: [{driver: local}]\naccounts: {page: app.example.com}",
			"c.yaml:3: accounts.page: \"app.example.com\" is no address of a page; write one like https://app.example.com/code, without a #"},
		{"long access", pepper, "auth: [{driver: local}]\naccounts: {token: {access: 25h}}",
			"c.yaml:3: accounts.token.access: it is 25h0m0s, but must be between 10s and 24h0m0s"},
		{"providers without an address", pepper, "auth: [{driver: local}]\naccounts: {oauth: {google: {issuer: https://accounts.google.com, client_id: a}}}",
			"c.yaml:1: service.public_url: accounts.oauth needs it: providers send browsers back to an address that they know; write one like https://api.example.com"},
		{"an address with a path", strings.Replace(pepper, "{", "{public_url: 'https://api.example.com/', ", 1), "auth: [{driver: local}]\naccounts: {}",
			"c.yaml:1: service.public_url: it is like https://api.example.com, without a path and a slash at the end"},
		{"a plain address", strings.Replace(pepper, "{", "{public_url: 'http://127.0.0.1.evil.example', ", 1), "auth: [{driver: local}]\naccounts: {}",
			"c.yaml:1: service.public_url: it begins with https:// (http:// is for 127.0.0.1, ::1 and localhost)"},
		{"a provider that is no part of a path", strings.Replace(pepper, "{", "{public_url: 'https://api.example.com', ", 1), "auth: [{driver: local}]\naccounts: {oauth: {\"a/b\": {issuer: https://accounts.google.com, client_id: a}}}",
			"c.yaml:3: accounts.oauth.a/b: a provider is called by a small letter and up to 31 more, digits and dashes, because its name is in paths"},
		{"a provider without an issuer", strings.Replace(pepper, "{", "{public_url: 'https://api.example.com', ", 1), "auth: [{driver: local}]\naccounts: {oauth: {google: {client_id: a}}}",
			"c.yaml:3: accounts.oauth.google: issuer is missing"},
		{"a provider that is not there", pepper, "auth: [{driver: local}]\naccounts: {provider: firebase}",
			"c.yaml:3: accounts.provider: no driver firebase of auth keeps accounts; add one, as in {driver: firebase}"},
		{"a provider that keeps none", pepper, "auth: [{driver: local}]\naccounts: {provider: oidc}",
			"c.yaml:3: accounts.provider: no driver oidc of auth keeps accounts; add one, as in {driver: firebase}"},
		{"logins that do not end", "service: {listen", "auth: [{driver: firebase, firebase: {project: shop-4f2a1}}]\naccounts: {provider: firebase}",
			"c.yaml:3: accounts.provider: accounts at Firebase need check_revoked: true under firebase, without which nobody could log out"},
		{"verification at Firebase", "service: {listen", "auth: [{driver: firebase, firebase: {project: demo-shop, check_revoked: true, emulator: '127.0.0.1:9099'}}]\naccounts: {provider: firebase, verify: true}",
			"c.yaml:3: accounts.verify: at Firebase nobody has to verify an address before the first login; leave verify out, and let policies ask for @claims.email_verified"},
		{"providers beside Firebase", "service: {listen", "auth: [{driver: firebase, firebase: {project: demo-shop, check_revoked: true, emulator: '127.0.0.1:9099'}}]\naccounts: {provider: firebase, oauth: {google: {issuer: https://accounts.google.com, client_id: a}}}",
			"c.yaml:3: accounts.oauth: who signs in at a provider of oauth has an account here, and accounts are at Firebase; turn the provider on there, and leave oauth out"},
		{"no key", "service: {listen", "auth: [{driver: firebase, firebase: {project: shop-4f2a1, check_revoked: true}}]\naccounts: {provider: firebase}",
			"c.yaml:3: accounts.provider: accounts at Firebase need api_key under firebase, which is the Web API Key of the project"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := check(t, strings.Replace(strings.Replace(right, "repository:", tt.new+"\nrepository:", 1), "service: {listen", tt.service, 1))
			if err == nil {
				t.Fatal("nothing was said")
			}
			if diff := cmp.Diff(tt.want, err.Error()); diff != "" {
				t.Errorf("mistakes (-want +got):\n%s", diff)
			}
		})
	}
	sound := strings.Replace(right, "repository:", "limit: {driver: memory}\nmail: {driver: log}\nauth: [{driver: local}]\naccounts: {verify: true, page: \"https://app.example.com/code\"}\nrepository:", 1)
	if err := check(t, strings.Replace(sound, "service: {listen", pepper, 1)); err != nil {
		t.Errorf("accounts that are right, and a limiter for them: %v", err)
	}
}

// accountsConfig has accounts over a database, and a cache.
func accountsConfig() string {
	return strings.Replace(cachedConfig(`secrets: {driver: env}
repository: {driver: sqlite, sqlite: {path: things.db}}
cache: {driver: memory}
auth: [{driver: local}]
accounts: {signup: open}`), "service: {", `service: {key_pepper: "secret://PEPPER", `, 1)
}

// TestUsersBesideAServer: the first administrator is made with the command line and a
// code, and what the operator changes counts for the next request, also with a server
// that caches.
func TestUsersBesideAServer(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	t.Chdir(t.TempDir())
	t.Setenv("PEPPER", "q7Vw2mKx9Tn4Rb8Yc6Ld3Hf5Js1Gz0Pa")
	t.Run("serve", func(t *testing.T) {
		r, api, _ := serveFor(t, strings.Replace(accountsConfig(), "{anonymous: {all: true}}", "{clerk: {all: true}}", 1))
		c := newProgram(t)
		post := func(path, body, token string) (int, string) {
			header := http.Header{"Content-Type": {"application/json"}}
			if token != "" {
				header.Set("Authorization", "Bearer "+token)
			}
			return r.do(http.MethodPost, api+"/auth/"+path, body, header)
		}
		code := strings.TrimSpace(c.must(t, "users", "create", "Ann@example.com", "--role", "clerk"))
		if status, body := post("password", `{"code":"`+code+`","new_password":"a cup of dark tea"}`, ""); status != http.StatusNoContent {
			t.Fatalf("the code is answered with %d %s", status, body)
		}
		logIn := func() string {
			t.Helper()
			var answer struct {
				Token string `json:"access_token"`
			}
			status, body := post("login", `{"email":"ann@example.com","password":"a cup of dark tea"}`, "")
			if err := json.Unmarshal([]byte(body), &answer); err != nil || status != http.StatusOK {
				t.Fatalf("the login is %d %s", status, body)
			}
			return answer.Token
		}
		wants := func(when, token string, want int) {
			t.Helper()
			for range 2 {
				if status, body := r.do(http.MethodGet, api+"/things", "", http.Header{"Authorization": {"Bearer " + token}}); status != want {
					t.Errorf("%s: the answer is %d %s, want %d", when, status, body, want)
				}
			}
		}
		token := logIn()
		wants("a clerk", token, http.StatusOK)
		c.must(t, "users", "roles", "ann@example.com", "--role", "")
		wants("no clerk any more", token, http.StatusForbidden)
		c.must(t, "users", "roles", "ann@example.com", "--role", "clerk")
		wants("a clerk again", token, http.StatusOK)
		c.must(t, "users", "disable", "ann@example.com")
		wants("disabled", token, http.StatusUnauthorized)
		if status, _ := post("login", `{"email":"ann@example.com","password":"a cup of dark tea"}`, ""); status != http.StatusForbidden {
			t.Errorf("a disabled account logs in with %d", status)
		}
		c.must(t, "users", "enable", "ann@example.com")
		wants("a login from before", token, http.StatusUnauthorized)
		token = logIn()
		if list := c.must(t, "users", "list"); !strings.Contains(list, "ann@example.com  clerk  active") {
			t.Errorf("users list says\n%s", list)
		}
		if status, keys := r.do(http.MethodGet, api+"/auth/jwks", "", nil); status != http.StatusOK || !strings.Contains(keys, `"use":"sig"`) {
			t.Errorf("the keys are %d %s", status, keys)
		}
		again := c.must(t, "users", "code", "ann@example.com", "--json")
		if !strings.Contains(again, `"code": "ptc_`) {
			t.Errorf("users code says %s", again)
		}
		c.must(t, "users", "delete", "ann@example.com")
		wants("deleted", token, http.StatusUnauthorized)
		if status, _ := post("signup", `{"email":"ann@example.com","password":"a cup of dark tea"}`, ""); status != http.StatusCreated {
			t.Errorf("the address cannot be used again: %d", status)
		}
	})
}

// TestAccountsInTheDocument: portolan openapi knows of accounts where there are some.
func TestAccountsInTheDocument(t *testing.T) {
	t.Chdir(t.TempDir())
	t.Setenv("PEPPER", "q7Vw2mKx9Tn4Rb8Yc6Ld3Hf5Js1Gz0Pa")
	for config, want := range map[string]bool{accountsConfig(): true, cachedConfig("repository: {driver: memory}"): false} {
		write(t, "portolan.yaml", config)
		document := newProgram(t).must(t, "openapi")
		for _, path := range []string{`"/v1/auth/login"`, `"/v1/auth/jwks"`, `"__Host-portolan"`} {
			if strings.Contains(document, path) != want {
				t.Errorf("the document has %s: %t, want %t", path, !want, want)
			}
		}
	}
}

// TestUsersWithoutAccounts says what is missing.
func TestUsersWithoutAccounts(t *testing.T) {
	t.Chdir(t.TempDir())
	t.Setenv("PEPPER", "q7Vw2mKx9Tn4Rb8Yc6Ld3Hf5Js1Gz0Pa")
	for _, tt := range []struct {
		config string
		args   []string
		want   string
	}{
		{cachedConfig("repository: {driver: memory}"), []string{"users", "list"}, "this configuration has no accounts"},
		{strings.Replace(accountsConfig(), "sqlite, sqlite: {path: things.db}", "memory", 1), []string{"users", "create", "a@b.c", "--role", "x"}, "an account needs a repository that outlives the command"},
		{accountsConfig(), []string{"users", "disable", "nobody@example.com"}, "there is no account with this e-mail address"},
		{accountsConfig(), []string{"users", "create", "nobody"}, "this is no e-mail address"},
		{accountsConfig(), []string{"users", "create", "a@b.c", "--role", "anonymous"}, "the role anonymous is implied"},
	} {
		write(t, "portolan.yaml", tt.config)
		if code, _, errs := newProgram(t).do(t, tt.args...); code != exitFailed || !strings.Contains(errs, tt.want) {
			t.Errorf("%v: exit code %d\n%s, want %s", tt.args, code, errs, tt.want)
		}
	}
}

// A box is a driver of mail that keeps what it is given.
type box chan mail.Message

func (b box) Send(_ context.Context, message mail.Message) error { b <- message; return nil }

func (b box) Close() error { return nil }

// TestMailOfAccounts: the driver that a configuration names is given the codes, with a
// link to the page.
func TestMailOfAccounts(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	t.Chdir(t.TempDir())
	t.Setenv("PEPPER", "q7Vw2mKx9Tn4Rb8Yc6Ld3Hf5Js1Gz0Pa")
	t.Run("serve", func(t *testing.T) {
		sent := make(box, 1)
		config := strings.Replace(accountsConfig(), "accounts: {signup: open}",
			"accounts: {signup: open, verify: true, page: \"https://app.example.com/code\"}\nmail: {driver: box}", 1)
		r, api, _ := serveFor(t, config, Mail("box", func(context.Context, struct{}) (box, error) { return sent, nil }))
		post := func(path, body string) int {
			status, _ := r.do(http.MethodPost, api+"/auth/"+path, body, http.Header{"Content-Type": {"application/json"}})
			return status
		}
		const ann = `{"email":"ann@example.com","password":"a cup of dark tea"}`
		if status := post("signup", ann); status != http.StatusAccepted {
			t.Fatalf("the sign-up is answered with %d", status)
		}
		_, code, linked := strings.Cut((<-sent).Text, "https://app.example.com/code#code=")
		code, _, _ = strings.Cut(code, "\n")
		if !linked {
			t.Error("the mail has no link")
		}
		if status := post("login", ann); status != http.StatusForbidden {
			t.Errorf("an address that is not verified logs in with %d", status)
		}
		if status := post("verify", `{"code":"`+code+`","password":"a cup of dark tea"}`); status != http.StatusNoContent {
			t.Errorf("the code is answered with %d", status)
		}
		if status := post("login", ann); status != http.StatusOK {
			t.Errorf("a verified address logs in with %d", status)
		}
	})
}

// TestEmulatorIsNotReached: with an emulator, whose tokens nobody signs, the server is
// for this machine alone.
func TestEmulatorIsNotReached(t *testing.T) {
	t.Chdir(t.TempDir())
	for name, service := range map[string]string{
		"all addresses":  `{listen: ":0", admin: off}`,
		"behind a proxy": `{listen: "127.0.0.1:0", admin: off, trusted_proxies: ["127.0.0.1/32"]}`,
	} {
		write(t, "portolan.yaml", "service: "+service+`
repository: {driver: memory}
auth: [{driver: firebase, firebase: {project: demo-shop, emulator: "127.0.0.1:9099"}}]
collections:
  things: {fields: {name: {type: string}}, access: {authenticated: {all: true}}}
`)
		var says strings.Builder
		p := &program{out: io.Discard, err: &says, env: os.LookupEnv, drivers: builtin()}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		if code := p.run(ctx, []string{"serve"}); code != exitFailed || !strings.Contains(says.String(), "signed by nobody") {
			t.Errorf("%s: exit code %d, want %d and why: %s", name, code, exitFailed, says.String())
		}
	}
}

// TestEmulatorIsLoud: that whatever tokens say is believed is said at the start.
func TestEmulatorIsLoud(t *testing.T) {
	var said strings.Builder
	s := &settings{}
	s.Service.Listen = "127.0.0.1:8080"
	for unsigned, want := range map[bool]bool{false: false, true: true} {
		said.Reset()
		err := (&served{settings: s, unsigned: unsigned}).checkUnsigned(slog.New(slog.NewTextHandler(&said, nil)))
		if got := strings.Contains(said.String(), "level=WARN"); err != nil || got != want {
			t.Errorf("unsigned %t: %v, and said %q", unsigned, err, said.String())
		}
	}
}
