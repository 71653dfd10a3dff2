package postgres

import (
	"context"
	"database/sql"
	"errors"
	"math/rand/v2"
	"strconv"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgconn/ctxwatch"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"gorm.io/driver/postgres"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/portolan-io/portolan/adapters/internal/gormstore"
)

// An engine is a pool of connections to one database.
type engine struct {
	cfg     Config
	pool    *pgxpool.Pool
	db      *sql.DB       // over pool, for gorm
	scans   chan struct{} // holds one for each Scan, which are fewer than connections
	replica *replica      // nil if there is none
	waits   waits
	done    chan struct{} // closed by Close
	once    sync.Once
}

// open makes the pool, and one connection of it, and then the replica's.
func open(ctx context.Context, cfg Config) (*engine, error) {
	dsn, err := cfg.DSN(ctx)
	if err != nil {
		return nil, err
	}
	config, err := pgxpool.ParseConfig(dsn)
	if err != nil {
		return nil, errDSN
	}
	cfg.arrange(config)
	config.BeforeConnect = cfg.credentials
	config.AfterConnect = inUTF8
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, err
	}
	e := &engine{cfg: cfg, pool: pool, scans: make(chan struct{}, max(cfg.MaxConns-1, 1)), done: make(chan struct{})}
	e.db = stdlib.OpenDBFromPool(pool)
	first, err := e.acquire(ctx)
	if err != nil {
		return nil, errors.Join(err, e.Close())
	}
	first.Release()
	if cfg.ReplicaDSN != nil {
		if e.replica, err = newReplica(ctx, cfg, pool); err != nil {
			return nil, errors.Join(err, e.Close())
		}
	}
	return e, nil
}

// arrange sets what all pools have in common.
func (cfg *Config) arrange(config *pgxpool.Config) {
	config.MaxConns = int32(min(cfg.MaxConns, 10_000))
	config.MinConns = 0
	config.MaxConnIdleTime = 5 * time.Minute
	config.MaxConnLifetime = time.Hour
	config.MaxConnLifetimeJitter = 10 * time.Minute
	config.PingTimeout = time.Second // of a connection that nobody used for a second
	config.ConnConfig.ConnectTimeout = cfg.AcquireTimeout
	config.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeExec // of gorm; sessions keep statements themselves
	cfg.settle(config.ConnConfig.RuntimeParams)
	config.ConnConfig.BuildContextWatcherHandler = cancelling(time.Second)
}

// cancelling has a connection send a cancel request when a context is done, and end if
// that is of no use within the time.
func cancelling(within time.Duration) func(*pgconn.PgConn) ctxwatch.Handler {
	return func(c *pgconn.PgConn) ctxwatch.Handler {
		return &pgconn.CancelRequestContextWatcherHandler{Conn: c, DeadlineDelay: within}
	}
}

// settle says what does not depend on how the database was set up. Parts of a page
// that are read side by side would come in any order.
func (cfg *Config) settle(params map[string]string) {
	if params["application_name"] == "" {
		params["application_name"] = "portolan"
	}
	params["default_transaction_isolation"] = "read committed"
	params["enable_parallel_append"] = "off"
	params["statement_timeout"] = strconv.FormatInt(cfg.StatementTimeout.Milliseconds(), 10)
	params["lock_timeout"] = strconv.FormatInt(cfg.LockTimeout.Milliseconds(), 10)
	params["idle_in_transaction_session_timeout"] = "60000"
	params["timezone"] = "UTC"
	params["client_encoding"] = "UTF8"
	if cfg.schema != "" {
		params["search_path"] = cfg.schema
	}
}

// credentials asks anew who connects, and with which password.
func (cfg *Config) credentials(ctx context.Context, conn *pgx.ConnConfig) error {
	dsn, err := cfg.DSN(ctx)
	if err != nil {
		return err
	}
	if !readdress(conn, dsn) {
		return errDSN
	}
	if cfg.Password != nil {
		conn.Password, err = cfg.Password(ctx)
	}
	return err
}

// replicaCredentials is credentials for the replica, whose DSN may name a password of
// its own.
func (cfg *Config) replicaCredentials(ctx context.Context, conn *pgx.ConnConfig) error {
	dsn, err := cfg.ReplicaDSN(ctx)
	if err != nil {
		return err
	}
	if !readdress(conn, dsn) {
		return errReplicaDSN
	}
	if conn.Password == "" && cfg.Password != nil {
		conn.Password, err = cfg.Password(ctx)
	}
	return err
}

// readdress has conn lead where the DSN does, and reports whether that can be read.
func readdress(conn *pgx.ConnConfig, dsn string) bool {
	now, err := pgx.ParseConfig(dsn)
	if err != nil {
		return false
	}
	conn.Host, conn.Port, conn.Database, conn.User, conn.Password = now.Host, now.Port, now.Database, now.User, now.Password
	conn.TLSConfig, conn.Fallbacks = now.TLSConfig, now.Fallbacks
	return true
}

// inUTF8 refuses a database in another encoding, whose collation C would not sort
// by the octets of UTF-8, and in which some texts cannot be kept.
func inUTF8(_ context.Context, conn *pgx.Conn) error {
	if encoding := conn.PgConn().ParameterStatus("server_encoding"); encoding != "UTF8" {
		return errEncoding
	}
	return nil
}

