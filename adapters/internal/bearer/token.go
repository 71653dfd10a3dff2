package bearer

import (
	"encoding/base64"
	"math"
	"slices"
	"strings"
	"time"
)

// A Token is what a verified token says.
type Token struct {
	Issuer  string
	Subject string         // sub; empty if there is none
	Type    string         // the typ of the header, in lower case and without "application/"; empty if there is none
	Alg     string         // the algorithm that it is signed with
	Claims  map[string]any // all of them, as policy.Principal has them
	Issued  time.Time      // iat; zero if there is none
	Expires time.Time
}

// Text returns the claim of the given name, empty if it is no text.
func (t Token) Text(name string) string {
	text, _ := t.Claims[name].(string)
	return text
}

// parts are the three parts of a token in the compact serialisation (RFC 7515
// §7.1), decoded and not verified.
type parts struct {
	header, claims map[string]any
	signed         string // what the signature is over
	signature      []byte // empty if there is none
}

// split reads a token. There is one way to write each: no padding, no line
// breaks, which the decoder of the standard library passes over, no bits behind
// the last octet, and no member twice.
func split(token string) (parts, bool) {
	header, rest, _ := strings.Cut(token, ".")
	payload, mark, ok := strings.Cut(rest, ".")
	if !ok || strings.ContainsAny(token, "\r\n") || strings.Contains(mark, ".") {
		return parts{}, false
	}
	p := parts{signed: token[:len(header)+1+len(payload)]}
	decoded := make([][]byte, 3)
	for i, part := range []string{header, payload, mark} {
		var err error
		if decoded[i], err = base64.RawURLEncoding.Strict().DecodeString(part); err != nil || len(decoded[i]) == 0 && i < 2 {
			return parts{}, false
		}
	}
	p.signature = decoded[2]
	var readable [2]bool
	p.header, readable[0] = object(decoded[0])
	p.claims, readable[1] = object(decoded[1])
	return p, readable[0] && readable[1]
}

// judge returns what a token with a right signature says, if that is said for
// here and now.
func (v *Verifier) judge(from *issuer, p parts) (Token, error) {
	token := Token{Issuer: from.Name, Type: typeOf(p.header), Claims: p.claims}
	token.Alg, _ = p.header["alg"].(string)
	if err := v.checkTimes(&token); err != nil {
		return Token{}, err
	}
	if !meant(p.claims["aud"], from.Audiences) {
		return Token{}, v.Refuse("token-audience", "the token is meant for another audience")
	}
	if _, bound := p.claims["cnf"]; bound {
		return Token{}, v.Refuse("token-bound", "the token is bound to a key that a bearer does not show (RFC 7800)")
	}
	var ok bool
	if token.Subject, ok = p.claims["sub"].(string); !ok && p.claims["sub"] != nil {
		return Token{}, v.Refuse("bad-token", "the subject of the token is no text")
	}
	return token, nil
}

// checkTimes compares exp, nbf and iat (RFC 7519 §4.1) with the clock, and puts
// them into the token.
func (v *Verifier) checkTimes(token *Token) error {
	now := v.cfg.Now()
	var given [3]bool
	times := [3]time.Time{}
	for i, name := range []string{"exp", "nbf", "iat"} {
		value, there := token.Claims[name]
		if !there {
			continue
		}
		if times[i], given[i] = instant(value); !given[i] {
			return v.Refuse("bad-token", "the %s of the token is no time", name)
		}
	}
	expires, begins, issued := times[0], times[1], times[2]
	switch {
	case !given[0]:
		return v.Refuse("bad-token", "the token does not say when it expires")
	case !now.Before(expires.Add(v.cfg.Leeway)):
		return v.Refuse("token-expired", "the token has expired").Hinting("sign in again")
	case given[1] && now.Before(begins.Add(-v.cfg.Leeway)),
		given[2] && now.Before(issued.Add(-v.cfg.Leeway)):
		return v.Refuse("token-early", "the token is not valid yet")
	}
	token.Expires, token.Issued = expires, issued
	return nil
}

// Past reports whether the claim is a time that is not in the future, with the
// leeway of all times.
func (v *Verifier) Past(claim any) bool {
	at, ok := instant(claim)
	return ok && !v.cfg.Now().Before(at.Add(-v.cfg.Leeway))
}

// lastSecond is the end of the year 9999, after which times have no text.
const lastSecond = 253402300799

// instant reads a NumericDate (RFC 7519 §2) to the second, towards the past.
func instant(claim any) (time.Time, bool) {
	seconds, ok := claim.(float64)
	if !ok || seconds < 0 || seconds > lastSecond {
		return time.Time{}, false
	}
	return time.Unix(int64(math.Floor(seconds)), 0), true
}

// meant reports whether aud, a text or a list of texts, has one of the audiences.
func meant(aud any, audiences []string) bool {
	switch aud := aud.(type) {
	case string:
		return slices.Contains(audiences, aud)
	case []any:
		found := false
		for _, item := range aud {
			text, ok := item.(string)
			if !ok {
				return false
			}
			found = found || slices.Contains(audiences, text)
		}
		return found
	}
	return false
}

// typeOf returns the typ of a header as RFC 7515 §4.1.9 compares it. What is no
// text is a type that nobody has.
func typeOf(header map[string]any) string {
	value, given := header["typ"]
	if !given {
		return ""
	}
	text, ok := value.(string)
	if !ok || text == "" {
		return "unreadable"
	}
	return strings.TrimPrefix(strings.ToLower(text), "application/")
}

// CheckSubject returns an error if the token has no subject of at most the given
// number of octets.
func (v *Verifier) CheckSubject(token Token, most int) error {
	switch n := len(token.Subject); {
	case n == 0:
		return v.Refuse("token-subject", "the token names no subject")
	case n > most:
		return v.Refuse("token-subject", "the subject of the token has %d octets, of %d at most", n, most)
	}
	return nil
}
