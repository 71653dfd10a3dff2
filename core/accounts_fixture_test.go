package core_test

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/portolan-io/portolan/adapters/layer"
	"github.com/portolan-io/portolan/adapters/local"
	"github.com/portolan-io/portolan/adapters/memory"
	"github.com/portolan-io/portolan/core"
	"github.com/portolan-io/portolan/core/policy"
	"github.com/portolan-io/portolan/core/query"
	"github.com/portolan-io/portolan/ports/auth"
	"github.com/portolan-io/portolan/ports/cache"
	"github.com/portolan-io/portolan/ports/cache/cachetest"
	"github.com/portolan-io/portolan/ports/repository"
	"github.com/portolan-io/portolan/ports/secrets"
)

// A quickHasher hashes at no expense, and counts. What it made with another strength
// is stale.
type quickHasher struct {
	strength         int
	hashed, verified atomic.Int64
}

func (h *quickHasher) make(strength, salt, password string) string {
	sum := sha256.Sum256([]byte(strength + salt + password))
	return "$quick$" + strength + "$" + salt + "$" + hex.EncodeToString(sum[:])
}

func (h *quickHasher) Hash(_ context.Context, password string) (string, error) {
	h.hashed.Add(1)
	return h.make(fmt.Sprint(h.strength), rand.Text(), password), nil
}

func (h *quickHasher) Verify(_ context.Context, hash, password string) (matches, stale bool, err error) {
	h.verified.Add(1)
	parts := strings.Split(hash, "$")
	if len(parts) != 5 {
		return false, false, nil
	}
	matches = h.make(parts[2], parts[3], password) == hash
	return matches, matches && parts[2] != fmt.Sprint(h.strength), nil
}

// A house is some instances of accounts over one store, and where their requests come
// from.
type house struct {
	store  repository.Store
	api    *core.API // of the first instance
	issuer auth.Issuer
	hasher *quickHasher
	*core.Accounts
	other  *core.Accounts // the last instance
	caches []cache.Coherent

	mu     sync.Mutex
	reused []string // what was told of tokens that were shown again
}

var home, abroad = at("192.0.2.1"), at("198.51.100.7")

func at(address string) policy.Principal {
	return policy.Principal{Address: netip.MustParseAddr(address)}
}

const (
	ann    = "ann@example.com"
	secret = "correct horse battery staple"
)

// inHouse runs the test with n instances that share a cache as the processes of a
// service do, and with a clock of its own. With no instance there is one, without a
// cache.
func inHouse(t *testing.T, n int, test func(t *testing.T, h *house), change ...func(*core.AccountsConfig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		store := newStore(t)
		if err := store.Ensure(t.Context(), core.Schemas(catalogue(t))); err != nil {
			t.Fatal(err)
		}
		h := &house{store: store, hasher: &quickHasher{strength: 1}, caches: make([]cache.Coherent, max(n, 1))}
		issuer, err := local.Open(t.Context(), local.Config{})
		if err != nil {
			t.Fatal(err)
		}
		h.issuer = issuer
		shared := cachetest.NewShared()
		for i := range n {
			h.caches[i] = instance(t, store, shared)
		}
		if n > 0 {
			time.Sleep(10 * time.Second) // until the shared cache is used
		}
		limiter, err := memory.OpenLimiter(t.Context(), memory.LimiterConfig{})
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range h.caches {
			config := core.Config{Store: store, Collections: catalogue(t), Cache: c, Pepper: secrets.Fixed("pepper")}
			api, err := core.New(config)
			if err != nil {
				t.Fatal(err)
			}
			made := core.AccountsConfig{
				API: api, Identity: core.NewIdentity(config, []auth.Authenticator{layer.Remember(issuer, nil)}),
				Issuer: issuer, Hasher: h.hasher, Limiter: limiter, SignUp: true,
				Reused: func(account, login string) {
					h.mu.Lock()
					defer h.mu.Unlock()
					h.reused = append(h.reused, login)
				},
			}
			for _, c := range change {
				c(&made)
			}
			if h.other, err = core.NewAccounts(t.Context(), made); err != nil {
				t.Fatal(err)
			}
			defer func(each *core.Accounts) { _ = each.Close() }(h.other)
			if h.Accounts == nil {
				h.Accounts, h.api = h.other, api
			}
		}
		test(t, h)
	})
}

// instance returns the cache of one of several processes, which runs until the test
// ends.
func instance(t *testing.T, store repository.Store, shared *cachetest.Shared) cache.Coherent {
	t.Helper()
	d := layer.NewDistributed(layer.DistributedConfig{
		Server: shared.Line(nil), Modes: core.NewMembers(store, nil), Timing: layer.UsualTiming, Everything: core.EveryTag,
		Collections: map[string]string{
			core.KeysCollection: core.KeysTagScheme, core.AccountsCollection: core.KeysTagScheme, core.SessionsCollection: core.KeysTagScheme,
		},
	})
	if err := d.Enter(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { d.Run(ctx) })
	t.Cleanup(func() {
		stop()
		running.Wait()
		_ = d.Close(context.Background())
	})
	return d
}

// join makes an account for the address, with the password and the roles.
func (h *house) join(t *testing.T, email, password string, roles ...string) core.Account {
	t.Helper()
	made, code, err := h.CreateUser(t.Context(), operator, email, roles)
	if err != nil {
		t.Fatal(err)
	}
	if err := h.SetPassword(t.Context(), operator, code, password); err != nil {
		t.Fatal(err)
	}
	return made
}

func (h *house) logIn(t *testing.T, kind core.LoginKind) core.Login {
	t.Helper()
	login, err := h.LogIn(t.Context(), operator, ann, secret, kind)
	if err != nil {
		t.Fatal(err)
	}
	return login
}

// credential returns what the login is shown by.
func credential(login core.Login) auth.Credential {
	if login.Kind == core.LoginCookie {
		return auth.Credential{Scheme: auth.Session, Token: login.Cookie}
	}
	return auth.Credential{Scheme: auth.Bearer, Token: login.Access}
}

// wantEnded checks that no instance lets the login in.
func (h *house) wantEnded(t *testing.T, when string, login core.Login) {
	t.Helper()
	for i, each := range []*core.Accounts{h.other, h.Accounts} {
		if _, err := each.Identify(t.Context(), credential(login)); err == nil {
			t.Errorf("%s: the %s still lets in at instance %d", when, login.Kind, 1-i)
		} else {
			wantFault(t, err, "unauthenticated", "login-ended")
		}
	}
}

// who returns whom all instances take the login for, twice so that what they keep is
// looked at too.
func (h *house) who(t *testing.T, login core.Login) policy.Principal {
	t.Helper()
	var who policy.Principal
	var err error
	for _, each := range []*core.Accounts{h.Accounts, h.other, h.Accounts, h.other} {
		if who, err = each.Identify(t.Context(), credential(login)); err != nil {
			t.Fatalf("the %s is refused: %v", login.Kind, err)
		}
	}
	return who
}

// dump returns all that the store holds, as JSON.
func (h *house) dump(t *testing.T) string {
	t.Helper()
	var all strings.Builder
	for _, c := range h.api.Schemas() {
		page, err := h.store.Find(t.Context(), query.Query{
			View: query.View{Collection: c, Fields: c.All()}, Order: []query.Key{{Field: c.ID}}, Limit: 1000,
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, row := range page.Rows {
			fmt.Fprintf(&all, "%s %s %s\n", c.Name, row.ID, row.JSON)
		}
	}
	return all.String()
}
