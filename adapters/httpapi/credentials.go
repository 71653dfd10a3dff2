package httpapi

import (
	"context"
	"net/http"
	"net/netip"
	"strings"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/policy"
	"github.com/portolan-io/portolan/ports/auth"
)

// An identifier says who presents a credential.
type identifier func(ctx context.Context, c auth.Credential) (policy.Principal, error)

// maxToken is how long a credential may be, in octets.
const maxToken = 8 << 10

// credentialOf returns the credential that a request carries, and whether there
// is one. Two at once are refused: which of them counts would be a guess.
func credentialOf(h http.Header) (auth.Credential, bool, error) {
	const op = "httpapi.credentialOf"
	authorization, keys := h["Authorization"], h["X-Api-Key"]
	switch {
	case len(authorization)+len(keys) == 0:
		return auth.Credential{}, false, nil
	case len(authorization)+len(keys) > 1:
		return auth.Credential{}, false, fault.New(fault.Invalid, op, "the request carries more than one credential").
			Coded("several-credentials").Hinting("send either Authorization or X-API-Key, once")
	}
	credential := auth.Credential{Scheme: auth.APIKey}
	if len(keys) == 1 {
		credential.Token = strings.TrimSpace(keys[0])
	} else {
		scheme, token, _ := strings.Cut(strings.TrimSpace(authorization[0]), " ")
		if !strings.EqualFold(scheme, "Bearer") {
			return auth.Credential{}, false, fault.New(fault.Unauthenticated, op, "Authorization is not of the scheme Bearer").
				Coded("unknown-scheme").Hinting("send Authorization: Bearer <token>, or X-API-Key: <key>")
		}
		credential = auth.Credential{Scheme: auth.Bearer, Token: strings.TrimSpace(token)}
	}
	if !visible(credential.Token) {
		return auth.Credential{}, false, fault.New(fault.Unauthenticated, op, "the credential is malformed").Coded("bad-credential")
	}
	return credential, true, nil
}

// visible reports whether a token is of a length and of octets that tokens have.
func visible(token string) bool {
	if token == "" || len(token) > maxToken {
		return false
	}
	for i := range len(token) {
		if token[i] <= ' ' || token[i] >= 0x7f {
			return false
		}
	}
	return true
}

// authenticate finds out who sends the request, and from where.
func (x *exchange) authenticate() error {
	credential, given, err := x.site.logins.credentialOf(x.r)
	if err != nil {
		return err
	}
	credential.From = x.site.trusted.client(x.r)
	var who policy.Principal
	if given {
		x.scheme = credential.Scheme
		who, err = x.site.identify(x.r.Context(), credential)
	}
	if err != nil && fault.KindOf(err) == fault.Unsupported {
		err = fault.New(fault.Unauthenticated, "httpapi.authenticate", "no issuer known here gave this credential").
			Coded("unknown-issuer").Because(err)
	}
	who.Address = credential.From
	x.who = who
	return err
}

// nobody refuses every credential: there is nobody to ask.
func nobody(context.Context, auth.Credential) (policy.Principal, error) {
	return policy.Principal{}, fault.New(fault.Unsupported, "httpapi.nobody", "no credentials are known here")
}

// challenge is the WWW-Authenticate of an answer of 401. X-API-Key has no scheme
// that could be named in it, and a browser would ask for a password if Basic were named
// to who does not use it. A token that was refused is told from none (RFC
// 6750, section 3).
func challenge(r *http.Request, passwords bool) string {
	if authorization := r.Header["Authorization"]; passwords && len(authorization) == 1 && len(authorization[0]) > 5 && strings.EqualFold(authorization[0][:6], "Basic ") {
		return `Basic realm="portolan", charset="UTF-8"`
	}
	if len(r.Header["Authorization"]) > 0 {
		return `Bearer realm="portolan", error="invalid_token"`
	}
	return `Bearer realm="portolan"`
}

// proxies are the addresses whose forwarding headers are believed.
type proxies []netip.Prefix

// somewhere is the address of a client whose address cannot be told. It is
// valid, because an invalid address would stand for this process itself.
var somewhere = netip.IPv6Unspecified()

// client returns where the request comes from: the right-most address that is
// no trusted proxy's. What stands left of it anybody may have written.
func (p proxies) client(r *http.Request) netip.Addr {
	hop := parseAddress(r.RemoteAddr)
	if !p.trusts(hop) {
		return hop
	}
	hops := strings.Split(strings.Join(r.Header["X-Forwarded-For"], ","), ",")
	for i := len(hops) - 1; i >= 0; i-- {
		text := strings.TrimSpace(hops[i])
		if text == "" {
			continue
		}
		if hop = parseAddress(text); !p.trusts(hop) {
			return hop
		}
	}
	return hop
}

// sent reports whether a trusted proxy sent the request.
func (p proxies) sent(r *http.Request) bool {
	return len(p) > 0 && p.trusts(parseAddress(r.RemoteAddr))
}

// secure reports whether the client's connection is encrypted, as far as this
// process or a trusted proxy knows.
func (p proxies) secure(r *http.Request) bool {
	if r.TLS != nil {
		return true
	}
	proto := r.Header["X-Forwarded-Proto"]
	return len(proto) == 1 && strings.EqualFold(proto[0], "https") && p.trusts(parseAddress(r.RemoteAddr))
}

// scheme returns by which scheme the client asked, as far as secure knows.
func (p proxies) scheme(r *http.Request) string {
	if p.secure(r) {
		return "https"
	}
	return "http"
}

func (p proxies) trusts(address netip.Addr) bool {
	for _, prefix := range p {
		if prefix.Contains(address) {
			return true
		}
	}
	return false
}

// parseAddress reads an address with or without a port.
func parseAddress(text string) netip.Addr {
	if withPort, err := netip.ParseAddrPort(text); err == nil {
		return withPort.Addr().Unmap().WithZone("")
	}
	address, err := netip.ParseAddr(strings.Trim(text, "[]"))
	if err != nil {
		return somewhere
	}
	return address.Unmap().WithZone("")
}
