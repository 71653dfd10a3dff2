package core

import (
	"context"
	"crypto/sha256"
	"encoding/base32"
	"errors"
	"net/mail"
	"slices"
	"strings"
	"time"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/policy"
	"github.com/portolan-io/portolan/core/query"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/core/schema"
	"github.com/portolan-io/portolan/ports/repository"
)

// AccountsCollection is the name of the collection of accounts, of which a cache keeps
// who they are.
const AccountsCollection = "_accounts"

// accountsSchema keeps accounts.
var accountsSchema = system(schema.Spec{
	Name: AccountsCollection,
	ID:   "id",
	Fields: []schema.FieldSpec{
		{Name: "id", Type: "string", Max: "24"},
		{Name: "email", Type: "string", Required: true, Max: "254"},
		{Name: "hash", Type: "string", Max: "255"},
		{Name: "roles", Type: "list", Items: "string"},
		{Name: "disabled", Type: "bool", Required: true},
		{Name: "verified", Type: "bool", Required: true},
		{Name: "generation", Type: "int", Required: true},
		{Name: "created", Type: "time", Required: true},
		{Name: "changed", Type: "time", Required: true},
		{Name: "issuer", Type: "string", Max: "500"},
		{Name: "subject", Type: "string", Max: "255"},
	},
})

// Positions of accountsSchema's fields.
const (
	accountID = iota
	accountEmail
	accountHash
	accountRoles
	accountDisabled
	accountVerified
	accountGeneration
	accountCreated
	accountChanged
	accountIssuer
	accountSubject
)

// The most octets of who somebody is at a provider.
const (
	maxIssuer        = 500
	maxLinkedSubject = 255
)

// addressesSchema keeps whose account an e-mail address is. Its id is made of the
// address, so that of two accounts that are made for one at once only one is stored.
var addressesSchema = system(schema.Spec{
	Name: "_addresses",
	ID:   "id",
	Fields: []schema.FieldSpec{
		{Name: "id", Type: "string", Max: "52"},
		{Name: "account", Type: "string", Required: true, Max: "24"},
	},
})

// account is an Account as it is stored.
type account struct {
	Account
	hash       string // empty until a password is set
	generation int64  // logins of an earlier one are over
	revision   record.Revision
}

// normalised returns the address as accounts are told apart by: in lower case. Only
// ASCII is taken: other letters look like these, and whoever has an address that looks
// like another's must not be sent what is meant for that.
func normalised(email string) (string, error) {
	parsed, err := mail.ParseAddress(email)
	ascii := !strings.ContainsFunc(email, func(r rune) bool { return r <= ' ' || r >= 0x7f })
	if err != nil || !ascii || parsed.Address != email || len(email) > 254 {
		return "", fault.New(fault.Invalid, "core.accounts", "this is no e-mail address").Coded("bad-email").
			Hinting("write it as in ann@example.com, in ASCII; a domain with other letters as in xn--bcher-kva.example")
	}
	return strings.ToLower(email), nil
}

// addressID returns the id of the address, which has been normalised.
func addressID(email string) record.ID {
	sum := sha256.Sum256([]byte(email))
	return record.ID(strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(sum[:])))
}

func (a *account) fields() []record.Value {
	roles := make([]record.Value, len(a.Roles))
	for i, role := range a.Roles {
		roles[i] = record.String(role)
	}
	fields := []record.Value{
		accountID: record.String(a.ID), accountEmail: record.String(a.Email), accountHash: record.Null, accountRoles: record.List(roles),
		accountDisabled: record.Bool(a.Disabled), accountVerified: record.Bool(a.Verified), accountGeneration: record.Int(a.generation),
		accountCreated: record.Time(a.Created), accountChanged: record.Time(a.Changed),
		accountIssuer: record.Null, accountSubject: record.Null,
	}
	for field, text := range map[int]string{accountHash: a.hash, accountIssuer: a.Issuer, accountSubject: a.Subject} {
		if text != "" {
			fields[field] = record.String(text)
		}
	}
	return fields
}

func accountOf(row record.Row) *account {
	v := row.Values
	a := &account{revision: row.Revision, hash: v[accountHash].AsString(), generation: v[accountGeneration].AsInt()}
	a.ID, a.Email, a.Roles = v[accountID].AsString(), v[accountEmail].AsString(), []string{}
	for _, role := range v[accountRoles].AsList() {
		a.Roles = append(a.Roles, role.AsString())
	}
	a.Disabled, a.Verified = v[accountDisabled].AsBool(), v[accountVerified].AsBool()
	a.Issuer, a.Subject = v[accountIssuer].AsString(), v[accountSubject].AsString()
	a.Created, a.Changed = v[accountCreated].AsTime(), v[accountChanged].AsTime()
	return a
}

