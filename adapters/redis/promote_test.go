package redis

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/ports/cache"
	"github.com/portolan-io/portolan/ports/cache/cachetest"
	"github.com/portolan-io/portolan/test/servers"
)

// await waits until something is so.
func await(t testing.TB, what string, is func() bool) {
	t.Helper()
	if err := awaited(what, is); err != nil {
		t.Fatal(err)
	}
}

func awaited(what string, is func() bool) error {
	for end := time.Now().Add(60 * time.Second); !is(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			return errors.New(what + ": not after a minute")
		}
	}
	return nil
}

// pair starts a primary and its replica.
func pair(t testing.TB) (primary, replica *servers.Server) {
	t.Helper()
	primary = single(t)
	replica = own(t, func() (*servers.Server, error) { return servers.StartRedisReplica(primary) })
	t.Cleanup(func() { _ = replica.Stop() })
	return primary, replica
}

const master = "shop"

// watched starts a primary with a replica and a sentinel, of which Replace has the
// replica promoted.
func watched(t testing.TB) (sentinel string, current *goredis.Client, replace func() error) {
	t.Helper()
	primary, _ := pair(t)
	watcher := own(t, func() (*servers.Server, error) { return servers.StartRedisSentinel(master, primary) })
	t.Cleanup(func() { _ = watcher.Stop() })
	asked := goredis.NewSentinelClient(&goredis.Options{Addr: watcher.Address, DisableIdentity: true})
	t.Cleanup(func() { _ = asked.Close() })
	background := context.Background()
	await(t, "the sentinel knows the replica", func() bool {
		replicas, err := asked.Replicas(background, master).Result()
		return err == nil && len(replicas) == 1
	})
	current = goredis.NewFailoverClient(&goredis.FailoverOptions{MasterName: master, SentinelAddrs: []string{watcher.Address}, DisableIdentity: true})
	t.Cleanup(func() { _ = current.Close() })
	return watcher.Address, current, func() error {
		before, err := asked.GetMasterAddrByName(background, master).Result()
		if err != nil {
			return err
		}
		if err := asked.Failover(background, master).Err(); err != nil {
			return err
		}
		return awaited("another primary", func() bool {
			now, err := asked.GetMasterAddrByName(background, master).Result()
			if err != nil || strings.Join(now, ":") == strings.Join(before, ":") {
				return false
			}
			state, err := asked.Master(background, master).Result()
			return err == nil && state["flags"] == "master"
		})
	}
}

// TestSentinelContract runs the suites over whatever a sentinel says is the primary.
func TestSentinelContract(t *testing.T) {
	sentinel, current, replace := watched(t)
	cfg := Config{Sentinel: &Sentinel{Master: master, Addrs: []string{sentinel}}}
	t.Run("Cache", func(t *testing.T) {
		cachetest.Run(t, func(t *testing.T) cache.Cache { return openTest(t, patient(cfg)) })
	})
	t.Run("Server", func(t *testing.T) {
		cachetest.RunServer(t, func(t *testing.T) cache.Server {
			return tested{openTest(t, patient(cfg)), []*goredis.Client{current}, replace}
		})
	})
}

