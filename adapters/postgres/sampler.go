package postgres

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// A sampler asks the primary how far its log is. It has a connection of its own: while
// all others are at work the replica is needed most.
type sampler struct {
	config func(context.Context) (*pgx.ConnConfig, error) // of the primary, as of now
	conn   *pgx.Conn                                      // nil if it has to be made
}

// sampleWithin is how long the primary may take to answer: a sample is as old as its
// question, so a late one is worth little.
const sampleWithin = 2 * time.Second

// common are the columns that primary and replica are compared by.
const common = `(SELECT system_identifier FROM pg_control_system()),
	(SELECT oid FROM pg_database WHERE datname = current_database()), current_schemas(false)::text`

// askPrimary is where the next record of the log goes, on which timeline, how the log is
// divided, and which transactions have ended: that is known before the place is asked for.
// On a server that is no primary it fails.
const askPrimary = `SELECT (lsn - '0/0')::text, substr(pg_walfile_name(lsn), 1, 8), wal_block_size, bytes_per_wal_segment, ` + common + `,
	pg_current_snapshot()::text FROM (SELECT pg_current_wal_insert_lsn() AS lsn) AS now, pg_control_init()`

// sample asks once. All that was committed before the question is in the log before
// the answer.
func (s *sampler) sample(ctx context.Context) (of identity, one sample, err error) {
	ctx, cancel := context.WithTimeout(ctx, sampleWithin)
	defer cancel()
	if s.conn == nil {
		config, err := s.config(ctx)
		if err != nil {
			return of, one, err
		}
		if s.conn, err = pgx.ConnectConfig(ctx, config); err != nil {
			s.conn = nil
			return of, one, err
		}
	}
	one.at = time.Now()
	row, err := oneRow(ctx, s.conn.PgConn(), askPrimary)
	if err != nil {
		s.close(ctx)
		return of, one, err
	}
	var numbers [3]uint64
	for i, column := range []int{0, 2, 3} {
		var failed error
		numbers[i], failed = strconv.ParseUint(row[column], 10, 64)
		err = errors.Join(err, failed)
	}
	timeline, failed := strconv.ParseUint(row[1], 16, 64)
	if err = errors.Join(err, failed); err != nil {
		return of, one, err
	}
	one.lsn, one.end, one.seen = ended(numbers[0], numbers[1], numbers[2]), numbers[0], row[7]
	return identity{system: row[4], timeline: strconv.FormatUint(timeline, 10), database: row[5], schemas: row[6]}, one, nil
}

// close lets go of the connection, even if ctx is done.
func (s *sampler) close(ctx context.Context) {
	if s.conn == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	_ = s.conn.Close(ctx) // what it could say is known
	s.conn = nil
}

// oneRow returns the texts of a row; a null is empty.
func oneRow(ctx context.Context, conn *pgconn.PgConn, text string) ([]string, error) {
	results, err := conn.Exec(ctx, text).ReadAll()
	if err != nil {
		return nil, err
	}
	if len(results) != 1 || len(results[0].Rows) != 1 {
		return nil, fmt.Errorf("%d results for one row", len(results))
	}
	row := make([]string, len(results[0].Rows[0]))
	for i, value := range results[0].Rows[0] {
		row[i] = string(value)
	}
	return row, nil
}
