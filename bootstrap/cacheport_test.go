package bootstrap

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/portolan-io/portolan/adapters/memory"
	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/ports/cache"
	"github.com/portolan-io/portolan/ports/cache/cachetest"
)

// serveFor serves the configuration until the test ends, and returns where the
// API and the admin listener are.
func serveFor(t *testing.T, text string, drivers ...Driver) (r *running, api, admin string) {
	t.Helper()
	write(t, "portolan.yaml", text)
	ctx, interrupt := context.WithCancel(t.Context())
	r = run(t, "key", func(out io.Writer) int {
		p := &program{out: out, err: io.Discard, env: os.LookupEnv, drivers: append(builtin(), drivers...)}
		return p.run(ctx, []string{"serve"})
	})
	t.Cleanup(func() {
		interrupt()
		if code := <-r.exited; code != exitOK {
			t.Errorf("exit code %d", code)
		}
	})
	return r, r.line("API"), strings.TrimSuffix(r.line("admin"), "/metrics")
}

// cachedConfig has things of two kinds, in a repository and behind a cache.
func cachedConfig(ports string) string {
	return `service: {listen: "127.0.0.1:0", admin: "127.0.0.1:0", drain_delay: 0s, rereads: 1}
` + ports + `
telemetry: [{driver: prometheus}]
development: {admin_key: true}
collections:
  things:
    id: id
    fields: {id: {type: string}, kind: {type: int}, name: {type: string}}
    cache: {scopes: [kind]}
    access: {anonymous: {all: true}}
`
}

// told returns the Cache-Status and the body of an answer.
func (r *running) told(t *testing.T, url string) (status, body string) {
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
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.Header.Get("Cache-Status"), string(text)
}

// TestCachedServer shows that each driver caches: what is asked again is a hit,
// what is written is seen at once, and pages of another kind stay.
func TestCachedServer(t *testing.T) {
	for _, ports := range []string{
		"repository: {driver: memory}\ncache: {driver: memory, memory: {max_mb: 8}}",
		"repository: {driver: memory}\ncache: {driver: bigcache}",
		"repository: {driver: sqlite, sqlite: {path: things.db}}\ncache: {driver: bigcache, bigcache: {max_mb: 8}}",
	} {
		t.Run(ports, func(t *testing.T) {
			defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
			t.Chdir(t.TempDir())
			t.Run("serve", func(t *testing.T) { testCached(t, ports) })
		})
	}
}

func testCached(t *testing.T, ports string) {
	r, api, admin := serveFor(t, cachedConfig(ports))
	create := func(id string, kind int) {
		t.Helper()
		status, body := r.do(http.MethodPost, api+"/things", fmt.Sprintf(`{"id":%q,"kind":%d}`, id, kind), http.Header{"Content-Type": {"application/json"}})
		if status != http.StatusCreated {
			t.Fatalf("a new thing is answered with %d %s", status, body)
		}
	}
	check := func(path, want string, holds ...string) {
		t.Helper()
		got, body := r.told(t, api+path)
		if !strings.Contains(got, want) {
			t.Errorf("%s has the Cache-Status %q, want %q", path, got, want)
		}
		for _, text := range holds {
			if !strings.Contains(body, text) {
				t.Errorf("%s lacks %s: %s", path, text, body)
			}
		}
	}
	create("a1", 1)
	create("b1", 2)
	const ones, twos, record = "/things?$filter=kind%20eq%201", "/things?$filter=kind%20eq%202", "/things/a1"
	for _, path := range []string{ones, twos, record} {
		check(path, "fwd=", `"id"`)
		check(path, "hit", `"id"`)
	}
	create("b2", 2)
	check(ones, "hit", `"a1"`)
	check(record, "hit", `"a1"`)
	check(twos, "fwd=", `"b1"`, `"b2"`)
	check(twos, "hit", `"b1"`, `"b2"`)

	_, metrics := r.do(http.MethodGet, admin+"/metrics", "", nil)
	for observed := `portolan_cache_observed_reads_total{collection="things"} 6`; !strings.Contains(metrics, observed); {
		if t.Context().Err() != nil {
			t.Fatalf("the metrics never have %s", observed)
		}
		_, metrics = r.do(http.MethodGet, admin+"/metrics", "", nil)
	}
	for _, want := range []string{
		`portolan_cache_stale_reads_total{collection="things"} 0`,
		`portolan_cache_looks_total{collection="things",state="hit"} 6`, `portolan_cache_looks_total{collection="things",state="miss"} 4`,
		`portolan_cache_items`, `portolan_cache_octets`, `portolan_operations_total{code="ok",collection="",operation="Set",port="cache"}`,
	} {
		if !strings.Contains(metrics, want) {
			t.Errorf("the metrics lack %s", want)
		}
	}
	if status, body := r.do(http.MethodGet, admin+"/readyz", "", nil); status != http.StatusOK || !strings.Contains(body, `"name":"cache"`) {
		t.Errorf("readyz answers %d %s", status, body)
	}
}

