package clouds

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"net/http"
	"testing"

	"github.com/golang-jwt/jwt/v5"
)

// A signer signs tokens, and publishes its key.
type signer struct {
	id  string
	key *rsa.PrivateKey
}

func newSigner(t testing.TB) signer {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return signer{rand.Text(), key}
}

// sign returns a token with the claims.
func (s signer) sign(t testing.TB, claims jwt.MapClaims) string {
	t.Helper()
	token := jwt.NewWithClaims(jwt.SigningMethodRS256, claims)
	token.Header["kid"] = s.id
	signed, err := token.SignedString(s.key)
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

// set is the key set (RFC 7517, section 5), its key with more members.
func (s signer) set(more map[string]any) map[string]any {
	encode := base64.RawURLEncoding.EncodeToString
	key := map[string]any{
		"kty": "RSA", "use": "sig", "alg": "RS256", "kid": s.id,
		"n": encode(s.key.N.Bytes()), "e": encode(big.NewInt(int64(s.key.E)).Bytes()),
	}
	for name, value := range more {
		key[name] = value
	}
	return map[string]any{"keys": []any{key}}
}

// answer writes value as JSON.
func answer(w http.ResponseWriter, status int, value any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(value) // who left does not read
}
