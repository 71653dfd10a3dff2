package httpapi

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/portolan-io/portolan/adapters/memory"
	"github.com/portolan-io/portolan/core"
	"github.com/portolan-io/portolan/core/policy"
	"github.com/portolan-io/portolan/ports/auth"
	"github.com/portolan-io/portolan/ports/limit"
)

// perMinute is a rate of so many in a minute.
func perMinute(n int) limit.Rate { return limit.Rate{Amount: n, Period: time.Minute} }

// limited returns a fixture with limits.
func limited(t testing.TB, config core.LimitsConfig, changes ...func(*Config)) fixture {
	t.Helper()
	return newFixture(t, func(c *Config) {
		limitedBy(t, config)(c)
		for _, change := range changes {
			change(c)
		}
	})
}

// limitedBy returns what gives a handler limits.
func limitedBy(t testing.TB, config core.LimitsConfig) func(*Config) {
	t.Helper()
	limiter, err := memory.OpenLimiter(t.Context(), memory.LimiterConfig{})
	if err != nil {
		t.Fatal(err)
	}
	config.Limiter = limiter
	limits, err := core.NewLimits(config)
	if err != nil {
		t.Fatal(err)
	}
	return func(c *Config) { c.Limits = limits }
}

// from sends a request from an address, whose header is given in pairs.
func (f fixture) from(t testing.TB, address, method, target string, header ...string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, target, strings.NewReader(""))
	r.RemoteAddr = address
	for i := 0; i < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	f.ServeHTTP(w, r)
	return w
}

// What the two fields are, as structured fields (RFC 9651): a list of one string with
// parameters that are integers.
var (
	policyField   = regexp.MustCompile(`^"([a-z]+)";q=([1-9][0-9]{0,14});w=([1-9][0-9]{0,14})$`)
	standingField = regexp.MustCompile(`^"([a-z]+)";r=(0|[1-9][0-9]{0,14});t=(0|[1-9][0-9]{0,14})$`)
)

// A told is what an answer tells of the limits.
type told struct {
	bound      string
	q, w, r, t int
}

// toldBy reads the fields of an answer, which has both or neither.
func toldBy(t testing.TB, w *httptest.ResponseRecorder) (told, bool) {
	t.Helper()
	policies, standings := w.Header().Values("RateLimit-Policy"), w.Header().Values("RateLimit")
	if len(policies)+len(standings) == 0 {
		return told{}, false
	}
	if len(policies) != 1 || len(standings) != 1 {
		t.Fatalf("the answer has RateLimit-Policy %q and RateLimit %q", policies, standings)
	}
	policy, standing := policyField.FindStringSubmatch(policies[0]), standingField.FindStringSubmatch(standings[0])
	if policy == nil || standing == nil || policy[1] != standing[1] {
		t.Fatalf("RateLimit-Policy %q and RateLimit %q are not what they should be", policies[0], standings[0])
	}
	number := func(text string) int {
		n, err := strconv.Atoi(text)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	is := told{policy[1], number(policy[2]), number(policy[3]), number(standing[2]), number(standing[3])}
	if is.t > is.w {
		t.Errorf("RateLimit %q has a t above the w of %q", standings[0], policies[0])
	}
	return is, true
}

// wantLimited checks that an answer is the refusal that it should be.
func wantLimited(t testing.TB, w *httptest.ResponseRecorder) {
	t.Helper()
	var problem struct {
		Type, Code, Hint string
		Status           int
	}
	if err := json.Unmarshal(w.Body.Bytes(), &problem); err != nil {
		t.Fatalf("got %d %s: %v", w.Code, w.Body, err)
	}
	wait, err := strconv.Atoi(w.Header().Get("Retry-After"))
	if w.Code != http.StatusTooManyRequests || problem.Status != w.Code || problem.Code != "rate-limited" || problem.Type != "urn:portolan:problem:rate-limited" ||
		problem.Hint == "" || w.Header().Get("Content-Type") != problemType || err != nil || wait < 1 {
		t.Errorf("got %d %v %s, want 429 with a problem and Retry-After", w.Code, w.Header(), w.Body)
	}
	if _, ok := toldBy(t, w); !ok {
		t.Errorf("the refusal has no RateLimit: %v", w.Header())
	}
}

// TestRateLimitFields lets a clock run that nothing disturbs, and reads what answers tell.
func TestRateLimitFields(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := limited(t, core.LimitsConfig{Tiers: map[string]limit.Rate{policy.Anonymous: perMinute(3)}})
		get := func(want int, is told, after string) {
			t.Helper()
			w := f.do(t, http.MethodGet, "/v1/products/B001", "")
			got, _ := toldBy(t, w)
			if w.Code != want || got != is || w.Header().Get("Retry-After") != after {
				t.Errorf("got %d, %+v, Retry-After %q; want %d, %+v, %q", w.Code, got, w.Header().Get("Retry-After"), want, is, after)
			}
		}
		get(200, told{"default", 3, 60, 2, 20}, "")
		get(200, told{"default", 3, 60, 1, 40}, "")
		get(200, told{"default", 3, 60, 0, 60}, "")
		get(429, told{"default", 3, 60, 0, 60}, "20")
		time.Sleep(500 * time.Millisecond)
		get(429, told{"default", 3, 60, 0, 60}, "20") // 19.5 s
		time.Sleep(19 * time.Second)
		get(429, told{"default", 3, 60, 0, 41}, "1")
		time.Sleep(500 * time.Millisecond)
		get(200, told{"default", 3, 60, 0, 60}, "")
		time.Sleep(time.Hour)
		get(200, told{"default", 3, 60, 2, 20}, "")
	})
}