// bound returns a session in which the epoch is known of the goods, and a tag is
// fenced.
func bound(t testing.TB, c *Cache) (s cache.Session, identity string) {
	t.Helper()
	identity, err := c.Identity(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s = c.Bind(identity, "epoch")
	t.Cleanup(func() { _ = s.Close() })
	if err := errors.Join(s.Announce(t.Context(), []string{"goods"}, time.Hour), s.Fence(t.Context(), "goods", []string{"tag"}, "f")); err != nil {
		t.Fatal(err)
	}
	return s, identity
}

func read(t testing.TB, s cache.Session) error {
	_, err := s.Read(t.Context(), "goods", []string{"tag"}, "name")
	return err
}

func wantCode(t testing.TB, what string, err error, kind fault.Kind, code string) {
	t.Helper()
	if f := fault.Of(err); f == nil || f.Kind != kind || f.Code != code {
		t.Errorf("%s = %v, want a %s with the code %s", what, err, kind, code)
	}
}

// TestPromoted has a replica, whose data are those of the primary, promoted in its
// place: it is another server, and nobody bound to the primary talks to it.
func TestPromoted(t *testing.T) {
	primary, replica := pair(t)
	atPrimary, atReplica := patient(Config{Addrs: []string{primary.Address}}), patient(Config{Addrs: []string{replica.Address}})
	atReplica.Prefix = atPrimary.Prefix
	old, identity := bound(t, openTest(t, atPrimary))
	other := openTest(t, atReplica)
	_, err := other.Identity(t.Context())
	wantCode(t, "Identity of a replica", err, fault.Refused, "replica")
	wantCode(t, "Read from a replica", read(t, other.Bind(identity, "epoch")), fault.Conflict, cache.OtherServer)

	promoted := direct(t, replica.Address)
	await(t, "the replica has what the primary has", func() bool {
		n, err := promoted.DBSize(t.Context()).Result()
		return err == nil && n >= 2
	})
	do(t, promoted, "REPLICAOF", "NO", "ONE")
	now, err := other.Identity(t.Context())
	if err != nil || now == identity {
		t.Errorf("Identity of the promoted = %q, %v; want another than that of the primary, %q", now, err, identity)
	}
	stranger := other.Bind(identity, "epoch")
	wantCode(t, "Read from the promoted", read(t, stranger), fault.Conflict, cache.OtherServer)
	wantCode(t, "Fence at the promoted", stranger.Fence(t.Context(), "goods", []string{"tag"}, "g"), fault.Conflict, cache.OtherServer)
	if err := read(t, old); err != nil {
		t.Errorf("Read from the primary, which is still one = %v", err)
	}
}

// TestDemoted has somebody make the primary a replica, whose connections stay: the
// next Renew finds that, and so does the next write. What it was told since is not to
// be had again when it is made a primary again.
func TestDemoted(t *testing.T) {
	for name, find := range map[string]func(cache.Session) error{
		"Renew": func(s cache.Session) error { return s.Renew(t.Context(), []string{"goods"}, time.Hour) },
		"Fence": func(s cache.Session) error { return s.Fence(t.Context(), "goods", []string{"tag"}, "g") },
		"Lift":  func(s cache.Session) error { return s.Lift(t.Context(), "goods", []string{"tag"}, []string{"f"}) },
		"Fill":  func(s cache.Session) error { return s.Fill(t.Context(), "goods", "name", nil, time.Hour) },
		"Lease": func(s cache.Session) error {
			_, _, err := s.Lease(t.Context(), "goods", []string{"free"}, "name", "token", time.Hour)
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			demoted, promoted := pair(t)
			c := openTest(t, patient(Config{Addrs: []string{demoted.Address}}))
			session, identity := bound(t, c)
			do(t, direct(t, promoted.Address), "REPLICAOF", "NO", "ONE")
			hand, at := direct(t, demoted.Address), strings.Split(promoted.Address, ":")
			do(t, hand, "REPLICAOF", at[0], at[1])
			wantCode(t, name, find(session), fault.Conflict, cache.OtherServer)
			wantCode(t, "Read afterwards", read(t, session), fault.Conflict, cache.OtherServer)
			do(t, hand, "REPLICAOF", "NO", "ONE")
			wantCode(t, "Read of a primary that was none meanwhile", read(t, session), fault.Conflict, cache.OtherServer)
			wantCode(t, "Read by another session", read(t, c.Bind(identity, "epoch")), fault.Conflict, cache.OtherServer)
		})
	}
}

// TestOlderSelf has a server come back as it was before a write, from what it had
// saved: it is another one, and nobody finds there what was kept before the write.
func TestOlderSelf(t *testing.T) {
	server := single(t)
	cfg := patient(Config{Addrs: []string{server.Address}})
	c := openTest(t, cfg)
	session, identity := bound(t, c)
	hand := direct(t, server.Address)
	do(t, hand, "SAVE")
	had := hand.DBSize(t.Context()).Val()
	if err := session.Fence(t.Context(), "goods", []string{"tag"}, "of a write"); err != nil {
		t.Fatal(err)
	}
	if err := server.Restart(); err != nil {
		t.Fatal(err)
	}
	if has := hand.DBSize(t.Context()).Val(); has != had || had == 0 {
		t.Fatalf("it came back with %d keys, and had %d", has, had)
	}
	if now, err := c.Identity(t.Context()); err != nil || now == identity {
		t.Errorf("Identity = %q, %v, as before", now, err)
	}
	wantCode(t, "Read", read(t, session), fault.Conflict, cache.OtherServer)
	wantCode(t, "Read by another session", read(t, openTest(t, cfg).Bind(identity, "epoch")), fault.Conflict, cache.OtherServer)
}
