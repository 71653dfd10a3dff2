package prometheus_test

import (
	"bufio"
	"context"
	"database/sql"
	"errors"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/portolan-io/portolan/adapters/prometheus"
	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/ports/contract"
	"github.com/portolan-io/portolan/ports/telemetry"
	"github.com/portolan-io/portolan/ports/telemetry/telemetrytest"
)

func open(t *testing.T) *prometheus.Observer {
	t.Helper()
	o, err := prometheus.Open(t.Context(), prometheus.Config{})
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// samples returns what the handler answers, by name and labels as written.
func samples(t contract.T, o *prometheus.Observer) map[string]float64 {
	t.Helper()
	answer := httptest.NewRecorder()
	o.Handler().ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	if answer.Code != 200 {
		t.Fatalf("/metrics answers %d: %s", answer.Code, answer.Body)
	}
	found := map[string]float64{}
	lines := bufio.NewScanner(answer.Body)
	for lines.Scan() {
		name, value, ok := cutLast(lines.Text())
		if ok && !strings.HasPrefix(name, "#") {
			found[name] = value
		}
	}
	return found
}

func cutLast(line string) (string, float64, bool) {
	i := strings.LastIndexByte(line, ' ')
	if i < 0 {
		return "", 0, false
	}
	value, err := strconv.ParseFloat(line[i+1:], 64)
	return line[:i], value, err == nil
}

func TestSuite(t *testing.T) {
	telemetrytest.Run(t, func(t *testing.T) telemetrytest.Harness {
		o := open(t)
		return telemetrytest.Harness{
			Observer: o,
			Ended:    func(ct contract.T) map[telemetrytest.Ended]int { return ended(ct, o) },
		}
	})
}

// ended reads back what was counted, of operations whose labels need no quoting.
func ended(t contract.T, o *prometheus.Observer) map[telemetrytest.Ended]int {
	found := map[telemetrytest.Ended]int{}
	for name, value := range samples(t, o) {
		labels, ok := strings.CutPrefix(name, "portolan_operations_total{")
		if !ok {
			continue
		}
		var end telemetrytest.Ended
		for _, pair := range strings.Split(strings.TrimSuffix(labels, "}"), `",`) {
			label, text, _ := strings.Cut(strings.TrimSuffix(pair, `"`), `="`)
			switch label {
			case "port":
				end.Port = text
			case "operation":
				end.Name = text
			case "collection":
				end.Collection = text
			case "code":
				end.Kind = fault.Kind(strings.TrimPrefix(text, "ok"))
			}
		}
		found[end] = int(value)
	}
	return found
}

func TestFigures(t *testing.T) {
	o := open(t)
	find := telemetry.Op{Port: "repository", Name: "Find", Collection: "products"}
	_, first := o.Start(t.Context(), find)
	_, second := o.Start(t.Context(), find)
	_, third := o.Start(t.Context(), find)
	first(nil)
	second(fault.New(fault.Unavailable, "test", "the store is down").Because(context.DeadlineExceeded))
	got := samples(t, o)
	third(nil)
	const op = `collection="products",operation="Find",port="repository"`
	const failed = `code="unavailable",` + op
	for name, want := range map[string]float64{
		`portolan_operations_total{code="ok",` + op + `}`:                      1,
		`portolan_operations_total{` + failed + `}`:                            1,
		`portolan_operations_in_flight{` + op + `}`:                            1,
		`portolan_operation_duration_seconds_count{` + failed + `}`:            1,
		`portolan_operation_duration_seconds_bucket{` + failed + `,le="+Inf"}`: 1,
	} {
		if value, ok := got[name]; !ok || value != want {
			t.Errorf("%s is %v, %t; want %v", name, value, ok, want)
		}
	}
	for _, name := range []string{"go_goroutines", "process_cpu_seconds_total"} {
		if _, ok := got[name]; !ok {
			t.Errorf("%s is missing", name)
		}
	}
}

func TestPool(t *testing.T) {
	o := open(t)
	stats := sql.DBStats{MaxOpenConnections: 16, OpenConnections: 5, InUse: 3, Idle: 2, WaitCount: 7, WaitDuration: 1500 * time.Millisecond}
	if err := o.Pool("sqlite", func() sql.DBStats { return stats }); err != nil {
		t.Fatal(err)
	}
	if err := o.Pool("replica", func() sql.DBStats { return sql.DBStats{OpenConnections: 1} }); err != nil {
		t.Fatalf("a second pool: %v", err)
	}
	former := stats
	if stats.OpenConnections = 4; o.Pool("sqlite", func() sql.DBStats { return stats }) != nil {
		t.Error("another pool of the name is refused")
	}
	if got := samples(t, o)[`portolan_pool_open_connections{pool="sqlite"}`]; got != 4 {
		t.Errorf("another pool of the name has %v connections open, want its own 4", got)
	}
	stats = former
	got := samples(t, o)
	for name, want := range map[string]float64{
		`portolan_pool_max_connections{pool="sqlite"}`:    16,
		`portolan_pool_open_connections{pool="sqlite"}`:   5,
		`portolan_pool_in_use_connections{pool="sqlite"}`: 3,
		`portolan_pool_idle_connections{pool="sqlite"}`:   2,
		`portolan_pool_waits_total{pool="sqlite"}`:        7,
		`portolan_pool_wait_seconds_total{pool="sqlite"}`: 1.5,
		`portolan_pool_open_connections{pool="replica"}`:  1,
	} {
		if value, ok := got[name]; !ok || value != want {
			t.Errorf("%s is %v, %t; want %v", name, value, ok, want)
		}
	}
}

func TestCache(t *testing.T) {
	o := open(t)
	looks := func(yield func(collection, state string, n uint64) bool) {
		_ = yield("products", "hit", 7) && yield("products", "miss", 2) && yield("categories", "fenced", 1)
	}
	if err := o.Cache(looks, func() (items, octets int) { return 3, 4096 }); err != nil {
		t.Fatal(err)
	}
	got := samples(t, o)
	for name, want := range map[string]float64{
		`portolan_cache_looks_total{collection="products",state="hit"}`:      7,
		`portolan_cache_looks_total{collection="products",state="miss"}`:     2,
		`portolan_cache_looks_total{collection="categories",state="fenced"}`: 1,
		`portolan_cache_items`:  3,
		`portolan_cache_octets`: 4096,
	} {
		if value, ok := got[name]; !ok || value != want {
			t.Errorf("%s is %v, %t; want %v", name, value, ok, want)
		}
	}
	if err := o.Cache(looks, nil); err != nil {
		t.Error(err)
	}
	if _, there := samples(t, o)["portolan_cache_items"]; there {
		t.Error("what the former cache holds is still told")
	}
	other := open(t)
	if err := other.Cache(looks, nil); err != nil {
		t.Fatal(err)
	}
	if _, there := samples(t, other)["portolan_cache_items"]; there {
		t.Errorf("what is held is told of a cache that does not say")
	}
}

func TestRereads(t *testing.T) {
	o := open(t)
	all := func(yield func(collection string, observed, stale uint64) bool) {
		_ = yield("products", 7, 0) && yield("categories", 2, 1)
	}
	if err := o.Rereads(all); err != nil {
		t.Fatal(err)
	}
	wantSamples(t, o, map[string]float64{
		`portolan_cache_observed_reads_total{collection="products"}`:   7,
		`portolan_cache_stale_reads_total{collection="products"}`:      0,
		`portolan_cache_observed_reads_total{collection="categories"}`: 2,
		`portolan_cache_stale_reads_total{collection="categories"}`:    1,
	})
	others := func(yield func(collection string, observed, stale uint64) bool) { _ = yield("products", 8, 0) }
	if err := o.Rereads(others); err != nil {
		t.Error(err)
	}
	wantSamples(t, o, map[string]float64{`portolan_cache_observed_reads_total{collection="products"}`: 8})
}

func TestLimits(t *testing.T) {
	o := open(t)
	refused := func(yield func(bound string, n uint64) bool) { _ = yield("address", 3) && yield("global", 0) }
	if err := o.Limits(refused, func() uint64 { return 9 }); err != nil {
		t.Fatal(err)
	}
	wantSamples(t, o, map[string]float64{
		`portolan_limit_refused_total{bound="address"}`: 3,
		`portolan_limit_refused_total{bound="global"}`:  0,
		`portolan_limit_fallbacks_total`:                9,
	})
	if err := o.Limits(refused, func() uint64 { return 1 }); err != nil {
		t.Error(err)
	}
	wantSamples(t, o, map[string]float64{`portolan_limit_fallbacks_total`: 1})
}

func TestInstance(t *testing.T) {
	o := open(t)
	figures := func() (string, uint64, uint64, int) { return "down", 5, 1, 12 }
	if err := o.Instance(figures); err != nil {
		t.Fatal(err)
	}
	wantSamples(t, o, map[string]float64{
		`portolan_cache_mode{mode="down"}`:    1,
		`portolan_cache_mode{mode="on"}`:      0,
		`portolan_cache_mode{mode="idle"}`:    0,
		`portolan_cache_mode{mode="unknown"}`: 0,
		`portolan_cache_mode_changes_total`:   5,
		`portolan_cache_fence_failures_total`: 1,
		`portolan_cache_chores_waiting`:       12,
	})
	if err := o.Instance(func() (string, uint64, uint64, int) { return "on", 0, 0, 0 }); err != nil {
		t.Error(err)
	}
	wantSamples(t, o, map[string]float64{`portolan_cache_mode{mode="on"}`: 1})
}

func wantSamples(t *testing.T, o *prometheus.Observer, want map[string]float64) {
	t.Helper()
	got := samples(t, o)
	for name, want := range want {
		if value, ok := got[name]; !ok || value != want {
			t.Errorf("%s is %v, %t; want %v", name, value, ok, want)
		}
	}
}

// TestAnew: what is not given again is told of no more, and can be given later.
func TestAnew(t *testing.T) {
	o := open(t)
	pool := func(open int) func() error {
		return func() error {
			return o.Pool("sqlite", func() sql.DBStats { return sql.DBStats{OpenConnections: open} })
		}
	}
	instance := func() error { return o.Instance(func() (string, uint64, uint64, int) { return "unknown", 0, 0, 0 }) }
	const mode, connections = `portolan_cache_mode{mode="unknown"}`, `portolan_pool_open_connections{pool="sqlite"}`
	for _, tt := range []struct {
		name  string
		given []func() error
		want  map[string]float64
	}{
		{"both", []func() error{pool(4), instance}, map[string]float64{mode: 1, connections: 4}},
		{"one of them, as another", []func() error{pool(5)}, map[string]float64{connections: 5}},
		{"neither", nil, nil},
		{"the other one", []func() error{instance}, map[string]float64{mode: 1}},
		{"one that cannot be", []func() error{func() error { return errors.New("no") }}, nil},
	} {
		err := o.Anew(func() (err error) {
			for _, give := range tt.given {
				err = errors.Join(err, give())
			}
			return err
		})
		if failed := tt.name == "one that cannot be"; (err != nil) != failed {
			t.Errorf("%s: %v", tt.name, err)
		}
		wantSamples(t, o, tt.want)
		got := samples(t, o)
		for _, name := range []string{mode, connections} {
			if value, there := got[name]; there {
				if _, wanted := tt.want[name]; !wanted {
					t.Errorf("%s: %s is still told, as %v", tt.name, name, value)
				}
			}
		}
	}
}
