// Package derive computes the fields that a collection derives from others.
package derive

import (
	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/core/schema"
)

type Set struct{}

func Compile(c *schema.Collection) (*Set, error)         { return nil, nil }
func (s *Set) Apply(fields []record.Value) []fault.Place { return nil }
func (s *Set) Positions() []int                          { return nil }
