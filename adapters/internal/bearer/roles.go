package bearer

import (
	"maps"
	"slices"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/policy"
)

// Roles returns the roles that a claim holds: a list of texts, or one text. Each
// is a role as it is if renamed is nil; else it is what renamed has for it, and
// what renamed does not have is none. The roles that follow from being here or
// signed in are none that an issuer could give.
func (v *Verifier) Roles(claim any, renamed map[string]string) ([]string, error) {
	list, ok := claim.([]any)
	switch claim.(type) {
	case nil:
		return nil, nil
	case string:
		list, ok = []any{claim}, true
	}
	var roles []string
	for _, item := range list {
		role, text := item.(string)
		ok = ok && text
		if renamed != nil {
			role = renamed[role]
		}
		if role != "" && !implied(role) && !slices.Contains(roles, role) {
			roles = append(roles, role)
		}
	}
	if !ok {
		return nil, v.Refuse("token-roles", "the roles of the token are not a list of names")
	}
	return roles, nil
}

func implied(role string) bool { return role == policy.Anonymous || role == policy.Authenticated }

// CheckRoles returns an error if a setting of the given name gives what is no
// role.
func CheckRoles(op, setting string, renamed map[string]string) error {
	for _, from := range slices.Sorted(maps.Keys(renamed)) {
		if role := renamed[from]; role == "" || implied(role) {
			return fault.New(fault.Invalid, op, "%s gives %q the role %q, which nobody is given", setting, from, role).
				Hinting("name a role that collections grant something to")
		}
	}
	return nil
}

// Union returns the roles of both, each once.
func Union(roles, more []string) []string {
	for _, role := range more {
		if !slices.Contains(roles, role) {
			roles = append(roles, role)
		}
	}
	return roles
}
