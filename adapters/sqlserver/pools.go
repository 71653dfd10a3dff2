package sqlserver

import "database/sql"

// Pools returns the figures of the connections, as of whenever they are asked for.
func (s *Store) Pools() map[string]func() sql.DBStats {
	return map[string]func() sql.DBStats{"sqlserver": s.engine.db.Stats}
}

// System returns what OpenTelemetry calls the database.
func (s *Store) System() string { return "microsoft.sql_server" }
