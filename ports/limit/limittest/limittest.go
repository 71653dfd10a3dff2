// Package limittest is the suite that proves a limit.Limiter. Start at [Run].
package limittest

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/ports/contract"
	"github.com/portolan-io/portolan/ports/limit"
)

// Run runs the suite over the limiters that open returns, a new one for each case.
// What open opens it also closes, with t.Cleanup. A limiter that is [Breakable] is
// proved to say when it cannot be reached.
func Run(t *testing.T, open func(t *testing.T) limit.Limiter) {
	t.Helper()
	contract.Run(t, Cases, open)
}

// A Breakable limiter can be cut off from what counts, until the case is over.
type Breakable interface {
	limit.Limiter
	Break(t contract.T)
}

// A Scratching limiter can be proved where it is used, by portolan contract: it makes
// limiters for the suite apart from what it counts. One in this process needs none.
type Scratching interface {
	// Scratch opens a new limiter on the same server, with the same settings, that has
	// counted nothing. Closing it removes all that was counted in it.
	Scratch(ctx context.Context) (limit.Limiter, error)
}

// Cases are the cases of the suite.
var Cases = []contract.Case[limit.Limiter]{
	{Name: "Taken", Clause: "Take takes the amount of each take from what its rate leaves of its key, if there is enough for all of them, and reports of each, in their order, whether there was.", Run: taken},
	{Name: "Several", Clause: "reports of each, in their order, whether there was.", Run: several},
	{Name: "AllOrNone", Clause: "If there is not enough for one, nothing is taken for any.", Run: allOrNone},
	{Name: "Nothing", Clause: "An amount of 0 takes nothing, and is allowed if at least 1 could be taken.", Run: nothing},
	{Name: "TooMuch", Clause: "There is never enough for an amount that is more than the burst of its rate.", Run: tooMuch},
	{Name: "GivenBack", Clause: "What was taken is given back at the rate", Run: givenBack},
	{Name: "Burst", Clause: "never more than the burst.", Run: burst},
	{Name: "NoWindow", Clause: "it keeps one time for each key, and no take is forgotten at the end of a window.", Run: noWindow},
	{Name: "Keys", Clause: "Keys have nothing to do with each other.", Run: keys},
	{Name: "OtherRate", Clause: "A key may be taken from at another rate each time: how long it lasts until all is given back stays the same, but is never longer than for the burst of the rate.", Run: otherRate},
	{Name: "AtOnce", Clause: "Calls that are made at once are counted one after the other, also when several processes make them that share what is behind the Limiter.", Run: atOnce},
	{Name: "Concurrent", Clause: "A Limiter is safe for concurrent use.", Run: concurrent},
	{Name: "Invalid", Clause: "A bound of a rate, an amount or a key that does not hold, more takes than MaxTakes and two takes of one key are fault.Invalid.", Run: invalid},
	{Name: "Unreachable", Clause: "If what counts cannot be reached, Take returns fault.Unavailable", Run: unreachable},
	{Name: "Done", Clause: "Every error it returns has a fault.Kind, except that a done context's error is returned as it is. A call with a done context returns its error and takes nothing.", Run: done},
	{Name: "Closed", Clause: "After Close Take returns fault.Unavailable.", Run: closed},
	{Name: "CloseTwice", Clause: "Close lets go of everything that the limiter holds. Calling it again does nothing.", Run: closeTwice},
}

// slow is a rate at which nothing is given back while a case runs.
var slow = limit.Rate{Amount: 5, Period: time.Hour}

// of returns the take of an amount at the slow rate.
func of(key string, amount int) limit.Take {
	return limit.Take{Key: key, Rate: slow, Amount: amount}
}

// take takes, which must be no error, and have a verdict on each take.
func take(t contract.T, l limit.Limiter, takes ...limit.Take) []limit.Verdict {
	t.Helper()
	verdicts, err := l.Take(t.Context(), takes...)
	if err != nil || len(verdicts) != len(takes) {
		t.Fatalf("Take(%.60v) = %v, %v; want %d verdicts", takes, verdicts, err, len(takes))
	}
	return verdicts
}

// want takes, and checks whether that was allowed and what remains.
func want(t contract.T, l limit.Limiter, one limit.Take, allowed bool, remaining int) limit.Verdict {
	t.Helper()
	v := take(t, l, one)[0]
	if v.Allowed != allowed || v.Remaining != remaining {
		t.Errorf("Take of %d from %.30q = %+v; want allowed %t and %d remaining", one.Amount, one.Key, v, allowed, remaining)
	}
	return v
}