// TestRateLimitFieldsOfRates asks at rates of all sizes until it is refused.
func TestRateLimitFieldsOfRates(t *testing.T) {
	for _, rate := range []limit.Rate{
		{Amount: 1, Period: time.Millisecond}, {Amount: 7, Period: 10 * time.Millisecond, Burst: 50}, {Amount: 10, Period: time.Second, Burst: 100},
		{Amount: 10, Period: 1500 * time.Millisecond}, {Amount: 1, Period: time.Hour, Burst: 5}, {Amount: 1000, Period: limit.MaxPeriod, Burst: 3},
		{Amount: 100, Period: time.Second, Burst: 1},
	} {
		synctest.Test(t, func(t *testing.T) {
			f := limited(t, core.LimitsConfig{Address: rate})
			for range rate.Most() + 3 {
				w := f.do(t, http.MethodGet, "/v1/products/B001", "")
				if is, ok := toldBy(t, w); !ok || is.bound != "address" || is.r > rate.Most() {
					t.Errorf("%+v: got %+v, %t", rate, is, ok)
				}
			}
			wantLimited(t, f.do(t, http.MethodGet, "/v1/products/B001", ""))
		})
	}
}

// everyRequest are requests of all kinds, without a credential and with one that is none.
var everyRequest = []struct{ name, method, target, body, key, header, value string }{
	{name: "get", method: "GET", target: "/v1/products/B001"},
	{name: "head", method: "HEAD", target: "/v1/products/B001"},
	{name: "list", method: "GET", target: "/v1/products"},
	{name: "options", method: "OPTIONS", target: "/v1/products"},
	{name: "not modified", method: "GET", target: "/v1/products/B001", header: "If-None-Match", value: "*"},
	{name: "no record", method: "GET", target: "/v1/products/B999"},
	{name: "no collection", method: "GET", target: "/v1/nothing"},
	{name: "no path", method: "GET", target: "/nothing/at/all"},
	{name: "no operation", method: "GET", target: "/v1/products/$nothing"},
	{name: "path with dots", method: "GET", target: "/v1/../v1/products"},
	{name: "no method", method: "BREW", target: "/v1/products"},
	{name: "no method of livez", method: "POST", target: "/livez"},
	{name: "no filter", method: "GET", target: "/v1/products?$filter=((("},
	{name: "no option", method: "GET", target: "/v1/products?limit=1"},
	{name: "not acceptable", method: "GET", target: "/v1/products", header: "Accept", value: "image/png"},
	{name: "no JSON", method: "POST", target: "/v1/products", body: "{{{"},
	{name: "not signed in", method: "GET", target: "/v1/vault"},
	{name: "wrong key", method: "GET", target: "/v1/products", key: "wrong"},
	{name: "two credentials", method: "GET", target: "/v1/products", key: "wrong", header: "Authorization", value: "Bearer wrong"},
	{name: "wrong token", method: "GET", target: "/v1/products", header: "Authorization", value: "Bearer wrong"},
	{name: "wrong scheme", method: "GET", target: "/v1/products", header: "Authorization", value: "Basic eDp5"},
	{name: "malformed with a wrong key", method: "GET", target: "/v1/products?$first=0", key: "wrong"},
	{name: "no path with a wrong key", method: "GET", target: "/nothing", key: "wrong"},
	{name: "docs", method: "GET", target: "/docs"},
	{name: "openapi", method: "GET", target: "/openapi.json"},
}

