package matrix_test

import (
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/portolan-io/portolan/core"
	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/ports/auth"
	"github.com/portolan-io/portolan/ports/repository"
	"github.com/portolan-io/portolan/ports/secrets"
)

// BenchmarkWrite measures what it costs that a write requires the key which it rests on.
func BenchmarkWrite(b *testing.B) {
	for _, name := range append(slices.Sorted(maps.Keys(stores)), "memory") {
		for _, shows := range []string{"no key", "a key"} {
			b.Run(name+"/"+shows, func(b *testing.B) {
				w := newWorld(b, opened(b, name), nil).withKey()
				who := boss.principal()
				if shows == "a key" {
					who.Key = w.key
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

// writers write at once; each has asked whom its key stands for, and asks no more. The
// emulator of Datastore lets a revocation wait for as long as any of many writers holds
// the key, and they never pause.
func writers(store string) int {
	if store == "datastore" {
		return 10
	}
	return 100
}

// TestNothingIsStoredBehindARevocation revokes an API key while it writes, on two
// instances: what is stored when the revocation is acknowledged is all there ever is,
// though every writer was let in before.
func TestNothingIsStoredBehindARevocation(t *testing.T) {
	for _, name := range append(slices.Sorted(maps.Keys(stores)), "memory") {
		t.Run(name, func(t *testing.T) {
			store := opened(t, name)
			w := newWorld(t, store, nil)
			second, err := core.New(core.Config{Store: store, Collections: served(t), Pepper: secrets.Fixed("pepper")})
			if err != nil {
				t.Fatal(err)
			}
			key, secret, err := w.api.CreateKey(t.Context(), operator, core.Key{Subject: "bot", Roles: []string{"admin"}})
			if err != nil {
				t.Fatal(err)
			}
			under, enough := sync.WaitGroup{}, make(chan struct{}, 1)
			for n := range writers(name) {
				api := []*core.API{w.api, second}[n%2]
				under.Go(func() { writeUntilRefused(t, api, store, secret, n, enough) })
			}
			<-enough
			if err := w.api.RevokeKey(t.Context(), operator, key.ID); err != nil {
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
		})
	}
}

// mostWrites is how many records a writer creates at most: more than it does before the
// revocation, and few enough to end where that is without effect.
const mostWrites = 500

// writeUntilRefused creates one record after the other until the key is not valid any
// more, and says when there is a first.
func writeUntilRefused(t *testing.T, api *core.API, store repository.Store, secret string, n int, first chan<- struct{}) {
	identity := core.NewIdentity(core.Config{Store: store, Pepper: secrets.Fixed("pepper")}, nil)
	who, err := identity.Identify(t.Context(), auth.Credential{Scheme: auth.APIKey, Token: secret})
	for i := 0; err == nil && i < mostWrites; i++ {
		body := fmt.Appendf(nil, `{"id":"w%d-%d","title":"Written"}`, n, i)
		if _, err = api.Create(t.Context(), who, "things", [][]byte{body}, core.How{}); fault.KindOf(err) == fault.Unavailable {
			err = nil // the store has too much to do, and may be asked again
		} else if err == nil {
			select {
			case first <- struct{}{}:
			default:
			}
		}
	}
	if fault.KindOf(err) != fault.Unauthenticated {
		t.Errorf("a writer ended with %v, want %s", err, fault.Unauthenticated)
	}
}
