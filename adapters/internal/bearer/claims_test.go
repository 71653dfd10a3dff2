package bearer_test

import (
	"errors"
	"math"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/portolan-io/portolan/adapters/internal/bearer"
	"github.com/portolan-io/portolan/adapters/internal/bearer/bearertest"
	"github.com/portolan-io/portolan/core/fault"
)

func down(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) }

func TestTimes(t *testing.T) {
	f := open(t)
	at := func(d time.Duration) int64 { return now.Add(d).Unix() }
	for _, tt := range []struct {
		name   string
		claims bearertest.Claims
		code   string // of the refusal, empty if the token is valid
	}{
		{"an hour", f.claims(), ""},
		{"expired within the leeway", f.claims("exp", at(-59*time.Second)), ""},
		{"expired at the leeway", f.claims("exp", at(-60*time.Second)), "token-expired"},
		{"expired", f.claims("exp", at(-time.Hour)), "token-expired"},
		{"a part of a second", f.claims("exp", float64(at(0))+0.5), ""},
		{"no exp", f.claims("exp", nil), "bad-token"},
		{"exp null", f.claims("exp", bearertest.Null()), "bad-token"},
		{"exp as text", f.claims("exp", "2030-01-01T00:00:00Z"), "bad-token"},
		{"exp as digits in text", f.claims("exp", "9999999999"), "bad-token"},
		{"exp zero", f.claims("exp", 0), "token-expired"},
		{"exp negative", f.claims("exp", -1), "bad-token"},
		{"exp beyond all years", f.claims("exp", 1e18), "bad-token"},
		{"exp as large as can be", f.claims("exp", math.MaxFloat64), "bad-token"},
		{"exp in milliseconds", f.claims("exp", at(time.Hour)*1000), "bad-token"},
		{"exp true", f.claims("exp", true), "bad-token"},
		{"nbf now", f.claims("nbf", at(0)), ""},
		{"nbf within the leeway", f.claims("nbf", at(60*time.Second)), ""},
		{"nbf beyond the leeway", f.claims("nbf", at(61*time.Second)), "token-early"},
		{"nbf as text", f.claims("nbf", "now"), "bad-token"},
		{"iat within the leeway", f.claims("iat", at(60*time.Second)), ""},
		{"iat in the future", f.claims("iat", at(61*time.Second)), "token-early"},
		{"iat as text", f.claims("iat", "now"), "bad-token"},
		{"no iat", f.claims("iat", nil), ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			token := f.keys["EdDSA"].Sign(t, tt.claims)
			got, err := f.Verify(t.Context(), bearertest.Bearer(token))
			code := ""
			if err != nil {
				code = fault.Of(err).Code
			}
			if code != tt.code || err != nil && !errors.Is(err, fault.Unauthenticated) {
				t.Errorf("Verify = %v, %v, want the code %q", got.Expires, err, tt.code)
			}
		})
	}
}

func TestAudiences(t *testing.T) {
	f := open(t)
	for _, tt := range []struct {
		name string
		aud  any
		ok   bool
	}{
		{"exact", "api", true},
		{"another that is configured", "https://api.example.com", true},
		{"among others", []string{"shop", "api"}, true},
		{"missing", nil, false},
		{"null", bearertest.Null(), false},
		{"empty", "", false},
		{"an empty list", []string{}, false},
		{"another", "shop", false},
		{"others", []string{"shop", "api2"}, false},
		{"a prefix", "ap", false},
		{"a suffix", "pi", false},
		{"longer", "api.example.com", false},
		{"a slash more", "https://api.example.com/", false},
		{"capitals", "API", false},
		{"a space more", "api ", false},
		{"both in one", "api https://api.example.com", false},
		{"a number", 7, false},
		{"among numbers", []any{"api", 7}, false},
		{"an object", map[string]any{"api": true}, false},
		{"a list in a list", []any{[]any{"api"}}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			token := f.keys["EdDSA"].Sign(t, f.claims("aud", tt.aud))
			if tt.ok {
				f.accepted(t, tt.name, token)
			} else {
				f.refused(t, tt.name, token)
			}
		})
	}
}

