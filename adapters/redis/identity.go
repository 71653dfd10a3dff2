package redis

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"sync"

	goredis "github.com/redis/go-redis/v9"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/ports/cache"
)

// A node is what a server says of itself.
type node struct {
	run     string // of this run of the process
	history string // of the data: another one is begun by a promotion
	role    string
	mode    string // standalone or cluster
	memory  string // how much it may use at most, "0" is what there is
	policy  string // what it forgets when that is used
	state   string // of the cluster
}

// name returns what names the process and its data, or "" if the node does not tell,
// or is no primary.
func (n node) name() string {
	if n.run == "" || n.history == "" || n.role != "master" {
		return ""
	}
	sum := sha256.Sum256([]byte(n.run + "/" + n.history))
	return hex.EncodeToString(sum[:8])
}

// A pipeliner sends commands over one connection.
type pipeliner interface {
	Pipelined(ctx context.Context, fn func(goredis.Pipeliner) error) ([]goredis.Cmder, error)
}

// ask returns what is at the other end of a connection; further are what is asked over
// the very same.
func ask(ctx context.Context, over pipeliner, sections []string, further func(goredis.Pipeliner)) (node, error) {
	said := make([]*goredis.Cmd, len(sections))
	_, err := over.Pipelined(ctx, func(p goredis.Pipeliner) error {
		for i, section := range sections {
			said[i] = p.Do(ctx, "INFO", section)
		}
		if further != nil {
			further(p)
		}
		return nil
	})
	if err != nil {
		return node{}, err
	}
	var n node
	for _, section := range said {
		text, _ := section.Text()
		n.read(text)
	}
	return n, nil
}

// vital are the sections of INFO that name a node.
var vital = []string{"server", "replication"}

// read takes what a section of INFO, or CLUSTER INFO, says.
func (n *node) read(section string) {
	for line := range strings.Lines(section) {
		field, value, _ := strings.Cut(strings.TrimRight(line, "\r\n"), ":")
		switch field {
		case "run_id":
			n.run = value
		case "master_replid":
			n.history = value
		case "role":
			n.role = value
		case "redis_mode", "server_mode": // of Redis, of Valkey
			n.mode = value
		case "maxmemory":
			n.memory = value
		case "maxmemory_policy":
			n.policy = value
		case "cluster_state":
			n.state = value
		}
	}
}

// errOther says that a connection reaches another server than it should. It wraps
// nothing, because go-redis returns what an error wraps in its place.
var errOther = errors.New("this is another server, or a replica")

// expecting returns what refuses connections to any but the named servers, and to
// sentinels, which go-redis asks where the primary is and which keep no data.
func expecting(names []string) verifier {
	return func(ctx context.Context, conn *goredis.Conn) error {
		n, err := ask(ctx, conn, vital, nil)
		if err != nil {
			return err
		}
		if n.mode == "sentinel" {
			return nil
		}
		if name := n.name(); name == "" || !slices.Contains(names, name) {
			return errOther
		}
		return nil
	}
}

// Identity implements cache.Server: what names the run and the data of the primary, or
// of all primaries of a cluster. It is fault.Refused if the server does not tell them,
// or if it may push fences out of its memory.
func (c *Cache) Identity(ctx context.Context) (string, error) {
	const op = "redis.Identity"
	if err := c.open(ctx, op); err != nil {
		return "", err
	}
	nodes, err := c.nodes(ctx)
	if err != nil {
		return "", c.failed(ctx, op, err)
	}
	for _, n := range nodes {
		if err := c.refuses(op, n); err != nil {
			return "", err
		}
	}
	id := identityOf(nodes)
	if id == "" || len(id) > cache.MaxIdentity {
		return "", fault.New(fault.Refused, op, "a cluster of %d primaries cannot be shared", len(nodes)).
			Coded("too-many-nodes").Hinting("it may have 1 to %d", (cache.MaxIdentity+1)/(2*8+1))
	}
	return id, nil
}

// identityOf returns what names all the nodes, in whatever order they come.
func identityOf(nodes []node) string {
	names := make([]string, len(nodes))
	for i, n := range nodes {
		names[i] = n.name()
	}
	slices.Sort(names)
	return strings.Join(names, ",")
}

// nodes asks the primary, or every one of a cluster.
func (c *Cache) nodes(ctx context.Context) ([]node, error) {
	sections := append(slices.Clone(vital), "memory")
	cluster, ok := c.base.(*goredis.ClusterClient)
	if !ok {
		n, err := ask(ctx, c.base, sections, nil)
		return []node{n}, err
	}
	var mu sync.Mutex
	var nodes []node
	err := cluster.ForEachMaster(ctx, func(ctx context.Context, one *goredis.Client) error {
		var state *goredis.StringCmd
		n, err := ask(ctx, one, sections, func(p goredis.Pipeliner) { state = p.ClusterInfo(ctx) })
		if err != nil {
			return err
		}
		n.read(state.Val())
		mu.Lock()
		defer mu.Unlock()
		nodes = append(nodes, n)
		return nil
	})
	return nodes, err
}

// refuses returns why instances cannot share a server that has the node.
func (c *Cache) refuses(op string, n node) error {
	refused := func(code, detail, hint string) error {
		return fault.New(fault.Refused, op, "%s", detail).Coded(code).Hinting("%s", hint)
	}
	switch {
	case n.run == "" || n.history == "" || n.role == "":
		return refused("no-identity", "the cache does not tell which server it is", "connect to Redis itself, not to a proxy before it: INFO must have run_id, role and master_replid")
	case n.role != "master":
		return refused("replica", "the cache is a replica", "name the primary, or let sentinel find it")
	case n.mode == "cluster" && !c.cfg.Cluster:
		return refused("cluster", "the cache is a node of a cluster", "write cluster: true")
	case n.mode != "cluster" && c.cfg.Cluster:
		return refused("no-cluster", "the cache is no cluster", "leave cluster out")
	case c.cfg.Cluster && n.state != "ok":
		return fault.New(fault.Unavailable, op, "the cluster does not serve all keys").Coded("cluster-down").Hinting(later)
	case n.memory == "" || n.policy == "":
		return refused("no-policy", "the cache does not tell what it forgets when it is full", "connect to Redis itself, not to a proxy before it: INFO must have maxmemory and maxmemory_policy")
	case n.memory != "0" && strings.HasPrefix(n.policy, "allkeys-"):
		return refused("evicts", "the cache may forget any key when it is full, so that writes would not be seen", "set its maxmemory-policy to volatile-lru or noeviction")
	}
	return nil
}
