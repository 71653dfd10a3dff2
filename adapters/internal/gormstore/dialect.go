package gormstore

import (
	"gorm.io/gorm"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/core/schema"
)

// A Dialect is what one engine says differently. Its templates are SQL in which
// {c} stands for a column, {v} for the operand of the filter as a parameter,
// {s} for the least text that comes after all texts that begin with it, and
// {i} for the canonical JSON of it between two commas. Engines that compare
// texts otherwise than by their octets have {o} for the octets of a text, {e}
// for those of {s}, {n} for the column that holds the text itself where {c} is
// its octets, and {t} for a time as text.
type Dialect struct {
	Name string         // of the adapter, "sqlite"
	Gorm gorm.Dialector // quotes names and writes parameters

	Contains   string // the text {c} holds {v}
	StartsWith string // the text {c} begins with {v}, which is not empty
	EndsWith   string // the text {c} ends with {v}, which is not empty
	HasText    string // the list {c} has the string {v}
	HasNumber  string // the list {c} has the number or bool {v}
	Sum        string // the exact sum of the integers or decimals {c} as text; empty if the engine has none
	SumHigh    string // without Sum: that of the integers {c} shifted right by 32 bits, with their sign
	SumLow     string // without Sum: that of the lower 32 bits of the integers {c}
	Number     string // the bool {c} as something that has a least one; empty if it is that

	// Ascending and Descending come behind a key that may be null, so that null is
	// before every other value: what the engine does by itself is said in the index
	// as well as in the order. The id is never null.
	Ascending, Descending string

	// Lock and Share come behind a SELECT by id within a transaction: nobody else
	// changes, or locks, what it found until the transaction ends.
	Lock, Share string

	// Hints are Lock and Share of an engine that wants them behind the table's name.
	Hints struct{ Lock, Share string }

	// Unless comes behind an INSERT of one row, and makes it change nothing if there
	// is a record of the id in {c} already. Empty, the row is selected where there is
	// none, and a Load that is not in bulk takes two statements for a new row.
	Unless string

	// Duplicate reports whether an INSERT failed by a key, which in a managed table is
	// that of the id: another transaction stored it. Nil if none fails by that.
	Duplicate func(error) bool

	// Top says that a SELECT names its limit behind its first word, and that parts
	// which are put together with UNION ALL have names and come in no order.
	Top bool

	// Named says that a parameter may be written again where it is needed again.
	Named bool

	// Octets says that texts are read as octets.
	Octets bool

	// Schema is that of tables whose name says none; empty is the connection's own.
	Schema string

	// Managed returns how the column of a managed table serves the field; nil if each
	// is written, compared and sorted as it is.
	Managed func(*schema.Field) Mapped

	// Beside returns the column that a managed table has beside that of the field, if
	// it needs one; nil if none does. The primary key is the one beside an id.
	Beside func(f *schema.Field, id bool) Beside

	// Ahead is how calls are sent before it is known what those before them met; nil
	// if the engine runs each at once.
	Ahead *Ahead

	// Prefix is the first characters of the text {c}, as many as {v} has.
	Prefix string

	// Type returns the column type that a managed table gives to the field, which may
	// be its id.
	Type func(f *schema.Field, id bool) string

	// Map returns how an existing column of an unmanaged table serves the field,
	// or says why it cannot.
	Map func(field *schema.Field, existing Column) (mapped Mapped, why string)

	// Counts reports whether a write can count up the column, in which an
	// unmanaged table has its revisions. Others must move by themselves.
	Counts func(existing Column) bool

	// Revision returns the text of a column in which an unmanaged table has its
	// revisions, of the quoted name; a counter that is null stands at 0.
	Revision func(name string, existing Column) string

	// Describe returns what the table of the qualified name is, nil if there is
	// none.
	Describe func(db *gorm.DB, table string) (*Existing, error)

	// TableSuffix comes behind the closing parenthesis of CREATE TABLE.
	TableSuffix string

	// Add comes between the name of a table and a column that it gets.
	Add string

	// Qualifier returns what makes, if need be, that which qualifies a table's name;
	// nil if it cannot be made.
	Qualifier func(name string) string

	// IndexName and IndexTable return how CREATE INDEX names an index of a
	// qualified table, and the table.
	IndexName, IndexTable func(table, index string) string

	// Taken reports whether something is where an index of the qualified table would
	// be that is called so; nil if a table's indexes are called as nothing beside it.
	Taken func(db *gorm.DB, table, index string) (bool, error)

	// Indexed says why no index can have the field as a key, if that is so; nil if all can.
	Indexed func(*schema.Field) (why string)

	// Classify returns the fault that a driver's error is. Detail and Hint are
	// for the caller.
	Classify func(op string, err error) *fault.Error
}

// Ahead makes statements fail where others would merely find or change nothing, so
// that what was sent behind them, and the transaction, fail with them.
type Ahead struct {
	Before  string           // comes before a statement that must change a row, or find one
	Changed string           // comes behind one that must change a row
	Found   string           // comes behind a SELECT of a revision that must find one, and gives the revision
	None    [2]string        // stand around a SELECT that must find nothing
	Failed  func(error) bool // reports whether that is why a statement failed
}

// Mapped is how a column of an unmanaged table serves a field: templates in
// which {c} is the column and {v} a value as managed tables store it. The empty
// template is {c} or {v} itself.
type Mapped struct {
	Read    string // gives what managed tables would store
	Write   string // gives what the column stores
	Same    string // is compared for equality with what managed tables store; empty is Read
	Text    string // is {n} of Dialect; empty is the column itself
	Indexed bool   // an index of the column serves Read as well

	// Operand is {v} as it is compared with Read, or with Same; empty is {v} itself.
	Operand string

	// Keeps says of a value, which is not null, what it would have to be for the column
	// not to change it; empty if it does not. Nil if the column keeps all values.
	Keeps func(record.Value) (must string)

	// Key, of an id, is what is looked up by its value as the column stores it, for
	// those ids that Valid accepts; no record can have another. Empty is Same.
	Key   string
	Valid func(id string) bool

	// Seek, of an id, is compared as well, with SeekOperand, where an index serves
	// that and not what must be equal. What must be equal is equal in it, too.
	Seek, SeekOperand string
}

// Beside is a column that a managed table has beside that of a field, by which the
// field is read, compared and sorted in its place.
type Beside struct {
	Name       string // as it is quoted; empty is none
	Definition string // its type, or how it is computed
	Write      string // a template with {v} of what is stored; empty of one that is computed
}

// Existing is a table as it is.
type Existing struct {
	Columns []Column
	Indexes []Keys
	Strict  bool // it keeps values of other types out
}

// A Column is a column as it is.
type Column struct {
	Name      string
	Type      string // as declared
	Key       int    // 1-based place in the primary key, or 0
	NotNull   bool
	Mandatory bool // neither null nor left out
	Enum      bool // of a type of named values
	Generated bool // cannot be written
}

// Keys are an index as it is.
type Keys struct {
	Name    string
	Columns []string // an expression is the empty string
	Desc    []bool
	Unique  bool
	Partial bool

	Deferred bool // is unique, but may not tell until the transaction ends
	Folded   bool // takes texts for equal that are not

	Unordered bool // sorts texts or nulls otherwise than our orders do
}
