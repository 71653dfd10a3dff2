package core_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/portolan-io/portolan/adapters/memory"
	"github.com/portolan-io/portolan/core"
	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/policy"
	"github.com/portolan-io/portolan/ports/limit"
)

// A noting limiter keeps the keys that it was asked for, and fails if it is to.
type noting struct {
	limit.Limiter
	keys []string
	err  error
}

func (w *noting) Take(ctx context.Context, takes ...limit.Take) ([]limit.Verdict, error) {
	if w.err != nil {
		return nil, w.err
	}
	for _, take := range takes {
		w.keys = append(w.keys, take.Key)
	}
	return w.Limiter.Take(ctx, takes...)
}

func newLimits(t testing.TB, config core.LimitsConfig) (*core.Limits, *noting) {
	t.Helper()
	limiter, err := memory.OpenLimiter(t.Context(), memory.LimiterConfig{})
	if err != nil {
		t.Fatal(err)
	}
	seen := &noting{Limiter: limiter}
	config.Limiter = seen
	limits, err := core.NewLimits(config)
	if err != nil {
		t.Fatal(err)
	}
	return limits, seen
}

func hourly(n int) limit.Rate { return limit.Rate{Amount: n, Period: time.Hour} }

func TestLimitsConfig(t *testing.T) {
	limiter, err := memory.OpenLimiter(t.Context(), memory.LimiterConfig{})
	if err != nil {
		t.Fatal(err)
	}
	for name, config := range map[string]core.LimitsConfig{
		"no limiter":       {},
		"no period":        {Limiter: limiter, Address: limit.Rate{Amount: 1}},
		"tier":             {Limiter: limiter, Tiers: map[string]limit.Rate{"admin": {Amount: -1, Period: time.Hour}}},
		"anonymous":        {Limiter: limiter, Tiers: map[string]limit.Rate{policy.Anonymous: {Period: time.Hour}}},
		"cost of nothing":  {Limiter: limiter, Costs: map[string]int{"nothing": 2}},
		"cost of less":     {Limiter: limiter, Costs: map[string]int{core.CostQuery: 0}},
		"failures too far": {Limiter: limiter, Failures: limit.Rate{Amount: 1, Period: limit.MaxPeriod + 1}},
	} {
		if _, err := core.NewLimits(config); !errors.Is(err, fault.Invalid) {
			t.Errorf("%s: NewLimits = %v, want a %s", name, err, fault.Invalid)
		}
	}
}

// TestMostGenerousTier gives people several roles: what counts is the tier that gives the
// most in the long run, and of two that give the same the one that gives more at once.
func TestMostGenerousTier(t *testing.T) {
	limits, _ := newLimits(t, core.LimitsConfig{Tiers: map[string]limit.Rate{
		policy.Authenticated: hourly(10),
		"less":               hourly(5), "more": hourly(20), "fast": {Amount: 1, Period: time.Minute, Burst: 3}, "wide": {Amount: 20, Period: time.Hour, Burst: 50},
	}})
	for i, tt := range []struct {
		roles []string
		want  limit.Rate
	}{
		{nil, hourly(10)},
		{[]string{"unheard of"}, hourly(10)},
		{[]string{"less"}, hourly(10)},
		{[]string{"less", "more"}, hourly(20)},
		{[]string{"more", "less"}, hourly(20)},
		{[]string{"more", "wide"}, limit.Rate{Amount: 20, Period: time.Hour, Burst: 50}},
		{[]string{"wide", "fast", "more"}, limit.Rate{Amount: 1, Period: time.Minute, Burst: 3}},
		{[]string{policy.Anonymous}, hourly(10)},
	} {
		who := policy.Principal{Issuer: "test", Subject: fmt.Sprint("caller", i), Roles: tt.roles}
		standing, err := limits.Admit(t.Context(), who, 1)
		if err != nil || standing.Bound == nil || standing.Bound.Rate != tt.want || standing.Verdict.Remaining != tt.want.Most()-1 {
			t.Errorf("%q: got %+v, %v; want %+v", tt.roles, standing, err, tt.want)
		}
	}
}

