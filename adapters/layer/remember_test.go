package layer_test

import (
	"context"
	"errors"
	"strconv"
	"testing"
	"time"

	"github.com/portolan-io/portolan/adapters/layer"
	"github.com/portolan-io/portolan/adapters/local"
	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/policy"
	"github.com/portolan-io/portolan/ports/auth"
	"github.com/portolan-io/portolan/ports/auth/authtest"
	"github.com/portolan-io/portolan/ports/contract"
)

// TestRememberSuite: an authenticator that is remembered is an authenticator. Each
// credential is shown twice, so that the second answer is the remembered one.
func TestRememberSuite(t *testing.T) {
	authtest.Run(t, func(t *testing.T) authtest.Harness {
		clock := time.Now()
		now := func() time.Time { return clock }
		open := func() *local.Authenticator {
			a, err := local.Open(t.Context(), local.Config{Now: now})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { a.Close() })
			return a
		}
		real, other := open(), open()
		issue := func(by *local.Authenticator, at time.Time) auth.Credential {
			defer func(was time.Time) { clock = was }(clock)
			clock = at
			token, err := by.Issue(t.Context(), policy.Principal{Subject: "anna", Roles: []string{"clerk"}}, time.Hour)
			if err != nil {
				t.Fatal(err)
			}
			return auth.Credential{Scheme: auth.Bearer, Token: token}
		}
		return authtest.Harness{
			Authenticator: twice{layer.Remember(real, now)},
			Valid: func(contract.T) (auth.Credential, policy.Principal) {
				return issue(real, clock), policy.Principal{
					Issuer: "portolan", Subject: "anna", Roles: []string{"clerk"}, Expires: clock.Add(time.Hour),
				}
			},
			Refused: func(contract.T) map[string]auth.Credential {
				return map[string]auth.Credential{
					"forged": issue(other, clock), "expired": issue(real, clock.Add(-2*time.Hour)),
					"not yet": issue(real, clock.Add(2*time.Hour)),
				}
			},
			Foreign: func(contract.T) map[string]auth.Credential {
				return map[string]auth.Credential{"an API key": {Scheme: auth.APIKey, Token: "pk_0123456789abcdef"}}
			},
		}
	})
}

// twice asks an authenticator twice, and answers with what it says then.
type twice struct{ auth.Authenticator }

func (a twice) Authenticate(ctx context.Context, credential auth.Credential) (policy.Principal, error) {
	_, _ = a.Authenticator.Authenticate(ctx, credential)
	return a.Authenticator.Authenticate(ctx, credential)
}

// asked knows everybody until they expire, and counts how often it is asked.
type asked struct {
	expires time.Time
	err     error
	times   int
}

func (a *asked) Authenticate(_ context.Context, credential auth.Credential) (policy.Principal, error) {
	a.times++
	if a.err != nil {
		return policy.Principal{}, a.err
	}
	return policy.Principal{Issuer: string(credential.Scheme), Subject: credential.Token, Expires: a.expires}, nil
}

func (*asked) Close() error { return nil }

