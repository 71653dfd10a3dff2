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
	claim    claim     // a place that the primary was not yet asked behind; its time is zero if there is none
	follows  bool      // the primary was behind no place of it, and before one at least
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
	errDeaf     = errors.New("the replica receives no log at the moment")
	errAhead    = errors.New("the replica is ahead of the primary, and so has another history")
	errMute     = errors.New("the replica does not say how far it is")
	errUnheard  = errors.New("the primary has not said yet how far it is")
)

// askReplica is how far the replica is, and on which timeline: that of what it receives,
// of which it shows nothing before, and what it has written down, which is behind what it
// shows. Who may not see the one is left with the other.
const askReplica = `SELECT (pg_last_wal_replay_lsn() - '0/0')::text,
	greatest((SELECT timeline_id FROM pg_control_checkpoint()), (SELECT min_recovery_end_timeline FROM pg_control_recovery()),
		(SELECT max(received_tli) FROM pg_stat_wal_receiver)),
	(SELECT count(*) FROM pg_stat_wal_receiver), ` + common

// follow compares a new connection with the primary.
func (s *samples) follow(ctx context.Context, conn *pgx.Conn) error {
	if err := inUTF8(ctx, conn); err != nil {
		return err
	}
	primary, era := s.primary()
	if era == 0 {
		return errUnheard
	}
	f := &follower{conn: conn.PgConn(), era: era}
	if err := f.ask(ctx, primary); err != nil {
		return err
	}
	conn.PgConn().CustomData()[followerOf] = f
	return nil
}

// ask asks how far the replica is, and whether it is still one of the primary.
func (f *follower) ask(ctx context.Context, primary identity) error {
	f.asked = time.Now()
	row, err := oneRow(ctx, f.conn, askReplica)
	if err != nil {
		return err
	}
	of := identity{timeline: row[1], system: row[3], database: row[4], schemas: row[5]}
	switch {
	case of.system != primary.system:
		return errForeign
	case of.database != primary.database:
		return errDatabase
	case f.conn.ParameterStatus(standing) == "":
		return errUnknown
	case !standsBy(f.conn):
		return errLeads
	case of != primary:
		return errApart
	case row[2] == "0":
		return errDeaf
	}
	if f.replayed, err = strconv.ParseUint(row[0], 10, 64); err != nil {
		return errMute
	}
	if f.claim.before.IsZero() {
		f.claim = claim{f.replayed, time.Now()}
	}
	return nil
}

// strays reports whether the error says that a connection is not to be used again.
func strays(err error) bool {
	for _, why := range []error{errForeign, errDatabase, errUnknown, errLeads, errApart, errDeaf, errAhead, errMute} {
		if errors.Is(err, why) {
			return true
		}
	}
	return false
}

// standing is what a server reports by itself, before it says that it is ready for
// the next question: whether it is a replica (since PostgreSQL 14).
const standing = "in_hot_standby"

// standsBy reports whether the server was a replica when it answered last.
func standsBy(conn *pgconn.PgConn) bool { return conn.ParameterStatus(standing) == "on" }

// meets reports whether the connection shows what is needed. It is asked anew when every
// has passed, and does not count before the primary was found not to be behind it.
func (f *follower) meets(ctx context.Context, s *samples, n need, every time.Duration) (bool, error) {
	primary, era := s.primary()
	if era != f.era {
		return false, errApart
	}
	if !f.claim.before.IsZero() {
		judged, ahead := s.judge(f.era, f.claim)
		if ahead {
			return false, errAhead
		}
		if judged {
			f.follows, f.claim = true, claim{}
		}
	}
	if time.Since(f.asked) >= every {
		ctx, cancel := context.WithTimeout(ctx, meetWithin)
		defer cancel()
		if err := f.ask(ctx, primary); err != nil {
			return false, err
		}
	}
	return f.follows && n.meets(s.asOf(f.era, f.replayed)), nil
}
