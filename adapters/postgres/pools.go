package postgres

import (
	"database/sql"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

// Pools returns the figures of the connections, as of whenever they are asked for.
func (s *Store) Pools() map[string]func() sql.DBStats {
	pools := map[string]func() sql.DBStats{"postgres": s.engine.figures}
	if r := s.engine.replica; r != nil {
		pools["postgres_replica"] = func() sql.DBStats { return figuresOf(r.pool.Stat()) }
	}
	return pools
}

func (e *engine) figures() sql.DBStats {
	figures := figuresOf(e.pool.Stat())
	figures.WaitCount += e.waits.count.Load()
	figures.WaitDuration += time.Duration(e.waits.time.Load())
	return figures
}

func figuresOf(stat *pgxpool.Stat) sql.DBStats {
	return sql.DBStats{
		MaxOpenConnections: int(stat.MaxConns()), OpenConnections: int(stat.TotalConns()),
		InUse: int(stat.AcquiredConns()), Idle: int(stat.IdleConns()),
		WaitCount: stat.EmptyAcquireCount(), WaitDuration: stat.EmptyAcquireWaitTime(),
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

// System returns what OpenTelemetry calls the database.
func (s *Store) System() string { return "postgresql" }
