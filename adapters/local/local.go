// Package local authenticates with JWTs that this server signs itself, access tokens
// (RFC 9068) with signatures of Ed25519 (RFC 8037) or ECDSA on P-256 (RFC 7518), and
// hashes the passwords of its accounts. Start at [Open]; keys are in keys.go, and
// passwords in passwords.go.
package local

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/policy"
	"github.com/portolan-io/portolan/ports/auth"
	"github.com/portolan-io/portolan/ports/secrets"
)

// Limits of tokens.
const (
	MaxTokenBytes = 8 << 10         // a longer token is refused unread
	MaxLeeway     = time.Minute     // between our clock and the clock of whoever signed
	MaxLifetime   = 24 * time.Hour  // of a token that Issue makes
	keyLife       = 5 * time.Second // how long a key is used before its Value is asked again, which may keep it itself
)

// Config says who signs, for whom.
type Config struct {
	Issuer   string        `yaml:"issuer"`   // iss, which must be exactly this; empty is portolan
	Audience string        `yaml:"audience"` // aud, which must have exactly this among its members; empty is portolan
	Key      secrets.Value `yaml:"key"`      // what signs, a key of Ed25519 or P-256, PKCS #8 in PEM; nil is a fresh key that lives as long as the process
	Leeway   time.Duration `yaml:"leeway"`   // for exp, nbf and iat; 0 is 60 s, which is also the most

	// Previous are keys whose tokens are accepted as well: those that signed before, or
	// that are to sign next. The public half is enough.
	Previous []secrets.Value `yaml:"previous"`

	// Passwords is how dear it is to hash a password.
	Passwords Cost `yaml:"passwords"`

	// Now is the clock; nil is time.Now.
	Now func() time.Time `yaml:"-"`
}

// An Authenticator is an auth.Authenticator for the tokens of one issuer, which
// it also issues.
type Authenticator struct {
	cfg    Config
	parser *jwt.Parser
	places chan struct{} // one for each password that is being hashed
	wait   time.Duration // for a place; hashWait but for tests

	mu    sync.Mutex
	ring  *ring // nil until the keys were first read
	asked time.Time
	epoch atomic.Uint64
}

var (
	_ auth.Authenticator = (*Authenticator)(nil)
	_ auth.Issuer        = (*Authenticator)(nil)
	_ auth.Hasher        = (*Authenticator)(nil)
)

// Open returns an authenticator. It reads the key once, so that a wrong one
// stops the start.
func Open(ctx context.Context, cfg Config) (*Authenticator, error) {
	if cfg.Issuer == "" {
		cfg.Issuer = "portolan"
	}
	if cfg.Audience == "" {
		cfg.Audience = "portolan"
	}
	if cfg.Leeway == 0 {
		cfg.Leeway = MaxLeeway
	}
	if cfg.Leeway < 0 || cfg.Leeway > MaxLeeway {
		return nil, fault.New(fault.Invalid, "local.Open", "leeway is %v, but must be between 0 and %v", cfg.Leeway, MaxLeeway)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if err := cfg.Passwords.complete(); err != nil {
		return nil, err
	}
	a := &Authenticator{cfg: cfg, places: make(chan struct{}, cfg.Passwords.AtOnce), wait: hashWait, parser: jwt.NewParser(
		jwt.WithValidMethods([]string{jwt.SigningMethodEdDSA.Alg(), jwt.SigningMethodES256.Alg()}),
		jwt.WithIssuer(cfg.Issuer),
		jwt.WithAudience(cfg.Audience),
		jwt.WithExpirationRequired(),
		jwt.WithIssuedAt(),
		jwt.WithLeeway(cfg.Leeway),
		jwt.WithTimeFunc(cfg.Now),
		jwt.WithStrictDecoding(),
	)}
	if cfg.Key == nil {
		if len(cfg.Previous) > 0 {
			return nil, fault.New(fault.Invalid, "local.Open", "previous is given, but no key that came after").
				Hinting("give the key that signs, as in key: secret://signing-key")
		}
		_, private, err := ed25519.GenerateKey(rand.Reader)
		if err != nil {
			return nil, fault.New(fault.Internal, "local.Open", "no key could be made").Because(err)
		}
		current, err := newKey(private.Public())
		if err != nil {
			return nil, err
		}
		a.ring = &ring{signs: private, current: current, all: []key{current}}
		return a, nil
	}
	_, err := a.keys(ctx, keyLife)
	return a, err
}

// Name returns iss.
func (a *Authenticator) Name() string { return a.cfg.Issuer }

// Issue returns a token that says for ttl, at most MaxLifetime, that its bearer
// is p.Subject and has p.Roles. The claims of p are in it too, but for those
// that tokens have a meaning for.
func (a *Authenticator) Issue(ctx context.Context, p policy.Principal, ttl time.Duration) (string, error) {
	switch {
	case p.Subject == "":
		return "", fault.New(fault.Invalid, "local.Issue", "a token must have a subject")
	case ttl <= 0 || ttl > MaxLifetime:
		return "", fault.New(fault.Invalid, "local.Issue", "a token lives for more than 0 and at most %v, not %v", MaxLifetime, ttl)
	}
	keys, err := a.keys(ctx, keyLife)
	if err != nil {
		return "", unreadable(ctx, "local.Issue", err)
	}
	claims := jwt.MapClaims{}
	for name, value := range p.Claims {
		if !slices.Contains(registered, name) {
			claims[name] = value
		}
	}
	now := a.cfg.Now()
	claims["iss"], claims["aud"], claims["sub"] = a.cfg.Issuer, a.cfg.Audience, p.Subject
	claims["iat"], claims["exp"] = now.Unix(), now.Add(ttl).Unix()
	claims["jti"] = rand.Text()
	claims["roles"] = slices.DeleteFunc(slices.Clone(p.Roles), implied)
	token := jwt.NewWithClaims(keys.current.method, claims)
	token.Header["typ"], token.Header["kid"] = tokenType, keys.current.id
	signed, err := token.SignedString(keys.signs)
	switch {
	case err != nil:
		return "", fault.New(fault.Invalid, "local.Issue", "the claims cannot be written as JSON")
	case len(signed) > MaxTokenBytes:
		return "", fault.New(fault.TooLarge, "local.Issue", "the token would have %d bytes, of %d at most", len(signed), MaxTokenBytes)
	}
	return signed, nil
}

// registered are the claims with a meaning of their own, which Issue sets or
// leaves out.
var registered = []string{"iss", "aud", "sub", "iat", "exp", "nbf", "jti", "roles"}

// Close does nothing: all that an authenticator holds is memory.
func (a *Authenticator) Close() error { return nil }