// within checks a time that ended so long ago at most.
func within(t contract.T, what string, got, most time.Duration, began time.Time) {
	t.Helper()
	if least := most - time.Since(began) - time.Millisecond; got > most+time.Microsecond || got < least {
		t.Errorf("%s is %v, want %v to %v", what, got, least, most)
	}
}

func taken(t contract.T, l limit.Limiter) {
	began := time.Now()
	for i := range 5 {
		v := want(t, l, of("key", 1), true, 4-i)
		within(t, "Reset", v.Reset, time.Duration(i+1)*12*time.Minute, began)
		if v.Retry != 0 {
			t.Errorf("Retry of what is allowed is %v, want 0", v.Retry)
		}
	}
	for range 3 {
		v := want(t, l, of("key", 1), false, 0)
		within(t, "Reset", v.Reset, time.Hour, began)
		within(t, "Retry", v.Retry, 12*time.Minute, began)
	}
	want(t, l, of("other", 2), true, 3)
	v := want(t, l, of("other", 4), false, 3)
	within(t, "Retry of 4 where 3 are left", v.Retry, 12*time.Minute, began)
	want(t, l, of("other", 3), true, 0)
}

func several(t contract.T, l limit.Limiter) {
	if none := take(t, l); len(none) != 0 {
		t.Errorf("Take of nothing = %v", none)
	}
	wide := limit.Rate{Amount: 10, Period: time.Hour, Burst: 20}
	verdicts := take(t, l, of("a", 1), limit.Take{Key: "b", Rate: wide, Amount: 7}, of("c", 3))
	for i, remaining := range []int{4, 13, 2} {
		if !verdicts[i].Allowed || verdicts[i].Remaining != remaining {
			t.Errorf("verdict %d is %+v, want %d remaining", i, verdicts[i], remaining)
		}
	}
	verdicts = take(t, l, limit.Take{Key: "b", Rate: wide, Amount: 2}, of("c", 3), of("a", 2))
	for i, allowed := range []bool{true, false, true} {
		if verdicts[i].Allowed != allowed {
			t.Errorf("verdict %d is %+v, want allowed %t", i, verdicts[i], allowed)
		}
	}
}

func allOrNone(t contract.T, l limit.Limiter) {
	take(t, l, of("empty", 5))
	for _, takes := range [][]limit.Take{
		{of("full", 2), of("empty", 1)},
		{of("empty", 1), of("full", 2)},
		{of("full", 1), of("empty", 0)},
	} {
		for _, v := range take(t, l, takes...) {
			if v.Allowed && (v.Remaining != 5 || v.Reset != 0 || v.Retry != 0) {
				t.Errorf("of a take that could have been allowed: %+v, want all 5 left", v)
			}
		}
	}
	want(t, l, of("full", 5), true, 0)
}

func nothing(t contract.T, l limit.Limiter) {
	if v := want(t, l, of("key", 0), true, 5); v.Reset != 0 {
		t.Errorf("Reset of a key that nobody took from is %v", v.Reset)
	}
	for range 10 {
		want(t, l, of("key", 0), true, 5)
	}
	want(t, l, of("key", 4), true, 1)
	want(t, l, of("key", 0), true, 1)
	want(t, l, of("key", 1), true, 0)
	began := time.Now()
	v := want(t, l, of("key", 0), false, 0)
	within(t, "Retry", v.Retry, 12*time.Minute, began.Add(-time.Minute))
}

func tooMuch(t contract.T, l limit.Limiter) {
	if v := want(t, l, of("key", 6), false, 5); v.Retry != 0 {
		t.Errorf("Retry of what will never be allowed is %v, want 0", v.Retry)
	}
	narrow := limit.Take{Key: "narrow", Rate: limit.Rate{Amount: 100, Period: time.Hour, Burst: 3}, Amount: 4}
	want(t, l, narrow, false, 3)
	narrow.Amount = 3
	want(t, l, narrow, true, 0)
	want(t, l, of("key", 5), true, 0)
}

// quick is a rate at which a case can wait for what it took.
var quick = limit.Rate{Amount: 10, Period: time.Second, Burst: 2}

