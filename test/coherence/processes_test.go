package coherence_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/portolan-io/portolan/adapters/postgres"
	"github.com/portolan-io/portolan/core"
	"github.com/portolan-io/portolan/ports/cache"
	"github.com/portolan-io/portolan/ports/secrets"
	"github.com/portolan-io/portolan/test/servers"
)

// A process is an instance of the service as it ships, with ways of its own to
// the database and to Redis.
type process struct {
	t        *testing.T
	program  string
	dir      string
	url      string
	database *servers.Faults
	redis    *servers.Faults
	keys     map[string]string // API keys by subject
	looks    *looks
	failed   atomic.Int64 // reads that had no answer, and were asked again

	mu  sync.Mutex
	cmd *exec.Cmd
	log bytes.Buffer
}

const processConfig = `service:
  {listen: "%s", admin: off, docs: off, log: text, drain_delay: 0s, instances: many, key_pepper: "%[2]s", cursor_key: "%[2]s"}
repository: {driver: postgres, postgres: {dsn: "%s", max_conns: 8}}
cache: {driver: redis, redis: {url: "redis://%s"}}
%s
collections:
  items:
    id: id
    fields:
      id: {type: string, max: 16}
      n: {type: int, required: true}
      shelf: {type: int, required: true}
      owner: {type: string, required: true, max: 16}
    cache: {class: strict, scopes: [shelf]}
    access:
      admin: {all: true}
      owner: {read: {where: "owner eq @claims.sub"}}
`

const pepper = "a pepper for the tests of coherence alone"

// A cluster is three processes over one database and one Redis.
type cluster struct {
	t         *testing.T
	redis     *servers.Server
	processes []*process
}

// startCluster starts all of it, each anew.
func startCluster(t *testing.T, settings ...string) *cluster {
	t.Helper()
	servers.Redis(t) // or nothing can be started
	redis, err := servers.StartRedis(settings...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = redis.Stop() })
	c := &cluster{t: t, redis: redis}
	database := servers.PostgreSQL(t)
	keys := createKeys(t, database)
	program := filepath.Join(t.TempDir(), "portolan")
	if out, err := exec.Command("go", "build", "-o", program, "../..").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	for i := range 3 {
		p := &process{t: t, program: program, dir: t.TempDir(), keys: keys, looks: &looks{}}
		at, err := url.Parse(database)
		if err != nil {
			t.Fatal(err)
		}
		p.database, p.redis = servers.FaultsTo(t, at.Host), servers.FaultsTo(t, redis.Address)
		at.Host = p.database.Address
		port, err := servers.FreePort(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		listen := fmt.Sprintf("127.0.0.1:%d", port)
		near := ""
		if i > 0 {
			near = "near_cache: {driver: bigcache, bigcache: {max_mb: 8}}"
		}
		p.url = "http://" + listen
		config := fmt.Sprintf(processConfig, listen, pepper, at, p.redis.Address, near)
		if err := os.WriteFile(filepath.Join(p.dir, "portolan.yaml"), []byte(config), 0o600); err != nil {
			t.Fatal(err)
		}
		p.start()
		t.Cleanup(p.stop)
		c.processes = append(c.processes, p)
	}
	return c
}

// createKeys makes an API key for each subject.
func createKeys(t *testing.T, database string) map[string]string {
	t.Helper()
	store, err := postgres.Open(t.Context(), postgres.Config{DSN: secrets.Fixed(database)})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = store.Close() }()
	api, err := core.New(core.Config{Store: store, Pepper: secrets.Fixed(pepper)})
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Ensure(t.Context(), api.Schemas()); err != nil {
		t.Fatal(err)
	}
	keys := make(map[string]string)
	for subject, role := range map[string]string{"admin": "admin", ownerName(0): "owner", ownerName(1): "owner"} {
		_, secret, err := api.CreateKey(t.Context(), operator, core.Key{Subject: subject, Roles: []string{role}})
		if err != nil {
			t.Fatal(err)
		}
		keys[subject] = secret
	}
	return keys
}

// start starts the process, and waits until it is ready.
func (p *process) start() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cmd = exec.Command(p.program, "serve", "--config", "portolan.yaml")
	p.cmd.Dir, p.cmd.Stdout, p.cmd.Stderr = p.dir, &p.log, &p.log
	if err := p.cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	for range 400 {
		if response, err := http.Get(p.url + "/readyz"); err == nil {
			_ = response.Body.Close()
			if response.StatusCode == http.StatusOK {
				return
			}
		}
		time.Sleep(25 * time.Millisecond)
	}
	p.t.Errorf("an instance does not become ready")
}

