package bearer

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/base64"
	"errors"
	"math/big"
	"slices"
)

// A key is a public key of an issuer, with the algorithms that it is good for.
type key struct {
	id         string // kid, empty if it has none
	algorithms []string
	public     crypto.PublicKey
}

// Bounds of the modulus of an RSA key, in bits: RFC 7518 §3.3 asks for the least,
// and the price of a verification for the most.
const (
	leastBits = 2048
	mostBits  = 8192
)

// errNoSet is why an answer is no set of keys.
var errNoSet = errors.New("it is no JSON Web Key Set (RFC 7517)")

// readKeys reads a JSON Web Key Set (RFC 7517 §5). As it asks, keys of kinds and
// uses that are not understood are passed over; a set that has no other is an
// error. issuers are those a key may say it is of, if it does.
func readKeys(text []byte, issuers []string) ([]key, error) {
	set, ok := object(text)
	if !ok {
		return nil, errNoSet
	}
	list, ok := set["keys"].([]any)
	if !ok {
		return nil, errNoSet
	}
	var keys []key
	for _, item := range list {
		if members, ok := item.(map[string]any); ok {
			if k, ok := readKey(members, issuers); ok {
				keys = append(keys, k)
			}
		}
	}
	if len(keys) == 0 {
		return nil, errors.New("its JSON Web Key Set has no public key that signs with an algorithm known here")
	}
	return keys, nil
}

// readKey reads one key that verifies signatures.
func readKey(members map[string]any, issuers []string) (key, bool) {
	k := jwk(members)
	if use, given := members["use"]; given && use != "sig" {
		return key{}, false
	}
	if operations, given := members["key_ops"]; given {
		list, _ := operations.([]any)
		if !slices.Contains(list, any("verify")) {
			return key{}, false
		}
	}
	if _, given := members["issuer"]; given && issuers != nil && !slices.Contains(issuers, k.text("issuer")) {
		return key{}, false
	}
	read := key{id: k.text("kid")}
	if _, named := members["kid"]; named && (read.id == "" || len(read.id) > MaxKidBytes) {
		return key{}, false
	}
	switch k.text("kty") {
	case "RSA":
		read.public, read.algorithms = k.rsa()
	case "EC":
		read.public, read.algorithms = k.ec()
	case "OKP":
		read.public, read.algorithms = k.okp()
	}
	if algorithm, given := members["alg"]; given {
		read.algorithms = slices.DeleteFunc(read.algorithms, func(name string) bool { return any(name) != algorithm })
	}
	return read, len(read.algorithms) > 0
}

// A jwk is a JSON Web Key as it is written.
type jwk map[string]any

func (k jwk) text(name string) string {
	text, _ := k[name].(string)
	return text
}

func (k jwk) octets(name string) []byte {
	octets, err := base64.RawURLEncoding.DecodeString(k.text(name))
	if err != nil {
		return nil
	}
	return octets
}

// rsa reads an RSA key (RFC 7518 §6.3.1).
func (k jwk) rsa() (crypto.PublicKey, []string) {
	modulus, exponent := new(big.Int).SetBytes(k.octets("n")), new(big.Int).SetBytes(k.octets("e"))
	if bits := modulus.BitLen(); bits < leastBits || bits > mostBits || modulus.Bit(0) == 0 {
		return nil, nil
	}
	if exponent.BitLen() < 2 || exponent.BitLen() > 31 || exponent.Bit(0) == 0 {
		return nil, nil
	}
	return &rsa.PublicKey{N: modulus, E: int(exponent.Int64())}, []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"}
}

// ec reads a key on one of the curves of NIST (RFC 7518 §6.2.1), whose
// coordinates have exactly the length of the curve and are a point on it. A
// curve has one algorithm, so that no other is tried with it.
func (k jwk) ec() (crypto.PublicKey, []string) {
	var curve elliptic.Curve
	var algorithm string
	switch k.text("crv") {
	case "P-256":
		curve, algorithm = elliptic.P256(), "ES256"
	case "P-384":
		curve, algorithm = elliptic.P384(), "ES384"
	case "P-521":
		curve, algorithm = elliptic.P521(), "ES512"
	default:
		return nil, nil
	}
	x, y, length := k.octets("x"), k.octets("y"), (curve.Params().BitSize+7)/8
	if len(x) != length || len(y) != length {
		return nil, nil
	}
	public, err := ecdsa.ParseUncompressedPublicKey(curve, slices.Concat([]byte{4}, x, y))
	if err != nil {
		return nil, nil
	}
	return public, []string{algorithm}
}

// okp reads an Ed25519 key (RFC 8037 §2).
func (k jwk) okp() (crypto.PublicKey, []string) {
	x := k.octets("x")
	if k.text("crv") != "Ed25519" || len(x) != ed25519.PublicKeySize {
		return nil, nil
	}
	return ed25519.PublicKey(x), []string{"EdDSA"}
}
