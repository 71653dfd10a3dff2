package servers

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	goredis "github.com/redis/go-redis/v9"
)

// clusterBus is by how much the port by which nodes of a cluster talk is higher.
const clusterBus = 10_000

// StartRedisCluster starts three nodes that keep everything in memory and share all
// slots, without replicas. The caller stops each.
func StartRedisCluster(settings ...string) ([]*Server, error) {
	nodes, err := startRedisNodes(settings)
	if err == nil {
		err = joinRedisNodes(nodes)
	}
	if err != nil {
		for _, node := range nodes {
			err = errors.Join(err, node.Stop())
		}
		return nil, err
	}
	return nodes, nil
}

func startRedisNodes(settings []string) (nodes []*Server, err error) {
	for range 3 {
		port, err := clusterPort()
		if err != nil {
			return nodes, err
		}
		node, err := startRedis(port, append([]string{"--cluster-enabled", "yes", "--cluster-node-timeout", "2000"}, settings...))
		if err != nil {
			return nodes, err
		}
		nodes = append(nodes, node)
	}
	return nodes, nil
}

// joinRedisNodes has the nodes meet, and gives each its part of the slots.
func joinRedisNodes(nodes []*Server) error {
	host, port, err := net.SplitHostPort(nodes[0].Address)
	if err != nil {
		return err
	}
	const slots = 16384
	for i, node := range nodes {
		err := tellRedis(node.Address,
			[]any{"CLUSTER", "SET-CONFIG-EPOCH", i + 1},
			[]any{"CLUSTER", "ADDSLOTSRANGE", i * slots / 3, (i+1)*slots/3 - 1},
			[]any{"CLUSTER", "MEET", host, port})
		if err != nil {
			return err
		}
	}
	return AwaitRedisCluster(nodes)
}

// clusterPort returns a free port whose bus port is one too.
func clusterPort() (int, error) {
	return freePort(context.Background(), func(port int) []int { return []int{port, port + clusterBus} })
}

// AwaitRedisCluster waits until all nodes know one another and serve all slots.
func AwaitRedisCluster(nodes []*Server) error {
	deadline := time.Now().Add(60 * time.Second)
	for _, node := range nodes {
		for {
			said, err := askRedis(node.Address, "CLUSTER", "INFO")
			if err == nil && strings.Contains(said, "cluster_state:ok") &&
				strings.Contains(said, fmt.Sprintf("cluster_known_nodes:%d", len(nodes))) && strings.Contains(said, "cluster_slots_ok:16384") {
				break
			}
			if time.Now().After(deadline) {
				return fmt.Errorf("the cluster of %s is not complete: %s: %w", node.Address, said, err)
			}
			time.Sleep(50 * time.Millisecond)
		}
	}
	return nil
}

// tellRedis sends commands to a server, which must take them.
func tellRedis(at string, commands ...[]any) error {
	for _, command := range commands {
		if _, err := askRedis(at, command...); err != nil {
			return fmt.Errorf("%s: %v: %w", at, command, err)
		}
	}
	return nil
}

// askRedis sends a command to a server.
func askRedis(at string, command ...any) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	client := goredis.NewClient(&goredis.Options{Addr: at, DisableIdentity: true})
	defer func() { _ = client.Close() }() // what was asked was answered
	return client.Do(ctx, command...).Text()
}

// StartRedisReplica starts a replica of the server, and waits until it has what the
// server has.
func StartRedisReplica(of *Server, settings ...string) (*Server, error) {
	host, port, err := net.SplitHostPort(of.Address)
	if err != nil {
		return nil, err
	}
	replica, err := StartRedis(append([]string{"--replicaof", host, port}, settings...)...)
	if err != nil {
		return nil, err
	}
	for deadline := time.Now().Add(60 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		said, err := askRedis(replica.Address, "INFO", "replication")
		if err == nil && strings.Contains(said, "master_link_status:up") {
			return replica, nil
		}
		if time.Now().After(deadline) {
			return nil, errors.Join(fmt.Errorf("the replica does not follow: %s: %w", said, err), replica.Stop())
		}
	}
}

// StartRedisSentinel starts a sentinel that watches the primary under the name, and
// decides alone.
func StartRedisSentinel(name string, primary *Server) (*Server, error) {
	program, err := exec.LookPath("redis-server")
	if err != nil {
		return nil, ErrAbsent
	}
	host, port, err := net.SplitHostPort(primary.Address)
	if err != nil {
		return nil, err
	}
	return startForgetful("Sentinel", func(own, dir string) *exec.Cmd {
		file := filepath.Join(dir, "sentinel.conf") // which it writes, too
		settings := fmt.Sprintf("bind 127.0.0.1\nport %s\ndir %s\nsentinel monitor %s %s %s 1\n"+
			"sentinel down-after-milliseconds %s 2000\nsentinel failover-timeout %s 5000\n", own, dir, name, host, port, name, name)
		if err := os.WriteFile(file, []byte(settings), 0o600); err != nil {
			file = os.DevNull // which it refuses, and says so
		}
		run := exec.CommandContext(context.Background(), program, file, "--sentinel")
		run.Env = []string{"PATH=/usr/bin:/bin", "LC_ALL=C.UTF-8", "HOME=" + dir}
		return run
	}, func(at string) error { return errors.Join(listens(at), pongs(at)) })
}