func (p *process) signal(s os.Signal) {
	p.mu.Lock()
	defer p.mu.Unlock()
	_ = p.cmd.Process.Signal(s)
}

// kill ends the process as kill -9 does.
func (p *process) kill() {
	p.signal(os.Kill)
	_ = p.cmd.Wait()
}

func (p *process) stop() {
	p.signal(syscall.SIGCONT)
	p.signal(syscall.SIGTERM)
	_ = p.cmd.Wait()
	if p.t.Failed() {
		p.t.Logf("%.3000s", p.log.String())
	}
}

// ServeHTTP hands a request on. A read without an answer is asked again, a write
// is one of which nobody knows what became.
func (p *process) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		p.t.Error(err)
	}
	subject := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	for try := 0; ; try++ {
		asked, err := http.NewRequestWithContext(r.Context(), r.Method, p.url+r.URL.RequestURI(), bytes.NewReader(body))
		if err != nil {
			p.t.Error(err)
			return
		}
		asked.Header = r.Header.Clone()
		asked.Header.Del("Authorization")
		asked.Header.Set("X-Api-Key", p.keys[subject])
		response, err := http.DefaultClient.Do(asked)
		if err == nil {
			answer, failed := io.ReadAll(response.Body)
			_ = response.Body.Close()
			if err = failed; err == nil && (r.Method != http.MethodGet || response.StatusCode < 500) {
				p.count(response)
				for name, values := range response.Header {
					w.Header()[name] = values
				}
				w.WriteHeader(response.StatusCode)
				_, _ = w.Write(answer)
				return
			}
		}
		if r.Method != http.MethodGet || try > 600 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		p.failed.Add(1)
		time.Sleep(50 * time.Millisecond)
	}
}

// count counts what the cache had to do with the answer.
func (p *process) count(response *http.Response) {
	switch status := response.Header.Get("Cache-Status"); {
	case status == "":
	case strings.Contains(status, "; hit"):
		p.looks.states[cache.Hit].Add(1)
	case strings.Contains(status, "miss"):
		p.looks.states[cache.Miss].Add(1)
	default:
		p.looks.states[cache.Off].Add(1)
	}
}

func (c *cluster) each(do func(p *process)) {
	for _, p := range c.processes {
		do(p)
	}
}

func (c *cluster) any() *process { return c.processes[rand.IntN(len(c.processes))] }

// configure sets a setting of the Redis that runs.
func (c *cluster) configure(name, value string) {
	client := goredis.NewClient(&goredis.Options{Addr: c.redis.Address})
	defer func() { _ = client.Close() }()
	if err := client.ConfigSet(context.Background(), name, value).Err(); err != nil {
		c.t.Error(err)
	}
}

// A disaster is what becomes of a part of the cluster. What it does to Redis alone
// fails no read and no write.
type disaster struct {
	name     string
	settings []string // of Redis
	happen   func(c *cluster)
	harmless bool
	short    bool // part of the short form
}

