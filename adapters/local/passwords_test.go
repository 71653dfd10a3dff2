package local_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/crypto/argon2"

	"github.com/portolan-io/portolan/adapters/local"
	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/ports/auth"
	"github.com/portolan-io/portolan/ports/auth/authtest"
	"github.com/portolan-io/portolan/ports/contract"
)

func hasher(t testing.TB, cost local.Cost) *local.Authenticator {
	t.Helper()
	a, err := local.Open(t.Context(), local.Config{Passwords: cost})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestHasherSuite(t *testing.T) {
	authtest.RunHasher(t, func(t *testing.T) authtest.HasherHarness {
		a := hasher(t, local.Cost{AtOnce: 2})
		a.Impatient()
		return authtest.HasherHarness{
			Hasher: a, Stale: older,
			Busy: func(contract.T) func() { return a.Occupy(2) },
		}
	})
}

// TestPasswordHashes is what SECURITY 11 asks of a stored hash.
func TestPasswordHashes(t *testing.T) {
	hash, err := hasher(t, local.Cost{}).Hash(t.Context(), "correct horse")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(hash, "$argon2id$v=19$m=19456,t=2,p=1$") {
		t.Errorf("the hash is %s, want argon2id with 19456 KiB, 2 passes and 1 lane", hash)
	}
	if parts := strings.Split(hash, "$"); len(parts) != 6 || len(parts[4]) != 22 || len(parts[5]) != 43 {
		t.Errorf("the hash is %s, want a salt of 16 octets and 32 of the hash", hash)
	}
}

// TestRaisedParameters: what was right stays right, and is said to be stale only when
// parameters rise.
func TestRaisedParameters(t *testing.T) {
	low, more, longer := hasher(t, local.Cost{}), hasher(t, local.Cost{Memory: 20480}), hasher(t, local.Cost{Passes: 3})
	ours, err := low.Hash(t.Context(), "p")
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := more.Hash(t.Context(), "p")
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name  string
		by    auth.Hasher
		hash  string
		stale bool
	}{
		{"the same", low, ours, false}, {"more memory now", more, ours, true}, {"more passes now", longer, ours, true},
		{"less memory now", low, theirs, false}, {"less memory and more passes now", longer, theirs, true},
	} {
		matches, stale, err := tt.by.Verify(t.Context(), tt.hash, "p")
		if err != nil || !matches || stale != tt.stale {
			t.Errorf("%s: Verify = %t, stale %t, %v; want stale %t", tt.name, matches, stale, err, tt.stale)
		}
	}
}

// TestHashesThatWouldCostTooMuch: who can write into the store cannot have the server
// take a gibibyte for each login.
func TestHashesThatWouldCostTooMuch(t *testing.T) {
	a := hasher(t, local.Cost{})
	hash, err := a.Hash(t.Context(), "p")
	if err != nil {
		t.Fatal(err)
	}
	for _, parameters := range []string{
		"m=1048577,t=2,p=1", "m=19456,t=17,p=1", "m=19456,t=2,p=17", "m=4294967296,t=2,p=1", "m=-1,t=2,p=1", "m=19456,t=0,p=1", "m=19456,t=2,p=0", "m=+19456,t=2,p=1", "m=019456,t=2,p=1",
	} {
		matches, _, err := a.Verify(t.Context(), strings.Replace(hash, "m=19456,t=2,p=1", parameters, 1), "p")
		if matches || err != nil {
			t.Errorf("%s: Verify = %t, %v; want no match", parameters, matches, err)
		}
	}
}

// TestAccents: the same letters typed on another keyboard are the same password.
func TestAccents(t *testing.T) {
	a := hasher(t, local.Cost{})
	hash, err := a.Hash(t.Context(), "caf\u00e9 au lait")
	if err != nil {
		t.Fatal(err)
	}
	if matches, _, err := a.Verify(t.Context(), hash, "cafe\u0301 au lait"); !matches || err != nil {
		t.Errorf("Verify of the decomposed letters = %t, %v; want a match", matches, err)
	}
	if matches, _, err := a.Verify(t.Context(), hash, "cafe au lait"); matches || err != nil {
		t.Errorf("Verify without the accent = %t, %v; want none", matches, err)
	}
}

// TestTooManyPasswords: whoever gets no place within two seconds is told so, and a
// place that becomes free meanwhile is taken.
func TestTooManyPasswords(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := hasher(t, local.Cost{AtOnce: 1})
		begun, free := time.Now(), a.Occupy(1)
		_, err := a.Hash(t.Context(), "p")
		if waited := time.Since(begun); !errors.Is(err, fault.Unavailable) || waited != 2*time.Second {
			t.Errorf("after %v: %v, want %s after two seconds", waited, err, fault.Unavailable)
		}
		time.AfterFunc(time.Second, free)
		if _, err := a.Hash(t.Context(), "p"); err != nil {
			t.Errorf("a place became free, but: %v", err)
		}
	})
}

// TestFiveHundredLoginsAtOnce is SECURITY 12: the memory is that of the places, each
// of 19 MiB, and as much again that the collector has not seen to yet.
func TestFiveHundredLoginsAtOnce(t *testing.T) {
	a := hasher(t, local.Cost{})
	places := 2 * runtime.GOMAXPROCS(0)
	hash, err := a.Hash(t.Context(), "p")
	if err != nil {
		t.Fatal(err)
	}
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	var logins sync.WaitGroup
	var checked, refused atomic.Int64
	for range 500 {
		logins.Go(func() {
			matches, _, err := a.Verify(t.Context(), hash, "p")
			switch {
			case err == nil && matches:
				checked.Add(1)
			case fault.Of(err).Code == auth.CodeTooManyLogins:
				refused.Add(1)
			default:
				t.Errorf("Verify = %t, %v", matches, err)
			}
		})
	}
	logins.Wait()
	runtime.ReadMemStats(&after)
	if grown, most := int64(after.HeapSys)-int64(before.HeapSys), int64(2*places*20<<20); grown > most {
		t.Errorf("the heap grew by %d MiB, want %d at most", grown>>20, most>>20)
	}
	if checked.Load() == 0 || checked.Load()+refused.Load() != 500 {
		t.Errorf("%d passwords were checked and %d refused, of 500", checked.Load(), refused.Load())
	}
	t.Logf("%d checked, %d refused, heap +%d MiB", checked.Load(), refused.Load(), (int64(after.HeapSys)-int64(before.HeapSys))>>20)
}

// older is the hash of "weaker than today" with less memory and one pass.
var older = fmt.Sprintf("$argon2id$v=19$m=8192,t=1,p=1$c29tZSBzYWx0IGhlcmUhIQ$%s", sumOf("weaker than today", "some salt here!!"))

func sumOf(password, salt string) string {
	return base64.RawStdEncoding.EncodeToString(argon2.IDKey([]byte(password), []byte(salt), 1, 8192, 1, 32))
}

func BenchmarkHash(b *testing.B) {
	a := hasher(b, local.Cost{})
	for b.Loop() {
		if _, err := a.Hash(b.Context(), "correct horse"); err != nil {
			b.Fatal(err)
		}
	}
}
