package authtest_test

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/policy"
	"github.com/portolan-io/portolan/ports/auth"
	"github.com/portolan-io/portolan/ports/auth/authtest"
	"github.com/portolan-io/portolan/ports/contract"
)

// A mint issues tokens that are signed with sign, rightly but for the ways in which
// the tests make it wrong. It is the authenticator beside itself.
type mint struct {
	wrong string
	down  bool
}

const (
	mintHeader = `{"alg":"MAC","kid":"one"}`
	mintSecret = "the secret of the mint"
)

func (m *mint) Name() string {
	if m.wrong == "misnamed" {
		return "elsewhere"
	}
	return "here"
}

func (m *mint) Issue(ctx context.Context, who policy.Principal, ttl time.Duration) (string, error) {
	if err := ctx.Err(); err != nil {
		if m.wrong == "wraps" {
			return "", fault.New(fault.Unavailable, "mint", "the context is done")
		}
		return "", err
	}
	switch {
	case m.down && m.wrong == "loud":
		return "", fault.New(fault.Unavailable, "mint", "the key %s cannot sign", mintSecret)
	case m.down && m.wrong != "confident":
		return "", fault.New(fault.Unavailable, "mint", "there is no key")
	case (who.Subject == "" || ttl <= 0) && m.wrong == "vague":
		return "", errors.New("no")
	case (who.Subject == "" || ttl <= 0) && m.wrong != "lax":
		return "", fault.New(fault.Invalid, "mint", "a token needs a subject and a time")
	case len(fmt.Sprint(who.Claims)) > 9000:
		return "", fault.New(fault.TooLarge, "mint", "the token is too large")
	}
	claims := map[string]any{"sub": who.Subject, "iss": "here", "roles": who.Roles, "exp": time.Now().Add(ttl).Unix(), "jti": rand.Text()}
	merged := maps.Clone(claims)
	if m.wrong != "forgetful" {
		merged = maps.Clone(who.Claims)
		maps.Copy(merged, claims)
	}
	switch m.wrong {
	case "believing":
		maps.Copy(merged, who.Claims)
	case "alike":
		delete(merged, "jti")
	case "long":
		merged["exp"] = time.Now().Add(2 * ttl).Unix()
	}
	body, err := json.Marshal(merged)
	if err != nil {
		return "", fault.New(fault.Invalid, "mint", "the claims are no JSON")
	}
	encode := base64.RawURLEncoding.EncodeToString
	return sign(encode([]byte(mintHeader)) + "." + encode(body)), nil
}

func (m *mint) KeySet(context.Context) ([]byte, error) {
	switch m.wrong {
	case "keyless":
		return []byte(`{"keys":[]}`), nil
	case "another kid":
		return []byte(`{"keys":[{"kty":"oct","kid":"two","alg":"MAC","use":"sig"}]}`), nil
	case "open":
		return []byte(`{"keys":[{"kty":"oct","kid":"one","alg":"MAC","use":"sig","k":"c2VjcmV0"}]}`), nil
	}
	return []byte(`{"keys":[{"kty":"oct","kid":"one","alg":"MAC","use":"sig"}]}`), nil
}

func (m *mint) Authenticate(_ context.Context, credential auth.Credential) (policy.Principal, error) {
	signed, _, _ := strings.Cut(credential.Token, "~")
	_, body, _ := strings.Cut(signed, ".")
	raw, err := base64.RawURLEncoding.DecodeString(body)
	var claims map[string]any
	if sign(signed) != credential.Token || err != nil || json.Unmarshal(raw, &claims) != nil {
		return policy.Principal{}, fault.New(fault.Unauthenticated, "mint", "this is no token of the mint")
	}
	who := policy.Principal{Claims: claims}
	who.Issuer, _ = claims["iss"].(string)
	who.Subject, _ = claims["sub"].(string)
	expires, _ := claims["exp"].(float64)
	who.Expires = time.Unix(int64(expires), 0)
	roles, _ := claims["roles"].([]any)
	for _, role := range roles {
		who.Roles = append(who.Roles, fmt.Sprint(role))
	}
	return who, nil
}

func (m *mint) Close() error { return nil }

func mintHarness(wrong string) authtest.IssuerHarness {
	m := &mint{wrong: wrong}
	return authtest.IssuerHarness{
		Issuer: m, Authenticator: m, Secrets: []string{mintSecret}, Break: func(contract.T) { m.down = true },
	}
}

func TestRightIssuer(t *testing.T) {
	authtest.RunIssuer(t, func(*testing.T) authtest.IssuerHarness { return mintHarness("") })
}

// TestWrongIssuers runs the suite over issuers that each break one clause.
func TestWrongIssuers(t *testing.T) {
	for wrong, catcher := range map[string]string{
		"misnamed":    "Name",
		"wraps":       "Done",
		"loud":        "Quiet",
		"confident":   "Unavailable",
		"vague":       "Kinds",
		"lax":         "Refusals",
		"forgetful":   "Principal",
		"believing":   "Claims",
		"alike":       "Issued",
		"long":        "Principal",
		"keyless":     "KeySet",
		"another kid": "Kid",
		"open":        "Private",
	} {
		t.Run(wrong, func(t *testing.T) {
			caught := contract.Failing(t.Context(), authtest.IssuerCases, func(contract.T) authtest.IssuerHarness { return mintHarness(wrong) })
			if !slices.Contains(caught, catcher) {
				t.Errorf("the suite failed at %v, want %s among them", caught, catcher)
			}
		})
	}
}

// TestEveryIssuerCaseCatches runs the suite without an issuer.
func TestEveryIssuerCaseCatches(t *testing.T) {
	caught := contract.Failing(t.Context(), authtest.IssuerCases, func(contract.T) authtest.IssuerHarness {
		h := mintHarness("")
		h.Issuer = nil
		return h
	})
	if len(caught) != len(authtest.IssuerCases) {
		t.Errorf("%d of %d cases fail without an issuer: %v", len(caught), len(authtest.IssuerCases), caught)
	}
}

func TestIssuerClauses(t *testing.T) {
	lines, err := contract.Disagreements("../issuer.go", authtest.IssuerCases, "An Issuer makes access tokens")
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range lines {
		t.Error(line)
	}
}
