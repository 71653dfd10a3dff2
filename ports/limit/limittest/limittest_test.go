package limittest_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/portolan-io/portolan/adapters/memory"
	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/ports/contract"
	"github.com/portolan-io/portolan/ports/limit"
	"github.com/portolan-io/portolan/ports/limit/limittest"
)

// A hooked limiter is a right one that does one thing in another way.
type hooked struct {
	limit.Limiter
	take  func(ctx context.Context, takes []limit.Take) ([]limit.Verdict, error)
	close func() error
}

func (h hooked) Take(ctx context.Context, takes ...limit.Take) ([]limit.Verdict, error) {
	if h.take != nil {
		return h.take(ctx, takes)
	}
	return h.Limiter.Take(ctx, takes...)
}

func (h hooked) Close() error {
	if h.close != nil {
		return h.close()
	}
	return h.Limiter.Close()
}

// A breakable limiter can be cut off.
type breakable struct {
	limit.Limiter
	broken bool
	err    error
}

func (b *breakable) Break(contract.T) { b.broken = true }

func (b *breakable) Take(ctx context.Context, takes ...limit.Take) ([]limit.Verdict, error) {
	if b.broken {
		return nil, b.err
	}
	return b.Limiter.Take(ctx, takes...)
}

func openMemory(t contract.T) limit.Limiter {
	l, err := memory.OpenLimiter(context.Background(), memory.LimiterConfig{})
	if err != nil {
		t.Fatalf("OpenLimiter: %v", err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

// TestRight runs the suite over the limiter that the broken ones are made of.
func TestRight(t *testing.T) {
	limittest.Run(t, func(t *testing.T) limit.Limiter {
		return &breakable{Limiter: openMemory(t), err: fault.New(fault.Unavailable, "test.Take", "cut off")}
	})
}

// TestClauses compares the suite with the contract.
func TestClauses(t *testing.T) {
	lines, err := contract.Disagreements("../limit.go", limittest.Cases)
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range lines {
		t.Error(line)
	}
}

// each returns a limiter whose takes are changed before it counts them.
func each(change func(limit.Take) limit.Take) func(limit.Limiter) limit.Limiter {
	return func(l limit.Limiter) limit.Limiter {
		return hooked{Limiter: l, take: func(ctx context.Context, takes []limit.Take) ([]limit.Verdict, error) {
			if err := limit.Check("broken.Take", takes); err != nil {
				return nil, err
			}
			changed := slices.Clone(takes)
			for i := range changed {
				changed[i] = change(changed[i])
			}
			return l.Take(ctx, changed...)
		}}
	}
}

// judged returns a limiter whose verdicts are changed.
func judged(change func(limit.Take, *limit.Verdict)) func(limit.Limiter) limit.Limiter {
	return func(l limit.Limiter) limit.Limiter {
		return hooked{Limiter: l, take: func(ctx context.Context, takes []limit.Take) ([]limit.Verdict, error) {
			verdicts, err := l.Take(ctx, takes...)
			for i := range verdicts {
				change(takes[i], &verdicts[i])
			}
			return verdicts, err
		}}
	}
}

// taking returns a limiter that does something else with the takes.
func taking(take func(ctx context.Context, l limit.Limiter, takes []limit.Take) ([]limit.Verdict, error)) func(limit.Limiter) limit.Limiter {
	return func(l limit.Limiter) limit.Limiter {
		return hooked{Limiter: l, take: func(ctx context.Context, takes []limit.Take) ([]limit.Verdict, error) { return take(ctx, l, takes) }}
	}
}

// oneByOne counts each take by itself.
func oneByOne(ctx context.Context, l limit.Limiter, takes []limit.Take) ([]limit.Verdict, error) {
	if err := limit.Check("broken.Take", takes); err != nil {
		return nil, err
	}
	all := make([]limit.Verdict, 0, len(takes))
	for _, take := range takes {
		verdicts, err := l.Take(ctx, take)
		if err != nil {
			return nil, err
		}
		all = append(all, verdicts...)
	}
	return all, nil
}

// windows forgets what was taken whenever a window of the clock ends.
func windows(l limit.Limiter) limit.Limiter {
	return each(func(take limit.Take) limit.Take {
		window := time.Now().Truncate(take.Rate.Period)
		take.Key = (take.Key + window.String())[:min(len(take.Key)+30, limit.MaxKey)]
		take.Rate.Period = limit.MaxPeriod // nothing comes back within a window
		return take
	})(l)
}

// racing looks first and counts then.
func racing(l limit.Limiter) limit.Limiter {
	var mu sync.Mutex
	counts := make(map[string]int)
	return hooked{Limiter: l, take: func(ctx context.Context, takes []limit.Take) ([]limit.Verdict, error) {
		verdicts := make([]limit.Verdict, len(takes))
		for i, take := range takes {
			mu.Lock()
			before := counts[take.Key]
			mu.Unlock()
			time.Sleep(50 * time.Microsecond)
			mu.Lock()
			if verdicts[i].Allowed = before+take.Amount <= take.Rate.Most(); verdicts[i].Allowed {
				counts[take.Key] = before + take.Amount
			}
			mu.Unlock()
		}
		return verdicts, ctx.Err()
	}}
}

// remembersRate counts by the rate that a key had first.
func remembersRate(l limit.Limiter) limit.Limiter {
	rates := make(map[string]limit.Rate)
	return each(func(take limit.Take) limit.Take {
		if _, known := rates[take.Key]; !known {
			rates[take.Key] = take.Rate
		}
		take.Rate = rates[take.Key]
		return take
	})(l)
}

// brokenLimiters are the mistakes that the suite is known to catch, by the case that
// must catch them.
var brokenLimiters = []struct {
	name, caught string
	with         func(limit.Limiter) limit.Limiter
}{
	{"allows everything", "Taken", judged(func(_ limit.Take, v *limit.Verdict) { v.Allowed = true })},
	{"one too many", "Taken", each(func(take limit.Take) limit.Take { take.Rate.Burst = take.Rate.Most() + 1; return take })},
	{"tells no Reset", "Taken", judged(func(_ limit.Take, v *limit.Verdict) { v.Reset = 0 })},
	{"always tells Retry", "Taken", judged(func(_ limit.Take, v *limit.Verdict) { v.Retry = max(v.Retry, 1) })},
	{"takes what is left", "Taken", taking(func(ctx context.Context, l limit.Limiter, takes []limit.Take) ([]limit.Verdict, error) {
		verdicts, err := l.Take(ctx, takes...)
		if len(takes) == 1 && err == nil && !verdicts[0].Allowed {
			_, err = l.Take(ctx, limit.Take{Key: takes[0].Key, Rate: takes[0].Rate, Amount: verdicts[0].Remaining})
		}
		return verdicts, err
	})},
	{"the last verdict first", "Several", taking(func(ctx context.Context, l limit.Limiter, takes []limit.Take) ([]limit.Verdict, error) {
		verdicts, err := l.Take(ctx, takes...)
		slices.Reverse(verdicts)
		return verdicts, err
	})},
	{"counts each by itself", "AllOrNone", taking(oneByOne)},
	{"0 is 1", "Nothing", each(func(take limit.Take) limit.Take { take.Amount = max(take.Amount, 1); return take })},
	{"0 is always allowed", "Nothing", judged(func(take limit.Take, v *limit.Verdict) { v.Allowed = v.Allowed || take.Amount == 0 })},
	{"cuts amounts", "TooMuch", each(func(take limit.Take) limit.Take { take.Amount = min(take.Amount, take.Rate.Most()); return take })},
	{"hopes for what will never be", "TooMuch", judged(func(_ limit.Take, v *limit.Verdict) {
		if !v.Allowed && v.Retry == 0 {
			v.Retry = time.Second
		}
	})},
	{"gives nothing back", "GivenBack", each(func(take limit.Take) limit.Take { take.Rate.Period = limit.MaxPeriod; return take })},
	{"Retry is too short", "GivenBack", judged(func(_ limit.Take, v *limit.Verdict) { v.Retry /= 3 })},
	{"gives back more than there was", "Burst", each(func(take limit.Take) limit.Take {
		take.Rate.Burst = 2 * take.Rate.Most()
		return take
	})},
	{"windows", "NoWindow", windows},
	{"twice as fast", "NoWindow", each(func(take limit.Take) limit.Take { take.Rate.Period /= 2; return take })},
	{"folds keys", "Keys", each(func(take limit.Take) limit.Take { take.Key = strings.ToLower(take.Key); return take })},
	{"trims keys", "Keys", each(func(take limit.Take) limit.Take { take.Key = strings.TrimSpace(take.Key); return take })},
	{"cuts keys", "Keys", each(func(take limit.Take) limit.Take { take.Key = take.Key[:min(len(take.Key), 100)]; return take })},
	{"the first rate of a key", "OtherRate", remembersRate},
	{"a key for each rate", "OtherRate", each(func(take limit.Take) limit.Take {
		take.Key += take.Rate.Period.String() + string(rune(take.Rate.Amount))
		return take
	})},
	{"keeps owing what was owed", "OtherRate", judged(func(take limit.Take, v *limit.Verdict) { v.Allowed = v.Allowed && take.Amount < 10 })},
	{"looks before it counts", "AtOnce", racing},
	{"one key for all", "Concurrent", each(func(take limit.Take) limit.Take { take.Key = "one"; return take })},
	{"takes before it checks", "Invalid", taking(func(ctx context.Context, l limit.Limiter, takes []limit.Take) ([]limit.Verdict, error) {
		for _, take := range takes {
			if limit.Check("broken.Take", []limit.Take{take}) == nil {
				_, _ = l.Take(ctx, take)
			}
		}
		return l.Take(ctx, takes...)
	})},
	{"allows what it cannot count", "Unreachable", func(l limit.Limiter) limit.Limiter { return &breakable{Limiter: l} }},
	{"an error without a kind", "Unreachable", func(l limit.Limiter) limit.Limiter { return &breakable{Limiter: l, err: errors.New("cut off")} }},
	{"asks no context", "Done", taking(func(ctx context.Context, l limit.Limiter, takes []limit.Take) ([]limit.Verdict, error) {
		return l.Take(context.WithoutCancel(ctx), takes...)
	})},
	{"takes before it asks the context", "Done", taking(func(ctx context.Context, l limit.Limiter, takes []limit.Take) ([]limit.Verdict, error) {
		verdicts, err := l.Take(context.WithoutCancel(ctx), takes...)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return verdicts, err
	})},
	{"stays open", "Closed", func(l limit.Limiter) limit.Limiter { return hooked{Limiter: l, close: func() error { return nil }} }},
	{"closes once", "CloseTwice", func(l limit.Limiter) limit.Limiter {
		var once bool
		return hooked{Limiter: l, close: func() error {
			if once {
				return errors.New("closed already")
			}
			once = true
			return l.Close()
		}}
	}},
}

// TestBrokenLimitersAreCaught runs over each broken limiter the case that must catch
// it.
func TestBrokenLimitersAreCaught(t *testing.T) {
	for _, broken := range brokenLimiters {
		t.Run(broken.name, func(t *testing.T) {
			t.Parallel()
			caught := contract.Failing(t.Context(), named(t, broken.caught), func(t contract.T) limit.Limiter { return broken.with(openMemory(t)) })
			if len(caught) == 0 {
				t.Errorf("the case %s does not fail", broken.caught)
			}
		})
	}
}

// TestEveryCaseCatches shows that no case passes whatever the limiter does.
func TestEveryCaseCatches(t *testing.T) {
	catches := make(map[string]bool)
	for _, broken := range brokenLimiters {
		catches[broken.caught] = true
	}
	for _, c := range limittest.Cases {
		if !catches[c.Name] {
			t.Errorf("the case %s catches no broken limiter", c.Name)
		}
	}
}

// named returns the case with the name.
func named(t *testing.T, name string) []contract.Case[limit.Limiter] {
	t.Helper()
	for _, c := range limittest.Cases {
		if c.Name == name {
			return []contract.Case[limit.Limiter]{c}
		}
	}
	t.Fatalf("there is no case %s", name)
	return nil
}
