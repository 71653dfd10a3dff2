package redis

import (
	"context"
	"net"
	"slices"
	"strings"
	"testing"

	goredis "github.com/redis/go-redis/v9"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/ports/cache"
)

// owners returns the node that serves the slot, and another one.
func owners(t *testing.T, nodes []*goredis.Client, slot int64) (from, to *goredis.Client) {
	t.Helper()
	ranges, err := nodes[0].ClusterSlots(t.Context()).Result() //nolint:staticcheck // ClusterShards is of Redis 7
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range ranges {
		for _, node := range nodes {
			switch owns := int64(r.Start) <= slot && slot <= int64(r.End); {
			case owns && r.Nodes[0].Addr == node.Options().Addr:
				from = node
			case !owns && r.Nodes[0].Addr == node.Options().Addr:
				to = node
			}
		}
	}
	if from == nil || to == nil {
		t.Fatalf("nobody serves the slot %d: %v", slot, ranges)
	}
	return from, to
}

// TestSlotMoves has the cluster move a collection from one node to another, key by key:
// every call is served or told so, and neither a fence nor the epoch is lost. The
// primaries are the same, so the server is.
func TestSlotMoves(t *testing.T) {
	addrs, nodes, _ := startCluster(t)
	c := openTest(t, patient(Config{Addrs: addrs, Cluster: true}))
	session, identity := bound(t, c)
	base := newNamer(c.cfg.Prefix, "epoch").base("goods")
	slot, err := nodes[0].ClusterKeySlot(t.Context(), base).Result()
	if err != nil {
		t.Fatal(err)
	}
	from, to := owners(t, nodes, slot)
	fromID, toID := from.Do(t.Context(), "CLUSTER", "MYID").Val(), to.Do(t.Context(), "CLUSTER", "MYID").Val()
	try := func(when string) {
		t.Helper()
		for what, call := range calls(c, session) {
			if err := call(t.Context()); err != nil && fault.Of(err).Code != "moved" {
				t.Errorf("%s: %s = %v", when, what, err)
			}
		}
	}
	try("before")
	do(t, to, "CLUSTER", "SETSLOT", slot, "IMPORTING", fromID)
	do(t, from, "CLUSTER", "SETSLOT", slot, "MIGRATING", toID)
	host, port, _ := net.SplitHostPort(to.Options().Addr)
	for moved := 0; ; moved++ {
		keys, err := from.ClusterGetKeysInSlot(t.Context(), int(slot), 1).Result()
		if err != nil {
			t.Fatal(err)
		}
		if len(keys) == 0 {
			break
		}
		do(t, from, "MIGRATE", host, port, keys[0], 0, 5000)
		try("while keys move")
	}
	for _, node := range []*goredis.Client{to, from} {
		do(t, node, "CLUSTER", "SETSLOT", slot, "NODE", toID)
	}
	await(t, "the collection is served", func() bool { return read(t, session) == nil })
	try("afterwards")
	marks, err := session.Read(t.Context(), "goods", []string{"tag"}, "")
	if err != nil || !slices.Contains(cache.Fences(marks.Tags[0]), "f") {
		t.Errorf("afterwards the fences are %q, %v", marks.Tags, err)
	}
	if now, err := c.Identity(t.Context()); now != identity || err != nil {
		t.Errorf("Identity = %q, %v, want %q as before", now, err, identity)
	}
}

// TestUnserved has slots that no node serves: nobody is told that the epoch is lost.
func TestUnserved(t *testing.T) {
	addrs, nodes, _ := startCluster(t)
	c := openTest(t, patient(Config{Addrs: addrs, Cluster: true}))
	session, _ := bound(t, c)
	slot, err := nodes[0].ClusterKeySlot(t.Context(), newNamer(c.cfg.Prefix, "").base("goods")).Result()
	if err != nil {
		t.Fatal(err)
	}
	for _, node := range nodes {
		do(t, node, "CLUSTER", "DELSLOTS", slot)
	}
	await(t, "the cluster is down", func() bool {
		for _, node := range nodes {
			if state, err := node.ClusterInfo(context.Background()).Result(); err != nil || !strings.Contains(state, "cluster_state:fail") {
				return false
			}
		}
		return true
	})
	for what, call := range calls(c, session) {
		if err := call(t.Context()); what != "Ping" && fault.KindOf(err) != fault.Unavailable {
			t.Errorf("%s = %v, want a %s", what, err, fault.Unavailable)
		}
	}
}