// sick is a cache that does not answer.
type sick struct{ *memory.Cache }

func (sick) Ping(context.Context) error { return errSick }

func (sick) Get(context.Context, string) ([]byte, bool, error) { return nil, false, errSick }

var errSick = fault.New(fault.Unavailable, "test", "cache.internal is down")

// TestSickCache shows that a third party's cache which is down is told of, and
// keeps nobody from being served.
func TestSickCache(t *testing.T) {
	t.Chdir(t.TempDir())
	driver := Cache("sick", func(ctx context.Context, config memory.CacheConfig) (sick, error) {
		c, err := memory.OpenCache(ctx, config)
		return sick{c}, err
	})
	r, api, admin := serveFor(t, cachedConfig("repository: {driver: memory}\ncache: {driver: sick}"), driver)
	for range 2 {
		if status, body := r.told(t, api+"/things"); strings.Contains(status, "hit") || !strings.Contains(body, `"value":[]`) {
			t.Errorf("a list has the Cache-Status %q and says %s", status, body)
		}
	}
	status, body := r.do(http.MethodGet, admin+"/readyz", "", nil)
	if status != http.StatusOK || !strings.Contains(body, `{"status":"ok"`) || !strings.Contains(body, `"driver":"sick","needed":false,"status":"failing"`) || strings.Contains(body, "internal") {
		t.Errorf("readyz of the admin listener answers %d %s", status, body)
	}
	if status, body := r.do(http.MethodGet, strings.TrimSuffix(api, "/v1")+"/readyz", "", nil); status != http.StatusOK {
		t.Errorf("readyz answers %d %s", status, body)
	}
	if _, metrics := r.do(http.MethodGet, admin+"/metrics", "", nil); !strings.Contains(metrics, `portolan_operations_total{code="unavailable",collection="",operation="Get",port="cache"}`) {
		t.Errorf("the metrics do not say that the cache fails")
	}
}

// TestCacheThatCannotBeOpened shows the sentence and where it comes from.
func TestCacheThatCannotBeOpened(t *testing.T) {
	t.Chdir(t.TempDir())
	write(t, "portolan.yaml", cachedConfig("repository: {driver: memory}\ncache: {driver: bigcache, bigcache: {max_mb: 100000}}"))
	code, _, errs := newProgram(t).do(t, "validate")
	want := "the driver bigcache of the port cache could not be opened: max_mb is 100000, but must be 1 to 65536"
	if code != exitFailed || !strings.Contains(errs, want) {
		t.Errorf("exit code %d, %s\nwant %s", code, errs, want)
	}
}

// sharing is a cache that instances can share.
type sharing struct {
	*memory.Cache
	server cache.Server
}

func (s sharing) Identity(ctx context.Context) (string, error) { return s.server.Identity(ctx) }
func (s sharing) Bind(identity, epoch string) cache.Session    { return s.server.Bind(identity, epoch) }

// TestInstanceFigures shows that an instance among many tells of the mode.
func TestInstanceFigures(t *testing.T) {
	t.Chdir(t.TempDir())
	driver := Cache("shared", func(ctx context.Context, config memory.CacheConfig) (sharing, error) {
		c, err := memory.OpenCache(ctx, config)
		return sharing{c, cachetest.NewShared().Line(nil)}, err
	})
	text := cachedConfig("repository: {driver: sqlite, sqlite: {path: things.db}}\ncache: {driver: shared}")
	r, _, admin := serveFor(t, strings.Replace(text, "service: {", "service: {instances: many, ", 1), driver)
	metrics := func() string {
		_, text := r.do(http.MethodGet, admin+"/metrics", "", nil)
		return text
	}
	for !strings.Contains(metrics(), `portolan_cache_mode{mode="on"} 1`) {
		if t.Context().Err() != nil {
			t.Fatalf("the mode is never on: %s", metrics())
		}
	}
	for _, want := range []string{
		`portolan_cache_mode{mode="idle"} 0`, `portolan_cache_mode{mode="down"} 0`, `portolan_cache_mode{mode="unknown"} 0`,
		`portolan_cache_mode_changes_total`, `portolan_cache_fence_failures_total 0`, `portolan_cache_chores_waiting 0`,
	} {
		if !strings.Contains(metrics(), want) {
			t.Errorf("the metrics lack %s", want)
		}
	}
}
