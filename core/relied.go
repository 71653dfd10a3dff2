package core

import (
	"context"
	"errors"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/policy"
	"github.com/portolan-io/portolan/core/query"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/ports/repository"
)

// relied returns what a write of who requires beside what it is about: that the API
// key is still there which says who it is. It is required by the transaction of the
// write, so that nothing of a key is stored behind its revocation. A key that is there
// is what it was when it was made: nobody changes its roles.
func relied(who policy.Principal) []repository.Mutation {
	if who.Key == "" || who.Local {
		return nil
	}
	return []repository.Mutation{{Op: repository.Check, Collection: keysSchema, ID: record.ID(who.Key), If: repository.Present}}
}

// explainRelied returns the error of a batch that began with the mutations of relied
// as it is without them, or that what they require is gone.
func explainRelied(err error, relied []repository.Mutation) error {
	var failed *repository.BatchError
	switch {
	case len(relied) == 0 || !errors.As(err, &failed):
		return err
	case failed.Index < len(relied):
		return revoked()
	}
	return &repository.BatchError{Index: failed.Index - len(relied), Err: failed.Err}
}

// revoked is the error of a write whose key was revoked before it was stored. It has
// no cause, whose kind would have it tried again.
func revoked() error {
	return fault.New(fault.Unauthenticated, "core.write", "the API key is not valid any more, and nothing was written").
		Coded("bad-key")
}

// stillRelied returns the error of a write that failed because something that it
// requires is not there, or that this is the API key of who.
func (a *API) stillRelied(ctx context.Context, who policy.Principal, err error) error {
	if len(relied(who)) == 0 || !errors.Is(err, fault.NotFound) {
		return err
	}
	rows, failed := a.store.Get(ctx, query.View{Collection: keysSchema}, []record.ID{record.ID(who.Key)})
	if failed == nil && len(rows) == 0 {
		return revoked()
	}
	return err
}
