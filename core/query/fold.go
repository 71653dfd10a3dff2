package query

import "github.com/portolan-io/portolan/core/record"

type Fold struct{}

func NewFold(a Aggregation) *Fold               { return &Fold{} }
func (f *Fold) Add(fields []record.Value) error { return nil }
func (f *Fold) Groups() ([]Group, error)        { return nil, nil }
