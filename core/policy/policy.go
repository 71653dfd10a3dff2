// Package policy says who may do what: principals, the grants that a
// collection gives to roles, and what is left of them for one caller. Start at
// [Principal] and [Access].
package policy

import (
	"net/netip"
	"slices"
	"time"

	"github.com/portolan-io/portolan/core/query"
	"github.com/portolan-io/portolan/core/record"
)

// A Principal is who asks. Its identity is (Issuer, Subject), never an e-mail
// address. The zero Principal is nobody: it has the role [Anonymous] alone.
type Principal struct {
	Issuer  string
	Subject string
	Roles   []string       // without Anonymous and Authenticated, which are implied
	Claims  map[string]any // as the credential gave them: string, float64, bool, nil, []any, map[string]any
	Address netip.Addr     // where the request came from; invalid if from this process
	Expires time.Time      // when the credential ends; zero if it does not
	Key     string         // the id of the API key that it shows; empty if it shows none
	Local   bool           // the process itself acts, at its operator's command: everything is allowed; no credential gives it

	Standing Standing `json:"-"` // how its account stood; zero if it is of no account of this server
}

// A Standing is how the account of a principal stood when it was judged who asks, and by
// what: what a write by it requires to be so still. It is for nobody to see.
type Standing struct {
	Revision   record.Revision // of the record of the account
	Generation int64           // of the account: logins of an earlier one are over
	Login      string          // the id of the login; empty if a password was shown, or nothing any more
}

// Roles that nobody is given, because they follow from being here or signed in.
const (
	Anonymous     = "anonymous"     // everybody
	Authenticated = "authenticated" // everybody with a credential
)

// Known reports whether somebody asks, rather than nobody.
func (p Principal) Known() bool { return p.Subject != "" }

// Has reports whether the principal has the role, implied ones included.
func (p Principal) Has(role string) bool {
	switch role {
	case Anonymous:
		return true
	case Authenticated:
		return p.Known()
	}
	return slices.Contains(p.Roles, role)
}

// An Action is something that may be done with the records of a collection.
type Action uint8

// The actions.
const (
	Read Action = iota
	Create
	Update
	Delete
)

// Actions lists every action.
var Actions = [...]Action{Read, Create, Update, Delete}

// String returns the name of a as configurations write it.
func (a Action) String() string { return [...]string{"read", "create", "update", "delete"}[a] }

// A Grant is what one role may do with one collection. It is immutable.
type Grant struct {
	Role      string
	Where     [len(Actions)]*query.Expr // by action: the rows it may be done with; nil if none
	Hide      []bool                    // by field: not to be seen, filtered, sorted or counted by
	ReadOnly  []bool                    // by field: not to be written
	AllowFrom []netip.Prefix            // addresses it is valid from; empty is everywhere
}

// Access is all that a collection grants, to whatever role. It is immutable.
type Access []Grant

// A Right is what is left of an [Access] for one principal and one action: the
// rows and the fields. A Right is what the gate narrows queries with.
type Right struct {
	Where    query.Expr // with the claims put in
	Hidden   []bool     // by field
	ReadOnly []bool     // by field
}
