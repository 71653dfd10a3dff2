package redis

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net/url"
	"os"

	goredis "github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"github.com/portolan-io/portolan/core/fault"
)

// A verifier looks at a new connection before it is used, and refuses it by an error.
type verifier func(ctx context.Context, conn *goredis.Conn) error

// redirects is how often a call to a cluster is sent again, to where the cluster says
// that a key is now, or because a connection broke. Every call may be repeated: Fence,
// Lift, Announce and Renew do the same a second time, a Fill is bound to the tokens in
// it, and a Lease whose answer was lost has nobody fill for a while.
const redirects = 2

// A link is how the server is reached: the configuration with what was found in a URL
// and in files when the program started.
type link struct {
	cfg              *Config
	options          goredis.Options
	sentinelPassword string
}

// link reads what the configuration refers to.
func (cfg *Config) link(ctx context.Context) (*link, error) {
	l := &link{cfg: cfg, options: goredis.Options{
		Network: "tcp", Protocol: 2, DB: cfg.DB, CredentialsProviderContext: cfg.credentials,
		MaxRetries: -1, DialerRetries: 1, DialTimeout: cfg.DialTimeout,
		ReadTimeout: cfg.Timeout, WriteTimeout: cfg.Timeout, ContextTimeoutEnabled: true,
		PoolSize: cfg.MaxConns, MaxActiveConns: cfg.MaxConns, PoolTimeout: cfg.AcquireTimeout, PipelinePoolSize: -1,
		ConnMaxLifetime: cfg.connAge, ConnMaxLifetimeJitter: cfg.connAge / 10, DisableIdentity: true,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	}}
	encrypted := cfg.TLS
	switch {
	case cfg.URL != nil:
		named, err := cfg.parsed(ctx)
		if err != nil {
			return nil, err
		}
		l.options.Network, l.options.Addr = named.Network, named.Addr
		encrypted = encrypted || named.TLSConfig != nil
		if l.options.DB == 0 {
			l.options.DB = named.DB
		}
		if cfg.Cluster && l.options.DB != 0 {
			return nil, invalid("url names the database %d, but a cluster has only 0", l.options.DB)
		}
	case cfg.Sentinel != nil && cfg.Sentinel.Password != nil:
		var err error
		if l.sentinelPassword, err = cfg.Sentinel.Password(ctx); err != nil {
			return nil, noPassword("redis.Open", err)
		}
	case len(cfg.Addrs) > 0:
		l.options.Addr = cfg.Addrs[0]
	}
	var err error
	l.options.TLSConfig, err = cfg.secure(encrypted)
	return l, err
}

// client returns connections to the server, none of which is made yet. It reads from
// replicas never, and sends nothing twice by itself but to a cluster. Without a
// verifier it takes any server. With one it asks others, to whom any node of a cluster
// will do, where the slots are.
func (l *link) client(verify verifier, others goredis.UniversalClient) goredis.UniversalClient {
	options := l.options
	options.OnConnect = verify
	switch {
	case l.cfg.Cluster && others != nil:
		cluster := l.cluster(options)
		cluster.ClusterSlots = func(ctx context.Context) ([]goredis.ClusterSlot, error) {
			return others.ClusterSlots(ctx).Result()
		}
		return goredis.NewClusterClient(cluster)
	case l.cfg.Cluster:
		return goredis.NewClusterClient(l.cluster(options))
	case l.cfg.Sentinel != nil:
		return l.sentinel(options)
	}
	return goredis.NewClient(&options)
}

// secure returns how connections are encrypted, or nil.
func (cfg *Config) secure(encrypted bool) (*tls.Config, error) {
	if !encrypted {
		if cfg.CAFile != "" || cfg.ServerName != "" {
			return nil, invalid("ca_file and server_name are for encrypted connections; write tls: true")
		}
		return nil, nil
	}
	secure := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: cfg.ServerName}
	if cfg.CAFile != "" {
		pem, err := os.ReadFile(cfg.CAFile)
		if err != nil {
			return nil, invalid("ca_file cannot be read").Because(err)
		}
		secure.RootCAs = x509.NewCertPool()
		if !secure.RootCAs.AppendCertsFromPEM(pem) {
			return nil, invalid("ca_file holds no certificate in PEM")
		}
	}
	return secure, nil
}

