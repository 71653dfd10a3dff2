// Package local authenticates with JWTs that this server signs itself: Ed25519
// signatures (RFC 8037) over access tokens (RFC 9068). Start at [Open].
package local

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"slices"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/policy"
	"github.com/portolan-io/portolan/ports/secrets"
)

// Limits of tokens.
const (
	MaxTokenBytes = 8 << 10          // a longer token is refused unread
	MaxLeeway     = time.Minute      // between our clock and the clock of whoever signed
	MaxLifetime   = 24 * time.Hour   // of a token that Issue makes
	keyLife       = 30 * time.Second // how long a key is used before its Value is asked again
)

// Config says who signs, for whom.
type Config struct {
	Issuer   string        `yaml:"issuer"`   // iss, which must be exactly this; empty is portolan
	Audience string        `yaml:"audience"` // aud, which must have exactly this among its members; empty is portolan
	Key      secrets.Value `yaml:"key"`      // an Ed25519 key, PKCS #8 in PEM; nil is a fresh key that lives as long as the process
	Leeway   time.Duration `yaml:"leeway"`   // for exp, nbf and iat; 0 is 60 s, which is also the most

	// Now is the clock; nil is time.Now.
	Now func() time.Time `yaml:"-"`
}

// An Authenticator is an auth.Authenticator for the tokens of one issuer, which
// it also issues.
type Authenticator struct {
	cfg    Config
	parser *jwt.Parser

	mu      sync.Mutex
	current signer
	asked   time.Time
}

// A signer is a key and its name.
type signer struct {
	private ed25519.PrivateKey
	id      string // the RFC 7638 thumbprint of the public key
}

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
	a := &Authenticator{cfg: cfg, parser: jwt.NewParser(
		jwt.WithValidMethods([]string{jwt.SigningMethodEdDSA.Alg()}),
		jwt.WithIssuer(cfg.Issuer),
		jwt.WithAudience(cfg.Audience),
		jwt.WithExpirationRequired(),
		jwt.WithIssuedAt(),
		jwt.WithLeeway(cfg.Leeway),
		jwt.WithTimeFunc(cfg.Now),
		jwt.WithStrictDecoding(),
	)}
	if cfg.Key == nil {
		_, private, err := ed25519.GenerateKey(rand.Reader)
		if err != nil {
			return nil, fault.New(fault.Internal, "local.Open", "no key could be made").Because(err)
		}
		a.current = newSigner(private)
		return a, nil
	}
	_, err := a.signer(ctx)
	return a, err
}

// Issue returns a token that says for ttl, at most MaxLifetime, that its bearer
// is p.Subject and has p.Roles. The claims of p are in it too, but for those
// that tokens have a meaning for.
func (a *Authenticator) Issue(p policy.Principal, ttl time.Duration) (string, error) {
	switch {
	case p.Subject == "":
		return "", fault.New(fault.Invalid, "local.Issue", "a token must have a subject")
	case ttl <= 0 || ttl > MaxLifetime:
		return "", fault.New(fault.Invalid, "local.Issue", "a token lives for more than 0 and at most %v, not %v", MaxLifetime, ttl)
	}
	key, err := a.signer(context.Background())
	if err != nil {
		return "", err
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
	token := jwt.NewWithClaims(jwt.SigningMethodEdDSA, claims)
	token.Header["typ"], token.Header["kid"] = tokenType, key.id
	signed, err := token.SignedString(key.private)
	switch {
	case err != nil:
		return "", fault.New(fault.Invalid, "local.Issue", "the claims cannot be written as JSON").Because(err)
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

// signer returns the key, asking for it again where it may have rotated. When
// the asking fails the last key serves on, so that an outage signs nobody out.
func (a *Authenticator) signer(ctx context.Context) (signer, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.cfg.Key == nil || a.current.private != nil && a.cfg.Now().Sub(a.asked) < keyLife {
		return a.current, nil
	}
	text, err := a.cfg.Key(ctx)
	if err == nil {
		var private ed25519.PrivateKey
		if private, err = parseKey(text); err == nil {
			a.current, a.asked = newSigner(private), a.cfg.Now()
			return a.current, nil
		}
	}
	if a.current.private != nil {
		return a.current, nil
	}
	return signer{}, err
}

// parseKey reads an Ed25519 key from PEM. Its errors tell nothing of the text.
func parseKey(text string) (ed25519.PrivateKey, error) {
	block, _ := pem.Decode([]byte(text))
	if block == nil || block.Type != "PRIVATE KEY" {
		return nil, fault.New(fault.Invalid, "local.Open", "the key is not a PEM block of the type PRIVATE KEY").
			Hinting("make one with: openssl genpkey -algorithm ed25519")
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	private, ok := parsed.(ed25519.PrivateKey)
	if err != nil || !ok {
		return nil, fault.New(fault.Invalid, "local.Open", "the key is not an Ed25519 key in PKCS #8").
			Hinting("make one with: openssl genpkey -algorithm ed25519")
	}
	return private, nil
}

// newSigner names a key by the thumbprint of its public half (RFC 7638, 8037).
func newSigner(private ed25519.PrivateKey) signer {
	public := base64.RawURLEncoding.EncodeToString(private.Public().(ed25519.PublicKey))
	sum := sha256.Sum256([]byte(`{"crv":"Ed25519","kty":"OKP","x":"` + public + `"}`))
	return signer{private: private, id: base64.RawURLEncoding.EncodeToString(sum[:])}
}
