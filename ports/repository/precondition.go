package repository

import (
	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/record"
)

// A Precondition is what must hold of a record for a mutation to be done. The
// zero Precondition always holds.
type Precondition struct {
	want     want
	revision record.Revision
}

type want uint8

const (
	wantAnything want = iota
	wantAbsent
	wantPresent
	wantRevision
)

// The preconditions without a revision.
var (
	Always  = Precondition{}
	Absent  = Precondition{want: wantAbsent}
	Present = Precondition{want: wantPresent}
)

// At returns the precondition that the record exists at the revision.
func At(revision record.Revision) Precondition {
	return Precondition{want: wantRevision, revision: revision}
}

// Revision returns the revision that p asks for, if it asks for one.
func (p Precondition) Revision() (record.Revision, bool) {
	return p.revision, p.want == wantRevision
}

// Check returns the error that the contract asks for when p does not hold of a
// record that exists or not and has the given revision: Absent gives
// fault.Exists, Present fault.NotFound, At fault.Stale.
func (p Precondition) Check(op string, exists bool, current record.Revision) error {
	switch {
	case p.want == wantAbsent && exists:
		return fault.New(fault.Exists, op, "there is a record with this id already")
	case p.want == wantPresent && !exists:
		return fault.New(fault.NotFound, op, "there is no record with this id")
	case p.want == wantRevision && (!exists || current != p.revision):
		return fault.New(fault.Stale, op, "the record has changed since it was read")
	}
	return nil
}
