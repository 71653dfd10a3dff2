// Package bolt keeps records in one file, with go.etcd.io/bbolt. It is an example of
// an adapter outside of Portolan's module: it uses ports and core/* alone, as any
// adapter may, and is proved by the suites that everybody can import. Start at [Store].
package bolt

import (
	"context"
	"crypto/rand"
	"errors"
	"os"
	"sync"
	"time"

	"go.etcd.io/bbolt"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/query"
	"github.com/portolan-io/portolan/ports/repository"
)

// Config says where the records are.
type Config struct {
	Path string        `yaml:"path"` // the file, which is created if it is not there; required
	Wait time.Duration `yaml:"wait"` // how long a call waits for another process; 0 means 5s
}

// A Store is a repository.Store in one file.
//
// Each call opens the file, does one transaction and closes it again: the lock on an
// open file is the one thing that keeps several processes apart. Calls of one process
// wait their turn.
type Store struct {
	config Config
	turn   chan struct{} // holds a token while somebody has the file open
	closed bool          // seen and set by who has the turn
}

var _ repository.Store = (*Store)(nil)

// The buckets of the file.
var (
	columnsBucket = []byte("columns") // by table: what it holds, as JSON
	recordsBucket = []byte("records") // by table: a bucket of its records, by id
)

// Open opens the store, and makes the file if it is not there.
func Open(ctx context.Context, config Config) (*Store, error) {
	const op = "bolt.Open"
	if config.Path == "" {
		return nil, fault.New(fault.Invalid, op, "path is missing")
	}
	if config.Wait == 0 {
		config.Wait = 5 * time.Second
	}
	s := &Store{config: config, turn: make(chan struct{}, 1)}
	return s, s.write(ctx, op, func(tx *bbolt.Tx) error {
		_, err := tx.CreateBucketIfNotExists(columnsBucket)
		_, err2 := tx.CreateBucketIfNotExists(recordsBucket)
		return errors.Join(err, err2)
	})
}

// Capabilities are those of a store that reads by id alone, up or down, and leaves
// every filter to the core.
func (s *Store) Capabilities() repository.Capabilities {
	return repository.Capabilities{Durable: true, Split: func(q query.Query) (native, rest query.Expr, err error) {
		return query.Expr{}, q.Filter, checkOrder("bolt.Split", q)
	}}
}

// checkOrder refuses every order but that of the ids.
func checkOrder(op string, q query.Query) error {
	if first := q.Order[0].Field; first != q.Collection.ID {
		return needsIndex(op, "cannot order by "+q.Collection.Fields[first].Name)
	}
	return nil
}

func needsIndex(op, what string) error {
	return fault.New(fault.Refused, op, "bolt has no index, and %s", what).Coded("query-needs-index").
		Hinting("read in the order of the ids, or filter more narrowly")
}

// Ping returns nil if the file can be read.
func (s *Store) Ping(ctx context.Context) error {
	return s.read(ctx, "bolt.Ping", func(*bbolt.Tx) error { return nil })
}

// Close waits for the call that is under way. There is nothing else to let go of.
func (s *Store) Close() error {
	s.turn <- struct{}{}
	s.closed = true
	<-s.turn
	return nil
}

// read does something that only reads.
func (s *Store) read(ctx context.Context, op string, do func(*bbolt.Tx) error) error {
	return s.with(ctx, op, true, func(db *bbolt.DB) error { return db.View(do) })
}

// write does something in one transaction, unless it fails or ctx is done by then.
func (s *Store) write(ctx context.Context, op string, do func(*bbolt.Tx) error) error {
	return s.with(ctx, op, false, func(db *bbolt.DB) error {
		return db.Update(func(tx *bbolt.Tx) error {
			if err := do(tx); err != nil {
				return err
			}
			return ctx.Err()
		})
	})
}

// with opens the file for one call.
func (s *Store) with(ctx context.Context, op string, readOnly bool, do func(*bbolt.DB) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case s.turn <- struct{}{}:
		defer func() { <-s.turn }()
	case <-ctx.Done():
		return ctx.Err()
	}
	if s.closed {
		return fault.New(fault.Unavailable, op, "the store is closed").Coded("closed")
	}
	db, err := s.file(ctx, readOnly)
	if err != nil {
		return classified(op, err)
	}
	return classified(op, errors.Join(do(db), db.Close()))
}

// file opens the file. bbolt waits for its lock without regard to ctx, so it is asked
// again and again.
func (s *Store) file(ctx context.Context, readOnly bool) (*bbolt.DB, error) {
	until := time.Now().Add(s.config.Wait)
	for {
		db, err := bbolt.Open(s.config.Path, 0o600, &bbolt.Options{Timeout: time.Millisecond, ReadOnly: readOnly})
		if !busy(err) || time.Now().After(until) {
			return db, err
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// Scratch opens a store in a new file beside this one, which is removed when it is
// closed: portolan contract proves the driver there.
func (s *Store) Scratch(ctx context.Context) (repository.Store, error) {
	config := s.config
	config.Path += "-contract-" + rand.Text()
	made, err := Open(ctx, config)
	if err != nil {
		return nil, err
	}
	return &scratch{Store: made}, nil
}

// A scratch is a store whose file is removed when it is closed.
type scratch struct {
	*Store
	once sync.Once
	err  error
}

// Close closes the store and removes its file.
func (s *scratch) Close() error {
	s.once.Do(func() { s.err = errors.Join(s.Store.Close(), os.Remove(s.config.Path)) })
	return s.err
}
