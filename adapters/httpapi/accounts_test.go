package httpapi

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/portolan-io/portolan/adapters/local"
	"github.com/portolan-io/portolan/adapters/memory"
	"github.com/portolan-io/portolan/core"
	"github.com/portolan-io/portolan/core/policy"
	"github.com/portolan-io/portolan/ports/auth"
	"github.com/portolan-io/portolan/ports/mail"
	"github.com/portolan-io/portolan/ports/secrets"
)

const (
	ann      = "ann@example.com"
	secret   = "correct horse battery staple"
	right    = `{"email":"ann@example.com","password":"correct horse battery staple"}`
	byCookie = `{"email":"ann@example.com","password":"correct horse battery staple","session":"cookie"}`
)

// newAccounts returns a fixture in which ann has an account with the role admin.
func newAccounts(t testing.TB, change func(*Config), more ...func(*core.AccountsConfig)) (fixture, *core.Accounts) {
	t.Helper()
	store, err := memory.Open(t.Context(), memory.Config{})
	if err != nil {
		t.Fatal(err)
	}
	config := core.Config{Store: store, Collections: collections(t), Pepper: secrets.Fixed("pepper")}
	api, err := core.New(config)
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Ensure(t.Context(), api.Schemas()); err != nil {
		t.Fatal(err)
	}
	issuer, err := local.Open(t.Context(), local.Config{})
	if err != nil {
		t.Fatal(err)
	}
	limiter, err := memory.OpenLimiter(t.Context(), memory.LimiterConfig{})
	if err != nil {
		t.Fatal(err)
	}
	made := core.AccountsConfig{
		API: api, Identity: core.NewIdentity(config, []auth.Authenticator{issuer}), Issuer: issuer, Hasher: issuer, Limiter: limiter, SignUp: true,
	}
	for _, each := range more {
		each(&made)
	}
	accounts, err := core.NewAccounts(t.Context(), made)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = accounts.Close() })
	f := fixture{log: &lockedBuffer{}}
	cfg := Config{
		API: api, Identify: accounts.Identify, Accounts: accounts, KeySet: issuer.KeySet, Base: "/v1", Docs: DocsPublic,
		TrustedProxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")},
		Log:            slog.New(slog.NewJSONHandler(f.log, nil)), LogKey: []byte("pseudonyms"),
	}
	if change != nil {
		change(&cfg)
	}
	if f.Handler, err = New(cfg); err != nil {
		t.Fatal(err)
	}
	seed(t, api)
	operator := policy.Principal{Issuer: "cli", Subject: "op", Local: true}
	_, code, err := accounts.CreateUser(t.Context(), operator, ann, []string{"admin"})
	if err != nil {
		t.Fatal(err)
	}
	if err := accounts.SetPassword(t.Context(), operator, code, secret); err != nil {
		t.Fatal(err)
	}
	return f, accounts
}

