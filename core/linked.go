package core

import (
	"context"
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"slices"
	"strings"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/policy"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/core/schema"
	"github.com/portolan-io/portolan/ports/repository"
)

// identitiesSchema keeps whose account somebody of a provider is. Its id is made of the
// issuer and the subject, so that of two accounts that are made for one at once only one
// is stored.
var identitiesSchema = system(schema.Spec{
	Name: "_identities",
	ID:   "id",
	Fields: []schema.FieldSpec{
		{Name: "id", Type: "string", Max: "52"},
		{Name: "account", Type: "string", Required: true, Max: "24"},
	},
})

// identityID returns the id of somebody of a provider. Where one part ends is part of it.
func identityID(issuer, subject string) record.ID {
	text := binary.AppendUvarint(nil, uint64(len(issuer)))
	sum := sha256.Sum256(append(append(text, issuer...), subject...))
	return record.ID(strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(sum[:])))
}

// linked reports whether the account is of somebody of a provider, who has no password
// here, and whose e-mail address nobody logs in with.
func (a *Account) linked() bool { return a.Issuer != "" }

// SignIn begins a login of the kind for whom a provider says it is: the account of its
// issuer and subject, which is made if there is none and whoever wants may make one.
//
// An e-mail address finds no account and is kept only if the provider says that it was
// verified. Roles become those of the account, unless they are nil.
func (a *Accounts) SignIn(ctx context.Context, from policy.Principal, kind LoginKind) (Login, error) {
	if from.Issuer == "" || from.Subject == "" || len(from.Issuer) > maxIssuer || len(from.Subject) > maxLinkedSubject {
		return Login{}, fault.New(fault.Forbidden, "core.SignIn", "the provider names nobody").Coded("no-identity")
	}
	if err := vetRoles(from.Roles); err != nil {
		return Login{}, fault.New(fault.Forbidden, "core.SignIn", "the roles that the provider gives cannot be given here").Coded("invalid-role").
			Hinting("whoever runs this server names those that count in role_map")
	}
	for range attempts {
		of, err := a.byIdentity(ctx, from)
		if err != nil {
			return Login{}, err
		}
		if of == nil {
			of, err = a.link(ctx, from)
			if fault.KindOf(err) == fault.Exists {
				continue // somebody was as quick
			}
		} else if of.Disabled {
			return Login{}, disabled()
		} else {
			of, err = a.renewed(ctx, of, from)
		}
		if err != nil {
			return Login{}, err
		}
		return a.begin(ctx, of, kind)
	}
	return Login{}, busy()
}

// byIdentity returns the account of somebody of a provider, nil if there is none.
func (a *Accounts) byIdentity(ctx context.Context, from policy.Principal) (*account, error) {
	row, found, err := a.read(ctx, identitiesSchema, identityID(from.Issuer, from.Subject))
	if err != nil || !found {
		return nil, err
	}
	return a.account(ctx, row.Values[1].AsString())
}

// link stores a new account for somebody of a provider.
func (a *Accounts) link(ctx context.Context, from policy.Principal) (*account, error) {
	if !a.signUp {
		return nil, fault.New(fault.Forbidden, "core.SignIn", "there is no account for whom the provider says it is").Coded("signup-off").
			Hinting("accounts are made at the first sign-in where accounts.signup is open")
	}
	made := &account{Account: Account{ID: randomText(15), Issuer: from.Issuer, Subject: from.Subject, Roles: append([]string{}, from.Roles...)}}
	made.Email = verifiedEmail(from)
	made.Verified = made.Email != ""
	made.Created = a.now()
	made.Changed, made.revision = made.Created, record.NewRevision(a.api.now())
	identity := identityID(from.Issuer, from.Subject)
	_, err := a.api.apply(ctx, []repository.Mutation{
		{
			Op: repository.Put, Collection: identitiesSchema, ID: identity, If: repository.Absent, Revision: record.NewRevision(a.api.now()),
			Fields: []record.Value{record.String(string(identity)), record.String(made.ID)},
		},
		{
			Op: repository.Put, Collection: accountsSchema, ID: record.ID(made.ID), If: repository.Absent,
			Revision: made.revision, Fields: made.fields(),
		},
	}, nil) // nothing is kept of what was not there
	return made, err
}

// renewed returns the account with what the provider says of it today.
func (a *Accounts) renewed(ctx context.Context, of *account, from policy.Principal) (*account, error) {
	email, roles := verifiedEmail(from), from.Roles
	if roles == nil {
		roles = of.Roles
	}
	if of.Email == email && slices.Equal(of.Roles, roles) {
		return of, nil
	}
	return a.edit(ctx, of.ID, func(now *account) error {
		if now.Disabled {
			return disabled()
		}
		now.Email, now.Verified = email, email != ""
		if from.Roles != nil {
			now.Roles = append([]string{}, from.Roles...)
		}
		return nil
	})
}

// verifiedEmail returns the e-mail address that the provider says it verified, empty if
// there is none: anybody could write another's into what nobody verifies.
func verifiedEmail(from policy.Principal) string {
	text, _ := from.Claims["email"].(string)
	if verified, _ := from.Claims["email_verified"].(bool); !verified {
		return ""
	}
	email, err := normalised(text)
	if err != nil {
		return ""
	}
	return email
}
