package sqlserver

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	mssql "github.com/microsoft/go-mssqldb"
)

// A script is a server that answers statements as it is told, and notes them. It stands
// for the driver, so that what it notes is what a server would be sent. It knows no
// T-SQL: whether the statements mean what they should only a server can tell.
type script struct {
	t       testing.TB
	mu      sync.Mutex
	answers []*answer
	refuses []error // what the next connections are refused with
	log     strings.Builder
	sent    []string // the batches as they are, which log shows without what is in all of them
	copied  [][]driver.Value
}

// An answer is for the statements that hold a text, as often as it says.
type answer struct {
	holds string
	times int // 0 is always
	types []string
	rows  [][]driver.Value
	err   error
	hangs bool   // until whoever asks has enough
	later error  // comes behind the rows
	about string // the first parameter, if that matters
}

// database is the row that says how the database is.
func database(snapshot, committed, level int64, page driver.Value) *answer {
	return &answer{holds: "FROM sys.databases", types: []string{"INT", "INT", "INT", "INT"},
		rows: [][]driver.Value{{snapshot, committed, level, page}}}
}

// usual is a database as Azure makes it.
func usual() *answer { return database(1, 1, 160, int64(65001)) }

// changed answers what counts rows.
func changedRows(n int64) *answer {
	return &answer{holds: counted, types: []string{"BIGINT"}, rows: [][]driver.Value{{n}}}
}

// scripted returns a store over the script's server.
func scripted(t testing.TB, cfg Config, answers ...*answer) (*Store, *script) {
	t.Helper()
	s := &script{t: t, answers: answers}
	cfg.DSN = func(context.Context) (string, error) { return "", nil }
	if err := cfg.complete(); err != nil {
		t.Fatal(err)
	}
	e, err := open(t.Context(), cfg, s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close() })
	s.noted()
	return newStore(cfg, e), s
}

// noted returns what was noted since.
func (s *script) noted() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer s.log.Reset()
	return s.log.String()
}

func (s *script) note(format string, args ...any) { fmt.Fprintf(&s.log, format+"\n", args...) }

// reply notes a statement, and returns the answer to it.
func (s *script) reply(text string, args []driver.NamedValue) (*answer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	shown := strings.TrimPrefix(text, "SET NOCOUNT, XACT_ABORT, CONCAT_NULL_YIELDS_NULL ON; SET LOCK_TIMEOUT 5000; ")
	shown = strings.TrimSuffix(shown, counted)
	s.note("%s", shown)
	for i, arg := range args {
		s.note("--   %d: %s", i+1, shownValue(arg.Value))
	}
	for _, a := range s.answers {
		if a.times < 0 || !strings.Contains(text, a.holds) || a.about != "" && (len(args) == 0 || args[0].Value != a.about) {
			continue
		}
		if a.times > 0 {
			if a.times--; a.times == 0 {
				a.times = -1 // it is used up
			}
		}
		return a, a.err
	}
	return &answer{}, nil
}

// batch is reply to a batch, which it keeps as it is.
func (s *script) batch(text string, args []driver.NamedValue) (*answer, error) {
	s.mu.Lock()
	s.sent = append(s.sent, text)
	s.mu.Unlock()
	return s.reply(text, args)
}

// whole returns the batches that were sent since, as they are.
func (s *script) whole() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer func() { s.sent = nil }()
	return s.sent
}

// shownValue shows the type that the driver declares, and the value.
func shownValue(v driver.Value) string {
	switch v := v.(type) {
	case sql.NullString:
		return "nvarchar null"
	case int64:
		return fmt.Sprintf("bigint %d", v)
	case float64:
		return fmt.Sprintf("float %g", v)
	case string:
		return fmt.Sprintf("nvarchar %q", v)
	case mssql.NVarCharMax:
		return fmt.Sprintf("nvarchar(max) %q", string(v))
	case []byte:
		return fmt.Sprintf("varbinary %x", v)
	}
	return fmt.Sprintf("%T %v", v, v)
}

// Connect and Driver make a script a connector.
func (s *script) Connect(context.Context) (driver.Conn, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.note("CONNECT")
	if len(s.refuses) == 0 {
		return &scriptedConn{s}, nil
	}
	err := s.refuses[0]
	s.refuses = s.refuses[1:]
	return nil, &connectError{err}
}

func (s *script) Driver() driver.Driver { return nil }

type scriptedConn struct{ *script }

func (c *scriptedConn) Close() error { return nil }

func (c *scriptedConn) Begin() (driver.Tx, error) { panic("a transaction has a level") }

func (c *scriptedConn) CheckNamedValue(*driver.NamedValue) error { return nil }

func (c *scriptedConn) BeginTx(_ context.Context, opts driver.TxOptions) (driver.Tx, error) {
	_, err := c.reply("BEGIN TRANSACTION -- "+sql.IsolationLevel(opts.Isolation).String(), nil)
	return scriptedTx{c}, err
}

type scriptedTx struct{ *scriptedConn }

func (t scriptedTx) Commit() error {
	_, err := t.reply("COMMIT", nil)
	return err
}

func (t scriptedTx) Rollback() error {
	_, err := t.reply("ROLLBACK", nil)
	return err
}

func (c *scriptedConn) QueryContext(ctx context.Context, text string, args []driver.NamedValue) (driver.Rows, error) {
	a, err := c.batch(text, args)
	if err != nil {
		return nil, err
	}
	if a.hangs {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return &scriptedRows{answer: a}, nil
}

func (c *scriptedConn) ExecContext(_ context.Context, text string, args []driver.NamedValue) (driver.Result, error) {
	_, err := c.batch(text, args)
	return driver.RowsAffected(0), err
}

// Prepare takes a bulk copy.
func (c *scriptedConn) Prepare(text string) (driver.Stmt, error) {
	_, err := c.reply(text, nil)
	return scriptedCopy{c}, err
}

type scriptedCopy struct{ *scriptedConn }

func (c scriptedCopy) NumInput() int { return -1 }

func (c scriptedCopy) Query([]driver.Value) (driver.Rows, error) { panic("a copy has no rows") }

func (c scriptedCopy) Exec(args []driver.Value) (driver.Result, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(args) == 0 {
		c.note("-- the end of the copy")
		return driver.RowsAffected(0), nil
	}
	c.copied = append(c.copied, args)
	shown := make([]string, len(args))
	for i, arg := range args {
		shown[i] = shownValue(arg)
		if at, ok := arg.(time.Time); ok {
			shown[i] = "datetime2 " + at.Format(time.RFC3339Nano)
		}
	}
	c.note("--   %s", strings.Join(shown, ", "))
	return driver.RowsAffected(0), nil
}

// scriptedRows are those of an answer.
type scriptedRows struct {
	*answer
	next int
}

func (r *scriptedRows) Columns() []string {
	names := make([]string, len(r.types))
	for i, t := range r.types {
		if _, name, ok := strings.Cut(t, " "); ok {
			names[i] = name
		}
	}
	return names
}

func (r *scriptedRows) ColumnTypeDatabaseTypeName(i int) string {
	name, _, _ := strings.Cut(r.types[i], " ")
	return name
}

func (r *scriptedRows) Close() error { return nil }

func (r *scriptedRows) Next(dest []driver.Value) error {
	if r.next == len(r.rows) {
		if r.later != nil {
			return r.later
		}
		return io.EOF
	}
	copy(dest, r.rows[r.next])
	r.next++
	return nil
}
