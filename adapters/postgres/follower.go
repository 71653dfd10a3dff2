package postgres

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// A follower is a connection to a replica. Behind one address there may be several
// replicas, so each connection knows for itself how far it is; that only increases.
type follower struct {
	conn     *pgconn.PgConn
	era      int       // of the samples, in which it was compared with the primary
	replayed uint64    // the place in the log up to which it was known to be
	asked    time.Time // when that was
}

// followerOf is where a connection keeps its follower.
const followerOf = "portolan follower"

// Why a server is not taken for a replica.
var (
	errForeign  = errors.New("the server is no replica: its cluster is another one than the primary's")
	errDatabase = errors.New("the database of the replica is another one than the primary's")
	errUnknown  = errors.New("the server does not say whether it is a replica")
	errLeads    = errors.New("the server is no replica at the moment")
	errApart    = errors.New("the replica follows another primary, or looks for tables in other schemas")
	errMute     = errors.New("the replica does not say how far it is")
	errUnheard  = errors.New("the primary has not said yet how far it is")
)

// askReplica is how far the replica is, and on which timeline: that of what it has
// written down, which is behind what it shows.
const askReplica = `SELECT (pg_last_wal_replay_lsn() - '0/0')::text,
	greatest((SELECT timeline_id FROM pg_control_checkpoint()), (SELECT min_recovery_end_timeline FROM pg_control_recovery())), ` + common

// askReplayed is how far the replica is.
const askReplayed = `SELECT (pg_last_wal_replay_lsn() - '0/0')::text`

// follow compares a new connection with the primary.
func (s *samples) follow(ctx context.Context, conn *pgx.Conn) error {
	if err := inUTF8(ctx, conn); err != nil {
		return err
	}
	primary, era := s.primary()
	if era == 0 {
		return errUnheard
	}
	asked := time.Now()
	row, err := oneRow(ctx, conn.PgConn(), askReplica)
	if err != nil {
		return err
	}
	of := identity{timeline: row[1], system: row[2], database: row[3], schemas: row[4]}
	switch {
	case of.system != primary.system:
		return errForeign
	case of.database != primary.database:
		return errDatabase
	case conn.PgConn().ParameterStatus(standing) == "":
		return errUnknown
	case !standsBy(conn.PgConn()):
		return errLeads
	case of != primary:
		return errApart
	}
	replayed, err := strconv.ParseUint(row[0], 10, 64)
	if err != nil {
		return errMute
	}
	conn.PgConn().CustomData()[followerOf] = &follower{conn: conn.PgConn(), era: era, replayed: replayed, asked: asked}
	return nil
}

// standing is what a server reports by itself, before it says that it is ready for
// the next question: whether it is a replica (since PostgreSQL 14).
const standing = "in_hot_standby"

// standsBy reports whether the server was a replica when it answered last.
func standsBy(conn *pgconn.PgConn) bool { return conn.ParameterStatus(standing) == "on" }

// meets reports whether the connection shows what is needed. If what is known of it is
// not enough it is asked anew, but not again within every.
func (f *follower) meets(ctx context.Context, s *samples, n need, every time.Duration) (bool, error) {
	if _, era := s.primary(); era != f.era {
		return false, errApart
	}
	if n.meets(s.asOf(f.era, f.replayed)) {
		return true, nil
	}
	if time.Since(f.asked) < every {
		return false, nil
	}
	f.asked = time.Now()
	ctx, cancel := context.WithTimeout(ctx, meetWithin)
	defer cancel()
	row, err := oneRow(ctx, f.conn, askReplayed)
	if err != nil {
		return false, err
	}
	if f.replayed, err = strconv.ParseUint(row[0], 10, 64); err != nil {
		return false, errMute
	}
	return n.meets(s.asOf(f.era, f.replayed)), nil
}
