// Package datastore keeps records in Google Cloud Datastore, which is Firestore in
// Datastore mode: one kind for each collection. Start at [Open]. kind.go says how a
// record is an entity, and foreign.go how it is one of another program's; plan.go alone
// decides which part of a query Datastore evaluates, and from the declared indexes alone;
// find.go, aggregate.go, apply.go, load.go and ensure.go are the contract's methods, over
// transaction.go.
package datastore

import (
	"context"
	"errors"
	"os"
	"regexp"
	"sync/atomic"
	"time"

	"cloud.google.com/go/datastore"
	"google.golang.org/api/option"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/ports/repository"
)

// Config says where the database is. Who asks is found as Google's libraries find
// it, by Application Default Credentials
// (https://cloud.google.com/docs/authentication/application-default-credentials).
type Config struct {
	// Project is the id of the project; empty is that of the credentials.
	Project string `yaml:"project"`

	// Database is the id of a named database; empty is the default one.
	Database string `yaml:"database"`

	// Namespace is where in the database all kinds are; empty is the default
	// namespace.
	Namespace string `yaml:"namespace"`

	// Emulator is the host:port of a Datastore emulator, which takes no credentials;
	// empty is the real Datastore, or what DATASTORE_EMULATOR_HOST names.
	Emulator string `yaml:"emulator"`

	// Timeout is how long a transaction or the reading of a page takes at most; 0
	// means 30s.
	Timeout time.Duration `yaml:"timeout"`
}

// connecting is how long Open waits for an answer at most.
const connecting = 5 * time.Second

// maxAnswer is how many octets an answer of Datastore has at most: a page of long
// records.
const maxAnswer = 256 << 20

// repeated says what is asked again by itself if Datastore cannot be reached, and that
// nothing waits until it can (https://grpc.io/docs/guides/service-config/). In the place
// of the client's own: that repeats a Commit, too, which then fails if it had succeeded.
const repeated = `{"methodConfig": [{
	"name": [
		{"service": "google.datastore.v1.Datastore", "method": "BeginTransaction"},
		{"service": "google.datastore.v1.Datastore", "method": "Lookup"},
		{"service": "google.datastore.v1.Datastore", "method": "RunQuery"},
		{"service": "google.datastore.v1.Datastore", "method": "RunAggregationQuery"}
	],
	"retryPolicy": {
		"maxAttempts": 4, "initialBackoff": "0.1s", "maxBackoff": "1s", "backoffMultiplier": 1.6,
		"retryableStatusCodes": ["UNAVAILABLE"]
	}
}]}`

// reconnecting is soon: who asks meanwhile is refused, and does not wait for it.
var reconnecting = grpc.ConnectParams{
	Backoff:           backoff.Config{BaseDelay: 100 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: time.Second},
	MinConnectTimeout: connecting,
}

// namespaces are those that Datastore takes.
var namespaces = regexp.MustCompile(`^[0-9A-Za-z._-]{0,100}$`)

// A Store is a repository.Store in one namespace.
type Store struct {
	cfg     Config
	client  *datastore.Client
	latches *latches
	locks   bool // who reads locks what it reads: the emulator shows half a transaction to who does not
	closed  atomic.Bool
}

var _ repository.Store = (*Store)(nil)

// Open connects to the database, which must be there. The caller closes the store.
func Open(ctx context.Context, cfg Config) (*Store, error) {
	if cfg.Timeout == 0 {
		cfg.Timeout = 30 * time.Second
	}
	switch {
	case cfg.Timeout < 0:
		return nil, fault.New(fault.Invalid, "datastore.Open", "timeout cannot be negative")
	case !namespaces.MatchString(cfg.Namespace):
		return nil, fault.New(fault.Invalid, "datastore.Open", "namespace must be at most 100 letters, digits, dots, hyphens and underscores")
	}
	options := []option.ClientOption{
		option.WithGRPCDialOption(grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxAnswer))),
		option.WithGRPCDialOption(grpc.WithDefaultServiceConfig(repeated)),
		option.WithGRPCDialOption(grpc.WithConnectParams(reconnecting)),
		option.WithGRPCDialOption(grpc.WithChainUnaryInterceptor(listen)),
	}
	project := cfg.Project
	if cfg.Emulator != "" {
		options = append(options, option.WithEndpoint(cfg.Emulator), option.WithoutAuthentication(),
			option.WithGRPCDialOption(grpc.WithTransportCredentials(insecure.NewCredentials())))
		if project == "" {
			project = "portolan"
		}
	}
	if project == "" {
		project = datastore.DetectProjectID
	}
	client, err := datastore.NewClientWithDatabase(ctx, project, cfg.Database, options...)
	if err != nil {
		return nil, unopened(ctx, err)
	}
	s := &Store{cfg: cfg, client: client, latches: newLatches(), locks: cfg.Emulator != "" || os.Getenv("DATASTORE_EMULATOR_HOST") != ""}
	asking, cancel := context.WithTimeout(ctx, min(connecting, cfg.Timeout))
	defer cancel()
	if err := s.ping(asking); err != nil {
		return nil, errors.Join(unopened(ctx, err), client.Close())
	}
	return s, nil
}

// Capabilities returns what of a query plan.go calls native.
func (s *Store) Capabilities() repository.Capabilities {
	return repository.Capabilities{Split: split, Durable: true}
}

// System returns what traces call the database.
func (s *Store) System() string { return "gcp.datastore" }

// Ping looks for an entity that is not there.
func (s *Store) Ping(ctx context.Context) error {
	const op = "datastore.Ping"
	if err := s.ready(ctx, op); err != nil {
		return err
	}
	return fail(ctx, op, s.ping(ctx))
}

func (s *Store) ping(ctx context.Context) error {
	err := s.client.Get(ctx, s.key(columnsKind, "ping"), &datastore.PropertyList{})
	if errors.Is(err, datastore.ErrNoSuchEntity) {
		return nil
	}
	return err
}

// Close closes all connections.
func (s *Store) Close() error {
	if s.closed.Swap(true) {
		return nil
	}
	return s.client.Close()
}

// ready returns the error of a done ctx or of a closed store. Each method that the
// contract names begins with it, so that no other error comes first.
func (s *Store) ready(ctx context.Context, op string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if s.closed.Load() {
		return fault.New(fault.Unavailable, op, "the store is closed").Coded("closed")
	}
	return nil
}

// key returns the key of the name in the store's namespace.
func (s *Store) key(kind, name string) *datastore.Key {
	k := datastore.NameKey(kind, name, nil)
	k.Namespace = s.cfg.Namespace
	return k
}
