package sqlite

import (
	"database/sql"
	"sync/atomic"
	"time"
)

// Pools returns the figures of the connections that read and of the one that
// writes, as of whenever they are asked for. A database in memory has one
// connection for both, the writer.
func (s *Store) Pools() map[string]func() sql.DBStats {
	pools := map[string]func() sql.DBStats{
		"sqlite-writer": func() sql.DBStats { return s.engine.figures(s.engine.writer, &s.engine.waits.writer) },
	}
	if s.engine.readers != s.engine.writer {
		pools["sqlite-readers"] = func() sql.DBStats { return s.engine.figures(s.engine.readers, &s.engine.waits.readers) }
	}
	return pools
}

// figures returns those of one pool. A session that was not opened yet counts
// as idle.
func (e *engine) figures(pool chan *session, waited *wait) sql.DBStats {
	idle := len(pool)
	return sql.DBStats{
		MaxOpenConnections: cap(pool), OpenConnections: cap(pool), InUse: cap(pool) - idle, Idle: idle,
		WaitCount: waited.count.Load(), WaitDuration: time.Duration(waited.time.Load()),
	}
}

// waits are how often and how long somebody waited for a session.
type waits struct{ readers, writer wait }

type wait struct{ count, time atomic.Int64 }

// waiting counts somebody who waits for a session of the pool, until the
// function that it returns is called.
func (e *engine) waiting(pool chan *session) (end func()) {
	waited, began := &e.waits.readers, time.Now()
	if pool == e.writer {
		waited = &e.waits.writer
	}
	waited.count.Add(1)
	return func() { waited.time.Add(int64(time.Since(began))) }
}

// System returns what OpenTelemetry calls the database.
func (s *Store) System() string { return "sqlite" }
