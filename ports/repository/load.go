package repository

import (
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/core/schema"
)

// A Load is rows to store in bulk.
type Load struct {
	Collection *schema.Collection
	Rows       []record.Record // their revisions begin with Run
	Run        string          // names the import; not empty, and not the beginning of another's

	// Mark, if not nil, returns what to apply with the first n rows of this Load,
	// in the same transaction: a checkpoint, checks. They are applied after those
	// rows, so that a check sees them: rows may refer to one another. Repeated are
	// the positions among those n of the rows not stored, as Loaded has them, so
	// that a checkpoint counts them exactly. Mark returns at most 400 mutations,
	// and may be called more than once for the same n.
	Mark func(n int, repeated []int) []Mutation
}

// Loaded says how far a [Load] came.
type Loaded struct {
	Done     int   // rows completed and committed, from the first
	Repeated []int // positions among those of rows not stored, because their id came before
}
