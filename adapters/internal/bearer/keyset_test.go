package bearer

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/portolan-io/portolan/adapters/internal/bearer/bearertest"
	"github.com/portolan-io/portolan/core/fault"
)

// A fakeIssuer gives keys without a network, so that the clock of a bubble can
// stand for days.
type fakeIssuer struct {
	mu      sync.Mutex
	keys    []string
	fresh   time.Duration
	err     error
	takes   time.Duration
	fetches int
}

func (f *fakeIssuer) fetch(ctx context.Context) ([]key, time.Duration, error) {
	f.mu.Lock()
	f.fetches++
	takes := f.takes
	f.mu.Unlock()
	select {
	case <-time.After(takes):
	case <-ctx.Done():
		return nil, 0, ctx.Err()
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err != nil {
		return nil, 0, f.err
	}
	var keys []key
	for _, id := range f.keys {
		keys = append(keys, key{id: id, algorithms: []string{"RS256"}, public: id})
	}
	return keys, f.fresh, nil
}

// count returns how often keys were asked for.
func (f *fakeIssuer) count() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.fetches
}

// now changes what the issuer does.
func (f *fakeIssuer) now(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
}

var errDown = fault.New(fault.Unavailable, "test", "down")

// in runs the test in a bubble with a set of the issuer's keys.
func in(t *testing.T, f *fakeIssuer, stale time.Duration, test func(t *testing.T, s *keySet)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := newKeySet(f.fetch, stale)
		s.start(t.Context())
		defer s.close()
		if err := s.first(t.Context()); err != nil {
			t.Fatal(err)
		}
		test(t, s)
	})
}

// has reports whether the set finds a key, and fails the test for any error but
// an unavailable issuer, which is the third answer.
func has(t *testing.T, s *keySet, kid string) string {
	t.Helper()
	found, err := s.find(t.Context(), kid, "RS256")
	switch {
	case errors.Is(err, fault.Unavailable):
		return "unavailable"
	case err != nil:
		t.Errorf("find(%q) = %v", kid, err)
	case len(found) > 0:
		return "found"
	}
	return "unknown"
}

func want(t *testing.T, s *keySet, kid, answer string) {
	t.Helper()
	if got := has(t, s, kid); got != answer {
		t.Errorf("key %s is %s, want %s", kid, got, answer)
	}
}

// TestUnknownKids: however many keys are asked for that the issuer has not got,
// it is asked for them once a minute at most, what is on its way included.
func TestUnknownKids(t *testing.T) {
	f := &fakeIssuer{keys: []string{"a"}, fresh: time.Hour, takes: time.Second}
	in(t, f, DefaultStale, func(t *testing.T, s *keySet) {
		const minutes = 10
		start := f.count()
		for minute := range minutes {
			for n := range 10_000 / minutes {
				want(t, s, fmt.Sprintf("unknown-%d-%d", minute, n), "unknown")
			}
			time.Sleep(time.Minute)
		}
		if got := f.count() - start; got > minutes {
			t.Errorf("10,000 unknown keys in %d minutes made %d requests, want one a minute", minutes, got)
		}
		if f.count()-start < minutes/2 {
			t.Errorf("%d requests in %d minutes: an unknown key is not asked for at all", f.count()-start, minutes)
		}
		want(t, s, "a", "found")
	})
}

// TestUnknownKidsAtOnce: a thousand that wait share one request.
func TestUnknownKidsAtOnce(t *testing.T) {
	f := &fakeIssuer{keys: []string{"a"}, fresh: time.Hour, takes: time.Second}
	in(t, f, DefaultStale, func(t *testing.T, s *keySet) {
		time.Sleep(2 * time.Minute)
		before := f.count()
		done := make(chan string)
		for n := range 1000 {
			go func() { done <- has(t, s, fmt.Sprint("unknown", n)) }()
		}
		for range 1000 {
			if got := <-done; got != "unknown" {
				t.Errorf("an unknown key is %s", got)
			}
		}
		if got := f.count() - before; got != 1 {
			t.Errorf("a thousand at once made %d requests, want 1", got)
		}
	})
}

