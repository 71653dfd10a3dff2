// Package bearertest has an issuer of tokens for tests, which also signs what no
// issuer would. Start at [New].
package bearertest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/golang-jwt/jwt/v5"

	"github.com/portolan-io/portolan/ports/auth"
)

// An Issuer serves its discovery document and its keys on 127.0.0.1, and counts
// the requests. It is safe for concurrent use.
type Issuer struct {
	URL string // of the server, which is also the issuer that its document names

	mu       sync.Mutex
	names    string
	document []any // pairs of members of the discovery document, besides the usual ones
	routes   map[string]http.HandlerFunc
	keys     []map[string]any
	header   http.Header
	answer   http.HandlerFunc // instead of everything else, unless nil
	requests map[string]int
}

// Paths of the documents.
const (
	DiscoveryPath = "/.well-known/openid-configuration"
	KeysPath      = "/keys"
)

// New starts an Issuer without keys, which ends with the test.
func New(t testing.TB) *Issuer {
	t.Helper()
	i := &Issuer{header: http.Header{}, requests: map[string]int{}}
	server := httptest.NewServer(i)
	t.Cleanup(server.Close)
	i.URL, i.names = server.URL, server.URL
	return i
}

// ServeHTTP answers with a document.
func (i *Issuer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	i.mu.Lock()
	i.requests[r.URL.Path]++
	answer, keys, names, more, route := i.answer, i.keys, i.names, i.document, i.routes[r.URL.Path]
	for name, values := range i.header {
		w.Header()[name] = values
	}
	i.mu.Unlock()
	var document any
	switch {
	case answer != nil:
		answer(w, r)
		return
	case r.URL.Path == DiscoveryPath:
		document = changed(map[string]any{"issuer": names, "jwks_uri": i.URL + KeysPath}, more)
	case route != nil:
		route(w, r)
		return
	case r.URL.Path == KeysPath:
		document = map[string]any{"keys": keys}
	default:
		http.NotFound(w, r)
		return
	}
	_ = json.NewEncoder(w).Encode(document)
}

// Requests returns how often the path was asked for, and everything if it is empty.
func (i *Issuer) Requests(path string) int {
	i.mu.Lock()
	defer i.mu.Unlock()
	if path != "" {
		return i.requests[path]
	}
	all := 0
	for _, n := range i.requests {
		all += n
	}
	return all
}

// Answer makes the issuer answer everything so from now on, and as ever again if
// it is nil.
func (i *Issuer) Answer(with http.HandlerFunc) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.answer = with
}

// Names makes the discovery document name another issuer.
func (i *Issuer) Names(issuer string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.names = issuer
}

// Document adds members to the discovery document, which are pairs of a name and a value.
func (i *Issuer) Document(members ...any) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.document = members
}

// Route makes the issuer answer at the path so.
func (i *Issuer) Route(path string, with http.HandlerFunc) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.routes == nil {
		i.routes = map[string]http.HandlerFunc{}
	}
	i.routes[path] = with
}

// Header sets a header of all answers.
func (i *Issuer) Header(name, value string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.header.Set(name, value)
}

// Publish makes these the keys of the issuer.
func (i *Issuer) Publish(keys ...Key) {
	published := []map[string]any{}
	for _, k := range keys {
		published = append(published, k.JWK())
	}
	i.PublishRaw(published...)
}

// PublishRaw makes these the keys of the issuer, whatever they are.
func (i *Issuer) PublishRaw(keys ...map[string]any) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.keys = keys
}

// A Key signs with one algorithm.
type Key struct {
	ID      string
	Method  jwt.SigningMethod
	Private crypto.Signer
}

// NewKey makes a key for the algorithm.
func NewKey(t testing.TB, id, algorithm string) Key {
	t.Helper()
	k := Key{ID: id, Method: jwt.GetSigningMethod(algorithm)}
	var err error
	switch algorithm {
	case "ES256":
		k.Private, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case "ES384":
		k.Private, err = ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	case "ES512":
		k.Private, err = ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	case "EdDSA":
		_, k.Private, err = ed25519.GenerateKey(rand.Reader)
	default:
		k.Private, err = rsa.GenerateKey(rand.Reader, 2048)
	}
	if err != nil || k.Method == nil {
		t.Fatalf("a key for %s: %v", algorithm, err)
	}
	return k
}

// JWK returns the public half as issuers publish it (RFC 7517).
func (k Key) JWK() map[string]any {
	members := map[string]any{"use": "sig"}
	if k.ID != "" {
		members["kid"] = k.ID
	}
	octets := base64.RawURLEncoding.EncodeToString
	switch public := k.Private.Public().(type) {
	case *rsa.PublicKey:
		members["kty"], members["n"], members["e"] = "RSA", octets(public.N.Bytes()), octets(big.NewInt(int64(public.E)).Bytes())
	case *ecdsa.PublicKey:
		point, err := public.Bytes()
		if err != nil {
			panic(err)
		}
		half := len(point) / 2
		members["kty"], members["crv"] = "EC", public.Params().Name
		members["x"], members["y"] = octets(point[1:1+half]), octets(point[1+half:])
	case ed25519.PublicKey:
		members["kty"], members["crv"], members["x"] = "OKP", "Ed25519", octets(public)
	}
	return members
}

// Null returns a claim or a parameter of a header that is null.
func Null() any { return (*int)(nil) }

// Claims are the claims of a token. With returns them changed by pairs of a name
// and a value; a nil value removes the claim.
type Claims map[string]any

// With returns a copy of the claims that is changed so.
func (c Claims) With(changes ...any) Claims { return changed(c, changes) }

func changed(all map[string]any, changes []any) map[string]any {
	result := make(map[string]any, len(all))
	for name, value := range all {
		result[name] = value
	}
	for at := 0; at < len(changes); at += 2 {
		if changes[at+1] == nil {
			delete(result, changes[at].(string))
			continue
		}
		result[changes[at].(string)] = changes[at+1]
	}
	return result
}

// Sign returns a token with the claims. header changes its header, as With does
// claims.
func (k Key) Sign(t Failing, claims map[string]any, header ...any) string {
	t.Helper()
	base := map[string]any{"alg": k.Method.Alg(), "typ": "JWT"}
	if k.ID != "" {
		base["kid"] = k.ID
	}
	return k.SignRaw(t, encode(t, changed(base, header)), encode(t, claims))
}

// SignRaw returns a token with just this header and payload.
func (k Key) SignRaw(t Failing, header, payload string) string {
	t.Helper()
	text := Part(header) + "." + Part(payload)
	signature, err := k.Method.Sign(text, k.Private)
	if err != nil {
		t.Fatalf("signing: %v", err)
	}
	return text + "." + base64.RawURLEncoding.EncodeToString(signature)
}

// Part returns a part of a token that holds the text.
func Part(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }

// Bearer returns the credential that a token is.
func Bearer(token string) auth.Credential {
	return auth.Credential{Scheme: auth.Bearer, Token: token}
}

// Failing is what of testing.T is needed to sign.
type Failing interface {
	Helper()
	Fatalf(format string, args ...any)
}

func encode(t Failing, value any) string {
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatalf("%v", err)
	}
	return string(text)
}
