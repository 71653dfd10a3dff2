package bearer_test

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/portolan-io/portolan/adapters/internal/bearer"
	"github.com/portolan-io/portolan/adapters/internal/bearer/bearertest"
	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/ports/auth"
)

var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// A fixture is a verifier of one issuer that has a key of each kind.
type fixture struct {
	*bearer.Verifier
	issuer *bearertest.Issuer
	keys   map[string]bearertest.Key // by algorithm; ES384 is known and not allowed
}

func open(t *testing.T) *fixture {
	t.Helper()
	f := &fixture{issuer: bearertest.New(t), keys: map[string]bearertest.Key{}}
	var all []bearertest.Key
	for _, algorithm := range []string{"RS256", "ES256", "EdDSA", "ES384"} {
		f.keys[algorithm] = bearertest.NewKey(t, "key-"+algorithm, algorithm)
		all = append(all, f.keys[algorithm])
	}
	f.issuer.Publish(all...)
	var err error
	f.Verifier, err = bearer.Open(t.Context(), bearer.Config{
		Op:      "test",
		Issuers: []bearer.Issuer{{Name: f.issuer.URL, Audiences: []string{"api", "https://api.example.com"}}},
		Now:     func() time.Time { return now },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func (f *fixture) claims(changes ...any) bearertest.Claims {
	return bearertest.Claims{
		"iss": f.issuer.URL, "aud": "api", "sub": "anna", "iat": now.Unix(), "exp": now.Add(time.Hour).Unix(),
	}.With(changes...)
}

func (f *fixture) refused(t *testing.T, name, token string) {
	t.Helper()
	got, err := f.Verify(t.Context(), bearertest.Bearer(token))
	if !errors.Is(err, fault.Unauthenticated) || got.Subject != "" {
		t.Errorf("%s: Verify = %q, %v, want %s", name, got.Subject, err, fault.Unauthenticated)
	}
}

func (f *fixture) accepted(t *testing.T, name, token string) {
	t.Helper()
	got, err := f.Verify(t.Context(), bearertest.Bearer(token))
	if err != nil || got.Subject != "anna" || got.Issuer != f.issuer.URL {
		t.Errorf("%s: Verify = %q of %q, %v, want anna", name, got.Subject, got.Issuer, err)
	}
}

func TestAccepted(t *testing.T) {
	f := open(t)
	for _, algorithm := range []string{"RS256", "ES256", "EdDSA"} {
		f.accepted(t, algorithm, f.keys[algorithm].Sign(t, f.claims()))
	}
	ps256 := f.keys["RS256"]
	ps256.Method = jwt.SigningMethodPS256
	f.accepted(t, "PS256 with an RSA key", ps256.Sign(t, f.claims()))
}

// TestAlgorithms: what an issuer may sign with is configured; the token does not
// choose, and a key has algorithms of its own (RFC 8725 §3.1, §3.2).
func TestAlgorithms(t *testing.T) {
	f := open(t)
	body := strings.Split(f.keys["RS256"].Sign(t, f.claims()), ".")
	for _, alg := range []string{`"none"`, `"None"`, `"nOnE"`, `"NONE"`, `""`, `null`, `"none "`, `["RS256"]`, `"rs256"`, `"RS256\u0020"`} {
		for _, kid := range []string{"", `,"kid":"key-RS256"`} {
			header := bearertest.Part(`{"alg":` + alg + `,"typ":"JWT"` + kid + `}`)
			f.refused(t, "alg "+alg+" unsigned", header+"."+body[1]+".")
			f.refused(t, "alg "+alg+" signed", header+"."+body[1]+"."+body[2])
		}
	}
	f.refused(t, "no signature", body[0]+"."+body[1]+".")
	f.refused(t, "no alg", f.keys["RS256"].Sign(t, f.claims(), "alg", nil))

	public := f.keys["RS256"].Private.Public()
	spki, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	for name, secret := range map[string][]byte{
		"DER":     spki,
		"PKCS #1": x509.MarshalPKCS1PublicKey(public.(*rsa.PublicKey)),
		"PEM":     pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: spki}),
		"modulus": public.(*rsa.PublicKey).N.Bytes(),
	} {
		for _, method := range []jwt.SigningMethod{jwt.SigningMethodHS256, jwt.SigningMethodHS512} {
			f.refused(t, method.Alg()+" with the public key as "+name, withSecret(t, method, secret, f.claims(), "key-RS256"))
		}
	}
	f.refused(t, "ES384, which its issuer may not use", f.keys["ES384"].Sign(t, f.claims()))
	f.refused(t, "RS384, which its issuer may not use", f.keys["RS256"].Sign(t, f.claims(), "alg", "RS384"))
}

func withSecret(t *testing.T, method jwt.SigningMethod, secret []byte, claims map[string]any, kid string) string {
	t.Helper()
	token := jwt.NewWithClaims(method, jwt.MapClaims(claims))
	token.Header["kid"] = kid
	text, err := token.SignedString(secret)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// TestSignatures: a signature must be of the algorithm that is named, by a key
// that is good for it.
func TestSignatures(t *testing.T) {
	f := open(t)
	rs, es := f.keys["RS256"].Sign(t, f.claims()), f.keys["ES256"].Sign(t, f.claims())
	for name, token := range map[string]string{
		"r and s are zero":               resigned(es, make([]byte, 64)),
		"r and s are the order":          resigned(es, append(order(), order()...)),
		"a signature that is short":      resigned(es, make([]byte, 63)),
		"a signature that is long":       resigned(es, make([]byte, 65)),
		"a signature in DER":             resigned(es, []byte{0x30, 6, 2, 1, 0, 2, 1, 0}),
		"an RSA signature of zeros":      resigned(rs, make([]byte, 256)),
		"RS256 under an EC key":          f.keys["RS256"].Sign(t, f.claims(), "kid", "key-ES256"),
		"ES256 under an RSA key":         f.keys["ES256"].Sign(t, f.claims(), "kid", "key-RS256"),
		"EdDSA under an EC key":          f.keys["EdDSA"].Sign(t, f.claims(), "kid", "key-ES256"),
		"ES256 said of P-384":            f.keys["ES384"].Sign(t, f.claims(), "alg", "ES256"),
		"PS256 said of RS256":            f.keys["RS256"].Sign(t, f.claims(), "alg", "PS256"),
		"another key of the same name":   bearertest.NewKey(t, "key-RS256", "RS256").Sign(t, f.claims()),
		"no kid, and nobody's key":       bearertest.NewKey(t, "", "EdDSA").Sign(t, f.claims()),
		"the signature of another token": resigned(rs, signatureOf(t, f.keys["RS256"].Sign(t, f.claims("sub", "otto")))),
		"the claims of another token":    swapped(rs, f.keys["ES256"].Sign(t, f.claims("sub", "otto"))),
	} {
		f.refused(t, name, token)
	}
	for _, algorithm := range []string{"RS256", "ES256", "EdDSA"} {
		f.accepted(t, "no kid, one key for "+algorithm, f.keys[algorithm].Sign(t, f.claims(), "kid", nil))
	}
}

func order() []byte {
	n, _ := base64.RawURLEncoding.DecodeString("_____wAAAAD__________7zm-q2nF56E87nKwvxjJVE")
	return n
}

func resigned(token string, signature []byte) string {
	return token[:strings.LastIndex(token, ".")+1] + base64.RawURLEncoding.EncodeToString(signature)
}

func signatureOf(t *testing.T, token string) []byte {
	t.Helper()
	signature, err := base64.RawURLEncoding.DecodeString(token[strings.LastIndex(token, ".")+1:])
	if err != nil {
		t.Fatal(err)
	}
	return signature
}

func swapped(token, other string) string {
	parts, others := strings.Split(token, "."), strings.Split(other, ".")
	return parts[0] + "." + others[1] + "." + parts[2]
}

// TestKeysOfTheToken: keys, and addresses of keys, that a token brings are not
// looked at, and its kid is a name and nothing else (RFC 8725 §3.10).
func TestKeysOfTheToken(t *testing.T) {
	f := open(t)
	var asked atomic.Int64
	listener := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	defer listener.Close()
	own := bearertest.NewKey(t, "key-RS256", "RS256")
	certificate := base64.StdEncoding.EncodeToString(selfSigned(t, own.Private))
	before := f.issuer.Requests("")
	for name, header := range map[string][]any{
		"jwk":                 {"jwk", own.JWK()},
		"jku":                 {"jku", listener.URL + "/keys"},
		"x5u":                 {"x5u", listener.URL + "/cert.pem"},
		"x5c":                 {"x5c", []string{certificate}},
		"jku and another kid": {"jku", listener.URL + "/keys", "kid", "own"},
		"all of them": {"jwk", own.JWK(), "jku", listener.URL, "x5u", listener.URL, "x5c", []string{certificate},
			"x5t", "AAAA", "kid", listener.URL},
		"kid of a file":        {"kid", "../../../../../../dev/null"},
		"kid of a query":       {"kid", "x' UNION SELECT 'key' --"},
		"kid of a command":     {"kid", "key|/usr/bin/id"},
		"kid of an address":    {"kid", listener.URL + "/key"},
		"kid of 4 kB":          {"kid", strings.Repeat("k", 4<<10)},
		"kid of 10 kB":         {"kid", strings.Repeat("k", 10<<10)},
		"kid with a NUL":       {"kid", "key-RS256\x00"},
		"kid with a line":      {"kid", "key-RS256\n"},
		"kid that is empty":    {"kid", ""},
		"kid of a number":      {"kid", 7},
		"kid of an object":     {"kid", own.JWK()},
		"kid of null":          {"kid", bearertest.Null()},
		"kid in other letters": {"kid", "KEY-RS256"},
	} {
		f.refused(t, name+" with another key", own.Sign(t, f.claims(), header...))
		token := f.keys["RS256"].Sign(t, f.claims(), header...)
		if strings.HasPrefix(name, "j") && len(header) == 2 || strings.HasPrefix(name, "x") {
			f.accepted(t, name+" with the right key", token)
			continue
		}
		f.refused(t, name, token)
	}
	if n := asked.Load(); n != 0 {
		t.Errorf("%d requests were made for a token's sake, want none", n)
	}
	if n := f.issuer.Requests("") - before; n != 0 {
		t.Errorf("the issuer was asked %d times within a minute, want never", n)
	}
}

func selfSigned(t *testing.T, key crypto.Signer) []byte {
	t.Helper()
	template := &x509.Certificate{SerialNumber: big.NewInt(1)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// TestTenThousandKids: unknown keys by the thousand make no requests within the
// minute in which the issuer was asked, and nothing is kept of them.
func TestTenThousandKids(t *testing.T) {
	f := open(t)
	_, rest, _ := strings.Cut(f.keys["EdDSA"].Sign(t, f.claims()), ".")
	before, begun := f.issuer.Requests(""), time.Now()
	for n := range 10_000 {
		f.refused(t, "unknown kid", bearertest.Part(fmt.Sprintf(`{"alg":"EdDSA","kid":"%d"}`, n))+"."+rest)
	}
	minutes := int(time.Since(begun)/time.Minute) + 1
	if n := f.issuer.Requests("") - before; n > minutes {
		t.Errorf("10,000 unknown keys made %d requests in %d minutes", n, minutes)
	}
	f.accepted(t, "a known key afterwards", f.keys["EdDSA"].Sign(t, f.claims()))
}

// TestSpellings: a token has one spelling, and parts of which nothing can be read
// twice.
func TestSpellings(t *testing.T) {
	f := open(t)
	key := f.keys["EdDSA"]
	token := key.Sign(t, f.claims())
	p := strings.Split(token, ".")
	head := `{"alg":"EdDSA","kid":"key-EdDSA","typ":"JWT"}`
	body := fmt.Sprintf(`{"iss":%q,"aud":"api","sub":"anna","exp":%d}`, f.issuer.URL, now.Add(time.Hour).Unix())
	f.accepted(t, "written by hand", key.SignRaw(t, head, body))
	inBody := func(member string) string { return key.SignRaw(t, head, strings.Replace(body, "{", "{"+member+",", 1)) }
	for name, text := range map[string]string{
		"trailing dot":              token + ".",
		"two trailing dots":         token + "..",
		"leading dot":               "." + token,
		"padding of the header":     p[0] + "=." + p[1] + "." + p[2],
		"padding of the signature":  token + "==",
		"line break":                token + "\n",
		"line break within":         p[0] + "." + p[1][:8] + "\r\n" + p[1][8:] + "." + p[2],
		"space":                     token + " ",
		"the other base64":          p[0] + "." + p[1] + "." + strings.NewReplacer("-", "+", "_", "/").Replace(p[2]) + "+",
		"bits behind the last":      token[:len(token)-1] + next(token[len(token)-1:]),
		"two parts":                 p[0] + "." + p[1],
		"five parts, as a JWE":      token + "." + p[1] + "." + p[2],
		"no header":                 "." + p[1] + "." + p[2],
		"sub twice":                 inBody(`"sub":"otto"`),
		"iss twice":                 inBody(`"iss":"https://other.example"`),
		"aud twice":                 inBody(`"aud":"other"`),
		"exp twice":                 inBody(`"exp":9999999999`),
		"a claim twice, within":     inBody(`"realm_access":{"roles":["a"],"roles":["admin"]}`),
		"a claim twice, escaped":    inBody(`"s\u0075b":"otto"`),
		"alg twice":                 key.SignRaw(t, strings.Replace(head, "{", `{"alg":"none",`, 1), body),
		"kid twice":                 key.SignRaw(t, strings.Replace(head, "{", `{"kid":"other",`, 1), body),
		"claims that are a list":    key.SignRaw(t, head, "["+body+"]"),
		"claims that are null":      key.SignRaw(t, head, "null"),
		"claims with more behind":   key.SignRaw(t, head, body+"{}"),
		"claims in Latin-1":         inBody("\"name\":\"J\xfcrgen\""),
		"claims with half a symbol": inBody(`"name":"\ud800"`),
		"claims that are deep":      inBody(`"a":` + strings.Repeat("[", 65) + strings.Repeat("]", 65)),
		"a number without bounds":   inBody(`"n":1e999`),
		"crit":                      key.Sign(t, f.claims(), "crit", []string{"exp"}),
		"crit of nothing":           key.Sign(t, f.claims(), "crit", []string{}),
		"crit of b64":               key.Sign(t, f.claims(), "crit", []string{"b64"}, "b64", false),
		"bound to a key":            key.Sign(t, f.claims("cnf", map[string]any{"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"})),
		"oversized":                 key.Sign(t, f.claims("pad", strings.Repeat("x", bearer.MaxTokenBytes))),
	} {
		f.refused(t, name, text)
	}
	largest := key.Sign(t, f.claims("pad", strings.Repeat("x", 5800)))
	f.accepted(t, fmt.Sprintf("%d octets", len(largest)), largest)
}

// next returns the character behind c in the alphabet of base64.
func next(c string) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	at := strings.Index(alphabet, c)
	return alphabet[at+1 : at+2]
}

// TestForeign: other schemes and issuers are for others to judge, and no key is
// asked for because of them.
func TestForeign(t *testing.T) {
	f := open(t)
	key := f.keys["EdDSA"]
	for name, credential := range map[string]auth.Credential{
		"an API key":     {Scheme: auth.APIKey, Token: "ptl_0123456789"},
		"another issuer": bearertest.Bearer(key.Sign(t, f.claims("iss", "https://other.example"))),
		"a slash more":   bearertest.Bearer(key.Sign(t, f.claims("iss", f.issuer.URL+"/"))),
		"capitals":       bearertest.Bearer(key.Sign(t, f.claims("iss", strings.ToUpper(f.issuer.URL)))),
		"a longer path":  bearertest.Bearer(key.Sign(t, f.claims("iss", f.issuer.URL+"/realms/a"))),
	} {
		if _, err := f.Verify(t.Context(), credential); !errors.Is(err, fault.Unsupported) {
			t.Errorf("%s: Verify = %v, want %s", name, err, fault.Unsupported)
		}
	}
	for name, issuer := range map[string]any{"none": nil, "empty": "", "a list": []string{f.issuer.URL}, "a number": 7} {
		f.refused(t, "iss is "+name, key.Sign(t, f.claims("iss", issuer)))
	}
}