// TestRotation: a new key is found when it is first used, and one that was taken
// back is not used for longer than the issuer says that its keys are fresh.
func TestRotation(t *testing.T) {
	f := &fakeIssuer{keys: []string{"a"}, fresh: 20 * time.Minute}
	in(t, f, DefaultStale, func(t *testing.T, s *keySet) {
		time.Sleep(2 * time.Minute)
		f.now(func() { f.keys = []string{"a", "b"} })
		want(t, s, "b", "found")
		f.now(func() { f.keys = []string{"b"} })
		want(t, s, "a", "found")
		time.Sleep(20 * time.Minute)
		want(t, s, "a", "unknown")
		want(t, s, "b", "found")
	})
}

// TestBackground: keys are asked for again before they are no longer fresh, and
// nobody has to wait for that.
func TestBackground(t *testing.T) {
	for _, tt := range []struct {
		name  string
		fresh time.Duration
		least int // requests in six hours, the first included
		most  int
	}{
		{"an hour", time.Hour, 7, 9},
		{"a day is cut to an hour", 24 * time.Hour, 7, 9},
		{"ten minutes if nothing is said", freshForNever, 36, 46},
		{"a second is made a minute", time.Second, 300, 361},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := &fakeIssuer{keys: []string{"a"}, fresh: tt.fresh}
			in(t, f, DefaultStale, func(t *testing.T, s *keySet) {
				time.Sleep(6 * time.Hour)
				if f.count() < tt.least || f.count() > tt.most {
					t.Errorf("%d requests in six hours, want %d to %d", f.count(), tt.least, tt.most)
				}
				f.now(func() { f.takes = time.Second })
				before := time.Now()
				want(t, s, "a", "found")
				if time.Since(before) != 0 {
					t.Error("a known key was waited for")
				}
			})
		})
	}
}

// TestOutage: the last good keys serve on while the issuer is down, for as long
// as was configured; the issuer is asked once a minute; and when it is back all
// is well.
func TestOutage(t *testing.T) {
	f := &fakeIssuer{keys: []string{"a"}, fresh: 10 * time.Minute}
	in(t, f, 24*time.Hour, func(t *testing.T, s *keySet) {
		time.Sleep(time.Minute)
		f.now(func() { f.err = errDown })
		before := f.count()
		time.Sleep(23 * time.Hour)
		want(t, s, "a", "found")
		want(t, s, "b", "unavailable")
		if got := f.count() - before; got > 23*60+1 {
			t.Errorf("%d requests in 23 hours of outage, want one a minute at most", got)
		}
		time.Sleep(time.Hour)
		want(t, s, "a", "unavailable")
		f.now(func() { f.err = nil })
		time.Sleep(time.Minute + time.Second)
		want(t, s, "a", "found")
		want(t, s, "b", "unknown")
	})
}

// TestUnknownKidsInAnOutage: what cannot be told is not refused, and is not asked
// for more often than otherwise.
func TestUnknownKidsInAnOutage(t *testing.T) {
	f := &fakeIssuer{keys: []string{"a"}, fresh: time.Hour}
	in(t, f, DefaultStale, func(t *testing.T, s *keySet) {
		time.Sleep(2 * time.Minute)
		f.now(func() { f.err = errDown })
		before := f.count()
		for n := range 1000 {
			want(t, s, fmt.Sprint("unknown", n), "unavailable")
		}
		if got := f.count() - before; got != 1 {
			t.Errorf("%d requests, want 1", got)
		}
		want(t, s, "a", "found")
	})
}

// TestSilentAtFirst: an issuer that cannot be reached at the start is asked until
// it answers, less and less often, and nobody waits for it.
func TestSilentAtFirst(t *testing.T) {
	f := &fakeIssuer{keys: []string{"a"}, fresh: time.Hour, err: errDown, takes: 5 * time.Second}
	in(t, f, DefaultStale, func(t *testing.T, s *keySet) {
		before := time.Now()
		want(t, s, "a", "unavailable")
		if time.Since(before) != 0 {
			t.Error("somebody waited for an issuer that was never heard of")
		}
		time.Sleep(10 * time.Minute)
		if f.count() < 10 || f.count() > 20 {
			t.Errorf("%d requests in ten minutes, want some in the first and one a minute then", f.count())
		}
		f.now(func() { f.err = nil })
		time.Sleep(time.Minute + 10*time.Second)
		want(t, s, "a", "found")
	})
}

// TestWrongAtFirst: what is no answer of the issuer ends the start.
func TestWrongAtFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeIssuer{err: fault.New(fault.Invalid, "test", "wrong")}
		s := newKeySet(f.fetch, DefaultStale)
		s.start(t.Context())
		defer s.close()
		if err := s.first(t.Context()); !errors.Is(err, fault.Invalid) {
			t.Errorf("first = %v, want %s", err, fault.Invalid)
		}
	})
}

