package policy

import (
	"github.com/portolan-io/portolan/core/schema"
)

type RuleSpec struct{ Where string }

type GrantSpec struct {
	Role                         string
	Read, Create, Update, Delete *RuleSpec
	Hide, ReadOnly               []string
	AllowFrom                    []string
}

func Compile(c *schema.Collection, specs []GrantSpec) (Access, error) { return nil, nil }
func (a Access) For(p Principal, c *schema.Collection, action Action) (Right, bool) {
	return Right{}, false
}
func (p Principal) Claim(name string) (any, bool) { return nil, false }
