package matrix_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/portolan-io/portolan/core"
	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/policy"
	"github.com/portolan-io/portolan/ports/auth"
	"github.com/portolan-io/portolan/ports/secrets"
)

// BenchmarkWrite measures what it costs that a write requires the key which it rests on,
// or the account and the login.
func BenchmarkWrite(b *testing.B) {
	for _, name := range append(slices.Sorted(maps.Keys(stores)), "memory") {
		for _, shows := range []string{"no key", "a key", "a login"} {
			b.Run(name+"/"+shows, func(b *testing.B) {
				store := opened(b, name)
				w := newWorld(b, store, nil).withKey()
				who := boss.principal()
				switch shows {
				case "a key":
					who.Key = w.key
				case "a login":
					of := newPeople(b, w.api, store)
					who = of.known(b, auth.Credential{Scheme: auth.Session, Token: of.logIn(b, core.LoginCookie).Cookie})
				}
				for b.Loop() {
					if _, err := w.api.Patch(b.Context(), who, "things", "own", []byte(`{"title":"Again"}`), core.How{}); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

// writers write at once, of whom it was asked before who they are, and no more. The
// emulator of Datastore lets a revocation wait for as long as any of many writers holds
// the key, and they never pause.
func writers(store string) int {
	if store == "datastore" {
		return 10
	}
	return 100
}

// A revocation takes from who writes what it was let in by.
type revocation struct {
	name   string
	shows  func(t *testing.T, p *people) auth.Credential
	revoke func(ctx context.Context, p *people, who policy.Principal) error
}

func aPassword(*testing.T, *people) auth.Credential {
	return auth.Credential{Scheme: auth.Basic, Token: annsAddress + ":" + annsPassword}
}

func aToken(t *testing.T, p *people) auth.Credential {
	return auth.Credential{Scheme: auth.Bearer, Token: p.logIn(t, core.LoginToken).Access}
}

func aCookie(t *testing.T, p *people) auth.Credential {
	return auth.Credential{Scheme: auth.Session, Token: p.logIn(t, core.LoginCookie).Cookie}
}

// revocations are one of each kind, and each is of another credential.
var revocations = []revocation{
	{"a key", func(t *testing.T, p *people) auth.Credential {
		_, secret, err := p.api.CreateKey(t.Context(), operator, core.Key{Subject: "bot", Roles: []string{"admin"}})
		if err != nil {
			t.Fatal(err)
		}
		return auth.Credential{Scheme: auth.APIKey, Token: secret}
	}, func(ctx context.Context, p *people, who policy.Principal) error {
		return p.api.RevokeKey(ctx, operator, who.Key)
	}},
	{"logging out a cookie", aCookie, func(ctx context.Context, p *people, who policy.Principal) error {
		return p.LogOut(ctx, who, false)
	}},
	{"logging out a token", aToken, func(ctx context.Context, p *people, who policy.Principal) error {
		return p.LogOut(ctx, who, false)
	}},
	{"other roles of a token", aToken, func(ctx context.Context, p *people, _ policy.Principal) error {
		_, err := p.SetRoles(ctx, operator, annsAddress, nil)
		return err
	}},
	{"disabling whose cookie it is", aCookie, func(ctx context.Context, p *people, _ policy.Principal) error {
		_, err := p.SetDisabled(ctx, operator, annsAddress, true)
		return err
	}},
	{"deleting whose token it is", aToken, func(ctx context.Context, p *people, _ policy.Principal) error {
		return p.DeleteUser(ctx, operator, annsAddress)
	}},
	{"another password than Basic shows", aPassword, func(ctx context.Context, p *people, who policy.Principal) error {
		_, err := p.ChangePassword(ctx, who, annsPassword, "another long password", core.LoginCookie)
		return err
	}},
}

// TestNothingIsStoredBehindARevocation revokes what writers were let in by while they
// write, on two instances: what is stored when the revocation is acknowledged is all
// there ever is, though every writer was let in before. Until then none is refused,
// though the account gets another hash of its password meanwhile.
func TestNothingIsStoredBehindARevocation(t *testing.T) {
	for _, name := range append(slices.Sorted(maps.Keys(stores)), "memory") {
		for _, each := range revocations {
			t.Run(name+"/"+each.name, func(t *testing.T) { revokedWhileWriting(t, name, each) })
		}
	}
}

func revokedWhileWriting(t *testing.T, name string, each revocation) {
	store := opened(t, name)
	w := newWorld(t, store, nil)
	second, err := core.New(core.Config{Store: store, Collections: served(t), Pepper: secrets.Fixed("pepper")})
	if err != nil {
		t.Fatal(err)
	}
	p := newPeople(t, w.api, store)
	who := p.known(t, each.shows(t, p))
	var under sync.WaitGroup
	var revoking atomic.Bool
	enough := make(chan struct{}, 1)
	for n := range writers(name) {
		api := []*core.API{w.api, second}[n%2]
		under.Go(func() {
			err := writeUntilRefused(t.Context(), api, who, n, enough)
			if fault.KindOf(err) != fault.Unauthenticated || !revoking.Load() {
				t.Errorf("a writer ended with %v, want %s behind the revocation", err, fault.Unauthenticated)
			}
		})
	}
	<-enough
	p.hashAgain(t)
	revoking.Store(true)
	for err = fault.New(fault.Unavailable, "", ""); fault.KindOf(err) == fault.Unavailable; { // there are many writers
		err = each.revoke(t.Context(), p, who)
	}
	if err != nil {
		t.Fatal(err)
	}
	then := w.now()
	under.Wait()
	if diff := cmp.Diff(then, w.now()); diff != "" {
		t.Errorf("stored behind the acknowledged revocation (-before +after):\n%s", diff)
	}
	if len(then["things"]) < 5 {
		t.Errorf("only %d records were there", len(then["things"]))
	}
}

// mostWrites is how many records a writer creates at most: more than it does before the
// revocation, and few enough to end where that is without effect.
const mostWrites = 500

// writeUntilRefused creates one record after the other until who may no more, and says
// when there is a first.
func writeUntilRefused(ctx context.Context, api *core.API, who policy.Principal, n int, first chan<- struct{}) (err error) {
	for i := 0; err == nil && i < mostWrites; i++ {
		body := fmt.Appendf(nil, `{"id":"w%d-%d","title":"Written"}`, n, i)
		if _, err = api.Create(ctx, who, "things", [][]byte{body}, core.How{}); fault.KindOf(err) == fault.Unavailable {
			err = nil // the store has too much to do, and may be asked again
		} else if err == nil {
			select {
			case first <- struct{}{}:
			default:
			}
		}
	}
	return err
}
