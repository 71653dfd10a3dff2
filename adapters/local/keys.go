package local

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"slices"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/portolan-io/portolan/core/fault"
)

// askAgain is how long after keys were read they are read again for a token whose
// key is not among them: another instance may have read a new one first.
const askAgain = time.Second

// A key is the public half of one that signs, or did.
type key struct {
	public crypto.PublicKey
	method jwt.SigningMethod // a key has one, so that no token chooses another
	id     string            // the RFC 7638 thumbprint
	jwk    webKey
}

// A webKey is a key as RFC 7517 writes it. Its members are in the order of their
// names, as thumbprints need them.
type webKey struct {
	Algorithm string `json:"alg,omitempty"`
	Curve     string `json:"crv"`
	ID        string `json:"kid,omitempty"`
	Type      string `json:"kty"`
	Use       string `json:"use,omitempty"`
	X         string `json:"x"`
	Y         string `json:"y,omitempty"`
}

// A ring is the keys of one moment. It does not change.
type ring struct {
	signs   crypto.Signer
	current key // its public half
	all     []key
}

// verifying returns the key that a token is to be verified with. A token that names
// none can only be of the current one.
func (r *ring) verifying(token *jwt.Token) (any, error) {
	k := r.current
	if kid, given := token.Header["kid"]; given {
		at := slices.IndexFunc(r.all, func(k key) bool { return kid == any(k.id) })
		if at < 0 {
			return nil, errUnknownKey
		}
		k = r.all[at]
	}
	if token.Method.Alg() != k.method.Alg() {
		return nil, errUnknownKey
	}
	return k.public, nil
}

func (r *ring) has(kid any) bool {
	return slices.ContainsFunc(r.all, func(k key) bool { return kid == any(k.id) })
}

var errUnknownKey = errors.New("the token is of another key")

// KeySet returns the public keys as a JSON Web Key Set.
func (a *Authenticator) KeySet(ctx context.Context) ([]byte, error) {
	keys, err := a.keys(ctx, keyLife)
	if err != nil {
		return nil, unreadable(ctx, "local.KeySet", err)
	}
	set := struct {
		Keys []webKey `json:"keys"`
	}{}
	for _, k := range keys.all {
		public := k.jwk
		public.ID, public.Algorithm, public.Use = k.id, k.method.Alg(), "sig"
		set.Keys = append(set.Keys, public)
	}
	return json.Marshal(set)
}

// keysFor returns the keys for a token that names one, or gives nil.
func (a *Authenticator) keysFor(ctx context.Context, kid any) (*ring, error) {
	keys, err := a.keys(ctx, keyLife)
	if err != nil || kid == nil || keys.has(kid) {
		return keys, err
	}
	return a.keys(ctx, askAgain)
}

// keys returns the keys, asking for them again if they were last asked for so long
// ago. When the asking fails the last keys serve on, so that an outage signs nobody
// out, and they are asked for a second later.
func (a *Authenticator) keys(ctx context.Context, after time.Duration) (*ring, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.keysNow(ctx, after)
}

// keysNow is keys of who has a.mu.
func (a *Authenticator) keysNow(ctx context.Context, after time.Duration) (*ring, error) {
	now := a.cfg.Now()
	if a.cfg.Key == nil || a.ring != nil && now.Sub(a.asked) < after {
		return a.ring, nil
	}
	read, err := a.read(ctx)
	switch {
	case err == nil:
		if a.ring != nil && slices.ContainsFunc(a.ring.all, func(k key) bool { return !read.has(k.id) }) {
			a.epoch.Add(1)
		}
		a.ring, a.asked = read, now
	case a.ring == nil:
		return nil, err
	default:
		a.asked = now.Add(askAgain - keyLife)
	}
	return a.ring, nil
}

// Epoch returns a number that is another one when a key is no longer accepted that was
// before. It looks for that as often as Authenticate does, and waits for nobody who looks.
func (a *Authenticator) Epoch(ctx context.Context) uint64 {
	if a.mu.TryLock() {
		_, _ = a.keysNow(ctx, keyLife) // while they cannot be read the last ones serve on
		a.mu.Unlock()
	}
	return a.epoch.Load()
}

// read reads all keys anew.
func (a *Authenticator) read(ctx context.Context) (*ring, error) {
	text, err := a.cfg.Key(ctx)
	if err != nil {
		return nil, err
	}
	private, _, err := parseKey(text)
	if err != nil {
		return nil, err
	}
	if private == nil {
		return nil, badKey("the key is the public half alone, which cannot sign")
	}
	current, err := newKey(private.Public())
	if err != nil {
		return nil, err
	}
	r := &ring{signs: private, current: current, all: []key{current}}
	for _, value := range a.cfg.Previous {
		if text, err = value(ctx); err != nil {
			return nil, err
		}
		_, public, err := parseKey(text)
		if err != nil {
			return nil, err
		}
		previous, err := newKey(public)
		if err != nil {
			return nil, err
		}
		if !r.has(previous.id) {
			r.all = append(r.all, previous)
		}
	}
	return r, nil
}

// parseKey reads a key from PEM, and its private half if it is there. Its errors
// tell nothing of the text.
func parseKey(text string) (crypto.Signer, crypto.PublicKey, error) {
	block, _ := pem.Decode([]byte(text))
	switch {
	case block == nil:
		return nil, nil, badKey("the key is not a PEM block of the type PRIVATE KEY")
	case block.Type == "PUBLIC KEY":
		public, err := x509.ParsePKIXPublicKey(block.Bytes)
		if err != nil {
			return nil, nil, badKey("the public key cannot be read")
		}
		return nil, public, nil
	case block.Type != "PRIVATE KEY":
		return nil, nil, badKey("the key is not a PEM block of the type PRIVATE KEY")
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	private, ok := parsed.(crypto.Signer)
	if err != nil || !ok {
		return nil, nil, badKey("the key is not one in PKCS #8 that signs")
	}
	return private, private.Public(), nil
}

// newKey names a key by the thumbprint of its public half (RFC 7638, RFC 8037).
func newKey(public crypto.PublicKey) (key, error) {
	encode := base64.RawURLEncoding.EncodeToString
	k := key{public: public}
	switch public := public.(type) {
	case ed25519.PublicKey:
		k.method, k.jwk = jwt.SigningMethodEdDSA, webKey{Type: "OKP", Curve: "Ed25519", X: encode(public)}
	case *ecdsa.PublicKey:
		point, err := public.Bytes() // 4, x, y
		if err != nil || public.Curve != elliptic.P256() {
			return key{}, badKey("the key is on another curve than P-256")
		}
		half := 1 + (len(point)-1)/2
		k.method, k.jwk = jwt.SigningMethodES256, webKey{Type: "EC", Curve: "P-256", X: encode(point[1:half]), Y: encode(point[half:])}
	default:
		return key{}, badKey("the key is neither of Ed25519 nor of P-256")
	}
	text, err := json.Marshal(k.jwk)
	if err != nil {
		return key{}, fault.New(fault.Internal, "local.Open", "the key cannot be written as JSON").Because(err)
	}
	sum := sha256.Sum256(text)
	k.id = encode(sum[:])
	return k, nil
}

func badKey(format string, args ...any) error {
	return fault.New(fault.Invalid, "local.Open", format, args...).
		Hinting("make one with: openssl genpkey -algorithm ed25519")
}

// unreadable says that there are no keys now, or that the caller went away.
func unreadable(ctx context.Context, op string, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return fault.New(fault.Unavailable, op, "the key cannot be read now").Because(err)
}
