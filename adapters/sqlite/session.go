package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/gormlite"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/portolan-io/portolan/adapters/internal/gormstore"
)

// A session is a connection with the statements that it has prepared. It works
// on the driver's own connection: database/sql would set the interrupt anew and
// box every value for each row.
type session struct {
	conn *sql.Conn // held for as long as the session is, so that raw is ours alone
	raw  *sqlite3.Conn
	kept map[*gormstore.Statement]*sqlite3.Stmt
	orm  *gorm.DB

	patience time.Duration // how long its statements wait for other processes
}

// wait sets how long statements wait for other processes.
func (s *session) wait(patience time.Duration) error {
	if s.patience == patience {
		return nil
	}
	s.patience = patience
	return s.raw.BusyTimeout(patience)
}

// maxKept is how many prepared statements a session keeps. When there are more
// it begins anew.
const maxKept = 300

var (
	begin          = gormstore.Statement{Text: "BEGIN"}
	beginImmediate = gormstore.Statement{Text: "BEGIN IMMEDIATE"}
	commit         = gormstore.Statement{Text: "COMMIT"}
	rollback       = gormstore.Statement{Text: "ROLLBACK"}
)

// gorm returns gorm on the connection.
func (s *session) gorm() (*gorm.DB, error) {
	if s.orm != nil {
		return s.orm, nil
	}
	var err error
	s.orm, err = gorm.Open(gormlite.OpenDB(s.conn), &gorm.Config{
		SkipDefaultTransaction: true,
		DisableAutomaticPing:   true,
		Logger:                 logger.Discard,
	})
	return s.orm, err
}

// transact calls do between begin and COMMIT, or ROLLBACK if it fails.
func (s *session) transact(ctx context.Context, begin *gormstore.Statement, do func() error) error {
	_, err := s.Exec(ctx, begin, nil)
	if err == nil {
		err = do()
	}
	if err == nil {
		err = ctx.Err()
	}
	if err == nil {
		_, err = s.Exec(ctx, &commit, nil)
	}
	if err == nil {
		return nil
	}
	if !s.raw.GetAutocommit() { // some errors end the transaction, and an interrupted BEGIN may have begun it
		interrupt := s.raw.SetInterrupt(context.Background())
		defer s.raw.SetInterrupt(interrupt)
		if _, failed := s.Exec(ctx, &rollback, nil); failed != nil {
			err = errors.Join(err, failed)
		}
	}
	return err
}

// prepare returns the statement for the text, made if need be.
func (s *session) prepare(kept *gormstore.Statement) (*sqlite3.Stmt, error) {
	if stmt := s.kept[kept]; stmt != nil {
		return stmt, nil
	}
	if len(s.kept) >= maxKept {
		if err := s.forget(); err != nil {
			return nil, err
		}
	}
	stmt, _, err := s.raw.PrepareFlags(kept.Text, sqlite3.PREPARE_PERSISTENT)
	if err != nil {
		return nil, err
	}
	s.kept[kept] = stmt
	return stmt, nil
}

// forget closes what was prepared.
func (s *session) forget() error {
	var errs []error
	for _, stmt := range s.kept {
		errs = append(errs, stmt.Close())
	}
	clear(s.kept)
	return errors.Join(errs...)
}

func (s *session) close() error { return errors.Join(s.forget(), s.conn.Close()) }

// bind gives the parameters their values.
func bind(stmt *sqlite3.Stmt, args []gormstore.Arg) (err error) {
	for i, arg := range args {
		switch arg.Kind {
		case gormstore.NullKind:
			err = stmt.BindNull(i + 1)
		case gormstore.IntKind:
			err = stmt.BindInt64(i+1, arg.Int())
		case gormstore.FloatKind:
			err = stmt.BindFloat(i+1, arg.Float())
		case gormstore.TextKind:
			err = stmt.BindText(i+1, arg.Text())
		case gormstore.BlobKind:
			err = stmt.BindBlob(i+1, []byte(arg.Text()))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Exec runs a statement without rows.
func (s *session) Exec(_ context.Context, kept *gormstore.Statement, args []gormstore.Arg) (int64, error) {
	stmt, err := s.prepare(kept)
	if err != nil {
		return 0, err
	}
	if err := bind(stmt, args); err != nil {
		return 0, err
	}
	if err := stmt.Exec(); err != nil {
		return 0, err
	}
	return s.raw.Changes(), nil
}

// Query runs a statement and hands out its rows.
func (s *session) Query(_ context.Context, kept *gormstore.Statement, args []gormstore.Arg, each func(gormstore.Cells) (bool, error)) (err error) {
	stmt, err := s.prepare(kept)
	if err != nil {
		return err
	}
	defer func() {
		if failed := recover(); failed != nil {
			err = s.exhausted(kept, failed)
		}
	}()
	if err := bind(stmt, args); err != nil {
		return err
	}
	more, row := true, cells{stmt}
	for more && err == nil && stmt.Step() {
		more, err = each(row)
	}
	if err == nil {
		err = stmt.Err()
	}
	if reset := stmt.Reset(); err == nil {
		err = reset
	}
	return err
}

// exhausted returns what the driver panics with if the engine has no memory left for a
// statement, which it then gives up; another panic goes on.
func (s *session) exhausted(kept *gormstore.Statement, failed any) error {
	err, ok := failed.(error)
	if !ok || err.Error() != "sqlite3: out of memory" { // the driver has no name for it
		panic(failed)
	}
	s.giveUp(kept)
	return sqlite3.NOMEM
}

// giveUp ends the statement, as far as the engine still can.
func (s *session) giveUp(kept *gormstore.Statement) {
	defer func() { _ = recover() }() // it may have no memory for that either
	if stmt := s.kept[kept]; stmt != nil {
		_ = stmt.Reset() // its error is the one that is known
	}
}

// Queue runs the call at once: nothing is gained by waiting.
func (s *session) Queue(ctx context.Context, call gormstore.Call) (err error) {
	var changed int64
	if call.Row == nil {
		changed, err = s.Exec(ctx, call.Statement, call.Args)
	} else {
		err = s.Query(ctx, call.Statement, call.Args, func(cells gormstore.Cells) (bool, error) { return true, call.Row(cells) })
	}
	if call.Done != nil {
		return call.Done(changed, err)
	}
	return err
}

// Flush does nothing: nothing waits.
func (s *session) Flush(context.Context) error { return nil }

// cells reads the row on which the statement stands.
type cells struct{ stmt *sqlite3.Stmt }

var kinds = [...]gormstore.Kind{
	sqlite3.INTEGER: gormstore.IntKind, sqlite3.FLOAT: gormstore.FloatKind,
	sqlite3.TEXT: gormstore.TextKind, sqlite3.BLOB: gormstore.BlobKind, sqlite3.NULL: gormstore.NullKind,
}

func (c cells) Kind(i int) gormstore.Kind { return kinds[c.stmt.ColumnType(i)] }
func (c cells) Int(i int) int64           { return c.stmt.ColumnInt64(i) }
func (c cells) Float(i int) float64       { return c.stmt.ColumnFloat(i) }
func (c cells) Bytes(i int) []byte        { return c.stmt.ColumnRawBlob(i) }
