package policy

import (
	"net/netip"

	"github.com/portolan-io/portolan/core/query"
	"github.com/portolan-io/portolan/core/schema"
)

// For returns what p may do of the kind with the records of c, and false if it
// may do nothing of the kind at all.
//
// Roles are a union. A grant counts if p has its role, it allows the action, it
// is valid from p's address, and p has the claims that its row filter names
// with values that leave any row; a grant that does not count takes nothing
// from another.
//
//   - Rows: those of any grant that counts. One without a row filter gives all.
//   - Fields, if some grants have no row filter: what any of these shows, because
//     each of them shows it on every row.
//   - Fields, if every grant has a row filter: what all of them show. A field that
//     only some show would have to be masked in the rows of the others, and
//     nothing is masked after the read.
//   - Writable fields follow the rule of fields.
//
// The process itself, a Local principal, may do everything. An address that is
// not valid is this process, and every grant is valid from there.
func (a Access) For(p Principal, c *schema.Collection, action Action) (Right, bool) {
	if p.Local {
		none := noneOf(c)
		return Right{Hidden: none, ReadOnly: none}, true
	}
	var everywhere, somewhere Right // of the grants without and with a row filter
	var unfiltered, filtered int
	none := noneOf(c)
	for i := range a {
		g := &a[i]
		if g.Where[action] == nil || !p.Has(g.Role) || !g.validFrom(p.Address) {
			continue
		}
		where, ok := query.Bind(*g.Where[action], c, p.Claim)
		switch {
		case !ok || where.Op == query.None:
		case where.Op == query.All:
			everywhere.Hidden = join(everywhere.Hidden, g.Hide, none, both)
			everywhere.ReadOnly = join(everywhere.ReadOnly, g.ReadOnly, none, both)
			unfiltered++
		default:
			somewhere.Hidden = join(somewhere.Hidden, g.Hide, none, either)
			somewhere.ReadOnly = join(somewhere.ReadOnly, g.ReadOnly, none, either)
			if filtered == 0 {
				somewhere.Where = where
			} else {
				somewhere.Where = query.AnyOf(somewhere.Where, where)
			}
			filtered++
		}
	}
	if unfiltered > 0 {
		return everywhere, true
	}
	return somewhere, filtered > 0
}

// validFrom reports whether the grant counts for requests from the address.
func (g *Grant) validFrom(address netip.Addr) bool {
	if len(g.AllowFrom) == 0 || !address.IsValid() {
		return true
	}
	address = address.Unmap().WithZone("")
	for _, prefix := range g.AllowFrom {
		if prefix.Contains(address) {
			return true
		}
	}
	return false
}

// nothing says of each of as many fields as collections usually have that it is
// not meant.
var nothing = [...]bool{255: false}

// noneOf returns, by field, that it is not meant. Nobody changes it.
func noneOf(c *schema.Collection) []bool {
	if n := len(c.Fields); n <= len(nothing) {
		return nothing[:n:n]
	}
	return make([]bool, len(c.Fields))
}

func both(a, b bool) bool   { return a && b }
func either(a, b bool) bool { return a || b }

// join returns, by field, what of so far and more says. The first is more
// itself; none stands for a list that is nil.
func join(soFar, more, none []bool, of func(a, b bool) bool) []bool {
	if more == nil {
		more = none
	}
	if soFar == nil || len(more) > 0 && &soFar[0] == &more[0] {
		return more
	}
	joined := make([]bool, len(more))
	for i := range more {
		joined[i] = of(soFar[i], more[i])
	}
	return joined
}