// TestEveryRequestCounts sends what is answered well and what is not: each costs 1, and
// the one after the last is refused, whichever bound there is.
func TestEveryRequestCounts(t *testing.T) {
	for bound, config := range map[string]core.LimitsConfig{
		"address":   {Address: perMinute(2)},
		"anonymous": {Tiers: map[string]limit.Rate{policy.Anonymous: perMinute(2)}},
		"global":    {Global: perMinute(2)},
	} {
		for _, tt := range everyRequest {
			t.Run(bound+"/"+tt.name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					f := limited(t, config)
					var header []string
					if tt.key != "" {
						header = append(header, "X-API-Key", tt.key)
					}
					if tt.header != "" {
						header = append(header, tt.header, tt.value)
					}
					for i := range 2 {
						if w := f.do(t, tt.method, tt.target, tt.body, header...); w.Code == http.StatusTooManyRequests {
							t.Fatalf("request %d: got %d %s", i, w.Code, w.Body)
						}
					}
					w := f.do(t, tt.method, tt.target, tt.body, header...)
					if tt.method == http.MethodHead {
						if w.Code != http.StatusTooManyRequests {
							t.Errorf("the third: got %d", w.Code)
						}
						return
					}
					wantLimited(t, w)
				})
			})
		}
	}
}

// TestProbesAreNotLimited asks whether the server lives when nobody may ask anything.
func TestProbesAreNotLimited(t *testing.T) {
	f := limited(t, core.LimitsConfig{Address: limit.Rate{Amount: 1, Period: time.Hour}, Global: limit.Rate{Amount: 1, Period: time.Hour}},
		func(c *Config) { c.CORS = &CORS{Origins: []string{"https://app.example.com"}} })
	f.do(t, http.MethodGet, "/v1/products", "")
	wantLimited(t, f.do(t, http.MethodGet, "/v1/products", ""))
	for range 20 {
		for _, path := range []string{"/livez", "/readyz"} {
			w := f.do(t, http.MethodGet, path, "", "X-API-Key", "wrong")
			if _, told := toldBy(t, w); w.Code != http.StatusOK || told {
				t.Errorf("%s: got %d %v", path, w.Code, w.Header())
			}
		}
	}
	// A browser asks first, and could not show the refusal of that question to anybody.
	w := f.do(t, http.MethodOptions, "/v1/products", "", "Origin", "https://app.example.com", "Access-Control-Request-Method", "GET")
	if w.Code != http.StatusNoContent {
		t.Errorf("preflight: got %d", w.Code)
	}
	w = f.do(t, http.MethodGet, "/v1/products", "", "Origin", "https://app.example.com")
	wantLimited(t, w)
	exposed := strings.ToLower(w.Header().Get("Access-Control-Expose-Headers"))
	for _, name := range []string{"ratelimit", "ratelimit-policy", "retry-after"} {
		if !strings.Contains(", "+exposed+",", ", "+name+",") {
			t.Errorf("pages of other origins may not read %s: %s", name, exposed)
		}
	}
}

