package core

import (
	"encoding/json"
	"net/netip"

	"github.com/portolan-io/portolan/core/policy"
	"github.com/portolan-io/portolan/core/query"
	"github.com/portolan-io/portolan/core/record"
)

// own fills in who asked for the job, and what it takes to look at the owner's
// rights again. Of an account that is how it stood, and not the login that it came by:
// what was accepted goes on when somebody logs out, and ends with the account, with its
// roles, and when all its logins are ended.
func (j *job) own(fields []record.Value) {
	roles := make([]record.Value, len(j.owner.Roles))
	for i, role := range j.owner.Roles {
		roles[i] = record.String(role)
	}
	fields[jobsIssuer], fields[jobsSubject] = record.String(j.owner.Issuer), record.String(j.owner.Subject)
	fields[jobsRoles], fields[jobsKey] = record.List(roles), orNull(j.owner.Key)
	if standing := j.owner.Standing; standing.Revision != "" {
		fields[jobsStanding], fields[jobsGeneration] = record.String(string(standing.Revision)), record.Int(standing.Generation)
	}
	if j.owner.Address.IsValid() {
		fields[jobsAddress] = record.String(j.owner.Address.String())
	}
	if len(j.owner.Claims) > 0 {
		fields[jobsClaims] = record.JSON(canonicalClaims(j.owner.Claims))
	}
}

// ownerOf returns who asked for the job.
func ownerOf(v []record.Value) policy.Principal {
	if v[jobsIssuer].IsNull() {
		return policy.Principal{Local: true}
	}
	owner := policy.Principal{Issuer: v[jobsIssuer].AsString(), Subject: v[jobsSubject].AsString(), Key: v[jobsKey].AsString()}
	owner.Standing = policy.Standing{Revision: record.Revision(v[jobsStanding].AsString()), Generation: v[jobsGeneration].AsInt()}
	for _, role := range v[jobsRoles].AsList() {
		owner.Roles = append(owner.Roles, role.AsString())
	}
	if text := v[jobsClaims]; !text.IsNull() {
		_ = json.Unmarshal([]byte(text.AsString()), &owner.Claims) // it was written by us; without claims nothing is granted by them
	}
	owner.Address, _ = netip.ParseAddr(v[jobsAddress].AsString()) // it was written by us; null is no address
	return owner
}

// importer returns who, as an import into c takes it: with those claims alone that
// decide which records it may read there, and in the collections that it refers to.
// A job keeps them, and no others, as they may say much about a person.
func (a *API) importer(who policy.Principal, c *collection) policy.Principal {
	claims := make(map[string]any)
	keep := func(access policy.Access) {
		for i := range access {
			if where := access[i].Where[policy.Read]; where != nil {
				keepClaims(claims, who, *where)
			}
		}
	}
	keep(c.access)
	for _, out := range c.outbound {
		keep(a.collections[out.to.Name].access)
	}
	who.Claims = claims
	return who
}

// keepClaims adds the claims of who that the filter names. A claim within others
// is kept under its whole name, by which it is looked up first.
func keepClaims(claims map[string]any, who policy.Principal, where query.Expr) {
	for _, kid := range where.Kids {
		keepClaims(claims, who, kid)
	}
	switch where.Claim {
	case "", "sub", "iss": // the identity itself, which is kept anyway
		return
	}
	if value, ok := who.Claim(where.Claim); ok {
		claims[where.Claim] = value
	}
}

// canonicalClaims returns the claims as canonical JSON. Those that are no JSON, or
// none that is stored, are left out: then nothing is granted by them.
func canonicalClaims(claims map[string]any) string {
	raw, err := json.Marshal(claims)
	if err != nil {
		return "{}"
	}
	text, err := record.Canonical(raw)
	if err != nil {
		return "{}"
	}
	return text
}
