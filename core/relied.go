package core

import (
	"context"
	"errors"
	"slices"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/policy"
	"github.com/portolan-io/portolan/core/query"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/core/schema"
	"github.com/portolan-io/portolan/ports/repository"
)

// relied returns what a write of who requires beside what it is about: that the API
// key is still there which says who it is, or that the account is as it was, and the
// login is there. It is required by the transaction of the write, so that nothing of
// them is stored behind their revocation. A key that is there is what it was when it
// was made: nobody changes its roles. A login is there until it is ended.
func relied(who policy.Principal) []repository.Mutation {
	switch {
	case who.Local:
		return nil
	case who.Key != "":
		return []repository.Mutation{{Op: repository.Check, Collection: keysSchema, ID: record.ID(who.Key), If: repository.Present}}
	case who.Standing.Revision == "":
		return nil
	}
	account := repository.Mutation{
		Op: repository.Check, Collection: accountsSchema, ID: record.ID(who.Subject), If: repository.At(who.Standing.Revision),
	}
	if who.Standing.Login == "" {
		return []repository.Mutation{account}
	}
	return []repository.Mutation{
		account, {Op: repository.Check, Collection: sessionsSchema, ID: record.ID(who.Standing.Login), If: repository.Present},
	}
}

// reliably does write, whose batch holds in rests what relied returned for who, and
// returns its error as it is without them. An account also changes for reasons that
// revoke nothing, as by another hash of the same password: then rests becomes what it
// is now, and the write is done again.
func (a *API) reliably(ctx context.Context, who policy.Principal, rests []repository.Mutation, write func() error) error {
	for range attempts {
		err := write()
		var failed *repository.BatchError
		switch {
		case len(rests) == 0 || !errors.As(err, &failed):
			return err
		case failed.Index >= len(rests):
			return &repository.BatchError{Index: failed.Index - len(rests), Err: failed.Err}
		}
		if who, err = a.upheld(ctx, who); err != nil {
			return err
		}
		copy(rests, relied(who))
	}
	return busy()
}

// upheld returns who, standing as the account does now, if that still makes of it who it
// is; else the error of its write.
func (a *API) upheld(ctx context.Context, who policy.Principal) (policy.Principal, error) {
	if who.Key != "" {
		_, found, err := a.required(ctx, keysSchema, who.Key)
		if err == nil && !found {
			err = revoked()
		}
		return who, err
	}
	row, found, err := a.required(ctx, accountsSchema, who.Subject, accountRoles, accountGeneration, accountVerified)
	switch {
	case err != nil:
		return who, err
	case !found || row.Values[1].AsInt() != who.Standing.Generation: // which it has another of once it was disabled
		return who, endedMeanwhile()
	case !same(row.Values[0].AsList(), who.Roles),
		who.Claims[verifiedClaim] == true && !row.Values[2].AsBool():
		return who, fault.New(fault.Unauthenticated, "core.write", "the account may do something else by now, and nothing was written").
			Coded("rights-changed").Hinting("ask again, to be judged by what it may do now")
	}
	if who.Standing.Login != "" {
		if _, found, err = a.required(ctx, sessionsSchema, who.Standing.Login); err != nil {
			return who, err
		}
		if !found {
			return who, endedMeanwhile()
		}
	}
	who.Standing.Revision = row.Revision
	return who, nil
}

// same reports whether the roles are those of now, in whatever order. More of them may be
// fewer rights: a field is hidden if one of several row policies hides it.
func same(now []record.Value, roles []string) bool {
	if len(now) != len(roles) {
		return false
	}
	for _, role := range roles {
		if !slices.ContainsFunc(now, func(v record.Value) bool { return v.AsString() == role }) {
			return false
		}
	}
	return true
}

// required returns the fields of the record with the id, and whether it is there.
func (a *API) required(ctx context.Context, from *schema.Collection, id string, needs ...int) (record.Row, bool, error) {
	rows, err := a.store.Get(ctx, query.View{Collection: from, Needs: needs}, []record.ID{record.ID(id)})
	if err != nil || len(rows) == 0 {
		return record.Row{}, false, err
	}
	return rows[0], true, nil
}

// revoked is the error of a write whose key was revoked before it was stored. It has
// no cause, whose kind would have it tried again.
func revoked() error {
	return fault.New(fault.Unauthenticated, "core.write", "the API key is not valid any more, and nothing was written").
		Coded("bad-key")
}

// endedMeanwhile is the error of a write whose login was ended before it was stored, or
// whose account was disabled, deleted or given another password. Like revoked it has no
// cause.
func endedMeanwhile() error {
	return fault.New(fault.Unauthenticated, "core.write", "the login is over, and nothing was written").
		Coded("login-ended").Hinting("log in again")
}
