package memory_test

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/portolan-io/portolan/adapters/memory"
	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/ports/limit"
	"github.com/portolan-io/portolan/ports/limit/limittest"
)

// openLimiter opens a limiter of so many keys, which the test closes.
func openLimiter(t testing.TB, keys int) *memory.Limiter {
	t.Helper()
	l, err := memory.OpenLimiter(t.Context(), memory.LimiterConfig{MaxKeys: keys})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return l
}

func TestLimiterContract(t *testing.T) {
	limittest.Run(t, func(t *testing.T) limit.Limiter { return openLimiter(t, 0) })
}

func TestLimiterConfig(t *testing.T) {
	for _, keys := range []int{-1, 10_000_001} {
		if _, err := memory.OpenLimiter(t.Context(), memory.LimiterConfig{MaxKeys: keys}); !errors.Is(err, fault.Invalid) {
			t.Errorf("OpenLimiter with max_keys %d = %v, want a %s", keys, err, fault.Invalid)
		}
	}
}

func take(t testing.TB, l limit.Limiter, key string, rate limit.Rate, amount int) limit.Verdict {
	t.Helper()
	verdicts, err := l.Take(t.Context(), limit.Take{Key: key, Rate: rate, Amount: amount})
	if err != nil {
		t.Fatal(err)
	}
	return verdicts[0]
}

// TestLimiterForgets counts what is kept of keys that come once, for as long as they
// are owed and later.
func TestLimiterForgets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := openLimiter(t, 0)
		rate := limit.Rate{Amount: 10, Period: time.Second}
		for i := range 100_000 {
			take(t, l, fmt.Sprint("key", i), rate, 10)
			time.Sleep(time.Millisecond) // so that 1,000 are owed at any time
			if held := l.Held(); held > 2*1024 {
				t.Fatalf("after %d keys the limiter holds %d, of which 1,000 are owed", i+1, held)
			}
		}
	})
}

// TestLimiterHolds floods a limiter with keys. It never holds more than it may, and it
// does not forget whom it refuses for one who took little.
func TestLimiterHolds(t *testing.T) {
	const most = 1000
	l := openLimiter(t, most)
	rate := limit.Rate{Amount: 5, Period: time.Hour}
	take(t, l, "refused", rate, 5)
	for i := range 20 * most {
		take(t, l, fmt.Sprint("flood", i), rate, 1)
		if held := l.Held(); held > most {
			t.Fatalf("after %d keys the limiter holds %d, more than %d", i+1, held, most)
		}
	}
	if v := take(t, l, "refused", rate, 1); v.Allowed {
		t.Errorf("the flood made the limiter forget who had taken the most")
	}
	if held := l.Held(); held < most/2 {
		t.Errorf("the limiter holds %d keys, and forgot more than it had to", held)
	}
}

// TestLimiterClock lets a clock run that nothing disturbs: what is allowed in a minute
// is what the rate says, to one.
func TestLimiterClock(t *testing.T) {
	for _, rate := range []limit.Rate{
		{Amount: 100, Period: time.Second},
		{Amount: 100, Period: time.Second, Burst: 1},
		{Amount: 7, Period: time.Second, Burst: 3},
		{Amount: 1000, Period: time.Minute, Burst: 50},
		{Amount: 1, Period: 3 * time.Second},
	} {
		synctest.Test(t, func(t *testing.T) {
			l := openLimiter(t, 0)
			allowed := 0
			for began := time.Now(); time.Since(began) < time.Minute; time.Sleep(time.Millisecond) {
				if take(t, l, "key", rate, 1).Allowed {
					allowed++
				}
			}
			want := rate.Most() + int(time.Minute*time.Duration(rate.Amount)/rate.Period)
			if allowed < want-1 || allowed > want {
				t.Errorf("at %+v %d takes were allowed in a minute, want %d", rate, allowed, want)
			}
		})
	}
}

func BenchmarkLimiterTake(b *testing.B) {
	l := openLimiter(b, 0)
	rate := limit.Rate{Amount: 1000, Period: time.Second}
	keys := make([]string, 1000)
	for i := range keys {
		keys[i] = fmt.Sprint("key", i)
	}
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for i := 0; pb.Next(); i++ {
			if _, err := l.Take(b.Context(), limit.Take{Key: keys[i%len(keys)], Rate: rate, Amount: 1}, limit.Take{Key: "all", Rate: rate, Amount: 1}); err != nil {
				b.Error(err)
				return
			}
		}
	})
}