// acquire waits for a free connection.
func (e *engine) acquire(ctx context.Context) (*pgxpool.Conn, error) {
	if e.Closed() {
		return nil, gormstore.ErrClosed
	}
	began := time.Now()
	patience, cancel := context.WithTimeout(ctx, e.cfg.AcquireTimeout)
	defer cancel()
	conn, err := e.pool.Acquire(patience)
	switch {
	case err == nil:
		return conn, nil
	case e.Closed():
		return nil, gormstore.ErrClosed
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case patience.Err() != nil && e.pool.Stat().AcquiredConns() >= e.pool.Config().MaxConns:
		e.waits.add(time.Since(began))
		return nil, errExhausted
	}
	return nil, err
}

// with calls do with a session on a free connection.
func (e *engine) with(ctx context.Context, do func(*session) error) error {
	conn, err := e.acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release()
	err = do(sessionOn(conn.Conn().PgConn()))
	if outdated(err) { // the next one prepares its statements anew
		_ = conn.Conn().PgConn().Close(context.WithoutCancel(ctx))
	}
	return err
}

// Read lends a connection that reads: of the replica, if that will do.
func (e *engine) Read(ctx context.Context, how gormstore.Reading, do func(gormstore.Session) error) error {
	read := reading(ctx, how, do)
	if done, err := e.replica.read(ctx, how, read); done {
		return err
	}
	return e.with(ctx, read)
}

// reading is do on a session, in the transaction that it wants.
func reading(ctx context.Context, how gormstore.Reading, do func(gormstore.Session) error) func(*session) error {
	return func(s *session) error {
		if !how.Consistent {
			return do(s)
		}
		return s.transact(ctx, &beginReading, func() error { return do(s) })
	}
}

// Scan is Read, but for the last free connection: that is for those who know
// which records they want, so that they do not wait for those who search.
func (e *engine) Scan(ctx context.Context, how gormstore.Reading, do func(gormstore.Session) error) error {
	read := reading(ctx, how, do)
	if done, err := e.replica.read(ctx, how, read); done {
		return err
	}
	if e.Closed() { // of two ways that are open, select takes either
		return gormstore.ErrClosed
	}
	select {
	case e.scans <- struct{}{}:
	default:
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
	}
	defer func() { <-e.scans }()
	return e.with(ctx, read)
}

// attempts is how often a transaction is tried that others come in the way of.
const attempts = 20

// Write lends a connection for a transaction. Its isolation is read committed:
// what it decides by is locked. Transactions that lock each other's rows, or find
// absent what another stores, begin anew.
func (e *engine) Write(ctx context.Context, do func(gormstore.Session) error) error {
	for attempt := 1; ; attempt++ {
		err := e.with(ctx, func(s *session) error {
			return s.transact(ctx, &beginWriting, func() error { return do(s) })
		})
		e.doubts(ctx, err)
		if err == nil || attempt == attempts || !again(err) {
			return err
		}
		pause := time.Duration(rand.Int64N(int64(min(attempt, 10)) * int64(2*time.Millisecond)))
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// alone runs one statement on a connection.
func (e *engine) alone(ctx context.Context, text string) error {
	return e.with(ctx, func(s *session) error { return s.run(ctx, text) })
}

// migrating is the key of the lock that processes hold that change tables.
const migrating = 0x706f72746f6c616e

// Migrate lends gorm a transaction. Processes that migrate wait for each other by
// an advisory lock, for as long as another statement may take at least.
func (e *engine) Migrate(ctx context.Context, do func(*gorm.DB) error) error {
	if e.Closed() {
		return gormstore.ErrClosed
	}
	tx, err := e.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // of what did not commit
	for _, statement := range []string{
		"SET LOCAL statement_timeout = 0", "SET LOCAL lock_timeout = '5min'",
		"SELECT pg_advisory_xact_lock(" + strconv.FormatInt(migrating, 10) + ")",
		"SET LOCAL lock_timeout = " + strconv.FormatInt(e.cfg.LockTimeout.Milliseconds(), 10),
	} {
		if _, err := tx.ExecContext(ctx, statement); err != nil {
			return err
		}
	}
	orm, err := gorm.Open(postgres.New(postgres.Config{Conn: tx}), &gorm.Config{
		SkipDefaultTransaction: true,
		DisableAutomaticPing:   true,
		Logger:                 logger.Discard,
	})
	if err != nil {
		return err
	}
	if err := do(orm.WithContext(ctx)); err != nil {
		return err
	}
	return tx.Commit()
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

// Close waits for what is running, and closes all connections. Those of a server that does not answer,
// to which pgx says goodbye for 15 seconds, end without being waited for.
func (e *engine) Close() (err error) {
	e.once.Do(func() {
		close(e.done)
		closed := make(chan error, 1)
		go func() {
			e.replica.close()
			err := e.db.Close()
			e.pool.Close()
			closed <- err
		}()
		select {
		case err = <-closed:
		case <-time.After(goodbye):
		}
	})
	return err
}

// goodbye is how long Close waits.
const goodbye = 500 * time.Millisecond
