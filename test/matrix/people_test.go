package matrix_test

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/portolan-io/portolan/adapters/local"
	"github.com/portolan-io/portolan/adapters/memory"
	"github.com/portolan-io/portolan/core"
	"github.com/portolan-io/portolan/core/policy"
	"github.com/portolan-io/portolan/ports/auth"
	"github.com/portolan-io/portolan/ports/repository"
	"github.com/portolan-io/portolan/ports/secrets"
)

// People are the accounts of a world, in which ann has one for the role admin.
type people struct {
	*core.Accounts
	api    *core.API
	hasher *openHasher
}

const annsAddress, annsPassword = "ann@example.com", "correct horse battery staple"

// newPeople returns the accounts of the API over the store, without a cache.
func newPeople(t testing.TB, api *core.API, store repository.Store) *people {
	t.Helper()
	issuer, err := local.Open(t.Context(), local.Config{})
	if err != nil {
		t.Fatal(err)
	}
	limiter, err := memory.OpenLimiter(t.Context(), memory.LimiterConfig{})
	if err != nil {
		t.Fatal(err)
	}
	p := &people{api: api, hasher: &openHasher{}}
	p.Accounts, err = core.NewAccounts(t.Context(), core.AccountsConfig{
		API: api, Issuer: issuer, Hasher: p.hasher, Limiter: limiter,
		Identity: core.NewIdentity(core.Config{Store: store, Pepper: secrets.Fixed("pepper")}, []auth.Authenticator{issuer}),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	_, code, err := p.CreateUser(t.Context(), operator, annsAddress, []string{"admin"})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.SetPassword(t.Context(), operator, code, annsPassword); err != nil {
		t.Fatal(err)
	}
	return p
}

func (p *people) logIn(t testing.TB, kind core.LoginKind) core.Login {
	t.Helper()
	login, err := p.LogIn(t.Context(), operator, annsAddress, annsPassword, kind)
	if err != nil {
		t.Fatal(err)
	}
	return login
}

// known returns whom the credential stands for.
func (p *people) known(t testing.TB, shows auth.Credential) policy.Principal {
	t.Helper()
	who, err := p.Identify(t.Context(), shows)
	if err != nil {
		t.Fatal(err)
	}
	return who
}

// hashAgain has ann's next logins keep another hash, until one did.
func (p *people) hashAgain(t testing.TB) {
	t.Helper()
	before := p.hasher.strength.Add(1)
	for p.hasher.kept.Load() < before {
		p.logIn(t, core.LoginToken)
	}
}

// An openHasher hashes at no expense, and hides nothing. What it made with another
// strength is stale.
type openHasher struct {
	strength atomic.Int64
	kept     atomic.Int64 // the strength of what it verified last
}

func (h *openHasher) Hash(_ context.Context, password string) (string, error) {
	return string(rune('a'+h.strength.Load())) + password, nil
}

func (h *openHasher) Verify(_ context.Context, hash, password string) (matches, stale bool, err error) {
	made := int64(hash[0] - 'a')
	h.kept.Store(made)
	return strings.HasSuffix(hash, password) && len(hash) == len(password)+1, made != h.strength.Load(), nil
}
