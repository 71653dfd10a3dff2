package repository

import (
	"fmt"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/record"
)

// MaxBatch is the most mutations in one Apply: the weakest store's limit.
const MaxBatch = 500

// A BatchError is why a batch was not applied. It unwraps to Err.
type BatchError struct {
	Index int // position of the mutation that failed
	Err   error
}

func (e *BatchError) Error() string { return fmt.Sprintf("mutation %d: %v", e.Index, e.Err) }

// Unwrap returns the error of the mutation.
func (e *BatchError) Unwrap() error { return e.Err }

// CheckBatch returns the error that the contract asks for when a batch is not
// one that Apply takes, whatever is stored: fault.TooLarge if there is too much
// of it, and a *BatchError with fault.Invalid if a mutation puts or deletes
// what an earlier one does already.
func CheckBatch(op string, batch []Mutation) error {
	if len(batch) > MaxBatch {
		return fault.New(fault.TooLarge, op, "a batch has at most %d mutations, and this one has %d",
			MaxBatch, len(batch)).Coded("batch-too-large")
	}
	type name struct {
		collection string
		id         record.ID
	}
	var written map[name]bool
	for i, m := range batch {
		if m.Op == Check || len(batch) == 1 {
			continue
		}
		n := name{m.Collection.Name, m.ID}
		if written[n] {
			err := fault.New(fault.Invalid, op, "a batch writes the same record of %s twice", n.collection)
			return &BatchError{Index: i, Err: err.Coded("duplicate-record")}
		}
		if written == nil {
			written = make(map[name]bool, len(batch))
		}
		written[n] = true
	}
	return nil
}
