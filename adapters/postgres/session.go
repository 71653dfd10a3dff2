package postgres

import (
	"cmp"
	"context"
	"errors"
	"net"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/portolan-io/portolan/adapters/internal/gormstore"
)

// A session is a connection with the statements that it has prepared, and the
// calls that wait to be sent. It works on the protocol's own connection, in its
// binary format: no value is boxed, and none is read by reflection.
type session struct {
	conn   *pgconn.PgConn
	kept   map[*gormstore.Statement]*prepared
	named  int                  // statements that were ever prepared
	staged map[string]bool      // tables in which rows of a Load wait
	queue  []gormstore.Call     // in the transaction that is open, or begins with them
	open   *gormstore.Statement // begins the transaction when something is sent; nil if it has begun, or there is none
	sent   int                  // statements of the piece that was sent last, unless the server refused one of them
	values encoded
}

// prepared is a statement that the server knows on this connection.
type prepared struct {
	*pgconn.StatementDescription
	cells []cell // how its columns are read
}

// sessionOf is where a connection keeps its session.
const sessionOf = "portolan"

func sessionOn(conn *pgconn.PgConn) *session {
	if s, ok := conn.CustomData()[sessionOf].(*session); ok {
		return s
	}
	s := &session{conn: conn, kept: map[*gormstore.Statement]*prepared{}, staged: map[string]bool{}}
	conn.CustomData()[sessionOf] = s
	return s
}

// maxKept is how many prepared statements a connection keeps. When there are more
// it begins anew.
const maxKept = 300

var (
	beginReading = gormstore.Statement{Text: "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"}
	beginWriting = gormstore.Statement{Text: "BEGIN"}
	commit       = gormstore.Statement{Text: "COMMIT"}
)

// rollbackIn is how long the end of a transaction that failed may take, which does
// not wait for who asked for it.
const rollbackIn = 2 * time.Second

// asBinary is the one format of all parameters and columns.
var asBinary = []int16{1}

// prepare returns the statement as the server knows it.
func (s *session) prepare(ctx context.Context, kept *gormstore.Statement) (*prepared, error) {
	if p := s.kept[kept]; p != nil {
		return p, nil
	}
	s.named++
	described, err := s.conn.Prepare(ctx, "portolan_"+strconv.Itoa(s.named), kept.Text, nil)
	if err != nil {
		return nil, err
	}
	p := &prepared{described, make([]cell, len(described.Fields))}
	for i, field := range described.Fields {
		p.cells[i] = cellOf(field.DataTypeOID)
	}
	s.kept[kept] = p
	return p, nil
}

// fresh returns how many statements of the calls are not prepared.
func (s *session) fresh(calls []gormstore.Call) int {
	n := 0
	for i := range calls {
		if s.kept[calls[i].Statement] == nil && (i == 0 || calls[i].Statement != calls[i-1].Statement) {
			n++
		}
	}
	return n
}

// room forgets what was prepared if there is no room for so many more. What is sent
// together is prepared together.
func (s *session) room(ctx context.Context, more int) error {
	if len(s.kept)+more <= maxKept {
		return nil
	}
	clear(s.kept)
	_, err := s.conn.Exec(ctx, "DEALLOCATE ALL").ReadAll()
	return err
}

// transact calls do between begin and COMMIT, or ROLLBACK if it fails. What do only
// queues and nothing asks for is sent in one piece, and is a transaction without
// either.
func (s *session) transact(ctx context.Context, begin *gormstore.Statement, do func() error) error {
	s.empty()
	s.open = begin
	err := do()
	if err == nil {
		err = ctx.Err()
	}
	if err == nil {
		if err = s.commit(ctx); err != nil && s.sent > 0 {
			err = &unsettledError{err, s.sent}
			abandon(s.conn.Conn())
		}
	}
	s.empty()
	s.open = nil
	if err == nil || s.conn.IsClosed() || s.conn.TxStatus() == 'I' {
		return err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), rollbackIn)
	defer cancel()
	_, failed := s.conn.Exec(ctx, "ROLLBACK").ReadAll()
	return errors.Join(err, failed)
}

// An unsettledError is that of a transaction whose end was sent, and of which nobody
// knows what became: the server may still be about to commit it.
type unsettledError struct {
	error
	statements int // that the server may have to work on
}

func (e *unsettledError) Unwrap() error { return e.error }

// abandon has a connection that is closed forget what it could not send yet, which
// otherwise is sent for minutes if nobody answers.
func abandon(conn net.Conn) {
	if secured, ok := conn.(interface{ NetConn() net.Conn }); ok {
		conn = secured.NetConn()
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // it may be closed already
	}
}

// empty lets go of what is queued.
func (s *session) empty() {
	clear(s.queue)
	s.queue = s.queue[:0]
}