func TestSubjects(t *testing.T) {
	f := open(t)
	for name, tt := range map[string]struct {
		sub any
		ok  bool
	}{
		"a text":     {"anna", true},
		"the most":   {strings.Repeat("a", 16), true},
		"too long":   {strings.Repeat("a", 17), false},
		"empty":      {"", false},
		"missing":    {nil, false},
		"null":       {bearertest.Null(), false},
		"a number":   {7, false},
		"a list":     {[]string{"anna"}, false},
		"with a NUL": {"an\x00na", false},
	} {
		token, err := f.Verify(t.Context(), bearertest.Bearer(f.keys["EdDSA"].Sign(t, f.claims("sub", tt.sub))))
		if err == nil {
			err = f.CheckSubject(token, 16)
		}
		if tt.ok != (err == nil) || err != nil && !errors.Is(err, fault.Unauthenticated) {
			t.Errorf("%s: %v, want accepted: %t", name, err, tt.ok)
		}
	}
}

// TestConfig: what cannot be right stops the start, by the name of the key.
func TestConfig(t *testing.T) {
	issuer := bearer.Issuer{Name: "https://127.0.0.1:1", Audiences: []string{"api"}}
	with := func(change func(*bearer.Issuer)) bearer.Config {
		changed := issuer
		change(&changed)
		return bearer.Config{Op: "test", Issuers: []bearer.Issuer{changed}}
	}
	for says, cfg := range map[string]bearer.Config{
		"leeway is 2m0s, but must be":     {Op: "test", Leeway: 2 * time.Minute},
		"leeway is -1s, but must be":      {Op: "test", Leeway: -time.Second},
		"max_stale is 1h0m0s, but must":   {Op: "test", MaxStale: time.Hour},
		"max_stale is 169h0m0s, but must": {Op: "test", MaxStale: bearer.MaxStale + time.Hour},
		"audiences is missing":            with(func(i *bearer.Issuer) { i.Audiences = nil }),
		`audiences has ""`:                with(func(i *bearer.Issuer) { i.Audiences = []string{"api", ""} }),
		`algorithms has "none", but may`:  with(func(i *bearer.Issuer) { i.Algorithms = []string{"none"} }),
		`algorithms has "HS256", but may`: with(func(i *bearer.Issuer) { i.Algorithms = []string{"RS256", "HS256"} }),
		`algorithms has "", but may`:      with(func(i *bearer.Issuer) { i.Algorithms = []string{""} }),
		"must begin with https://":        with(func(i *bearer.Issuer) { i.Name = "http://login.example.com" }),
	} {
		v, err := bearer.Open(t.Context(), cfg)
		if v != nil || !errors.Is(err, fault.Invalid) || !strings.Contains(err.Error(), says) {
			t.Errorf("Open = %v, want one that says %q", err, says)
		}
	}
}

// TestSilentIssuer: an issuer that cannot be reached does not keep anybody from
// starting; its tokens cannot be judged until it answers.
func TestSilentIssuer(t *testing.T) {
	issuer := bearertest.New(t)
	key := bearertest.NewKey(t, "k", "EdDSA")
	issuer.Publish(key)
	issuer.Answer(down)
	v, err := bearer.Open(t.Context(), bearer.Config{
		Op: "test", Issuers: []bearer.Issuer{{Name: issuer.URL, Audiences: []string{"api"}}},
		Now: func() time.Time { return now },
	})
	if err != nil {
		t.Fatalf("Open = %v, want none", err)
	}
	defer v.Close()
	token := bearertest.Bearer(key.Sign(t, map[string]any{"iss": issuer.URL, "aud": "api", "sub": "anna", "exp": now.Add(time.Hour).Unix()}))
	if _, err := v.Verify(t.Context(), token); fault.KindOf(err) != fault.Unavailable {
		t.Errorf("Verify = %v, want %s", err, fault.Unavailable)
	}
	issuer.Answer(nil)
	for { // until the test's own deadline: the issuer is asked again soon
		if _, err = v.Verify(t.Context(), token); err == nil {
			return
		}
		if fault.KindOf(err) != fault.Unavailable {
			t.Fatalf("Verify = %v, want %s", err, fault.Unavailable)
		}
		time.Sleep(20 * time.Millisecond)
	}
}
