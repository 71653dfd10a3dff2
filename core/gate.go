package core

import (
	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/policy"
)

// gate is the first line of every method: it finds the collection and what who
// may do there. Who may do nothing of the kind is refused here, before anything
// is read: nobody with fault.Unauthenticated, somebody with fault.Forbidden.
func (a *API) gate(who policy.Principal, name string, action policy.Action) (*collection, policy.Right, error) {
	c := a.collections[name]
	if c == nil {
		return nil, policy.Right{}, a.unknown(who, name)
	}
	if c.Base != nil && action != policy.Read {
		return nil, policy.Right{}, a.readOnly(who, c, action)
	}
	right, ok := c.access.For(who, c.Collection, action)
	if !ok {
		return nil, policy.Right{}, refused(who, action.String()+" "+name)
	}
	return c, right, nil
}

// operator is the gate of what only the process's own operator may do.
func operator(who policy.Principal, what string) error {
	if who.Local {
		return nil
	}
	return refused(who, what)
}

func refused(who policy.Principal, what string) error {
	if !who.Known() {
		return fault.New(fault.Unauthenticated, "core.gate", "to %s needs a credential", what).
			Hinting("send a bearer token in Authorization or a key in X-API-Key")
	}
	return fault.New(fault.Forbidden, "core.gate", "you may not %s", what)
}

// unknown is the error for a collection that is not there. It names what is
// near only if the caller may read it.
func (a *API) unknown(who policy.Principal, name string) error {
	err := fault.New(fault.NotFound, "core.gate", "there is no collection of this name").Coded("unknown-collection")
	var readable []string
	for _, c := range a.order {
		if _, ok := c.access.For(who, c.Collection, policy.Read); ok {
			readable = append(readable, c.Name)
		}
	}
	if near := fault.Nearest(name, readable); near != "" {
		return err.Hinting("did you mean %s?", near)
	}
	return err
}

// rights are what a caller may do with a record that it names: each right, and
// whether it has it at all.
type rights struct {
	read, create, update, remove policy.Right
	reads, creates               bool
}

// alongside completes the right that the gate gave for one action with those
// for reading and creating, which decide what the caller sees of a write.
func (c *collection) alongside(who policy.Principal, action policy.Action, right policy.Right) rights {
	var all rights
	all.read, all.reads = c.access.For(who, c.Collection, policy.Read)
	all.create, all.creates = c.access.For(who, c.Collection, policy.Create)
	switch action {
	case policy.Update:
		all.update = right
	case policy.Delete:
		all.remove = right
	}
	return all
}