// ask sends a request over TLS, unless plain is the first of the header's pairs, whose
// value is then the address that it comes from.
func (f fixture) ask(t testing.TB, method, target, body string, header ...string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, target, strings.NewReader(body))
	r.TLS = &tls.ConnectionState{}
	for i := 0; i < len(header); i += 2 {
		if header[i] == "plain" {
			r.TLS, r.RemoteAddr = nil, header[i+1]
			continue
		}
		r.Header.Add(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	f.ServeHTTP(w, r)
	return w
}

var asJSON = []string{"Content-Type", typeJSON}

func with(header ...string) []string { return append(header, asJSON...) }

func wantAnswer(t testing.TB, what string, w *httptest.ResponseRecorder, status int, code string) {
	t.Helper()
	var p problem
	_ = json.Unmarshal(w.Body.Bytes(), &p)
	if w.Code != status || p.Code != code && code != "" {
		t.Errorf("%s: the answer is %d %s, want %d %s: %s", what, w.Code, p.Code, status, code, w.Body)
	}
}

func tokens(t testing.TB, w *httptest.ResponseRecorder) tokenBody {
	t.Helper()
	var body tokenBody
	if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil || w.Code != http.StatusOK || body.Access == "" {
		t.Fatalf("the answer is %d %s, want tokens", w.Code, w.Body)
	}
	return body
}

// TestAccounts goes all the way with tokens.
func TestAccounts(t *testing.T) {
	f, _ := newAccounts(t, nil)
	bob := `{"email":"bob@example.com","password":"a cup of dark tea"}`
	wantAnswer(t, "sign up", f.ask(t, "POST", "/v1/auth/signup", bob, asJSON...), 201, "")
	wantAnswer(t, "sign up again", f.ask(t, "POST", "/v1/auth/signup", bob, asJSON...), 409, "account-exists")
	w := f.ask(t, "POST", "/v1/auth/login", bob, asJSON...)
	first := tokens(t, w)
	if first.Type != "Bearer" || first.Expires != 900 || first.Refresh == "" || w.Header().Get("Cache-Control") != noStore || len(w.Result().Cookies()) != 0 {
		t.Errorf("the login is %+v with %v", first, w.Header())
	}
	me := f.ask(t, "GET", "/v1/auth/me", "", "Authorization", "Bearer "+first.Access)
	if me.Code != 200 || !strings.Contains(me.Body.String(), `"email":"bob@example.com","email_verified":false,"roles":[]`) {
		t.Errorf("me is %d %s", me.Code, me.Body)
	}
	note := `{"owner":"nobody","text":"x"}`
	wantAnswer(t, "write what is another's", f.ask(t, "POST", "/v1/notes", note, with("Authorization", "Bearer "+first.Access)...), 403, "")
	second := tokens(t, f.ask(t, "POST", "/v1/auth/refresh", `{"refresh_token":"`+first.Refresh+`"}`, asJSON...))
	third := tokens(t, f.ask(t, "POST", "/v1/auth/password", `{"current_password":"a cup of dark tea","new_password":"a cup of green tea"}`, with("Authorization", "Bearer "+second.Access)...))
	wantAnswer(t, "the login before", f.ask(t, "GET", "/v1/auth/me", "", "Authorization", "Bearer "+second.Access), 401, "login-ended")
	wantAnswer(t, "log out", f.ask(t, "POST", "/v1/auth/logout", "", "Authorization", "Bearer "+third.Access), 204, "")
	wantAnswer(t, "logged out", f.ask(t, "GET", "/v1/auth/me", "", "Authorization", "Bearer "+third.Access), 401, "login-ended")
	wantAnswer(t, "refresh when logged out", f.ask(t, "POST", "/v1/auth/refresh", `{"refresh_token":"`+third.Refresh+`"}`, asJSON...), 401, "bad-refresh-token")
	fourth := tokens(t, f.ask(t, "POST", "/v1/auth/login", strings.Replace(bob, "dark", "green", 1), asJSON...))
	wantAnswer(t, "log out everywhere", f.ask(t, "POST", "/v1/auth/logout", `{"all":true}`, with("Authorization", "Bearer "+fourth.Access)...), 204, "")
	wantAnswer(t, "logged out everywhere", f.ask(t, "GET", "/v1/auth/me", "", "Authorization", "Bearer "+fourth.Access), 401, "login-ended")
	if !regexp.MustCompile(`"route":"/v1/auth/login","status":200[^\n]*"principal":"[0-9a-f]{16}"`).MatchString(f.log.String()) {
		t.Errorf("the log does not tell who logged in:\n%s", f.log)
	}
	for _, each := range []string{secret, "dark tea", "green tea", first.Access, first.Refresh, "bob@"} {
		if strings.Contains(f.log.String(), each) {
			t.Errorf("the log holds %s", each)
		}
	}
}

// TestAccountBodies: what cannot be understood is told, and not in the words of who
// sent it.
func TestAccountBodies(t *testing.T) {
	f, _ := newAccounts(t, nil)
	for _, tt := range []struct {
		path, body string
		status     int
		code       string
	}{
		{"login", `{"email":"ann@example.com"}`, 400, "missing-member"},
		{"login", `{"email":"ann@example.com","password":"x","password":"y"}`, 400, ""},
		{"login", `{"email":"ann@example.com","password":"x","remember":true}`, 400, "unknown-member"},
		{"login", `{"email":"ann@example.com","password":7}`, 400, "wrong-type"},
		{"login", `{"email":"ann@example.com","password":""}`, 400, "empty-option"},
		{"login", `{"email":"ann@example.com","password":"x","session":"jar"}`, 400, "wrong-value"},
		{"login", `["ann@example.com"]`, 400, "wrong-type"},
		{"login", `{"email":"ann@example.com","password":"x"} {}`, 400, ""},
		{"login", ``, 400, "no-body"},
		{"login", `{"email":"ann@example.com","password":"wrong"}`, 401, "wrong-password"},
		{"login", `{"email":"no address","password":"wrong"}`, 401, "wrong-password"},
		{"signup", `{"email":"no address","password":"a cup of dark tea"}`, 400, "bad-email"},
		{"signup", `{"email":"bob@example.com","password":"superman"}`, 400, "frequent-password"},
		{"refresh", `{"refresh_token":"x"}`, 401, "bad-refresh-token"},
		{"password", `{"new_password":"a cup of dark tea"}`, 400, "missing-member"},
		{"password", `{"new_password":"a cup of dark tea","code":"x","current_password":"y"}`, 400, "missing-member"},
		{"password", `{"new_password":"a cup of dark tea","code":"x"}`, 401, "bad-code"},
		{"password", `{"new_password":"a cup of dark tea","current_password":"y"}`, 401, ""},
		{"password", `{"new_password":"a cup of dark tea","email":"ann@example.com"}`, 400, "missing-member"},
		{"password", `{"email":"ann@example.com"}`, 422, "no-mail"},
		{"verify", `{"code":"x"}`, 400, "missing-member"},
		{"verify", `{"code":"x","password":"y"}`, 401, "bad-code"},
		{"verify", `{}`, 400, "missing-member"},
		{"logout", `{"all":"yes"}`, 400, "wrong-type"},
		{"logout", `{"all":true}`, 401, ""},
	} {
		w := f.ask(t, "POST", "/v1/auth/"+tt.path, tt.body, asJSON...)
		wantAnswer(t, tt.path+" "+tt.body, w, tt.status, tt.code)
		if w.Header().Get("Cache-Control") != noStore && tt.path != "logout" {
			t.Errorf("%s %s: Cache-Control is %s", tt.path, tt.body, w.Header().Get("Cache-Control"))
		}
	}
	wantAnswer(t, "a form", f.ask(t, "POST", "/v1/auth/login", "email=ann", "Content-Type", "application/x-www-form-urlencoded"), 415, "")
	wantAnswer(t, "a GET", f.ask(t, "GET", "/v1/auth/login", ""), 405, "")
}

// session logs ann in, and returns the header with the cookie.
func session(t testing.TB, f fixture, header ...string) (cookie *http.Cookie, sent []string) {
	t.Helper()
	w := f.ask(t, "POST", "/v1/auth/login", byCookie, with(header...)...)
	cookies := w.Result().Cookies()
	if w.Code != http.StatusOK || len(cookies) != 1 {
		t.Fatalf("the login is %d %s with the cookies %v", w.Code, w.Body, cookies)
	}
	return cookies[0], []string{"Cookie", cookies[0].Name + "=" + cookies[0].Value}
}

// TestSessionCookies is SECURITY 24: what every Set-Cookie says, and that none is given
// where others could read it.
func TestSessionCookies(t *testing.T) {
	f, _ := newAccounts(t, nil)
	w := f.ask(t, "POST", "/v1/auth/login", byCookie, asJSON...)
	line := w.Header()["Set-Cookie"]
	if len(line) != 1 || len(line[0]) > 4096 {
		t.Fatalf("Set-Cookie is %q", line)
	}
	value, attributes, _ := strings.Cut(line[0], ";")
	if !strings.HasPrefix(value, "__Host-portolan=pts_") || attributes != " Path=/; Max-Age=2592000; HttpOnly; Secure; SameSite=Lax" {
		t.Errorf("Set-Cookie is %s", line[0])
	}
	if strings.Contains(w.Body.String(), value[len("__Host-portolan="):]) || strings.Contains(w.Body.String(), "access_token") {
		t.Errorf("a page could read what it is logged in by: %s", w.Body)
	}
	if vary := w.Header().Get("Vary"); !strings.Contains(vary, "Cookie") {
		t.Errorf("Vary is %s", vary)
	}
	sent := []string{"Cookie", value}
	me := f.ask(t, "GET", "/v1/auth/me", "", sent...)
	if me.Code != 200 || me.Header().Get("Cross-Origin-Resource-Policy") != "same-origin" {
		t.Errorf("me is %d, and other origins may embed it: %q", me.Code, me.Header().Get("Cross-Origin-Resource-Policy"))
	}
	out := f.ask(t, "POST", "/v1/auth/logout", "", append(sent, "Sec-Fetch-Site", "same-origin")...)
	if cookies := out.Header()["Set-Cookie"]; out.Code != 204 || len(cookies) != 1 || cookies[0] != "__Host-portolan=; Path=/; Max-Age=0; HttpOnly; Secure; SameSite=Lax" {
		t.Errorf("the logout is %d with %q", out.Code, cookies)
	}
	wantAnswer(t, "plain http", f.ask(t, "POST", "/v1/auth/login", byCookie, with("plain", "192.0.2.1:4")...), 403, "insecure-transport")
	wantAnswer(t, "a stranger's word for https", f.ask(t, "POST", "/v1/auth/login", byCookie, with("plain", "192.0.2.1:4", "X-Forwarded-Proto", "https")...), 403, "insecure-transport")
	cookie, _ := session(t, f, "plain", "10.0.0.1:4", "X-Forwarded-Proto", "https", "X-Forwarded-For", "192.0.2.1")
	if cookie.Name != cookieName || !cookie.Secure {
		t.Errorf("through a proxy the cookie is %s", cookie)
	}
}

// TestSessionCookiesOnALaptop: without TLS the cookie has another name, which is known
// nowhere else.
func TestSessionCookiesOnALaptop(t *testing.T) {
	laptop, accounts := newAccounts(t, func(c *Config) { c.Loopback = true })
	cookie, sent := session(t, laptop, "plain", "127.0.0.1:4")
	if cookie.Name != "portolan" || cookie.Secure || !cookie.HttpOnly || cookie.SameSite != http.SameSiteLaxMode {
		t.Errorf("the cookie is %s", cookie)
	}
	wantAnswer(t, "on the laptop", laptop.ask(t, "GET", "/v1/auth/me", "", append(sent, "plain", "127.0.0.1:4")...), 200, "")
	elsewhere, _ := newAccounts(t, func(c *Config) { c.Accounts, c.Identify = accounts, accounts.Identify })
	wantAnswer(t, "elsewhere", elsewhere.ask(t, "GET", "/v1/auth/me", "", sent...), 401, "")
}

// TestCrossSiteWrites is SECURITY 25.
func TestCrossSiteWrites(t *testing.T) {
	f, _ := newAccounts(t, func(c *Config) {
		c.CORS = &CORS{Origins: []string{"https://app.example.com"}, Credentials: true, MaxAge: time.Minute}
	})
	_, cookie := session(t, f)
	const form = "application/x-www-form-urlencoded"
	category := `{"id":77,"name":"Kites"}`
	for _, tt := range []struct {
		name, method, body string
		header             []string
		status             int
		code               string
	}{
		{"a form of another site", "POST", "name=x", []string{"Sec-Fetch-Site", "cross-site", "Origin", "https://evil.example", "Content-Type", form}, 403, "cross-site"},
		{"JSON of another site", "POST", category, with("Sec-Fetch-Site", "cross-site", "Origin", "https://evil.example"), 403, "cross-site"},
		{"JSON of a neighbour", "POST", category, with("Sec-Fetch-Site", "same-site", "Origin", "https://other.example.com"), 403, "cross-site"},
		{"JSON of nobody knows where", "POST", category, asJSON, 403, "cross-site"},
		{"an origin that is null", "POST", category, with("Origin", "null"), 403, "cross-site"},
		{"an origin that begins alike", "POST", category, with("Origin", "https://app.example.com.evil.example"), 403, "cross-site"},
		{"two origins", "POST", category, with("Origin", "https://app.example.com", "Origin", "https://evil.example"), 403, "cross-site"},
		{"two sites", "POST", category, with("Sec-Fetch-Site", "same-origin", "Sec-Fetch-Site", "cross-site"), 403, "cross-site"},
		{"a form of ours", "POST", "name=x", []string{"Sec-Fetch-Site", "same-origin", "Content-Type", form}, 403, "form-body"},
		{"plain text of ours", "POST", category, []string{"Sec-Fetch-Site", "same-origin", "Content-Type", "text/plain"}, 403, "form-body"},
		{"files of ours", "POST", category, []string{"Sec-Fetch-Site", "same-origin", "Content-Type", "multipart/form-data; boundary=x"}, 403, "form-body"},
		{"no type of ours", "POST", category, []string{"Sec-Fetch-Site", "same-origin"}, 403, "form-body"},
		{"a deletion of another site", "DELETE", "", []string{"Sec-Fetch-Site", "cross-site"}, 403, "cross-site"},
		{"JSON of ours", "POST", category, with("Sec-Fetch-Site", "same-origin"), 201, ""},
		{"JSON typed into the address bar", "POST", `{"id":78,"name":"K"}`, with("Sec-Fetch-Site", "none"), 201, ""},
		{"JSON of the list", "POST", `{"id":79,"name":"K"}`, with("Sec-Fetch-Site", "same-site", "Origin", "https://app.example.com"), 201, ""},
		{"a read of another site", "GET", "", []string{"Sec-Fetch-Site", "cross-site"}, 200, ""},
	} {
		target := "/v1/categories"
		if tt.method == "DELETE" {
			target += "/77"
		}
		w := f.ask(t, tt.method, target, tt.body, append(slices.Clone(tt.header), cookie...)...)
		wantAnswer(t, tt.name, w, tt.status, tt.code)
	}
	wantAnswer(t, "the category is there", f.ask(t, "GET", "/v1/categories/77", ""), 200, "")
	wantAnswer(t, "a deletion of ours", f.ask(t, "DELETE", "/v1/categories/77", "", append(cookie, "Sec-Fetch-Site", "same-origin")...), 204, "")
	for _, header := range [][]string{
		{"Sec-Fetch-Site", "cross-site"}, {"Origin", "https://evil.example"},
	} {
		w := f.ask(t, "POST", "/v1/auth/login", byCookie, with(header...)...)
		wantAnswer(t, "a login of another site", w, 403, "cross-site")
		if len(w.Result().Cookies()) != 0 {
			t.Error("another site logged somebody in")
		}
	}
	wantAnswer(t, "a logout of another site", f.ask(t, "POST", "/v1/auth/logout", "", append(cookie, "Sec-Fetch-Site", "cross-site")...), 403, "cross-site")
	wantAnswer(t, "still in", f.ask(t, "GET", "/v1/auth/me", "", cookie...), 200, "")
}

// TestDeadSessions: a cookie that is over is refused once and taken back, and keeps
// nobody from logging in; and what is sent on purpose goes before it.
func TestDeadSessions(t *testing.T) {
	f, _ := newAccounts(t, nil)
	_, cookie := session(t, f)
	access := tokens(t, f.ask(t, "POST", "/v1/auth/login", right, append(slices.Clone(cookie), asJSON...)...)).Access
	wantAnswer(t, "log out", f.ask(t, "POST", "/v1/auth/logout", `{"all":true}`, append(with("Sec-Fetch-Site", "same-origin"), cookie...)...), 204, "")
	w := f.ask(t, "GET", "/v1/categories", "", cookie...)
	wantAnswer(t, "a dead session", w, 401, "login-ended")
	if cookies := w.Result().Cookies(); len(cookies) != 1 || cookies[0].MaxAge >= 0 {
		t.Errorf("the cookie is not taken back: %v", cookies)
	}
	wantAnswer(t, "a dead token", f.ask(t, "GET", "/v1/categories", "", "Authorization", "Bearer "+access), 401, "login-ended")
	fresh, _ := session(t, f, cookie...)
	if "Cookie "+fresh.Name+"="+fresh.Value == strings.Join(cookie, " ") {
		t.Error("a login took the id that the client brought")
	}
	alive := tokens(t, f.ask(t, "POST", "/v1/auth/login", right, asJSON...)).Access
	wantAnswer(t, "a token beside a dead cookie", f.ask(t, "GET", "/v1/auth/me", "", append([]string{"Authorization", "Bearer " + alive}, cookie...)...), 200, "")
	twice := []string{"Cookie", cookieName + "=a; " + cookieName + "=b"}
	wantAnswer(t, "two sessions", f.ask(t, "GET", "/v1/categories", "", twice...), 400, "several-credentials")
	wantAnswer(t, "cookies of others", f.ask(t, "GET", "/v1/categories", "", "Cookie", "theme=dark; portolan=pts_x_y"), 200, "")
}

func basic(email, password string) []string {
	return []string{"Authorization", "Basic " + base64.StdEncoding.EncodeToString([]byte(email+":"+password))}
}

// TestBasic is SECURITY 19: a password is taken over TLS or on a laptop alone, and who
// guesses has to wait.
func TestBasic(t *testing.T) {
	f, _ := newAccounts(t, nil)
	laptop, _ := newAccounts(t, func(c *Config) { c.Loopback = true })
	ours := basic(ann, secret)
	wantAnswer(t, "TLS", f.ask(t, "GET", "/v1/vault", "", ours...), 200, "")
	wantAnswer(t, "plain http", f.ask(t, "GET", "/v1/vault", "", append(ours, "plain", "192.0.2.1:4")...), 403, "insecure-transport")
	wantAnswer(t, "a stranger's word", f.ask(t, "GET", "/v1/vault", "", append(ours, "plain", "192.0.2.1:4", "X-Forwarded-Proto", "https")...), 403, "insecure-transport")
	wantAnswer(t, "a proxy's word", f.ask(t, "GET", "/v1/vault", "", append(ours, "plain", "10.0.0.1:4", "X-Forwarded-Proto", "https")...), 200, "")
	wantAnswer(t, "a laptop", laptop.ask(t, "GET", "/v1/vault", "", append(ours, "plain", "127.0.0.1:4")...), 200, "")
	for _, header := range []string{"Basic", "Basic !", "Basic YQ==", "Basic " + base64.StdEncoding.EncodeToString([]byte("a:\xff"))} {
		wantAnswer(t, header, f.ask(t, "GET", "/v1/vault", "", "Authorization", header), 401, "bad-credential")
	}
	w := f.ask(t, "GET", "/v1/vault", "", basic(ann, "wrong")...)
	wantAnswer(t, "wrong", w, 401, "wrong-password")
	if challenge := w.Header().Get("WWW-Authenticate"); challenge != `Basic realm="portolan", charset="UTF-8"` {
		t.Errorf("WWW-Authenticate is %s", challenge)
	}
	for range 20 {
		w = f.ask(t, "GET", "/v1/vault", "", basic(ann, "wrong")...)
	}
	wantAnswer(t, "guessing", w, 429, "too-many-attempts")
	if wait := w.Header().Get("Retry-After"); wait == "" || wait == "0" || len(wait) > 2 {
		t.Errorf("Retry-After is %q", wait)
	}
	wantAnswer(t, "a password that was right a moment ago", f.ask(t, "GET", "/v1/vault", "", ours...), 200, "")
	wantAnswer(t, "a name that nobody has", f.ask(t, "GET", "/v1/vault", "", basic("bob", "x")...), 401, "wrong-password")
}

// TestBasicEnds: a password that was right a moment ago is asked of the account with
// every request.
func TestBasicEnds(t *testing.T) {
	operator := policy.Principal{Issuer: "cli", Subject: "op", Local: true}
	for name, end := range map[string]func(a *core.Accounts) error{
		"disabled": func(a *core.Accounts) error {
			_, err := a.SetDisabled(t.Context(), operator, ann, true)
			return err
		},
		"another password": func(a *core.Accounts) error {
			code, err := a.IssueCode(t.Context(), operator, ann)
			if err != nil {
				return err
			}
			return a.SetPassword(t.Context(), operator, code, "a cup of dark tea")
		},
		"deleted": func(a *core.Accounts) error { return a.DeleteUser(t.Context(), operator, ann) },
		"no role": func(a *core.Accounts) error {
			_, err := a.SetRoles(t.Context(), operator, ann, nil)
			return err
		},
	} {
		f, accounts := newAccounts(t, nil)
		for range 30 {
			wantAnswer(t, "before", f.ask(t, "GET", "/v1/vault", "", basic(ann, secret)...), 200, "")
		}
		if err := end(accounts); err != nil {
			t.Fatal(err)
		}
		if w := f.ask(t, "GET", "/v1/vault", "", basic(ann, secret)...); w.Code != 401 && w.Code != 403 {
			t.Errorf("%s: the answer is %d", name, w.Code)
		}
	}
}

// TestCredentialsInURLs is SECURITY 20: on every route a credential in the URL is
// refused, and is in no log.
func TestCredentialsInURLs(t *testing.T) {
	f, _ := newAccounts(t, nil)
	for _, route := range []string{
		"GET /v1/categories", "GET /v1/categories/1", "POST /v1/categories", "POST /v1/categories/$query", "POST /v1/categories/$delete",
		"PUT /v1/categories/1", "PATCH /v1/categories/1", "DELETE /v1/categories/1", "GET /v1/categories/$aggregate", "GET /v1/jobs/1",
		"GET /openapi.json", "POST /v1/auth/signup", "POST /v1/auth/login", "POST /v1/auth/refresh", "POST /v1/auth/logout",
		"POST /v1/auth/password", "POST /v1/auth/verify", "GET /v1/auth/me", "GET /v1/auth/jwks",
	} {
		method, path, _ := strings.Cut(route, " ")
		for _, name := range []string{"api_key", "access_token", "password", "token"} {
			w := f.ask(t, method, path+"?"+name+"=canary-7f3a9c", right, asJSON...)
			wantAnswer(t, route+" with "+name, w, 400, "credential-in-url")
			if strings.Contains(w.Body.String(), "canary") {
				t.Errorf("%s: the answer repeats the credential", route)
			}
		}
	}
	if strings.Contains(f.log.String(), "canary") {
		t.Error("the log holds a credential of a URL")
	}
}

// TestKeySet: the keys are for everybody, and may be kept for a while.
func TestKeySet(t *testing.T) {
	f, _ := newAccounts(t, nil)
	w := f.ask(t, "GET", "/v1/auth/jwks", "", "Authorization", "Bearer whatever")
	if w.Code != 200 || w.Header().Get("Cache-Control") != "public, max-age=30" || !strings.Contains(w.Body.String(), `"kty":"OKP"`) || strings.Contains(w.Body.String(), `"d":`) {
		t.Errorf("the answer is %d %s with Cache-Control %s", w.Code, w.Body, w.Header().Get("Cache-Control"))
	}
}

// TestWithoutAccounts: nothing of accounts is there, and cookies and passwords are
// nothing.
func TestWithoutAccounts(t *testing.T) {
	f := newFixture(t, nil)
	for _, path := range []string{"signup", "login", "refresh", "password", "logout", "me", "jwks"} {
		if w := f.ask(t, "POST", "/v1/auth/"+path, right, asJSON...); w.Code != 404 && w.Code != 405 {
			t.Errorf("%s: the answer is %d", path, w.Code)
		}
	}
	wantAnswer(t, "a cookie", f.ask(t, "GET", "/v1/categories", "", "Cookie", cookieName+"=x"), 200, "")
	wantAnswer(t, "a password", f.ask(t, "GET", "/v1/categories", "", basic(ann, secret)...), 401, "unknown-scheme")
	if vary := f.ask(t, "GET", "/v1/categories", "").Header().Get("Vary"); strings.Contains(vary, "Cookie") {
		t.Errorf("Vary is %s", vary)
	}
}

// TestAccountsAreDocumented: the document has every operation, and its answers are as
// it says.
func TestAccountsAreDocumented(t *testing.T) {
	f, _ := newAccounts(t, nil)
	d := parse(t, f.ask(t, "GET", "/openapi.json", "").Body.Bytes())
	access := tokens(t, f.ask(t, "POST", "/v1/auth/login", right, asJSON...))
	bearing := []string{"Authorization", "Bearer " + access.Access}
	exercised := map[string]bool{}
	for _, tt := range []struct {
		method, path, body string
		header             []string
		want               int
	}{
		{"POST", "signup", `{"email":"bob@example.com","password":"a cup of dark tea"}`, asJSON, 201},
		{"POST", "signup", `{"email":"bob@example.com","password":"a cup of dark tea"}`, asJSON, 409},
		{"POST", "signup", `{"email":"eve@example.com","password":"tea"}`, asJSON, 400},
		{"POST", "login", right, asJSON, 200},
		{"POST", "login", byCookie, asJSON, 200},
		{"POST", "login", strings.Replace(right, "staple", "x", 1), asJSON, 401},
		{"POST", "login", byCookie, with("plain", "192.0.2.1:4"), 403},
		{"POST", "refresh", `{"refresh_token":"` + access.Refresh + `"}`, asJSON, 200},
		{"POST", "refresh", `{"refresh_token":"x"}`, asJSON, 401},
		{"POST", "password", `{"new_password":"a cup of dark tea","code":"x"}`, asJSON, 401},
		{"GET", "me", "", bearing, 200},
		{"GET", "me", "", nil, 401},
		{"GET", "jwks", "", nil, 200},
		{"POST", "password", `{"email":"bob@example.com"}`, asJSON, 422},
		{"POST", "verify", `{"code":"x","password":"y"}`, asJSON, 401},
		{"POST", "verify", `{"email":"bob@example.com"}`, asJSON, 422},
		{"POST", "logout", "", bearing, 204},
	} {
		w := f.ask(t, tt.method, "/v1/auth/"+tt.path, tt.body, tt.header...)
		if w.Code != tt.want {
			t.Errorf("%s %s answers %d, want %d: %s", tt.method, tt.path, w.Code, tt.want, w.Body)
			continue
		}
		operation := pointer("paths", "/v1/auth/"+tt.path, strings.ToLower(tt.method))
		d.compare(t, operation, w)
		if w.Code < 300 && tt.body != "" {
			d.validate(t, operation+pointer("requestBody", "content", typeJSON, "schema"), []byte(tt.body))
		}
		exercised[operation] = true
	}
	for _, op := range d.operations() {
		if at := pointer("paths", op.Path, strings.ToLower(op.Method)); strings.HasPrefix(op.Path, "/v1/auth/") && !exercised[at] {
			t.Errorf("no request exercises %s %s", op.Method, op.Path)
		}
	}
	if len(exercised) != 8 {
		t.Errorf("%d operations are exercised, want 8", len(exercised))
	}
}

// posted is mail that is sent, by a channel.
type posted chan mail.Message

func (p posted) Send(_ context.Context, message mail.Message) error { p <- message; return nil }

func (p posted) Close() error { return nil }

// code returns the code of the next mail.
func (p posted) code(t *testing.T) string {
	t.Helper()
	for line := range strings.Lines((<-p).Text) {
		if strings.HasPrefix(line, "ptc_") {
			return strings.TrimSpace(line)
		}
	}
	t.Fatal("the mail has no code")
	return ""
}

// TestAccountsByMail goes all the way with codes, and finds no difference between
// addresses that have an account and that have none.
func TestAccountsByMail(t *testing.T) {
	p := make(posted, 10)
	f, _ := newAccounts(t, nil, func(c *core.AccountsConfig) { c.Mail, c.Verify = p, true })
	bob := `{"email":"bob@example.com","password":"a cup of dark tea"}`
	fresh, taken := f.ask(t, "POST", "/v1/auth/signup", bob, asJSON...), f.ask(t, "POST", "/v1/auth/signup", right, asJSON...)
	for _, w := range []*httptest.ResponseRecorder{fresh, taken} {
		w.Header().Del("X-Request-Id")
		if w.Code != http.StatusAccepted || w.Body.Len() != 0 || len(w.Header()) != len(fresh.Header()) {
			t.Errorf("the answer is %d %s %v", w.Code, w.Body, w.Header())
		}
	}
	codes := []string{p.code(t), p.code(t)}
	wantAnswer(t, "log in unverified", f.ask(t, "POST", "/v1/auth/login", bob, asJSON...), 403, "unverified")
	verified := 0
	for _, code := range codes {
		if w := f.ask(t, "POST", "/v1/auth/verify", `{"code":"`+code+`","password":"a cup of dark tea"}`, asJSON...); w.Code == http.StatusNoContent {
			verified++
		}
	}
	if verified != 1 {
		t.Errorf("%d codes verified the address, want one", verified)
	}
	tokens(t, f.ask(t, "POST", "/v1/auth/login", bob, asJSON...))
	for _, path := range []string{"password", "verify"} {
		for _, email := range []string{"bob@example.com", "eve@example.com"} {
			wantAnswer(t, path+" of "+email, f.ask(t, "POST", "/v1/auth/"+path, `{"email":"`+email+`"}`, asJSON...), 202, "")
		}
	}
	set := `{"code":"` + p.code(t) + `","new_password":"a cup of green tea"}`
	wantAnswer(t, "set a password", f.ask(t, "POST", "/v1/auth/password", set, asJSON...), 204, "")
	wantAnswer(t, "set it again", f.ask(t, "POST", "/v1/auth/password", set, asJSON...), 401, "bad-code")
	tokens(t, f.ask(t, "POST", "/v1/auth/login", strings.Replace(bob, "dark", "green", 1), asJSON...))
}