// TestForgedAddresses sends requests that claim to be from elsewhere: only a proxy that
// is trusted is believed, and it tells of one client each time.
func TestForgedAddresses(t *testing.T) {
	config := core.LimitsConfig{Address: limit.Rate{Amount: 3, Period: time.Hour}}
	behind := func(c *Config) { c.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")} }
	for _, tt := range []struct {
		name    string
		proxies func(*Config)
		same    bool // whether all four count as one
		from    func(i string) (address, forwarded string)
	}{
		{"forged", func(*Config) {}, true, func(i string) (string, string) { return "192.0.2.1:1" + i, "198.51.100." + i }},
		{"forged past a proxy", behind, true, func(i string) (string, string) { return "10.0.0.1:99", "198.51.100." + i + ", 192.0.2.1" }},
		{"of no trusted proxy", behind, true, func(i string) (string, string) { return "192.0.2.1:99", "198.51.100." + i }},
		{"nonsense", behind, true, func(i string) (string, string) { return "10.0.0.1:99", "no-address-" + i }},
		{"by a trusted proxy", behind, false, func(i string) (string, string) { return "10.0.0.1:99", "198.51.100." + i }},
		{"other addresses", func(*Config) {}, false, func(i string) (string, string) { return "192.0.2." + i + ":99", "" }},
		{"one /64", func(*Config) {}, true, func(i string) (string, string) { return "[2001:db8:1:2:" + i + "::" + i + "]:99", "" }},
		{"several /64", func(*Config) {}, false, func(i string) (string, string) { return "[2001:db8:1:" + i + "::1]:99", "" }},
		{"IPv4 in IPv6", func(*Config) {}, false, func(i string) (string, string) { return "[::ffff:192.0.2." + i + "]:99", "" }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := limited(t, config, tt.proxies)
			var last *httptest.ResponseRecorder
			for _, i := range []string{"1", "2", "3", "4"} {
				address, forwarded := tt.from(i)
				last = f.from(t, address, http.MethodGet, "/v1/products/B001", "X-Forwarded-For", forwarded)
			}
			if tt.same {
				wantLimited(t, last)
			} else if last.Code != http.StatusOK {
				t.Errorf("got %d %s", last.Code, last.Body)
			}
		})
	}
}

// TestWrongCredentialsAreBounded tries keys, and counts how many of them are looked up.
func TestWrongCredentialsAreBounded(t *testing.T) {
	var looked atomic.Int64
	counting := func(c *Config) {
		c.Identify = func(ctx context.Context, credential auth.Credential) (policy.Principal, error) {
			looked.Add(1)
			return identify(ctx, credential)
		}
	}
	hourly := func(n int) limit.Rate { return limit.Rate{Amount: n, Period: time.Hour} }
	for name, tt := range map[string]struct {
		config core.LimitsConfig
		want   int64
	}{
		"by failures": {core.LimitsConfig{Failures: hourly(5), Address: hourly(1000)}, 5},
		"by address":  {core.LimitsConfig{Address: hourly(7)}, 7},
	} {
		t.Run(name, func(t *testing.T) {
			looked.Store(0)
			f := limited(t, tt.config, counting)
			refused := 0
			for i := range 100 {
				if w := f.from(t, "192.0.2.1:99", http.MethodGet, "/v1/products", "X-API-Key", "guess"+strconv.Itoa(i)); w.Code == http.StatusTooManyRequests {
					refused++
					wantLimited(t, w)
				} else if w.Code != http.StatusUnauthorized {
					t.Errorf("got %d %s", w.Code, w.Body)
				}
			}
			if looked.Load() != tt.want || refused != 100-int(tt.want) {
				t.Errorf("of 100 keys %d were looked up and %d refused, want %d looked up", looked.Load(), refused, tt.want)
			}
			if w := f.from(t, "192.0.2.1:99", http.MethodGet, "/v1/products", "X-API-Key", "ada"); w.Code != http.StatusTooManyRequests {
				t.Errorf("the right key among the guesses: got %d", w.Code)
			}
			if w := f.from(t, "192.0.2.2:99", http.MethodGet, "/v1/products", "X-API-Key", "ada"); w.Code != http.StatusOK {
				t.Errorf("a right key from elsewhere: got %d %s", w.Code, w.Body)
			}
			if name == "by failures" {
				if w := f.from(t, "192.0.2.1:99", http.MethodGet, "/v1/products"); w.Code != http.StatusOK {
					t.Errorf("without a key: got %d", w.Code)
				}
			}
		})
	}
}

