package httpapi

import (
	"encoding/json"
	"net/http"
	"slices"
	"time"

	"github.com/portolan-io/portolan/core"
	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/ports/auth"
)

// authResources returns the resources of accounts, and of the keys that verify our
// tokens.
func (s *server) authResources() []*resource {
	below := s.base + "/auth/"
	var resources []*resource
	if s.keySet != nil {
		resources = append(resources, &resource{template: below + "jwks", methods: map[string]operation{
			http.MethodGet: {serve: s.jwks, produces: producesJSON, nameless: true},
		}})
	}
	if s.accounts == nil {
		return resources
	}
	for path, serve := range map[string]func(*exchange) error{
		"signup": s.signUp, "login": s.logIn, "refresh": s.refresh, "password": s.setPassword, "verify": s.verify,
	} {
		resources = append(resources, &resource{template: below + path, methods: map[string]operation{
			http.MethodPost: {serve: s.secretly(serve), produces: producesJSON, nameless: true, enters: true},
		}})
	}
	resources = append(resources, s.oauthResources()...)
	return append(resources,
		&resource{template: below + "logout", methods: map[string]operation{
			http.MethodPost: {serve: s.secretly(s.logOut), produces: producesJSON},
		}},
		&resource{template: below + "me", methods: map[string]operation{
			http.MethodGet: {serve: s.secretly(s.me), produces: producesJSON},
		}})
}

// secretly returns the operation, whose answer nobody may keep.
func (s *server) secretly(serve func(*exchange) error) func(*exchange) error {
	return func(x *exchange) error {
		x.Header().Set("Cache-Control", noStore)
		return serve(x)
	}
}

// keySetAge is for how long the keys may be kept by others: a new key is published for
// a minute before it signs, as the page of the adapter says.
const keySetAge = "public, max-age=30"

// jwks answers with the keys that verify our tokens (RFC 7517).
func (s *server) jwks(x *exchange) error {
	set, err := s.keySet(x.r.Context())
	if err != nil {
		return err
	}
	x.Header().Set("Cache-Control", keySetAge)
	x.send(http.StatusOK, sentJSON, set)
	return nil
}

// signUp answers POST of signup with the account that was made, or with nothing where
// its owner is told by mail.
func (s *server) signUp(x *exchange) error {
	body, err := s.members(x, []string{"email", "password"}, nil)
	if err != nil {
		return err
	}
	made, err := s.accounts.SignUp(x.r.Context(), x.who, body.text["email"], body.text["password"])
	if err != nil {
		return err
	}
	if s.accounts.Verifies() {
		x.sendEmpty(http.StatusAccepted)
		return nil
	}
	return x.sendJSON(http.StatusCreated, bodyOf(made))
}

// logIn answers POST of login with tokens (RFC 6749, section 5.1), or with the account
// and the cookie of a session.
func (s *server) logIn(x *exchange) error {
	body, err := s.members(x, []string{"email", "password"}, []string{"session"})
	if err != nil {
		return err
	}
	kind := core.LoginToken
	switch given := body.text["session"]; given {
	case "", string(core.LoginToken):
	case string(core.LoginCookie):
		kind = core.LoginCookie
	default:
		return badMember("wrong-value", "session", "session is token or cookie, not %s", quoted(given))
	}
	if !x.site.logins.confidential(x.r) && kind == core.LoginCookie {
		return insecure("httpapi.logIn", "a session's cookie is given over TLS alone")
	}
	// A page that logs somebody in who does not know it would have them write into its account.
	if fromPage := len(x.r.Header["Sec-Fetch-Site"])+len(x.r.Header["Origin"]) > 0; fromPage && kind == core.LoginCookie {
		if err := x.site.logins.mayWrite(x.r); err != nil {
			return err
		}
	}
	login, err := s.accounts.LogIn(x.r.Context(), x.who, body.text["email"], body.text["password"], kind)
	if err != nil {
		return err
	}
	return x.sendLogin(login)
}

// refresh answers POST of refresh with new tokens.
func (s *server) refresh(x *exchange) error {
	body, err := s.members(x, []string{"refresh_token"}, nil)
	if err != nil {
		return err
	}
	login, err := s.accounts.Refresh(x.r.Context(), x.who, body.text["refresh_token"])
	if err != nil {
		return err
	}
	return x.sendLogin(login)
}

// setPassword answers POST of password: with a new login if the current one is given,
// with nothing if it is set by a code, and with nothing yet if a code is to be mailed.
func (s *server) setPassword(x *exchange) error {
	body, err := s.members(x, nil, []string{"new_password", "current_password", "code", "email"})
	if err != nil {
		return err
	}
	code, next, current := body.text["code"], body.text["new_password"], body.text["current_password"]
	switch email := body.text["email"]; {
	case body.has("email"):
		if err := s.accounts.RequestReset(x.r.Context(), x.who, email); err != nil {
			return err
		}
		x.sendEmpty(http.StatusAccepted)
		return nil
	case body.has("new_password", "code"):
		if err := s.accounts.SetPassword(x.r.Context(), x.who, code, next); err != nil {
			return err
		}
		x.sendEmpty(http.StatusNoContent)
		return nil
	case !body.has("new_password", "current_password"):
		return badMember("missing-member", "new_password", "the body has new_password with current_password or with code, or email alone")
	}
	if err := x.authenticateAfterAll(); err != nil {
		return err
	}
	login, err := s.accounts.ChangePassword(x.r.Context(), x.who, current, next, x.kind())
	if err != nil {
		return err
	}
	return x.sendLogin(login)
}

