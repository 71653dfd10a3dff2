package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/driver"
	"gorm.io/gorm"

	"github.com/portolan-io/portolan/adapters/internal/gormstore"
)

// An engine is one connection that writes and some that read. In WAL mode they
// do not hinder each other. A database in memory is one connection that does
// both.
type engine struct {
	cfg     Config
	db      *sql.DB // makes the one that writes
	reading *sql.DB // makes those that read; nil in memory
	file    *file   // nil in memory
	waits   waits
	writer  chan *session // holds the one that writes while it is free
	readers chan *session // holds those that read; a nil one is not opened yet
	scans   chan struct{} // holds one for each Scan, which are fewer than readers
	now     func() time.Time
	done    chan struct{} // closed by Close
	once    sync.Once
	err     error // of Close
}

// open opens the connection that writes.
func open(ctx context.Context, cfg Config) (*engine, error) {
	path := cfg.Path
	if strings.HasPrefix(path, "file:") { // which the library would take for a URI
		path = "./" + path
	}
	db, err := driver.Open(path, prepare)
	if err != nil {
		return nil, err
	}
	e := &engine{cfg: cfg, db: db, writer: make(chan *session, 1), now: time.Now, done: make(chan struct{})}
	first, err := e.connect(ctx, db)
	if err == nil {
		err = e.setUp(ctx, first)
	}
	if err == nil && cfg.Path != memory {
		err = e.keepFile()
	}
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	e.writer <- first
	if cfg.Path == memory {
		e.readers = e.writer
	} else {
		e.readers = make(chan *session, cfg.MaxConns)
		for range cfg.MaxConns {
			e.readers <- nil
		}
	}
	e.scans = make(chan struct{}, max(cap(e.readers)-1, 1))
	return e, nil
}

// keepFile remembers the file, which is there now, and how it is opened again.
func (e *engine) keepFile() (err error) {
	if e.file, err = look(e.cfg.Path); err != nil {
		return err
	}
	e.reading, err = driver.Open(e.file.existing(), prepare)
	return err
}

// prepare is called with each new connection.
func prepare(c *sqlite3.Conn) error {
	return errors.Join(
		c.CreateFunction("portolan_micros", 1, sqlite3.DETERMINISTIC, microsOf),
		c.CreateFunction("portolan_time", 1, sqlite3.DETERMINISTIC, timeOf))
}

// connect opens a connection.
func (e *engine) connect(ctx context.Context, db *sql.DB) (*session, error) {
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, err
	}
	s := &session{conn: conn, kept: map[*gormstore.Statement]*sqlite3.Stmt{}, patience: e.cfg.BusyTimeout}
	err = conn.Raw(func(c any) error {
		s.raw = c.(driver.Conn).Raw()
		return errors.Join(
			s.raw.BusyTimeout(e.cfg.BusyTimeout),
			s.raw.Exec("PRAGMA foreign_keys = OFF; PRAGMA cache_size = -6144; PRAGMA temp_store = MEMORY; PRAGMA wal_autocheckpoint = 16000"))
	})
	if err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