// TestGuessesAtOnce tries 200 keys at once, each of which is looked up for a while: those
// that are under way together pass the bound of failures, and never that of the address.
func TestGuessesAtOnce(t *testing.T) {
	const most = 30
	var looked atomic.Int64
	hourly := func(n int) limit.Rate { return limit.Rate{Amount: n, Period: time.Hour} }
	f := limited(t, core.LimitsConfig{Failures: hourly(5), Address: hourly(most)}, func(c *Config) {
		c.Identify = func(ctx context.Context, credential auth.Credential) (policy.Principal, error) {
			looked.Add(1)
			time.Sleep(20 * time.Millisecond)
			return identify(ctx, credential)
		}
	})
	var group sync.WaitGroup
	for i := range 200 {
		group.Go(func() {
			w := f.from(t, "192.0.2.1:99", http.MethodGet, "/v1/products", "X-API-Key", "guess"+strconv.Itoa(i))
			if w.Code != http.StatusUnauthorized && w.Code != http.StatusTooManyRequests {
				t.Errorf("got %d %s", w.Code, w.Body)
			}
		})
	}
	group.Wait()
	if n := looked.Load(); n < 5 || n > most {
		t.Errorf("%d of 200 keys at once were looked up, want 5 to %d", n, most)
	}
	before := looked.Load()
	wantLimited(t, f.from(t, "192.0.2.1:99", http.MethodGet, "/v1/products", "X-API-Key", "ada"))
	if looked.Load() != before {
		t.Error("a key was looked up after too many were wrong")
	}
}

// TestTiers sends requests of several people, each of whom has his own bound: that of the
// most generous of his roles.
func TestTiers(t *testing.T) {
	hourly := func(n int) limit.Rate { return limit.Rate{Amount: n, Period: time.Hour} }
	f := limited(t, core.LimitsConfig{Tiers: map[string]limit.Rate{
		policy.Anonymous: hourly(2), policy.Authenticated: hourly(4), "seller": hourly(3), "admin": hourly(6),
	}})
	for who, want := range map[string]int{"": 2, "sid": 4, "acme": 4, "ada": 6} {
		var header []string
		if who != "" {
			header = []string{"X-API-Key", who}
		}
		allowed := 0
		for range 10 {
			w := f.from(t, "192.0.2.1:99", http.MethodGet, "/v1/products/B001", header...)
			if w.Code == http.StatusOK {
				allowed++
			} else {
				wantLimited(t, w)
			}
			if is, _ := toldBy(t, w); is.bound != "default" || is.q != want || is.w != 3600 {
				t.Errorf("%q: told %+v", who, is)
			}
		}
		if allowed != want {
			t.Errorf("%q was allowed %d requests, want %d", who, allowed, want)
		}
	}
	// From another address anonymous callers are others, and people are who they are.
	if w := f.from(t, "192.0.2.2:99", http.MethodGet, "/v1/products/B001"); w.Code != http.StatusOK {
		t.Errorf("another address: got %d", w.Code)
	}
	wantLimited(t, f.from(t, "192.0.2.2:99", http.MethodGet, "/v1/products/B001", "X-API-Key", "sid"))
}

