package gormstore

import (
	"context"
	"errors"
	"math"

	"gorm.io/gorm"

	"github.com/portolan-io/portolan/core/record"
)

// An Engine gives out the connections of one database. It is safe for
// concurrent use. Its errors are the driver's own, which the dialect
// classifies, except ErrClosed and a done context's.
type Engine interface {
	// Read calls do with a session that only reads. If consistent is set, all
	// statements of do see the same state of the database.
	Read(ctx context.Context, consistent bool, do func(Session) error) error

	// Scan is Read for a statement that may take long. Read does not wait for
	// those that scan, unless the database has but one connection.
	Scan(ctx context.Context, do func(Session) error) error

	// Write calls do within a transaction, which commits if do returns nil and
	// ctx is not done. What do reads, nobody changes until the transaction ends.
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

// ErrClosed is what an engine returns after Close.
var ErrClosed = errors.New("the store is closed")

// A Session runs statements on one connection, one at a time. A statement that
// begins when ctx is done fails, so that loops over statements end by themselves.
type Session interface {
	// Exec runs a statement that returns no rows, and returns how many rows it
	// changed.
	Exec(ctx context.Context, s *Statement, args []Arg) (changed int64, err error)

	// Query calls each with every row in turn, until it returns false or an
	// error, which Query then returns.
	Query(ctx context.Context, s *Statement, args []Arg, each func(Cells) (more bool, err error)) error
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
	Kind Kind
	num  int64
	text string
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
	}
	return Arg{Kind: IntKind, num: v.AsInt()}
}

// Int returns the number of an arg of IntKind.
func (a Arg) Int() int64 { return a.num }

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