// TestClosing: what is on its way is given up, and nothing begins afterwards.
func TestClosing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeIssuer{keys: []string{"a"}, fresh: time.Hour, takes: time.Hour}
		s := newKeySet(f.fetch, DefaultStale)
		s.start(t.Context())
		time.Sleep(time.Second)
		before := time.Now()
		s.close()
		s.close()
		if time.Since(before) != 0 {
			t.Error("close waited for the issuer")
		}
		_, _ = s.find(t.Context(), "a", "RS256")
		if f.count() != 1 {
			t.Errorf("%d requests, want 1", f.count())
		}
	})
}

// TestClosed: the issuer is not asked any more, whatever comes.
func TestClosed(t *testing.T) {
	f := &fakeIssuer{keys: []string{"a"}, fresh: time.Hour}
	in(t, f, DefaultStale, func(t *testing.T, s *keySet) {
		s.close()
		before := f.count()
		time.Sleep(2 * time.Hour)
		want(t, s, "b", "unknown")
		if f.count() != before {
			t.Errorf("the issuer was asked after the end")
		}
	})
}

// TestWaitingEnds: whoever waits for a key can give up.
func TestWaitingEnds(t *testing.T) {
	f := &fakeIssuer{keys: []string{"a"}, fresh: time.Hour}
	in(t, f, DefaultStale, func(t *testing.T, s *keySet) {
		time.Sleep(2 * time.Minute)
		f.now(func() { f.takes = time.Hour })
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := s.find(ctx, "b", "RS256"); err != context.DeadlineExceeded { //nolint:errorlint // as it is, not wrapped
			t.Errorf("find = %v, want %v", err, context.DeadlineExceeded)
		}
	})
}

// TestNoName: without a name the one key is taken that there is, and none of
// several, about which the issuer need not be asked.
func TestNoName(t *testing.T) {
	f := &fakeIssuer{keys: []string{"a"}, fresh: time.Hour}
	in(t, f, DefaultStale, func(t *testing.T, s *keySet) {
		want(t, s, "", "found")
		time.Sleep(2 * time.Minute)
		f.now(func() { f.keys = []string{"a", "b"} })
		want(t, s, "b", "found")
		before := f.count()
		time.Sleep(2 * time.Minute)
		want(t, s, "", "unknown")
		if f.count() != before {
			t.Error("the issuer was asked for a key without a name")
		}
	})
}

// elsewhere returns a key on P-256 whose octets are those of the given one, with
// one of x given to y.
func elsewhere(t *testing.T, k map[string]any) map[string]any {
	t.Helper()
	x, y := jwk(k).octets("x"), jwk(k).octets("y")
	encoding := base64.RawURLEncoding
	return bearertest.Claims(k).With("x", encoding.EncodeToString(x[:31]), "y", encoding.EncodeToString(append(x[31:], y...)))
}