// verify answers POST of verify with nothing: with nothing yet if a code is to be
// mailed.
func (s *server) verify(x *exchange) error {
	body, err := s.members(x, nil, []string{"code", "password", "email"})
	if err != nil {
		return err
	}
	switch {
	case body.has("email"):
		if err := s.accounts.RequestVerification(x.r.Context(), x.who, body.text["email"]); err != nil {
			return err
		}
		x.sendEmpty(http.StatusAccepted)
		return nil
	case !body.has("code", "password"):
		return badMember("missing-member", "code", "the body has code with password, or email alone")
	}
	if err := s.accounts.Verify(x.r.Context(), x.who, body.text["code"], body.text["password"]); err != nil {
		return err
	}
	x.sendEmpty(http.StatusNoContent)
	return nil
}

// logOut answers POST of logout, whose body may be left out.
func (s *server) logOut(x *exchange) error {
	all := false
	if x.r.ContentLength != 0 {
		body, err := s.members(x, nil, []string{"all"})
		if err != nil {
			return err
		}
		all = body.yes["all"]
	}
	if err := s.accounts.LogOut(x.r.Context(), x.who, all); err != nil {
		return err
	}
	if x.scheme == auth.Session {
		x.dropSession()
	}
	x.sendEmpty(http.StatusNoContent)
	return nil
}

// me answers GET of me with the account of who asks.
func (s *server) me(x *exchange) error {
	own, err := s.accounts.Me(x.r.Context(), x.who)
	if err != nil {
		return err
	}
	return x.sendJSON(http.StatusOK, bodyOf(own))
}

// kind returns the kind of the login that the request came with.
func (x *exchange) kind() core.LoginKind {
	if x.scheme == auth.Session {
		return core.LoginCookie
	}
	return core.LoginToken
}

// An accountBody is an account as its owner sees it.
type accountBody struct {
	ID       string    `json:"id"`
	Email    string    `json:"email,omitempty"`
	Verified bool      `json:"email_verified"`
	Roles    []string  `json:"roles"`
	Created  time.Time `json:"created"`
}

func bodyOf(a core.Account) accountBody {
	return accountBody{a.ID, a.Email, a.Verified, a.Roles, a.Created}
}

// tokenBody is the answer of RFC 6749, section 5.1.
type tokenBody struct {
	Access  string `json:"access_token"`
	Type    string `json:"token_type"`
	Expires int64  `json:"expires_in"`
	Refresh string `json:"refresh_token"`
}

// sendLogin answers with what a new login is shown by.
func (x *exchange) sendLogin(login core.Login) error {
	from := x.who.Address
	x.who = login.Who // so that the log tells who logged in
	x.who.Address = from
	if login.Kind == core.LoginCookie {
		x.setSession(login.Cookie, login.Lasts)
		return x.sendJSON(http.StatusOK, bodyOf(login.Account))
	}
	return x.sendJSON(http.StatusOK, tokenBody{login.Access, "Bearer", int64(login.Lasts / time.Second), login.Refresh})
}

func (x *exchange) sendJSON(status int, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return err
	}
	x.send(status, sentJSON, body)
	return nil
}

// A memberBody is a JSON object of texts, and of one or the other yes.
type memberBody struct {
	text map[string]string
	yes  map[string]bool
}

// has reports whether these are the members that are given.
func (b memberBody) has(names ...string) bool {
	for _, name := range names {
		if b.text[name] == "" {
			return false
		}
	}
	return len(b.text) == len(names)
}

// members reads a strict JSON object whose members are the required and the optional
// ones: texts that are not empty, but for all, which is true or false.
func (s *server) members(x *exchange, required, optional []string) (memberBody, error) {
	_, raw, err := s.received(x, typeJSON)
	if err != nil {
		return memberBody{}, err
	}
	known := slices.Concat(required, optional)
	body := memberBody{map[string]string{}, map[string]bool{}}
	r := record.NewReader(raw)
	if kind := r.Peek(); kind != record.ObjectKind && r.Err() == nil {
		return memberBody{}, fault.New(fault.Invalid, "httpapi.members", "the body is not a JSON object").Coded("wrong-type")
	}
	seen := make(map[string]bool)
	r.EnterObject()
	for name, ok := r.NextMember(); ok; name, ok = r.NextMember() {
		if seen[name] {
			return memberBody{}, badMember("duplicate-key", shortened(name), "%s is given more than once", quoted(name))
		}
		seen[name] = true
		if err := checkMember(name, known); err != nil {
			return memberBody{}, err
		}
		if err := body.read(r, name); err != nil {
			return memberBody{}, err
		}
	}
	if err := r.End(); err != nil {
		return memberBody{}, err
	}
	for _, name := range required {
		if !seen[name] {
			return memberBody{}, badMember("missing-member", name, "%s is missing", name)
		}
	}
	return body, nil
}

// read reads the value of one member.
func (b memberBody) read(r *record.Reader, name string) error {
	if name == "all" {
		if kind := r.Peek(); kind != record.TrueKind && kind != record.FalseKind && r.Err() == nil {
			return badMember("wrong-type", name, "%s is true or false", name)
		}
		b.yes[name] = r.Bool()
		return nil
	}
	if err := expect(r, record.StringKind, name, "a string"); err != nil {
		return err
	}
	b.text[name] = r.Text()
	if b.text[name] == "" && r.Err() == nil {
		return badMember("empty-option", name, "%s has no value", name)
	}
	return nil
}
