package httpapi

import (
	"encoding/base64"
	"mime"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/ports/auth"
)

// logins are the rules for credentials that browsers send by themselves, and for
// passwords. Without accounts there are none of either, and nil is for that.
type logins struct {
	trusted  proxies
	loopback bool     // only this machine reaches the listener
	origins  []string // whose pages may write with a session's cookie, besides our own
}

// newLogins returns the rules of the configuration.
func newLogins(cfg Config) *logins {
	if cfg.Accounts == nil {
		return nil
	}
	l := &logins{trusted: cfg.TrustedProxies, loopback: cfg.Loopback}
	if cfg.CORS != nil && cfg.CORS.Credentials {
		l.origins = cfg.CORS.Origins
	}
	return l
}

// The names of a session's cookie. Browsers keep one whose name begins with __Host-
// only if it is Secure, of this host alone and for all its paths. A laptop has no TLS,
// so there it has another name, by which it is looked for nowhere else.
const (
	cookieName       = "__Host-portolan"
	laptopCookieName = "portolan"
)

// varyWithCookies is what of a request any answer may depend on where there are
// sessions.
const varyWithCookies = "Accept, Accept-Encoding, Authorization, Cookie, X-API-Key"

// credentialOf returns the credential that a request carries, and whether there is
// one. What a client sends on purpose goes before a cookie, which is sent anyway.
func (l *logins) credentialOf(r *http.Request) (auth.Credential, bool, error) {
	if l == nil {
		return credentialOf(r.Header)
	}
	if authorization := r.Header["Authorization"]; len(authorization) == 1 && len(r.Header["X-Api-Key"]) == 0 {
		if scheme, encoded, _ := strings.Cut(strings.TrimSpace(authorization[0]), " "); strings.EqualFold(scheme, "Basic") {
			credential, err := l.password(r, strings.TrimSpace(encoded))
			return credential, err == nil, err
		}
	}
	credential, given, err := credentialOf(r.Header)
	if given || err != nil {
		return credential, given, err
	}
	return l.session(r)
}

// password returns the credential of the scheme Basic (RFC 7617).
func (l *logins) password(r *http.Request, encoded string) (auth.Credential, error) {
	const op = "httpapi.credentialOf"
	if !l.confidential(r) {
		return auth.Credential{}, insecure(op, "a password is taken over TLS alone")
	}
	text, err := base64.StdEncoding.Strict().DecodeString(encoded)
	if err != nil || len(encoded) > maxToken || !utf8.Valid(text) || !strings.Contains(string(text), ":") {
		return auth.Credential{}, fault.New(fault.Unauthenticated, op, "the credential is malformed").Coded("bad-credential").
			Hinting("it is the e-mail address, a colon and the password, in UTF-8 and base64 (RFC 7617)")
	}
	return auth.Credential{Scheme: auth.Basic, Token: string(text)}, nil
}

func insecure(op, detail string) *fault.Error {
	return fault.New(fault.Forbidden, op, "%s", detail).Coded("insecure-transport").
		Hinting("use https; behind a proxy that does, name it under service.trusted_proxies and have it send X-Forwarded-Proto")
}

// confidential reports whether nobody on the way reads the request and its answer.
func (l *logins) confidential(r *http.Request) bool { return l.loopback || l.trusted.secure(r) }

// session returns the credential of a session's cookie, if there is one. A request
// that changes something must come from a page that may send it.
func (l *logins) session(r *http.Request) (auth.Credential, bool, error) {
	cookies := l.cookies(r)
	switch {
	case len(cookies) == 0:
		return auth.Credential{}, false, nil
	case len(cookies) > 1:
		return auth.Credential{}, false, fault.New(fault.Invalid, "httpapi.credentialOf", "the request carries more than one session").
			Coded("several-credentials").Hinting("remove the cookies of this server")
	}
	if err := l.mayWrite(r); err != nil {
		return auth.Credential{}, false, err
	}
	return auth.Credential{Scheme: auth.Session, Token: cookies[0].Value}, true, nil
}

// cookies returns the cookies of sessions that the request carries.
func (l *logins) cookies(r *http.Request) []*http.Cookie {
	if len(r.Header["Cookie"]) == 0 {
		return nil
	}
	cookies := r.CookiesNamed(cookieName)
	if l.loopback {
		cookies = append(cookies, r.CookiesNamed(laptopCookieName)...)
	}
	return cookies
}

// carries reports whether the request carries the cookie of a session.
func (l *logins) carries(r *http.Request) bool { return l != nil && len(l.cookies(r)) > 0 }

// mayWrite returns an error if the request changes something, and a page of another
// origin may have had the browser send it: because the browser does not say that it is
// from a page of ours or of the list, or because a form could have sent its body.
func (l *logins) mayWrite(r *http.Request) error {
	const op = "httpapi.credentialOf"
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodOptions:
		return nil
	}
	if !l.fromOurPage(r) {
		return fault.New(fault.Forbidden, op, "the request is not from a page of this server").Coded("cross-site").
			Hinting("a session's cookie writes only with Sec-Fetch-Site: same-origin, or from an origin of service.cors with credentials; others send a token")
	}
	if r.ContentLength == 0 && len(r.Header["Content-Type"]) == 0 {
		return nil
	}
	mediaType, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || !slices.Contains(typesWithSession, mediaType) {
		return fault.New(fault.Forbidden, op, "with a session's cookie a body is JSON or CSV").Coded("form-body").
			Hinting("Content-Type is one of %s", strings.Join(typesWithSession, ", "))
	}
	return nil
}

// typesWithSession are the types of bodies that no page can have sent to another
// origin without asking there first.
var typesWithSession = []string{typePatch, typeJSON, typeCSV, typeNDJSON, "application/ndjson", "application/jsonl"}

// fromOurPage reports whether the browser says that the request is from a page that
// may write here.
func (l *logins) fromOurPage(r *http.Request) bool {
	site, origin := r.Header["Sec-Fetch-Site"], r.Header["Origin"]
	if len(site) == 1 && (site[0] == "same-origin" || site[0] == "none") {
		return true
	}
	return len(origin) == 1 && slices.Contains(l.origins, origin[0])
}

// setSession sends the cookie of a session that lasts so long at the most.
func (x *exchange) setSession(value string, lasts time.Duration) {
	name, secure := cookieName, true
	if !x.site.trusted.secure(x.r) {
		name, secure = laptopCookieName, false
	}
	http.SetCookie(x, &http.Cookie{
		Name: name, Value: value, Path: "/", MaxAge: int(lasts / time.Second), Secure: secure, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	})
}

// dropSession has the browser forget the cookie.
func (x *exchange) dropSession() {
	x.setSession("", -time.Second)
}
