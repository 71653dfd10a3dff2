package bootstrap

import (
	"bytes"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/portolan-io/portolan/ports/cache"
	"github.com/portolan-io/portolan/test/servers"
)

func TestMain(m *testing.M) { os.Exit(servers.Main(m)) }

// What is logged of the mode says who answers from which cache, and why not.
func TestModeLog(t *testing.T) {
	idle, down := cache.Mode{State: cache.Idle, Epoch: "1"}, cache.Mode{State: cache.Down, Epoch: "3"}
	ours, others := cache.Mode{State: cache.On, Epoch: "2", Server: "s"}, cache.Mode{State: cache.On, Epoch: "2"}
	for _, tt := range []struct {
		name     string
		from, to cache.Mode
		want     string
	}{
		{"it begins", idle, ours, "INFO instances answer from the cache that they share"},
		{"another one has begun", idle, others, "WARN another server caches by itself, which is to end"},
		{"it ends", ours, down, "WARN the cache that instances share is not used for now"},
		{"it cannot begin", idle, idle, "WARN the cache that instances share cannot be used"},
		{"it can again", down, idle, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var log bytes.Buffer
			modeLogger(slog.New(slog.NewTextHandler(&log, nil)))(tt.from, tt.to, "why")
			level, message, _ := strings.Cut(tt.want, " ")
			if got := log.String(); tt.want == "" && got != "" || !strings.Contains(got, "level="+level) && tt.want != "" || !strings.Contains(got, message) {
				t.Errorf("logged %q, want %q", got, tt.want)
			}
		})
	}
}

// Validate says that instances cannot share the cache, and what would be right: that it
// answers is not enough. It is no mistake, because they serve without it.
func TestValidateAsksTheCacheThatIsShared(t *testing.T) {
	t.Chdir(t.TempDir())
	config := func(redis string) {
		write(t, "portolan.yaml", `service: {instances: many}
repository: {driver: sqlite, sqlite: {path: a.db}}
cache: {driver: redis, redis: {url: "redis://`+redis+`"}}
collections: {things: {id: id, fields: {id: {type: string, max: 10}}, access: {anonymous: {read: true}}}}
`)
	}
	says := func(when, want string) {
		t.Helper()
		if got := newProgram(t).must(t, "validate"); want != "" && !strings.Contains(got, want) || want == "" && strings.Contains(got, "warning") {
			t.Errorf("%s it says %q, want %q in it", when, got, want)
		}
	}
	config("127.0.0.1:1")
	says("where nobody listens", "warning: the cache is not used: ")
	servers.Redis(t) // or none can be started
	forgetful, err := servers.StartRedis("--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = forgetful.Stop() }()
	config(forgetful.Address)
	says("of one that forgets", "set its maxmemory-policy to volatile-lru or noeviction")
	config(servers.Redis(t))
	says("of one that is right", "")
}

// TestSharedCacheIsTold: what a request asks the Redis that instances share is in the metrics,
// by collection, and what instances ask each second is not.
func TestSharedCacheIsTold(t *testing.T) {
	t.Chdir(t.TempDir())
	r, api, admin := serveFor(t, `service: {listen: "127.0.0.1:0", admin: "127.0.0.1:0", drain_delay: 0s, instances: many}
repository: {driver: sqlite, sqlite: {path: a.db}}
cache: {driver: redis, redis: {url: "redis://`+servers.Redis(t)+`"}}
telemetry: [{driver: prometheus}]
development: {admin_key: true}
collections: {things: {id: id, fields: {id: {type: string, max: 10}}, access: {anonymous: {read: true}}}}
`)
	const read = `portolan_operations_total{code="ok",collection="things",operation="Read",port="cache"}`
	const renewed = `portolan_operations_total{code="ok",collection="",operation="Renew",port="cache"}`
	var told map[string]bool
	for range 200 { // until they agree to use it
		r.told(t, api+"/things")
		if told = r.tells(admin, read, renewed); told[read] {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	if !told[read] || told[renewed] {
		t.Errorf("it is told of: %v", told)
	}
}
