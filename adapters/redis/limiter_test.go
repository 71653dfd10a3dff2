package redis

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/ports/contract"
	"github.com/portolan-io/portolan/ports/limit"
	"github.com/portolan-io/portolan/ports/limit/limittest"
	"github.com/portolan-io/portolan/ports/secrets"
	"github.com/portolan-io/portolan/test/servers"
)

// openLimiter opens a limiter, which the test closes.
func openLimiter(t testing.TB, cfg Config) *Limiter {
	t.Helper()
	l, err := OpenLimiter(context.Background(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

// A cutOff limiter can be cut off from its server.
type cutOff struct {
	*Limiter
	faults *servers.Faults
}

func (c cutOff) Break(contract.T) { c.faults.Cut() }

func TestLimiterContract(t *testing.T) {
	limittest.Run(t, func(t *testing.T) limit.Limiter {
		faults := servers.FaultsTo(t, servers.Redis(t))
		return cutOff{openLimiter(t, patient(Config{Addrs: []string{faults.Address}})), faults}
	})
}

func TestLimiterClusterContract(t *testing.T) {
	addrs, _, _ := startCluster(t)
	limittest.Run(t, func(t *testing.T) limit.Limiter {
		return openLimiter(t, patient(Config{Addrs: addrs[:1], Cluster: true}))
	})
}

// TestLimiterConfig shows that what is wrong of a cache is wrong of a limiter, and that
// a server that is not there keeps nothing from starting.
func TestLimiterConfig(t *testing.T) {
	if _, err := OpenLimiter(t.Context(), Config{}); !errors.Is(err, fault.Invalid) {
		t.Errorf("OpenLimiter without an address = %v, want a %s", err, fault.Invalid)
	}
	port, err := servers.FreePort(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	l := openLimiter(t, Config{Addrs: []string{"127.0.0.1:" + strconv.Itoa(port)}})
	if err := l.Ping(t.Context()); !errors.Is(err, fault.Unavailable) {
		t.Errorf("Ping of nobody = %v, want a %s", err, fault.Unavailable)
	}
}

// TestLimiterShared has two limiters count together: what both allow is what the rate
// says.
func TestLimiterShared(t *testing.T) {
	cfg := patient(Config{Addrs: []string{servers.Redis(t)}})
	both := []*Limiter{openLimiter(t, cfg), openLimiter(t, cfg)}
	var allowed atomic.Int64
	var group sync.WaitGroup
	for i := range 20 {
		group.Go(func() {
			for range 20 {
				verdicts, err := both[i%2].Take(t.Context(), limit.Take{Key: "key", Rate: limit.Rate{Amount: 100, Period: time.Hour}, Amount: 1})
				if err != nil {
					t.Error(err)
					return
				}
				if verdicts[0].Allowed {
					allowed.Add(1)
				}
			}
		})
	}
	group.Wait()
	if got := allowed.Load(); got != 100 {
		t.Errorf("two limiters allowed %d of 400, want 100", got)
	}
}

// TestLimiterKeys looks at what is left at the server: keys with the limiter's own
// prefix, which end when all is given back.
func TestLimiterKeys(t *testing.T) {
	server := single(t)
	look := direct(t, server.Address)
	l := openLimiter(t, Config{Addrs: []string{server.Address}, Timeout: 10 * time.Second})
	takes := []limit.Take{
		{Key: "a", Rate: limit.Rate{Amount: 10, Period: time.Minute}, Amount: 1},
		{Key: "b", Rate: limit.Rate{Amount: 10, Period: time.Minute, Burst: 100}, Amount: 100},
		{Key: "asked", Rate: limit.Rate{Amount: 10, Period: time.Minute}},
	}
	if _, err := l.Take(t.Context(), takes...); err != nil {
		t.Fatal(err)
	}
	keys, err := look.Keys(t.Context(), "*").Result()
	if err != nil || len(keys) != 2 {
		t.Fatalf("the server has the keys %q, %v, want those of which something was taken", keys, err)
	}
	for _, key := range keys {
		if !strings.HasPrefix(key, "{portolan-limit}:") {
			t.Errorf("the key %q has not the limiter's prefix", key)
		}
		most := time.Minute
		if strings.HasSuffix(key, "b") {
			most *= 10
		}
		if left, err := look.PTTL(t.Context(), key).Result(); err != nil || left <= 0 || left > most+time.Second {
			t.Errorf("the key %q ends in %v, %v, want %v at most", key, left, err, most)
		}
	}
}

// TestLimiterLogin takes as the user that the README names: it may do all that is
// needed.
func TestLimiterLogin(t *testing.T) {
	server := single(t)
	do(t, direct(t, server.Address), "ACL", "SETUSER", "counter", "on", ">secret", "~{portolan-limit}:*", "+@read", "+@write", "+@scripting", "+@connection", "-@dangerous", "+time")
	cfg := Config{Addrs: []string{server.Address}, Username: "counter", Password: secrets.Fixed("secret"), Timeout: 10 * time.Second}
	verdicts, err := openLimiter(t, cfg).Take(t.Context(), limit.Take{Key: "a", Rate: limit.Rate{Amount: 1, Period: time.Minute}, Amount: 1})
	if err != nil || !verdicts[0].Allowed {
		t.Errorf("Take = %v, %v", verdicts, err)
	}
}

// TestLimiterOutages loses the server in every way there is: what is asked meanwhile
// ends with its context, and what is asked afterwards is answered.
func TestLimiterOutages(t *testing.T) {
	for name, begin := range map[string]func(*servers.Faults){
		"cut": (*servers.Faults).Cut, "reset": (*servers.Faults).Reset, "hang": (*servers.Faults).Hang,
		"answers cut short": func(f *servers.Faults) { f.Lose(3) },
	} {
		t.Run(name, func(t *testing.T) {
			faults := servers.FaultsTo(t, servers.Redis(t))
			l := openLimiter(t, Config{Addrs: []string{faults.Address}, Prefix: patient(Config{}).Prefix, Timeout: 5 * time.Second})
			one := limit.Take{Key: "a", Rate: limit.Rate{Amount: 1000, Period: time.Minute}, Amount: 1}
			begin(faults)
			for range 3 {
				ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
				verdicts, err := l.Take(ctx, one)
				cancel()
				if fault.KindOf(err) != fault.Unavailable || verdicts != nil {
					t.Errorf("Take = %v, %v, want it unavailable, or late", verdicts, err)
				}
			}
			faults.Restore()
			await(t, "a take afterwards", func() bool { _, err := l.Take(t.Context(), one); return err == nil })
		})
	}
}

func BenchmarkLimiterTake(b *testing.B) {
	l := openLimiter(b, patient(Config{Addrs: []string{servers.Redis(b)}}))
	takes := []limit.Take{
		{Key: "key", Rate: limit.Rate{Amount: 1000, Period: time.Second}, Amount: 1},
		{Key: "all", Rate: limit.Rate{Amount: 1000, Period: time.Second}, Amount: 1},
	}
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := l.Take(b.Context(), takes...); err != nil {
				b.Error(err)
				return
			}
		}
	})
}

// TestLimiterScratch proves what portolan contract uses: a limiter that has counted
// nothing, and leaves nothing.
func TestLimiterScratch(t *testing.T) {
	server := single(t)
	of := openLimiter(t, patient(Config{Addrs: []string{server.Address}}))
	one := limit.Take{Key: "key", Rate: limit.Rate{Amount: 1, Period: time.Hour}, Amount: 1}
	if _, err := of.Take(t.Context(), one); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		made, err := of.Scratch(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if verdicts, err := made.Take(t.Context(), one); err != nil || !verdicts[0].Allowed {
			t.Errorf("a new limiter has counted: %v, %v", verdicts, err)
		}
		for range 2 {
			if err := made.Close(); err != nil {
				t.Error(err)
			}
		}
	}
	if n, err := direct(t, server.Address).DBSize(t.Context()).Result(); n != 1 || err != nil {
		t.Errorf("the server has %d keys, %v, want the one that was there", n, err)
	}
}

// TestLimiterSentinel counts at whatever a sentinel says is the primary: the suite, and
// a take after the replica was promoted.
func TestLimiterSentinel(t *testing.T) {
	sentinel, _, replace := watched(t)
	cfg := func() Config { return patient(Config{Sentinel: &Sentinel{Master: master, Addrs: []string{sentinel}}}) }
	limittest.Run(t, func(t *testing.T) limit.Limiter { return openLimiter(t, cfg()) })
	l := openLimiter(t, cfg())
	one := limit.Take{Key: "key", Rate: limit.Rate{Amount: 1000, Period: time.Hour}, Amount: 1}
	if _, err := l.Take(t.Context(), one); err != nil {
		t.Fatal(err)
	}
	if err := replace(); err != nil {
		t.Fatal(err)
	}
	await(t, "a take at the new primary", func() bool { _, err := l.Take(t.Context(), one); return err == nil })
}

// TestLimiterOverTime has three limiters take more than they may for some seconds: all
// together are allowed what the rate gives in that time, to a twentieth.
func TestLimiterOverTime(t *testing.T) {
	cfg := patient(Config{Addrs: []string{servers.Redis(t)}})
	rate := limit.Rate{Amount: 300, Period: time.Second, Burst: 900} // three seconds in which the machine may stand still
	var allowed, refused atomic.Int64
	var group sync.WaitGroup
	began := time.Now()
	for range 3 {
		l := openLimiter(t, cfg)
		group.Go(func() {
			for time.Since(began) < 4*time.Second {
				verdicts, err := l.Take(t.Context(), limit.Take{Key: "key", Rate: rate, Amount: 1})
				switch {
				case err != nil:
					t.Error(err)
					return
				case verdicts[0].Allowed:
					allowed.Add(1)
				default:
					refused.Add(1)
					time.Sleep(time.Millisecond)
				}
			}
		})
	}
	group.Wait()
	want := float64(rate.Burst) + time.Since(began).Seconds()*float64(rate.Amount)
	if n := float64(allowed.Load()); n > want+1 || n < 0.95*want || refused.Load() == 0 {
		t.Errorf("%.0f takes were allowed and %d refused in %v, want %.0f allowed, to a twentieth", n, refused.Load(), time.Since(began), want)
	}
}
