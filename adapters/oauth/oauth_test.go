package oauth

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/portolan-io/portolan/adapters/internal/bearer/bearertest"
	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/ports/auth"
	"github.com/portolan-io/portolan/ports/secrets"
)

const (
	client = "portolan"
	secret = "a secret of the server"
	sentTo = "https://api.example.com/v1/auth/oauth/x/callback"
	code   = "c0de-of-anna"
	access = "an access token"
)

var attempt = auth.Attempt{State: "the state", Nonce: "the nonce", Verifier: strings.Repeat("verifier", 6)}

// A provider is one that signs in anna, and that can be made to do what none does.
type provider struct {
	*bearertest.Issuer
	t   *testing.T
	key bearertest.Key
	*Client
}

func newProvider(t *testing.T, change ...func(*Config)) *provider {
	t.Helper()
	p := &provider{Issuer: bearertest.New(t), t: t, key: bearertest.NewKey(t, "k", "ES256")}
	p.Publish(p.key)
	p.Document("authorization_endpoint", p.URL+"/authorize", "token_endpoint", p.URL+"/token")
	p.answers(p.claims())
	cfg := Config{Issuer: p.URL, ClientID: client, ClientSecret: secrets.Fixed(secret), Redirect: sentTo}
	for _, c := range change {
		c(&cfg)
	}
	opened, err := Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	p.Client = opened
	t.Cleanup(func() { _ = opened.Close() })
	return p
}

func (p *provider) claims() bearertest.Claims {
	now := time.Now().Unix()
	return bearertest.Claims{
		"iss": p.URL, "sub": "anna", "aud": client, "exp": now + 60, "iat": now, "nonce": attempt.Nonce, "at_hash": halfHash("ES256", access),
	}
}

// answers has the provider exchange the code for an ID token with the claims, if it is
// asked as it has to be.
func (p *provider) answers(claims map[string]any, header ...any) {
	p.Route("/token", func(w http.ResponseWriter, r *http.Request) {
		id, password, _ := r.BasicAuth()
		wrong := r.PostFormValue("code") != code || r.PostFormValue("code_verifier") != attempt.Verifier ||
			r.PostFormValue("redirect_uri") != sentTo || r.PostFormValue("grant_type") != "authorization_code"
		if unescaped, _ := url.QueryUnescape(password); id != client || unescaped != secret {
			wrong = true
		}
		w.Header().Set("Content-Type", "application/json")
		if wrong {
			w.WriteHeader(http.StatusBadRequest)
			fmt.Fprintf(w, `{"error":"invalid_grant","error_description":"%s of %s"}`, r.PostFormValue("code"), password)
			return
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"access_token": access, "token_type": "Bearer", "id_token": p.key.Sign(p.t, claims, header...)})
	})
}

func (p *provider) finish() error {
	_, err := p.Finish(p.t.Context(), attempt, auth.Return{Code: code})
	return err
}

// wants checks what an attempt ends with, and that nothing secret is in it.
func wants(t *testing.T, err error, kind fault.Kind, code string) {
	t.Helper()
	if fault.KindOf(err) != kind || kind != "" && fault.Of(err).Code != code {
		t.Errorf("it ends with %v, want %s %s", err, kind, code)
	}
	for e := err; e != nil; e = errors.Unwrap(e) {
		for _, text := range []string{secret, "c0de", attempt.Verifier, attempt.Nonce, access, url.QueryEscape(secret)} {
			if strings.Contains(e.Error(), text) {
				t.Errorf("the error %q holds %q", e, text)
			}
		}
	}
}

// TestBegin: a browser is sent with everything that binds the answer to the attempt, and
// for a code alone.
func TestBegin(t *testing.T) {
	p := newProvider(t)
	where, err := p.Begin(t.Context(), attempt)
	if err != nil {
		t.Fatal(err)
	}
	address, _ := url.Parse(where)
	q := address.Query()
	for name, want := range map[string]string{
		"response_type": "code", "client_id": client, "redirect_uri": sentTo, "scope": "openid email",
		"state": attempt.State, "nonce": attempt.Nonce, "code_challenge_method": "S256",
	} {
		if q.Get(name) != want {
			t.Errorf("%s is %q, want %q", name, q.Get(name), want)
		}
	}
	if len(q.Get("code_challenge")) != 43 || strings.Contains(where, attempt.Verifier) || strings.Contains(where, url.QueryEscape(secret)) {
		t.Errorf("the challenge is %q in %s", q.Get("code_challenge"), where)
	}
}

