// Package sqlserver keeps records in a database of Microsoft SQL Server or Azure SQL.
// Start at [Open]; what is common to all SQL stores is in internal/gormstore, and this
// package says what T-SQL says differently: dialect.go, columns.go, describe.go and
// load.go for its SQL, connect.go, engine.go and session.go for the connections,
// values.go for what parameters and cells are, errors.go.
package sqlserver

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
	// DSN names the server, the database and the user, as a URL:
	// "sqlserver://portolan@db.example.com:1433?database=shop". With
	// "fedauth=ActiveDirectoryManagedIdentity" or "fedauth=ActiveDirectoryDefault" in
	// it Microsoft Entra says who connects, and there is no password. Connections are
	// encrypted and the certificate is checked, unless "encrypt" says otherwise. It is
	// asked for again for each new connection. Required.
	DSN secrets.Value `yaml:"dsn"`

	// Password is that of the user, if it is not in DSN. It is asked for again for
	// each new connection.
	Password secrets.Value `yaml:"password"`

	// MaxConns is how many connections there are at most; 0 means 16. Lists and
	// aggregates leave one of several to those who get records by id.
	MaxConns int `yaml:"max_conns"`

	// AcquireTimeout is how long a call waits for a connection while all are at
	// work, or while Azure moves the database; 0 means 5s.
	AcquireTimeout time.Duration `yaml:"acquire_timeout"`

	// StatementTimeout is how long one statement may take; 0 means 30s. Changes of
	// tables take what they take.
	StatementTimeout time.Duration `yaml:"statement_timeout"`

	// LockTimeout is how long a statement waits for another; 0 means 5s.
	LockTimeout time.Duration `yaml:"lock_timeout"`

	// NVarchar is whether texts are kept as nvarchar, for servers before 2019, which
	// have no collations of UTF-8. It is settled when the tables are made.
	NVarchar bool `yaml:"nvarchar"`

	schema string // that in which tables are whose names say none; empty is the user's own
}

// A Store is a repository.Store in one database.
type Store struct {
	*gormstore.Store
	engine *engine
	cfg    Config
}

var _ repository.Store = (*Store)(nil)

// Open connects to the database, which must be there. The caller closes the store.
func Open(ctx context.Context, cfg Config) (*Store, error) {
	if err := cfg.complete(); err != nil {
		return nil, err
	}
	connector := &connector{cfg: cfg}
	e, err := open(ctx, cfg, connector)
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, explain(err, connector)
	}
	return newStore(cfg, e), nil
}

// Capabilities returns that the store is durable, and which filters are too much for
// one statement.
func (s *Store) Capabilities() repository.Capabilities {
	return repository.Capabilities{Durable: true, Split: split}
}

func newStore(cfg Config, e *engine) *Store {
	return &Store{gormstore.New(newDialect(cfg.NVarchar, cfg.schema), e), e, cfg}
}

// complete puts in what was left out, and returns the error of what cannot be.
func (cfg *Config) complete() error {
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
		return invalid("dsn must name the server and the database, as in sqlserver://user@host?database=name")
	case cfg.MaxConns < 0:
		return invalid("max_conns is the number of connections, and cannot be negative")
	case cfg.AcquireTimeout < 0:
		return invalid("acquire_timeout cannot be negative")
	case cfg.StatementTimeout < time.Millisecond:
		return invalid("statement_timeout must be a millisecond at least")
	case cfg.LockTimeout < time.Millisecond:
		return invalid("lock_timeout must be a millisecond at least")
	}
	return nil
}

func invalid(detail string) *fault.Error {
	return fault.New(fault.Invalid, "sqlserver.Open", "%s", detail)
}

// Scratch opens a store in a new schema of the same database, which is dropped when
// it is closed.
func (s *Store) Scratch(ctx context.Context) (repository.Store, error) {
	cfg := s.cfg
	cfg.schema = "portolan_contract_" + strings.ToLower(rand.Text())
	if err := s.engine.alone(ctx, makeSchema(cfg.schema)); err != nil {
		return nil, classify("sqlserver.Scratch", err)
	}
	made, err := Open(ctx, cfg)
	if err != nil {
		return nil, errors.Join(err, s.engine.alone(context.WithoutCancel(ctx), dropSchema(cfg.schema)))
	}
	return &scratch{Store: made, from: s.engine}, nil
}

// dropSchema returns what removes a schema and the tables in it.
func dropSchema(name string) string {
	return "DECLARE @drop nvarchar(max) = N''; SELECT @drop += N'DROP TABLE " + quoted(name) + ".' + QUOTENAME(name) + N'; '" +
		" FROM sys.tables WHERE schema_id = SCHEMA_ID(" + literal(name) + "); SET @drop += N'DROP SCHEMA " + quoted(name) + "'; EXEC (@drop)"
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
		s.err = errors.Join(s.Store.Close(), s.from.alone(context.Background(), dropSchema(s.cfg.schema)))
	})
	return s.err
}
