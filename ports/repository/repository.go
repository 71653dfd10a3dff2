// Package repository is the port to where records are kept. Start at [Store];
// the suite that proves an implementation is in repositorytest.
package repository

import (
	"context"

	"github.com/portolan-io/portolan/core/query"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/core/schema"
)

// A Store keeps records. It knows nothing of callers, policies or references:
// what it is asked is already narrowed and already valid.
//
// A Store is safe for concurrent use. Every error it returns has a fault.Kind,
// except that a done context's error is returned as it is. A method that is
// called with a done context returns its error and does nothing. A Store keeps
// no reference to its arguments, and the caller owns what it returns. After
// Close every method but Close and Capabilities returns fault.Unavailable. Both
// come before any other error, whatever the arguments are.
//
// Get, Find and Aggregate see every Apply and Load that returned before they
// were called, and never a part of an Apply. With Stale they see every one that
// returned as long before, and every one of this Store that touched the
// collection and returned before.
type Store interface {
	// Get returns the records with the given ids that match the view's filter.
	//
	// Rows come in the order of ids; an id that no record has, or only one that
	// does not match, is left out. An id that is given twice is returned once.
	// A row's JSON encodes the view's Fields, its Values are the view's Needs.
	// If As is set, it has the names of the members.
	Get(ctx context.Context, view query.View, ids []record.ID) ([]record.Row, error)

	// Find returns one page of the query, in its order.
	//
	// A page has at most Limit rows. Its Next is the cursor of the page after it;
	// Next is empty if and only if no further record matches Filter. A page may be
	// shorter than Limit, or empty, and still have a Next. A record that no write
	// touches while the pages are read is in exactly one of them. With Stale a write
	// of another Store as long before the first page counts as one meanwhile. A page
	// ends after the row with which its JSON passes MaxPageBytes. A cursor that the
	// store did not make for a query of the same order is fault.Invalid with the code
	// bad-cursor.
	//
	// If Keep is set, rows that it refuses are left out, and the page ends after
	// Scan rows were read.
	Find(ctx context.Context, q query.Query) (Page, error)

	// Aggregate returns the groups of the aggregation, ordered by their keys.
	//
	// Without GroupBy there is exactly one group. More groups than Limit are
	// fault.Refused with the code too-many-groups. A sum that overflows, of ints,
	// decimals or floats, is fault.Refused with the code overflow. Groups whose texts
	// have more than MaxPageBytes octets together are fault.Refused with the code
	// groups-too-large.
	Aggregate(ctx context.Context, a query.Aggregation) ([]query.Group, error)

	// Apply does all mutations of the batch in their order, or none of them.
	//
	// Apply returns one outcome for each mutation. If a mutation's precondition
	// does not hold, Apply returns a *BatchError with its position, and its error
	// is that of Precondition.Check. Of several concurrent writes that ask for the
	// same revision, exactly one succeeds. When Apply returns without an error the
	// batch outlives a crash of the process. If ctx is done before the batch is
	// committed, nothing of it is stored.
	//
	// A batch has at most MaxBatch mutations, else it is fault.TooLarge. No two of
	// its Puts and Deletes are of the same record, else it is fault.Invalid.
	// CheckBatch returns both errors.
	Apply(ctx context.Context, batch []Mutation) ([]Outcome, error)

	// Load puts many records, in order, replacing what has the same id.
	//
	// Load may commit in several transactions. Each of them also applies the
	// mutations that Mark returns for the number of rows it completes, so the mark
	// and the rows are never one without the other. A row whose id is held by a
	// record that this Run stored earlier is not stored but reported as repeated.
	// An unmanaged table may not tell which Run stored a record: there a row whose
	// id came earlier in the same Load is repeated at least, and one that an
	// earlier Load stored may be replaced instead.
	//
	// If a mutation of Mark's fails, its transaction is not stored and Load returns
	// the error of the mutation. If ctx is done, what was committed stays and the
	// rest is not stored. With an error too, Loaded says what was committed. A Load
	// of no rows does nothing, and does not call Mark.
	Load(ctx context.Context, load Load) (Loaded, error)

	// Ensure makes the storage fit the collections.
	//
	// Ensure creates what is missing and adds fields and indexes; it never
	// removes or changes anything, and never alters an unmanaged table. No two
	// managed collections have the same table. If the storage cannot fit that way,
	// Ensure changes nothing and returns fault.Conflict with a Place for every
	// difference. Ensure may be called again and by several processes at once.
	Ensure(ctx context.Context, collections []*schema.Collection) error

	// Capabilities returns what the store can do. It never changes.
	Capabilities() Capabilities

	// Ping returns nil if the store answers.
	Ping(ctx context.Context) error

	// Close lets go of everything the store holds. Calling it again does nothing.
	Close() error
}

// A Page is a part of a query's rows.
type Page struct {
	Rows []record.Row
	Next string // the store's cursor, or empty at the end
}

// MaxPageBytes is how many octets of rows' JSON a page of Find has at most, but
// for its last row: long records do not make a page take all memory.
const MaxPageBytes = 4 << 20

// An Op is what a [Mutation] does.
type Op uint8

// The mutations.
const (
	Put    Op = iota // create or replace the record
	Delete           // remove the record; one that does not exist is no error unless If says so
	Check            // change nothing, but require If, or that no record matches NoneOf
)

// A Mutation is one step of a batch.
type Mutation struct {
	Op         Op
	Collection *schema.Collection
	ID         record.ID
	If         Precondition
	Revision   record.Revision // Put: the revision that the record gets, unless its table makes its own
	Fields     []record.Value  // Put: a value for each field of the collection
	Needs      []int           // positions of the fields whose values, as they were, are wanted

	// NoneOf, of a Check without an ID, requires that no record of the collection
	// matches it; else the batch fails with fault.Conflict and the code referenced.
	NoneOf *query.Expr
}

// An Outcome says what a mutation met and left.
type Outcome struct {
	Existed  bool
	Was      record.Revision // as it was before; empty if the record did not exist
	Values   []record.Value  // of Needs, as they were before; nil if the record did not exist
	Revision record.Revision // as it is now; empty if there is no such record
}

// Capabilities are what a [Store] does itself. What it does not, the core does
// by filtering a bounded scan.
type Capabilities struct {
	// Split divides a query's filter into what the store evaluates and the rest,
	// so that records match the query when they match both. It returns
	// fault.Refused with the code query-needs-index, naming the operator and the
	// store, for an order that it cannot give. A nil Split serves every query.
	//
	// A store with a Split may read no more than MaxScan records of a collection for
	// one call. Find then ends the page with a Next, whatever follows, or refuses the
	// query like Split, and so does Aggregate.
	Split func(q query.Query) (native, rest query.Expr, err error)

	// Durable says that what is stored outlives the process.
	Durable bool

	// Replica says that Stale makes a difference: without it Stale is ignored.
	Replica bool
}
