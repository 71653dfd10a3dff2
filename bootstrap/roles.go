package bootstrap

import (
	"fmt"
	"slices"

	"github.com/portolan-io/portolan/core/policy"
)

// roles returns the roles that the collections grant something to, in
// alphabetical order, without those that nobody is given.
func (s *settings) roles() []string {
	var roles []string
	for _, entry := range s.Collections {
		for _, role := range entry.Value.Access.names() {
			if role != policy.Anonymous && role != policy.Authenticated && !slices.Contains(roles, role) {
				roles = append(roles, role)
			}
		}
	}
	slices.Sort(roles)
	return roles
}

// warnOfRoles says on standard error which of the roles no collection grants
// anything to. That is no mistake: a role may be for another configuration.
func (p *program) warnOfRoles(s *settings, roles []string) {
	known := s.roles()
	for _, role := range roles {
		if role != policy.Anonymous && role != policy.Authenticated && !slices.Contains(known, role) {
			fmt.Fprintf(p.err, "warning: no collection grants anything to the role %s%s\n", role, unknown(role, "the roles", known))
		}
	}
}

// warnOfHolder is warnOfRoles for a credential, which may have no role at all.
func (p *program) warnOfHolder(s *settings, what string, h holder) {
	if len(h.roles) == 0 {
		fmt.Fprintf(p.err, "warning: %s has no role, and may do only what %s may; give it one with --role\n", what, policy.Authenticated)
	}
	p.warnOfRoles(s, h.roles)
}
