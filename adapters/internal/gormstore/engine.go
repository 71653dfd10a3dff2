package gormstore

import (
	"context"
	"errors"
	"math"
	"time"

	"gorm.io/gorm"

	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/core/schema"
)

// An Engine gives out the connections of one database. It is safe for
// concurrent use. Its errors are the driver's own, which the dialect
// classifies, except ErrClosed and a done context's.
type Engine interface {
	// Read calls do with a session that only reads. It may call do again, which
	// therefore begins anew with whatever it collects.
	Read(ctx context.Context, how Reading, do func(Session) error) error

	// Scan is Read for a statement that may take long. Read does not wait for
	// those that scan, unless the database has but one connection.
	Scan(ctx context.Context, how Reading, do func(Session) error) error

	// Write calls do within a transaction, which commits if do returns nil and
	// ctx is not done. What do reads with the dialect's Lock or Share, nobody
	// changes until the transaction ends. If do returns ErrAgain, and if the engine
	// refuses the transaction because of another, do is called again in a new one.
	Write(ctx context.Context, do func(Session) error) error

	// Migrate is Write for gorm. Several processes that migrate wait for each
	// other.
	Migrate(ctx context.Context, do func(*gorm.DB) error) error

	// Closed reports whether Close was called.
	Closed() bool

	// Close waits for what is running and lets go of every connection. Calling
	// it again does nothing.
	Close() error
}

// A Reading says what is read, and how. The zero Reading is of no collection.
type Reading struct {
	Collection *schema.Collection
	Stale      time.Duration // as in query.View; an engine with one database ignores it
	Consistent bool          // all statements see the same state of the database
}

// ErrClosed is what an engine returns after Close.
var ErrClosed = errors.New("the store is closed")

// ErrAgain says that another transaction stored what this one found absent.
var ErrAgain = errors.New("another transaction came between")

// A Session runs statements on one connection, one at a time. A statement that
// begins when ctx is done fails, so that loops over statements end by themselves.
type Session interface {
	// Exec runs a statement that returns no rows, and returns how many rows it
	// changed.
	Exec(ctx context.Context, s *Statement, args []Arg) (changed int64, err error)

	// Query calls each with every row in turn, until it returns false or an
	// error, which Query then returns.
	Query(ctx context.Context, s *Statement, args []Arg, each func(Cells) (more bool, err error)) error

	// Queue runs the call at some time before the next Exec, Query or Flush
	// returns, or the transaction ends: engines far away are sent many calls at
	// once. Calls run in the order in which they were queued, none of them behind one
	// that failed. What a call's Done returns is the error of Queue, or of whatever
	// ran the call; but it cannot undo what succeeded if the transaction is over.
	Queue(ctx context.Context, call Call) error

	// Flush runs what is queued.
	Flush(ctx context.Context) error
}

// A Call is a statement that may wait for others.
type Call struct {
	Statement *Statement
	Args      []Arg
	Row       func(Cells) error                    // takes each row; nil of a statement that returns none
	Done      func(changed int64, err error) error // told how it ended
}

// A Loader is a Session that stores many rows faster than one by one.
type Loader interface {
	// Load stores the rows, and returns the positions of those that it did not
	// because a record that the run stored has their id.
	Load(ctx context.Context, bulk *Bulk) (repeated []int, err error)
}

// Bulk is rows for a [Loader]. Names are quoted.
type Bulk struct {
	Table   string
	Columns []string // the fields', and that of the revision as the last
	ID      int      // the id's among Columns
	Run     string   // what revisions of the run begin with
	Rows    int
	Row     func(i int, args []Arg) []Arg // appends the values of Columns

	Fields  []schema.Field // of the columns, but for the last
	Besides []Beside       // those of the fields
	Key     string         // the column by which ids are looked up
}

// A Statement is kept text. Sessions keep what they prepare for it by its
// address.
type Statement struct {
	Text  string
	slots []slot
}

// A Kind is how an engine stores a value.
type Kind uint8

// The kinds.
const (
	NullKind  Kind = iota
	IntKind        // also bools, times in microseconds and decimals without their point
	FloatKind      // 64 bits
	TextKind       // UTF-8
	BlobKind       // octets
)

// An Arg is the value of a parameter.
type Arg struct {
	Kind  Kind
	scale uint8
	num   int64
	text  string
}

// ArgOf returns v as it is stored in managed tables.
func ArgOf(v record.Value) Arg {
	switch v.Type() {
	case record.NullType:
		return Arg{}
	case record.StringType, record.JSONType:
		return Arg{Kind: TextKind, text: v.AsString()}
	case record.BytesType:
		return Arg{Kind: BlobKind, text: v.AsString()}
	case record.ListType:
		return Arg{Kind: TextKind, text: string(record.AppendValue(nil, v))}
	case record.FloatType:
		return Arg{Kind: FloatKind, num: int64(math.Float64bits(v.AsFloat()))}
	case record.DecimalType:
		unscaled, scale := v.AsDecimal()
		return Arg{Kind: IntKind, scale: uint8(scale), num: unscaled}
	}
	return Arg{Kind: IntKind, num: v.AsInt()}
}

// Int returns the number of an arg of IntKind.
func (a Arg) Int() int64 { return a.num }

// Scale returns how many of the digits of Int come behind the point of a decimal.
func (a Arg) Scale() int { return int(a.scale) }

// Float returns the number of an arg of FloatKind.
func (a Arg) Float() float64 { return math.Float64frombits(uint64(a.num)) }

// Text returns the text or the octets of an arg of TextKind or BlobKind.
func (a Arg) Text() string { return a.text }

// Cells are the values of one row, by column. They are valid until the next
// row. Each method may be called for its own kind only.
type Cells interface {
	Kind(column int) Kind
	Int(column int) int64
	Float(column int) float64
	Bytes(column int) []byte // of TextKind and BlobKind
}
