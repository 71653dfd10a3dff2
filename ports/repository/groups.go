package repository

import (
	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/query"
	"github.com/portolan-io/portolan/core/record"
)

// A GroupSize adds up how many octets the texts of groups have, so that every store
// refuses the same ones.
type GroupSize int

// Add adds one group. It returns the error that the contract asks for once there are
// more than MaxPageBytes octets.
func (s *GroupSize) Add(op string, g query.Group) error {
	for _, values := range [][]record.Value{g.Keys, g.Measures} {
		for _, v := range values {
			*s += GroupSize(len(v.AsString()))
		}
	}
	if *s > MaxPageBytes {
		return fault.New(fault.Refused, op, "the texts of the groups have more than %d octets", MaxPageBytes).
			Coded("groups-too-large").Hinting("group by shorter fields, or filter")
	}
	return nil
}

// CheckGroups returns the error of groups that are too large.
func CheckGroups(op string, groups []query.Group) error {
	var size GroupSize
	for _, g := range groups {
		if err := size.Add(op, g); err != nil {
			return err
		}
	}
	return nil
}