// TestCosts sends what is dearer, and reads what is left.
func TestCosts(t *testing.T) {
	const of = 1000
	for _, tt := range []struct {
		name, method, target, body string
		header                     []string
		want                       int
	}{
		{"get", "GET", "/v1/products/B001", "", nil, 1},
		{"list", "GET", "/v1/products", "", nil, 1},
		{"CSV", "GET", "/v1/products", "", []string{"Accept", "text/csv"}, 5},
		{"NDJSON", "GET", "/v1/products", "", []string{"Accept", "application/x-ndjson"}, 5},
		{"query", "POST", "/v1/products/$query", `{}`, nil, 2},
		{"query as CSV", "POST", "/v1/products/$query", `{}`, []string{"Accept", "text/csv"}, 5},
		{"aggregate", "GET", "/v1/products/$aggregate?$apply=aggregate($count%20as%20n)", "", nil, 10},
		{"delete many", "POST", "/v1/products/$delete", `{"ids":["none"]}`, nil, 10},
		{"import", "POST", "/v1/categories/$import", `{"id":77,"name":"x"}`, []string{"Content-Type", "application/x-ndjson"}, 50},
		{"create", "POST", "/v1/categories", `{"id":70,"name":"x"}`, nil, 1},
		{"create in an array", "POST", "/v1/categories", `[{"id":71,"name":"x"}]`, nil, 1},
		{"create two", "POST", "/v1/categories", `[{"id":72,"name":"x"},{"id":73,"name":"x"}]`, nil, 10},
		{"create two by NDJSON", "POST", "/v1/categories", "{\"id\":74,\"name\":\"x\"}\n{\"id\":75,\"name\":\"x\"}", []string{"Content-Type", "application/x-ndjson"}, 10},
		{"patch", "PATCH", "/v1/products/B001", `{"price":1}`, nil, 1},
		{"refused", "GET", "/v1/products/$aggregate?$apply=nothing", "", nil, 10},
	} {
		t.Run(tt.name, func(t *testing.T) {
			hourly := limit.Rate{Amount: of, Period: time.Hour}
			f := limited(t, core.LimitsConfig{Tiers: map[string]limit.Rate{policy.Authenticated: hourly}, Address: hourly, Global: hourly})
			header := append([]string{"X-API-Key", "ada", "Content-Type", "application/json"}, tt.header...)
			if len(tt.header) == 2 && tt.header[0] == "Content-Type" {
				header = append([]string{"X-API-Key", "ada"}, tt.header...)
			}
			w := f.do(t, tt.method, tt.target, tt.body, header...)
			if is, ok := toldBy(t, w); !ok || is.bound != "default" || is.r != of-tt.want {
				t.Errorf("got %d %s, told %+v; want %d to be taken", w.Code, w.Body, is, tt.want)
			}
		})
	}
}

// TestDearerThanAll sends what costs more than there ever is at once: it takes all, and
// is refused only if not all is there.
func TestDearerThanAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := limited(t, core.LimitsConfig{Address: perMinute(3)})
		const target = "/v1/products/$aggregate?$apply=aggregate($count%20as%20n)"
		if w := f.do(t, http.MethodGet, target, ""); w.Code != http.StatusOK {
			t.Errorf("got %d %s", w.Code, w.Body)
		}
		wantLimited(t, f.do(t, http.MethodGet, target, ""))
		time.Sleep(time.Minute)
		if w := f.do(t, http.MethodGet, target, ""); w.Code != http.StatusOK {
			t.Errorf("a minute later: got %d %s", w.Code, w.Body)
		}
	})
}

// TestBulkIsRefusedBeforeItIsWritten has enough for one record and not for several.
func TestBulkIsRefusedBeforeItIsWritten(t *testing.T) {
	f := limited(t, core.LimitsConfig{Tiers: map[string]limit.Rate{policy.Authenticated: {Amount: 10, Period: time.Hour}}})
	get := func() *httptest.ResponseRecorder {
		return f.do(t, http.MethodGet, "/v1/categories/80", "", "X-API-Key", "ada")
	}
	if w := get(); w.Code != http.StatusNotFound {
		t.Fatalf("got %d %s", w.Code, w.Body)
	}
	w := f.do(t, http.MethodPost, "/v1/categories", `[{"id":80,"name":"x"},{"id":81,"name":"y"}]`, "X-API-Key", "ada", "Content-Type", "application/json")
	wantLimited(t, w)
	if w := get(); w.Code != http.StatusNotFound {
		t.Errorf("what was refused was written: %d %s", w.Code, w.Body)
	}
}

// TestWhatOthersKeepTellsNothing shows that an answer that is handed on to others does not
// tell them how somebody else stands.
func TestWhatOthersKeepTellsNothing(t *testing.T) {
	f := mannered(t, nil, func(served map[string]*core.Collection) { served["categories"].Cache.MaxAge = time.Minute },
		limitedBy(t, core.LimitsConfig{Address: limit.Rate{Amount: 4, Period: time.Hour}}))
	for path, want := range map[string]bool{"/v1/categories/1": false, "/v1/categories": false, "/v1/categories/99": true, "/v1/products": true} {
		if _, tells := toldBy(t, f.do(t, http.MethodGet, path, "")); tells != want {
			t.Errorf("%s tells of limits: %t", path, tells)
		}
	}
	wantLimited(t, f.do(t, http.MethodGet, "/v1/categories/1", ""))
}

