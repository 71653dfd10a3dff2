package core

import (
	"context"

	"github.com/portolan-io/portolan/core/policy"
)

// May returns why the caller may do nothing of the kind in the collection, or
// nil. It is the gate alone, for those who would otherwise read a long body
// from a stranger; what it lets pass the method itself may still refuse.
func (a *API) May(_ context.Context, who policy.Principal, collection string, action policy.Action) error {
	_, _, err := a.gate(who, collection, action)
	return err
}

// MayImport returns why the caller may not import into the collection, or nil.
// It is the gate of [API.Import] alone.
func (a *API) MayImport(_ context.Context, who policy.Principal, collection string) error {
	_, err := a.importGate(who, collection)
	return err
}