// TestLimitsKeepApart shows whose requests are counted together, and that no key tells of
// whom it is.
func TestLimitsKeepApart(t *testing.T) {
	limits, seen := newLimits(t, core.LimitsConfig{
		Tiers: map[string]limit.Rate{policy.Authenticated: hourly(1), policy.Anonymous: hourly(1)},
	})
	ask := func(issuer, subject string) error {
		_, err := limits.Admit(t.Context(), policy.Principal{Issuer: issuer, Subject: subject}, 1)
		return err
	}
	long := strings.Repeat("l", 5000)
	for _, who := range [][2]string{{"a", "bc"}, {"ab", "c"}, {"a", "b"}, {"b", "a"}, {"a", "\x00"}, {"a\x00", "x"}, {long, "s"}, {"i", long}} {
		if err := ask(who[0], who[1]); err != nil {
			t.Errorf("the first request of %.20q: %v", who, err)
		}
		if err := ask(who[0], who[1]); !errors.Is(err, fault.Limited) {
			t.Errorf("the second request of %.20q = %v, want a %s", who, err, fault.Limited)
		}
	}
	if err := ask("issuer.example.com", "ada@example.com"); err != nil {
		t.Error(err)
	}
	for _, key := range seen.keys {
		if strings.Contains(key, "ada") || strings.Contains(key, "example") || len(key) > 32 {
			t.Errorf("the key %q tells of whom it is", key)
		}
	}
	for _, address := range []string{"192.0.2.1", "192.0.2.2", "2001:db8::1", "2001:db8:0:1::1"} {
		if _, err := limits.Arrive(t.Context(), netip.MustParseAddr(address), 1, false); err != nil {
			t.Errorf("the first request from %s: %v", address, err)
		}
	}
	for _, again := range []string{"::ffff:192.0.2.1", "2001:db8::ffff:0:0:2"} {
		if _, err := limits.Arrive(t.Context(), netip.MustParseAddr(again), 1, false); !errors.Is(err, fault.Limited) {
			t.Errorf("another address of the same: %v", err)
		}
	}
}

// TestRefusedAreCounted has each bound refuse, and reads which did.
func TestRefusedAreCounted(t *testing.T) {
	somewhere, ada := netip.MustParseAddr("192.0.2.1"), policy.Principal{Issuer: "test", Subject: "ada"}
	for bound, tt := range map[string]struct {
		config core.LimitsConfig
		ask    func(*core.Limits) error
	}{
		"principal": {core.LimitsConfig{Tiers: map[string]limit.Rate{policy.Authenticated: hourly(1)}}, func(l *core.Limits) error {
			_, err := l.Admit(t.Context(), ada, 1)
			return err
		}},
		"anonymous": {core.LimitsConfig{Tiers: map[string]limit.Rate{policy.Anonymous: hourly(1)}}, func(l *core.Limits) error {
			_, err := l.Arrive(t.Context(), somewhere, 1, false)
			return err
		}},
		"address": {core.LimitsConfig{Address: hourly(1)}, func(l *core.Limits) error {
			_, err := l.Arrive(t.Context(), somewhere, 1, true)
			return err
		}},
		"global": {core.LimitsConfig{Global: hourly(1)}, func(l *core.Limits) error {
			_, err := l.Admit(t.Context(), ada, 1)
			return err
		}},
		"authentication": {core.LimitsConfig{Failures: hourly(1)}, func(l *core.Limits) error {
			_, err := l.Arrive(t.Context(), somewhere, 1, true)
			if err == nil {
				_, err = l.Failed(t.Context(), somewhere, fault.New(fault.Unauthenticated, "test", "no"))
			}
			return err
		}},
	} {
		limits, _ := newLimits(t, tt.config)
		if err := tt.ask(limits); err != nil {
			t.Errorf("%s: the first request: %v", bound, err)
		}
		for range 3 {
			if err := tt.ask(limits); !errors.Is(err, fault.Limited) || fault.Of(err).Code != "rate-limited" || fault.Of(err).Hint == "" {
				t.Errorf("%s: one too many = %v, want a %s with a hint", bound, err, fault.Limited)
			}
		}
		for kind, n := range limits.Refused {
			if want := map[bool]uint64{true: 3}[kind == bound]; n != want {
				t.Errorf("%s: %s has refused %d, want %d", bound, kind, n, want)
			}
		}
	}
}