func givenBack(t contract.T, l limit.Limiter) {
	one := limit.Take{Key: "key", Rate: quick, Amount: 1}
	const interval = 100 * time.Millisecond
	for range 2 {
		if v := take(t, l, one)[0]; !v.Allowed {
			t.Fatalf("the burst is not allowed: %+v", v)
		}
	}
	for range 3 {
		v := take(t, l, one)[0]
		for ; v.Allowed; v = take(t, l, one)[0] { // on a machine that stood still
			continue
		}
		if v.Retry <= 0 || v.Retry > interval {
			t.Errorf("Retry is %v, want more than 0 and at most %v", v.Retry, interval)
		}
		time.Sleep(min(v.Retry, interval))
		if v := take(t, l, one)[0]; !v.Allowed {
			t.Errorf("what was refused is refused again after Retry: %+v", v)
		}
	}
}

func burst(t contract.T, l limit.Limiter) {
	two := limit.Take{Key: "key", Rate: quick, Amount: 2}
	v := take(t, l, two)[0]
	if v.Reset <= 0 || v.Reset > 200*time.Millisecond {
		t.Errorf("Reset of all is %v, want more than 0 and at most 200ms", v.Reset)
	}
	time.Sleep(min(v.Reset, 200*time.Millisecond))
	two.Amount = 0
	for range 2 { // much more time than all takes adds nothing
		if v := want(t, l, two, true, 2); v.Reset != 0 {
			t.Errorf("Reset is %v when all is given back", v.Reset)
		}
		time.Sleep(300 * time.Millisecond)
	}
}

// noWindow takes all that it gets for a while, and looks at every part of it: whatever
// its beginning and its end, no more is allowed in it than the burst and what the rate
// gives in that time.
func noWindow(t contract.T, l limit.Limiter) {
	rate := limit.Rate{Amount: 20, Period: 200 * time.Millisecond}
	interval := rate.Period / time.Duration(rate.Amount)
	type call struct{ before, after time.Time }
	var calls []call
	for began := time.Now(); time.Since(began) < 900*time.Millisecond; {
		c := call{before: time.Now()}
		v := take(t, l, limit.Take{Key: "key", Rate: rate, Amount: 1})[0]
		if c.after = time.Now(); v.Allowed {
			calls = append(calls, c)
			continue
		}
		// To have the burst again just before a window could end, and to use it then.
		time.Sleep(min(v.Reset, 150*time.Millisecond))
	}
	for i := range calls {
		for j := i; j < len(calls); j++ {
			most := rate.Most() + 1 + int(calls[j].after.Sub(calls[i].before)/interval)
			if n := j - i + 1; n > most {
				t.Errorf("%d takes were allowed in %v, want %d at most", n, calls[j].after.Sub(calls[i].before), most)
				return
			}
		}
	}
	if len(calls) < 2*rate.Most() {
		t.Errorf("%d takes were allowed in all, want %d at least", len(calls), 2*rate.Most())
	}
}

func keys(t contract.T, l limit.Limiter) {
	all := []string{
		"", "a", "A", "a ", " a", "a\x00", "a\x00b", "a:b", "a*", "{a}", "{a}b", "{", "}", "ä", "\xff\xfe", "\r\n",
		strings.Repeat("k", limit.MaxKey), strings.Repeat("k", limit.MaxKey-1), strings.Repeat("k", limit.MaxKey-1) + "l",
	}
	for _, key := range all {
		want(t, l, of(key, 5), true, 0)
		want(t, l, of(key, 1), false, 0)
	}
}

func otherRate(t contract.T, l limit.Limiter) {
	fast := limit.Rate{Amount: 1_000, Period: 10 * time.Second, Burst: 10}
	take(t, l, of("key", 5)) // all is given back in an hour
	v := take(t, l, limit.Take{Key: "key", Rate: fast, Amount: 0})[0]
	if v.Reset > 100*time.Millisecond {
		t.Errorf("Reset of a burst of 10 at 100 a second is %v, want 100ms at most", v.Reset)
	}
	time.Sleep(min(v.Reset, 100*time.Millisecond))
	want(t, l, limit.Take{Key: "key", Rate: fast, Amount: 10}, true, 0)

	wide := limit.Rate{Amount: 10, Period: time.Hour}
	took := limit.Rate{Amount: 4, Period: time.Hour}
	began := time.Now()
	take(t, l, limit.Take{Key: "wider", Rate: took, Amount: 2}) // half an hour
	v = want(t, l, limit.Take{Key: "wider", Rate: wide, Amount: 1}, true, 4)
	within(t, "Reset at another rate", v.Reset, 36*time.Minute, began)
}