// setUp puts the database into WAL mode and the connection into how it writes.
// Pages of 8 KiB, which a new database gets, load a quarter faster than those of
// 4 that SQLite would make.
//
// Processes that do so at the same moment refuse each other without waiting, so
// that it is tried again for as long as a write would wait.
func (e *engine) setUp(ctx context.Context, s *session) error {
	deadline := time.Now().Add(e.cfg.BusyTimeout)
	for {
		err := s.raw.Exec("PRAGMA page_size = 8192; PRAGMA journal_mode = WAL; PRAGMA synchronous = " + e.cfg.Synchronous)
		if !errors.Is(err, sqlite3.BUSY) || time.Now().After(deadline) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// take waits for a free session of the pool.
func (e *engine) take(ctx context.Context, pool chan *session) (*session, error) {
	if e.Closed() { // of two ways that are open, select takes either
		return nil, gormstore.ErrClosed
	}
	var over <-chan time.Time
	if len(pool) == 0 {
		defer e.waiting(pool)()
		patience := time.NewTimer(e.cfg.AcquireTimeout)
		defer patience.Stop()
		over = patience.C
	}
	select {
	case <-over:
		return nil, errExhausted
	case <-e.done:
		return nil, gormstore.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	case s := <-pool:
		if s != nil {
			return s, nil
		}
		s, err := e.reader(ctx)
		if err != nil {
			pool <- nil
			return nil, err
		}
		return s, nil
	}
}

// reader opens a connection that reads the file that is written.
func (e *engine) reader(ctx context.Context) (*session, error) {
	s, err := e.connect(ctx, e.reading)
	if moved := e.file.inPlace(); moved != nil {
		err = errors.Join(moved, err)
	}
	if err == nil {
		err = s.raw.Exec("PRAGMA query_only = ON")
	}
	if err != nil && s != nil {
		err = errors.Join(err, s.close())
	}
	return s, err
}

// with calls do with a session of the pool, whose statements end when ctx does.
// Who waits for the writer has that much less patience with other processes, so
// that those who come behind one lock do not wait for it in turn.
func (e *engine) with(ctx context.Context, pool chan *session, do func(*session) error) error {
	began := e.now()
	s, err := e.take(ctx, pool)
	if err != nil {
		return err
	}
	defer func() { pool <- s }()
	if pool == e.writer {
		waited := e.now().Sub(began).Truncate(time.Millisecond)
		if err := s.wait(max(e.cfg.BusyTimeout-waited, 0)); err != nil {
			return err
		}
	}
	if ctx.Done() != nil {
		s.raw.SetInterrupt(ctx)
		defer s.raw.SetInterrupt(context.Background())
	}
	return do(s)
}

// Read lends a connection that reads.
func (e *engine) Read(ctx context.Context, how gormstore.Reading, do func(gormstore.Session) error) error {
	return e.with(ctx, e.readers, func(s *session) error {
		if !how.Consistent {
			return do(s)
		}
		return s.transact(ctx, &begin, func() error { return do(s) })
	})
}

// Scan is Read, but for the last free connection: that is for those who know
// which records they want, so that they do not wait for those who search.
func (e *engine) Scan(ctx context.Context, how gormstore.Reading, do func(gormstore.Session) error) error {
	if err := e.enter(ctx); err != nil {
		return err
	}
	defer func() { <-e.scans }()
	return e.Read(ctx, how, do)
}

// enter waits until there are few enough scans for one more.
func (e *engine) enter(ctx context.Context) error {
	if e.Closed() {
		return gormstore.ErrClosed
	}
	var over <-chan time.Time
	if len(e.scans) == cap(e.scans) {
		defer e.waiting(e.readers)()
		patience := time.NewTimer(e.cfg.AcquireTimeout)
		defer patience.Stop()
		over = patience.C
	}
	select {
	case <-over:
		return errExhausted
	case <-e.done:
		return gormstore.ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	case e.scans <- struct{}{}:
		return nil
	}
}

// Write lends the connection that writes, within a transaction that excludes
// the writes of other processes from its begin.
func (e *engine) Write(ctx context.Context, do func(gormstore.Session) error) error {
	return e.with(ctx, e.writer, func(s *session) error {
		return s.transact(ctx, &beginImmediate, e.inPlace(func() error { return do(s) }))
	})
}

// inPlace returns do, which then fails if the file has gone, so that what was
// written into nothing is never acknowledged.
func (e *engine) inPlace(do func() error) func() error {
	return func() error {
		err := do()
		if moved := e.file.inPlace(); moved != nil {
			return moved
		}
		return err
	}
}

// Migrate is Write with gorm on the connection.
func (e *engine) Migrate(ctx context.Context, do func(*gorm.DB) error) error {
	return e.with(ctx, e.writer, func(s *session) error {
		db, err := s.gorm()
		if err != nil {
			return err
		}
		return s.transact(ctx, &beginImmediate, e.inPlace(func() error { return do(db.WithContext(ctx)) }))
	})
}

// Closed reports whether Close was called.
func (e *engine) Closed() bool {
	select {
	case <-e.done:
		return true
	default:
		return false
	}
}

// Close waits for every session to be free.
func (e *engine) Close() error {
	e.once.Do(func() {
		close(e.done)
		sessions := []*session{<-e.writer}
		if e.readers != e.writer {
			for range cap(e.readers) {
				sessions = append(sessions, <-e.readers)
			}
		}
		for _, s := range sessions {
			if s != nil {
				e.err = errors.Join(e.err, s.close())
			}
		}
		if e.reading != nil {
			e.err = errors.Join(e.err, e.reading.Close())
		}
		e.err = errors.Join(e.err, e.db.Close())
	})
	return e.err
}
