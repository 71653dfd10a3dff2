// Package bearer verifies signed tokens (JWS in JSON Web Tokens, RFC 7515 and
// 7519) of issuers that are somebody else's, with the keys that these publish
// (RFC 7517). It is what oidc, entra and firebase have in common; what a claim
// means is theirs. Start at [Open] and [Verifier.Verify].
//
// The signature itself is checked by golang-jwt, and all else here. A token is
// read with the strict reader of core/record, because encoding/json takes the
// last of two members with one name; and keys are kept here, because those who
// keep them elsewhere ask the issuer for each unknown kid, and read however much
// it answers.
package bearer

import (
	"context"
	"strings"
	"sync"
	"time"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/ports/auth"
)

// Limits of tokens.
const (
	MaxTokenBytes = 8 << 10     // a longer token is refused unread
	MaxKidBytes   = 256         // a longer kid is no name of a key
	MaxLeeway     = time.Minute // between our clock and the issuer's
)

// DefaultStale is how long keys are used after their issuer was last heard of,
// if nothing is said; MaxStale is the most.
const (
	DefaultStale = 24 * time.Hour
	MaxStale     = 7 * 24 * time.Hour
)

// Config says whose tokens are verified, and how.
type Config struct {
	Op       string            // who asks, for errors: "oidc"
	Issuers  []Issuer          // each has a Name of its own
	Disowned map[string]string // by iss: why tokens of issuers that are known are never accepted
	Leeway   time.Duration     // for exp, nbf and iat; 0 is 60 s, which is also the most
	MaxStale time.Duration     // how long keys are used after their issuer was last heard of; 0 is 24 h, at most 168 h

	// Now is the clock that the times of tokens are compared with; nil is time.Now.
	// How old keys are is measured with a clock that nobody can set.
	Now func() time.Time
}

// An Issuer is one whose tokens are accepted.
type Issuer struct {
	Name       string   // iss, exactly
	Discovery  string   // what its discovery document is below (OpenID Connect Discovery §4); empty is Name
	Keys       string   // where its keys are; empty is where the discovery document says
	Audiences  []string // of which aud must have one, exactly
	Algorithms []string // that it may sign with: the defaults are [Algorithms]
	Private    bool     // it is in a private network, of which addresses may be asked
	KeyIssuers []string // if a key says whose it is, one of these; empty is whatever it says
	Unsigned   bool     // an emulator: its tokens are those of alg none without a signature, and no others; it has no keys
}

// A Verifier verifies the tokens of some issuers. It is safe for concurrent use.
type Verifier struct {
	cfg     Config
	issuers map[string]*issuer
	close   func()
}

// An issuer is an Issuer with the keys that it has now, nil if it is Unsigned.
type issuer struct {
	Issuer
	keys *keySet
}

// Open returns a Verifier, having asked each issuer for its keys.
//
// Open returns fault.Invalid if something in cfg is wrong, or if an issuer
// answers with what is no answer of an issuer of that name. An issuer that does
// not answer is no error: it is asked again until it does, and its tokens cannot
// be told from forged ones until then. Issuers are asked at once, for 10 s at
// most. Whoever opens a Verifier closes it.
func Open(ctx context.Context, cfg Config) (*Verifier, error) {
	return open(ctx, cfg, func(i Issuer) (fetcher, error) {
		from, err := newSource(cfg.Op, i)
		if err != nil {
			return nil, err
		}
		return from.fetch, nil
	})
}

// open returns a Verifier whose issuers give their keys by what from returns.
func open(ctx context.Context, cfg Config, from func(Issuer) (fetcher, error)) (*Verifier, error) {
	if err := cfg.complete(); err != nil {
		return nil, err
	}
	v := &Verifier{cfg: cfg, issuers: make(map[string]*issuer, len(cfg.Issuers))}
	var all []*keySet
	for _, i := range cfg.Issuers {
		if i.Unsigned {
			v.issuers[i.Name] = &issuer{Issuer: i}
			continue
		}
		fetch, err := from(i)
		if err != nil {
			return nil, err
		}
		set := newKeySet(fetch, cfg.MaxStale)
		v.issuers[i.Name] = &issuer{Issuer: i, keys: set}
		all = append(all, set)
	}
	v.close = sync.OnceFunc(func() {
		for _, set := range all {
			set.close()
		}
	})
	for _, set := range all {
		set.start(ctx)
	}
	for _, set := range all {
		if err := set.first(ctx); err != nil {
			v.close()
			return nil, err
		}
	}
	return v, nil
}

