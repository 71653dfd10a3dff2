package redis

import (
	"context"
	"crypto/rand"
	"os"
	"strings"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/portolan-io/portolan/ports/cache"
	"github.com/portolan-io/portolan/ports/cache/cachetest"
	"github.com/portolan-io/portolan/ports/contract"
	"github.com/portolan-io/portolan/test/servers"
)

func TestMain(m *testing.M) { os.Exit(servers.Main(m)) }

// openTest opens a cache, which the test closes.
func openTest(t testing.TB, cfg Config) *Cache {
	t.Helper()
	c, err := Open(context.Background(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// patient is a configuration for a machine that is busy with other tests, with keys
// of its own.
func patient(cfg Config) Config {
	cfg.Prefix = strings.ToLower(rand.Text())
	cfg.AcquireTimeout, cfg.DialTimeout, cfg.Timeout = 10*time.Second, 10*time.Second, 10*time.Second
	return cfg
}

// own starts servers of the test's own, if there can be any. It starts the shared one
// first, which skips the test if there cannot.
func own[S any](t testing.TB, start func() (S, error)) S {
	t.Helper()
	servers.Redis(t)
	started, err := start()
	if err != nil {
		t.Fatal(err)
	}
	return started
}

func single(t testing.TB, settings ...string) *servers.Server {
	t.Helper()
	server := own(t, func() (*servers.Server, error) { return servers.StartRedis(settings...) })
	t.Cleanup(func() {
		if err := server.Stop(); err != nil {
			t.Error(err)
		}
	})
	return server
}

// direct returns a client that goes past the adapter.
func direct(t testing.TB, addr string) *goredis.Client {
	t.Helper()
	client := goredis.NewClient(&goredis.Options{Addr: addr, DisableIdentity: true, ReadTimeout: 10 * time.Second})
	t.Cleanup(func() { _ = client.Close() })
	return client
}

// do has a server do a command.
func do(t contract.T, client *goredis.Client, command ...any) {
	t.Helper()
	if err := client.Do(context.Background(), command...).Err(); err != nil {
		t.Fatalf("%v: %v", command, err)
	}
}

// A tested is a cache over servers to which things can be done.
type tested struct {
	*Cache
	nodes   []*goredis.Client
	replace func() error
}

func (s tested) Replace(t contract.T) {
	if err := s.replace(); err != nil {
		t.Fatalf("%v", err)
	}
}

func (s tested) Empty(t contract.T) {
	for _, node := range s.nodes {
		do(t, node, "FLUSHALL")
	}
}

func (s tested) Full(t contract.T, full bool) {
	limit := "0"
	if full {
		limit = "1"
	}
	for _, node := range s.nodes {
		do(t, node, "CONFIG", "SET", "maxmemory", limit)
	}
}

func TestContract(t *testing.T) {
	cachetest.Run(t, func(t *testing.T) cache.Cache { return openTest(t, patient(Config{Addrs: []string{servers.Redis(t)}})) })
}

func TestServerContract(t *testing.T) {
	server := single(t)
	nodes := []*goredis.Client{direct(t, server.Address)}
	cachetest.RunServer(t, func(t *testing.T) cache.Server {
		return tested{openTest(t, patient(Config{Addrs: []string{server.Address}})), nodes, server.Restart}
	})
}

// startCluster starts a cluster, of which Replace restarts one node.
func startCluster(t testing.TB) (addrs []string, nodes []*goredis.Client, replace func() error) {
	t.Helper()
	cluster := own(t, func() ([]*servers.Server, error) { return servers.StartRedisCluster() })
	for _, node := range cluster {
		t.Cleanup(func() {
			if err := node.Stop(); err != nil {
				t.Error(err)
			}
		})
		addrs = append(addrs, node.Address)
		nodes = append(nodes, direct(t, node.Address))
	}
	return addrs, nodes, func() error {
		if err := cluster[1].Restart(); err != nil {
			return err
		}
		return servers.AwaitRedisCluster(cluster)
	}
}

func TestClusterContract(t *testing.T) {
	addrs, nodes, replace := startCluster(t)
	t.Run("Cache", func(t *testing.T) {
		cachetest.Run(t, func(t *testing.T) cache.Cache {
			return openTest(t, patient(Config{Addrs: addrs[:1], Cluster: true}))
		})
	})
	t.Run("Server", func(t *testing.T) {
		cachetest.RunServer(t, func(t *testing.T) cache.Server {
			return tested{openTest(t, patient(Config{Addrs: addrs[:1], Cluster: true})), nodes, replace}
		})
	})
}

// TestScratch proves what portolan contract uses: a place that is empty, and leaves
// nothing.
func TestScratch(t *testing.T) {
	server := single(t)
	of := openTest(t, patient(Config{Addrs: []string{server.Address}}))
	if err := of.Set(t.Context(), "key", []byte("value"), time.Hour); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		made, err := of.Scratch(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, found, err := made.Get(t.Context(), "key"); found || err != nil {
			t.Errorf("a new place has a key: %t, %v", found, err)
		}
		for _, key := range []string{"key", "*", "\x00"} {
			if err := made.Set(t.Context(), key, []byte("value"), time.Hour); err != nil {
				t.Error(err)
			}
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
