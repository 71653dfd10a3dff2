package bootstrap

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/portolan-io/portolan/ports/limit"
)

// TestBrokenLimits shows what is refused of limits, and where.
func TestBrokenLimits(t *testing.T) {
	limits := func(text string) string { return "limits: {" + text + "}\nrepository:" }
	for _, tt := range []struct{ name, new, want string }{
		{"a limiter without limits", "limit: {driver: memory}\nrepository:",
			"c.yaml:2: limit: there is nothing to count; write how much callers may ask under limits, or leave this out"},
		{"unknown driver", "limit: {driver: memmory}\nlimits: {address: {requests: 5}}\nrepository:",
			"c.yaml:2: limit: there is no driver called memmory for the port limit; did you mean memory? The drivers are memory and redis"},
		{"unknown key", limits("globl: {requests: 5}"),
			"c.yaml:2: limits: there is no key globl here; did you mean global? The keys are tiers, address, global, failed_authentication, costs and instances"},
		{"no number", limits("address: {per: 1s}"), "c.yaml:2: limits.address: requests is missing"},
		{"nothing at all", limits("address: {requests: 0}"), "c.yaml:2: limits.address.requests: the least allowed is 1"},
		{"too fast", limits("global: {requests: 2000, per: 1ms}"),
			"c.yaml:2: limits.global: the amount of a rate is 1 to one for each microsecond of its period, not 2000 in 1ms"},
		{"too slow", limits("tiers: {authenticated: {requests: 2}, admin: {requests: 2, per: 1000h}}"),
			"c.yaml:2: limits.tiers.admin: the period of a rate is a millisecond to 744h0m0s, not 1000h0m0s"},
		{"too much at once", limits("failed_authentication: {requests: 2, burst: 2000000}"),
			"c.yaml:2: limits.failed_authentication: the burst of a rate is 1 to 1000000, not 2000000"},
		{"a cost of nothing", limits("costs: {import: 0}"), "c.yaml:2: limits.costs.import: the least allowed is 1"},
		{"no instances", limits("instances: 0"), "c.yaml:2: limits.instances: the least allowed is 1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := check(t, strings.Replace(right, "repository:", tt.new, 1))
			if err == nil {
				t.Fatal("nothing was said")
			}
			if diff := cmp.Diff(tt.want, err.Error()); diff != "" {
				t.Errorf("mistakes (-want +got):\n%s", diff)
			}
		})
	}
}

