package authtest_test

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/ports/auth"
	"github.com/portolan-io/portolan/ports/auth/authtest"
	"github.com/portolan-io/portolan/ports/contract"
)

// A grinder hashes passwords at no expense, rightly but for the ways in which the
// tests make it wrong.
type grinder struct {
	wrong string
	full  atomic.Bool
}

// grind returns the hash of the version with the salt.
func (g *grinder) grind(version, salt, password string) string {
	if g.wrong == "short" {
		password = password[:min(72, len(password))]
	}
	mac := hmac.New(sha256.New, []byte(version+salt))
	mac.Write([]byte(password))
	return "$test$v=" + version + "$" + salt + "$" + hex.EncodeToString(mac.Sum(nil))
}

func (g *grinder) ready(ctx context.Context, password string) error {
	switch {
	case ctx.Err() != nil && g.wrong == "wraps":
		return fault.New(fault.Unavailable, "grinder", "the context is done")
	case ctx.Err() != nil:
		return ctx.Err()
	case g.full.Load() && g.wrong == "vague":
		return errors.New("busy")
	case g.full.Load() && g.wrong == "loud":
		return fault.New(fault.Unavailable, "grinder", "no time for %s", password).Coded(auth.CodeTooManyLogins)
	case g.full.Load() && g.wrong != "patient":
		return fault.New(fault.Unavailable, "grinder", "there is no time").Coded(auth.CodeTooManyLogins)
	}
	return nil
}

func (g *grinder) Hash(ctx context.Context, password string) (string, error) {
	if err := g.ready(ctx, password); err != nil {
		return "", err
	}
	if len(password) > auth.MaxPassword && g.wrong != "endless" {
		return "", fault.New(fault.TooLarge, "grinder", "the password is too long")
	}
	salt := rand.Text()
	switch g.wrong {
	case "saltless":
		salt = "salt"
	case "wide":
		salt = strings.Repeat(salt, 20)
	case "plain":
		return strings.TrimPrefix(g.grind("2", salt, password), "$test$"), nil
	}
	return g.grind("2", salt, password), nil
}

func (g *grinder) Verify(ctx context.Context, hash, password string) (matches, stale bool, err error) {
	if err := g.ready(ctx, password); err != nil {
		return false, false, err
	}
	parts := strings.Split(hash, "$")
	if len(parts) != 5 || parts[1] != "test" || len(password) > auth.MaxPassword && g.wrong != "deep" {
		if g.wrong == "fussy" {
			return false, false, fault.New(fault.Invalid, "grinder", "this is no hash")
		}
		return false, false, nil
	}
	version := strings.TrimPrefix(parts[2], "v=")
	if g.wrong == "deep" {
		password = password[:min(len(password), auth.MaxPassword)]
	}
	matches = g.grind(version, parts[3], password) == hash || g.wrong == "friendly"
	return matches, matches && version != "2" && g.wrong != "content", nil
}

func grinderHarness(wrong string) authtest.HasherHarness {
	g := &grinder{wrong: wrong}
	return authtest.HasherHarness{
		Hasher: g, Stale: g.grind("1", "salt", "weaker than today"),
		Busy: func(contract.T) func() { g.full.Store(true); return func() { g.full.Store(false) } },
	}
}

func TestRightHasher(t *testing.T) {
	authtest.RunHasher(t, func(*testing.T) authtest.HasherHarness { return grinderHarness("") })
}

// TestWrongHashers runs the suite over hashers that each break one clause.
func TestWrongHashers(t *testing.T) {
	for wrong, catcher := range map[string]string{
		"short":    "Octets",
		"wraps":    "Done",
		"vague":    "Busy",
		"loud":     "Quiet",
		"patient":  "Busy",
		"endless":  "Octets",
		"saltless": "Salt",
		"wide":     "Hash",
		"plain":    "Form",
		"fussy":    "Unreadable",
		"deep":     "Long",
		"friendly": "Verify",
		"content":  "Stale",
	} {
		t.Run(wrong, func(t *testing.T) {
			caught := contract.Failing(t.Context(), authtest.HasherCases, func(contract.T) authtest.HasherHarness { return grinderHarness(wrong) })
			if !slices.Contains(caught, catcher) {
				t.Errorf("the suite failed at %v, want %s among them", caught, catcher)
			}
		})
	}
}

// TestEveryHasherCaseCatches runs the suite without a hasher.
func TestEveryHasherCaseCatches(t *testing.T) {
	caught := contract.Failing(t.Context(), authtest.HasherCases, func(contract.T) authtest.HasherHarness {
		h := grinderHarness("")
		h.Hasher = nil
		return h
	})
	if len(caught) != len(authtest.HasherCases) {
		t.Errorf("%d of %d cases fail without a hasher: %v", len(caught), len(authtest.HasherCases), caught)
	}
}

func TestHasherClauses(t *testing.T) {
	lines, err := contract.Disagreements("../hasher.go", authtest.HasherCases, "A Hasher turns passwords into what may be stored")
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range lines {
		t.Error(line)
	}
}
