package sqlserver

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"math/rand/v2"
	"strconv"
	"sync"
	"time"

	"gorm.io/driver/sqlserver"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/portolan-io/portolan/adapters/internal/gormstore"
)

// An engine is a pool of connections to one database.
type engine struct {
	cfg   Config
	db    *sql.DB
	reads reading
	scans chan struct{} // holds one for each Scan, which are fewer than connections
	busy  sync.RWMutex  // held for reading by whoever has a connection
	done  chan struct{} // closed by Close
	once  sync.Once
}

// A reading is how a statement that reads sees one state of the database.
type reading struct {
	one  string             // the level of a statement by itself
	many sql.IsolationLevel // that of a transaction
}

// The ways of reading, of which the first that the database allows is taken. Without
// row versions a statement that reads many rows sees parts of what is written
// meanwhile, unless its locks keep the writers away.
var (
	bySnapshot  = reading{"SNAPSHOT", sql.LevelSnapshot}
	byStatement = reading{"READ COMMITTED", sql.LevelSerializable}
	byLocks     = reading{"SERIALIZABLE", sql.LevelSerializable}
)

// open makes the pool, and one connection of it.
func open(ctx context.Context, cfg Config, connector driver.Connector) (*engine, error) {
	e := &engine{
		cfg: cfg, db: sql.OpenDB(connector), reads: byLocks,
		scans: make(chan struct{}, max(cfg.MaxConns-1, 1)), done: make(chan struct{}),
	}
	e.db.SetMaxOpenConns(cfg.MaxConns)
	e.db.SetMaxIdleConns(cfg.MaxConns)
	e.db.SetConnMaxIdleTime(5 * time.Minute)
	e.db.SetConnMaxLifetime(time.Hour)
	if err := e.look(ctx); err != nil {
		return nil, errors.Join(err, e.Close())
	}
	return e, nil
}

// aboutDatabase asks what the database allows. The code page of a collation that the
// server does not know is null. A database is found by its name: in Azure SQL DB_ID() may
// be another number than that of its row
// (https://learn.microsoft.com/sql/relational-databases/system-catalog-views/sys-databases-transact-sql).
var aboutDatabase = gormstore.Statement{Text: "SELECT CAST(d.snapshot_isolation_state AS int), CAST(d.is_read_committed_snapshot_on AS int)," +
	" CAST(d.compatibility_level AS int), CAST(COLLATIONPROPERTY('Latin1_General_100_BIN2_UTF8', 'CodePage') AS int)" +
	" FROM sys.databases AS d WHERE d.name = DB_NAME()"}

// leastLevel is the compatibility level from which on there is OPENJSON.
const leastLevel = 130

// look decides how to read, and refuses a database that cannot be used.
func (e *engine) look(ctx context.Context) error {
	return e.again(ctx, func(s *session) error {
		seen := false
		err := s.Query(ctx, &aboutDatabase, nil, func(c gormstore.Cells) (bool, error) {
			seen = true
			switch {
			case c.Int(2) < leastLevel:
				return false, errLevel
			case c.Kind(3) == gormstore.NullKind && !e.cfg.NVarchar:
				return false, errCollation
			case c.Int(0) == 1:
				e.reads = bySnapshot
			case c.Int(1) == 1:
				e.reads = byStatement
			}
			return true, nil
		})
		if err == nil && !seen {
			return errUnseen
		}
		return err
	})
}

// acquire waits for a free connection, and for a database that is being moved.
func (e *engine) acquire(ctx context.Context) (*sql.Conn, error) {
	patience, cancel := context.WithTimeout(ctx, e.cfg.AcquireTimeout)
	defer cancel()
	for attempt := 1; ; attempt++ {
		conn, err := e.db.Conn(patience)
		switch {
		case err == nil:
			return conn, nil
		case e.Closed():
			return nil, gormstore.ErrClosed
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case patience.Err() != nil && e.db.Stats().InUse >= e.cfg.MaxConns:
			return nil, errExhausted
		case patience.Err() != nil || !moving(err):
			return nil, err
		}
		if wait(patience, time.Duration(min(attempt, 10))*100*time.Millisecond) != nil {
			return nil, err
		}
	}
}

