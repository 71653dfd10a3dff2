package httpapi

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/portolan-io/portolan/core"
	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/policy"
	"github.com/portolan-io/portolan/ports/auth"
)

// A Provider signs people in elsewhere. It is safe for concurrent use. None of its errors
// holds anything of an attempt or of a code.
type Provider interface {
	// Begin returns where a browser is sent to sign in.
	Begin(ctx context.Context, attempt auth.Attempt) (string, error)

	// Finish returns who signed in, from what the browser brings back.
	Finish(ctx context.Context, attempt auth.Attempt, back auth.Return) (policy.Principal, error)
}

// The names of the cookie of a browser that is signing in elsewhere, as those of a
// session's.
const (
	attemptCookie       = "__Host-portolan-oauth"
	laptopAttemptCookie = "portolan-oauth"
)

// maxRedirect is the most octets of where a browser goes after signing in.
const maxRedirect = 1024

// oauthResources returns the resources of signing in elsewhere. What comes back from a
// provider has parameters that are its own.
func (s *server) oauthResources() []*resource {
	if len(s.providers) == 0 {
		return nil
	}
	below := s.base + "/auth/oauth/{id}"
	return []*resource{
		{template: below, methods: map[string]operation{
			http.MethodGet: {serve: s.secretly(s.beginSignIn), options: []string{"redirect", "session"}, nameless: true},
		}},
		{template: below + "/callback", methods: map[string]operation{
			http.MethodGet: {serve: s.secretly(s.finishSignIn), open: true, nameless: true, enters: true},
		}},
	}
}

// provider returns the provider of the path, for a request that nobody reads on its way.
func (s *server) provider(x *exchange) (Provider, error) {
	const op = "httpapi.provider"
	provider, ok := s.providers[x.key]
	if !ok {
		return nil, fault.New(fault.NotFound, op, "there is no provider of this name").Coded("unknown-provider")
	}
	if !x.site.logins.confidential(x.r) {
		return nil, insecure(op, "people sign in over TLS alone")
	}
	return provider, nil
}

// beginSignIn answers with where the browser signs in, and with the cookie by which it is
// known when it is back.
func (s *server) beginSignIn(x *exchange) error {
	provider, err := s.provider(x)
	if err != nil {
		return err
	}
	begun := core.SignIn{Provider: x.key, Kind: core.LoginCookie}
	if kind, given := x.query.get("session"); given {
		switch begun.Kind = core.LoginKind(kind); begun.Kind {
		case core.LoginCookie, core.LoginToken:
		default:
			return badOption("wrong-value", "session", "session is cookie or token")
		}
	}
	if to, given := x.query.get("redirect"); given {
		if !x.site.logins.mayGo(to) {
			return badOption("bad-redirect", "redirect", "redirect is a path of this server, or an address of an origin of service.cors with credentials")
		}
		if begun.Kind == core.LoginToken {
			return badOption("bad-redirect", "redirect", "tokens are answered, and sent nowhere else")
		}
		begun.To = to
	}
	begun, shown, err := s.signIns.BeginSignIn(x.r.Context(), x.who, begun)
	if err != nil {
		return err
	}
	where, err := provider.Begin(x.r.Context(), begun.Attempt)
	if err != nil {
		return err
	}
	x.setAttempt(shown, int(core.SignInFor.Seconds()))
	x.goTo(where)
	return nil
}

