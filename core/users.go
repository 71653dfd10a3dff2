package core

import (
	"cmp"
	"context"
	"crypto/hmac"
	"slices"
	"strings"
	"time"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/password"
	"github.com/portolan-io/portolan/core/policy"
	"github.com/portolan-io/portolan/core/query"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/core/schema"
	"github.com/portolan-io/portolan/ports/repository"
)

// CodeFor is how long a code is good with which a password is set.
const CodeFor = 24 * time.Hour

// codesSchema keeps codes with which something may be done once. A code itself is not
// among the fields, but an HMAC of it.
var codesSchema = system(schema.Spec{
	Name: "_codes",
	ID:   "id",
	Fields: []schema.FieldSpec{
		{Name: "id", Type: "string", Max: "16"},
		{Name: "account", Type: "string", Required: true, Max: "24"},
		{Name: "generation", Type: "int", Required: true},
		{Name: "purpose", Type: "string", Required: true, Enum: []string{forPassword, forAddress}},
		{Name: "hash", Type: "bytes", Required: true, Max: "32"},
		{Name: "expires", Type: "time", Required: true},
	},
	Indexes: [][]string{{"expires"}},
})

// What a code is for.
const (
	forPassword = "password" // setting a password
	forAddress  = "address"  // showing that an address is one's own
)

// Positions of codesSchema's fields.
const (
	codeID = iota
	codeAccount
	codeGeneration
	codePurpose
	codeHash
	codeExpires
)

// CreateUser makes an account without a password, and returns it with a code with which
// a password is set once. The code is shown this once and kept nowhere. Only the
// operator may.
func (a *Accounts) CreateUser(ctx context.Context, who policy.Principal, email string, roles []string) (Account, string, error) {
	if err := operator(who, "make an account"); err != nil {
		return Account{}, "", err
	}
	email, err := normalised(email)
	if err != nil {
		return Account{}, "", err
	}
	if err := vetRoles(roles); err != nil {
		return Account{}, "", err
	}
	made := &account{Account: Account{Email: email, Roles: append([]string{}, roles...)}}
	if err := a.create(ctx, made); err != nil {
		return Account{}, "", err
	}
	code, err := a.newCode(ctx, made, forPassword)
	return made.Account, code, err
}

// IssueCode returns another code with which a password is set once, for the account of
// the address. Only the operator may.
func (a *Accounts) IssueCode(ctx context.Context, who policy.Principal, email string) (string, error) {
	if err := operator(who, "make a code"); err != nil {
		return "", err
	}
	of, err := a.user(ctx, email)
	if err != nil {
		return "", err
	}
	if of.linked() {
		return "", noPassword()
	}
	return a.newCode(ctx, of, forPassword)
}

// newCode stores and returns a code for the account. A password that is set, by this
// code or otherwise, ends all codes that are older.
func (a *Accounts) newCode(ctx context.Context, of *account, purpose string) (string, error) {
	id := randomText(10)
	code := "ptc_" + id + "_" + randomText(20)
	hash, err := hashKey(ctx, a.api.pepper, code)
	if err != nil {
		return "", err
	}
	_, err = a.api.apply(ctx, []repository.Mutation{{
		Op: repository.Put, Collection: codesSchema, ID: record.ID(id), If: repository.Absent, Revision: record.NewRevision(a.api.now()),
		Fields: []record.Value{
			codeID: record.String(id), codeAccount: record.String(of.ID), codeGeneration: record.Int(of.generation), codePurpose: record.String(purpose),
			codeHash: record.Bytes(hash), codeExpires: record.Time(a.now().Add(CodeFor)),
		},
	}}, nil)
	return code, err
}

// SetPassword sets the password of the account that the code is for, ends all its
// logins, and uses the code up. Whoever has the code has what was sent to the address.
func (a *Accounts) SetPassword(ctx context.Context, who policy.Principal, code, next string) error {
	if err := password.Check(next); err != nil {
		return err
	}
	if err := a.attempt(ctx, who, ""); err != nil {
		return err
	}
	row, err := a.code(ctx, code, forPassword)
	if err != nil {
		return err
	}
	hash, err := a.hasher.Hash(ctx, next)
	if err != nil {
		return err
	}
	_, err = a.edit(ctx, row.Values[codeAccount].AsString(), func(now *account) error {
		if now.Disabled || now.generation != row.Values[codeGeneration].AsInt() {
			return badCode()
		}
		now.hash, now.generation, now.Verified = hash, now.generation+1, true
		return nil
	}, repository.Mutation{Op: repository.Delete, Collection: codesSchema, ID: row.ID, If: repository.At(row.Revision)})
	if lost(err, 1) || fault.KindOf(err) == fault.NotFound {
		return badCode() // it was used at the same time, or the account is gone
	}
	return err
}

