package authtest_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/policy"
	"github.com/portolan-io/portolan/ports/auth"
	"github.com/portolan-io/portolan/ports/auth/authtest"
	"github.com/portolan-io/portolan/ports/contract"
)

// A signer accepts bearers of the form issuer~subject~expiry~mac, rightly but
// for the ways in which the tests make it wrong.
type signer struct {
	wrong string
	down  bool
	shut  bool
}

const epoch = 1_700_000_000

func sign(text string) string {
	mac := hmac.New(sha256.New, []byte("key"))
	mac.Write([]byte(text))
	return text + "~" + hex.EncodeToString(mac.Sum(nil))
}

func token(issuer, subject string, expires int) auth.Credential {
	return auth.Credential{Scheme: auth.Bearer, Token: sign(fmt.Sprintf("%s~%s~%d", issuer, subject, expires))}
}

func (s *signer) refuse(kind fault.Kind, credential auth.Credential) error {
	if s.wrong == "loud" {
		return fault.New(kind, "signer", "this is no credential: %s", credential.Token)
	}
	return fault.New(kind, "signer", "this credential is not accepted")
}

func (s *signer) Authenticate(ctx context.Context, credential auth.Credential) (policy.Principal, error) {
	if err := ctx.Err(); err != nil {
		if s.wrong == "wraps" {
			return policy.Principal{}, s.refuse(fault.Unavailable, credential)
		}
		return policy.Principal{}, err
	}
	parts := strings.Split(credential.Token, "~")
	if credential.Scheme != auth.Bearer && s.wrong != "any scheme" {
		return policy.Principal{}, s.refuse(fault.Unsupported, credential)
	}
	if len(parts) != 4 {
		if s.wrong == "vague" {
			return policy.Principal{}, errors.New("no credential")
		}
		return policy.Principal{}, s.refuse(fault.Unauthenticated, credential)
	}
	if parts[0] != "here" {
		kind := fault.Unsupported
		if s.wrong == "jealous" {
			kind = fault.Unauthenticated
		}
		return policy.Principal{}, s.refuse(kind, credential)
	}
	expires, _ := strconv.ParseInt(parts[2], 10, 64)
	if s.down && s.wrong != "confident" {
		return policy.Principal{}, s.refuse(fault.Unavailable, credential)
	}
	if s.wrong != "unsigned" && !hmac.Equal([]byte(sign(strings.Join(parts[:3], "~"))), []byte(credential.Token)) ||
		expires < epoch && s.wrong != "timeless" {
		return policy.Principal{}, s.refuse(fault.Unauthenticated, credential)
	}
	who := policy.Principal{Issuer: parts[0], Subject: parts[1], Roles: []string{"clerk"}, Expires: time.Unix(expires, 0)}
	switch s.wrong {
	case "implied":
		who.Roles = append(who.Roles, policy.Authenticated)
	case "endless":
		who.Expires = time.Time{}
	case "operator":
		who.Local = true
	}
	return who, nil
}

func (s *signer) Close() error {
	if s.shut && s.wrong == "once" {
		return errors.New("closed already")
	}
	s.shut = true
	return nil
}

func harness(wrong string) authtest.Harness {
	s := &signer{wrong: wrong}
	return authtest.Harness{
		Authenticator: s,
		Valid: func(contract.T) (auth.Credential, policy.Principal) {
			return token("here", "anna", epoch+60), policy.Principal{
				Issuer: "here", Subject: "anna", Roles: []string{"clerk"}, Expires: time.Unix(epoch+60, 0),
			}
		},
		Refused: func(contract.T) map[string]auth.Credential {
			return map[string]auth.Credential{
				"expired": token("here", "anna", epoch-60),
				"forged":  {Scheme: auth.Bearer, Token: fmt.Sprintf("here~anna~%d~0123456789abcdef", epoch+60)},
			}
		},
		Foreign: func(contract.T) map[string]auth.Credential {
			return map[string]auth.Credential{
				"an API key":     {Scheme: auth.APIKey, Token: sign(fmt.Sprintf("here~anna~%d", epoch+60))},
				"another issuer": token("elsewhere", "anna", epoch+60),
			}
		},
		Break: func(contract.T) { s.down = true },
	}
}

func TestRight(t *testing.T) {
	authtest.Run(t, func(*testing.T) authtest.Harness { return harness("") })
}

// TestWrong runs the suite over authenticators that each break one clause.
func TestWrong(t *testing.T) {
	for wrong, catcher := range map[string]string{
		"wraps":      "Done",
		"vague":      "Kinds",
		"loud":       "Quiet",
		"any scheme": "Foreign",
		"jealous":    "Foreign",
		"unsigned":   "Altered",
		"timeless":   "Refused",
		"confident":  "Unavailable",
		"implied":    "Principal",
		"endless":    "Principal",
		"operator":   "Principal",
		"once":       "Close",
	} {
		t.Run(wrong, func(t *testing.T) {
			caught := contract.Failing(t.Context(), authtest.Cases, func(contract.T) authtest.Harness { return harness(wrong) })
			if !slices.Contains(caught, catcher) {
				t.Errorf("the suite failed at %v, want %s among them", caught, catcher)
			}
		})
	}
}

// TestEveryCaseCatches runs the suite without an authenticator.
func TestEveryCaseCatches(t *testing.T) {
	caught := contract.Failing(t.Context(), authtest.Cases, func(contract.T) authtest.Harness {
		h := harness("")
		h.Authenticator = nil
		return h
	})
	if len(caught) != len(authtest.Cases) {
		t.Errorf("%d of %d cases fail without an authenticator: %v", len(caught), len(authtest.Cases), caught)
	}
}

func TestClauses(t *testing.T) {
	lines, err := contract.Disagreements("../auth.go", authtest.Cases, "An Authenticator turns credentials into principals")
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range lines {
		t.Error(line)
	}
}