// read returns the one row with the id, if it is there.
func (a *Accounts) read(ctx context.Context, from *schema.Collection, id record.ID) (record.Row, bool, error) {
	rows, err := a.api.store.Get(ctx, query.View{Collection: from, Needs: from.All()}, []record.ID{id})
	if err != nil || len(rows) == 0 {
		return record.Row{}, false, err
	}
	return rows[0], true, nil
}

// account returns the account as it is stored now, nil if there is none.
func (a *Accounts) account(ctx context.Context, id string) (*account, error) {
	row, found, err := a.read(ctx, accountsSchema, record.ID(id))
	if err != nil || !found {
		return nil, err
	}
	return accountOf(row), nil
}

// byEmail returns the account of the address, nil if there is none. It asks the store
// as much in either case.
func (a *Accounts) byEmail(ctx context.Context, email string) (*account, error) {
	row, found, err := a.read(ctx, addressesSchema, addressID(email))
	if err != nil {
		return nil, err
	}
	id := "nobody"
	if found {
		id = row.Values[1].AsString()
	}
	return a.account(ctx, id)
}

// create stores a new account. It returns fault.Exists if the address has one.
func (a *Accounts) create(ctx context.Context, made *account, also ...repository.Mutation) error {
	made.ID, made.Created = randomText(15), a.now()
	made.Changed, made.revision = made.Created, record.NewRevision(a.api.now())
	address := addressID(made.Email)
	batch := append([]repository.Mutation{
		{
			Op: repository.Put, Collection: addressesSchema, ID: address, If: repository.Absent, Revision: record.NewRevision(a.api.now()),
			Fields: []record.Value{record.String(string(address)), record.String(made.ID)},
		},
		{
			Op: repository.Put, Collection: accountsSchema, ID: record.ID(made.ID), If: repository.Absent,
			Revision: made.revision, Fields: made.fields(),
		},
	}, also...)
	_, err := a.api.apply(ctx, batch, nil) // nothing is kept of what was not there
	if fault.KindOf(err) == fault.Exists {
		return fault.New(fault.Exists, "core.accounts", "there is an account with this e-mail address already").
			Coded("account-exists").Because(err)
	}
	return err
}

// edit changes an account, and does what else is given in the same batch. Whoever
// asks after it returned, on whichever instance, is judged by what it left. An account
// that is not there is fault.NotFound.
func (a *Accounts) edit(ctx context.Context, id string, change func(*account) error, also ...repository.Mutation) (*account, error) {
	for range attempts {
		now, err := a.account(ctx, id)
		if err != nil {
			return nil, err
		}
		if now == nil {
			return nil, fault.New(fault.NotFound, "core.accounts", "there is no such account").Coded("unknown-account")
		}
		if err := change(now); err != nil {
			return nil, err
		}
		was := now.revision
		now.Changed, now.revision = a.now(), record.NewRevision(a.api.now())
		batch := append([]repository.Mutation{{
			Op: repository.Put, Collection: accountsSchema, ID: record.ID(id), If: repository.At(was),
			Revision: now.revision, Fields: now.fields(),
		}}, also...)
		if err = a.fenced(ctx, accountsSchema, record.ID(id), batch); err == nil || !lost(err, 0) {
			return now, err
		}
	}
	return nil, busy()
}

// lost reports whether the batch failed because somebody else wrote what its mutation
// at the index is about.
func lost(err error, index int) bool {
	var failed *repository.BatchError
	return errors.As(err, &failed) && failed.Index == index && fault.KindOf(err) == fault.Stale
}

// fenced does a batch that changes one record of which a cache may keep something.
func (a *Accounts) fenced(ctx context.Context, c *schema.Collection, id record.ID, batch []repository.Mutation) error {
	write := func(witness []repository.Mutation) error {
		_, err := a.api.apply(ctx, batch, witness)
		return err
	}
	if a.api.cache == nil {
		return write(nil)
	}
	return fenced(ctx, a.api.cache, c.Name, []string{recordTag(id)}, write)
}

// now returns the time in the precision of what is stored.
func (a *Accounts) now() time.Time { return a.api.now().UTC().Truncate(time.Microsecond) }

// vetRoles returns an error if one of the roles cannot be given.
func vetRoles(roles []string) error {
	for _, role := range roles {
		switch {
		case role == policy.Anonymous || role == policy.Authenticated:
			return fault.New(fault.Invalid, "core.accounts", "the role %s is implied and never given", role).Coded("invalid-role")
		case role == "" || len(role) > 100:
			return fault.New(fault.Invalid, "core.accounts", "a role has 1 to 100 octets").Coded("invalid-role")
		}
	}
	if len(slices.Compact(slices.Sorted(slices.Values(roles)))) != len(roles) {
		return fault.New(fault.Invalid, "core.accounts", "a role is given twice").Coded("invalid-role")
	}
	return nil
}