// code returns the row of a code that is right, for the purpose, and not over.
func (a *Accounts) code(ctx context.Context, text, purpose string) (record.Row, error) {
	prefix, rest, _ := strings.Cut(text, "_")
	id, _, complete := strings.Cut(rest, "_")
	if prefix != "ptc" || !complete || len(id) != 16 || len(text) > 100 {
		return record.Row{}, badCode()
	}
	hash, err := hashKey(ctx, a.api.pepper, text)
	if err != nil {
		return record.Row{}, err
	}
	row, found, err := a.read(ctx, codesSchema, record.ID(id))
	if err != nil {
		return record.Row{}, err
	}
	if !found || row.Values[codePurpose].AsString() != purpose || !hmac.Equal([]byte(row.Values[codeHash].AsString()), hash) || !a.now().Before(row.Values[codeExpires].AsTime()) {
		return record.Row{}, badCode()
	}
	return row, nil
}

func badCode() error {
	return fault.New(fault.Unauthenticated, "core.SetPassword", "the code is wrong, was used or is over, or does not go with the password").Coded("bad-code").
		Hinting("ask for another one")
}

// Users returns all accounts, by their addresses. Only the operator may ask.
func (a *Accounts) Users(ctx context.Context, who policy.Principal) ([]Account, error) {
	if err := operator(who, "list accounts"); err != nil {
		return nil, err
	}
	q := query.Query{
		View:  query.View{Collection: accountsSchema, Needs: accountsSchema.All()},
		Order: []query.Key{{Field: accountID}},
		Limit: MaxFirst,
	}
	all := []Account{}
	for {
		page, err := a.api.store.Find(ctx, q)
		if err != nil {
			return nil, err
		}
		for _, row := range page.Rows {
			all = append(all, accountOf(row).Account)
		}
		if q.After = page.Next; q.After == "" {
			slices.SortFunc(all, func(x, y Account) int { return cmp.Compare(x.Email, y.Email) })
			return all, nil
		}
	}
}

// SetRoles gives the account of the address these roles and no others. Only the
// operator may.
func (a *Accounts) SetRoles(ctx context.Context, who policy.Principal, email string, roles []string) (Account, error) {
	if err := vetRoles(roles); err != nil && who.Local {
		return Account{}, err
	}
	return a.change(ctx, who, "give roles", email, func(now *account) { now.Roles = append([]string{}, roles...) })
}

// SetDisabled disables the account of the address, which ends all its logins, or
// enables it again. Only the operator may.
func (a *Accounts) SetDisabled(ctx context.Context, who policy.Principal, email string, disabled bool) (Account, error) {
	return a.change(ctx, who, "disable an account", email, func(now *account) {
		if disabled && !now.Disabled {
			now.generation++
		}
		now.Disabled = disabled
	})
}

// change edits the account of the address for the operator.
func (a *Accounts) change(ctx context.Context, who policy.Principal, what, email string, change func(*account)) (Account, error) {
	if err := operator(who, what); err != nil {
		return Account{}, err
	}
	of, err := a.user(ctx, email)
	if err != nil {
		return Account{}, err
	}
	changed, err := a.edit(ctx, of.ID, func(now *account) error { change(now); return nil })
	if err != nil {
		return Account{}, err
	}
	return changed.Account, nil
}

// DeleteUser removes the account of the address, and with it all its logins. Only the
// operator may.
func (a *Accounts) DeleteUser(ctx context.Context, who policy.Principal, email string) error {
	if err := operator(who, "delete an account"); err != nil {
		return err
	}
	of, err := a.user(ctx, email)
	if err != nil {
		return err
	}
	found := repository.Mutation{Op: repository.Delete, Collection: addressesSchema, ID: addressID(of.Email)}
	if of.linked() {
		found = repository.Mutation{Op: repository.Delete, Collection: identitiesSchema, ID: identityID(of.Issuer, of.Subject)}
	}
	return a.fenced(ctx, accountsSchema, record.ID(of.ID), []repository.Mutation{
		{Op: repository.Delete, Collection: accountsSchema, ID: record.ID(of.ID)}, found,
	})
}

// user returns the account of the address for the operator, or that with the id: those of
// people who sign in elsewhere are found by no address.
func (a *Accounts) user(ctx context.Context, email string) (*account, error) {
	if len(email) == 24 && !strings.Contains(email, "@") {
		of, err := a.account(ctx, email)
		if of != nil || err != nil {
			return of, err
		}
	}
	email, err := normalised(email)
	if err != nil {
		return nil, err
	}
	of, err := a.byEmail(ctx, email)
	if err == nil && of == nil {
		return nil, fault.New(fault.NotFound, "core.accounts", "there is no account with this e-mail address").Coded("unknown-account")
	}
	return of, err
}