// TestMoreOfNobody: what nobody's request costs besides is as much as anybody's.
func TestMoreOfNobody(t *testing.T) {
	limits, _ := newLimits(t, core.LimitsConfig{Tiers: map[string]limit.Rate{policy.Anonymous: hourly(10)}})
	from := policy.Principal{Address: netip.MustParseAddr("192.0.2.1")}
	if standing, err := limits.More(t.Context(), from, 7); err != nil || standing.Verdict.Remaining != 3 {
		t.Errorf("More = %+v, %v, want 3 of 10 to remain", standing, err)
	}
	if _, err := limits.More(t.Context(), from, 7); !errors.Is(err, fault.Limited) {
		t.Errorf("as much again = %v, want a %s", err, fault.Limited)
	}
}

// TestLimiterThatFails shows that nobody is let pass who was not counted.
func TestLimiterThatFails(t *testing.T) {
	limits, seen := newLimits(t, core.LimitsConfig{Address: hourly(10), Global: hourly(10), Failures: hourly(10)})
	seen.err = fault.New(fault.Unavailable, "test", "down")
	from := netip.MustParseAddr("192.0.2.1")
	for name, ask := range map[string]func() (core.Standing, error){
		"Arrive":    func() (core.Standing, error) { return limits.Arrive(t.Context(), from, 1, false) },
		"with one":  func() (core.Standing, error) { return limits.Arrive(t.Context(), from, 1, true) },
		"Admit":     func() (core.Standing, error) { return limits.Admit(t.Context(), policy.Principal{Subject: "ada"}, 1) },
		"More":      func() (core.Standing, error) { return limits.More(t.Context(), policy.Principal{Address: from}, 1) },
		"More of 1": func() (core.Standing, error) { return limits.More(t.Context(), policy.Principal{Subject: "ada"}, 1) },
		"Failed":    func() (core.Standing, error) { return limits.Failed(t.Context(), from, fault.Unauthenticated) },
	} {
		if standing, err := ask(); !errors.Is(err, fault.Unavailable) || standing.Bound != nil {
			t.Errorf("%s = %+v, %v; want a %s", name, standing, err, fault.Unavailable)
		}
	}
}

// TestStandingInSeconds reads how a caller stands at rates of all sizes.
func TestStandingInSeconds(t *testing.T) {
	for _, tt := range []struct {
		rate           limit.Rate
		quota, window  int
		restored, wait int // after all was taken
	}{
		{limit.Rate{Amount: 100, Period: time.Minute}, 100, 60, 60, 1},
		{limit.Rate{Amount: 2, Period: time.Minute}, 2, 60, 60, 30},
		{limit.Rate{Amount: 10, Period: 100 * time.Millisecond}, 100, 1, 1, 1},
		{limit.Rate{Amount: 3, Period: 1500 * time.Millisecond}, 4, 2, 2, 1},
		{limit.Rate{Amount: 1, Period: time.Minute, Burst: 5}, 1, 60, 60, 60},
		{limit.Rate{Amount: 60, Period: time.Minute, Burst: 5}, 60, 60, 5, 1},
	} {
		limits, _ := newLimits(t, core.LimitsConfig{Address: tt.rate})
		from := netip.MustParseAddr("192.0.2.1")
		all, err := limits.Arrive(t.Context(), from, tt.rate.Most(), false)
		if err != nil || all.Bound.Quota() != tt.quota || all.Bound.Window() != tt.window || all.Restored() != tt.restored {
			t.Errorf("%+v: %d in %d s, restored in %d s, %v", tt.rate, all.Bound.Quota(), all.Bound.Window(), all.Restored(), err)
		}
		standing := core.Standing{Bound: all.Bound, Verdict: limit.Verdict{Retry: tt.rate.Period / time.Duration(tt.rate.Amount)}}
		if standing.Wait() != tt.wait {
			t.Errorf("%+v: wait %d s, want %d", tt.rate, standing.Wait(), tt.wait)
		}
	}
}

func ExampleLimits() {
	limiter, err := memory.OpenLimiter(context.Background(), memory.LimiterConfig{})
	if err != nil {
		panic(err)
	}
	defer limiter.Close()
	limits, err := core.NewLimits(core.LimitsConfig{
		Limiter: limiter,
		Tiers:   map[string]limit.Rate{policy.Anonymous: {Amount: 2, Period: time.Minute}},
	})
	if err != nil {
		panic(err)
	}
	for range 3 {
		standing, err := limits.Arrive(context.Background(), netip.MustParseAddr("192.0.2.1"), 1, false)
		fmt.Println(standing.Verdict.Remaining, err == nil)
	}
	// Output:
	// 1 true
	// 0 true
	// 0 false
}
