package core

import (
	"context"

	"github.com/portolan-io/portolan/core/policy"
	"github.com/portolan-io/portolan/core/schema"
)

// A Description is what a caller may know of a collection: its schema, and what
// it may do there.
type Description struct {
	Collection *schema.Collection
	Rights     [len(policy.Actions)]*policy.Right // by action; nil if it may not
	Imports    bool                               // whether it may import there
	Deprecated *Deprecation                       // nil: it is there to stay
	Directives bool                               // whether its Directives count there
}

// Collections describes the collections that the caller may do anything with,
// in the order of the configuration.
func (a *API) Collections(_ context.Context, who policy.Principal) []Description {
	var descriptions []Description
	for i, c := range a.order {
		d := Description{Collection: c.Collection, Deprecated: a.served[i].Deprecated}
		allowed := false
		for _, action := range policy.Actions {
			if right, ok := c.access.For(who, c.Collection, action); ok && (c.Base == nil || action == policy.Read) {
				d.Rights[action] = &right
				allowed = true
			}
		}
		d.Directives = c.stored().caching.Directives.Include(who)
		_, forbidden := a.importGate(who, c.Name)
		d.Imports = forbidden == nil
		if allowed {
			descriptions = append(descriptions, d)
		}
	}
	return descriptions
}