// wait waits, or returns the error of a done ctx.
func wait(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// settings are what is said in each batch: what a batch with parameters sets ends with
// it, and what the pool resets does not come back. Of what an index on a computed column
// asks of each session
// (https://learn.microsoft.com/sql/relational-databases/indexes/indexes-on-computed-columns)
// it is the one that the driver does not ask for.
func (e *engine) settings(locks time.Duration) string {
	return "SET NOCOUNT, XACT_ABORT, CONCAT_NULL_YIELDS_NULL ON; SET LOCK_TIMEOUT " + strconv.FormatInt(locks.Milliseconds(), 10) + "; "
}

// with calls do with a session on a free connection.
func (e *engine) with(ctx context.Context, do func(*session) error) (s *session, err error) {
	if e.Closed() {
		return &session{}, gormstore.ErrClosed
	}
	e.busy.RLock()
	defer e.busy.RUnlock()
	conn, err := e.acquire(ctx)
	if err != nil {
		return &session{}, err
	}
	defer func() { _ = conn.Close() }() // it goes back to the pool
	s = &session{conn: conn, prelude: e.settings(e.cfg.LockTimeout), timeout: e.cfg.StatementTimeout}
	return s, do(s)
}

// again is with, but begins anew what others came in the way of, and what met a
// connection that was dead already. What has handed out rows is not repeated.
func (e *engine) again(ctx context.Context, do func(*session) error) error {
	var before tries
	for {
		s, err := e.with(ctx, do)
		if err == nil {
			return nil
		}
		pause, hopeful := before.again(err, s.ran)
		if !hopeful || s.handed || s.conn == nil { // acquire has waited
			return err
		}
		if err := wait(ctx, time.Duration(rand.Int64N(int64(pause)+1))); err != nil {
			return err
		}
	}
}

// Read lends a connection that reads.
func (e *engine) Read(ctx context.Context, how gormstore.Reading, do func(gormstore.Session) error) error {
	return e.again(ctx, func(s *session) error {
		if locks := e.reads == byLocks || how.Consistent && e.reads == byStatement; locks {
			s.prelude += firm
		}
		if how.Consistent {
			return s.transact(ctx, e.reads.many, func() error { return do(s) })
		}
		s.prelude += "SET TRANSACTION ISOLATION LEVEL " + e.reads.one + "; "
		return do(s)
	})
}

// firm has the server end the other transaction, which begins anew: a read that has
// handed out rows cannot.
const firm = "SET DEADLOCK_PRIORITY HIGH; "

// Scan is Read, but for the last free connection: that is for those who know
// which records they want, so that they do not wait for those who search.
func (e *engine) Scan(ctx context.Context, how gormstore.Reading, do func(gormstore.Session) error) error {
	if e.Closed() { // of two ways that are open, select takes either
		return gormstore.ErrClosed
	}
	patience := time.NewTimer(e.cfg.AcquireTimeout)
	defer patience.Stop()
	select {
	case e.scans <- struct{}{}:
	case <-patience.C:
		return errExhausted
	case <-e.done:
		return gormstore.ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-e.scans }()
	return e.Read(ctx, how, do)
}

// Write lends a connection for a transaction. It is read committed: what it decides by
// is locked. Transactions of which one has to give way begin anew. What was handed out
// in one that did not commit means nothing.
func (e *engine) Write(ctx context.Context, do func(gormstore.Session) error) error {
	return e.again(ctx, func(s *session) error {
		err := s.transact(ctx, sql.LevelReadCommitted, func() error { return do(s) })
		s.handed = false
		return err
	})
}

// alone runs one statement on a connection.
func (e *engine) alone(ctx context.Context, text string) error {
	_, err := e.with(ctx, func(s *session) error { return s.run(ctx, text) })
	return err
}

// patience is how long one process that changes tables waits for another.
const patience = 5 * time.Minute

// migrating is the lock that processes hold that change tables.
const migrating = "DECLARE @got int; EXEC @got = sp_getapplock @Resource = N'portolan migrates', @LockMode = N'Exclusive'," +
	" @LockOwner = N'Transaction', @LockTimeout = 300000; IF @got < 0 THROW 51222, N'another process changes the tables', 1"

// indexing is all of it, for the session that makes such columns, and ones that may be
// null. To set ARITHABORT in each batch would have each of them compiled anew.
const indexing = "SET ANSI_NULL_DFLT_ON ON; SET ANSI_NULLS, ANSI_PADDING, ANSI_WARNINGS, ARITHABORT, CONCAT_NULL_YIELDS_NULL, QUOTED_IDENTIFIER ON;" +
	" SET NUMERIC_ROUNDABORT OFF; "

// Migrate lends gorm a transaction. Processes that migrate wait for each other by a
// lock of the application.
func (e *engine) Migrate(ctx context.Context, do func(*gorm.DB) error) error {
	if e.Closed() {
		return gormstore.ErrClosed
	}
	return e.again(ctx, func(s *session) error {
		s.timeout, s.prelude = 2*patience, e.settings(patience)+indexing
		return s.transact(ctx, sql.LevelReadCommitted, func() error {
			if err := s.run(ctx, migrating); err != nil {
				return err
			}
			orm, err := gorm.Open(dialector{sqlserver.Dialector{Config: &sqlserver.Config{Conn: s.tx}}}, &gorm.Config{
				SkipDefaultTransaction: true,
				DisableAutomaticPing:   true,
				Logger:                 logger.Discard,
			})
			if err != nil {
				return err
			}
			return do(orm.WithContext(ctx))
		})
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

// Close waits for what is running, and closes all connections.
func (e *engine) Close() (err error) {
	e.once.Do(func() {
		close(e.done)
		e.busy.Lock()
		defer e.busy.Unlock()
		err = e.db.Close()
	})
	return err
}