// TestReadKeys: of a set of keys only those are used that verify signatures with
// an algorithm known here, and none that is weak.
func TestReadKeys(t *testing.T) {
	rsa, es256 := bearertest.NewKey(t, "r", "RS256").JWK(), bearertest.NewKey(t, "e", "ES256").JWK()
	okp := bearertest.NewKey(t, "o", "EdDSA").JWK()
	with := func(base map[string]any, changes ...any) map[string]any {
		return bearertest.Claims(base).With(changes...)
	}
	for _, tt := range []struct {
		name string
		key  map[string]any
		want int // algorithms
	}{
		{"RSA", rsa, 6},
		{"RSA for one algorithm", with(rsa, "alg", "RS256"), 1},
		{"RSA for another's algorithm", with(rsa, "alg", "ES256"), 0},
		{"RSA for HS256", with(rsa, "alg", "HS256"), 0},
		{"RSA for none", with(rsa, "alg", "none"), 0},
		{"RSA with an algorithm that is no text", with(rsa, "alg", 7), 0},
		{"RSA for encryption", with(rsa, "use", "enc"), 0},
		{"RSA without a use", with(rsa, "use", nil), 6},
		{"RSA that verifies", with(rsa, "key_ops", []any{"verify"}), 6},
		{"RSA that signs only", with(rsa, "key_ops", []any{"sign"}), 0},
		{"RSA that is even", with(rsa, "n", "gAAAAAAA"), 0},
		{"RSA without a modulus", with(rsa, "n", nil), 0},
		{"RSA of 1024 bits", with(rsa, "n", rsa["n"].(string)[:171]), 0},
		{"RSA with the exponent 1", with(rsa, "e", "AQ"), 0},
		{"RSA with an even exponent", with(rsa, "e", "AQAC"), 0},
		{"RSA with a large exponent", with(rsa, "e", "AQAAAAAAAAAB"), 0},
		{"RSA without a kid", with(rsa, "kid", nil), 6},
		{"RSA with a kid that is no text", with(rsa, "kid", 7), 0},
		{"RSA with a certificate", with(rsa, "x5c", []any{"AAAA"}, "x5u", "https://evil.example"), 6},
		{"RSA of the issuer", with(rsa, "issuer", "https://login.example"), 6},
		{"RSA of another issuer", with(rsa, "issuer", "https://evil.example"), 0},
		{"EC", es256, 1},
		{"EC off the curve", with(es256, "x", es256["y"]), 0},
		{"EC with a short coordinate", with(es256, "x", "AQAB"), 0},
		{"EC cut elsewhere", elsewhere(t, es256), 0},
		{"EC under the name of another curve", with(es256, "crv", "P-384"), 0},
		{"EC on a curve that is not known", with(es256, "crv", "secp256k1"), 0},
		{"Ed25519", okp, 1},
		{"X25519", with(okp, "crv", "X25519"), 0},
		{"Ed25519 that is short", with(okp, "x", "AQAB"), 0},
		{"a secret", map[string]any{"kty": "oct", "kid": "s", "k": "c2VjcmV0"}, 0},
		{"nothing", map[string]any{}, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			text := encode(t, map[string]any{"keys": []any{tt.key, "no key", 7}})
			keys, err := readKeys(text, []string{"https://login.example"})
			got := 0
			if err == nil {
				got = len(keys[0].algorithms)
			}
			if got != tt.want {
				t.Errorf("it is good for %d algorithms (%v), want %d", got, err, tt.want)
			}
		})
	}
	for _, text := range []string{"", "[]", "{}", `{"keys":{}}`, `{"keys":[]}`, `{"keys":[],"keys":[]}`, "<html>"} {
		if keys, err := readKeys([]byte(text), nil); err == nil {
			t.Errorf("readKeys(%q) = %v, want an error", text, keys)
		}
	}
}

// TestWhatIsWorthAsking: the issuer is asked for a key that it might have, and for
// none because of a token that would be refused with any.
func TestWhatIsWorthAsking(t *testing.T) {
	key := bearertest.NewKey(t, "a", "RS256")
	claims := bearertest.Claims{"iss": "https://login.example", "aud": "api", "sub": "anna"}
	synctest.Test(t, func(t *testing.T) {
		f := &fakeIssuer{keys: []string{"a"}, fresh: time.Hour}
		v, err := open(t.Context(), Config{
			Op: "test", Issuers: []Issuer{{Name: "https://login.example", Audiences: []string{"api"}}},
		}, func(Issuer) (fetcher, error) { return f.fetch, nil })
		if err != nil {
			t.Fatal(err)
		}
		defer v.Close()
		time.Sleep(2 * time.Minute)
		claims := claims.With("exp", time.Now().Add(time.Hour).Unix())
		for _, tt := range []struct {
			name   string
			claims map[string]any
			header []any
			want   int // requests more
		}{
			{"a long kid", claims, []any{"kid", strings.Repeat("k", MaxKidBytes+1)}, 0},
			{"a kid that is no text", claims, []any{"kid", 7}, 0},
			{"an algorithm that may not be", claims, []any{"kid", "b", "alg", "RS384"}, 0},
			{"a key that is not good for it", claims, []any{"alg", "ES256"}, 0},
			{"crit", claims, []any{"kid", "b", "crit", []string{"exp"}}, 0},
			{"another issuer", claims.With("iss", "https://other.example"), []any{"kid", "b"}, 0},
			{"a kid as long as can be", claims, []any{"kid", strings.Repeat("k", MaxKidBytes)}, 1},
		} {
			before := f.count()
			if _, err := v.Verify(t.Context(), bearertest.Bearer(key.Sign(t, tt.claims, tt.header...))); err == nil {
				t.Errorf("%s: it was accepted", tt.name)
			}
			if got := f.count() - before; got != tt.want {
				t.Errorf("%s: %d requests, want %d", tt.name, got, tt.want)
			}
		}
	})
}