// TestRemember shows credentials at given times, and counts what comes through.
func TestRemember(t *testing.T) {
	begin := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	anna, key := auth.Credential{Scheme: auth.Bearer, Token: "anna"}, auth.Credential{Scheme: auth.APIKey, Token: "anna"}
	for _, tt := range []struct {
		name    string
		expires time.Duration
		err     error
		shown   []auth.Credential
		at      []time.Duration
		want    int
	}{
		{"once for all", time.Hour, nil, []auth.Credential{anna, anna, anna}, []time.Duration{0, 1, 30*time.Second - 1}, 1},
		{"again after 30 s", time.Hour, nil, []auth.Credential{anna, anna}, []time.Duration{0, 30 * time.Second}, 2},
		{"again when it expires", 5 * time.Second, nil, []auth.Credential{anna, anna, anna}, []time.Duration{0, 5*time.Second - 1, 5 * time.Second}, 2},
		{"each scheme by itself", time.Hour, nil, []auth.Credential{anna, key, anna, key}, []time.Duration{0, 0, 0, 0}, 2},
		{"no refusal", time.Hour, fault.Unauthenticated, []auth.Credential{anna, anna}, []time.Duration{0, 0}, 2},
		{"no failure", time.Hour, fault.Unavailable, []auth.Credential{anna, anna}, []time.Duration{0, 0}, 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			now := begin
			a := &asked{expires: begin.Add(tt.expires), err: tt.err}
			remembered := layer.Remember(a, func() time.Time { return now })
			for i, credential := range tt.shown {
				now = begin.Add(tt.at[i])
				who, err := remembered.Authenticate(t.Context(), credential)
				if !errors.Is(err, tt.err) || err == nil && (who.Subject != "anna" || who.Issuer != string(credential.Scheme)) {
					t.Fatalf("Authenticate %d = %v, %v", i, who, err)
				}
			}
			if a.times != tt.want {
				t.Errorf("it was asked %d times, want %d", a.times, tt.want)
			}
		})
	}
}

// TestRememberForgets: nobody can fill the memory with credentials, what is
// remembered ends with Close, and the newest are among those that are kept.
func TestRememberForgets(t *testing.T) {
	a := &asked{expires: time.Now().Add(time.Hour)}
	remembered := layer.Remember(a, nil)
	show := func(n int) {
		t.Helper()
		if _, err := remembered.Authenticate(t.Context(), auth.Credential{Scheme: auth.Bearer, Token: strconv.Itoa(n)}); err != nil {
			t.Fatal(err)
		}
	}
	const many = 20_000
	for n := range many {
		show(n)
	}
	show(many - 1)
	if a.times != many {
		t.Errorf("the last credential was forgotten at once: asked %d times, want %d", a.times, many)
	}
	for n := range many {
		show(n)
	}
	if again := a.times - many; again < many-4096 {
		t.Errorf("%d of %d credentials were remembered, want 4096 at most", many-again, many)
	}
	if err := remembered.Close(); err != nil {
		t.Fatal(err)
	}
	before := a.times
	if show(many - 1); a.times == before {
		t.Error("a credential was remembered beyond Close")
	}
}

// BenchmarkRemember measures what a request with a token of usual length costs.
func BenchmarkRemember(b *testing.B) {
	a, err := local.Open(b.Context(), local.Config{})
	if err != nil {
		b.Fatal(err)
	}
	defer a.Close()
	token, err := a.Issue(b.Context(), policy.Principal{Subject: "anna", Roles: []string{"clerk"}}, time.Hour)
	if err != nil {
		b.Fatal(err)
	}
	credential := auth.Credential{Scheme: auth.Bearer, Token: token}
	for name, each := range map[string]auth.Authenticator{"local": a, "remembered": layer.Remember(a, nil)} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := each.Authenticate(b.Context(), credential); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// epochs is an authenticator whose keys are another's now and then.
type epochs struct {
	asked
	epoch uint64
}

func (e *epochs) Epoch(context.Context) uint64 { return e.epoch }

// TestRememberForgetsWithAKey: what was verified by a key that is gone is verified again,
// through the layers that stand between.
func TestRememberForgetsWithAKey(t *testing.T) {
	a := &epochs{asked: asked{expires: time.Now().Add(time.Hour)}}
	remembered := layer.Remember(layer.TraceAuth(a, layer.Observers()), nil)
	for i, want := range []int{1, 1, 2, 2} {
		if i == 2 {
			a.epoch++
		}
		if _, err := remembered.Authenticate(t.Context(), auth.Credential{Scheme: auth.Bearer, Token: "anna"}); err != nil {
			t.Fatal(err)
		}
		if a.times != want {
			t.Errorf("after credential %d it was asked %d times, want %d", i+1, a.times, want)
		}
	}
}