// TestOneCallerTakesNothingFromOthers has one ask for much more than he may: what is
// refused by his own bound costs nobody else anything.
func TestOneCallerTakesNothingFromOthers(t *testing.T) {
	hourly := func(n int) limit.Rate { return limit.Rate{Amount: n, Period: time.Hour} }
	f := limited(t, core.LimitsConfig{Tiers: map[string]limit.Rate{policy.Authenticated: hourly(5)}, Global: hourly(20)})
	for range 100 {
		f.do(t, http.MethodGet, "/v1/products/B001", "", "X-API-Key", "sid")
	}
	for i := range 5 {
		if w := f.do(t, http.MethodGet, "/v1/products/B001", "", "X-API-Key", "ada"); w.Code != http.StatusOK {
			t.Errorf("request %d of another: got %d %s", i, w.Code, w.Body)
		}
	}
}

// BenchmarkLimited measures a get over the memory store with all bounds that there can
// be, none of which is reached, to be compared with BenchmarkHandler.
func BenchmarkLimited(b *testing.B) {
	much := limit.Rate{Amount: 1_000_000, Period: time.Second}
	f := limited(b, core.LimitsConfig{
		Tiers: map[string]limit.Rate{policy.Anonymous: much, policy.Authenticated: much}, Address: much, Global: much, Failures: much,
	}, func(c *Config) { c.Log = slog.New(slog.NewJSONHandler(io.Discard, nil)) })
	for name, key := range map[string]string{"get": "", "get with a key": "sid"} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			r := httptest.NewRequestWithContext(b.Context(), http.MethodGet, "/v1/products/B001", nil)
			if key != "" {
				r.Header.Set("X-API-Key", key)
			}
			for b.Loop() {
				clear(discarded.header)
				f.ServeHTTP(discarded, r)
			}
		})
	}
}

// TestWrongCredentialsOfAnotherPassword: the route that sets a password looks at credentials
// no more often than any other.
func TestWrongCredentialsOfAnotherPassword(t *testing.T) {
	f, _ := newAccounts(t, func(cfg *Config) {
		limiter, err := memory.OpenLimiter(t.Context(), memory.LimiterConfig{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = limiter.Close() })
		cfg.Limits, err = core.NewLimits(core.LimitsConfig{Limiter: limiter, Failures: limit.Rate{Amount: 1, Period: time.Hour, Burst: 3}})
		if err != nil {
			t.Fatal(err)
		}
	})
	var got []int
	for range 5 {
		w := f.ask(t, http.MethodPost, "/v1/auth/password", `{"current_password":"aaaaaaaaaaaa","new_password":"bbbbbbbbbbbbbb"}`,
			append([]string{"X-API-Key", "ptl_aaaaaaaa_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}, asJSON...)...)
		got = append(got, w.Code)
	}
	if diff := cmp.Diff([]int{401, 401, 401, 429, 429}, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// TestSessionsAreSomebodys: a request with the cookie of a session is counted for whom it is
// of, and not as nobody's.
func TestSessionsAreSomebodys(t *testing.T) {
	f, _ := newAccounts(t, func(cfg *Config) {
		limiter, err := memory.OpenLimiter(t.Context(), memory.LimiterConfig{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = limiter.Close() })
		hourly := func(n int) limit.Rate { return limit.Rate{Amount: n, Period: time.Hour} }
		cfg.Limits, err = core.NewLimits(core.LimitsConfig{
			Limiter: limiter, Failures: hourly(10), Tiers: map[string]limit.Rate{policy.Anonymous: hourly(2), policy.Authenticated: hourly(6)},
		})
		if err != nil {
			t.Fatal(err)
		}
	})
	_, cookie := session(t, f)
	var got []int
	for range 7 {
		got = append(got, f.ask(t, http.MethodGet, "/v1/auth/me", "", cookie...).Code)
	}
	if diff := cmp.Diff([]int{200, 200, 200, 200, 200, 200, 429}, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
