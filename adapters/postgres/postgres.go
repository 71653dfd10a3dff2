// Package postgres keeps records in a PostgreSQL database. Start at [Open]; what
// is common to all SQL stores is in internal/gormstore, and this package says what
// PostgreSQL says differently: dialect.go, describe.go and load.go for its SQL,
// engine.go and session.go for the connections, replica.go for those to a replica,
// encode.go and decode.go for values on the wire, errors.go.
package postgres

import (
	"context"
	"crypto/rand"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/portolan-io/portolan/adapters/internal/gormstore"
	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/ports/repository"
	"github.com/portolan-io/portolan/ports/secrets"
)

// Config says where the database is and how it is used.
type Config struct {
	// DSN names the server, the database and the user, as a URL or in words
	// (https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING):
	// "postgres://portolan@db.example.com/shop?sslmode=verify-full". What it leaves
	// out is taken from the PG* variables of the environment. It is asked for again
	// for each new connection. Required.
	DSN secrets.Value `yaml:"dsn"`

	// Password is that of the user, if it is not in DSN. It is asked for again for
	// each new connection.
	Password secrets.Value `yaml:"password"`

	// ReplicaDSN names a streaming replica of the database, as DSN does; none by
	// default. Its password is Password, if it names none itself. Reads that may be
	// stale, of bounded collections, go to it when it is known to be new enough, and
	// to DSN's server otherwise. It is asked for again for each new connection.
	ReplicaDSN secrets.Value `yaml:"replica_dsn"`

	// MaxConns is how many connections there are at most, to each of the two servers;
	// 0 means 16. Lists and aggregates leave one of several to those who get records
	// by id. A replica takes one more on DSN's server.
	MaxConns int `yaml:"max_conns"`

	// AcquireTimeout is how long a call waits for a connection while all are at
	// work; 0 means 5s.
	AcquireTimeout time.Duration `yaml:"acquire_timeout"`

	// StatementTimeout is how long the server works on one statement; 0 means 30s.
	// Changes of tables take what they take.
	StatementTimeout time.Duration `yaml:"statement_timeout"`

	// LockTimeout is how long a write waits for another; 0 means 5s.
	LockTimeout time.Duration `yaml:"lock_timeout"`

	schema string        // of Scratch: that in which all tables are
	every  time.Duration // of tests: how often the primary is asked how far it is; 0 is sampleEvery
}

// A Store is a repository.Store in one PostgreSQL database.
type Store struct {
	*gormstore.Store
	engine *engine
	cfg    Config
}

var _ repository.Store = (*Store)(nil)

// Open connects to the database, which must be there. The caller closes the
// store.
func Open(ctx context.Context, cfg Config) (*Store, error) {
	if cfg.MaxConns == 0 {
		cfg.MaxConns = 16
	}
	for _, timeout := range []struct {
		is    *time.Duration
		usual time.Duration
	}{{&cfg.AcquireTimeout, 5 * time.Second}, {&cfg.StatementTimeout, 30 * time.Second}, {&cfg.LockTimeout, 5 * time.Second}} {
		if *timeout.is == 0 {
			*timeout.is = timeout.usual
		}
	}
	switch {
	case cfg.DSN == nil:
		return nil, invalid("dsn must name the server and the database, as in postgres://user@host/database")
	case cfg.MaxConns < 0:
		return nil, invalid("max_conns is the number of connections, and cannot be negative")
	case cfg.AcquireTimeout < 0:
		return nil, invalid("acquire_timeout cannot be negative")
	case cfg.StatementTimeout < time.Millisecond:
		return nil, invalid("statement_timeout must be a millisecond at least")
	case cfg.LockTimeout < time.Millisecond:
		return nil, invalid("lock_timeout must be a millisecond at least")
	}
	e, err := open(ctx, cfg)
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, explain(err)
	}
	return &Store{gormstore.New(&dialect, e), e, cfg}, nil
}

// Capabilities returns that reads may be stale if there is a replica.
func (s *Store) Capabilities() repository.Capabilities {
	can := s.Store.Capabilities()
	can.Replica = s.engine.replica != nil
	return can
}

// Scratch opens a store in a new schema of the same database, which is dropped when
// it is closed. It has no replica.
func (s *Store) Scratch(ctx context.Context) (repository.Store, error) {
	cfg := s.cfg
	cfg.ReplicaDSN = nil
	cfg.schema = "portolan_contract_" + strings.ToLower(rand.Text())
	if err := s.engine.alone(ctx, "CREATE SCHEMA "+cfg.schema); err != nil {
		return nil, classify("postgres.Scratch", err)
	}
	made, err := Open(ctx, cfg)
	if err != nil {
		return nil, errors.Join(err, s.engine.alone(context.WithoutCancel(ctx), "DROP SCHEMA "+cfg.schema))
	}
	return &scratch{Store: made, from: s.engine}, nil
}

// A scratch is a store that is removed when it is closed.
type scratch struct {
	*Store
	from *engine
	once sync.Once
	err  error
}

// Close closes the store and removes all that is in it.
func (s *scratch) Close() error {
	s.once.Do(func() {
		s.err = errors.Join(s.Store.Close(), s.from.alone(context.Background(), "DROP SCHEMA "+s.cfg.schema+" CASCADE"))
	})
	return s.err
}

func invalid(detail string) *fault.Error {
	return fault.New(fault.Invalid, "postgres.Open", "%s", detail)
}