// begin begins the transaction, if it has not begun.
func (s *session) begin(ctx context.Context) error {
	if s.open == nil {
		return s.Flush(ctx)
	}
	s.queue = append([]gormstore.Call{{Statement: s.open}}, s.queue...)
	s.open = nil
	return s.Flush(ctx)
}

// commit sends what is queued, and the end of the transaction.
func (s *session) commit(ctx context.Context) error {
	s.sent = 0
	if s.open == nil {
		s.queue = append(s.queue, gormstore.Call{Statement: &commit})
	}
	s.open = nil
	return s.Flush(ctx)
}

// Queue keeps the call for later.
func (s *session) Queue(_ context.Context, call gormstore.Call) error {
	s.queue = append(s.queue, call)
	return nil
}

// Exec runs a statement without rows.
func (s *session) Exec(ctx context.Context, kept *gormstore.Statement, args []gormstore.Arg) (changed int64, err error) {
	err = s.now(ctx, gormstore.Call{Statement: kept, Args: args, Done: func(n int64, err error) error {
		changed = n
		return err
	}})
	return changed, err
}

// Query runs a statement and hands out its rows. What each does not want to see is
// read all the same, as the server sends it.
func (s *session) Query(ctx context.Context, kept *gormstore.Statement, args []gormstore.Arg, each func(gormstore.Cells) (bool, error)) error {
	more := true
	return s.now(ctx, gormstore.Call{Statement: kept, Args: args, Row: func(cells gormstore.Cells) (err error) {
		if more {
			more, err = each(cells)
		}
		return err
	}})
}

// now runs what is queued, and then the call.
func (s *session) now(ctx context.Context, call gormstore.Call) error {
	if len(s.queue) > 0 || s.open != nil {
		s.queue = append(s.queue, call)
		return s.Flush(ctx)
	}
	err := s.room(ctx, s.fresh([]gormstore.Call{call}))
	if err != nil {
		return done(call, 0, err)
	}
	p, err := s.prepare(ctx, call.Statement)
	if err != nil {
		return done(call, 0, err)
	}
	values, err := s.values.encode(p.ParamOIDs, call.Args)
	if err != nil {
		return done(call, 0, err)
	}
	s.sent = 1
	return s.read(s.conn.ExecStatement(ctx, p.StatementDescription, values, asBinary, asBinary), p, call)
}

// errSilent says that a statement was neither answered nor refused.
var errSilent = errors.New("the server did not answer a statement")

// Flush sends what is queued in one piece, and reads what comes of it.
func (s *session) Flush(ctx context.Context) error {
	if len(s.queue) == 0 {
		return nil
	}
	if s.open != nil {
		return s.begin(ctx)
	}
	calls := s.queue
	defer s.empty()
	if err := s.room(ctx, s.fresh(calls)); err != nil {
		return done(calls[0], 0, err)
	}
	plans := make([]*prepared, len(calls))
	for i := range calls {
		var err error
		if plans[i], err = s.prepare(ctx, calls[i].Statement); err != nil {
			return done(calls[i], 0, err)
		}
	}
	if len(calls) == 1 {
		only := calls[0]
		s.empty()
		return s.now(ctx, only)
	}
	var batch pgconn.Batch
	for i := range calls {
		values, err := s.values.encode(plans[i].ParamOIDs, calls[i].Args)
		if err != nil {
			return done(calls[i], 0, err)
		}
		batch.ExecStatement(plans[i].StatementDescription, values, asBinary, asBinary)
	}
	s.sent = len(calls)
	results := s.conn.ExecBatch(ctx, &batch)
	for i := range calls {
		if !results.NextResult() {
			return done(calls[i], 0, s.told(cmp.Or(results.Close(), errSilent)))
		}
		if err := s.read(results.ResultReader(), plans[i], calls[i]); err != nil {
			_ = results.Close() // it is that error, or follows from it
			return err
		}
	}
	return results.Close()
}

// read hands out the rows of a result.
func (s *session) read(rows *pgconn.ResultReader, p *prepared, call gormstore.Call) error {
	var refused error
	for rows.NextRow() {
		if refused == nil && call.Row != nil {
			refused = call.Row(cells{rows.Values(), p.cells})
		}
	}
	tag, err := rows.Close()
	if s.told(err) == nil {
		err = refused
	}
	return done(call, tag.RowsAffected(), err)
}

// told returns the error, and remembers if it is the server's refusal: then nothing of
// what was sent is committed. That an error is safe to retry by what the driver says of it
// is no such thing: so is one that says, behind a break, that the connection is closed.
func (s *session) told(err error) error {
	var refused *pgconn.PgError
	if errors.As(err, &refused) {
		s.sent = 0
	}
	return err
}

// done tells who queued the call how it ended.
func done(call gormstore.Call, changed int64, err error) error {
	if call.Done != nil {
		return call.Done(changed, err)
	}
	return err
}