// TestFinish: who signed in is issuer and subject, with the roles that the token has if
// these are to count.
func TestFinish(t *testing.T) {
	p := newProvider(t)
	who, err := p.Finish(t.Context(), attempt, auth.Return{Code: code, Issuer: p.URL})
	if err != nil || who.Issuer != p.URL || who.Subject != "anna" || who.Roles != nil {
		t.Errorf("Finish = %+v, %v", who, err)
	}
	p = newProvider(t, func(c *Config) { c.RolesClaim, c.RoleMap = "groups", map[string]string{"staff": "clerk"} })
	p.answers(p.claims().With("groups", []string{"staff", "admin"}))
	if who, err = p.Finish(t.Context(), attempt, auth.Return{Code: code}); err != nil || len(who.Roles) != 1 || who.Roles[0] != "clerk" {
		t.Errorf("with roles: %+v, %v", who, err)
	}
	p.answers(p.claims())
	if who, err = p.Finish(t.Context(), attempt, auth.Return{Code: code}); err != nil || who.Roles == nil || len(who.Roles) != 0 {
		t.Errorf("without the claim: %#v, %v, want roles that are none", who.Roles, err)
	}
}

// TestForeignIDTokens: an ID token that is not of this attempt, this client and this
// issuer proves nothing.
func TestForeignIDTokens(t *testing.T) {
	p := newProvider(t)
	wants(t, p.finish(), "", "")
	other := bearertest.NewKey(t, "k", "ES256")
	for _, tt := range []struct {
		name   string
		change []any
		code   string
	}{
		{"another nonce", []any{"nonce", "another"}, "token-nonce"},
		{"no nonce", []any{"nonce", nil}, "token-nonce"},
		{"another audience", []any{"aud", "somebody"}, "token-audience"},
		{"two audiences", []any{"aud", []string{client, "somebody"}}, "token-audience"},
		{"issued to another", []any{"azp", "somebody"}, "token-audience"},
		{"another access token", []any{"at_hash", halfHash("ES256", "another")}, "token-hash"},
		{"expired", []any{"exp", time.Now().Unix() - 120}, "token-expired"},
		{"another issuer", []any{"iss", "https://evil.example"}, "token-issuer"},
		{"nobody", []any{"sub", nil}, "token-subject"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p.answers(p.claims().With(tt.change...))
			wants(t, p.finish(), fault.Forbidden, tt.code)
		})
	}
	p.answers(p.claims(), "typ", "at+jwt")
	wants(t, p.finish(), fault.Forbidden, "token-type")
	p.key = other
	p.answers(p.claims())
	wants(t, p.finish(), fault.Forbidden, "token-signature")
}

// TestSwappedCode: a code that is of another attempt is not accepted, nor an attempt
// without its verifier.
func TestSwappedCode(t *testing.T) {
	p := newProvider(t)
	_, err := p.Finish(t.Context(), attempt, auth.Return{Code: "c0de-of-otto"})
	wants(t, err, fault.Forbidden, "bad-code")
	another := attempt
	another.Verifier = strings.Repeat("another", 7)
	_, err = p.Finish(t.Context(), another, auth.Return{Code: code})
	wants(t, err, fault.Forbidden, "bad-code")
}

// TestMissingVerifier: without it the provider is not even asked.
func TestMissingVerifier(t *testing.T) {
	p := newProvider(t)
	_, err := p.Finish(t.Context(), auth.Attempt{State: attempt.State, Nonce: attempt.Nonce}, auth.Return{Code: code})
	wants(t, err, fault.Forbidden, "bad-state")
	_, err = p.Finish(t.Context(), attempt, auth.Return{})
	wants(t, err, fault.Forbidden, "bad-code")
	if n := p.Requests("/token"); n != 0 {
		t.Errorf("the provider was asked %d times", n)
	}
}

// TestMixUp: an answer of another provider is refused before its code is sent anywhere,
// and so is one that does not say whose it is, of a provider that does.
func TestMixUp(t *testing.T) {
	p := newProvider(t)
	_, err := p.Finish(t.Context(), attempt, auth.Return{Code: code, Issuer: "https://evil.example"})
	wants(t, err, fault.Forbidden, "provider-mixed-up")
	p = newProvider(t)
	p.Document("authorization_endpoint", p.URL+"/authorize", "token_endpoint", p.URL+"/token", "authorization_response_iss_parameter_supported", true)
	wants(t, p.finish(), fault.Forbidden, "provider-mixed-up")
	if n := p.Requests("/token"); n != 0 {
		t.Errorf("the code was sent %d times", n)
	}
	_, err = p.Finish(t.Context(), attempt, auth.Return{Code: code, Issuer: p.URL})
	wants(t, err, "", "")
}

// TestNastyProviders: whatever a provider answers is a clear error, with nothing of it.
func TestNastyProviders(t *testing.T) {
	for _, tt := range []struct {
		name   string
		answer http.HandlerFunc
		kind   fault.Kind
		code   string
	}{
		{"down", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) }, fault.Unavailable, "provider-unavailable"},
		{"hanging up", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, fault.Unavailable, "provider-unavailable"},
		{"sending elsewhere", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
		}, fault.Unavailable, "provider-unavailable"},
		{"another secret", func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusUnauthorized)
			fmt.Fprintf(w, `{"error":"invalid_client","error_description":"%s"}`, r.Header.Get("Authorization"))
		}, fault.Unavailable, "provider-client"},
		{"a page", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>"+access) }, fault.Unavailable, "provider-unavailable"},
		{"too much", func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprintf(w, `{"x":"%s","access_token":"a"}`, strings.Repeat("x", 1<<20))
		}, fault.Unavailable, "provider-unavailable"},
		{"no ID token", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprint(w, `{"access_token":"a","token_type":"Bearer"}`)
		}, fault.Forbidden, "bad-token"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := newProvider(t)
			p.Route("/token", tt.answer)
			p.Route("/elsewhere", func(http.ResponseWriter, *http.Request) { t.Error("it was followed") })
			wants(t, p.finish(), tt.kind, tt.code)
			if n := p.Requests("/token"); n != 1 {
				t.Errorf("the code was sent %d times, want once", n)
			}
		})
	}
}

