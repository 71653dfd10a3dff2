package test

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/portolan-io/portolan/test/servers"
)

// limitedConfig is a server with metrics that bounds its callers so often in a month that
// nothing is given back while a test runs.
func limitedConfig(admin, limits string) string {
	return fmt.Sprintf(`service: {listen: "127.0.0.1:${PORT}", admin: %q, log_level: error, drain_delay: 0s}
repository: {driver: memory}
telemetry: [{driver: prometheus}]
%s
`, admin, limits) + things
}

// A crowdOf counts how servers answer to many who ask at once.
type crowdOf struct {
	allowed, refused, failed atomic.Int64
	odd                      atomic.Value
}

// ask sends so many requests to each of the servers, by 8 at once for each.
func (c *crowdOf) ask(urls []string, each int) {
	var group sync.WaitGroup
	for _, url := range urls {
		for range 8 {
			group.Go(func() {
				for range each / 8 {
					c.once(url)
				}
			})
		}
	}
	group.Wait()
}

func (c *crowdOf) once(url string) {
	response, err := http.Get(url + "/v1/things/none")
	if err != nil {
		c.failed.Add(1)
		c.odd.Store(err.Error())
		return
	}
	response.Body.Close()
	switch response.StatusCode {
	case http.StatusNotFound:
		c.allowed.Add(1)
	case http.StatusTooManyRequests:
		c.refused.Add(1)
		if wait, err := strconv.Atoi(response.Header.Get("Retry-After")); err != nil || wait < 1 || response.Header.Get("RateLimit") == "" {
			c.odd.Store(fmt.Sprint(response.Header))
		}
	default:
		c.failed.Add(1)
		c.odd.Store(response.Status)
	}
}

// check compares what came of all requests with what is wanted, and begins anew.
func (c *crowdOf) check(t *testing.T, what string, least, most int64) {
	t.Helper()
	if n := c.allowed.Load(); n < least || n > most || c.failed.Load() > 0 || c.odd.Load() != nil {
		t.Errorf("%s: %d requests were allowed, want %d to %d; %d failed, %v", what, n, least, most, c.failed.Load(), c.odd.Load())
	}
	c.allowed.Store(0)
	c.refused.Store(0)
}

// TestLimitsAreShared has two servers count in one Redis, and loses that under load.
// While it is there both together allow what the limits say. While it hangs or is gone
// each allows its share at most; no request fails, and none is answered without having
// been counted. When it is back, and has forgotten everything, both together allow again
// what the limits say.
func TestLimitsAreShared(t *testing.T) {
	servers.Redis(t) // skips the test where there cannot be any
	server, err := servers.StartRedis()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Stop(); err != nil {
			t.Error(err)
		}
	})
	faults := servers.FaultsTo(t, server.Address)
	dir, admins, urls := t.TempDir(), []string{freeAddress(t), freeAddress(t)}, []string{}
	for i, admin := range admins {
		config := write(t, dir, fmt.Sprintf("%d.yaml", i), limitedConfig(admin, fmt.Sprintf(
			`limit: {driver: redis, redis: {url: "redis://%s"}}
limits: {tiers: {anonymous: {requests: 200, per: 744h}}, instances: 2}`, faults.Address)))
		urls = append(urls, serve(t, dir, config))
	}
	crowd := &crowdOf{}
	patiently := eventually(t)
	// The first answer may be late on a machine that does much else, and then a share is allowed besides.
	crowd.ask(urls, 400)
	fell := fallbacks(t, admins)
	crowd.check(t, "both over one Redis", 200, 200+min(int64(fell), 200))

	shares := map[bool]int64{true: 200}[fell == 0] // what the shares have not given yet, at least
	for _, lost := range []struct {
		how  string
		lose func()
		most int64
	}{{"hangs", faults.Hang, 200}, {"is gone", faults.Cut, 200 - shares}} {
		before := fallbacks(t, admins)
		lost.lose()
		crowd.ask(urls, 400)
		crowd.check(t, "while Redis "+lost.how, min(shares, lost.most), lost.most)
		shares = 0
		if fallbacks(t, admins) == before {
			t.Errorf("while Redis %s nobody did without it", lost.how)
		}
		for _, admin := range admins {
			if text, _ := ask(t, http.MethodGet, "http://"+admin+"/readyz", "", http.StatusOK); !strings.Contains(text, `"name":"limit"`) {
				t.Errorf("readyz tells nothing of the limiter: %s", text)
			}
		}
		faults.Restore()
		patiently("Redis is used again", func() bool { return settledFallbacks(t, admins, urls, crowd) })
	}
	crowd.check(t, "while Redis was lost and found", 0, 200)

	if err := server.Restart(); err != nil { // killed, with all that it had counted
		t.Fatal(err)
	}
	patiently("a request is allowed again", func() bool {
		crowd.ask(urls, 8)
		return crowd.allowed.Load() > 0
	})
	before := fallbacks(t, admins)
	crowd.ask(urls, 600)
	if late := fallbacks(t, admins) - before; late > 0 {
		t.Logf("%.0f takes were late, and counted by shares", late)
		crowd.check(t, "after Redis was killed", 1, 400)
		return
	}
	crowd.check(t, "after Redis was killed", 200, 200)
}