// atOnce has many take at once of a key for which there is not enough, and of which
// each call has another besides.
func atOnce(t contract.T, l limit.Limiter) {
	rate := limit.Rate{Amount: 40, Period: time.Hour}
	var group sync.WaitGroup
	var allowed atomic.Int64
	for worker := range 16 {
		group.Go(func() {
			for range 10 {
				verdicts, err := l.Take(t.Context(), of("worker"+string(rune('a'+worker)), 0), limit.Take{Key: "all", Rate: rate, Amount: 1})
				if err != nil || len(verdicts) != 2 {
					t.Errorf("Take = %v, %v", verdicts, err)
					return
				}
				if verdicts[1].Allowed {
					allowed.Add(1)
				}
			}
		})
	}
	group.Wait()
	if got := allowed.Load(); got != 40 {
		t.Errorf("%d of 160 takes at once were allowed, want 40", got)
	}
}

func concurrent(t contract.T, l limit.Limiter) {
	var group sync.WaitGroup
	for worker := range 8 {
		group.Go(func() {
			key := string(rune('a' + worker))
			for i := range 20 {
				verdicts, err := l.Take(t.Context(), of(key, 1))
				if err != nil || len(verdicts) != 1 || verdicts[0].Allowed != (i < 5) {
					t.Errorf("take %d from a key that nobody else has = %+v, %v", i, verdicts, err)
					return
				}
			}
		})
	}
	group.Wait()
}

func invalid(t contract.T, l limit.Limiter) {
	rated := func(rate limit.Rate) []limit.Take { return []limit.Take{{Key: "key", Rate: rate, Amount: 1}} }
	many := make([]limit.Take, limit.MaxTakes+1)
	for i := range many {
		many[i] = of(string(rune('a'+i)), 1)
	}
	for name, takes := range map[string][]limit.Take{
		"no rate":            rated(limit.Rate{}),
		"amount of 0":        rated(limit.Rate{Period: time.Hour}),
		"amount below 0":     rated(limit.Rate{Amount: -1, Period: time.Hour}),
		"no period":          rated(limit.Rate{Amount: 1}),
		"short period":       rated(limit.Rate{Amount: 1, Period: time.Millisecond - 1}),
		"long period":        rated(limit.Rate{Amount: 1, Period: limit.MaxPeriod + 1}),
		"too fast":           rated(limit.Rate{Amount: 1001, Period: time.Millisecond}),
		"burst below 0":      rated(limit.Rate{Amount: 1, Period: time.Hour, Burst: -1}),
		"burst above":        rated(limit.Rate{Amount: 1, Period: time.Hour, Burst: limit.MaxBurst + 1}),
		"long key":           {of(strings.Repeat("k", limit.MaxKey+1), 1)},
		"taking less than 0": {of("key", -1)},
		"one key twice":      {of("key", 1), of("other", 1), of("key", 1)},
		"too many":           many,
		"the second":         {of("key", 1), of("other", -1)},
	} {
		if verdicts, err := l.Take(t.Context(), takes...); !errors.Is(err, fault.Invalid) || verdicts != nil {
			t.Errorf("%s: Take = %v, %v; want a %s", name, verdicts, err, fault.Invalid)
		}
	}
	want(t, l, of("key", 5), true, 0) // nothing of all that was taken
}

func unreachable(t contract.T, l limit.Limiter) {
	breakable, ok := l.(Breakable)
	if !ok {
		t.Logf("this limiter cannot be cut off from what counts")
		return
	}
	take(t, l, of("key", 1))
	breakable.Break(t)
	if verdicts, err := l.Take(t.Context(), of("key", 1)); !errors.Is(err, fault.Unavailable) || verdicts != nil {
		t.Errorf("Take = %v, %v; want a %s", verdicts, err, fault.Unavailable)
	}
}

func done(t contract.T, l limit.Limiter) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for range 5 {
		if verdicts, err := l.Take(ctx, of("key", 1)); err != context.Canceled || verdicts != nil { //nolint:errorlint // as it is, not wrapped
			t.Errorf("Take with a cancelled context = %v, %v; want %v as it is", verdicts, err, context.Canceled)
		}
	}
	want(t, l, of("key", 5), true, 0)
}

func closed(t contract.T, l limit.Limiter) {
	if err := l.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
	if verdicts, err := l.Take(t.Context(), of("key", 1)); !errors.Is(err, fault.Unavailable) || verdicts != nil {
		t.Errorf("Take after Close = %v, %v; want a %s", verdicts, err, fault.Unavailable)
	}
}

func closeTwice(t contract.T, l limit.Limiter) {
	for i := range 2 {
		if err := l.Close(); err != nil {
			t.Errorf("Close, call %d: %v", i+1, err)
		}
	}
}
