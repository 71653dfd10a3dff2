package core_test

import (
	"context"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/portolan-io/portolan/core"
	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/policy"
	"github.com/portolan-io/portolan/ports/auth"
	"github.com/portolan-io/portolan/ports/cache"
	"github.com/portolan-io/portolan/ports/secrets"
)

// A spying cache notes everything that it is given to keep.
type spying struct {
	cache.Coherent
	seen []string
	ttls []time.Duration
}

func (s *spying) Fill(ctx context.Context, key cache.Key, lease cache.Lease, value []byte, ttl time.Duration) {
	s.seen = append(s.seen, key.Text, string(value), strings.Join(key.Tags, " "))
	s.ttls = append(s.ttls, ttl)
	s.Coherent.Fill(ctx, key, lease, value, ttl)
}

// An API key is looked up once, until it is revoked or expires.
func TestVerifiedKeysAreKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, c := &tallying{Store: newStore(t)}, &spying{Coherent: newCache(t)}
		newAPI(t, store)
		config := core.Config{Store: store, Collections: catalogue(t), Cache: c, Pepper: secrets.Fixed("pepper")}
		api, err := core.New(config)
		if err != nil {
			t.Fatal(err)
		}
		identity := core.NewIdentity(config, nil)
		identify := func(secret string) (policy.Principal, error) {
			return identity.Identify(t.Context(), auth.Credential{Scheme: auth.APIKey, Token: secret})
		}
		key, secret, err := api.CreateKey(t.Context(), operator, core.Key{
			Subject: "robot", Roles: []string{"seller", "clerk"}, Expires: time.Now().Add(90 * time.Second),
		})
		if err != nil {
			t.Fatal(err)
		}
		plain, plainSecret, err := api.CreateKey(t.Context(), operator, core.Key{Subject: "cat"})
		if err != nil {
			t.Fatal(err)
		}
		for secret, key := range map[string]core.Key{secret: key, plainSecret: plain} {
			first, err := identify(secret)
			if err != nil {
				t.Fatal(err)
			}
			before := store.gets.Load()
			again, err := identify(secret)
			if diff := cmp.Diff(first, again, cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); err != nil || diff != "" || again.Subject != key.Subject {
				t.Errorf("the second time got %v (-first +second):\n%s", err, diff)
			}
			if store.gets.Load() != before {
				t.Error("the second time the store was asked")
			}
		}
		for _, seen := range c.seen {
			if strings.Contains(seen, secret) || strings.Contains(seen, secret[13:]) {
				t.Errorf("the cache was given the secret: %q", seen)
			}
		}
		for _, wrong := range []string{secret + "x", secret[:len(secret)-1] + "!", plainSecret[:13] + secret[13:]} {
			fills := len(c.ttls)
			for range 2 {
				_, err = identify(wrong)
				wantFault(t, err, fault.Unauthenticated, "bad-key")
			}
			if len(c.ttls) != fills {
				t.Error("a refusal was kept")
			}
		}

		time.Sleep(50 * time.Second)
		c.ttls = nil
		for range 2 {
			time.Sleep(15 * time.Second) // beyond the minute for which it was kept
			if _, err := identify(secret); err != nil {
				t.Fatal(err)
			}
		}
		if len(c.ttls) != 1 || c.ttls[0] > 25*time.Second {
			t.Errorf("25 seconds before it expires the key was kept for %v", c.ttls)
		}
		time.Sleep(10 * time.Second)
		_, err = identify(secret)
		wantFault(t, err, fault.Unauthenticated, "bad-key")

		if _, err := identify(plainSecret); err != nil {
			t.Fatal(err)
		}
		if err := api.RevokeKey(t.Context(), operator, plain.ID); err != nil {
			t.Fatal(err)
		}
		_, err = identify(plainSecret)
		wantFault(t, err, fault.Unauthenticated, "bad-key")
	})
}