// finishSignIn answers with a login for whom the provider says is back, if it is the
// browser that began.
func (s *server) finishSignIn(x *exchange) error {
	x.who.Address = x.site.trusted.client(x.r)
	provider, err := s.provider(x)
	if err != nil {
		return err
	}
	shown := x.attempt()
	x.setAttempt("", -1) // whatever comes of it: it is good once
	back, err := returned(x.r.URL.RawQuery)
	if err != nil {
		return err
	}
	begun, err := s.signIns.ResumeSignIn(x.r.Context(), x.who, x.key, back.Get("state"), shown)
	if err != nil {
		return err
	}
	if why := back.Get("error"); why != "" {
		return providerError(why)
	}
	who, err := provider.Finish(x.r.Context(), begun.Attempt, auth.Return{Code: back.Get("code"), Issuer: back.Get("iss")})
	if err != nil {
		return err
	}
	login, err := s.signIns.SignIn(x.r.Context(), who, begun.Kind)
	if err != nil {
		return err
	}
	if login.Kind == core.LoginCookie && begun.To != "" && x.site.logins.mayGo(begun.To) {
		x.setSession(login.Cookie, login.Lasts)
		x.goTo(begun.To)
		return nil
	}
	return x.sendLogin(login)
}

// returned reads what a provider has a browser bring back. What counts of it is there
// once at the most (RFC 6749, section 3.1).
func returned(raw string) (url.Values, error) {
	const op = "httpapi.returned"
	back, err := url.ParseQuery(raw)
	if err != nil {
		return nil, fault.New(fault.Invalid, op, "the query cannot be read").Coded("bad-encoding")
	}
	for _, name := range []string{"code", "state", "iss", "error"} {
		if len(back[name]) > 1 {
			return nil, fault.New(fault.Invalid, op, "%s is given more than once", name).Coded("repeated-option")
		}
	}
	return back, nil
}

// providerError returns the error that a provider sends a browser back with (RFC 6749,
// section 4.1.2.1). No text of it is repeated, because anybody can write one.
func providerError(why string) error {
	const op = "httpapi.finishSignIn"
	switch why {
	case "access_denied":
		return fault.New(fault.Forbidden, op, "signing in was refused at the provider").Coded("sign-in-refused").
			Hinting("begin to sign in again, and agree")
	case "server_error", "temporarily_unavailable":
		return fault.New(fault.Unavailable, op, "the provider cannot sign anybody in now").Coded("provider-unavailable").
			Hinting("try again later, or sign in another way")
	}
	return fault.New(fault.Refused, op, "the provider signs nobody in for this server").Coded("provider-error").
		Hinting("whoever runs this server looks at what the provider knows of it as a client")
}

// mayGo reports whether a browser may be sent there: to a path of ours, or to one of the
// origins whose pages may write with a session's cookie.
func (l *logins) mayGo(to string) bool {
	plain := !strings.ContainsFunc(to, func(r rune) bool { return r <= ' ' || r >= 0x7f || r == '\\' })
	address, err := url.Parse(to)
	if err != nil || !plain || len(to) > maxRedirect || address.User != nil || address.Opaque != "" {
		return false
	}
	if address.Scheme == "" && address.Host == "" {
		return strings.HasPrefix(to, "/") && !strings.HasPrefix(to, "//")
	}
	return slices.Contains(l.origins, address.Scheme+"://"+address.Host)
}

// goTo sends the browser there.
func (x *exchange) goTo(where string) {
	x.Header().Set("Location", where)
	x.Header().Set("Referrer-Policy", "no-referrer")
	x.sendEmpty(http.StatusSeeOther)
}

// attempt returns what the browser shows that is signing in, empty if that is not one
// thing.
func (x *exchange) attempt() string {
	cookies := x.r.CookiesNamed(attemptCookie)
	if x.site.logins.loopback {
		cookies = append(cookies, x.r.CookiesNamed(laptopAttemptCookie)...)
	}
	if len(cookies) != 1 {
		return ""
	}
	return cookies[0].Value
}

// setAttempt sends the cookie of a browser that is signing in. It is Lax, because it comes
// back with a link from the provider's page.
func (x *exchange) setAttempt(value string, seconds int) {
	name, secure := attemptCookie, true
	if !x.site.trusted.secure(x.r) {
		name, secure = laptopAttemptCookie, false
	}
	http.SetCookie(x, &http.Cookie{
		Name: name, Value: value, Path: "/", MaxAge: seconds, Secure: secure, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	})
}