var disasters = []disaster{
	{name: "Redis is killed, and starts empty", harmless: true, short: true, happen: func(c *cluster) {
		if err := c.redis.Restart(); err != nil {
			c.t.Error(err)
		}
	}},
	{name: "Redis is not there for a while", harmless: true, happen: func(c *cluster) {
		c.each(func(p *process) { p.redis.Cut() })
		between(time.Second, 3*time.Second)
		c.each(func(p *process) { p.redis.Restore() })
	}},
	{name: "one instance is cut off from Redis", harmless: true, short: true, happen: func(c *cluster) {
		p := c.any()
		p.redis.Cut()
		between(time.Second, 4*time.Second)
		p.redis.Restore()
	}},
	{name: "Redis does not answer one instance", harmless: true, happen: func(c *cluster) {
		p := c.any()
		p.redis.Hang()
		between(time.Second, 4*time.Second)
		p.redis.Restore()
	}},
	{name: "Redis is slow", harmless: true, happen: func(c *cluster) {
		c.each(func(p *process) { p.redis.Delay(120 * time.Millisecond) })
		between(time.Second, 3*time.Second)
		c.each(func(p *process) { p.redis.Restore() })
	}},
	{name: "a replica takes the place of Redis", harmless: true, happen: func(c *cluster) {
		replica, err := servers.StartRedisReplica(c.redis)
		if err != nil {
			c.t.Error(err)
			return
		}
		c.t.Cleanup(func() { _ = replica.Stop() })
		between(200*time.Millisecond, time.Second)
		client := goredis.NewClient(&goredis.Options{Addr: replica.Address})
		defer func() { _ = client.Close() }()
		if err := client.Do(context.Background(), "REPLICAOF", "NO", "ONE").Err(); err != nil {
			c.t.Error(err)
		}
		for _, p := range c.processes { // one after the other: for a while there are two
			p.redis.To(replica.Address)
			between(0, 500*time.Millisecond)
		}
		c.redis = replica
	}},
	{name: "Redis is emptied", harmless: true, happen: func(c *cluster) {
		client := goredis.NewClient(&goredis.Options{Addr: c.redis.Address})
		defer func() { _ = client.Close() }()
		if err := client.FlushAll(context.Background()).Err(); err != nil {
			c.t.Error(err)
		}
	}},
	{name: "Redis is full", settings: []string{"--maxmemory-policy", "noeviction"}, harmless: true, happen: func(c *cluster) {
		c.configure("maxmemory", "1kb")
		between(time.Second, 3*time.Second)
		c.configure("maxmemory", "0")
	}},
	{name: "Redis evicts", settings: []string{"--maxmemory-policy", "volatile-random"}, harmless: true, happen: func(c *cluster) {
		c.configure("maxmemory", "1kb") // which evicts whatever may be
		between(100*time.Millisecond, 300*time.Millisecond)
		c.configure("maxmemory", "0")
	}},
	{name: "an instance is killed", short: true, happen: func(c *cluster) {
		p := c.any()
		p.kill()
		p.start()
	}},
	{name: "an instance stands still", happen: func(c *cluster) {
		p := c.any()
		p.signal(syscall.SIGSTOP)
		between(time.Second, 5*time.Second)
		p.signal(syscall.SIGCONT)
	}},
	{name: "the database is slow for one instance", happen: func(c *cluster) {
		p := c.any()
		p.database.Delay(400 * time.Millisecond)
		between(time.Second, 4*time.Second)
		p.database.Restore()
	}},
}

// over is what clients do to processes.
var over = workload{clients: 18, each: 50, keys: 12, check: 60 * time.Second, weights: map[kind]int{
	create: 2, put: 2, patch: 1, move: 2, remove: 1, createAll: 1, moveOnce: 1, get: 400, getOwn: 40, listShelf: 100, listAll: 20, countShelf: 20, aggregate: 20,
}}

// TestProcesses has three processes as they ship over PostgreSQL and Redis, to
// which everything happens that does.
func TestProcesses(t *testing.T) {
	long := os.Getenv(longForm) != ""
	for _, d := range disasters {
		if !d.short && !long {
			continue
		}
		t.Run(d.name, func(t *testing.T) {
			c := startCluster(t, d.settings...)
			w := over
			w.lasts = 12 * time.Second
			if long {
				w.lasts = 40 * time.Second
			}
			p := parts{}
			c.each(func(each *process) { p.running = append(p.running, &server{Handler: each, looks: each.looks}) })
			ended := make(chan struct{})
			var happening sync.WaitGroup
			times := 0
			happening.Go(func() {
				for {
					select {
					case <-ended:
						return
					case <-time.After(2*time.Second + rand.N(2*time.Second)):
						d.happen(c)
						times++
					}
					select { // what was lost comes back, and is used again
					case <-ended:
						return
					case <-time.After(12 * time.Second):
					}
				}
			})
			v := run(t, p, w, rand.Uint64())
			close(ended)
			happening.Wait()
			var failed int64
			c.each(func(p *process) { failed += p.failed.Load() })
			t.Logf("%s; happened %d times, %d reads had no answer at first", v, times, failed)
			t.Log(v.detail(d.name, times, failed))
			if by := v.killed(); by != "" || v.wrong > 0 {
				t.Fatalf("%s; %d wrong answers: %q", by, v.wrong, v.samples)
			}
			if d.harmless && (failed > 0 || v.unknown > 0) {
				t.Errorf("%d reads and %d writes failed", failed, v.unknown)
			}
			if v.histories != "Ok" || v.hits < leastSharedHits || v.writes < 100 || times == 0 {
				t.Errorf("the run proves nothing")
			}
		})
	}
}