// TestInwardEndpoints: a provider cannot have this server ask its own network.
func TestInwardEndpoints(t *testing.T) {
	p := newProvider(t)
	p.Document("authorization_endpoint", p.URL+"/authorize", "token_endpoint", "https://169.254.169.254/token")
	wants(t, p.finish(), fault.Unavailable, "provider-unavailable")
	for _, endpoint := range []string{"http://token.example/token", "file:///etc/passwd", "", "https://a:b@token.example/"} {
		p := newProvider(t)
		p.Document("authorization_endpoint", p.URL+"/authorize", "token_endpoint", endpoint)
		wants(t, p.finish(), fault.Unavailable, "provider-unavailable")
	}
}

// TestProviderThatIsAway: one that does not answer is asked again after a while, and not by
// everybody who wants to sign in.
func TestProviderThatIsAway(t *testing.T) {
	now := time.Now()
	p := newProvider(t, func(c *Config) { c.Now = func() time.Time { return now } })
	p.Answer(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) })
	before := p.Requests(bearertest.DiscoveryPath)
	for range 3 {
		_, err := p.Begin(t.Context(), attempt)
		wants(t, err, fault.Unavailable, "provider-unavailable")
	}
	if n := p.Requests(bearertest.DiscoveryPath) - before; n != 1 {
		t.Errorf("it was asked %d times, want once", n)
	}
	p.Answer(nil)
	now = now.Add(retryAfter)
	if _, err := p.Begin(t.Context(), attempt); err != nil {
		t.Errorf("it is back, and the attempt ends with %v", err)
	}
}

// TestBrowserThatGoesAway: one that leaves while the provider is asked says nothing of the
// provider, and keeps nobody else from it.
func TestBrowserThatGoesAway(t *testing.T) {
	p := newProvider(t)
	leaving, leave := context.WithCancel(t.Context())
	p.Answer(func(w http.ResponseWriter, r *http.Request) {
		leave()
		<-r.Context().Done()
		w.WriteHeader(http.StatusServiceUnavailable)
	})
	if _, err := p.Begin(leaving, attempt); !errors.Is(err, context.Canceled) {
		t.Errorf("who left gets %v", err)
	}
	p.Answer(nil)
	if _, err := p.Begin(t.Context(), attempt); err != nil {
		t.Errorf("somebody else gets %v", err)
	}
}

// TestBadConfig: what cannot work is said at the start.
func TestBadConfig(t *testing.T) {
	whole := Config{Issuer: "https://login.example.com", ClientID: client, Redirect: sentTo}
	for name, change := range map[string]func(*Config){
		"no issuer":          func(c *Config) { c.Issuer = "" },
		"no client":          func(c *Config) { c.ClientID = "" },
		"nowhere to go":      func(c *Config) { c.Redirect = "" },
		"roles from nowhere": func(c *Config) { c.RoleMap = map[string]string{"a": "b"} },
		"an implied role":    func(c *Config) { c.RolesClaim, c.RoleMap = "roles", map[string]string{"a": "authenticated"} },
		"plain":              func(c *Config) { c.Issuer = "http://login.example.com" },
	} {
		cfg := whole
		change(&cfg)
		if _, err := Open(t.Context(), cfg); fault.KindOf(err) != fault.Invalid {
			t.Errorf("%s: Open = %v, want %s", name, err, fault.Invalid)
		}
	}
}

// TestClientSecretRotates: the provider is shown what the secret is then, and a source
// that cannot be read is told of, and not the provider's fault.
func TestClientSecretRotates(t *testing.T) {
	now, failure := "the one before", error(nil)
	p := newProvider(t, func(cfg *Config) {
		cfg.ClientSecret = func(context.Context) (string, error) { return now, failure }
	})
	wants(t, p.finish(), fault.Forbidden, "bad-code") // as this provider says it
	now = secret
	many := 1000
	if more, err := strconv.Atoi(os.Getenv("PORTOLAN_TEST_ROTATIONS")); err == nil {
		many = more
	}
	for range many {
		if err := p.finish(); err != nil {
			t.Fatalf("with the secret that is right now: %v", err)
		}
	}
	failure = fault.New(fault.Unavailable, "test", "it is away")
	if err := p.finish(); !errors.Is(err, failure) {
		t.Errorf("without the secret it ends with %v, want %v", err, failure)
	}
}
