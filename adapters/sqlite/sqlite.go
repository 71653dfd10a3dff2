// Package sqlite keeps records in an SQLite database. Start at [Open]; what is
// common to all SQL stores is in internal/gormstore, and this package says what
// SQLite says differently: dialect.go, engine.go for the connections, errors.go.
package sqlite

import (
	"context"
	"crypto/rand"
	"errors"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/portolan-io/portolan/adapters/internal/gormstore"
	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/ports/repository"
)

// Config says where the database is and how it is used.
type Config struct {
	// Path is the file of the database, which is created if it is not there, in a
	// directory that is. ":memory:" is a database that ends with the process.
	// Required.
	Path string `yaml:"path"`

	// MaxConns is how many connections read at once; 0 means 3. One more writes.
	// Lists and aggregates leave one of several to those who get records by id.
	MaxConns int `yaml:"max_conns"`

	// Synchronous is "full", so that what was acknowledged outlives a loss of
	// power, or "normal", which is faster and outlives the end of the process
	// only. Empty means "full".
	Synchronous string `yaml:"synchronous"`

	// BusyTimeout is how long a write waits for another process, less what it
	// waited for its turn in this one; 0 means 5s.
	BusyTimeout time.Duration `yaml:"busy_timeout"`

	// AcquireTimeout is how long a call waits for a connection while all are at
	// work; 0 means 5s.
	AcquireTimeout time.Duration `yaml:"acquire_timeout"`
}

// A Store is a repository.Store in one SQLite database.
type Store struct {
	*gormstore.Store
	engine  *engine
	durable bool
}

var _ repository.Store = (*Store)(nil)

// memory is the path of a database without a file.
const memory = ":memory:"

// Open opens the database, which it creates if need be. The caller closes the
// store.
func Open(ctx context.Context, cfg Config) (*Store, error) {
	if cfg.MaxConns == 0 {
		cfg.MaxConns = 3
	}
	if cfg.Synchronous == "" {
		cfg.Synchronous = "full"
	}
	if cfg.BusyTimeout == 0 {
		cfg.BusyTimeout = 5 * time.Second
	}
	if cfg.AcquireTimeout == 0 {
		cfg.AcquireTimeout = 5 * time.Second
	}
	switch {
	case cfg.Path == "":
		return nil, invalid("path must name the file of the database")
	case cfg.MaxConns < 0:
		return nil, invalid("max_conns is the number of connections that read, and cannot be negative")
	case cfg.Synchronous != "full" && cfg.Synchronous != "normal":
		return nil, invalid("synchronous is either full or normal")
	case cfg.BusyTimeout < 0:
		return nil, invalid("busy_timeout cannot be negative")
	case cfg.AcquireTimeout < 0:
		return nil, invalid("acquire_timeout cannot be negative")
	}
	engine, err := open(ctx, cfg)
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, explain(cfg.Path, classify("sqlite.Open", err))
	}
	return &Store{gormstore.New(&dialect, engine), engine, cfg.Path != memory}, nil
}

func invalid(detail string) error { return fault.New(fault.Invalid, "sqlite.Open", "%s", detail) }

// Scratch opens a store in a file beside the database, which is removed when it is
// closed.
func (s *Store) Scratch(ctx context.Context) (repository.Store, error) {
	cfg := s.engine.cfg
	if s.durable {
		cfg.Path = s.Path() + ".contract-" + strings.ToLower(rand.Text())
	}
	made, err := Open(ctx, cfg)
	if err != nil {
		return nil, err
	}
	return scratch{made}, nil
}

// A scratch is a store that is removed when it is closed.
type scratch struct{ *Store }

// Close closes the store and removes its files.
func (s scratch) Close() error {
	err := s.Store.Close()
	if !s.durable {
		return err
	}
	for _, suffix := range []string{"", "-wal", "-shm"} {
		if removed := os.Remove(s.Path() + suffix); !errors.Is(removed, fs.ErrNotExist) {
			err = errors.Join(err, removed)
		}
	}
	return err
}

// Ping returns nil if the database answers and its file is where it was opened.
func (s *Store) Ping(ctx context.Context) error {
	if err := s.Store.Ping(ctx); err != nil {
		return err
	}
	if err := s.engine.file.inPlace(); err != nil {
		return classify("sqlite.Ping", err)
	}
	return nil
}

// Path returns the absolute path of the database's file, empty if it is in memory.
func (s *Store) Path() string {
	if s.engine.file == nil {
		return ""
	}
	return s.engine.file.path
}

// Capabilities returns that the store serves every query, and is durable unless
// it is in memory.
func (s *Store) Capabilities() repository.Capabilities {
	return repository.Capabilities{Durable: s.durable}
}