// Close stops asking for keys. Calling it again does nothing.
func (v *Verifier) Close() error {
	v.close()
	return nil
}

// Verify returns what the token of the credential says, if one of the issuers
// has signed it, for one of its audiences, and for now.
//
// Verify keeps what the port promises of Authenticate: fault.Unsupported of
// another scheme and another issuer, which the token itself names and which is
// not believed for it; fault.Unavailable if keys are needed that cannot be had;
// fault.Unauthenticated of all else. The code of the error says why, for the log.
func (v *Verifier) Verify(ctx context.Context, credential auth.Credential) (Token, error) {
	if err := ctx.Err(); err != nil {
		return Token{}, err
	}
	if credential.Scheme != auth.Bearer {
		return Token{}, fault.New(fault.Unsupported, v.op(), "this is not a bearer token")
	}
	if len(credential.Token) > MaxTokenBytes {
		return Token{}, v.Refuse("bad-token", "the token is longer than %d bytes", MaxTokenBytes)
	}
	parts, ok := split(credential.Token)
	if !ok {
		return Token{}, v.Refuse("bad-token", "the token is malformed")
	}
	from, err := v.issuerOf(parts)
	if err != nil {
		return Token{}, err
	}
	if err := v.verifySignature(ctx, from, parts); err != nil {
		return Token{}, err
	}
	return v.judge(from, parts)
}

// issuerOf returns whose the token is to judge, before its signature is looked
// at: what it says of that decides but who is asked.
func (v *Verifier) issuerOf(p parts) (*issuer, error) {
	name, _ := p.claims["iss"].(string)
	if name == "" {
		return nil, v.Refuse("bad-token", "the token names no issuer")
	}
	if from, ok := v.issuers[name]; ok {
		return from, nil
	}
	if why, ok := v.cfg.Disowned[name]; ok {
		return nil, v.Refuse("token-version", "%s", why)
	}
	return nil, fault.New(fault.Unsupported, v.op(), "the token is of another issuer")
}

// Refuse returns the error for a token that is not accepted, with a code for the
// log. It holds nothing of the token, and has no cause that could.
func (v *Verifier) Refuse(code, format string, args ...any) *fault.Error {
	return fault.New(fault.Unauthenticated, v.op(), format, args...).Coded(code)
}

func (v *Verifier) op() string { return v.cfg.Op + ".Authenticate" }

// complete puts in what is not given, and returns an error if what is given is
// wrong.
func (c *Config) complete() error {
	op := c.Op + ".Open"
	if c.Leeway == 0 {
		c.Leeway = MaxLeeway
	}
	if c.MaxStale == 0 {
		c.MaxStale = DefaultStale
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	switch {
	case c.Leeway < 0 || c.Leeway > MaxLeeway:
		return fault.New(fault.Invalid, op, "leeway is %v, but must be between 0 and %v", c.Leeway, MaxLeeway)
	case c.MaxStale < 2*longestPause || c.MaxStale > MaxStale:
		return fault.New(fault.Invalid, op, "max_stale is %v, but must be between %v and %v", c.MaxStale, 2*longestPause, MaxStale)
	}
	issuers := make([]Issuer, len(c.Issuers))
	for at, i := range c.Issuers {
		if i.Algorithms == nil {
			i.Algorithms = Algorithms
		}
		for _, name := range i.Algorithms {
			if _, ok := methods[name]; !ok {
				return fault.New(fault.Invalid, op, "algorithms has %q, but may have only %s", name, strings.Join(known(), ", "))
			}
		}
		if len(i.Audiences) == 0 {
			return fault.New(fault.Invalid, op, "audiences is missing").
				Hinting("name what the tokens for this server have as aud, as in [https://api.example.com]")
		}
		for _, audience := range i.Audiences {
			if audience == "" || strings.TrimSpace(audience) != audience {
				return fault.New(fault.Invalid, op, "audiences has %q, which is no audience", audience)
			}
		}
		issuers[at] = i
	}
	c.Issuers = issuers
	return nil
}
