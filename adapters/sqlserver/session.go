package sqlserver

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/portolan-io/portolan/adapters/internal/gormstore"
)

// A session is a connection, and the transaction that is open on it. Each statement
// runs at once: T-SQL has no way to send several whose parameters go by number.
type session struct {
	conn    *sql.Conn
	tx      *sql.Tx // nil if there is none
	prelude string  // comes before each statement
	timeout time.Duration
	ran     bool // a statement succeeded
	handed  bool // a row was handed out
}

// runner is what statements run on.
type runner interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}

func (s *session) runner() runner {
	if s.tx != nil {
		return s.tx
	}
	return s.conn
}

// transact calls do within a transaction of the level, which is named each time: the
// pool hands on connections with the level that they had.
func (s *session) transact(ctx context.Context, level sql.IsolationLevel, do func() error) (err error) {
	if s.tx, err = s.conn.BeginTx(ctx, &sql.TxOptions{Isolation: level}); err != nil {
		return err
	}
	s.ran = true
	defer func() { s.tx = nil }()
	if err = do(); err == nil {
		err = ctx.Err()
	}
	if err != nil {
		_ = s.tx.Rollback() // the server has often done it before
		return err
	}
	if err = s.tx.Commit(); err != nil {
		return &commitError{err}
	}
	return nil
}

// A commitError is one after which nobody knows whether the transaction was stored,
// unless the server says so.
type commitError struct{ error }

func (e *commitError) Unwrap() error { return e.error }

// within returns a context for one statement, and what its end is called.
func (s *session) within(ctx context.Context) (context.Context, func(error) error) {
	patience, cancel := context.WithTimeout(ctx, s.timeout)
	return patience, func(err error) error {
		defer cancel()
		switch {
		case err == nil:
			s.ran = true
		case ctx.Err() == nil && errors.Is(patience.Err(), context.DeadlineExceeded):
			return errSlow
		}
		return err
	}
}

// counted comes behind a statement that returns no rows. Triggers do not change what it
// says, and whoever forbids the server to count in between does not either.
const counted = "; SELECT ROWCOUNT_BIG()"

// Exec runs a statement without rows.
func (s *session) Exec(ctx context.Context, kept *gormstore.Statement, args []gormstore.Arg) (changed int64, err error) {
	err = s.rows(ctx, kept.Text+counted, parameters(args, true), func(c *cells) (bool, error) {
		changed = c.Int(0) // of the last result; a trigger may have some of its own
		return true, nil
	})
	return changed, err
}

// Query runs a statement and hands out its rows.
func (s *session) Query(ctx context.Context, kept *gormstore.Statement, args []gormstore.Arg, each func(gormstore.Cells) (bool, error)) error {
	return s.rows(ctx, kept.Text, parameters(args, false), func(c *cells) (bool, error) {
		s.handed = true
		return each(c)
	})
}

// rows runs a statement, and hands out the rows of all that it returns, until each has
// seen enough.
func (s *session) rows(ctx context.Context, text string, args []any, each func(*cells) (bool, error)) error {
	ctx, end := s.within(ctx)
	return end(s.read(ctx, text, args, each))
}

func (s *session) read(ctx context.Context, text string, args []any, each func(*cells) (bool, error)) (err error) {
	rows, err := s.runner().QueryContext(ctx, s.prelude+text, args...)
	if err != nil {
		return err
	}
	ended := false
	defer func() {
		if closed := rows.Close(); err == nil && ended {
			err = closed // else it is that the rows were not read to their end
		}
	}()
	more, err := handOut(rows, each)
	if err == nil {
		ended = more || skip(rows)
	}
	return err
}

func handOut(rows *sql.Rows, each func(*cells) (more bool, err error)) (more bool, err error) {
	for next := true; next; next = rows.NextResultSet() {
		types, err := rows.ColumnTypes()
		if err != nil {
			return false, err
		}
		c := newCells(types)
		into := c.into()
		for rows.Next() {
			if err := rows.Scan(into...); err != nil {
				return false, err
			}
			if more, err := each(c); err != nil || !more {
				return false, err
			}
		}
		if err := rows.Err(); err != nil {
			return false, err
		}
	}
	return true, rows.Err()
}

// skip reads to the end if that is near, and reports whether it came there: to stop the
// server costs a message that it has to answer, and ends the transaction.
func skip(rows *sql.Rows) bool {
	for range 100 {
		if !rows.Next() {
			return rows.Err() == nil
		}
	}
	return false
}

// run runs a statement that is not kept, and has no parameters.
func (s *session) run(ctx context.Context, text string) error {
	ctx, end := s.within(ctx)
	_, err := s.runner().ExecContext(ctx, s.prelude+text)
	return end(err)
}

// Queue runs the call.
func (s *session) Queue(ctx context.Context, call gormstore.Call) (err error) {
	var changed int64
	if call.Row == nil {
		changed, err = s.Exec(ctx, call.Statement, call.Args)
	} else {
		err = s.Query(ctx, call.Statement, call.Args, func(c gormstore.Cells) (bool, error) { return true, call.Row(c) })
	}
	if call.Done != nil {
		return call.Done(changed, err)
	}
	return err
}

// Flush does nothing: all calls were run.
func (s *session) Flush(context.Context) error { return nil }
