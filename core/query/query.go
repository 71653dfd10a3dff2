// Package query is the one query language: how it is read, what it means, and
// the typed tree that every store is given. Start at [Expr] and [Match], which
// is the specification of its semantics; the grammar is docs/query.abnf.
package query

import (
	"time"

	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/core/schema"
)

// An Op is what an [Expr] does.
type Op uint8

// The operators. All is the zero value: an empty filter matches everything.
const (
	All        Op = iota // matches every record
	None                 // matches no record
	And                  // all of Kids match; at least two
	Or                   // some of Kids match; at least two
	Not                  // the one of Kids does not match
	Eq                   // the field equals the operand; null equals null alone
	Ne                   // the opposite of Eq
	Lt                   // the field is less than the operand; false if either is null
	Le                   // less or equal; false if either is null
	Gt                   // greater; false if either is null
	Ge                   // greater or equal; false if either is null
	In                   // the field equals one of the operands
	Contains             // the string holds the operand; false if the field is null
	StartsWith           // the string begins with the operand; false if the field is null
	EndsWith             // the string ends with the operand; false if the field is null
	Has                  // the list has the operand among its items; false if the field is null
)

// An Expr is a typed filter over the records of one collection. Operands have
// the type of their field (Has: of its items), a decimal its scale, too, or are
// null. An Expr is immutable once parsed.
type Expr struct {
	Op     Op
	Kids   []Expr         // of And, Or, Not
	Field  int            // of a comparison: position in the collection's Fields
	Values []record.Value // its operands: one, any number of In
	Claim  string         // in a policy: the claim that supplies the operands, until Bind
}

// A View says which records of a collection, and what of them.
type View struct {
	Collection *schema.Collection
	Filter     Expr
	Fields     []int         // positions of the fields that rows encode, in this order
	As         []string      // the names under which rows encode Fields; nil is their own
	Needs      []int         // positions of the fields whose values rows carry decoded
	Stale      time.Duration // how long before the call the records may be as they were; 0 is not at all
}

// A Key is one field of an order.
type Key struct {
	Field int // position in the collection's Fields
	Desc  bool
}

// A Query asks for one page of a view.
//
// Order is complete: its last key is the id, so no two records are equal in
// it; null sorts first ascending and last descending.
type Query struct {
	View
	Order []Key
	Limit int    // rows in the page at most; at least 1
	After string // the store's cursor of an earlier page of the same query, or empty

	// Keep, if not nil, is asked with the Needs of each row that matches Filter,
	// in order, and rows that it refuses are left out; a store that has to begin
	// anew asks it anew. The page then ends after Scan rows were read, however few
	// were kept.
	Keep func(needs []record.Value) bool
	Scan int
}

// A Measure is what an aggregation computes over a group.
type Measure struct {
	Func  Func
	Field int    // position in the collection's Fields; not used by Count
	As    string // the name of the result
}

// A Func is an aggregate function. All but Count ignore nulls; over nothing
// but nulls they are null.
type Func uint8

// The aggregate functions.
const (
	Count   Func = iota // the number of records, an int
	Sum                 // of an int, float or decimal, in its own type; an overflow is refused
	Average             // of an int, float or decimal, a float
	Minimum             // in the type of the field
	Maximum             // in the type of the field
)

// An Aggregation asks for measures over groups of the records that match.
// Without GroupBy there is exactly one group, also if no record matches.
type Aggregation struct {
	Collection *schema.Collection
	Filter     Expr
	GroupBy    []int // positions of the fields whose values make a group; null is a value
	Measures   []Measure
	Limit      int           // groups at most; more are refused with the code too-many-groups
	Stale      time.Duration // as in [View]
}

// A Group is one result of an aggregation: the values of GroupBy and of the
// Measures, in their order. Groups come in the order of their keys.
type Group struct {
	Keys     []record.Value
	Measures []record.Value
}

// MaxGroups is the most groups that a caller may ask for.
const MaxGroups = 1000