func (l *link) cluster(o goredis.Options) *goredis.ClusterOptions {
	addrs := l.cfg.Addrs
	if len(addrs) == 0 {
		addrs = []string{o.Addr}
	}
	return &goredis.ClusterOptions{
		Addrs: addrs, Protocol: o.Protocol, OnConnect: o.OnConnect, CredentialsProviderContext: o.CredentialsProviderContext,
		MaxRedirects: redirects, MaxRetries: -1, DialerRetries: o.DialerRetries, DialTimeout: o.DialTimeout,
		ReadTimeout: o.ReadTimeout, WriteTimeout: o.WriteTimeout, ContextTimeoutEnabled: true,
		PoolSize: o.PoolSize, MaxActiveConns: o.MaxActiveConns, PoolTimeout: o.PoolTimeout, PipelinePoolSize: o.PipelinePoolSize,
		ConnMaxLifetime: o.ConnMaxLifetime, ConnMaxLifetimeJitter: o.ConnMaxLifetimeJitter, DisableIdentity: true, TLSConfig: o.TLSConfig,
		MaintNotificationsConfig: o.MaintNotificationsConfig,
		DisableRoutingPolicies:   true, // every call is of one slot
	}
}

func (l *link) sentinel(o goredis.Options) *goredis.Client {
	return goredis.NewFailoverClient(&goredis.FailoverOptions{
		MasterName: l.cfg.Sentinel.Master, SentinelAddrs: l.cfg.Sentinel.Addrs,
		SentinelUsername: l.cfg.Sentinel.Username, SentinelPassword: l.sentinelPassword,
		Protocol: o.Protocol, DB: o.DB, OnConnect: o.OnConnect, CredentialsProviderContext: o.CredentialsProviderContext,
		MaxRetries: o.MaxRetries, DialerRetries: o.DialerRetries, DialTimeout: o.DialTimeout,
		ReadTimeout: o.ReadTimeout, WriteTimeout: o.WriteTimeout, ContextTimeoutEnabled: true,
		PoolSize: o.PoolSize, MaxActiveConns: o.MaxActiveConns, PoolTimeout: o.PoolTimeout, PipelinePoolSize: o.PipelinePoolSize,
		ConnMaxLifetime: o.ConnMaxLifetime, ConnMaxLifetimeJitter: o.ConnMaxLifetimeJitter, DisableIdentity: true, TLSConfig: o.TLSConfig,
	})
}

// parsed returns what the URL says. No error has a part of it, for it may hold a
// password.
func (cfg *Config) parsed(ctx context.Context) (*goredis.Options, error) {
	text, err := cfg.URL(ctx)
	if err != nil {
		return nil, noPassword("redis.Open", err)
	}
	named, err := goredis.ParseURL(text)
	if err != nil || named.Addr == "" {
		return nil, invalid("url cannot be read").Coded("bad-url").
			Hinting("write redis://host:6379, rediss://host:6380 for TLS, or unix:///run/redis.sock")
	}
	if plain, err := url.Parse(text); err != nil || plain.RawQuery != "" && plain.Scheme != "unix" {
		return nil, invalid("url has settings after a question mark; write them as keys beside it").Coded("bad-url")
	}
	return named, nil
}

// credentials returns the user and the password as they are now.
func (cfg *Config) credentials(ctx context.Context) (username, password string, err error) {
	if cfg.URL != nil {
		named, err := cfg.parsed(ctx)
		if err != nil {
			return "", "", noPassword("redis.credentials", err)
		}
		username, password = named.Username, named.Password
	}
	if cfg.Username != "" {
		username = cfg.Username
	}
	if cfg.Password != nil {
		if password, err = cfg.Password(ctx); err != nil {
			return "", "", noPassword("redis.credentials", err)
		}
	}
	return username, password, nil
}

// noPassword says that a secret cannot be had.
func noPassword(op string, err error) error {
	return fault.New(fault.Unavailable, op, "the password cannot be had").Coded("no-password").Because(err)
}
