package redis

import (
	"net"
	"strings"
	"time"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/ports/secrets"
)

// Config says where the server is and how it is used.
type Config struct {
	// URL names the server, as redis://user:password@host:6379/0, rediss:// for TLS,
	// or unix:///run/redis.sock. User and password are asked for again for each new
	// connection. It, addrs or sentinel is required.
	URL secrets.Value `yaml:"url"`

	// Addrs are one server as host:port, or some nodes of a cluster, which name the
	// others.
	Addrs []string `yaml:"addrs"`

	// Username is that of an ACL user, if it is not in url; empty is the default user.
	Username string `yaml:"username"`

	// Password is that of the user, if it is not in url. It is asked for again for each
	// new connection, and connections live for four minutes, so that it may rotate, or be
	// a token that ends.
	Password secrets.Value `yaml:"password"`

	// DB is the number of the database, if it is not in url; 0 means that of url, or 0,
	// which is all that a cluster has.
	DB int `yaml:"db"`

	// TLS says whether connections are encrypted; rediss:// says so too.
	TLS bool `yaml:"tls"`

	// CAFile names a file with the certificates, in PEM, of those who may sign the
	// server's; empty is those of the system. It is read when the program starts.
	CAFile string `yaml:"ca_file"`

	// ServerName is whom the server's certificate must name; empty is the host that is
	// connected to. A cluster whose nodes go by numbers needs it.
	ServerName string `yaml:"server_name"`

	// Cluster says that the server is a Redis Cluster.
	Cluster bool `yaml:"cluster"`

	// Sentinel says who knows which server is the primary.
	Sentinel *Sentinel `yaml:"sentinel"`

	// Prefix is what all keys begin with, so that others may use the same server; empty
	// is portolan, of a limiter portolan-limit. It has none of {}*?[]\.
	Prefix string `yaml:"prefix"`

	// MaxConns is how many connections there are to each node at most; 0 means 32.
	// Calls of one epoch and all others count apart.
	MaxConns int `yaml:"max_conns"`

	// AcquireTimeout is how long a call waits for a connection while all are at work;
	// 0 means 500ms.
	AcquireTimeout time.Duration `yaml:"acquire_timeout"`

	// DialTimeout is how long making a connection takes at most; 0 means 1s.
	DialTimeout time.Duration `yaml:"dial_timeout"`

	// Timeout is how long sending a command takes at most, and so its answer; 0 means
	// 500ms.
	Timeout time.Duration `yaml:"timeout"`

	connAge time.Duration // of tests: instead of connAge
}

// connAge is how old a connection becomes. A token that a library for a cloud gives out
// is good for five minutes at least, so none ends before the connection that was made
// with it.
const connAge = 4 * time.Minute

// A Sentinel says who knows which server is the primary.
type Sentinel struct {
	// Master is the name of the primary, as the sentinels have it. Required.
	Master string `yaml:"master"`

	// Addrs are the sentinels, each as host:port. Required.
	Addrs []string `yaml:"addrs"`

	// Username is that of the sentinels; empty is the default user.
	Username string `yaml:"username"`

	// Password is that of the sentinels; it is asked for once.
	Password secrets.Value `yaml:"password"`
}

// complete puts in what is usual, and returns what cannot be right.
func (cfg *Config) complete() error {
	if cfg.Prefix == "" {
		cfg.Prefix = "portolan"
	}
	if cfg.MaxConns == 0 {
		cfg.MaxConns = 32
	}
	if cfg.connAge == 0 {
		cfg.connAge = connAge
	}
	for _, wait := range []struct {
		key   string
		is    *time.Duration
		usual time.Duration
	}{
		{"acquire_timeout", &cfg.AcquireTimeout, 500 * time.Millisecond},
		{"dial_timeout", &cfg.DialTimeout, time.Second},
		{"timeout", &cfg.Timeout, 500 * time.Millisecond},
	} {
		if *wait.is == 0 {
			*wait.is = wait.usual
		}
		if *wait.is < time.Millisecond {
			return invalid("%s must be a millisecond at least", wait.key)
		}
	}
	switch {
	case cfg.MaxConns < 0:
		return invalid("max_conns is the number of connections, and cannot be negative")
	case len(cfg.Prefix) > maxPrefix:
		return invalid("prefix has %d octets, but may have %d", len(cfg.Prefix), maxPrefix)
	case strings.ContainsAny(cfg.Prefix, `{}*?[]\`):
		return invalid("prefix has one of the signs {}*?[]\\, which mean something in keys; leave them out")
	case cfg.DB < 0:
		return invalid("db is the number of a database, and cannot be negative")
	case cfg.Cluster && cfg.DB != 0:
		return invalid("db is %d, but a cluster has only 0", cfg.DB)
	}
	return cfg.checkWhere()
}

// maxPrefix is the most octets of a prefix.
const maxPrefix = 100

// checkWhere sees that the configuration says in one way where the server is.
func (cfg *Config) checkWhere() error {
	switch {
	case cfg.Sentinel != nil && (cfg.URL != nil || len(cfg.Addrs) > 0):
		return invalid("sentinel says where the server is, so that url and addrs cannot")
	case cfg.Sentinel != nil && cfg.Cluster:
		return invalid("cluster and sentinel exclude each other: a cluster promotes its replicas itself")
	case cfg.Sentinel != nil && (cfg.Sentinel.Master == "" || len(cfg.Sentinel.Addrs) == 0):
		return invalid("sentinel needs master, the name of the primary, and addrs, the sentinels as host:port")
	case cfg.URL != nil && len(cfg.Addrs) > 0:
		return invalid("url and addrs both say where the server is; leave one out")
	case cfg.Sentinel == nil && cfg.URL == nil && len(cfg.Addrs) == 0:
		return invalid("url, addrs or sentinel must say where the server is, as in redis://cache.example.com:6379")
	case len(cfg.Addrs) > 1 && !cfg.Cluster:
		return invalid("addrs has %d servers, but only those of a cluster are one; write cluster: true, or name one", len(cfg.Addrs))
	}
	addrs := cfg.Addrs
	if cfg.Sentinel != nil {
		addrs = cfg.Sentinel.Addrs
	}
	for _, addr := range addrs {
		if host, port, err := net.SplitHostPort(addr); err != nil || host == "" || port == "" {
			return invalid("%q in addrs is no host:port, such as cache.example.com:6379", addr)
		}
	}
	return nil
}

func invalid(format string, args ...any) *fault.Error {
	return fault.New(fault.Invalid, "redis.Open", format, args...)
}
