package query

import (
	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/schema"
)

type Names struct {
	Collection *schema.Collection
	Hidden     []bool
	Claims     bool
}

const (
	MaxURLBytes  = 4 << 10
	MaxBodyBytes = 64 << 10
)

func Parse(text string, names Names, maxBytes int) (Expr, error) {
	return Expr{}, fault.New(fault.Unsupported, "query.Parse", "under way")
}
func ParseOrder(text string, names Names) ([]Key, error)       { return nil, nil }
func ParseSelect(text string, names Names) ([]int, error)      { return nil, nil }
func ParseApply(text string, names Names) (Aggregation, error) { return Aggregation{}, nil }
func (e Expr) Text(c *schema.Collection) string                { return "" }
func (v View) Canonical() string                               { return "" }
func (q Query) Canonical() string                              { return "" }
