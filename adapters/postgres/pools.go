package postgres

import (
	"database/sql"
	"sync/atomic"
	"time"
)

// Pools returns the figures of the connections, as of whenever they are asked for.
func (s *Store) Pools() map[string]func() sql.DBStats {
	return map[string]func() sql.DBStats{"postgres": s.engine.figures}
}

func (e *engine) figures() sql.DBStats {
	stat := e.pool.Stat()
	return sql.DBStats{
		MaxOpenConnections: int(stat.MaxConns()), OpenConnections: int(stat.TotalConns()),
		InUse: int(stat.AcquiredConns()), Idle: int(stat.IdleConns()),
		WaitCount:         stat.EmptyAcquireCount() + e.waits.count.Load(),
		WaitDuration:      stat.EmptyAcquireWaitTime() + time.Duration(e.waits.time.Load()),
		MaxIdleTimeClosed: stat.MaxIdleDestroyCount(), MaxLifetimeClosed: stat.MaxLifetimeDestroyCount(),
	}
}

// waits are those for a connection that never became free, which the pool does not
// count.
type waits struct{ count, time atomic.Int64 }

func (w *waits) add(d time.Duration) {
	w.count.Add(1)
	w.time.Add(int64(d))
}
