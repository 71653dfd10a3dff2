package bootstrap

import (
	"net/http"
	"strings"
	"testing"

	"github.com/portolan-io/portolan/test/servers"
)

// tells reports which of the figures /metrics has.
func (r *running) tells(admin string, names ...string) map[string]bool {
	_, metrics := r.do(http.MethodGet, admin+"/metrics", "", nil)
	told := make(map[string]bool)
	for _, name := range names {
		told[name] = strings.Contains(metrics, "\n"+name)
	}
	return told
}

// TestReloadTakesFiguresAway: a cache and a pool that a configuration does not have any more
// are told of no more, and are again when it has them again.
func TestReloadTakesFiguresAway(t *testing.T) {
	t.Chdir(t.TempDir())
	pooled := strings.Replace(reloadable, "repository: {driver: memory}", "repository: {driver: sqlite, sqlite: {path: a.db}}", 1)
	limited := pooled + "limits: {global: {requests: 100000}}\n"
	bare := strings.Replace(reloadable, "cache: {driver: memory}\n", "", 1)
	const (
		cached, stale = "portolan_cache_items", "portolan_cache_stale_reads_total"
		pool, limits  = `portolan_pool_open_connections{pool="sqlite`, "portolan_limit_fallbacks_total"
	)
	r, api, admin := serveFor(t, limited)
	for i, tt := range []struct {
		name, text string
		want       map[string]bool
	}{
		{"at first", "", map[string]bool{cached: true, pool: true, limits: true}},
		{"without limits", pooled, map[string]bool{cached: true, pool: true, limits: false}},
		{"with another store", reloadable, map[string]bool{cached: true, pool: false, limits: false}},
		{"without a cache", bare, map[string]bool{cached: false, stale: false, pool: false, limits: false}},
		{"with all of them again", limited, map[string]bool{cached: true, pool: true, limits: true}},
	} {
		if i > 0 {
			r.mustReload(t, admin, tt.text)
		}
		r.told(t, api+"/things")
		for name, want := range tt.want {
			if got := r.tells(admin, name)[name]; got != want {
				t.Errorf("%s, %s is told: %t, want %t", tt.name, name, got, want)
			}
		}
	}
}

// TestReloadWithoutTheSharedCache: an instance that has no shared cache any more does not say
// that it cannot use it, which would keep an alert ringing.
func TestReloadWithoutTheSharedCache(t *testing.T) {
	shared := "cache: {driver: redis, redis: {url: \"redis://" + servers.Redis(t) + "\", prefix: \"" + t.Name() + "\"}}\n"
	t.Chdir(t.TempDir())
	text := strings.NewReplacer("service: {", "service: {instances: many, ", "cache: {driver: memory}\n", shared,
		"repository: {driver: memory}", "repository: {driver: sqlite, sqlite: {path: a.db}}").Replace(reloadable)
	r, _, admin := serveFor(t, text)
	const mode, chores = `portolan_cache_mode{mode="unknown"}`, "portolan_cache_chores_waiting"
	if told := r.tells(admin, mode, chores); !told[mode] || !told[chores] {
		t.Errorf("with the cache it is told %v", told)
	}
	r.mustReload(t, admin, strings.Replace(text, shared, "", 1))
	if told := r.tells(admin, mode, chores); told[mode] || told[chores] {
		t.Errorf("without the cache it is told %v", told)
	}
}