// readLimits returns the settings of a configuration with the sections.
func readLimits(t *testing.T, sections string) *settings {
	t.Helper()
	doc, err := parseDocument("c.yaml", []byte(sections+"\n"+right), variables(nil), "")
	if err != nil {
		t.Fatal(err)
	}
	s, err := doc.read(builtin(), variables(nil), nil)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestLimitsDefaults shows what is meant by what is not written.
func TestLimitsDefaults(t *testing.T) {
	s := readLimits(t, "limits: {tiers: {admin: {requests: 5}}, costs: {export: 7}}")
	if s.Limits.FailedAuthentication.of() != (limit.Rate{Amount: 60, Period: time.Minute}) || s.Limits.Instances != 2 || s.Limits.Address.of() != (limit.Rate{}) {
		t.Errorf("got %+v", s.Limits)
	}
	if got := s.Limits.Tiers[0].Value.of(); got != (limit.Rate{Amount: 5, Period: time.Minute}) {
		t.Errorf("a tier of 5 is %+v", got)
	}
	if s.Limits.Costs != (Costs{Aggregate: 10, Bulk: 10, Delete: 10, Export: 7, Import: 50, Query: 2}) {
		t.Errorf("costs are %+v", s.Limits.Costs)
	}
}

// TestLimitsShown writes the configuration as it counts, which is then the same when it is
// read again.
func TestLimitsShown(t *testing.T) {
	t.Chdir(t.TempDir())
	write(t, "portolan.yaml", "limit: {driver: memory, memory: {max_keys: 7}}\nlimits: {tiers: {admin: {requests: 5, burst: 9}}, address: {requests: 3, per: 2s}}\n"+right)
	shown := newProgram(t).must(t, "config", "show", "--effective")
	for _, part := range []string{"max_keys: 7", "requests: 5", "burst: 9", "per: 2s", "failed_authentication:", "requests: 60", "import: 50", "instances: 2"} {
		if !strings.Contains(shown, part) {
			t.Errorf("%q is not among what counts:\n%s", part, shown)
		}
	}
	write(t, "again.yaml", shown)
	if again := newProgram(t).must(t, "config", "show", "--effective", "-c", "again.yaml"); again != shown {
		t.Errorf("what counts is not what it says (-first +second):\n%s", cmp.Diff(shown, again))
	}
}

// TestWarnsOfLimits shows of what the start warns: that others may ask as much as they
// like, or as many times as much as there are instances.
func TestWarnsOfLimits(t *testing.T) {
	for _, tt := range []struct{ name, listen, sections, want string }{
		{"no limits", ":8080", "", "nothing bounds how much callers may ask"},
		{"no limits on a laptop", "127.0.0.1:8080", "", ""},
		{"limits", ":8080", "limits: {address: {requests: 5}}", ""},
		{"a tier for anonymous callers", ":8080", "limits: {tiers: {anonymous: {requests: 5}}}", ""},
		{"nothing for anonymous callers", ":8080", "limits: {tiers: {authenticated: {requests: 5}}}", "callers without a credential"},
		{"nothing but failures", ":8080", "limits: {}", "callers without a credential"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := readLimits(t, tt.sections)
			s.Service.Listen = tt.listen
			var log bytes.Buffer
			logger := slog.New(slog.NewTextHandler(&log, nil))
			opened := &closers{}
			l, err := openLimits(t.Context(), s, &watching{}, opened, logger)
			if err != nil {
				t.Fatal(err)
			}
			s.warnOfLimits(l, logger)
			if got := log.String(); tt.want == "" && got != "" || !strings.Contains(got, tt.want) {
				t.Errorf("the log is %q, want %q in it", got, tt.want)
			}
			s.Service.Instances = "many"
			s.warnOfLimits(l, logger)
			if told := strings.Contains(log.String(), "each instance counts for itself"); told != (s.Limits != nil) {
				t.Errorf("many instances: the log is %q", log.String())
			}
			if err := opened.close(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestServerWithoutItsLimiter starts a server whose limiter cannot be reached: it is
// ready, answers, and bounds its callers all the same.
func TestServerWithoutItsLimiter(t *testing.T) {
	t.Chdir(t.TempDir())
	config := strings.Replace(cachedConfig("repository: {driver: memory}"), "telemetry:",
		`limit: {driver: redis, redis: {url: "redis://127.0.0.1:1"}}
limits: {address: {requests: 40, per: 744h}, instances: 4}
telemetry:`, 1)
	r, api, admin := serveFor(t, config)
	status := func(url string) int {
		t.Helper()
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
		if err != nil {
			t.Fatal(err)
		}
		response, err := r.client.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		return response.StatusCode
	}
	for i := range 12 {
		want := http.StatusOK
		if i >= 10 {
			want = http.StatusTooManyRequests
		}
		if got := status(api + "/things"); got != want {
			t.Errorf("request %d: got %d, want %d", i, got, want)
		}
	}
	if got := status(admin + "/readyz"); got != http.StatusOK {
		t.Errorf("readyz: got %d", got)
	}
	if _, metrics := r.told(t, admin+"/metrics"); !strings.Contains(metrics, fmt.Sprintf("portolan_limit_refused_total{bound=%q} 2\n", "address")) {
		t.Errorf("the metrics do not tell what was refused:\n%s", metrics)
	}
}