// fallbacks returns how often the servers counted by themselves.
func fallbacks(t *testing.T, admins []string) (sum float64) {
	t.Helper()
	for _, admin := range admins {
		text, _ := ask(t, http.MethodGet, "http://"+admin+"/metrics", "", http.StatusOK)
		for line := range strings.Lines(text) {
			if value, ok := strings.CutPrefix(line, "portolan_limit_fallbacks_total "); ok {
				n, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
				if err != nil {
					t.Fatal(err)
				}
				sum += n
			}
		}
	}
	return sum
}

// settledFallbacks reports whether a request to each server is counted by Redis.
func settledFallbacks(t *testing.T, admins, urls []string, crowd *crowdOf) bool {
	before := fallbacks(t, admins)
	crowd.ask(urls, 8)
	return fallbacks(t, admins) == before
}

// eventually returns what waits until something is true, for as long as a machine that
// does much else may take.
func eventually(t *testing.T) func(what string, is func() bool) {
	return func(what string, is func() bool) {
		t.Helper()
		for range 600 {
			if is() {
				return
			}
			time.Sleep(50 * time.Millisecond)
		}
		t.Fatalf("in vain: %s", what)
	}
}

// TestLimitedServer runs a server that counts for itself: it refuses who asks too much,
// whatever he asks, tells in its metrics which bound did, and goes on telling that it lives.
func TestLimitedServer(t *testing.T) {
	dir, admin := t.TempDir(), freeAddress(t)
	url := serve(t, dir, write(t, dir, "c.yaml", limitedConfig(admin, `
limits:
  tiers: {anonymous: {requests: 20, per: 744h}}
  failed_authentication: {requests: 3, per: 744h}
  costs: {aggregate: 7}`)))
	_, head := ask(t, http.MethodGet, url+"/v1/things/$aggregate?$apply=aggregate($count%20as%20n)", "", http.StatusOK)
	if got := head.Get("RateLimit"); !strings.HasPrefix(got, `"default";r=13;t=`) || head.Get("RateLimit-Policy") != `"default";q=20;w=2678400` {
		t.Errorf("RateLimit is %q, RateLimit-Policy %q", got, head.Get("RateLimit-Policy"))
	}
	for range 3 {
		ask(t, http.MethodGet, url+"/v1/things", "", http.StatusUnauthorized, "X-API-Key", "wrong")
	}
	text, head := ask(t, http.MethodGet, url+"/v1/things", "", http.StatusTooManyRequests, "X-API-Key", "wrong")
	if !strings.Contains(text, `"code":"rate-limited"`) || head.Get("Retry-After") == "" || !strings.HasPrefix(head.Get("RateLimit"), `"authentication";r=0;t=`) {
		t.Errorf("got %s, %v", text, head)
	}
	for i := range 10 { // a forged address changes nothing
		ask(t, http.MethodGet, url+"/v1/nothing", "", http.StatusNotFound, "X-Forwarded-For", fmt.Sprint("192.0.2.", i))
	}
	ask(t, http.MethodGet, url+"/v1/nothing", "", http.StatusTooManyRequests, "X-Forwarded-For", "192.0.2.99")
	ask(t, http.MethodGet, url+"/livez", "", http.StatusOK)
	ask(t, http.MethodGet, url+"/readyz", "", http.StatusOK)
	metrics, _ := ask(t, http.MethodGet, "http://"+admin+"/metrics", "", http.StatusOK)
	for _, line := range []string{`portolan_limit_refused_total{bound="anonymous"} 1`, `portolan_limit_refused_total{bound="authentication"} 1`, "portolan_limit_fallbacks_total 0"} {
		if !strings.Contains(metrics, line+"\n") {
			t.Errorf("the metrics lack %s", line)
		}
	}
}
